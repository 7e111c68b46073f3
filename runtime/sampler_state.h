/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_RUNTIME_SAMPLER_STATE_H
#define ERGO_RUNTIME_SAMPLER_STATE_H

#include "ergo/sampler.h"

/** What a session keeps of its sampler. The draws made so far are all there is to save. */
typedef struct ergo__sampler {
    ergo_sampler_config config; /* validated */
    uint64_t draws;
} ergo__sampler;

/** Says which tokens may come next, such as a grammar does. Must answer the same all through a
 * pick. */
typedef struct ergo__token_filter {
    bool (*allows)(void *user, int32_t token);
    void *user;
} ergo__token_filter;

/** A sampler at its first draw. `config` has passed ergo_sampler_validate. */
ergo__sampler ergo__sampler_start(const ergo_sampler_config *config);

/** Bytes of scratch, aligned to ERGO_BLOCK_ALIGN, for a vocabulary of n tokens. */
size_t ergo__sampler_scratch_size(size_t n);

/**
 * Chooses a token from `n` logits. `history` is the sequence so far, oldest first. `filter` may be
 * NULL; it is asked about as few tokens as the answer needs, but the outcome is that of removing
 * all that it forbids first. Makes exactly one draw where the temperature is not 0. Allocates
 * nothing. Errors: ERGO_E_STATE where no token is left to choose, ERGO_E_MEMORY for a small
 * scratch; the sampler is then unchanged.
 */
ergo_status ergo__sampler_pick(ergo__sampler *sampler, const float *logits, size_t n,
                               const int32_t *history, size_t history_count,
                               const ergo__token_filter *filter, ergo_block scratch,
                               int32_t *token);

#endif
