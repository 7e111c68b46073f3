/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_SAMPLER_H
#define ERGO_SAMPLER_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Added to the logit of one token before anything else; -INFINITY bans the token. */
typedef struct ergo_logit_bias {
    int32_t token;
    float value;
} ergo_logit_bias;

/**
 * How the next token is chosen from the logits. Zeroed means greedy. The stages run in this order,
 * each on what the one before left over:
 *
 *   1. `bias` is added.
 *   2. Penalties, over the last `penalty_window` tokens of the sequence, its prompt included. A
 *      token that occurs there c times: a positive logit is divided by `repeat_penalty`, another
 *      one multiplied by it; then `presence_penalty` is subtracted once, `frequency_penalty` c
 *      times.
 *   3. A grammar, where there is one, removes every token that it does not allow.
 *   4. `top_k` keeps the k largest.
 *   5. `top_p` keeps the fewest of the largest whose probabilities sum to p or more.
 *   6. `min_p` keeps those at least p times as probable as the largest.
 *   7. One of the rest is drawn by softmax(logit / temperature).
 *
 * The largest logit always survives. Of equal logits the lower id counts as the larger. Logits
 * that are NaN are treated as banned. Same logits, history, config and seed: same token, on every
 * machine.
 */
typedef struct ergo_sampler_config {
    float temperature;           /**< 0 is greedy: the largest logit after stage 3 */
    uint32_t top_k;              /**< tokens; 0 means all */
    float top_p;                 /**< 0 to 1; 0 and 1 mean off */
    float min_p;                 /**< 0 to 1; 0 means off */
    float repeat_penalty;        /**< a factor; 0 and 1 mean off */
    float frequency_penalty;     /**< in logits, per occurrence; 0 means off, negative encourages */
    float presence_penalty;      /**< in logits, once; 0 means off, negative encourages */
    uint32_t penalty_window;     /**< tokens; 0 means 64 */
    uint64_t seed;               /**< every value is a seed, 0 too */
    const ergo_logit_bias *bias; /**< kept by reference while in use; entries for a token add up */
    size_t bias_count;
} ergo_sampler_config;

/**
 * Checks a config for a vocabulary of `tokens` tokens (0: ids in `bias` are checked for sign only).
 * Errors: ERGO_E_ARGUMENT, the field named in the log (which may be NULL).
 */
ergo_status ergo_sampler_validate(const ergo_sampler_config *config, size_t tokens,
                                  const ergo_log *log);

#ifdef __cplusplus
}
#endif
#endif
