/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/grammar_text.h"

#include <string.h>

#include "runtime/base/log.h"
#include "runtime/grammar_utf8.h"

ergo_status ergo__grammar_fail_at(const ergo__grammar_cursor *cursor, size_t at, ergo_status status,
                                  const char *what)
{
    size_t line = 1, column = 1;
    for (size_t i = 0; i < at; i++) {
        column++;
        if (cursor->text.data[i] == '\n') {
            line++;
            column = 1;
        }
    }
    return ergo__fail(cursor->log, status, "%s: line %zu, column %zu: %s", cursor->name, line,
                      column, what);
}

ergo_status ergo__grammar_fail(const ergo__grammar_cursor *cursor, ergo_status status,
                               const char *what)
{
    return ergo__grammar_fail_at(cursor, cursor->at, status, what);
}

char ergo__grammar_peek(const ergo__grammar_cursor *cursor)
{
    return cursor->at < cursor->text.size ? cursor->text.data[cursor->at] : '\0';
}

bool ergo__grammar_skip(ergo__grammar_cursor *cursor, const char *word)
{
    const size_t size = strlen(word);
    if (cursor->text.size - cursor->at < size ||
        memcmp(cursor->text.data + cursor->at, word, size) != 0)
        return false;
    cursor->at += size;
    return true;
}

void ergo__grammar_skip_space(ergo__grammar_cursor *cursor, bool lines)
{
    bool comment = false;
    for (; cursor->at < cursor->text.size; cursor->at++) {
        const char c = cursor->text.data[cursor->at];
        const bool line_break = c == '\n' || c == '\r';
        comment = (comment || c == '#') && !line_break;
        if (!comment && c != ' ' && c != '\t' && !(lines && line_break))
            return;
    }
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

size_t ergo__grammar_read_name(ergo__grammar_cursor *cursor)
{
    const size_t start = cursor->at;
    while (is_name_char(ergo__grammar_peek(cursor)))
        cursor->at++;
    return cursor->at - start;
}

static ergo_status read_hex(ergo__grammar_cursor *cursor, size_t digits, uint32_t *out)
{
    uint32_t value;
    if (cursor->text.size - cursor->at < digits ||
        !ergo__hex_value(cursor->text.data + cursor->at, digits, &value))
        return ergo__grammar_fail(cursor, ERGO_E_FORMAT, "an escape lacks hexadecimal digits");
    if (value > ERGO__CODE_POINT_MAX || ergo__is_surrogate(value))
        return ergo__grammar_fail(cursor, ERGO_E_FORMAT, "an escape names no character");
    cursor->at += digits;
    *out = value;
    return ERGO_OK;
}

ergo_status ergo__grammar_read_char(ergo__grammar_cursor *cursor, uint32_t *out)
{
    if (!ergo__grammar_skip(cursor, "\\")) {
        const size_t bytes =
            ergo__utf8_decode(cursor->text.data + cursor->at, cursor->text.size - cursor->at, out);
        if (bytes == 0)
            return ergo__grammar_fail(cursor, ERGO_E_FORMAT, "the text ends early or is not UTF-8");
        cursor->at += bytes;
        return ERGO_OK;
    }
    const char kind = ergo__grammar_peek(cursor);
    static const char names[] = "nrt\"\\[]", values[] = "\n\r\t\"\\[]";
    const char *found = kind ? strchr(names, kind) : NULL;
    if (!found && kind != 'x' && kind != 'u' && kind != 'U')
        return ergo__grammar_fail(cursor, ERGO_E_FORMAT, "unknown escape");
    cursor->at++;
    if (!found)
        return read_hex(cursor, kind == 'x' ? 2 : kind == 'u' ? 4 : 8, out);
    *out = (unsigned char)values[found - names];
    return ERGO_OK;
}

ergo_status ergo__grammar_read_number(ergo__grammar_cursor *cursor, uint32_t *out)
{
    char c = ergo__grammar_peek(cursor);
    if (c < '0' || c > '9')
        return ergo__grammar_fail(cursor, ERGO_E_FORMAT, "a number is expected");
    uint32_t value = 0;
    for (; c >= '0' && c <= '9'; c = ergo__grammar_peek(cursor)) {
        const uint32_t digit = (uint32_t)(c - '0');
        value = value > (UINT32_MAX - digit) / 10 ? UINT32_MAX : value * 10 + digit;
        cursor->at++;
    }
    *out = value;
    return ERGO_OK;
}
