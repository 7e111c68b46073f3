/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/json_reader.h"

#include <string.h>

#include "runtime/base/log.h"
#include "runtime/grammar_utf8.h"

typedef struct reader {
    ergo_str text;
    size_t at;
    const ergo_log *log;
    ergo__json_value *values; /* NULL while counting */
    uint32_t count;
} reader;

static ergo_status fail(const reader *r, ergo_status status, const char *what)
{
    return ergo__fail(r->log, status, "JSON: offset %zu: %s", r->at, what);
}

static char peek(const reader *r)
{
    return r->at < r->text.size ? r->text.data[r->at] : '\0';
}

static void skip_space(reader *r)
{
    for (char c = peek(r); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = peek(r))
        r->at++;
}

static bool skip(reader *r, char c)
{
    skip_space(r);
    if (peek(r) != c || r->at == r->text.size)
        return false;
    r->at++;
    return true;
}

static bool skip_digits(reader *r)
{
    const size_t start = r->at;
    while (peek(r) >= '0' && peek(r) <= '9')
        r->at++;
    return r->at > start;
}

static ergo_status read_number(reader *r)
{
    r->at += peek(r) == '-';
    const bool zero = peek(r) == '0';
    bool good = true;
    if (zero)
        r->at++;
    else
        good = skip_digits(r);
    if (good && peek(r) == '.') {
        r->at++;
        good = skip_digits(r);
    }
    if (good && (peek(r) == 'e' || peek(r) == 'E')) {
        r->at++;
        r->at += peek(r) == '-' || peek(r) == '+';
        good = skip_digits(r);
    }
    return good ? ERGO_OK : fail(r, ERGO_E_FORMAT, "malformed number");
}

/* Behind the opening quote; stops behind the closing one. */
static ergo_status read_string(reader *r, uint32_t *at, uint32_t *size)
{
    const size_t start = r->at;
    while (peek(r) != '"') {
        uint32_t c;
        const size_t bytes = ergo__utf8_decode(r->text.data + r->at, r->text.size - r->at, &c);
        if (bytes == 0 || c < 0x20)
            return fail(r, ERGO_E_FORMAT,
                        "a string is cut, not UTF-8 or holds a control character");
        r->at += bytes;
        if (c != '\\')
            continue;
        const char escape = peek(r);
        if (!escape || !strchr("\"\\/bfnrtu", escape))
            return fail(r, ERGO_E_FORMAT, "unknown escape");
        r->at++;
        if (escape != 'u')
            continue;
        if (r->text.size - r->at < 4 || !ergo__hex_value(r->text.data + r->at, 4, &c))
            return fail(r, ERGO_E_FORMAT, "\\u lacks four hexadecimal digits");
        r->at += 4;
    }
    *at = (uint32_t)start;
    *size = (uint32_t)(r->at++ - start);
    return ERGO_OK;
}

static ergo_status read_word(reader *r, const char *word)
{
    const size_t size = strlen(word);
    if (r->text.size - r->at < size || memcmp(r->text.data + r->at, word, size) != 0)
        return fail(r, ERGO_E_FORMAT, "a value is expected");
    r->at += size;
    return ERGO_OK;
}

static ergo_status read_value(reader *r, int depth, ergo__json_value head);

static ergo_status read_children(reader *r, int depth, uint32_t self, char closing)
{
    uint32_t last = ERGO__JSON_NONE;
    if (depth == ERGO__JSON_DEPTH)
        return fail(r, ERGO_E_LIMIT, "values are nested more than 64 deep");
    if (skip(r, closing))
        return ERGO_OK;
    for (;;) {
        ergo__json_value head = {.child = ERGO__JSON_NONE, .next = ERGO__JSON_NONE};
        ergo_status status = ERGO_OK;
        if (closing == '}') {
            if (!skip(r, '"'))
                return fail(r, ERGO_E_FORMAT, "the name of a member is expected");
            status = read_string(r, &head.key, &head.key_size);
            if (!status && !skip(r, ':'))
                status = fail(r, ERGO_E_FORMAT, "':' is expected");
        }
        const uint32_t child = r->count;
        if (r->values)
            *(last == ERGO__JSON_NONE ? &r->values[self].child : &r->values[last].next) = child;
        last = child;
        if (!status)
            status = read_value(r, depth + 1, head);
        if (status)
            return status;
        if (skip(r, closing))
            return ERGO_OK;
        if (!skip(r, ','))
            return fail(r, ERGO_E_FORMAT, "',' or the closing bracket is expected");
    }
}

