/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/grammar_match.h"

#include <string.h>

#include "runtime/grammar_set.h"
#include "runtime/grammar_stack.h"
#include "runtime/grammar_utf8.h"

#define BASE_ITEMS 512

/* The items of one character, each once; an open-addressing table finds them. */
typedef struct item_list {
    ergo__stack_item *items;
    uint32_t count;
} item_list;

typedef struct slot {
    uint32_t stamp, item; /* taken where the stamp is the present one */
} slot;

/* A UTF-8 sequence of which `left` bytes are still to come; left is 0 between characters. */
typedef struct sequence {
    uint32_t value, left, least;
} sequence;

/* A place in the text, ahead of the state's own while bytes are tried. */
typedef struct place {
    item_list list;
    sequence partial;
    bool can_end;
} place;

struct ergo__grammar_state {
    const ergo_grammar *g;
    place here;
    uint64_t first_bytes[4];     /* one bit per byte that may come next */
    uint64_t tried[2], loops[2]; /* one bit per ASCII character: known, and true, that it leads
                                    back to this very place, as most do inside a string */
    ergo__stack stack;
    ergo__stack_item *scratch[2];
    slot *slots;
    uint32_t slot_mask, stamp, max_items;
    bool limited;
};

ergo__grammar_state *ergo__grammar_state_take(ergo__arena *arena, const ergo_grammar *grammar)
{
    ergo__grammar_state parts = {.g = grammar, .max_items = BASE_ITEMS + grammar->element_count};
    uint32_t slots = 1;
    while (slots < 2 * parts.max_items)
        slots *= 2;
    parts.slot_mask = slots - 1;
    ergo__grammar_state *state = ERGO__TAKE_LINE(arena, ergo__grammar_state, 1);
    parts.here.list.items = ERGO__TAKE(arena, ergo__stack_item, parts.max_items);
    parts.scratch[0] = ERGO__TAKE(arena, ergo__stack_item, parts.max_items);
    parts.scratch[1] = ERGO__TAKE(arena, ergo__stack_item, parts.max_items);
    parts.slots = ERGO__TAKE(arena, slot, slots);
    ergo__stack_lay_out(&parts.stack, arena, grammar);
    if (state && !arena->full)
        *state = parts;
    return arena->full ? NULL : state;
}

/* Adds an item unless it is there. False where memory is out. */
static bool push(ergo__grammar_state *s, item_list *list, uint32_t element, uint32_t node)
{
    if (s->g->elements[element].op == ERGO__GRAMMAR_JUMP)
        element = s->g->elements[element].a;
    uint32_t at = (element * 0x9e3779b1u ^ node * 0x85ebca6bu);
    for (at ^= at >> 15;; at++) {
        slot *taken = &s->slots[at & s->slot_mask];
        if (taken->stamp != s->stamp) {
            if (list->count == s->max_items)
                return false;
            *taken = (slot){s->stamp, list->count};
            list->items[list->count++] = (ergo__stack_item){element, node};
            return true;
        }
        const ergo__stack_item *item = &list->items[taken->item];
        if (item->element == element && item->node == node)
            return true;
    }
}

static bool call(ergo__grammar_state *s, item_list *list, ergo__stack_item item, uint32_t rule)
{
    bool made;
    const ergo__stack_item back = {item.element + 1, item.node};
    const uint32_t node = ergo__stack_call(&s->stack, rule, back, &made);
    /* A rule that may be empty is passed over here, and its end at the same character is ignored
     * below: so a node need not be returned from before all its edges are known. */
    return node != ERGO__STACK_NONE &&
           (!s->g->rules[rule].nullable || push(s, list, item.element + 1, item.node)) &&
           (!made || push(s, list, s->g->rules[rule].start, node));
}

static bool end_rule(ergo__grammar_state *s, place *p, uint32_t node)
{
    if (node == 0)
        p->can_end = true;
    if (node >= s->stack.fresh)
        return true;
    uint32_t edge = s->stack.nodes[node].edges;
    for (; edge != ERGO__STACK_NONE; edge = s->stack.edges[edge].next)
        if (!push(s, &p->list, s->stack.edges[edge].element, s->stack.edges[edge].parent))
            return false;
    return true;
}

static bool expand(ergo__grammar_state *s, place *p, ergo__stack_item item)
{
    const ergo__grammar_element *e = &s->g->elements[item.element];
    switch ((ergo__grammar_op)e->op) {
    case ERGO__GRAMMAR_RANGE:
    case ERGO__GRAMMAR_SET:
        return true;
    case ERGO__GRAMMAR_CALL:
        return call(s, &p->list, item, e->a);
    case ERGO__GRAMMAR_TAIL:
        return push(s, &p->list, s->g->rules[e->a].start, item.node);
    case ERGO__GRAMMAR_SPLIT:
        return push(s, &p->list, item.element + 1, item.node) && push(s, &p->list, e->a, item.node);
    case ERGO__GRAMMAR_JUMP: /* push leads past them */
        return push(s, &p->list, e->a, item.node);
    case ERGO__GRAMMAR_END:
        return end_rule(s, p, item.node);
    }
    return true;
}

