/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_RUNTIME_GRAMMAR_MATCH_H
#define ERGO_RUNTIME_GRAMMAR_MATCH_H

#include "ergo/grammar.h"
#include "runtime/base/arena.h"

/**
 * Where a text stands in a grammar: all the ways of reading it so far, at once. Belongs to one
 * session; memory is fixed. Bytes may stop in the middle of a UTF-8 sequence. Malformed UTF-8 is
 * never allowed.
 */
typedef struct ergo__grammar_state ergo__grammar_state;

/** Takes a state for `grammar` out of an arena; NULL where that counts or is full. */
ergo__grammar_state *ergo__grammar_state_take(ergo__arena *arena, const ergo_grammar *grammar);

/** To the beginning of a text; needed before anything else. Errors: ERGO_E_LIMIT. */
ergo_status ergo__grammar_reset(ergo__grammar_state *state);

/** Whether something that begins with this byte may come next. */
bool ergo__grammar_may_begin(const ergo__grammar_state *state, uint8_t byte);

/**
 * Whether these bytes may come next. A reading that takes more memory than there is counts as
 * forbidden, and ergo__grammar_limited is true from then on.
 */
bool ergo__grammar_accepts(ergo__grammar_state *state, ergo_str bytes);

/** Goes on behind these bytes. Errors, after which nothing has changed: ERGO_E_STATE where they are
 * not allowed here, ERGO_E_LIMIT where the reading takes more memory than there is. */
ergo_status ergo__grammar_advance(ergo__grammar_state *state, ergo_str bytes);

/** Whether the text may end here. */
bool ergo__grammar_can_end(const ergo__grammar_state *state);

/** Whether some bytes were refused for want of memory since the last reset or advance. */
bool ergo__grammar_limited(const ergo__grammar_state *state);

#endif
