/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_RUNTIME_GRAMMAR_SET_H
#define ERGO_RUNTIME_GRAMMAR_SET_H

#include "runtime/grammar_program.h"

/** Ranges of room that `count` ranges need to be normalized in place. */
#define ERGO__SET_CAPACITY(count) ((count) + 2u)

/**
 * Turns `count` ranges in any order into ascending, disjoint ones of the same characters, or of
 * all others where `negated`; surrogates are left out. Returns how many there are.
 */
uint32_t ergo__set_normalize(ergo__grammar_range *set, uint32_t count, bool negated);

/** Whether a character from `first` to `last` is in the ascending, disjoint ranges. */
bool ergo__set_meets(const ergo__grammar_range *set, uint32_t count, uint32_t first, uint32_t last);

#endif
