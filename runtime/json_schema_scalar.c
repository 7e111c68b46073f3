/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "runtime/json_schema.h"

uint32_t ergo__schema_count(ergo__schema *s, uint32_t schema, const char *key, uint32_t otherwise)
{
    const uint32_t at = ergo__json_find(&s->json, schema, key);
    if (at == ERGO__JSON_NONE)
        return otherwise;
    const ergo__json_value *v = &s->json.values[at];
    uint32_t value = 0;
    bool good = v->kind == ERGO__JSON_NUMBER && v->size <= 9;
    for (uint32_t i = 0; good && i < v->size; i++) {
        const char c = s->json.text[v->at + i];
        good = c >= '0' && c <= '9';
        value = value * 10 + (uint32_t)(c - '0');
    }
    if (!good)
        ergo__schema_fail(s, ERGO_E_FORMAT, schema, key, "is no integer below 10^9");
    return good ? value : otherwise;
}

void ergo__schema_put_string_type(ergo__schema *s, uint32_t schema)
{
    static const struct {
        const char *name;
        ergo__schema_plain first, second;
    } formats[] = {
        {"date", ERGO__SCHEMA_DATE, ERGO__SCHEMA_PLAIN_COUNT},
        {"time", ERGO__SCHEMA_TIME, ERGO__SCHEMA_PLAIN_COUNT},
        {"date-time", ERGO__SCHEMA_DATE, ERGO__SCHEMA_TIME},
        {"uuid", ERGO__SCHEMA_UUID, ERGO__SCHEMA_PLAIN_COUNT},
    };
    const uint32_t format = ergo__json_find(&s->json, schema, "format");
    const uint32_t min = ergo__schema_count(s, schema, "minLength", 0);
    const uint32_t max = ergo__schema_count(s, schema, "maxLength", ERGO__JSON_NONE);
    if (min > max)
        ergo__schema_fail(s, ERGO_E_FORMAT, schema, "minLength", "is above maxLength");
    for (size_t i = 0; format != ERGO__JSON_NONE && i < sizeof formats / sizeof *formats; i++) {
        const ergo__json_value *v = &s->json.values[format];
        if (v->kind != ERGO__JSON_STRING ||
            !ergo__json_is(&s->json, v->at, v->size, formats[i].name))
            continue;
        ergo__schema_put(s, " \"\\\"\"");
        ergo__schema_put_plain(s, formats[i].first);
        if (formats[i].second != ERGO__SCHEMA_PLAIN_COUNT) {
            ergo__schema_put(s, " \"T\"");
            ergo__schema_put_plain(s, formats[i].second);
        }
        ergo__schema_put(s, " \"\\\"\"");
        return;
    }
    if (min == 0 && max == ERGO__JSON_NONE) {
        ergo__schema_put_plain(s, ERGO__SCHEMA_STRING);
        return;
    }
    ergo__schema_put(s, " \"\\\"\"");
    ergo__schema_put_plain(s, ERGO__SCHEMA_CHAR);
    ergo__schema_put_counts(s, min, max);
    ergo__schema_put(s, " \"\\\"\"");
}

/* An integer keyword as int64, up to 18 digits; behind the point nothing but zeros. */
static bool read_bound(ergo__schema *s, uint32_t schema, const char *key, int64_t *out)
{
    const uint32_t at = ergo__json_find(&s->json, schema, key);
    if (at == ERGO__JSON_NONE)
        return false;
    const ergo__json_value *v = &s->json.values[at];
    const char *p = s->json.text + v->at, *end = p + v->size;
    const bool negative = v->kind == ERGO__JSON_NUMBER && *p == '-';
    int64_t value = 0;
    int digits = 0;
    for (p += negative; p < end && *p >= '0' && *p <= '9' && digits < 19; p++, digits++)
        value = digits < 18 ? value * 10 + (*p - '0') : value;
    if (p < end && *p == '.')
        for (p++; p < end && *p == '0'; p++)
            ;
    if (p != end || digits == 0 || digits > 18) {
        ergo__schema_fail(s, ERGO_E_UNSUPPORTED, schema, key, "is no integer of up to 18 digits");
        return false;
    }
    *out = negative ? -value : value;
    return true;
}

