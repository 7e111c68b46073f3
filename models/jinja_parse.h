/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_MODELS_JINJA_PARSE_H
#define ERGO_MODELS_JINJA_PARSE_H

#include "models/jinja_lex.h"

struct jinja_parser {
    jinja *j;
    jinja_lexer lexer;
    jinja_token token; /* the one to be read next */
    unsigned depth;
    bool calls; /* the expression being read calls something by name */
};

void ergo__jinja_advance(jinja_parser *p);
bool ergo__jinja_accept(jinja_parser *p, const char *what);
void ergo__jinja_expect(jinja_parser *p, const char *what);
ergo_str ergo__jinja_expect_name(jinja_parser *p);
jinja_node *ergo__jinja_node(jinja_parser *p, jinja_kind kind);
bool ergo__jinja_deeper(jinja_parser *p);
void ergo__jinja_unexpected(jinja_parser *p);

/** Without `choice`, an `if` after the expression is left alone: it belongs to a for. */
jinja_node *ergo__jinja_expression(jinja_parser *p, bool choice);
/** An expression, or several with commas between, which make a list. */
jinja_node *ergo__jinja_tuple(jinja_parser *p);
/** The arguments of a call, after the opening parenthesis. */
jinja_node *ergo__jinja_call_list(jinja_parser *p);

#endif