static void begin(ergo__grammar_state *s, place *p, ergo__stack_item *items)
{
    if (++s->stamp == 0) {
        memset(s->slots, 0, ((size_t)s->slot_mask + 1) * sizeof *s->slots);
        s->stamp = 1;
    }
    *p = (place){.list = {items, 0}};
}

/* Follows everything that consumes nothing; what is left consumes a character. */
static bool follow_all(ergo__grammar_state *s, place *p)
{
    for (uint32_t i = 0; i < p->list.count; i++)
        if (!expand(s, p, p->list.items[i])) {
            s->limited = true;
            return false;
        }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < p->list.count; i++) {
        const ergo__stack_item item = p->list.items[i];
        const uint32_t op = s->g->elements[item.element].op;
        if (op == ERGO__GRAMMAR_RANGE || op == ERGO__GRAMMAR_SET)
            p->list.items[kept++] = item;
    }
    p->list.count = kept;
    return true;
}

/* Whether the element can consume a character from `first` to `last`. */
static bool consumes(const ergo_grammar *g, uint32_t element, uint32_t first, uint32_t last)
{
    const ergo__grammar_element *e = &g->elements[element];
    if (e->op == ERGO__GRAMMAR_RANGE)
        return e->a <= last && e->b >= first;
    return ergo__set_meets(g->ranges + e->a, e->b, first, last);
}

/* Consumes one character. False where no reading can, or for want of memory. */
static bool step(ergo__grammar_state *s, place *p, uint32_t c)
{
    place next;
    begin(s, &next, p->list.items == s->scratch[0] ? s->scratch[1] : s->scratch[0]);
    s->stack.fresh = s->stack.node_count;
    for (uint32_t i = 0; i < p->list.count; i++) {
        const ergo__stack_item item = p->list.items[i];
        if (consumes(s->g, item.element, c, c) &&
            !push(s, &next.list, item.element + 1, item.node)) {
            s->limited = true;
            return false;
        }
    }
    if (!follow_all(s, &next))
        return false;
    *p = next;
    return next.list.count != 0 || next.can_end;
}

/* The characters that a cut sequence can still become. */
static ergo__grammar_range reach(sequence partial)
{
    const uint32_t shift = 6 * partial.left;
    ergo__grammar_range range = {partial.value << shift, ((partial.value + 1) << shift) - 1};
    if (range.first < partial.least)
        range.first = partial.least;
    if (range.last > ERGO__CODE_POINT_MAX)
        range.last = ERGO__CODE_POINT_MAX;
    return range;
}

static bool feed(ergo__grammar_state *s, place *p, unsigned char byte)
{
    sequence *partial = &p->partial;
    if (partial->left == 0) {
        const uint32_t length = ergo__utf8_length(byte);
        if (length <= 1)
            return length == 1 && step(s, p, byte);
        *partial = (sequence){byte & (0x7fu >> length), length - 1, ergo__utf8_least(length)};
    } else {
        if ((byte & 0xc0u) != 0x80u)
            return false;
        partial->value = partial->value << 6 | (byte & 0x3fu);
        partial->left--;
    }
    if (partial->left == 0)
        return partial->value >= partial->least && step(s, p, partial->value);
    const ergo__grammar_range range = reach(*partial);
    for (uint32_t i = 0; i < p->list.count && range.first <= range.last; i++)
        if (consumes(s->g, p->list.items[i].element, range.first, range.last))
            return true;
    return false; /* also for an overlong form, and beyond the last code point */
}

static void allow_bytes(ergo__grammar_state *s, uint32_t first, uint32_t last)
{
    for (uint32_t b = first; b <= last; b++)
        s->first_bytes[b / 64] |= UINT64_C(1) << b % 64;
}

/* Marks the next byte of every character from `range`, given the bytes that are there already. */
static void allow_range(ergo__grammar_state *s, ergo__grammar_range range)
{
    const sequence partial = s->here.partial;
    if (partial.left != 0) {
        const ergo__grammar_range can = reach(partial);
        const uint32_t shift = 6 * (partial.left - 1);
        const uint32_t first = range.first > can.first ? range.first : can.first;
        const uint32_t last = range.last < can.last ? range.last : can.last;
        if (first <= last)
            allow_bytes(s, 0x80u | (first >> shift & 0x3fu), 0x80u | (last >> shift & 0x3fu));
        return;
    }
    if (range.first < 0x80u)
        allow_bytes(s, range.first, range.last < 0x80u ? range.last : 0x7fu);
    if (range.last >= 0x80u)
        allow_bytes(s, ergo__utf8_lead(range.first < 0x80u ? 0x80u : range.first),
                    ergo__utf8_lead(range.last));
}

