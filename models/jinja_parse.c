/* SPDX-License-Identifier: Apache-2.0 */
#include "models/jinja_parse.h"

#include <string.h>

#include "runtime/base/log.h"

static jinja_node *parse_body(jinja_parser *p, const char *const *ends);

void ergo__jinja_unexpected(jinja_parser *p)
{
    p->j->line = p->token.line;
    ergo__jinja_fail(p->j, ERGO_E_FORMAT, "unexpected", p->token.text);
    p->token.type = JINJA_T_END;
}

void ergo__jinja_advance(jinja_parser *p)
{
    if (p->j->status != ERGO_OK) {
        p->token.type = JINJA_T_END;
        return;
    }
    p->token = ergo__jinja_next(&p->lexer);
    if (p->token.type == JINJA_T_BAD)
        ergo__jinja_unexpected(p);
}

/** Whether the next token is this name or operator. */
static bool at(const jinja_parser *p, const char *what)
{
    return (p->token.type == JINJA_T_NAME || p->token.type == JINJA_T_OPERATOR) &&
           ergo__jinja_is(p->token.text, what);
}

bool ergo__jinja_accept(jinja_parser *p, const char *what)
{
    if (!at(p, what))
        return false;
    ergo__jinja_advance(p);
    return true;
}

void ergo__jinja_expect(jinja_parser *p, const char *what)
{
    if (!ergo__jinja_accept(p, what))
        ergo__jinja_unexpected(p);
}

ergo_str ergo__jinja_expect_name(jinja_parser *p)
{
    const ergo_str name = p->token.text;
    if (p->token.type != JINJA_T_NAME)
        ergo__jinja_unexpected(p);
    else
        ergo__jinja_advance(p);
    return name;
}

jinja_node *ergo__jinja_node(jinja_parser *p, jinja_kind kind)
{
    jinja_node *node = ERGO__TAKE(&p->j->arena, jinja_node, 1);
    if (!node) {
        /* Parsing goes on to its end with a spare node, so that callers need no checks. */
        ergo__jinja_fail(p->j, ERGO_E_MEMORY, "scratch memory too small", (ergo_str){NULL, 0});
        return NULL;
    }
    *node = (jinja_node){.kind = kind, .line = p->token.line};
    return node;
}

bool ergo__jinja_deeper(jinja_parser *p)
{
    if (p->depth < ERGO__JINJA_DEPTH) {
        ++p->depth;
        return true;
    }
    p->j->line = p->token.line;
    ergo__jinja_fail(p->j, ERGO_E_LIMIT, "nested too deeply", (ergo_str){NULL, 0});
    return false;
}

static void expect_close(jinja_parser *p)
{
    if (p->token.type != JINJA_T_CLOSE)
        ergo__jinja_unexpected(p);
    else
        ergo__jinja_advance(p);
}

/** The name of an end tag has been read: closes it. */
static void end_tag(jinja_parser *p, const char *name)
{
    ergo__jinja_expect(p, name);
    if (p->token.type == JINJA_T_NAME) /* {% endmacro name %} */
        ergo__jinja_advance(p);
    expect_close(p);
}

static jinja_node *parse_if(jinja_parser *p)
{
    static const char *const ends[] = {"elif", "else", "endif", NULL};
    static const char *const last[] = {"endif", NULL};
    jinja_node *first = NULL, **link = &first;
    do {
        jinja_node *node = ergo__jinja_node(p, JINJA_IF);
        if (!node)
            return NULL;
        *link = node;
        link = &node->c;
        node->a = ergo__jinja_tuple(p);
        expect_close(p);
        node->b = parse_body(p, ends);
        node->flag = at(p, "elif");
    } while (ergo__jinja_accept(p, "elif"));
    if (ergo__jinja_accept(p, "else")) {
        expect_close(p);
        *link = parse_body(p, last);
    }
    end_tag(p, "endif");
    return first;
}

static jinja_node *parse_for(jinja_parser *p)
{
    static const char *const ends[] = {"else", "endfor", NULL};
    jinja_node *node = ergo__jinja_node(p, JINJA_FOR);
    if (!node)
        return NULL;
    jinja_node **link = &node->list;
    do {
        jinja_node *target = ergo__jinja_node(p, JINJA_NAME);
        if (!target)
            return NULL;
        target->name = ergo__jinja_expect_name(p);
        *link = target;
        link = &target->next;
    } while (ergo__jinja_accept(p, ","));
    ergo__jinja_expect(p, "in");
    node->a = ergo__jinja_expression(p, false);
    if (ergo__jinja_accept(p, "if"))
        node->d = ergo__jinja_expression(p, true);
    expect_close(p);
    node->b = parse_body(p, ends);
    if (ergo__jinja_accept(p, "else")) {
        expect_close(p);
        node->c = parse_body(p, ends + 1);
    }
    end_tag(p, "endfor");
    return node;
}

