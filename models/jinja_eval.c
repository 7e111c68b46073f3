/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "models/jinja.h"
#include "runtime/base/checked.h"

static const ergo_str nothing = {NULL, 0};

static jinja_value undefined(void)
{
    return (jinja_value){.type = JINJA_UNDEFINED};
}

static jinja_value lookup(jinja *j, ergo_str name)
{
    for (const jinja_binding *b = j->scope; b; b = b->outer)
        if (ergo__jinja_same(b->name, name))
            return b->value;
    if (ergo__jinja_is_function(name) && (j->now_s || !ergo__jinja_is(name, "strftime_now")))
        return (jinja_value){.type = JINJA_FUNCTION, .as.text = name};
    return undefined();
}

static jinja_value loop_attribute(const jinja_loop *loop, ergo_str name)
{
    const size_t count = loop->over.count, i = loop->index;
    if (ergo__jinja_is(name, "index0"))
        return ergo__jinja_int((int64_t)i);
    if (ergo__jinja_is(name, "index"))
        return ergo__jinja_int((int64_t)i + 1);
    if (ergo__jinja_is(name, "first"))
        return ergo__jinja_bool(i == 0);
    if (ergo__jinja_is(name, "last"))
        return ergo__jinja_bool(i + 1 == count);
    if (ergo__jinja_is(name, "length"))
        return ergo__jinja_int((int64_t)count);
    if (ergo__jinja_is(name, "revindex"))
        return ergo__jinja_int((int64_t)(count - i));
    if (ergo__jinja_is(name, "revindex0"))
        return ergo__jinja_int((int64_t)(count - i) - 1);
    if (ergo__jinja_is(name, "previtem"))
        return i > 0 ? loop->over.items[i - 1] : undefined();
    if (ergo__jinja_is(name, "nextitem"))
        return i + 1 < count ? loop->over.items[i + 1] : undefined();
    return undefined();
}

jinja_value ergo__jinja_attribute(jinja *j, jinja_value of, ergo_str name)
{
    if (of.type == JINJA_MAP) {
        const jinja_value *value = ergo__jinja_find(of.as.map, name);
        return value ? *value : undefined();
    }
    if (of.type == JINJA_LOOP)
        return loop_attribute(of.as.loop, name);
    if (of.type == JINJA_UNDEFINED)
        return ergo__jinja_fail(j, ERGO_E_FORMAT, "part of an undefined value:", name);
    return undefined();
}

/** Where an index that may count from the end points, kept within [0, count]. */
static size_t clamp(jinja_value v, size_t count, size_t otherwise)
{
    if (v.type != JINJA_INT)
        return otherwise;
    if (v.as.number < 0)
        return (uint64_t)-v.as.number > count ? 0 : count - (size_t)-v.as.number;
    return (uint64_t)v.as.number > count ? count : (size_t)v.as.number;
}

static jinja_value index_of(jinja *j, jinja_value of, jinja_value at)
{
    if (of.type == JINJA_MAP && at.type == JINJA_INT)
        at = ergo__jinja_string(j, at);
    if (at.type == JINJA_STRING)
        return ergo__jinja_attribute(j, of, at.as.text);
    if (of.type == JINJA_STRING)
        of = ergo__jinja_iterate(j, of);
    if (of.type != JINJA_LIST || at.type != JINJA_INT)
        return of.type == JINJA_UNDEFINED
                   ? ergo__jinja_fail(j, ERGO_E_FORMAT, "part of an undefined value", nothing)
                   : undefined();
    const size_t count = of.as.list.count;
    const int64_t i = at.as.number < 0 ? at.as.number + (int64_t)count : at.as.number;
    return i >= 0 && (uint64_t)i < count ? of.as.list.items[i] : undefined();
}

static jinja_value slice(jinja *j, const jinja_node *node)
{
    const jinja_value of = ergo__jinja_eval(j, node->a);
    const jinja_value from = node->b ? ergo__jinja_eval(j, node->b) : undefined();
    const jinja_value to = node->c ? ergo__jinja_eval(j, node->c) : undefined();
    const jinja_value step = node->d ? ergo__jinja_eval(j, node->d) : ergo__jinja_int(1);
    const jinja_value list = ergo__jinja_iterate(j, of);
    if (j->status != ERGO_OK || list.type != JINJA_LIST || of.type == JINJA_UNDEFINED)
        return ergo__jinja_fail(j, ERGO_E_FORMAT, "slice of what is no sequence", nothing);
    const size_t count = list.as.list.count;
    const jinja_value *items = list.as.list.items;
    if (step.type == JINJA_INT && step.as.number == -1 && !node->b && !node->c) {
        jinja_value *reversed = ergo__jinja_take(j, count);
        for (size_t i = 0; reversed && i < count; ++i)
            reversed[i] = items[count - 1 - i];
        return of.type == JINJA_LIST && reversed
                   ? ergo__jinja_items(reversed, count)
                   : ergo__jinja_fail(j, ERGO_E_UNSUPPORTED, "reversed text", nothing);
    }
    if (step.type != JINJA_INT || step.as.number != 1)
        return ergo__jinja_fail(j, ERGO_E_UNSUPPORTED, "slice with steps", nothing);
    const size_t begin = clamp(from, count, 0), end = clamp(to, count, count);
    const size_t n = end > begin ? end - begin : 0;
    if (of.type == JINJA_LIST)
        return ergo__jinja_items(n ? items + begin : NULL, n);
    ergo_str text = nothing;
    for (size_t i = 0; i < n; ++i) { /* characters of one text: neighbours in memory */
        text.data = i ? text.data : items[begin].as.text.data;
        text.size += items[begin + i].as.text.size;
    }
    return ergo__jinja_text(text);
}

