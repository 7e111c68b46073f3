/* SPDX-License-Identifier: Apache-2.0 */
#include "power/sections.h"

#include <inttypes.h>
#include <string.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static ergo_str trimmed(ergo_str s)
{
    while (s.size > 0 && is_space(s.data[0]))
        s = (ergo_str){s.data + 1, s.size - 1};
    while (s.size > 0 && is_space(s.data[s.size - 1]))
        s.size--;
    return s;
}

bool ergo__str_is(ergo_str s, const char *text)
{
    return s.size == strlen(text) && memcmp(s.data, text, s.size) == 0;
}

const char *ergo__str_keep(ergo__arena *arena, ergo_str s)
{
    char *copy = ergo__arena_take(arena, s.size + 1, 1, 1);
    if (!copy)
        return "";
    memcpy(copy, s.data, s.size);
    copy[s.size] = '\0';
    return copy;
}

bool ergo__sections_word(ergo_str *rest, ergo_str *word)
{
    const ergo_str s = trimmed(*rest);
    size_t size = 0;
    while (size < s.size && !is_space(s.data[size]))
        size++;
    if (size == 0)
        return false;
    *word = (ergo_str){s.data, size};
    *rest = trimmed((ergo_str){s.data + size, s.size - size});
    return true;
}

ergo__sections ergo__sections_begin(ergo_str text, const ergo_log *log, const char *file)
{
    const ergo_str none = {"", 0};
    return (ergo__sections){.log = log,
                            .file = file,
                            .text = text,
                            .kind = none,
                            .name = none,
                            .key = none,
                            .value = none};
}

ergo_status ergo__sections_bad(const ergo__sections *s, const char *what, ergo_str value)
{
    return ergo__fail(s->log, ERGO_E_FORMAT, "%s:%u: %s '%.*s'", s->file, s->line, what,
                      (int)(value.size < 60 ? value.size : 60), value.data);
}

/* The next line without its comment; false at the end. */
static bool next_line(ergo__sections *s, ergo_str *line)
{
    if (s->at >= s->text.size)
        return false;
    const char *start = s->text.data + s->at;
    const size_t left = s->text.size - s->at;
    const char *end = memchr(start, '\n', left);
    const size_t size = end ? (size_t)(end - start) : left;
    s->at += size + 1;
    s->line++;
    const char *comment = memchr(start, '#', size);
    *line = trimmed((ergo_str){start, comment ? (size_t)(comment - start) : size});
    return true;
}

static ergo_status begin_section(ergo__sections *s, ergo_str line)
{
    if (line.size < 3 || line.data[line.size - 1] != ']')
        return ergo__sections_bad(s, "not a section", line);
    ergo_str inside = {line.data + 1, line.size - 2};
    if (!ergo__sections_word(&inside, &s->kind))
        return ergo__sections_bad(s, "not a section", line);
    s->name = inside;
    return ERGO_OK;
}

static ergo_status set_key(ergo__sections *s, ergo_str line)
{
    const char *sign = memchr(line.data, '=', line.size);
    if (!sign)
        return ergo__sections_bad(s, "neither a section nor key = value:", line);
    if (s->kind.size == 0)
        return ergo__sections_bad(s, "outside of any section:", line);
    const size_t size = (size_t)(sign - line.data);
    s->key = trimmed((ergo_str){line.data, size});
    s->value = trimmed((ergo_str){sign + 1, line.size - size - 1});
    return s->value.size > 0 ? ERGO_OK : ergo__sections_bad(s, "no value for", s->key);
}

ergo_status ergo__sections_next(ergo__sections *s, ergo__line *line)
{
    ergo_str text;
    while (next_line(s, &text)) {
        if (text.size == 0)
            continue;
        const bool section = text.data[0] == '[';
        *line = section ? ERGO__LINE_SECTION : ERGO__LINE_KEY;
        return section ? begin_section(s, text) : set_key(s, text);
    }
    *line = ERGO__LINE_END;
    return ERGO_OK;
}

/* Digits alone, as a number; larger ones stay at INT64_MAX. */
static bool digits(ergo_str text, int64_t *out)
{
    int64_t n = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        const int64_t digit = text.data[i] - '0';
        n = n > (INT64_MAX - digit) / 10 ? INT64_MAX : n * 10 + digit;
    }
    *out = n;
    return text.size > 0;
}

ergo_status ergo__sections_number(const ergo__sections *s, ergo_str text, int64_t least,
                                  int64_t most, int64_t *out)
{
    const bool negative = text.size > 0 && text.data[0] == '-';
    const ergo_str size = negative ? (ergo_str){text.data + 1, text.size - 1} : text;
    int64_t n;
    if (!digits(size, &n))
        return ergo__sections_bad(s, "not a number", text);
    n = negative ? -n : n;
    if (n < least || n > most)
        return ergo__fail(s->log, ERGO_E_FORMAT,
                          "%s:%u: %.*s = %.*s: allowed is %" PRId64 " to %" PRId64, s->file,
                          s->line, (int)(s->key.size < 60 ? s->key.size : 60), s->key.data,
                          (int)(text.size < 60 ? text.size : 60), text.data, least, most);
    *out = n;
    return ERGO_OK;
}
