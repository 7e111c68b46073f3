/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/grammar_parse.h"

#include <string.h>

#include "runtime/grammar_set.h"
#include "runtime/grammar_utf8.h"

#define MAX_RULES 4096
#define MAX_ELEMENTS 65536
#define MAX_NESTING 64
#define MAX_OPERATORS 8 /* behind one another on one element */
#define UNBOUNDED UINT32_MAX

typedef struct parser {
    ergo__grammar_cursor *cursor;
    ergo_grammar *g;
    uint32_t max_rules, max_elements;
} parser;

static ergo_status fail(const parser *p, ergo_status status, const char *what)
{
    return ergo__grammar_fail(p->cursor, status, what);
}

/* Makes room for `count` elements at `at` and moves up what stands there. What is moved jumps only
 * within itself, and jumps are relative: it stays true. */
static ergo_status make_room(parser *p, uint32_t at, uint32_t count)
{
    ergo_grammar *g = p->g;
    if (count > p->max_elements - g->element_count)
        return fail(p, ERGO_E_LIMIT, "more elements than max_elements");
    if (g->elements)
        memmove(g->elements + at + count, g->elements + at,
                (g->element_count - at) * sizeof *g->elements);
    g->element_count += count;
    return ERGO_OK;
}

static ergo_status insert(parser *p, uint32_t at, uint32_t op, uint32_t a, uint32_t b)
{
    const ergo_status status = make_room(p, at, 1);
    if (!status && p->g->elements)
        p->g->elements[at] = (ergo__grammar_element){op, a, b};
    return status;
}

static ergo_status append(parser *p, uint32_t op, uint32_t a, uint32_t b)
{
    return insert(p, p->g->element_count, op, a, b);
}

static ergo_status parse_literal(parser *p)
{
    ergo_status status = ERGO_OK;
    while (!status && !ergo__grammar_skip(p->cursor, "\"")) {
        uint32_t c;
        status = ergo__grammar_read_char(p->cursor, &c);
        if (!status)
            status = append(p, ERGO__GRAMMAR_RANGE, c, c);
    }
    return status;
}

/* One character or range of a class; a '-' before the closing bracket is a character. */
static ergo_status parse_class_item(parser *p, uint32_t first_range)
{
    const size_t at = p->cursor->at;
    ergo__grammar_range range;
    ergo_status status = ergo__grammar_read_char(p->cursor, &range.first);
    if (status)
        return status;
    range.last = range.first;
    const size_t dash = p->cursor->at;
    if (ergo__grammar_skip(p->cursor, "-")) {
        if (ergo__grammar_peek(p->cursor) == ']')
            p->cursor->at = dash;
        else
            status = ergo__grammar_read_char(p->cursor, &range.last);
    }
    if (status)
        return status;
    if (range.first > range.last)
        return ergo__grammar_fail_at(p->cursor, at, ERGO_E_FORMAT, "a range runs backwards");
    if (p->g->range_count - first_range >= p->max_elements)
        return fail(p, ERGO_E_LIMIT, "a class has more ranges than max_elements");
    if (p->g->ranges)
        p->g->ranges[p->g->range_count] = range;
    p->g->range_count++;
    return ERGO_OK;
}

static ergo_status append_set(parser *p, uint32_t first, bool negated)
{
    ergo_grammar *g = p->g;
    const uint32_t count = g->range_count - first;
    if (g->range_count > p->max_elements * 2u)
        return fail(p, ERGO_E_LIMIT, "more ranges than twice max_elements");
    g->range_count = first + ERGO__SET_CAPACITY(count);
    if (!g->ranges)
        return append(p, ERGO__GRAMMAR_SET, 0, 0);
    ergo__grammar_range *set = g->ranges + first;
    const uint32_t kept = ergo__set_normalize(set, count, negated);
    return kept == 1 ? append(p, ERGO__GRAMMAR_RANGE, set->first, set->last)
                     : append(p, ERGO__GRAMMAR_SET, first, kept);
}

static ergo_status parse_class(parser *p)
{
    const uint32_t first = p->g->range_count;
    const bool negated = ergo__grammar_skip(p->cursor, "^");
    if (ergo__grammar_peek(p->cursor) == ']')
        return fail(p, ERGO_E_FORMAT, "a class is empty");
    ergo_status status = ERGO_OK;
    while (!status && !ergo__grammar_skip(p->cursor, "]"))
        status = parse_class_item(p, first);
    return status ? status : append_set(p, first, negated);
}

static ergo_status parse_any(parser *p)
{
    const uint32_t first = p->g->range_count;
    if (p->g->ranges)
        p->g->ranges[first] = (ergo__grammar_range){0, ERGO__CODE_POINT_MAX};
    p->g->range_count++;
    return append_set(p, first, false);
}

