/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_RUNTIME_SAMPLER_RANK_H
#define ERGO_RUNTIME_SAMPLER_RANK_H

#include "runtime/sampler_state.h"

/** Logits are looked at in blocks of so many: most are passed over as a whole. */
#define ERGO__RANK_BLOCK 64

/** Entries of `counts`. */
#define ERGO__RANK_BUCKETS 2048

/**
 * Tokens in descending order, as far as someone asked for it. The order is strict (logit down, id
 * up), so that there is one right answer, whichever algorithm finds it.
 */
typedef struct ergo__ranking {
    float *logit;     /* by id, full blocks; -infinity for what is no candidate, else finite and
                         never -0 */
    size_t n;         /* tokens: the block ends in -infinity behind them */
    size_t count;     /* candidates */
    size_t sorted;    /* entries of `id` that are in place */
    int32_t *id;      /* [n] by rank */
    int32_t *spare;   /* [n] */
    uint32_t *counts; /* [ERGO__RANK_BUCKETS] */
} ergo__ranking;

/** The lowest id with the largest logit; there is at least one candidate. */
int32_t ergo__rank_largest(const ergo__ranking *ranking);

/**
 * Puts the best k candidates that the filter (NULL: any) allows in place; `sorted` says how many
 * there are. A candidate that would not make it anyway is not shown to the filter.
 */
void ergo__rank_best(ergo__ranking *ranking, size_t k, const ergo__token_filter *filter);

/** What probabilities are taken from. */
typedef struct ergo__softmax {
    float max;
    double temperature;
} ergo__softmax;

/**
 * The weights of ERGO__RANK_BLOCK tokens from `first` (a multiple of it) on: probabilities up to a
 * factor, 1 for the largest logit and 0 for what is no candidate or beyond the last. By rank, it
 * ranks what is not ranked yet. Returns how many tokens there are.
 */
size_t ergo__rank_weigh(ergo__ranking *ranking, ergo__softmax softmax, bool by_rank, size_t first,
                        double *weight);

#endif
