/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sampler_rank.h"

#include "runtime/base/math.h"

#define FIRST 256     /* ranked at first: what most draws are content with */
#define DIGIT_BITS 11 /* of ERGO__RANK_BUCKETS; three digits hold a float */

/* ---- The largest ---------------------------------------------------------------------------- */

static float largest(const ergo__ranking *r)
{
    float lane[16], max = -INFINITY; /* lanes, for the compiler's sake: a maximum has no order */
    for (size_t j = 0; j < 16; j++)
        lane[j] = max;
    for (size_t i = 0; i < r->n; i += 16)
        for (size_t j = 0; j < 16; j++)
            lane[j] = r->logit[i + j] > lane[j] ? r->logit[i + j] : lane[j];
    for (size_t j = 0; j < 16; j++)
        max = lane[j] > max ? lane[j] : max;
    return max;
}

static bool any_equal(const float *block, float value)
{
    uint32_t any = 0;
    for (size_t j = 0; j < ERGO__RANK_BLOCK; j++)
        any |= block[j] == value;
    return any != 0;
}

/* Whether a logit of the block is above the floor. */
static bool any_above(const float *block, float floor)
{
    uint32_t any = 0;
    for (size_t j = 0; j < ERGO__RANK_BLOCK; j++)
        any |= block[j] > floor;
    return any != 0;
}

int32_t ergo__rank_largest(const ergo__ranking *ranking)
{
    const float max = largest(ranking);
    const float *block = ranking->logit;
    while (!any_equal(block, max))
        block += ERGO__RANK_BLOCK;
    while (*block != max)
        block++;
    return (int32_t)(block - ranking->logit);
}

/* ---- The best k ----------------------------------------------------------------------------- */

static bool better(const float *logit, int32_t a, int32_t b)
{
    return logit[a] > logit[b] || (logit[a] == logit[b] && a < b);
}

static void swap(int32_t *a, int32_t *b)
{
    const int32_t t = *a;
    *a = *b;
    *b = t;
}

/* A heap with the worst candidate on top. */
static void sift_up(const float *logit, int32_t *heap, size_t i)
{
    while (i > 0 && better(logit, heap[(i - 1) / 2], heap[i])) {
        swap(&heap[(i - 1) / 2], &heap[i]);
        i = (i - 1) / 2;
    }
}

static void sift_down(const float *logit, int32_t *heap, size_t count)
{
    for (size_t i = 0; 2 * i + 1 < count;) {
        size_t worst = 2 * i + 1;
        if (worst + 1 < count && better(logit, heap[worst], heap[worst + 1]))
            worst++;
        if (!better(logit, heap[i], heap[worst]))
            return;
        swap(&heap[i], &heap[worst]);
        i = worst;
    }
}

void ergo__rank_best(ergo__ranking *ranking, size_t k, const ergo__token_filter *filter)
{
    const float *logit = ranking->logit;
    int32_t *heap = ranking->id;
    size_t held = 0;
    float floor = -INFINITY; /* what a candidate must be above: ids ascend, so a tie is lost */
    for (size_t block = 0; block < ranking->n; block += ERGO__RANK_BLOCK) {
        if (!any_above(logit + block, floor))
            continue;
        for (size_t i = block; i < block + ERGO__RANK_BLOCK; i++) {
            if (!(logit[i] > floor) || (filter && !filter->allows(filter->user, (int32_t)i)))
                continue;
            if (held < k) {
                heap[held] = (int32_t)i;
                sift_up(logit, heap, held++);
            } else {
                heap[0] = (int32_t)i;
                sift_down(logit, heap, held);
            }
            floor = held == k ? logit[heap[0]] : floor;
        }
    }
    for (size_t rest = held; rest > 1; rest--) {
        swap(&heap[0], &heap[rest - 1]);
        sift_down(logit, heap, rest - 1);
    }
    ranking->sorted = held;
}

/* ---- All ------------------------------------------------------------------------------------ */

/* An integer that ascends where logits descend. */
static uint32_t key_of(float logit)
{
    const uint32_t bits = ergo__bits_of_f32(logit);
    return bits >> 31 ? bits : bits ^ 0x7fffffffu;
}

/* One pass of a radix sort: stable, so that the ids of equal logits stay in order. */
static void sort_by_digit(const ergo__ranking *r, unsigned shift, const int32_t *from, int32_t *to)
{
    for (size_t b = 0; b < ERGO__RANK_BUCKETS; b++)
        r->counts[b] = 0;
    for (size_t i = 0; i < r->count; i++)
        r->counts[key_of(r->logit[from[i]]) >> shift & (ERGO__RANK_BUCKETS - 1)]++;
    uint32_t start = 0;
    for (size_t b = 0; b < ERGO__RANK_BUCKETS; b++) {
        const uint32_t count = r->counts[b];
        r->counts[b] = start;
        start += count;
    }
    for (size_t i = 0; i < r->count; i++)
        to[r->counts[key_of(r->logit[from[i]]) >> shift & (ERGO__RANK_BUCKETS - 1)]++] = from[i];
}

/* In a time that depends on n alone. */
static void rank_all(ergo__ranking *ranking)
{
    size_t m = 0;
    for (size_t i = 0; i < ranking->n; i++)
        if (ranking->logit[i] > -INFINITY)
            ranking->spare[m++] = (int32_t)i;
    sort_by_digit(ranking, 0, ranking->spare, ranking->id);
    sort_by_digit(ranking, DIGIT_BITS, ranking->id, ranking->spare);
    sort_by_digit(ranking, 2 * DIGIT_BITS, ranking->spare, ranking->id);
    ranking->sorted = m;
}

/* ---- Weights -------------------------------------------------------------------------------- */

static void weigh(ergo__softmax s, const float *logit, double *weight)
{
    double x[ERGO__RANK_BLOCK]; /* two loops, so that each of them is vectorised */
    for (size_t j = 0; j < ERGO__RANK_BLOCK; j++) {
        x[j] = ((double)logit[j] - (double)s.max) / s.temperature;
        x[j] = x[j] < ERGO__EXP_LEAST ? ERGO__EXP_LEAST : x[j];
    }
    for (size_t j = 0; j < ERGO__RANK_BLOCK; j++)
        weight[j] = ergo__exp_within(x[j]);
}

size_t ergo__rank_weigh(ergo__ranking *ranking, ergo__softmax softmax, bool by_rank, size_t first,
                        double *weight)
{
    const size_t rest = (by_rank ? ranking->count : ranking->n) - first;
    const size_t m = rest < ERGO__RANK_BLOCK ? rest : ERGO__RANK_BLOCK;
    float gathered[ERGO__RANK_BLOCK];
    const float *logit = ranking->logit + first;
    if (by_rank) {
        if (first + m > ranking->sorted && first == 0)
            ergo__rank_best(ranking, FIRST, NULL);
        else if (first + m > ranking->sorted)
            rank_all(ranking);
        for (size_t j = 0; j < ERGO__RANK_BLOCK; j++)
            gathered[j] = j < m ? ranking->logit[ranking->id[first + j]] : -INFINITY;
        logit = gathered;
    }
    weigh(softmax, logit, weight);
    return m;
}
