/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "models/jinja.h"
#include "runtime/base/checked.h"
#include "runtime/base/log.h"

/** Remembers the first error, says what it is, and gives a value to go on with. */
jinja_value ergo__jinja_fail(jinja *j, ergo_status status, const char *what, ergo_str which)
{
    char shown[160]; /* from the template: anything */
    const size_t n = ergo__min_size(which.size, sizeof shown - 1);
    for (size_t i = 0; i < n; ++i)
        shown[i] = which.data[i] >= ' ' && which.data[i] <= '~' ? which.data[i] : '?';
    shown[n] = '\0';
    if (j->status == ERGO_OK)
        j->status = ergo__fail(j->log, status, "chat template, line %d: %s%s%s", j->line, what,
                               n ? " " : "", shown);
    return (jinja_value){.type = JINJA_UNDEFINED};
}

jinja_value *ergo__jinja_take(jinja *j, size_t count)
{
    jinja_value *items = ERGO__TAKE(&j->arena, jinja_value, count);
    if (!items)
        ergo__jinja_fail(j, ERGO_E_MEMORY, "scratch memory too small", (ergo_str){NULL, 0});
    return items;
}

char *ergo__jinja_bytes(jinja *j, size_t count)
{
    char *bytes = ERGO__TAKE(&j->arena, char, count);
    if (!bytes)
        ergo__jinja_fail(j, ERGO_E_MEMORY, "scratch memory too small", (ergo_str){NULL, 0});
    return bytes;
}

jinja_value ergo__jinja_text(ergo_str text)
{
    return (jinja_value){.type = JINJA_STRING, .as.text = text};
}

jinja_value ergo__jinja_int(int64_t number)
{
    return (jinja_value){.type = JINJA_INT, .as.number = number};
}

jinja_value ergo__jinja_bool(bool truth)
{
    return (jinja_value){.type = JINJA_BOOL, .as.truth = truth};
}

jinja_value ergo__jinja_items(const jinja_value *items, size_t count)
{
    return (jinja_value){.type = JINJA_LIST, .as.list = {items, count}};
}

bool ergo__jinja_truth(jinja_value v)
{
    switch (v.type) {
    case JINJA_UNDEFINED:
    case JINJA_NONE:
        return false;
    case JINJA_BOOL:
        return v.as.truth;
    case JINJA_INT:
        return v.as.number != 0;
    case JINJA_STRING:
        return v.as.text.size != 0;
    case JINJA_LIST:
        return v.as.list.count != 0;
    case JINJA_MAP:
        return v.as.map->first != NULL;
    case JINJA_LOOP:
    case JINJA_MACRO:
    case JINJA_FUNCTION:
        break;
    }
    return true;
}

static bool equal_maps(const jinja_map *a, const jinja_map *b, unsigned depth)
{
    size_t left = 0, right = 0;
    for (const jinja_pair *pair = b->first; pair; pair = pair->next)
        ++right;
    for (const jinja_pair *pair = a->first; pair; pair = pair->next, ++left) {
        const jinja_value *other = ergo__jinja_find(b, pair->key);
        if (!other || !ergo__jinja_equal(pair->value, *other, depth + 1))
            return false;
    }
    return left == right;
}

/** As in Python, where True is 1; deeper than any message nests, values count as different. */
bool ergo__jinja_equal(jinja_value a, jinja_value b, unsigned depth)
{
    if (a.type == JINJA_BOOL)
        a = ergo__jinja_int(a.as.truth);
    if (b.type == JINJA_BOOL)
        b = ergo__jinja_int(b.as.truth);
    if (a.type != b.type || depth > 8)
        return false;
    switch (a.type) {
    case JINJA_UNDEFINED:
    case JINJA_NONE:
        return true;
    case JINJA_INT:
        return a.as.number == b.as.number;
    case JINJA_STRING:
        return ergo__jinja_same(a.as.text, b.as.text);
    case JINJA_LIST:
        if (a.as.list.count != b.as.list.count)
            return false;
        for (size_t i = 0; i < a.as.list.count; ++i)
            if (!ergo__jinja_equal(a.as.list.items[i], b.as.list.items[i], depth + 1))
                return false;
        return true;
    case JINJA_MAP:
        return a.as.map == b.as.map || equal_maps(a.as.map, b.as.map, depth);
    case JINJA_BOOL:
    case JINJA_LOOP:
    case JINJA_MACRO:
    case JINJA_FUNCTION:
        break;
    }
    return false;
}

