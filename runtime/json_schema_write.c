/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/grammar_utf8.h"
#include "runtime/json_schema.h"

void ergo__schema_fail(ergo__schema *s, ergo_status status, uint32_t at, const char *keyword,
                       const char *why)
{
    if (s->status)
        return;
    s->status = ergo__fail(s->log, status, "JSON schema: offset %lu: \"%s\" %s",
                           (unsigned long)s->json.values[at].at, keyword, why);
}

static void put_bytes(ergo__schema *s, const char *bytes, size_t size)
{
    if (size > SIZE_MAX - s->size) {
        ergo__schema_fail(s, ERGO_E_LIMIT, 0, "schema", "makes too long a grammar");
        return;
    }
    if (s->size < s->capacity) {
        const size_t room = s->capacity - s->size;
        memcpy(s->buffer + s->size, bytes, size < room ? size : room);
    }
    s->size += size;
}

void ergo__schema_put(ergo__schema *s, const char *text)
{
    put_bytes(s, text, strlen(text));
}

static void put_number(ergo__schema *s, uint32_t number)
{
    char digits[16];
    snprintf(digits, sizeof digits, "%lu", (unsigned long)number);
    ergo__schema_put(s, digits);
}

void ergo__schema_put_rule(ergo__schema *s, uint32_t node)
{
    if (node == ERGO__JSON_NONE) {
        ergo__schema_put_plain(s, ERGO__SCHEMA_VALUE);
        return;
    }
    if (s->wanted[node] == 0)
        s->wanted[node] = 1;
    ergo__schema_put(s, " v");
    put_number(s, node);
}

void ergo__schema_put_part(ergo__schema *s, uint32_t node, char kind, uint32_t i, uint32_t j)
{
    const char name[] = {'-', kind, '\0'};
    ergo__schema_put(s, " v");
    put_number(s, node);
    ergo__schema_put(s, name);
    put_number(s, i);
    if (j != ERGO__JSON_NONE) {
        ergo__schema_put(s, "-");
        put_number(s, j);
    }
}

void ergo__schema_put_counts(ergo__schema *s, uint32_t min, uint32_t max)
{
    ergo__schema_put(s, "{");
    put_number(s, min);
    ergo__schema_put(s, ",");
    if (max != ERGO__JSON_NONE)
        put_number(s, max);
    ergo__schema_put(s, "}");
}

void ergo__schema_put_char(ergo__schema *s, uint32_t c)
{
    char text[16];
    if (c < 0x20 || c == 0x7f || c == '-' || c == '^') { /* the last two: for classes */
        snprintf(text, sizeof text, "\\x%02X", (unsigned)c);
        ergo__schema_put(s, text);
        return;
    }
    if (c < 0x80 && strchr("\"\\[]", (int)c))
        ergo__schema_put(s, "\\");
    put_bytes(s, text, ergo__utf8_encode(c, text));
}

/* One character of a JSON string, as JSON escapes it, as the grammar escapes that. */
static void put_json_char(ergo__schema *s, uint32_t c)
{
    static const char controls[] = "\b\f\n\r\t", names[] = "bfnrt";
    char text[16];
    const char *found = c && c < 0x20 ? strchr(controls, (int)c) : NULL;
    if (c == '"' || c == '\\') {
        ergo__schema_put_char(s, '\\');
        ergo__schema_put_char(s, c);
    } else if (found) {
        ergo__schema_put_char(s, '\\');
        ergo__schema_put_char(s, (unsigned char)names[found - controls]);
    } else if (c < 0x20) {
        snprintf(text, sizeof text, "\\\\u%04x", (unsigned)c);
        ergo__schema_put(s, text);
    } else {
        ergo__schema_put_char(s, c);
    }
}

void ergo__schema_put_string(ergo__schema *s, uint32_t at, uint32_t size)
{
    ergo__schema_put(s, "\\\"");
    for (const uint32_t end = at + size; at < end;)
        put_json_char(s, ergo__json_next_char(&s->json, &at, end));
    ergo__schema_put(s, "\\\"");
}

/* Values are nested no deeper than the reader allows; so is this. */
static void put_value(ergo__schema *s, uint32_t value)
{
    const ergo__json_value *v = &s->json.values[value];
    if (v->kind == ERGO__JSON_STRING) {
        ergo__schema_put_string(s, v->at, v->size);
        return;
    }
    if (v->kind != ERGO__JSON_ARRAY && v->kind != ERGO__JSON_OBJECT) {
        put_bytes(s, s->json.text + v->at, v->size);
        return;
    }
    const bool object = v->kind == ERGO__JSON_OBJECT;
    ergo__schema_put(s, object ? "{" : "\\[");
    for (uint32_t i = v->child; i != ERGO__JSON_NONE; i = s->json.values[i].next) {
        if (object) {
            ergo__schema_put_string(s, s->json.values[i].key, s->json.values[i].key_size);
            ergo__schema_put(s, ":\"");
            ergo__schema_put_plain(s, ERGO__SCHEMA_SPACE);
            ergo__schema_put(s, " \"");
        }
        put_value(s, i);
        if (s->json.values[i].next != ERGO__JSON_NONE) {
            ergo__schema_put(s, ",\"");
            ergo__schema_put_plain(s, ERGO__SCHEMA_SPACE);
            ergo__schema_put(s, " \"");
        }
    }
    ergo__schema_put(s, object ? "}" : "\\]");
}

void ergo__schema_put_literal(ergo__schema *s, uint32_t value)
{
    ergo__schema_put(s, " \"");
    put_value(s, value);
    ergo__schema_put(s, "\"");
}
