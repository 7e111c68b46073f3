/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "models/jinja.h"

/* The filters, tests, methods and functions that chat templates use. */

static const ergo_str nothing = {NULL, 0};

static jinja_value undefined(void)
{
    return (jinja_value){.type = JINJA_UNDEFINED};
}

/** The argument called `name`, or else the one at position i. */
static jinja_value argument(const jinja_arguments *a, size_t i, const char *name)
{
    for (size_t k = 0; k < a->count; ++k)
        if (a->name[k].size && ergo__jinja_is(a->name[k], name))
            return a->value[k];
    return i < a->count && a->name[i].size == 0 ? a->value[i] : undefined();
}

static ergo_str text_argument(const jinja_arguments *a, size_t i, const char *name)
{
    const jinja_value v = argument(a, i, name);
    return v.type == JINJA_STRING ? v.as.text : nothing;
}

static jinja_value length(jinja *j, jinja_value of)
{
    if (of.type == JINJA_UNDEFINED)
        return ergo__jinja_int(0);
    return ergo__jinja_int((int64_t)ergo__jinja_iterate(j, of).as.list.count);
}

static jinja_value join(jinja *j, jinja_value of, const jinja_arguments *a)
{
    const ergo_str between = text_argument(a, 0, "d");
    const ergo_str attribute = text_argument(a, 1, "attribute");
    const jinja_list list = ergo__jinja_iterate(j, of).as.list;
    jinja_value text = ergo__jinja_text(nothing);
    for (size_t i = 0; i < list.count && j->status == ERGO_OK; ++i) {
        jinja_value item = list.items[i];
        if (attribute.size)
            item = ergo__jinja_attribute(j, item, attribute);
        if (i)
            text = ergo__jinja_concat(j, text.as.text, between);
        text = ergo__jinja_concat(j, text.as.text, ergo__jinja_string(j, item).as.text);
    }
    return text;
}

static jinja_value map_items(jinja *j, jinja_value of)
{
    if (of.type != JINJA_MAP)
        return of.type == JINJA_UNDEFINED
                   ? ergo__jinja_items(NULL, 0)
                   : ergo__jinja_fail(j, ERGO_E_FORMAT, "items of what is no mapping", nothing);
    const jinja_list keys = ergo__jinja_iterate(j, of).as.list;
    jinja_value *items = ergo__jinja_take(j, keys.count);
    jinja_value *pairs = ergo__jinja_take(j, keys.count * 2);
    if (!items || !pairs)
        return undefined();
    for (size_t i = 0; i < keys.count; ++i) {
        pairs[2 * i] = keys.items[i];
        pairs[2 * i + 1] = *ergo__jinja_find(of.as.map, keys.items[i].as.text);
        items[i] = ergo__jinja_items(pairs + 2 * i, 2);
    }
    return ergo__jinja_items(items, keys.count);
}

/** select, reject, selectattr, rejectattr: the items for which a test, or their truth, says so. */
static jinja_value select(jinja *j, jinja_value of, const jinja_arguments *a, bool attribute,
                          bool keep)
{
    if (!ergo__jinja_truth(of)) /* also none */
        return ergo__jinja_items(NULL, 0);
    const jinja_list list = ergo__jinja_iterate(j, of).as.list;
    const ergo_str name = attribute ? text_argument(a, 0, "attribute") : nothing;
    const size_t first = attribute ? 1 : 0;
    const ergo_str test = text_argument(a, first, "test");
    jinja_arguments rest = {.count = a->count > first + 1 ? a->count - first - 1 : 0};
    for (size_t i = 0; i < rest.count; ++i)
        rest.value[i] = a->value[first + 1 + i];
    jinja_value *items = ergo__jinja_take(j, list.count);
    size_t n = 0;
    for (size_t i = 0; items && i < list.count && j->status == ERGO_OK; ++i) {
        jinja_value v = list.items[i];
        if (attribute)
            v = ergo__jinja_attribute(j, v, name);
        if ((test.size ? ergo__jinja_test(j, test, v, &rest) : ergo__jinja_truth(v)) == keep)
            items[n++] = list.items[i];
    }
    return ergo__jinja_items(items, n);
}

