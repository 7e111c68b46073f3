/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_MODELS_JINJA_LEX_H
#define ERGO_MODELS_JINJA_LEX_H

#include "models/jinja.h"

typedef enum jinja_token_type {
    JINJA_T_END,
    JINJA_T_DATA,   /* text between tags */
    JINJA_T_OUTPUT, /* {{ */
    JINJA_T_BLOCK,  /* {% */
    JINJA_T_CLOSE,  /* }} or %} */
    JINJA_T_NAME,
    JINJA_T_STRING, /* text still has its escapes */
    JINJA_T_INT,
    JINJA_T_OPERATOR,
    JINJA_T_BAD,
} jinja_token_type;

typedef struct jinja_token {
    jinja_token_type type;
    ergo_str text;
    int line;
} jinja_token;

typedef struct jinja_lexer {
    ergo_str rest;
    int line;
    char tag;        /* '{' or '%' inside a tag, 0 in text */
    unsigned braces; /* open { inside a tag */
    bool opening;    /* the tag's opener is still ahead */
    bool fresh;      /* the text that follows starts a line */
} jinja_lexer;

jinja_lexer ergo__jinja_lexer(ergo_str source);
jinja_token ergo__jinja_next(jinja_lexer *lexer);

#endif
