/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <string.h>

#include "runtime/base/arena.h"
#include "runtime/base/math.h"
#include "runtime/random.h"
#include "runtime/sampler_rank.h"

#define PENALTY_WINDOW 64
#define BLOCK ERGO__RANK_BLOCK

/* ---- Stages 1 and 2 ------------------------------------------------------------------------- */

static void add_bias(const ergo_sampler_config *config, float *logit, size_t n)
{
    for (size_t i = 0; i < config->bias_count; i++)
        if ((size_t)config->bias[i].token < n)
            logit[config->bias[i].token] += config->bias[i].value;
}

/* `seen` has room for a bit per token. */
static void penalize(const ergo_sampler_config *config, float *logit, size_t n,
                     const int32_t *history, size_t count, unsigned char *seen)
{
    const size_t window = config->penalty_window ? config->penalty_window : PENALTY_WINDOW;
    const float repeat = config->repeat_penalty == 0.0f ? 1.0f : config->repeat_penalty;
    if (repeat == 1.0f && config->frequency_penalty == 0.0f && config->presence_penalty == 0.0f)
        return;
    memset(seen, 0, (n + 7) / 8);
    for (size_t i = count > window ? count - window : 0; i < count; i++) {
        if (history[i] < 0 || (size_t)history[i] >= n)
            continue;
        const size_t token = (size_t)history[i];
        const unsigned bit = 1u << token % 8;
        float *t = &logit[token];
        if (!(seen[token / 8] & bit)) {
            *t = *t > 0.0f ? *t / repeat : *t * repeat;
            *t -= config->presence_penalty;
            seen[token / 8] |= (unsigned char)bit;
        }
        *t -= config->frequency_penalty;
    }
}

/* -infinity for what is banned or NaN. Infinity becomes finite, for differences' sake. */
static void clean(float *block)
{
    for (size_t j = 0; j < BLOCK; j++) { /* two loops: compilers vectorise either, but not both */
        const float logit = block[j] + 0.0f;
        block[j] = logit > FLT_MAX ? FLT_MAX : logit;
    }
    for (size_t j = 0; j < BLOCK; j++)
        block[j] = block[j] >= -FLT_MAX ? block[j] : -INFINITY;
}

static size_t count_candidates(const ergo__ranking *r)
{
    uint32_t count = 0;
    for (size_t i = 0; i < r->n; i++)
        count += r->logit[i] > -INFINITY;
    return count;
}

static void collect(const ergo_sampler_config *config, ergo__ranking *r, const float *logits,
                    const int32_t *history, size_t history_count)
{
    memcpy(r->logit, logits, r->n * sizeof *logits);
    add_bias(config, r->logit, r->n);
    penalize(config, r->logit, r->n, history, history_count, (unsigned char *)r->spare);
    for (size_t i = r->n; i % BLOCK != 0; i++)
        r->logit[i] = -INFINITY;
    for (size_t i = 0; i < r->n; i += BLOCK)
        clean(r->logit + i);
    r->count = count_candidates(r);
}

static void keep_allowed(ergo__ranking *r, const ergo__token_filter *filter)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->logit[i] > -INFINITY && !filter->allows(filter->user, (int32_t)i))
            r->logit[i] = -INFINITY;
    r->count = count_candidates(r);
}

/* ---- Stages 5 to 7 -------------------------------------------------------------------------- */

static double total_weight(ergo__ranking *r, ergo__softmax s, bool by_rank)
{
    double weight[BLOCK], total = 0.0;
    for (size_t i = 0; i < (by_rank ? r->count : r->n); i += BLOCK) {
        ergo__rank_weigh(r, s, by_rank, i, weight);
        for (size_t j = 0; j < BLOCK; j++)
            total += weight[j];
    }
    return total;
}

/* Stages 5 and 6: how many of the largest stay. `enough` is the sum of weights to reach. */
static size_t truncated(const ergo_sampler_config *config, ergo__ranking *r, ergo__softmax s,
                        double enough)
{
    const double least =
        config->min_p > 0.0f ? (double)s.max + ergo__log((double)config->min_p) : -HUGE_VAL;
    double weight[BLOCK], sum = 0.0;
    for (size_t i = 0; i < r->count; i += BLOCK) {
        const size_t m = ergo__rank_weigh(r, s, true, i, weight);
        for (size_t j = 0; j < m; j++) {
            if (i + j > 0 && (sum >= enough || (double)r->logit[r->id[i + j]] < least))
                return i + j;
            sum += weight[j];
        }
    }
    return r->count;
}

