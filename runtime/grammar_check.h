/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_RUNTIME_GRAMMAR_CHECK_H
#define ERGO_RUNTIME_GRAMMAR_CHECK_H

#include "runtime/grammar_text.h"

/** Room for what is only needed while a grammar is opened. */
typedef struct ergo__grammar_work {
    uint32_t *by_name; /* one entry per rule */
    uint32_t *waiting; /* one entry per rule */
    uint32_t *next;    /* one entry per element */
    uint32_t *stack;   /* one entry per element */
} ergo__grammar_work;

/**
 * Makes jumps absolute, binds calls to their rules and finds the root. Errors: ERGO_E_FORMAT for a
 * rule that is defined twice or not at all, and where "root" is missing.
 */
ergo_status ergo__grammar_link(const ergo__grammar_cursor *cursor, ergo_grammar *g,
                               const ergo__grammar_work *work);

/**
 * Finds the rules that can match nothing. Errors: ERGO_E_FORMAT for left recursion, through any
 * number of rules. Time is linear in the grammar.
 */
ergo_status ergo__grammar_check(const ergo__grammar_cursor *cursor, ergo_grammar *g,
                                const ergo__grammar_work *work);

#endif