static ergo_status append_copies(parser *p, uint32_t from, uint32_t length, uint32_t copies)
{
    for (uint32_t i = 0; i < copies; i++) {
        const uint32_t to = p->g->element_count;
        const ergo_status status = make_room(p, to, length);
        if (status)
            return status;
        if (p->g->elements)
            memcpy(p->g->elements + to, p->g->elements + from, length * sizeof *p->g->elements);
    }
    return ERGO_OK;
}

/* x{min,} of the code from `start`: copies, the last of which loops. */
static ergo_status repeat_forever(parser *p, uint32_t start, uint32_t length, uint32_t min)
{
    if (min == 0) {
        const ergo_status status = insert(p, start, ERGO__GRAMMAR_SPLIT, length + 2, 0);
        return status ? status : append(p, ERGO__GRAMMAR_JUMP, 0u - (length + 1), 0);
    }
    const ergo_status status = append_copies(p, start, length, min - 1);
    return status ? status : append(p, ERGO__GRAMMAR_SPLIT, 0u - length, 0);
}

/* x{min,max}: copies, of which the optional ones can each leave for the end. */
static ergo_status repeat_up_to(parser *p, uint32_t start, uint32_t length, uint32_t min,
                                uint32_t max)
{
    ergo_status status = ERGO_OK;
    uint32_t body = start, optional = max - min;
    if (min == 0) {
        status = insert(p, body++, ERGO__GRAMMAR_SPLIT, optional * (length + 1), 0);
        optional--;
    } else {
        status = append_copies(p, body, length, min - 1);
    }
    for (; !status && optional != 0; optional--) {
        status = append(p, ERGO__GRAMMAR_SPLIT, optional * (length + 1), 0);
        if (!status)
            status = append_copies(p, body, length, 1);
    }
    return status;
}

static ergo_status repeat(parser *p, uint32_t start, uint32_t min, uint32_t max)
{
    const uint32_t length = p->g->element_count - start;
    if (length == 0)
        return ERGO_OK;
    if (max == 0) /* what was counted once must stay */
        return insert(p, start, ERGO__GRAMMAR_JUMP, length + 1, 0);
    const uint64_t copies = max == UNBOUNDED ? min : max;
    if (copies * length > p->max_elements) /* before spending time on it */
        return fail(p, ERGO_E_LIMIT, "a repetition makes more elements than max_elements");
    return max == UNBOUNDED ? repeat_forever(p, start, length, min)
                            : repeat_up_to(p, start, length, min, max);
}

/* The counts between braces; the opening one is behind us. */
static ergo_status parse_counts(parser *p, uint32_t *min, uint32_t *max)
{
    ergo__grammar_skip_space(p->cursor, false);
    ergo_status status = ergo__grammar_read_number(p->cursor, min);
    if (status)
        return status;
    *max = *min;
    ergo__grammar_skip_space(p->cursor, false);
    if (ergo__grammar_skip(p->cursor, ",")) {
        *max = UNBOUNDED;
        ergo__grammar_skip_space(p->cursor, false);
        if (ergo__grammar_peek(p->cursor) != '}')
            status = ergo__grammar_read_number(p->cursor, max);
        ergo__grammar_skip_space(p->cursor, false);
    } else if (*min == UNBOUNDED) {
        return fail(p, ERGO_E_LIMIT, "a repetition count is too large");
    }
    if (status)
        return status;
    if (!ergo__grammar_skip(p->cursor, "}"))
        return fail(p, ERGO_E_FORMAT, "'}' is expected");
    if (*min > *max)
        return fail(p, ERGO_E_FORMAT, "a repetition has more at least than at most");
    return ERGO_OK;
}

static ergo_status parse_operators(parser *p, uint32_t start, bool nested)
{
    for (int i = 0;; i++) {
        uint32_t min = 0, max = UNBOUNDED;
        ergo__grammar_skip_space(p->cursor, nested);
        if (ergo__grammar_skip(p->cursor, "+")) {
            min = 1;
        } else if (ergo__grammar_skip(p->cursor, "?")) {
            max = 1;
        } else if (ergo__grammar_skip(p->cursor, "{")) {
            const ergo_status status = parse_counts(p, &min, &max);
            if (status)
                return status;
        } else if (!ergo__grammar_skip(p->cursor, "*")) {
            return ERGO_OK;
        }
        if (i == MAX_OPERATORS)
            return fail(p, ERGO_E_LIMIT, "too many repetition operators in a row");
        const ergo_status status = repeat(p, start, min, max);
        if (status)
            return status;
    }
}

static ergo_status parse_alternatives(parser *p, int depth);

static ergo_status parse_group(parser *p, int depth)
{
    if (depth == MAX_NESTING)
        return fail(p, ERGO_E_LIMIT, "groups are nested more than 64 deep");
    const ergo_status status = parse_alternatives(p, depth + 1);
    if (status)
        return status;
    if (!ergo__grammar_skip(p->cursor, ")"))
        return fail(p, ERGO_E_FORMAT, "')' is expected");
    return ERGO_OK;
}

