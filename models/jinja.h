/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_MODELS_JINJA_H
#define ERGO_MODELS_JINJA_H

#include "ergo/base.h"
#include "runtime/base/arena.h"

/*
 * The part of Jinja that chat templates use, run as the model publishers' own tools run it: blocks
 * trimmed (trim_blocks, lstrip_blocks), one newline dropped at the end of the template. A template
 * is parsed into a tree, which is then walked. All memory comes from one arena; nesting and the
 * number of steps are bounded, so that no template can run away with the host.
 */

enum {
    ERGO__JINJA_DEPTH = 100,     /* nesting of blocks and expressions */
    ERGO__JINJA_STEPS = 1 << 21, /* nodes visited in one run */
    ERGO__JINJA_ARGUMENTS = 8,   /* of one call */
};

typedef enum jinja_type {
    JINJA_UNDEFINED,
    JINJA_NONE,
    JINJA_BOOL,
    JINJA_INT,
    JINJA_STRING,
    JINJA_LIST,
    JINJA_MAP,
    JINJA_LOOP, /* what `loop` is inside a for */
    JINJA_MACRO,
    JINJA_FUNCTION, /* a built-in one, by name */
} jinja_type;

typedef struct jinja_value jinja_value;
typedef struct jinja_node jinja_node;

typedef struct jinja_list {
    const jinja_value *items;
    size_t count;
} jinja_list;

typedef struct jinja_pair jinja_pair;
typedef struct jinja_map {
    jinja_pair *first, *last;
} jinja_map;

typedef struct jinja_loop {
    jinja_list over;
    size_t index;
} jinja_loop;

struct jinja_value {
    jinja_type type;
    union {
        bool truth;
        int64_t number;
        ergo_str text; /* also the name of a function */
        jinja_list list;
        jinja_map *map;
        const jinja_loop *loop;
        const jinja_node *macro;
    } as;
};

struct jinja_pair {
    ergo_str key;
    jinja_value value;
    jinja_pair *next;
};

typedef enum jinja_kind {
    /* statements */
    JINJA_TEXT,     /* value */
    JINJA_OUTPUT,   /* a */
    JINJA_IF,       /* a condition, b body, c else: a body, or the if of an elif */
    JINJA_FOR,      /* list targets, a sequence, b body, c else, d filter */
    JINJA_SET,      /* a target, b value */
    JINJA_SETBLOCK, /* a target, b body */
    JINJA_DEFINE,   /* a macro: name, list parameters, b body */
    JINJA_BREAK,
    JINJA_CONTINUE,
    /* expressions */
    JINJA_LITERAL, /* value */
    JINJA_NAME,
    JINJA_ITEMS,     /* [list] or (list) */
    JINJA_PAIRS,     /* {list: keys and values in turn} */
    JINJA_ATTRIBUTE, /* a.name */
    JINJA_INDEX,     /* a[b] */
    JINJA_SLICE,     /* a[b:c:d] */
    JINJA_CALL,      /* a(list) */
    JINJA_FILTER,    /* a | name(list) */
    JINJA_TEST,      /* a is [not] name(list) */
    JINJA_NOT,
    JINJA_NEGATE,
    JINJA_AND,
    JINJA_OR,
    JINJA_CHOOSE,   /* a if b else c */
    JINJA_BINARY,   /* a op b; name is the operator */
    JINJA_ARGUMENT, /* name = a, or a alone */
} jinja_kind;

struct jinja_node {
    jinja_kind kind;
    int line;
    bool flag; /* OUTPUT: may have effects beyond its text; TEST: negated; IF: c is an elif */
    ergo_str name;
    jinja_value value;
    jinja_node *a, *b, *c, *d;
    jinja_node *list, *next;
};

/** A variable in scope; later ones hide earlier ones. */
typedef struct jinja_binding {
    ergo_str name;
    jinja_value value;
    struct jinja_binding *outer;
} jinja_binding;

/** Text that is kept instead of written out: the body of a macro, or of a set block. */
typedef struct jinja_piece {
    ergo_str text;
    struct jinja_piece *next;
} jinja_piece;

typedef struct jinja_capture {
    jinja_piece *first, *last;
    size_t size;
    struct jinja_capture *outer;
} jinja_capture;

