/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_RUNTIME_GRAMMAR_PROGRAM_H
#define ERGO_RUNTIME_GRAMMAR_PROGRAM_H

#include "ergo/grammar.h"

/*
 * A compiled grammar is a program: one nondeterministic automaton per rule, which can call the
 * others. Repetitions are loops and copies, not rules of their own.
 */

typedef enum ergo__grammar_op {
    ERGO__GRAMMAR_RANGE, /* consumes a code point from a to b, then goes on at the next element */
    ERGO__GRAMMAR_SET,   /* the same for ranges a to a + b */
    ERGO__GRAMMAR_CALL,  /* matches rule a, then the next element */
    ERGO__GRAMMAR_TAIL,  /* goes on as rule a: a call after which this rule would end */
    ERGO__GRAMMAR_SPLIT, /* goes on at the next element and at element a */
    ERGO__GRAMMAR_JUMP,  /* goes on at element a */
    ERGO__GRAMMAR_END,   /* rule a ends */
} ergo__grammar_op;

typedef struct ergo__grammar_element {
    uint32_t op, a, b;
} ergo__grammar_element;

/** Code points, both ends included; never surrogates. */
typedef struct ergo__grammar_range {
    uint32_t first, last;
} ergo__grammar_range;

typedef struct ergo__grammar_rule {
    size_t name, name_size; /* where it stands in the text; of no use once open */
    uint32_t start;         /* its first element */
    bool nullable;          /* can match nothing */
} ergo__grammar_rule;

struct ergo_grammar {
    ergo__grammar_element *elements;
    ergo__grammar_range *ranges; /* ascending and disjoint within a set */
    ergo__grammar_rule *rules;   /* in the order of the text */
    uint32_t element_count, range_count, rule_count;
    uint32_t call_count;
    uint32_t root;
};

#endif