static jinja_value map_filter(jinja *j, jinja_value of, const jinja_arguments *a)
{
    const jinja_list list = ergo__jinja_iterate(j, of).as.list;
    const ergo_str attribute = text_argument(a, SIZE_MAX, "attribute");
    const jinja_arguments none = {.count = 0};
    jinja_value *items = ergo__jinja_take(j, list.count);
    for (size_t i = 0; items && i < list.count && j->status == ERGO_OK; ++i)
        items[i] = attribute.size
                       ? ergo__jinja_attribute(j, list.items[i], attribute)
                       : ergo__jinja_filter(j, text_argument(a, 0, "filter"), list.items[i], &none);
    return ergo__jinja_items(items, items ? list.count : 0);
}

static jinja_value integer(jinja_value of)
{
    int64_t number = 0;
    if (of.type == JINJA_INT)
        return of;
    if (of.type != JINJA_STRING)
        return ergo__jinja_int(of.type == JINJA_BOOL && of.as.truth);
    const ergo_str text = ergo__jinja_strip(of.as.text, nothing, true, true);
    for (size_t i = 0; i < text.size; ++i) {
        if (text.data[i] < '0' || text.data[i] > '9' || number > INT32_MAX)
            return ergo__jinja_int(0);
        number = number * 10 + (text.data[i] - '0');
    }
    return ergo__jinja_int(number);
}

static jinja_value end_item(jinja *j, jinja_value of, bool last)
{
    const jinja_list list = ergo__jinja_iterate(j, of).as.list;
    return list.count ? list.items[last ? list.count - 1 : 0] : undefined();
}

/** A list without items that equal earlier ones. */
static jinja_value unique(jinja *j, jinja_value of)
{
    const jinja_list list = ergo__jinja_iterate(j, of).as.list;
    jinja_value *items = ergo__jinja_take(j, list.count);
    size_t n = 0;
    for (size_t i = 0; items && i < list.count; ++i)
        if (!ergo__jinja_contains(j, ergo__jinja_items(items, n), list.items[i]))
            items[n++] = list.items[i];
    return ergo__jinja_items(items, n);
}

/** Filters whose name is a method of texts too. */
static bool is_text_filter(ergo_str name)
{
    static const char *const names[] = {"upper", "lower", "title", "capitalize", "replace"};
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i)
        if (ergo__jinja_is(name, names[i]))
            return true;
    return false;
}

static jinja_value list_filter(jinja *j, ergo_str name, jinja_value on, const jinja_arguments *a)
{
    if (ergo__jinja_is(name, "join"))
        return join(j, on, a);
    if (ergo__jinja_is(name, "first") || ergo__jinja_is(name, "last"))
        return end_item(j, on, ergo__jinja_is(name, "last"));
    if (ergo__jinja_is(name, "list"))
        return ergo__jinja_iterate(j, on);
    if (ergo__jinja_is(name, "items"))
        return map_items(j, on);
    if (ergo__jinja_is(name, "map"))
        return map_filter(j, on, a);
    if (ergo__jinja_is(name, "unique"))
        return unique(j, on);
    const bool keep = ergo__jinja_is(name, "select") || ergo__jinja_is(name, "selectattr");
    if (keep || ergo__jinja_is(name, "reject") || ergo__jinja_is(name, "rejectattr"))
        return select(j, on, a, name.size > 6, keep);
    return ergo__jinja_fail(j, ERGO_E_UNSUPPORTED, "unknown filter", name);
}

jinja_value ergo__jinja_filter(jinja *j, ergo_str name, jinja_value on, const jinja_arguments *a)
{
    if (ergo__jinja_is(name, "trim")) {
        const jinja_value text = ergo__jinja_string(j, on);
        return ergo__jinja_text(
            ergo__jinja_strip(text.as.text, text_argument(a, 0, "chars"), true, true));
    }
    if (ergo__jinja_is(name, "length") || ergo__jinja_is(name, "count"))
        return length(j, on);
    if (ergo__jinja_is(name, "string"))
        return ergo__jinja_string(j, on);
    if (ergo__jinja_is(name, "tojson"))
        return ergo__jinja_json(j, on);
    if (ergo__jinja_is(name, "safe"))
        return on;
    if (ergo__jinja_is(name, "int"))
        return integer(on);
    if (ergo__jinja_is(name, "default") || ergo__jinja_is(name, "d")) {
        const bool falsy = ergo__jinja_truth(argument(a, 1, "boolean"));
        const bool missing = on.type == JINJA_UNDEFINED || (falsy && !ergo__jinja_truth(on));
        return missing ? argument(a, 0, "default_value") : on;
    }
    if (is_text_filter(name))
        return ergo__jinja_method(j, name, ergo__jinja_string(j, on), a);
    return list_filter(j, name, on, a);
}

