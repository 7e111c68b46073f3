/* SPDX-License-Identifier: Apache-2.0 */
#include "models/jinja_lex.h"

#include <string.h>

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static void skip(jinja_lexer *lexer, size_t n)
{
    for (size_t i = 0; i < n; ++i)
        lexer->line += lexer->rest.data[i] == '\n';
    lexer->rest.data += n;
    lexer->rest.size -= n;
}

static char peek(const jinja_lexer *lexer, size_t i)
{
    return i < lexer->rest.size ? lexer->rest.data[i] : '\0';
}

static bool ahead(const jinja_lexer *lexer, size_t i, char a, char b)
{
    return peek(lexer, i) == a && peek(lexer, i + 1) == b;
}

jinja_lexer ergo__jinja_lexer(ergo_str source)
{
    if (source.size && source.data[source.size - 1] == '\n')
        --source.size;
    if (source.size && source.data[source.size - 1] == '\r')
        --source.size;
    return (jinja_lexer){.rest = source, .line = 1, .fresh = true};
}

/** What follows a tag that ended in `sign`: all white space goes after '-', one newline else. */
static void trim_after(jinja_lexer *lexer, char sign, bool block)
{
    char last = '\0';
    size_t n = 0;
    if (sign == '-') {
        while (is_space(peek(lexer, n)))
            last = peek(lexer, n++);
    } else if (block && sign != '+') {
        n = ahead(lexer, 0, '\r', '\n') ? 1 : 0;
        n = peek(lexer, n) == '\n' ? n + 1 : 0;
        last = n ? '\n' : '\0';
    }
    skip(lexer, n);
    lexer->fresh = last == '\n';
}

/** Text before a tag, as far as the tag leaves it alone. */
static ergo_str trim_before(const jinja_lexer *lexer, size_t size, char kind, char sign)
{
    ergo_str text = {lexer->rest.data, size};
    if (sign == '-') {
        while (text.size && is_space(text.data[text.size - 1]))
            --text.size;
        return text;
    }
    if (kind == '{' || sign == '+')
        return text;
    size_t line = text.size;
    while (line && text.data[line - 1] != '\n' && is_space(text.data[line - 1]))
        --line;
    if (line ? text.data[line - 1] == '\n' : lexer->fresh)
        text.size = line;
    return text;
}

/** Steps over a comment; its text is nothing. False where it does not end. */
static bool comment(jinja_lexer *lexer)
{
    for (size_t i = 2; i + 1 < lexer->rest.size; ++i)
        if (ahead(lexer, i, '#', '}')) {
            const char sign = i > 2 ? peek(lexer, i - 1) : '\0';
            skip(lexer, i + 2);
            trim_after(lexer, sign, true);
            return true;
        }
    return false;
}

static jinja_token text(jinja_lexer *lexer)
{
    jinja_token token = {.type = JINJA_T_DATA, .line = lexer->line};
    size_t n = 0;
    while (n < lexer->rest.size &&
           !(peek(lexer, n) == '{' && strchr("{%#", peek(lexer, n + 1)) && peek(lexer, n + 1)))
        ++n;
    if (n == lexer->rest.size) {
        token.text = lexer->rest;
        skip(lexer, n);
        if (token.text.size == 0)
            token.type = JINJA_T_END;
        return token;
    }
    const char kind = peek(lexer, n + 1), sign = peek(lexer, n + 2);
    token.text = trim_before(lexer, n, kind, sign);
    skip(lexer, n);
    if (kind == '#') {
        if (!comment(lexer))
            token.type = JINJA_T_BAD;
        return token;
    }
    lexer->tag = kind;
    lexer->opening = true;
    return token;
}

static jinja_token open_tag(jinja_lexer *lexer)
{
    const jinja_token token = {.type = lexer->tag == '{' ? JINJA_T_OUTPUT : JINJA_T_BLOCK,
                               .line = lexer->line};
    const char sign = peek(lexer, 2);
    skip(lexer, sign == '-' || sign == '+' ? 3 : 2);
    return token;
}

static size_t operator_size(const jinja_lexer *lexer)
{
    static const char pairs[][3] = {"==", "!=", "<=", ">=", "//", "**"};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; ++i)
        if (ahead(lexer, 0, pairs[i][0], pairs[i][1]))
            return 2;
    return peek(lexer, 0) && strchr("+-*/%~|.,:=<>()[]{}", peek(lexer, 0)) ? 1 : 0;
}

/** A quoted string at the front; its size with the quotes, or 0 when it does not end. */
static size_t quoted_size(const jinja_lexer *lexer)
{
    for (size_t i = 1; i < lexer->rest.size; ++i) {
        if (peek(lexer, i) == peek(lexer, 0))
            return i + 1;
        if (peek(lexer, i) == '\\')
            ++i;
    }
    return 0;
}

/** The size of the tag's end at the front, such as "-%}", or 0. */
static size_t close_size(const jinja_lexer *lexer)
{
    const char sign = peek(lexer, 0);
    const size_t n = sign == '-' || (sign == '+' && lexer->tag == '%') ? 1 : 0;
    return lexer->braces == 0 && ahead(lexer, n, lexer->tag == '%' ? '%' : '}', '}') ? n + 2 : 0;
}

static jinja_token close_tag(jinja_lexer *lexer, size_t n)
{
    const jinja_token token = {.type = JINJA_T_CLOSE, .line = lexer->line};
    const char sign = n == 3 ? peek(lexer, 0) : '\0';
    const bool block = lexer->tag == '%';
    skip(lexer, n);
    lexer->tag = 0;
    trim_after(lexer, sign, block);
    return token;
}

static jinja_token inside(jinja_lexer *lexer)
{
    size_t n = 0;
    while (is_space(peek(lexer, n)))
        ++n;
    skip(lexer, n);
    if ((n = close_size(lexer)) != 0)
        return close_tag(lexer, n);
    jinja_token token = {JINJA_T_BAD, {lexer->rest.data, 0}, lexer->line};
    const char c = peek(lexer, 0);
    if (is_name(c)) {
        token.type = c >= '0' && c <= '9' ? JINJA_T_INT : JINJA_T_NAME;
        while (is_name(peek(lexer, n)))
            ++n;
    } else if (c == '\'' || c == '"') {
        n = quoted_size(lexer);
        token.type = n ? JINJA_T_STRING : JINJA_T_BAD;
    } else {
        n = operator_size(lexer);
        token.type = n ? JINJA_T_OPERATOR : JINJA_T_BAD;
        lexer->braces += c == '{';
        lexer->braces -= c == '}' && lexer->braces;
    }
    token.text.size = n;
    skip(lexer, n);
    if (token.type == JINJA_T_STRING) {
        ++token.text.data;
        token.text.size -= 2;
    }
    return token;
}

jinja_token ergo__jinja_next(jinja_lexer *lexer)
{
    if (!lexer->tag)
        return text(lexer);
    if (!lexer->opening)
        return inside(lexer);
    lexer->opening = false;
    return open_tag(lexer);
}