typedef struct jinja_output {
    char *data;
    size_t capacity;
    size_t needed;
    ergo_str skip; /* dropped once where the text begins with it */
} jinja_output;

typedef struct jinja {
    ergo__arena arena;
    const ergo_log *log;
    ergo_status status;
    ergo_str source;
    int line; /* of the node being run */
    unsigned depth;
    unsigned steps;
    int64_t now_s;
    jinja_output out;
    jinja_capture *capture;
    jinja_binding *scope;    /* innermost variable */
    jinja_binding *boundary; /* the last one that belongs to an outer scope */
    jinja_binding *globals;  /* what macros see */
    unsigned nesting;        /* of scopes */
    bool breaks, continues;
} jinja;

/** Arguments of a call, filter or test, evaluated. */
typedef struct jinja_arguments {
    jinja_value value[ERGO__JINJA_ARGUMENTS];
    ergo_str name[ERGO__JINJA_ARGUMENTS]; /* empty for positional ones */
    size_t count;
} jinja_arguments;

/* jinja_parse.c, jinja_expression.c */
typedef struct jinja_parser jinja_parser;
jinja_node *ergo__jinja_parse(jinja *j);

/* jinja_run.c */
void ergo__jinja_run(jinja *j, const jinja_node *body);
jinja_value ergo__jinja_call_macro(jinja *j, const jinja_node *macro, const jinja_arguments *args);
void ergo__jinja_bind(jinja *j, ergo_str name, jinja_value value);
void ergo__jinja_write(jinja *j, ergo_str text);

/* jinja_eval.c */
jinja_value ergo__jinja_eval(jinja *j, const jinja_node *node);
jinja_value ergo__jinja_attribute(jinja *j, jinja_value of, ergo_str name);

/* jinja_call.c */
jinja_value ergo__jinja_filter(jinja *j, ergo_str name, jinja_value on, const jinja_arguments *a);
jinja_value ergo__jinja_method(jinja *j, ergo_str name, jinja_value on, const jinja_arguments *a);
jinja_value ergo__jinja_function(jinja *j, ergo_str name, const jinja_arguments *a);
bool ergo__jinja_test(jinja *j, ergo_str name, jinja_value on, const jinja_arguments *a);
bool ergo__jinja_is_function(ergo_str name);

/* jinja_value.c: values */
jinja_value ergo__jinja_fail(jinja *j, ergo_status status, const char *what, ergo_str which);
jinja_value ergo__jinja_text(ergo_str text);
jinja_value ergo__jinja_int(int64_t number);
jinja_value ergo__jinja_bool(bool truth);
jinja_value ergo__jinja_items(const jinja_value *items, size_t count);
bool ergo__jinja_truth(jinja_value v);
bool ergo__jinja_equal(jinja_value a, jinja_value b, unsigned depth);
bool ergo__jinja_contains(jinja *j, jinja_value in, jinja_value what);
jinja_value ergo__jinja_string(jinja *j, jinja_value v);
jinja_value ergo__jinja_json(jinja *j, jinja_value v);
jinja_value ergo__jinja_concat(jinja *j, ergo_str a, ergo_str b);
jinja_value ergo__jinja_iterate(jinja *j, jinja_value v);
jinja_value *ergo__jinja_find(const jinja_map *map, ergo_str key);
jinja_map *ergo__jinja_map(jinja *j);
void ergo__jinja_put(jinja *j, jinja_map *map, ergo_str key, jinja_value value);
jinja_value *ergo__jinja_take(jinja *j, size_t count);
char *ergo__jinja_bytes(jinja *j, size_t count);

/* jinja_string.c: what Python does with str */
ergo_str ergo__jinja_strip(ergo_str text, ergo_str set, bool left, bool right);
bool ergo__jinja_same(ergo_str a, ergo_str b);
bool ergo__jinja_is(ergo_str a, const char *b);
size_t ergo__jinja_search(ergo_str text, ergo_str part, size_t from); /* SIZE_MAX: not there */
jinja_value ergo__jinja_case(jinja *j, ergo_str text, ergo_str how);
jinja_value ergo__jinja_split(jinja *j, ergo_str text, const jinja_arguments *a);
jinja_value ergo__jinja_replace(jinja *j, ergo_str text, ergo_str from, ergo_str to);
jinja_value ergo__jinja_date(jinja *j, ergo_str format);

#endif