static bool ends(ergo_str text, jinja_value with, bool front)
{
    if (with.type == JINJA_LIST) {
        bool any = false;
        for (size_t i = 0; i < with.as.list.count; ++i)
            any = any || (with.as.list.items[i].type == JINJA_STRING &&
                          ends(text, with.as.list.items[i], front));
        return any;
    }
    const ergo_str part = with.type == JINJA_STRING ? with.as.text : nothing;
    if (part.size > text.size)
        return false;
    const char *at = front ? text.data : text.data + (text.size - part.size);
    return ergo__jinja_same((ergo_str){at, part.size}, part);
}

static jinja_value text_method(jinja *j, ergo_str name, ergo_str on, const jinja_arguments *a)
{
    const ergo_str first = text_argument(a, 0, "chars");
    if (ergo__jinja_is(name, "strip"))
        return ergo__jinja_text(ergo__jinja_strip(on, first, true, true));
    if (ergo__jinja_is(name, "lstrip"))
        return ergo__jinja_text(ergo__jinja_strip(on, first, true, false));
    if (ergo__jinja_is(name, "rstrip"))
        return ergo__jinja_text(ergo__jinja_strip(on, first, false, true));
    if (ergo__jinja_is(name, "startswith") || ergo__jinja_is(name, "endswith"))
        return ergo__jinja_bool(
            ends(on, argument(a, 0, "prefix"), ergo__jinja_is(name, "startswith")));
    if (ergo__jinja_is(name, "split"))
        return ergo__jinja_split(j, on, a);
    if (ergo__jinja_is(name, "replace"))
        return ergo__jinja_replace(j, on, text_argument(a, 0, "old"), text_argument(a, 1, "new"));
    if (ergo__jinja_is(name, "find")) {
        const size_t at = ergo__jinja_search(on, first, 0);
        return ergo__jinja_int(at == SIZE_MAX ? -1 : (int64_t)at);
    }
    if (ergo__jinja_is(name, "join")) {
        jinja_arguments by = {.count = 1};
        by.value[0] = ergo__jinja_text(on);
        return join(j, argument(a, 0, "iterable"), &by);
    }
    if (is_text_filter(name))
        return ergo__jinja_case(j, on, name);
    return ergo__jinja_fail(j, ERGO_E_UNSUPPORTED, "unknown method of a text:", name);
}

jinja_value ergo__jinja_method(jinja *j, ergo_str name, jinja_value on, const jinja_arguments *a)
{
    if (on.type == JINJA_STRING)
        return text_method(j, name, on.as.text, a);
    if (on.type == JINJA_MAP) {
        if (ergo__jinja_is(name, "items"))
            return map_items(j, on);
        if (ergo__jinja_is(name, "keys"))
            return ergo__jinja_iterate(j, on);
        if (ergo__jinja_is(name, "get")) {
            const jinja_value *value = ergo__jinja_find(on.as.map, text_argument(a, 0, "key"));
            const jinja_value other = argument(a, 1, "default");
            return value                           ? *value
                   : other.type != JINJA_UNDEFINED ? other
                                                   : (jinja_value){.type = JINJA_NONE};
        }
    }
    return ergo__jinja_fail(j, ERGO_E_UNSUPPORTED, "unknown method", name);
}