/* One decimal digit from a to b behind `prefix` (0: nothing), and `free` digits behind it. */
static void put_digits(ergo__schema *s, uint64_t prefix, uint64_t a, uint64_t b, uint32_t free)
{
    char text[64];
    if (prefix)
        snprintf(text, sizeof text, " \"%llu\" [%llu-%llu]", (unsigned long long)prefix,
                 (unsigned long long)a, (unsigned long long)b);
    else
        snprintf(text, sizeof text, " [%llu-%llu]", (unsigned long long)a, (unsigned long long)b);
    ergo__schema_put(s, text);
    if (free != 0) {
        ergo__schema_put(s, " [0-9]");
        ergo__schema_put_counts(s, free, free);
    }
}

#define MAX_DIGITS 18

/**
 * Alternatives, each behind `sign`, for the integers from low to high: blocks of a power of ten
 * that share all but one digit. Without an upper bound the last one is "any longer number".
 */
static void put_range(ergo__schema *s, const char *sign, uint64_t low, uint64_t high, bool bounded,
                      bool *first)
{
    uint32_t length = 1;
    uint64_t limit = 10;
    for (; !bounded && limit <= low; limit *= 10)
        length++;
    if (!bounded)
        high = limit - 1;
    while (low <= high) {
        uint64_t block = 1;
        uint32_t free = 0;
        while (low != 0 && low % (block * 10) == 0 && low / (block * 10) != 0 &&
               high - low >= block * 10 - 1) {
            block *= 10;
            free++;
        }
        uint64_t last = low / block % 10;
        while (last < 9 && high - low >= block * (last - low / block % 10 + 2) - 1)
            last++;
        ergo__schema_put(s, *first ? "" : " |");
        ergo__schema_put(s, sign);
        put_digits(s, low / block / 10, low / block % 10, last, free);
        *first = false;
        low += block * (last - low / block % 10 + 1);
    }
    if (!bounded && length < MAX_DIGITS) {
        ergo__schema_put(s, *first ? "" : " |");
        ergo__schema_put(s, sign);
        ergo__schema_put(s, " [1-9] [0-9]");
        ergo__schema_put_counts(s, length, length < 15 ? 15 : MAX_DIGITS - 1);
        *first = false;
    }
}

static void put_integer(ergo__schema *s, uint32_t schema)
{
    int64_t min = 0, max = 0, edge;
    bool has_min = read_bound(s, schema, "minimum", &min);
    bool has_max = read_bound(s, schema, "maximum", &max);
    if (read_bound(s, schema, "exclusiveMinimum", &edge) && (!has_min || edge >= min)) {
        min = edge + 1;
        has_min = true;
    }
    if (read_bound(s, schema, "exclusiveMaximum", &edge) && (!has_max || edge <= max)) {
        max = edge - 1;
        has_max = true;
    }
    if (has_min && has_max && min > max)
        ergo__schema_fail(s, ERGO_E_FORMAT, schema, "minimum", "is above the maximum");
    if (s->status)
        return;
    if (!has_min && !has_max) {
        ergo__schema_put_plain(s, ERGO__SCHEMA_INTEGER);
        return;
    }
    bool first = true;
    if (!has_min || min < 0) /* magnitudes from 1, or from that of a negative maximum */
        put_range(s, " \"-\"", has_max && max < 0 ? (uint64_t)-max : 1,
                  has_min ? (uint64_t)-min : 0, has_min, &first);
    if (!has_max || max >= 0)
        put_range(s, "", has_min && min > 0 ? (uint64_t)min : 0, (uint64_t)max, has_max, &first);
}

void ergo__schema_put_number(ergo__schema *s, uint32_t schema, bool integer)
{
    static const char *const bounds[] = {"minimum", "maximum", "exclusiveMinimum",
                                         "exclusiveMaximum"};
    if (integer) {
        put_integer(s, schema);
        return;
    }
    for (size_t i = 0; i < 4; i++)
        if (ergo__json_find(&s->json, schema, bounds[i]) != ERGO__JSON_NONE)
            ergo__schema_fail(s, ERGO_E_UNSUPPORTED, schema, bounds[i],
                              "is supported for integers only");
    ergo__schema_put_plain(s, ERGO__SCHEMA_NUMBER);
}