static jinja_value arithmetic(jinja *j, char op, bool twice, int64_t a, int64_t b)
{
    const int64_t limit = INT32_MAX;
    if (a > limit || a < -limit || b > limit || b < -limit)
        return ergo__jinja_fail(j, ERGO_E_LIMIT, "number too large", nothing);
    if (op == '+' || op == '-' || op == '*')
        return ergo__jinja_int(op == '+' ? a + b : op == '-' ? a - b : a * b);
    if (b == 0 || (op == '/' && !twice))
        return ergo__jinja_fail(j, ERGO_E_UNSUPPORTED, "division", nothing);
    const int64_t floor = a / b - (a % b != 0 && (a % b < 0) != (b < 0));
    return ergo__jinja_int(op == '/' ? floor : a - floor * b);
}

static jinja_value joined_lists(jinja *j, jinja_list a, jinja_list b)
{
    jinja_value *items = ergo__jinja_take(j, a.count + b.count);
    for (size_t i = 0; items && i < a.count; ++i)
        items[i] = a.items[i];
    for (size_t i = 0; items && i < b.count; ++i)
        items[a.count + i] = b.items[i];
    return ergo__jinja_items(items, items ? a.count + b.count : 0);
}

static int compare_text(ergo_str a, ergo_str b)
{
    const size_t n = ergo__min_size(a.size, b.size);
    const int order = n ? memcmp(a.data, b.data, n) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

static jinja_value compare(jinja *j, ergo_str op, jinja_value a, jinja_value b)
{
    int order = 0;
    if (a.type == JINJA_INT && b.type == JINJA_INT)
        order = (a.as.number > b.as.number) - (a.as.number < b.as.number);
    else if (a.type == JINJA_STRING && b.type == JINJA_STRING)
        order = compare_text(a.as.text, b.as.text);
    else
        return ergo__jinja_fail(j, ERGO_E_FORMAT, "values that cannot be compared with", op);
    const bool or_equal = op.size == 2;
    return ergo__jinja_bool((or_equal && order == 0) ||
                            (op.data[0] == '<' ? order < 0 : order > 0));
}

static jinja_value binary(jinja *j, const jinja_node *node)
{
    const jinja_value a = ergo__jinja_eval(j, node->a), b = ergo__jinja_eval(j, node->b);
    const ergo_str op = node->name;
    j->line = node->line;
    if (j->status != ERGO_OK)
        return undefined();
    switch (op.data[0]) {
    case '=':
        return ergo__jinja_bool(ergo__jinja_equal(a, b, 0));
    case '!':
        return ergo__jinja_bool(!ergo__jinja_equal(a, b, 0));
    case 'i':
        return ergo__jinja_bool(ergo__jinja_contains(j, b, a));
    case '<':
    case '>':
        return compare(j, op, a, b);
    case '~':
        return ergo__jinja_concat(j, ergo__jinja_string(j, a).as.text,
                                  ergo__jinja_string(j, b).as.text);
    default:
        break;
    }
    if (a.type == JINJA_INT && b.type == JINJA_INT)
        return arithmetic(j, op.data[0], op.size == 2, a.as.number, b.as.number);
    if (op.data[0] == '+' && a.type == JINJA_STRING && b.type == JINJA_STRING)
        return ergo__jinja_concat(j, a.as.text, b.as.text);
    if (op.data[0] == '+' && a.type == JINJA_LIST && b.type == JINJA_LIST)
        return joined_lists(j, a.as.list, b.as.list);
    return ergo__jinja_fail(j, ERGO_E_FORMAT, "values that do not go with", op);
}

static jinja_value items(jinja *j, const jinja_node *node)
{
    size_t count = 0;
    for (const jinja_node *item = node->list; item; item = item->next)
        ++count;
    jinja_value *values = ergo__jinja_take(j, count);
    size_t n = 0;
    for (const jinja_node *item = node->list; values && item; item = item->next)
        values[n++] = ergo__jinja_eval(j, item->a);
    return ergo__jinja_items(values, n);
}

static jinja_value pairs(jinja *j, const jinja_node *node)
{
    jinja_map *map = ergo__jinja_map(j);
    for (const jinja_node *key = node->list; map && key && key->next; key = key->next->next) {
        jinja_value name = ergo__jinja_eval(j, key->a);
        if (name.type == JINJA_INT)
            name = ergo__jinja_string(j, name);
        if (name.type != JINJA_STRING)
            return ergo__jinja_fail(j, ERGO_E_UNSUPPORTED, "key that is no text", nothing);
        ergo__jinja_put(j, map, name.as.text, ergo__jinja_eval(j, key->next->a));
    }
    return map ? (jinja_value){.type = JINJA_MAP, .as.map = map} : undefined();
}

static bool arguments(jinja *j, const jinja_node *list, jinja_arguments *out)
{
    out->count = 0;
    for (; list; list = list->next) {
        if (out->count == ERGO__JINJA_ARGUMENTS) {
            ergo__jinja_fail(j, ERGO_E_LIMIT, "too many arguments", nothing);
            return false;
        }
        out->name[out->count] = list->name;
        out->value[out->count++] = ergo__jinja_eval(j, list->a);
    }
    return j->status == ERGO_OK;
}

static jinja_value call(jinja *j, const jinja_node *node)
{
    jinja_arguments args;
    const jinja_node *callee = node->a;
    if (callee->kind == JINJA_ATTRIBUTE) {
        const jinja_value on = ergo__jinja_eval(j, callee->a);
        if (!arguments(j, node->list, &args))
            return undefined();
        j->line = node->line;
        return ergo__jinja_method(j, callee->name, on, &args);
    }
    const jinja_value function = ergo__jinja_eval(j, callee);
    if (!arguments(j, node->list, &args))
        return undefined();
    j->line = node->line;
    if (function.type == JINJA_MACRO)
        return ergo__jinja_call_macro(j, function.as.macro, &args);
    if (function.type == JINJA_FUNCTION)
        return ergo__jinja_function(j, function.as.text, &args);
    return ergo__jinja_fail(j, ERGO_E_UNSUPPORTED, "call of an unknown function", callee->name);
}

static jinja_value filter_or_test(jinja *j, const jinja_node *node)
{
    jinja_arguments args;
    const jinja_value on = ergo__jinja_eval(j, node->a);
    if (!arguments(j, node->list, &args))
        return undefined();
    j->line = node->line;
    if (node->kind == JINJA_FILTER)
        return ergo__jinja_filter(j, node->name, on, &args);
    return ergo__jinja_bool(ergo__jinja_test(j, node->name, on, &args) != node->flag);
}

static jinja_value eval(jinja *j, const jinja_node *node)
{
    jinja_value v;
    switch (node->kind) {
    case JINJA_LITERAL:
        return node->value;
    case JINJA_NAME:
        return lookup(j, node->name);
    case JINJA_ITEMS:
        return items(j, node);
    case JINJA_PAIRS:
        return pairs(j, node);
    case JINJA_ATTRIBUTE:
        return ergo__jinja_attribute(j, ergo__jinja_eval(j, node->a), node->name);
    case JINJA_INDEX:
        v = ergo__jinja_eval(j, node->a);
        return index_of(j, v, ergo__jinja_eval(j, node->b));
    case JINJA_SLICE:
        return slice(j, node);
    case JINJA_CALL:
        return call(j, node);
    case JINJA_FILTER:
    case JINJA_TEST:
        return filter_or_test(j, node);
    case JINJA_NOT:
        return ergo__jinja_bool(!ergo__jinja_truth(ergo__jinja_eval(j, node->a)));
    case JINJA_NEGATE:
        v = ergo__jinja_eval(j, node->a);
        return v.type == JINJA_INT
                   ? arithmetic(j, '-', false, 0, v.as.number)
                   : ergo__jinja_fail(j, ERGO_E_FORMAT, "minus of what is no number", nothing);
    case JINJA_AND:
        v = ergo__jinja_eval(j, node->a);
        return ergo__jinja_truth(v) ? ergo__jinja_eval(j, node->b) : v;
    case JINJA_OR:
        v = ergo__jinja_eval(j, node->a);
        return ergo__jinja_truth(v) ? v : ergo__jinja_eval(j, node->b);
    case JINJA_CHOOSE:
        v = ergo__jinja_eval(j, node->b);
        return ergo__jinja_truth(v) ? ergo__jinja_eval(j, node->a)
               : node->c            ? ergo__jinja_eval(j, node->c)
                                    : undefined();
    case JINJA_BINARY:
        return binary(j, node);
    default:
        return ergo__jinja_fail(j, ERGO_E_FORMAT, "not an expression", nothing);
    }
}

jinja_value ergo__jinja_eval(jinja *j, const jinja_node *node)
{
    if (j->status != ERGO_OK)
        return undefined();
    j->line = node->line;
    if (j->depth >= ERGO__JINJA_DEPTH || ++j->steps > ERGO__JINJA_STEPS)
        return ergo__jinja_fail(j, ERGO_E_LIMIT, "too deep or too long a computation", nothing);
    ++j->depth;
    const jinja_value value = eval(j, node);
    --j->depth;
    return value;
}