static bool type_test(ergo_str name, jinja_value on, bool *known)
{
    const bool text = on.type == JINJA_STRING, list = on.type == JINJA_LIST,
               map = on.type == JINJA_MAP;
    const struct {
        const char *name;
        bool holds;
    } tests[] = {
        {"defined", on.type != JINJA_UNDEFINED},
        {"undefined", on.type == JINJA_UNDEFINED},
        {"none", on.type == JINJA_NONE},
        {"string", text},
        {"mapping", map},
        {"iterable", text || list || map || on.type == JINJA_UNDEFINED},
        {"sequence", text || list || map || on.type == JINJA_UNDEFINED},
        {"boolean", on.type == JINJA_BOOL},
        {"true", on.type == JINJA_BOOL && on.as.truth},
        {"false", on.type == JINJA_BOOL && !on.as.truth},
        {"integer", on.type == JINJA_INT},
        {"number", on.type == JINJA_INT || on.type == JINJA_BOOL},
        {"callable", on.type == JINJA_MACRO || on.type == JINJA_FUNCTION},
        {"odd", on.type == JINJA_INT && on.as.number % 2 != 0},
        {"even", on.type == JINJA_INT && on.as.number % 2 == 0},
    };
    for (size_t i = 0; i < sizeof tests / sizeof *tests; ++i)
        if ((*known = ergo__jinja_is(name, tests[i].name)))
            return tests[i].holds;
    return false;
}

bool ergo__jinja_test(jinja *j, ergo_str name, jinja_value on, const jinja_arguments *a)
{
    bool known = false;
    const bool holds = type_test(name, on, &known);
    if (known)
        return holds;
    const jinja_value with = argument(a, 0, "other");
    if (ergo__jinja_is(name, "equalto") || ergo__jinja_is(name, "eq") || ergo__jinja_is(name, "=="))
        return ergo__jinja_equal(on, with, 0);
    if (ergo__jinja_is(name, "ne") || ergo__jinja_is(name, "!="))
        return !ergo__jinja_equal(on, with, 0);
    if (ergo__jinja_is(name, "in"))
        return ergo__jinja_contains(j, with, on);
    ergo__jinja_fail(j, ERGO_E_UNSUPPORTED, "unknown test", name);
    return false;
}

static jinja_value range(jinja *j, const jinja_arguments *a)
{
    const jinja_value first = argument(a, 0, "start"), second = argument(a, 1, "stop");
    const jinja_value third = a->count > 2 ? a->value[2] : ergo__jinja_int(1);
    const bool both = second.type == JINJA_INT;
    if (first.type != JINJA_INT || third.type != JINJA_INT || third.as.number == 0)
        return ergo__jinja_fail(j, ERGO_E_UNSUPPORTED, "range", nothing);
    const int64_t from = both ? first.as.number : 0, to = both ? second.as.number : first.as.number;
    const int64_t step = third.as.number, limit = ERGO__JINJA_STEPS;
    if (from < -limit || from > limit || to < -limit || to > limit || step < -limit || step > limit)
        return ergo__jinja_fail(j, ERGO_E_LIMIT, "range too long", nothing);
    const int64_t way = step > 0 ? to - from : from - to, stride = step > 0 ? step : -step;
    const size_t count = way > 0 ? (size_t)((way + stride - 1) / stride) : 0;
    jinja_value *items = ergo__jinja_take(j, count);
    for (size_t i = 0; items && i < count; ++i)
        items[i] = ergo__jinja_int(from + (int64_t)i * step);
    return ergo__jinja_items(items, items ? count : 0);
}

static const char *const functions[] = {"namespace", "dict", "range", "raise_exception",
                                        "strftime_now"};

bool ergo__jinja_is_function(ergo_str name)
{
    for (size_t i = 0; i < sizeof functions / sizeof *functions; ++i)
        if (ergo__jinja_is(name, functions[i]))
            return true;
    return false;
}

jinja_value ergo__jinja_function(jinja *j, ergo_str name, const jinja_arguments *a)
{
    if (ergo__jinja_is(name, "raise_exception"))
        return ergo__jinja_fail(j, ERGO_E_ARGUMENT, "refused:", text_argument(a, 0, "message"));
    if (ergo__jinja_is(name, "strftime_now"))
        return ergo__jinja_date(j, text_argument(a, 0, "format"));
    if (ergo__jinja_is(name, "range"))
        return range(j, a);
    jinja_map *map = ergo__jinja_map(j); /* namespace, dict */
    for (size_t i = 0; i < a->count; ++i)
        if (a->name[i].size)
            ergo__jinja_put(j, map, a->name[i], a->value[i]);
    return map ? (jinja_value){.type = JINJA_MAP, .as.map = map} : undefined();
}