static ergo_status read_value(reader *r, int depth, ergo__json_value head)
{
    const uint32_t self = r->count++;
    ergo_status status;
    skip_space(r);
    const char c = peek(r);
    const size_t start = r->at;
    head.at = (uint32_t)start;
    if (c == '"') {
        r->at++;
        head.kind = ERGO__JSON_STRING;
        status = read_string(r, &head.at, &head.size);
    } else if (c == '{' || c == '[') {
        r->at++;
        head.kind = c == '{' ? ERGO__JSON_OBJECT : ERGO__JSON_ARRAY;
        if (r->values)
            r->values[self] = head;
        return read_children(r, depth, self, c == '{' ? '}' : ']');
    } else if (c == '-' || (c >= '0' && c <= '9')) {
        head.kind = ERGO__JSON_NUMBER;
        status = read_number(r);
    } else {
        head.kind = c == 't' ? ERGO__JSON_TRUE : c == 'f' ? ERGO__JSON_FALSE : ERGO__JSON_NULL;
        status = read_word(r, c == 't' ? "true" : c == 'f' ? "false" : "null");
    }
    if (head.kind != ERGO__JSON_STRING)
        head.size = (uint32_t)(r->at - start);
    if (r->values)
        r->values[self] = head;
    return status;
}

static ergo_status read_text(reader *r)
{
    const ergo__json_value head = {.child = ERGO__JSON_NONE, .next = ERGO__JSON_NONE};
    const ergo_status status = read_value(r, 0, head);
    if (status)
        return status;
    skip_space(r);
    return r->at == r->text.size ? ERGO_OK : fail(r, ERGO_E_FORMAT, "text behind the value");
}

ergo_status ergo__json_read(ergo_str text, const ergo_log *log, ergo__arena *arena, ergo__json *out)
{
    if (!text.data || text.size > UINT32_MAX / 4)
        return ergo__fail(log, text.data ? ERGO_E_LIMIT : ERGO_E_ARGUMENT,
                          "JSON: a text of %zu bytes", text.size);
    reader r = {.text = text, .log = log};
    const ergo_status status = read_text(&r);
    if (status)
        return status;
    reader again = {
        .text = text, .log = log, .values = ERGO__TAKE(arena, ergo__json_value, r.count)};
    if (!again.values)
        return ergo__fail(log, ERGO_E_MEMORY, "JSON: too little scratch for %lu values",
                          (unsigned long)r.count);
    *out = (ergo__json){text.data, again.values, r.count};
    return read_text(&again);
}

uint32_t ergo__json_find(const ergo__json *json, uint32_t object, const char *key)
{
    uint32_t found = ERGO__JSON_NONE;
    if (json->values[object].kind != ERGO__JSON_OBJECT)
        return found;
    for (uint32_t i = json->values[object].child; i != ERGO__JSON_NONE; i = json->values[i].next)
        if (ergo__json_is(json, json->values[i].key, json->values[i].key_size, key))
            found = i;
    return found;
}

static uint32_t next_unit(const ergo__json *json, uint32_t *at)
{
    uint32_t c = 0xfffdu;
    *at += (uint32_t)ergo__utf8_decode(json->text + *at, 4, &c);
    if (c != '\\')
        return c;
    const char escape = json->text[(*at)++];
    static const char names[] = "bfnrt", values[] = "\b\f\n\r\t";
    if (escape == 'u') {
        ergo__hex_value(json->text + *at, 4, &c);
        *at += 4;
        return c;
    }
    const char *found = strchr(names, escape);
    return (unsigned char)(found ? values[found - names] : escape);
}

uint32_t ergo__json_next_char(const ergo__json *json, uint32_t *at, uint32_t end)
{
    const uint32_t c = next_unit(json, at);
    if (!ergo__is_surrogate(c))
        return c;
    if (c < 0xdc00u && *at < end && json->text[*at] == '\\') {
        uint32_t behind = *at;
        const uint32_t low = next_unit(json, &behind);
        if (low >= 0xdc00u && low <= 0xdfffu) {
            *at = behind;
            return 0x10000u + ((c - 0xd800u) << 10) + (low - 0xdc00u);
        }
    }
    return 0xfffdu;
}

bool ergo__json_same(const ergo__json *json, uint32_t a, uint32_t a_size, uint32_t b,
                     uint32_t b_size)
{
    const uint32_t a_end = a + a_size, b_end = b + b_size;
    while (a < a_end && b < b_end)
        if (ergo__json_next_char(json, &a, a_end) != ergo__json_next_char(json, &b, b_end))
            return false;
    return a == a_end && b == b_end;
}

bool ergo__json_is(const ergo__json *json, uint32_t at, uint32_t size, const char *word)
{
    const uint32_t end = at + size;
    while (at < end && *word) {
        uint32_t c;
        const size_t bytes = ergo__utf8_decode(word, 4, &c); /* stops at the final NUL */
        if (bytes == 0 || ergo__json_next_char(json, &at, end) != c)
            return false;
        word += bytes;
    }
    return at == end && !*word;
}