static jinja_node *parse_set(jinja_parser *p)
{
    static const char *const ends[] = {"endset", NULL};
    jinja_node *node = ergo__jinja_node(p, JINJA_SET);
    jinja_node *target = ergo__jinja_node(p, JINJA_NAME);
    if (!node || !target)
        return NULL;
    target->name = ergo__jinja_expect_name(p);
    if (ergo__jinja_accept(p, ".")) {
        jinja_node *attribute = ergo__jinja_node(p, JINJA_ATTRIBUTE);
        if (!attribute)
            return NULL;
        attribute->a = target;
        attribute->name = ergo__jinja_expect_name(p);
        target = attribute;
    }
    node->a = target;
    if (ergo__jinja_accept(p, "=")) {
        node->b = ergo__jinja_tuple(p);
        expect_close(p);
        return node;
    }
    node->kind = JINJA_SETBLOCK;
    expect_close(p);
    node->b = parse_body(p, ends);
    end_tag(p, "endset");
    return node;
}

static jinja_node *parse_macro(jinja_parser *p)
{
    static const char *const ends[] = {"endmacro", NULL};
    jinja_node *node = ergo__jinja_node(p, JINJA_DEFINE);
    if (!node)
        return NULL;
    node->name = ergo__jinja_expect_name(p);
    ergo__jinja_expect(p, "(");
    jinja_node **link = &node->list;
    while (!ergo__jinja_accept(p, ")")) {
        jinja_node *parameter = ergo__jinja_node(p, JINJA_ARGUMENT);
        if (!parameter || p->j->status != ERGO_OK)
            return NULL;
        parameter->name = ergo__jinja_expect_name(p);
        if (ergo__jinja_accept(p, "="))
            parameter->a = ergo__jinja_expression(p, true);
        *link = parameter;
        link = &parameter->next;
        if (!at(p, ")"))
            ergo__jinja_expect(p, ",");
    }
    expect_close(p);
    node->b = parse_body(p, ends);
    end_tag(p, "endmacro");
    return node;
}

static jinja_node *parse_block(jinja_parser *p)
{
    if (ergo__jinja_accept(p, "if"))
        return parse_if(p);
    if (ergo__jinja_accept(p, "for"))
        return parse_for(p);
    if (ergo__jinja_accept(p, "set"))
        return parse_set(p);
    if (ergo__jinja_accept(p, "macro"))
        return parse_macro(p);
    jinja_node *node = NULL;
    if (at(p, "break") || at(p, "continue")) {
        node = ergo__jinja_node(p, at(p, "break") ? JINJA_BREAK : JINJA_CONTINUE);
    } else if (at(p, "generation") || at(p, "endgeneration")) {
        node = ergo__jinja_node(p, JINJA_TEXT); /* marks training text; writes nothing */
        if (node)
            node->value = ergo__jinja_text((ergo_str){NULL, 0});
    } else {
        p->j->line = p->token.line;
        ergo__jinja_fail(p->j, ERGO_E_UNSUPPORTED, "unknown tag", p->token.text);
    }
    ergo__jinja_advance(p);
    expect_close(p);
    return node;
}

/** Text between tags; Jinja reads every line end as one newline. */
static jinja_node *parse_data(jinja_parser *p)
{
    jinja_node *node = ergo__jinja_node(p, JINJA_TEXT);
    ergo_str text = p->token.text;
    if (node && text.size && memchr(text.data, '\r', text.size)) {
        char *copy = ergo__jinja_bytes(p->j, text.size);
        size_t n = 0;
        for (size_t i = 0; copy && i < text.size; ++i)
            if (text.data[i] != '\r' || i + 1 == text.size || text.data[i + 1] != '\n')
                copy[n++] = text.data[i];
        text = (ergo_str){copy, n};
    }
    if (node)
        node->value = ergo__jinja_text(text);
    ergo__jinja_advance(p);
    return node;
}

static jinja_node *parse_output(jinja_parser *p)
{
    jinja_node *node = ergo__jinja_node(p, JINJA_OUTPUT);
    ergo__jinja_advance(p);
    p->calls = false;
    jinja_node *expression = ergo__jinja_tuple(p);
    if (node) {
        node->a = expression;
        node->flag = p->calls;
    }
    expect_close(p);
    return node;
}

/** Statements up to a block tag named in `ends`, whose name is then the next token. */
static jinja_node *parse_body(jinja_parser *p, const char *const *ends)
{
    jinja_node *first = NULL, **link = &first;
    if (!ergo__jinja_deeper(p))
        return NULL;
    while (p->j->status == ERGO_OK && p->token.type != JINJA_T_END) {
        jinja_node *node;
        if (p->token.type == JINJA_T_DATA) {
            node = parse_data(p);
        } else if (p->token.type == JINJA_T_OUTPUT) {
            node = parse_output(p);
        } else {
            ergo__jinja_advance(p);
            for (size_t i = 0; ends[i]; ++i)
                if (at(p, ends[i])) {
                    --p->depth;
                    return first;
                }
            node = parse_block(p);
        }
        *link = node;
        link = node ? &node->next : link;
    }
    if (ends[0])
        ergo__jinja_unexpected(p);
    --p->depth;
    return first;
}

jinja_node *ergo__jinja_parse(jinja *j)
{
    static const char *const none[] = {NULL};
    jinja_parser p = {.j = j, .lexer = ergo__jinja_lexer(j->source)};
    ergo__jinja_advance(&p);
    return parse_body(&p, none);
}
