/* SPDX-License-Identifier: Apache-2.0 */
#include "models/jinja_parse.h"

/* Expressions, by precedence climbing; filters and tests bind tightest, as in Jinja. */

static bool at(const jinja_parser *p, const char *what)
{
    return (p->token.type == JINJA_T_NAME || p->token.type == JINJA_T_OPERATOR) &&
           ergo__jinja_is(p->token.text, what);
}

static jinja_node *node_of(jinja_parser *p, jinja_kind kind, jinja_node *a)
{
    jinja_node *node = ergo__jinja_node(p, kind);
    if (node)
        node->a = a;
    return node;
}

static jinja_node *literal(jinja_parser *p, jinja_value value)
{
    jinja_node *node = ergo__jinja_node(p, JINJA_LITERAL);
    if (node)
        node->value = value;
    return node;
}

/* Comma-separated expressions up to `end`, which is read too. With `names`, `name=` may stand in
 * front of each; with `colons`, they are the pairs of a dictionary. */
static jinja_node *sequence(jinja_parser *p, const char *end, bool names, bool colons)
{
    jinja_node *first = NULL, **link = &first;
    bool colon = false;
    while (p->j->status == ERGO_OK && !ergo__jinja_accept(p, end)) {
        jinja_node *item = node_of(p, JINJA_ARGUMENT, ergo__jinja_expression(p, true));
        if (!item || !item->a)
            return NULL;
        if (names && item->a->kind == JINJA_NAME && ergo__jinja_accept(p, "=")) {
            item->name = item->a->name;
            item->a = ergo__jinja_expression(p, true);
        }
        *link = item;
        link = &item->next;
        colon = colons && !colon;
        if (!at(p, end))
            ergo__jinja_expect(p, colon ? ":" : ",");
    }
    return first;
}

jinja_node *ergo__jinja_call_list(jinja_parser *p)
{
    return sequence(p, ")", true, false);
}

static unsigned hex(const char *digits, size_t n)
{
    unsigned value = 0;
    for (size_t i = 0; i < n; ++i) {
        const char c = digits[i];
        value = value * 16 + (unsigned)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
    }
    return value;
}

static size_t utf8(unsigned code, char *out)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xC0 | code >> 6);
        out[1] = (char)(0x80 | (code & 63));
        return 2;
    }
    out[0] = (char)(0xE0 | code >> 12);
    out[1] = (char)(0x80 | (code >> 6 & 63));
    out[2] = (char)(0x80 | (code & 63));
    return 3;
}

/** A string without its escapes, as in Python. */
static ergo_str unescape(jinja_parser *p, ergo_str text)
{
    static const char from[] = "ntr\\'\"\n", to[] = "\n\t\r\\'\"";
    char *out = ergo__jinja_bytes(p->j, text.size);
    size_t n = 0;
    for (size_t i = 0; out && i < text.size; ++i) {
        if (text.data[i] != '\\' || i + 1 == text.size) {
            if (text.data[i] != '\r' || i + 1 == text.size || text.data[i + 1] != '\n')
                out[n++] = text.data[i];
            continue;
        }
        const char c = text.data[++i];
        const size_t digits = c == 'u' ? 4 : c == 'x' ? 2 : 0;
        if (digits && text.size - i > digits) {
            n += utf8(hex(text.data + i + 1, digits), out + n);
            i += digits;
            continue;
        }
        size_t k = 0;
        while (from[k] && from[k] != c)
            ++k;
        if (!from[k])
            out[n++] = '\\';
        if (c != '\n')
            out[n++] = from[k] ? to[k] : c;
    }
    return (ergo_str){out, out ? n : 0};
}

static jinja_node *string(jinja_parser *p)
{
    ergo_str text = {NULL, 0};
    while (p->token.type == JINJA_T_STRING) { /* neighbours are one string */
        text = ergo__jinja_concat(p->j, text, unescape(p, p->token.text)).as.text;
        ergo__jinja_advance(p);
    }
    return literal(p, ergo__jinja_text(text));
}