bool ergo__jinja_contains(jinja *j, jinja_value in, jinja_value what)
{
    if (in.type == JINJA_STRING && what.type == JINJA_STRING)
        return ergo__jinja_search(in.as.text, what.as.text, 0) != SIZE_MAX;
    if (in.type == JINJA_MAP)
        return what.type == JINJA_STRING && ergo__jinja_find(in.as.map, what.as.text);
    if (in.type == JINJA_LIST) {
        for (size_t i = 0; i < in.as.list.count; ++i)
            if (ergo__jinja_equal(in.as.list.items[i], what, 0))
                return true;
        return false;
    }
    if (in.type != JINJA_UNDEFINED)
        ergo__jinja_fail(j, ERGO_E_FORMAT, "nothing can be in this value", (ergo_str){NULL, 0});
    return false;
}

jinja_value *ergo__jinja_find(const jinja_map *map, ergo_str key)
{
    for (jinja_pair *pair = map->first; pair; pair = pair->next)
        if (ergo__jinja_same(pair->key, key))
            return &pair->value;
    return NULL;
}

jinja_map *ergo__jinja_map(jinja *j)
{
    jinja_map *map = ERGO__TAKE(&j->arena, jinja_map, 1);
    if (map)
        *map = (jinja_map){NULL, NULL};
    else
        ergo__jinja_fail(j, ERGO_E_MEMORY, "scratch memory too small", (ergo_str){NULL, 0});
    return map;
}

void ergo__jinja_put(jinja *j, jinja_map *map, ergo_str key, jinja_value value)
{
    jinja_value *old = map ? ergo__jinja_find(map, key) : NULL;
    if (old) {
        *old = value;
        return;
    }
    jinja_pair *pair = map ? ERGO__TAKE(&j->arena, jinja_pair, 1) : NULL;
    if (!pair) {
        ergo__jinja_fail(j, ERGO_E_MEMORY, "scratch memory too small", (ergo_str){NULL, 0});
        return;
    }
    *pair = (jinja_pair){key, value, NULL};
    if (map->last)
        map->last->next = pair;
    else
        map->first = pair;
    map->last = pair;
}

jinja_value ergo__jinja_concat(jinja *j, ergo_str a, ergo_str b)
{
    size_t size;
    if (a.size == 0 || b.size == 0)
        return ergo__jinja_text(a.size ? a : b);
    if (!ergo__add_size(a.size, b.size, &size))
        return ergo__jinja_fail(j, ERGO_E_LIMIT, "text too long", (ergo_str){NULL, 0});
    char *bytes = ergo__jinja_bytes(j, size);
    if (!bytes)
        return ergo__jinja_text((ergo_str){NULL, 0});
    memcpy(bytes, a.data, a.size);
    memcpy(bytes + a.size, b.data, b.size);
    return ergo__jinja_text((ergo_str){bytes, size});
}

static ergo_str constant(const char *text)
{
    return (ergo_str){text, strlen(text)};
}