static void find_next_bytes(ergo__grammar_state *s)
{
    memset(s->first_bytes, 0, sizeof s->first_bytes);
    memset(s->tried, 0, sizeof s->tried);
    memset(s->loops, 0, sizeof s->loops);
    for (uint32_t i = 0; i < s->here.list.count; i++) {
        const ergo__grammar_element *e = &s->g->elements[s->here.list.items[i].element];
        if (e->op == ERGO__GRAMMAR_RANGE)
            allow_range(s, (ergo__grammar_range){e->a, e->b});
        else
            for (uint32_t k = 0; k < e->b; k++)
                allow_range(s, s->g->ranges[e->a + k]);
    }
}

/* Makes `p` the state's place. */
static void settle(ergo__grammar_state *s, const place *p)
{
    ergo__stack_item *items = s->here.list.items;
    if (p->list.items != items)
        memcpy(items, p->list.items, p->list.count * sizeof *items);
    s->here = *p;
    s->here.list.items = items;
    s->limited = false;
    find_next_bytes(s);
}

ergo_status ergo__grammar_reset(ergo__grammar_state *state)
{
    place start;
    ergo__stack_reset(&state->stack, state->g->root);
    memset(state->slots, 0, ((size_t)state->slot_mask + 1) * sizeof *state->slots);
    memset(state->stack.node_of_rule, 0, state->g->rule_count * sizeof(uint32_t));
    state->stamp = 0;
    begin(state, &start, state->scratch[0]);
    if (!push(state, &start.list, state->g->rules[state->g->root].start, 0) ||
        !follow_all(state, &start))
        return ERGO_E_LIMIT;
    settle(state, &start);
    return ERGO_OK;
}

bool ergo__grammar_may_begin(const ergo__grammar_state *state, uint8_t byte)
{
    return state->first_bytes[byte / 64] >> byte % 64 & 1;
}

static bool is_same_place(const ergo__grammar_state *s, const place *p)
{
    bool same = p->list.count == s->here.list.count && p->can_end == s->here.can_end;
    for (uint32_t i = 0; same && i < p->list.count; i++) {
        const ergo__stack_item a = p->list.items[i], b = s->here.list.items[i];
        same = a.element == b.element && ergo__stack_same(&s->stack, a.node, b.node);
    }
    return same;
}

/* Tries bytes from the state's place, which stays as it is. `*back`: they lead back to it. */
static bool try_bytes(ergo__grammar_state *s, ergo_str bytes, bool *back)
{
    const uint32_t nodes = s->stack.node_count, edges = s->stack.edge_count;
    place p = s->here;
    bool good = true;
    for (size_t i = 0; i < bytes.size && good; i++)
        good = feed(s, &p, (unsigned char)bytes.data[i]);
    *back = good && is_same_place(s, &p);
    s->stack.node_count = nodes;
    s->stack.edge_count = edges;
    return good;
}

/* Between characters only. */
static bool is_loop(ergo__grammar_state *s, char c)
{
    const unsigned char byte = (unsigned char)c;
    if (byte >= 0x80)
        return false;
    const uint64_t bit = UINT64_C(1) << byte % 64;
    if (!(s->tried[byte / 64] & bit)) {
        bool back;
        try_bytes(s, (ergo_str){&c, 1}, &back);
        s->tried[byte / 64] |= bit;
        s->loops[byte / 64] |= back ? bit : 0;
    }
    return s->loops[byte / 64] & bit;
}

bool ergo__grammar_accepts(ergo__grammar_state *state, ergo_str bytes)
{
    if (bytes.size == 0)
        return true;
    if (!ergo__grammar_may_begin(state, (uint8_t)bytes.data[0]))
        return false;
    while (bytes.size > 1 && state->here.partial.left == 0 && is_loop(state, bytes.data[0])) {
        bytes.data++;
        bytes.size--;
    }
    bool back;
    return ergo__grammar_may_begin(state, (uint8_t)bytes.data[0]) &&
           (bytes.size == 1 || try_bytes(state, bytes, &back));
}

ergo_status ergo__grammar_advance(ergo__grammar_state *state, ergo_str bytes)
{
    place p = state->here;
    state->limited = false;
    for (size_t i = 0; i < bytes.size; i++) {
        const bool good = feed(state, &p, (unsigned char)bytes.data[i]);
        /* The way back stays open: what the state itself holds is kept, too. */
        const bool moved = good && p.list.items != state->here.list.items;
        const ergo__stack_roots roots[2] = {
            {state->here.list.items, state->here.list.count},
            {p.list.items, moved ? p.list.count : 0},
        };
        if (p.partial.left == 0 || !good)
            ergo__stack_collect(&state->stack, roots);
        if (!good)
            return state->limited ? ERGO_E_LIMIT : ERGO_E_STATE;
    }
    settle(state, &p);
    return ERGO_OK;
}

bool ergo__grammar_can_end(const ergo__grammar_state *state)
{
    return state->here.can_end && state->here.partial.left == 0;
}

bool ergo__grammar_limited(const ergo__grammar_state *state)
{
    return state->limited;
}
