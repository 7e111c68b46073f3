/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/grammar_check.h"

/*
 * An element is open when its rule can come to it without consuming anything. Opening a call adds
 * an edge "begins with" between two rules; behind the call it goes on only where the callee can
 * match nothing, so the calls of each rule that is not known to be nullable wait in a list. Each
 * element opens once.
 */

#define NONE UINT32_MAX
#define CLOSED (UINT32_MAX - 1) /* in `next`: not opened; else a link of a list, or NONE */

typedef struct opening {
    ergo_grammar *g;
    const ergo__grammar_work *work;
    uint32_t depth;
} opening;

static void open_element(opening *o, uint32_t element)
{
    if (o->work->next[element] != CLOSED)
        return;
    o->work->next[element] = NONE;
    o->work->stack[o->depth++] = element;
}

static void become_nullable(opening *o, uint32_t rule)
{
    o->g->rules[rule].nullable = true;
    for (uint32_t call = o->work->waiting[rule]; call != NONE; call = o->work->next[call])
        open_element(o, call + 1);
}

static void follow(opening *o, uint32_t element)
{
    const ergo__grammar_element *e = &o->g->elements[element];
    switch ((ergo__grammar_op)e->op) {
    case ERGO__GRAMMAR_RANGE:
    case ERGO__GRAMMAR_SET:
        break;
    case ERGO__GRAMMAR_SPLIT:
        open_element(o, element + 1);
        open_element(o, e->a);
        break;
    case ERGO__GRAMMAR_JUMP:
        open_element(o, e->a);
        break;
    case ERGO__GRAMMAR_CALL:
    case ERGO__GRAMMAR_TAIL:
        o->work->next[element] = o->work->waiting[e->a];
        o->work->waiting[e->a] = element;
        if (o->g->rules[e->a].nullable)
            open_element(o, element + 1);
        break;
    case ERGO__GRAMMAR_END:
        if (!o->g->rules[e->a].nullable)
            become_nullable(o, e->a);
        break;
    }
}

static void open_all(ergo_grammar *g, const ergo__grammar_work *work)
{
    opening o = {g, work, 0};
    for (uint32_t i = 0; i < g->element_count; i++)
        work->next[i] = CLOSED;
    for (uint32_t rule = 0; rule < g->rule_count; rule++)
        work->waiting[rule] = NONE;
    for (uint32_t rule = 0; rule < g->rule_count; rule++) {
        open_element(&o, g->rules[rule].start);
        while (o.depth != 0)
            follow(&o, work->stack[--o.depth]);
    }
}

static bool is_open_call(const ergo_grammar *g, const ergo__grammar_work *work, uint32_t element)
{
    const uint32_t op = g->elements[element].op;
    return (op == ERGO__GRAMMAR_CALL || op == ERGO__GRAMMAR_TAIL) && work->next[element] != CLOSED;
}

/**
 * Takes away rules that no remaining rule begins with, until none is left or a cycle. `by_name` is
 * free by now and counts the edges into each rule; `waiting` is the queue.
 */
static uint32_t remove_acyclic(const ergo_grammar *g, const ergo__grammar_work *work)
{
    uint32_t *edges = work->by_name, *queue = work->waiting, queued = 0, done = 0;
    for (uint32_t rule = 0; rule < g->rule_count; rule++)
        edges[rule] = 0;
    for (uint32_t i = 0; i < g->element_count; i++)
        if (is_open_call(g, work, i))
            edges[g->elements[i].a]++;
    for (uint32_t rule = 0; rule < g->rule_count; rule++)
        if (edges[rule] == 0)
            queue[queued++] = rule;
    while (done < queued) {
        for (uint32_t i = g->rules[queue[done++]].start; g->elements[i].op != ERGO__GRAMMAR_END;
             i++)
            if (is_open_call(g, work, i) && --edges[g->elements[i].a] == 0)
                queue[queued++] = g->elements[i].a;
    }
    return done;
}

ergo_status ergo__grammar_check(const ergo__grammar_cursor *cursor, ergo_grammar *g,
                                const ergo__grammar_work *work)
{
    open_all(g, work);
    if (remove_acyclic(g, work) == g->rule_count)
        return ERGO_OK;
    uint32_t rule = 0;
    while (work->by_name[rule] == 0)
        rule++;
    return ergo__grammar_fail_at(cursor, g->rules[rule].name, ERGO_E_FORMAT,
                                 "a left recursion leads to this rule");
}
