/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/json_write.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

json_writer json_start(FILE *out)
{
    return (json_writer){.out = out};
}

int json_utf8_next(const unsigned char *text, size_t size)
{
    const unsigned char lead = text[0];
    if (lead < 0x80)
        return 1;
    if (lead < 0xc2 || lead > 0xf4)
        return -1;
    const int need = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    /* The second byte's range keeps out long forms, surrogates and what is above U+10FFFF. */
    unsigned char low = 0x80;
    unsigned char high = 0xbf;
    if (lead == 0xe0)
        low = 0xa0;
    else if (lead == 0xed)
        high = 0x9f;
    else if (lead == 0xf0)
        low = 0x90;
    else if (lead == 0xf4)
        high = 0x8f;
    for (int i = 1; i < need; i++) {
        if ((size_t)i >= size || text[i] < low || text[i] > high)
            return -i;
        low = 0x80;
        high = 0xbf;
    }
    return need;
}

static void write_string(json_writer *json, ergo_str text)
{
    const unsigned char *at = (const unsigned char *)text.data;
    size_t left = text.size;
    (void)fputc('"', json->out);
    while (left > 0) {
        const int step = json_utf8_next(at, left);
        const size_t size = (size_t)(step < 0 ? -step : step);
        if (step < 0)
            (void)fputs("\xef\xbf\xbd", json->out);
        else if (*at == '"' || *at == '\\')
            (void)fprintf(json->out, "\\%c", *at);
        else if (*at == '\n')
            (void)fputs("\\n", json->out);
        else if (*at == '\t')
            (void)fputs("\\t", json->out);
        else if (*at < 0x20 || *at == 0x7f)
            (void)fprintf(json->out, "\\u%04x", *at);
        else
            (void)fwrite(at, 1, size, json->out);
        at += size;
        left -= size;
    }
    (void)fputc('"', json->out);
}

static void start_member(json_writer *json, const char *key)
{
    if (json->filled[json->depth])
        (void)fputc(',', json->out);
    json->filled[json->depth] = true;
    if (key != NULL) {
        write_string(json, (ergo_str){key, strlen(key)});
        (void)fputc(':', json->out);
    }
}

static void open_level(json_writer *json, const char *key, char bracket)
{
    start_member(json, key);
    (void)fputc(bracket, json->out);
    if (json->depth + 1 < JSON_DEPTH_MAX)
        json->depth++;
    json->filled[json->depth] = false;
}

static void close_level(json_writer *json, char bracket)
{
    (void)fputc(bracket, json->out);
    if (json->depth > 0)
        json->depth--;
}

void json_object(json_writer *json, const char *key)
{
    open_level(json, key, '{');
}

void json_object_end(json_writer *json)
{
    close_level(json, '}');
}

void json_array(json_writer *json, const char *key)
{
    open_level(json, key, '[');
}

void json_array_end(json_writer *json)
{
    close_level(json, ']');
}

void json_str(json_writer *json, const char *key, ergo_str text)
{
    start_member(json, key);
    write_string(json, text);
}

void json_text(json_writer *json, const char *key, const char *text)
{
    if (text == NULL)
        json_null(json, key);
    else
        json_str(json, key, (ergo_str){text, strlen(text)});
}

void json_u64(json_writer *json, const char *key, uint64_t value)
{
    start_member(json, key);
    (void)fprintf(json->out, "%" PRIu64, value);
}

void json_i64(json_writer *json, const char *key, int64_t value)
{
    start_member(json, key);
    (void)fprintf(json->out, "%" PRId64, value);
}

void json_double(json_writer *json, const char *key, double value)
{
    if (!isfinite(value)) {
        json_null(json, key);
        return;
    }
    char text[40];
    for (int digits = 15; digits <= 17; digits++) { /* the shortest that reads back the same */
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    start_member(json, key);
    (void)fputs(text, json->out);
}

void json_bool(json_writer *json, const char *key, bool value)
{
    start_member(json, key);
    (void)fputs(value ? "true" : "false", json->out);
}

void json_null(json_writer *json, const char *key)
{
    start_member(json, key);
    (void)fputs("null", json->out);
}

void json_finish(json_writer *json)
{
    (void)fputc('\n', json->out);
}