static jinja_node *integer(jinja_parser *p)
{
    int64_t number = 0;
    for (size_t i = 0; i < p->token.text.size; ++i) {
        const char c = p->token.text.data[i];
        if (c < '0' || c > '9' || number > INT32_MAX) {
            ergo__jinja_unexpected(p);
            return NULL;
        }
        number = number * 10 + (c - '0');
    }
    ergo__jinja_advance(p);
    return literal(p, ergo__jinja_int(number));
}

static jinja_node *name(jinja_parser *p)
{
    const ergo_str text = ergo__jinja_expect_name(p);
    if (ergo__jinja_is(text, "true") || ergo__jinja_is(text, "True"))
        return literal(p, ergo__jinja_bool(true));
    if (ergo__jinja_is(text, "false") || ergo__jinja_is(text, "False"))
        return literal(p, ergo__jinja_bool(false));
    if (ergo__jinja_is(text, "none") || ergo__jinja_is(text, "None"))
        return literal(p, (jinja_value){.type = JINJA_NONE});
    jinja_node *node = ergo__jinja_node(p, JINJA_NAME);
    if (node)
        node->name = text;
    return node;
}

static jinja_node *primary(jinja_parser *p)
{
    if (p->token.type == JINJA_T_STRING)
        return string(p);
    if (p->token.type == JINJA_T_INT)
        return integer(p);
    if (p->token.type == JINJA_T_NAME)
        return name(p);
    if (ergo__jinja_accept(p, "(")) {
        if (ergo__jinja_accept(p, ")"))
            return ergo__jinja_node(p, JINJA_ITEMS);
        jinja_node *inner = ergo__jinja_tuple(p);
        ergo__jinja_expect(p, ")");
        return inner;
    }
    const bool items = at(p, "[");
    if (!items && !at(p, "{")) {
        ergo__jinja_unexpected(p);
        return NULL;
    }
    ergo__jinja_advance(p);
    jinja_node *node = ergo__jinja_node(p, items ? JINJA_ITEMS : JINJA_PAIRS);
    if (node)
        node->list = sequence(p, items ? "]" : "}", false, !items);
    return node;
}

/** What stands in brackets: an index, or a slice with any part left out. */
static jinja_node *subscript(jinja_parser *p, jinja_node *of)
{
    jinja_node *node = node_of(p, JINJA_INDEX, of), **part[3];
    if (!node)
        return NULL;
    part[0] = &node->b, part[1] = &node->c, part[2] = &node->d;
    for (size_t i = 0; i < 3; ++i) {
        if (!at(p, ":") && !at(p, "]"))
            *part[i] = ergo__jinja_expression(p, true);
        if (!ergo__jinja_accept(p, ":"))
            break;
        node->kind = JINJA_SLICE;
    }
    if (node->kind == JINJA_INDEX && !node->b)
        ergo__jinja_unexpected(p);
    ergo__jinja_expect(p, "]");
    return node;
}

static jinja_node *test(jinja_parser *p, jinja_node *of)
{
    jinja_node *node = node_of(p, JINJA_TEST, of);
    if (!node)
        return NULL;
    node->flag = ergo__jinja_accept(p, "not");
    node->name = ergo__jinja_expect_name(p);
    if (ergo__jinja_accept(p, "("))
        node->list = ergo__jinja_call_list(p);
    else if (p->token.type == JINJA_T_STRING || p->token.type == JINJA_T_INT)
        node->list = node_of(p, JINJA_ARGUMENT, primary(p));
    return node;
}

static jinja_node *postfix(jinja_parser *p)
{
    jinja_node *node = primary(p);
    while (p->j->status == ERGO_OK && node) {
        if (ergo__jinja_accept(p, ".")) {
            const bool number = p->token.type == JINJA_T_INT; /* x.0 is x[0] */
            node = node_of(p, number ? JINJA_INDEX : JINJA_ATTRIBUTE, node);
            if (node && number)
                node->b = integer(p);
            else if (node)
                node->name = ergo__jinja_expect_name(p);
        } else if (ergo__jinja_accept(p, "[")) {
            node = subscript(p, node);
        } else if (ergo__jinja_accept(p, "(")) {
            p->calls = p->calls || node->kind == JINJA_NAME;
            node = node_of(p, JINJA_CALL, node);
            if (node)
                node->list = ergo__jinja_call_list(p);
        } else if (ergo__jinja_accept(p, "|")) {
            node = node_of(p, JINJA_FILTER, node);
            if (node)
                node->name = ergo__jinja_expect_name(p);
            if (ergo__jinja_accept(p, "(") && node)
                node->list = ergo__jinja_call_list(p);
        } else if (ergo__jinja_accept(p, "is")) {
            node = test(p, node);
        } else {
            break;
        }
    }
    return node;
}