static int32_t draw(ergo__ranking *r, ergo__softmax s, double point)
{
    double weight[BLOCK], sum = 0.0;
    for (size_t i = 0; i < r->count; i += BLOCK) {
        const size_t m = ergo__rank_weigh(r, s, true, i, weight);
        for (size_t j = 0; j < m; j++) {
            sum += weight[j];
            if (sum > point)
                return r->id[i + j];
        }
    }
    return r->id[r->count - 1];
}

/* Sums run by rank once a stage has ranked the candidates, by id before. */
static int32_t draw_token(const ergo__sampler *sampler, ergo__ranking *r, bool ranked)
{
    const ergo_sampler_config *config = &sampler->config;
    const bool top_p = config->top_p > 0.0f && config->top_p < 1.0f;
    const bool truncates = top_p || config->min_p > 0.0f;
    const float max = r->logit[ranked ? r->id[0] : ergo__rank_largest(r)];
    const ergo__softmax plain = {max, 1.0}, s = {max, (double)config->temperature};
    if (truncates) {
        double enough = HUGE_VAL;
        if (top_p)
            enough = (double)config->top_p * total_weight(r, plain, ranked);
        r->count = truncated(config, r, plain, enough);
    }
    const double total = total_weight(r, s, ranked || truncates);
    return draw(r, s, ergo__random_unit(config->seed, sampler->draws) * total);
}

/* ---- A pick --------------------------------------------------------------------------------- */

ergo__sampler ergo__sampler_start(const ergo_sampler_config *config)
{
    return (ergo__sampler){.config = *config};
}

static ergo__ranking lay_out(ergo__arena *arena, size_t n)
{
    const size_t padded = n > SIZE_MAX - BLOCK ? n : (n + BLOCK - 1) / BLOCK * BLOCK;
    ergo__ranking r = {.n = n};
    r.logit = ERGO__TAKE_LINE(arena, float, padded);
    r.id = ERGO__TAKE(arena, int32_t, n);
    r.spare = ERGO__TAKE(arena, int32_t, n);
    r.counts = ERGO__TAKE(arena, uint32_t, ERGO__RANK_BUCKETS);
    return r;
}

size_t ergo__sampler_scratch_size(size_t n)
{
    ergo__arena arena = ergo__arena_counting();
    lay_out(&arena, n);
    return arena.full ? SIZE_MAX : arena.used;
}

static void pick_largest(ergo__ranking *r, const ergo__token_filter *filter)
{
    r->id[0] = ergo__rank_largest(r);
    r->sorted = 1;
    /* Most often the filter allows what the model wants: then it is asked once. */
    if (filter && !filter->allows(filter->user, r->id[0]))
        ergo__rank_best(r, 1, filter);
    r->count = r->sorted;
}

ergo_status ergo__sampler_pick(ergo__sampler *sampler, const float *logits, size_t n,
                               const int32_t *history, size_t history_count,
                               const ergo__token_filter *filter, ergo_block scratch, int32_t *token)
{
    const ergo_sampler_config *config = &sampler->config;
    ergo__arena arena = ergo__arena_over(scratch);
    ergo__ranking r = lay_out(&arena, n);
    if (arena.full)
        return ERGO_E_MEMORY;
    collect(config, &r, logits, history, history_count);
    const bool greedy = config->temperature == 0.0f;
    const bool top_k = config->top_k != 0 && config->top_k < r.count;
    if (greedy && r.count != 0) {
        pick_largest(&r, filter);
    } else if (top_k) {
        ergo__rank_best(&r, config->top_k, filter);
        r.count = r.sorted;
    } else if (filter) {
        keep_allowed(&r, filter);
    }
    if (r.count == 0)
        return ERGO_E_STATE;
    *token = greedy ? r.id[0] : draw_token(sampler, &r, top_k);
    sampler->draws += !greedy;
    return ERGO_OK;
}
