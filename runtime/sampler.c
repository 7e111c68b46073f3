/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sampler_state.h"

#include <float.h>

#include "runtime/base/arena.h"
#include "runtime/base/math.h"
#include "runtime/random.h"

#define PENALTY_WINDOW 64

/* Candidates are ordered by a strict total order (logit down, id up), so that a selection has one
 * right answer, whichever algorithm finds it. */
typedef struct candidate {
    float logit;
    int32_t id;
} candidate;

static bool better(candidate a, candidate b)
{
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

static void swap(candidate *a, candidate *b)
{
    const candidate t = *a;
    *a = *b;
    *b = t;
}

/* A heap with the worst candidate on top. */
static void sift_up(candidate *heap, size_t i)
{
    while (i > 0 && better(heap[(i - 1) / 2], heap[i])) {
        swap(&heap[(i - 1) / 2], &heap[i]);
        i = (i - 1) / 2;
    }
}

static void sift_down(candidate *heap, size_t count)
{
    for (size_t i = 0; 2 * i + 1 < count;) {
        size_t worst = 2 * i + 1;
        if (worst + 1 < count && better(heap[worst], heap[worst + 1]))
            worst++;
        if (!better(heap[i], heap[worst]))
            return;
        swap(&heap[i], &heap[worst]);
        i = worst;
    }
}

/**
 * Brings the best k of the m candidates that the filter allows to the front, best first, and
 * returns how many there are. The array stays a permutation of itself. A candidate that would not
 * make it anyway is not shown to the filter.
 */
static size_t select_best(candidate *c, size_t m, size_t k, const ergo__token_filter *filter)
{
    size_t held = 0;
    for (size_t i = 0; i < m; i++) {
        if (held == k && !better(c[i], c[0]))
            continue;
        if (filter && !filter->allows(filter->user, c[i].id))
            continue;
        if (held < k) {
            swap(&c[held], &c[i]);
            sift_up(c, held++);
        } else {
            swap(&c[0], &c[i]);
            sift_down(c, held);
        }
    }
    for (size_t rest = held; rest > 1; rest--) {
        swap(&c[0], &c[rest - 1]);
        sift_down(c, rest - 1);
    }
    return held;
}

static void add_bias(const ergo_sampler_config *config, candidate *c, size_t n)
{
    for (size_t i = 0; i < config->bias_count; i++)
        if ((size_t)config->bias[i].token < n)
            c[config->bias[i].token].logit += config->bias[i].value;
}

/* Entry i still has id i here; while the window is read, its complement marks a token as seen. */
static void penalize(const ergo_sampler_config *config, candidate *c, size_t n,
                     const int32_t *history, size_t count)
{
    const size_t window = config->penalty_window ? config->penalty_window : PENALTY_WINDOW;
    const float repeat = config->repeat_penalty == 0.0f ? 1.0f : config->repeat_penalty;
    if (repeat == 1.0f && config->frequency_penalty == 0.0f && config->presence_penalty == 0.0f)
        return;
    const size_t first = count > window ? count - window : 0;
    for (size_t i = first; i < count; i++) {
        if (history[i] < 0 || (size_t)history[i] >= n)
            continue;
        candidate *t = &c[history[i]];
        if (t->id >= 0) {
            t->logit = t->logit > 0.0f ? t->logit / repeat : t->logit * repeat;
            t->logit -= config->presence_penalty;
            t->id = ~t->id;
        }
        t->logit -= config->frequency_penalty;
    }
    for (size_t i = first; i < count; i++)
        if (history[i] >= 0 && (size_t)history[i] < n)
            c[history[i]].id = history[i];
}

/* Stages 1 and 2; drops what is banned or NaN. Infinity becomes finite, for differences' sake. */
static size_t collect(const ergo_sampler_config *config, candidate *c, const float *logits,
                      size_t n, const int32_t *history, size_t history_count)
{
    for (size_t i = 0; i < n; i++)
        c[i] = (candidate){.logit = logits[i], .id = (int32_t)i};
    add_bias(config, c, n);
    penalize(config, c, n, history, history_count);
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        if (c[i].logit >= -FLT_MAX) {
            c[m] = c[i];
            c[m].logit = c[m].logit > FLT_MAX ? FLT_MAX : c[m].logit;
            m++;
        }
    return m;
}

static size_t keep_allowed(candidate *c, size_t m, const ergo__token_filter *filter)
{
    size_t kept = 0;
    for (size_t i = 0; i < m; i++)
        if (filter->allows(filter->user, c[i].id))
            c[kept++] = c[i];
    return kept;
}

static float largest(const candidate *c, size_t m)
{
    float max = c[0].logit;
    for (size_t i = 1; i < m; i++)
        max = c[i].logit > max ? c[i].logit : max;
    return max;
}

/* Probability up to a factor: 1 for the largest logit. */
static double weight(candidate c, float max, double temperature)
{
    return ergo__exp(((double)c.logit - (double)max) / temperature);
}

static double total_weight(const candidate *c, size_t m, float max, double temperature)
{
    double total = 0.0;
    for (size_t i = 0; i < m; i++)
        total += weight(c[i], max, temperature);
    return total;
}

/**
 * Candidates in descending order, found no further than asked: `sorted` of the `count` are in
 * place. Each extension is eight times as long as the last, so that a flat distribution costs
 * n log n and a peaked one a pass.
 */
typedef struct ranking {
    candidate *c;
    size_t count, sorted;
} ranking;

static candidate ranked(ranking *r, size_t i)
{
    if (i >= r->sorted) {
        const size_t rest = r->count - r->sorted;
        const size_t step = r->sorted < 8 ? 64 : r->sorted * 8;
        r->sorted += select_best(r->c + r->sorted, rest, rest < step ? rest : step, NULL);
    }
    return r->c[i];
}

/* Stages 5 and 6: how many of the largest stay. `total` is the sum of all weights. */
static size_t truncate_tail(const ergo_sampler_config *config, ranking *r, float max, double total)
{
    const bool by_sum = config->top_p > 0.0f && config->top_p < 1.0f;
    const double enough = by_sum ? (double)config->top_p * total : HUGE_VAL;
    const double least =
        config->min_p > 0.0f ? (double)max + ergo__log((double)config->min_p) : -HUGE_VAL;
    double sum = 0.0;
    for (size_t i = 0; i < r->count; i++) {
        const candidate c = ranked(r, i);
        if (i > 0 && (sum >= enough || (double)c.logit < least))
            return i;
        sum += weight(c, max, 1.0);
    }
    return r->count;
}

static int32_t draw(ranking *r, float max, double temperature, double total, double unit)
{
    double sum = 0.0;
    for (size_t i = 0;; i++) {
        const candidate c = ranked(r, i);
        sum += weight(c, max, temperature);
        if (sum > unit * total || i + 1 == r->count)
            return c.id;
    }
}

/* Stages 5 to 7. Sums run over the array as it stands: by rank after top-k, by id without. */
static int32_t draw_token(const ergo__sampler *sampler, candidate *c, size_t m, bool ranked_all)
{
    const ergo_sampler_config *config = &sampler->config;
    const bool top_p = config->top_p > 0.0f && config->top_p < 1.0f;
    const double temperature = (double)config->temperature;
    const float max = largest(c, m);
    ranking r = {.c = c, .count = m, .sorted = ranked_all ? m : 0};
    if (top_p || config->min_p > 0.0f) {
        r.count = truncate_tail(config, &r, max, top_p ? total_weight(c, m, max, 1.0) : 0.0);
        r.sorted = r.count;
    }
    const double total = total_weight(c, r.count, max, temperature);
    return draw(&r, max, temperature, total, ergo__random_unit(config->seed, sampler->draws));
}

ergo__sampler ergo__sampler_start(const ergo_sampler_config *config)
{
    return (ergo__sampler){.config = *config};
}

static candidate *lay_out(ergo__arena *arena, size_t n)
{
    return ERGO__TAKE(arena, candidate, n);
}

size_t ergo__sampler_scratch_size(size_t n)
{
    ergo__arena arena = ergo__arena_counting();
    lay_out(&arena, n);
    return arena.full ? SIZE_MAX : arena.used;
}

static size_t pick_largest(candidate *c, size_t m, const ergo__token_filter *filter)
{
    const size_t found = select_best(c, m, 1, NULL);
    /* Most often the filter allows what the model wants: then it is asked once. */
    if (found != 0 && filter && !filter->allows(filter->user, c[0].id))
        return select_best(c, m, 1, filter);
    return found;
}

ergo_status ergo__sampler_pick(ergo__sampler *sampler, const float *logits, size_t n,
                               const int32_t *history, size_t history_count,
                               const ergo__token_filter *filter, ergo_block scratch, int32_t *token)
{
    const ergo_sampler_config *config = &sampler->config;
    ergo__arena arena = ergo__arena_over(scratch);
    candidate *c = lay_out(&arena, n);
    if (!c)
        return ERGO_E_MEMORY;
    size_t m = collect(config, c, logits, n, history, history_count);
    const bool greedy = config->temperature == 0.0f;
    const bool top_k = config->top_k != 0 && config->top_k < m;
    if (greedy)
        m = pick_largest(c, m, filter);
    else if (top_k)
        m = select_best(c, m, config->top_k, filter);
    else if (filter)
        m = keep_allowed(c, m, filter);
    if (m == 0)
        return ERGO_E_STATE;
    *token = greedy ? c[0].id : draw_token(sampler, c, m, top_k);
    sampler->draws += !greedy;
    return ERGO_OK;
}
