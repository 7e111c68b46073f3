/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_RUNTIME_GRAMMAR_FILTER_H
#define ERGO_RUNTIME_GRAMMAR_FILTER_H

#include "runtime/grammar_match.h"
#include "runtime/sampler_state.h"

/** What grammars need to know of a vocabulary; the engine fills it in. */
typedef struct ergo__vocab_view {
    /** The bytes that a token stands for, good until the next call; empty for control tokens. */
    ergo_str (*bytes)(const void *user, int32_t token);
    /** Whether the token ends a text. */
    bool (*is_eog)(const void *user, int32_t token);
    const void *user;
    /** Of every token, as ergo__vocab_begins tells it: most are forbidden for their first byte. */
    const uint8_t *begins;
} ergo__vocab_view;

/** The first byte of a token; ERGO__BEGINS_NOT for one that ends the text or stands for no bytes.
 */
uint8_t ergo__vocab_begins(const ergo__vocab_view *vocab, int32_t token);

/** A byte that no text begins with. */
#define ERGO__BEGINS_NOT 0xffu

/**
 * Tokens that a grammar allows: those whose bytes may come next; where the text may end, also those
 * that end it; never others that stand for no bytes.
 */
typedef struct ergo__grammar_filter {
    ergo__grammar_state *state;
    const ergo__vocab_view *vocab;
} ergo__grammar_filter;

/** The filter in the sampler's form; valid as long as `filter`. */
ergo__token_filter ergo__grammar_token_filter(ergo__grammar_filter *filter);

/**
 * Goes on behind a token that was picked. One that ends the text changes nothing. Errors:
 * ERGO_E_STATE where it is not allowed, ERGO_E_LIMIT; nothing has changed then.
 */
ergo_status ergo__grammar_take_token(const ergo__grammar_filter *filter, int32_t token);

#endif
