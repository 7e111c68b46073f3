/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/grammar_check.h"

/* Rules are found by name through an array of their indices in the order of their names. */
static int compare_names(ergo_str a, ergo_str b)
{
    const size_t common = a.size < b.size ? a.size : b.size;
    const int order = common ? memcmp(a.data, b.data, common) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

typedef struct name_index {
    const ergo_grammar *g;
    const char *text;
    uint32_t *rules;
} name_index;

static ergo_str name_of(const name_index *index, uint32_t rule)
{
    const ergo__grammar_rule *r = &index->g->rules[rule];
    return (ergo_str){index->text + r->name, r->name_size};
}

static int compare(const name_index *index, uint32_t i, uint32_t j)
{
    return compare_names(name_of(index, index->rules[i]), name_of(index, index->rules[j]));
}

static void sift(const name_index *index, uint32_t i, uint32_t count)
{
    for (;;) {
        uint32_t largest = 2 * i + 1;
        if (largest >= count)
            return;
        if (largest + 1 < count && compare(index, largest + 1, largest) > 0)
            largest++;
        if (compare(index, largest, i) <= 0)
            return;
        const uint32_t t = index->rules[i];
        index->rules[i] = index->rules[largest];
        index->rules[largest] = t;
        i = largest;
    }
}

static void sort_names(const name_index *index)
{
    const uint32_t count = index->g->rule_count;
    for (uint32_t i = 0; i < count; i++)
        index->rules[i] = i;
    for (uint32_t i = count / 2; i-- > 0;)
        sift(index, i, count);
    for (uint32_t rest = count; rest-- > 1;) {
        const uint32_t t = index->rules[0];
        index->rules[0] = index->rules[rest];
        index->rules[rest] = t;
        sift(index, 0, rest);
    }
}

/* The rule of that name, or rule_count. */
static uint32_t find(const name_index *index, ergo_str name)
{
    uint32_t low = 0, high = index->g->rule_count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const int order = compare_names(name, name_of(index, index->rules[middle]));
        if (order == 0)
            return index->rules[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return index->g->rule_count;
}

static ergo_status refuse_doubles(const ergo__grammar_cursor *cursor, const name_index *index)
{
    for (uint32_t i = 1; i < index->g->rule_count; i++)
        if (compare(index, i - 1, i) == 0) {
            const uint32_t a = index->rules[i - 1], b = index->rules[i];
            return ergo__grammar_fail_at(cursor, index->g->rules[a > b ? a : b].name, ERGO_E_FORMAT,
                                         "a rule is defined twice");
        }
    return ERGO_OK;
}

static ergo_status bind_calls(const ergo__grammar_cursor *cursor, const name_index *index,
                              ergo_grammar *g)
{
    for (uint32_t i = 0; i < g->element_count; i++) {
        ergo__grammar_element *e = &g->elements[i];
        if (e->op != ERGO__GRAMMAR_CALL)
            continue;
        const uint32_t rule = find(index, (ergo_str){index->text + e->a, e->b});
        if (rule == g->rule_count)
            return ergo__grammar_fail_at(cursor, e->a, ERGO_E_FORMAT, "the rule is not defined");
        *e = (ergo__grammar_element){ERGO__GRAMMAR_CALL, rule, 0};
    }
    return ERGO_OK;
}

/* Backwards, so that a jump to a jump finds that one's target known: only splits go back. A call
 * at the end of a rule needs no return, and right recursion no memory. */
static void bind_jumps(ergo_grammar *g)
{
    for (uint32_t i = g->element_count; i-- > 0;) {
        ergo__grammar_element *e = &g->elements[i];
        if (e->op == ERGO__GRAMMAR_JUMP || e->op == ERGO__GRAMMAR_SPLIT) {
            e->a += i;
            if (e->a > i && g->elements[e->a].op == ERGO__GRAMMAR_JUMP)
                e->a = g->elements[e->a].a;
        } else if (e->op == ERGO__GRAMMAR_CALL) {
            uint32_t next = i + 1;
            if (g->elements[next].op == ERGO__GRAMMAR_JUMP)
                next = g->elements[next].a;
            if (g->elements[next].op == ERGO__GRAMMAR_END)
                e->op = ERGO__GRAMMAR_TAIL;
            else
                g->call_count++;
        }
    }
}

ergo_status ergo__grammar_link(const ergo__grammar_cursor *cursor, ergo_grammar *g,
                               const ergo__grammar_work *work)
{
    const name_index index = {g, cursor->text.data, work->by_name};
    sort_names(&index);
    ergo_status status = refuse_doubles(cursor, &index);
    if (!status)
        status = bind_calls(cursor, &index, g);
    if (status)
        return status;
    g->root = find(&index, (ergo_str){"root", 4});
    if (g->root == g->rule_count)
        return ergo__fail(cursor->log, ERGO_E_FORMAT, "%s: there is no rule named root",
                          cursor->name);
    bind_jumps(g);
    return ERGO_OK;
}