/** The text that a value is printed as. */
jinja_value ergo__jinja_string(jinja *j, jinja_value v)
{
    char digits[24], *bytes;
    switch (v.type) {
    case JINJA_STRING:
        return v;
    case JINJA_UNDEFINED:
        return ergo__jinja_text((ergo_str){NULL, 0});
    case JINJA_NONE:
        return ergo__jinja_text(constant("None"));
    case JINJA_BOOL:
        return ergo__jinja_text(constant(v.as.truth ? "True" : "False"));
    case JINJA_INT:
        snprintf(digits, sizeof digits, "%" PRId64, v.as.number);
        bytes = ergo__jinja_bytes(j, strlen(digits));
        if (!bytes)
            return ergo__jinja_text((ergo_str){NULL, 0});
        memcpy(bytes, digits, strlen(digits));
        return ergo__jinja_text((ergo_str){bytes, strlen(digits)});
    case JINJA_LIST:
    case JINJA_MAP:
    case JINJA_LOOP:
    case JINJA_MACRO:
    case JINJA_FUNCTION:
        break;
    }
    return ergo__jinja_fail(j, ERGO_E_UNSUPPORTED, "prints a list or an object",
                            (ergo_str){NULL, 0});
}

/** Text as a JSON string, all but ASCII control characters as it is. */
static jinja_value json_text(jinja *j, ergo_str text)
{
    static const char from[] = "\"\\\n\r\t\b\f", to[] = "\"\\nrtbf";
    char *out = text.size < SIZE_MAX / 6 - 2 ? ergo__jinja_bytes(j, text.size * 6 + 2) : NULL;
    size_t n = 0;
    if (!out)
        return ergo__jinja_text((ergo_str){NULL, 0});
    out[n++] = '"';
    for (size_t i = 0; i < text.size; ++i) {
        const char c = text.data[i];
        const char *escape = c ? strchr(from, c) : NULL;
        if (escape) {
            out[n++] = '\\';
            out[n++] = to[escape - from];
        } else if ((unsigned char)c < 0x20) {
            static const char hex[] = "0123456789abcdef";
            memcpy(out + n, "\\u00", 4);
            out[n + 4] = hex[c >> 4];
            out[n + 5] = hex[c & 15];
            n += 6;
        } else {
            out[n++] = c;
        }
    }
    out[n++] = '"';
    return ergo__jinja_text((ergo_str){out, n});
}

jinja_value ergo__jinja_json(jinja *j, jinja_value v)
{
    if (v.type == JINJA_STRING)
        return json_text(j, v.as.text);
    if (v.type == JINJA_BOOL)
        return ergo__jinja_text(constant(v.as.truth ? "true" : "false"));
    if (v.type == JINJA_NONE)
        return ergo__jinja_text(constant("null"));
    return ergo__jinja_string(j, v);
}

static size_t character_size(ergo_str text, size_t at)
{
    size_t n = 1;
    while (at + n < text.size && ((unsigned char)text.data[at + n] & 0xC0) == 0x80)
        ++n;
    return n;
}

/** What a for goes over: a list; a map's keys; a text's characters; nothing where undefined. */
jinja_value ergo__jinja_iterate(jinja *j, jinja_value v)
{
    if (v.type == JINJA_LIST)
        return v;
    if (v.type == JINJA_UNDEFINED)
        return ergo__jinja_items(NULL, 0);
    size_t count = 0;
    if (v.type == JINJA_MAP) {
        for (const jinja_pair *pair = v.as.map->first; pair; pair = pair->next)
            ++count;
    } else if (v.type == JINJA_STRING) {
        for (size_t i = 0; i < v.as.text.size; i += character_size(v.as.text, i))
            ++count;
    } else {
        return ergo__jinja_fail(j, ERGO_E_FORMAT, "not a sequence", (ergo_str){NULL, 0});
    }
    jinja_value *items = ergo__jinja_take(j, count);
    if (!items)
        return ergo__jinja_items(NULL, 0);
    size_t n = 0;
    if (v.type == JINJA_MAP) {
        for (const jinja_pair *pair = v.as.map->first; pair; pair = pair->next)
            items[n++] = ergo__jinja_text(pair->key);
    } else {
        for (size_t i = 0, size; i < v.as.text.size; i += size) {
            size = character_size(v.as.text, i);
            items[n++] = ergo__jinja_text((ergo_str){v.as.text.data + i, size});
        }
    }
    return ergo__jinja_items(items, count);
}