/** The binary operators, loosest first; `not` stands between `and` and the comparisons. */
enum {
    LEVEL_OR,
    LEVEL_AND,
    LEVEL_NOT,
    LEVEL_COMPARE,
    LEVEL_ADD,
    LEVEL_JOIN,
    LEVEL_MULTIPLY,
    LEVELS
};

static const char *const operators[LEVELS][7] = {
    [LEVEL_OR] = {"or"},
    [LEVEL_AND] = {"and"},
    [LEVEL_NOT] = {NULL},
    [LEVEL_COMPARE] = {"==", "!=", "<", ">", "<=", ">=", "in"},
    [LEVEL_ADD] = {"+", "-"},
    [LEVEL_JOIN] = {"~"},
    [LEVEL_MULTIPLY] = {"*", "/", "//", "%"},
};

static int level_of(const jinja_parser *p)
{
    for (int level = 0; level < LEVELS; ++level)
        for (int i = 0; i < 7 && operators[level][i]; ++i)
            if (at(p, operators[level][i]))
                return level;
    return at(p, "not") ? LEVEL_COMPARE : -1; /* not in */
}

static jinja_node *binary(jinja_parser *p, int least);

static jinja_node *prefix(jinja_parser *p, int least)
{
    if (least <= LEVEL_NOT && ergo__jinja_accept(p, "not"))
        return node_of(p, JINJA_NOT, binary(p, LEVEL_NOT));
    if (ergo__jinja_accept(p, "-"))
        return node_of(p, JINJA_NEGATE, binary(p, LEVELS));
    return postfix(p);
}

static jinja_node *binary(jinja_parser *p, int least)
{
    if (!ergo__jinja_deeper(p))
        return NULL;
    jinja_node *left = prefix(p, least);
    int level;
    while (p->j->status == ERGO_OK && (level = level_of(p)) >= least && level >= 0) {
        const bool negated = ergo__jinja_accept(p, "not");
        const ergo_str sign = p->token.text;
        if (negated && !at(p, "in"))
            ergo__jinja_unexpected(p);
        ergo__jinja_advance(p);
        left = node_of(p,
                       level == LEVEL_OR    ? JINJA_OR
                       : level == LEVEL_AND ? JINJA_AND
                                            : JINJA_BINARY,
                       left);
        jinja_node *right = binary(p, level + 1);
        if (left) {
            left->name = sign;
            left->b = right;
        }
        if (negated)
            left = node_of(p, JINJA_NOT, left);
    }
    --p->depth;
    return left;
}

jinja_node *ergo__jinja_expression(jinja_parser *p, bool choice)
{
    jinja_node *node = binary(p, LEVEL_OR);
    if (choice && ergo__jinja_accept(p, "if")) {
        node = node_of(p, JINJA_CHOOSE, node);
        jinja_node *condition = binary(p, LEVEL_OR);
        if (node)
            node->b = condition;
        if (node && ergo__jinja_accept(p, "else") && ergo__jinja_deeper(p)) {
            node->c = ergo__jinja_expression(p, true);
            --p->depth;
        }
    }
    return node;
}

jinja_node *ergo__jinja_tuple(jinja_parser *p)
{
    jinja_node *node = ergo__jinja_expression(p, true);
    if (!at(p, ","))
        return node;
    jinja_node *items = ergo__jinja_node(p, JINJA_ITEMS);
    jinja_node *item = node_of(p, JINJA_ARGUMENT, node);
    if (!items || !item)
        return NULL;
    items->list = item;
    while (ergo__jinja_accept(p, ",") && p->token.type != JINJA_T_CLOSE && !at(p, ")")) {
        jinja_node *more = node_of(p, JINJA_ARGUMENT, ergo__jinja_expression(p, true));
        if (!more)
            return NULL;
        item->next = more;
        item = more;
    }
    return items;
}