/* Sets `*found` to whether there was an element. */
static ergo_status parse_element(parser *p, int depth, bool *found)
{
    const uint32_t start = p->g->element_count;
    const size_t at = p->cursor->at;
    ergo_status status;
    *found = true;
    if (ergo__grammar_skip(p->cursor, "\""))
        status = parse_literal(p);
    else if (ergo__grammar_skip(p->cursor, "["))
        status = parse_class(p);
    else if (ergo__grammar_skip(p->cursor, "."))
        status = parse_any(p);
    else if (ergo__grammar_skip(p->cursor, "("))
        status = parse_group(p, depth);
    else {
        const size_t size = ergo__grammar_read_name(p->cursor);
        *found = size != 0;
        if (!*found)
            return ERGO_OK;
        status = append(p, ERGO__GRAMMAR_CALL, (uint32_t)at, (uint32_t)size);
    }
    return status ? status : parse_operators(p, start, depth > 0);
}

static ergo_status parse_sequence(parser *p, int depth)
{
    for (bool found = true; found;) {
        ergo__grammar_skip_space(p->cursor, depth > 0);
        const ergo_status status = parse_element(p, depth, &found);
        if (status)
            return status;
    }
    return ERGO_OK;
}

/* A '|' may also begin the next line; without one, the line break stays where it is. */
static bool skip_bar(parser *p)
{
    const size_t at = p->cursor->at;
    ergo__grammar_skip_space(p->cursor, true);
    if (ergo__grammar_skip(p->cursor, "|")) {
        ergo__grammar_skip_space(p->cursor, true);
        return true;
    }
    p->cursor->at = at;
    return false;
}

/* a|b|c: split to (a, jump to the end), (b, jump to the end), c. Until the end is known, each jump
 * holds the distance back to the one before. */
static ergo_status parse_alternatives(parser *p, int depth)
{
    ergo_grammar *g = p->g;
    uint32_t jump = 0, jumps = 0;
    for (;;) {
        const uint32_t start = g->element_count;
        ergo_status status = parse_sequence(p, depth);
        if (status || !skip_bar(p)) {
            if (status)
                return status;
            break;
        }
        const uint32_t length = g->element_count - start;
        status = insert(p, start, ERGO__GRAMMAR_SPLIT, length + 2, 0);
        if (!status)
            status = append(p, ERGO__GRAMMAR_JUMP, g->element_count - jump, 0);
        if (status)
            return status;
        jump = g->element_count - 1;
        jumps++;
    }
    for (; jumps != 0 && g->elements; jumps--) {
        const uint32_t back = g->elements[jump].a;
        g->elements[jump].a = g->element_count - jump;
        jump -= back;
    }
    return ERGO_OK;
}

static ergo_status parse_rule(parser *p)
{
    ergo_grammar *g = p->g;
    const size_t name = p->cursor->at;
    const size_t name_size = ergo__grammar_read_name(p->cursor);
    if (name_size == 0)
        return fail(p, ERGO_E_FORMAT, "the name of a rule is expected");
    if (g->rule_count == p->max_rules)
        return fail(p, ERGO_E_LIMIT, "more rules than max_rules");
    if (g->rules)
        g->rules[g->rule_count] = (ergo__grammar_rule){name, name_size, g->element_count, false};
    ergo__grammar_skip_space(p->cursor, false);
    if (!ergo__grammar_skip(p->cursor, "::="))
        return fail(p, ERGO_E_FORMAT, "'::=' is expected");
    ergo__grammar_skip_space(p->cursor, true);
    const ergo_status status = parse_alternatives(p, 0);
    if (status)
        return status;
    const char c = ergo__grammar_peek(p->cursor);
    if (p->cursor->at < p->cursor->text.size && c != '\n' && c != '\r')
        return fail(p, ERGO_E_FORMAT, "unexpected character");
    return append(p, ERGO__GRAMMAR_END, g->rule_count++, 0);
}

ergo_status ergo__grammar_parse(ergo__grammar_cursor *cursor, const ergo_grammar_config *config,
                                ergo_grammar *grammar)
{
    parser p = {
        .cursor = cursor,
        .g = grammar,
        .max_rules = config->max_rules ? config->max_rules : MAX_RULES,
        .max_elements = config->max_elements ? config->max_elements : MAX_ELEMENTS,
    };
    if (p.max_rules > UINT32_MAX / 16 || p.max_elements > UINT32_MAX / 16)
        return ergo__grammar_fail(cursor, ERGO_E_LIMIT, "max_rules or max_elements above 2^28");
    if (cursor->text.size > UINT32_MAX / 16)
        return ergo__grammar_fail(cursor, ERGO_E_LIMIT, "the text is longer than 256 MiB");
    cursor->at = 0;
    ergo__grammar_skip_space(cursor, true);
    while (cursor->at < cursor->text.size) {
        const ergo_status status = parse_rule(&p);
        if (status)
            return status;
        ergo__grammar_skip_space(cursor, true);
    }
    return ERGO_OK;
}
