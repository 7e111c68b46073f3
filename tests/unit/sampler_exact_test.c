/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sampler against its definition, to the bit, at the size of real vocabularies. Everything is
 * sorted and summed one by one; weights are ergo__exp's. Sums run by id, or by rank where a stage
 * has ranked the candidates.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <float.h>

#include "ergo/sampler.h"
#include "runtime/base/math.h"
#include "runtime/random.h"
#include "runtime/sampler_state.h"

#define N_MAX 151936

typedef struct entry {
    float logit;
    int32_t id;
} entry;

static entry kept[N_MAX], ranked[N_MAX];
static float logits[N_MAX];
static ergo_block scratch;

static int by_rank(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->logit != y->logit)
        return x->logit < y->logit ? 1 : -1;
    return (x->id > y->id) - (x->id < y->id);
}

static double weight(entry e, float max, double temperature)
{
    return ergo__exp(((double)e.logit - (double)max) / temperature);
}

static double total_weight(const entry *e, size_t m, float max, double temperature)
{
    double total = 0;
    for (size_t i = 0; i < m; i++)
        total += weight(e[i], max, temperature);
    return total;
}

static size_t truncated(const ergo_sampler_config *config, size_t m, double total)
{
    const float max = ranked[0].logit;
    const double least =
        config->min_p > 0 ? (double)max + ergo__log((double)config->min_p) : -HUGE_VAL;
    const bool by_sum = config->top_p > 0 && config->top_p < 1;
    double sum = 0;
    for (size_t i = 0; i < m; i++) {
        if (i > 0 && by_sum && sum >= (double)config->top_p * total)
            return i;
        if (i > 0 && (double)ranked[i].logit < least)
            return i;
        sum += weight(ranked[i], max, 1);
    }
    return m;
}

static int32_t defined_pick(const ergo_sampler_config *config, size_t n,
                            const ergo__token_filter *filter)
{
    size_t m = 0, numbers = 0;
    for (size_t i = 0; i < n; i++) {
        numbers += logits[i] >= -FLT_MAX;
        if (logits[i] >= -FLT_MAX && (!filter || filter->allows(filter->user, (int32_t)i)))
            kept[m++] = (entry){logits[i] > FLT_MAX ? FLT_MAX : logits[i], (int32_t)i};
    }
    memcpy(ranked, kept, m * sizeof *kept);
    qsort(ranked, m, sizeof *ranked, by_rank);
    if (config->temperature == 0)
        return ranked[0].id;
    const entry *summed = kept;
    if (config->top_k != 0 && config->top_k < numbers) {
        m = config->top_k < m ? config->top_k : m;
        summed = ranked;
    }
    const float max = ranked[0].logit;
    if ((config->top_p > 0 && config->top_p < 1) || config->min_p > 0) {
        m = truncated(config, m, total_weight(summed, m, max, 1));
        summed = ranked;
    }
    const double t = (double)config->temperature;
    const double total = total_weight(summed, m, max, t);
    const double unit = ergo__random_unit(config->seed, 0);
    double sum = 0;
    for (size_t i = 0; i + 1 < m; i++) {
        sum += weight(ranked[i], max, t);
        if (sum > unit * total)
            return ranked[i].id;
    }
    return ranked[m - 1].id;
}

/* ---- What models say ------------------------------------------------------------------------ */

static double normal(uint64_t seed, uint64_t i)
{
    double sum = 0;
    for (uint64_t k = 0; k < 12; k++)
        sum += ergo__random_unit(seed, 12 * i + k);
    return sum - 6;
}

static void flat(size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++)
        logits[i] = (float)normal(seed, i);
}

static void peaked(size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++)
        logits[i] = (float)(2.5 * normal(seed, i));
    for (size_t i = 0; i < 50; i++)
        logits[ergo__random_bits(seed, i) % n] = 20.0f - 0.3f * (float)i;
}

static void tied(size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++)
        logits[i] = (float)(ergo__random_bits(seed, i) % 7) / 2 - 1;
}

static void equal(size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++)
        logits[i] = seed % 2 && i % 2 ? -0.0f : 0.0f;
}

/* Everything that a float can be. */
static void wild(size_t n, uint64_t seed)
{
    const float odd[] = {NAN,   -INFINITY, INFINITY,  FLT_MAX, -FLT_MAX, FLT_MIN,
                         -0.0f, 0.0f,      1e-42f,    -1e-42f, 1e30f,    -1e30f,
                         88.0f, 88.00001f, -700.001f, 3e-8f};
    const uint64_t most = seed % 3 == 0 ? 16 : 14;
    for (size_t i = 0; i < n; i++)
        logits[i] = odd[2 * (seed % 2) + ergo__random_bits(seed, i) % (most - 2 * (seed % 2))];
    logits[seed % n] = 5;
}

typedef void fill(size_t n, uint64_t seed);
static fill *const fills[] = {flat, peaked, tied, equal, wild};

static bool allows_fifths(void *user, int32_t token)
{
    (void)user;
    return token % 5 == 0;
}

static const ergo_sampler_config configs[] = {
    {0},
    {.temperature = 0.8f},
    {.temperature = 1.7f},
    {.temperature = 0.01f},
    {.temperature = 1, .top_p = 0.9f},
    {.temperature = 0.7f, .top_p = 0.999f},
    {.temperature = 1.3f, .min_p = 0.05f},
    {.temperature = 1, .top_p = 0.5f, .min_p = 0.3f},
    {.temperature = 0.8f, .top_k = 1},
    {.temperature = 0.8f, .top_k = 40},
    {.temperature = 0.8f, .top_k = 40, .top_p = 0.95f, .min_p = 0.05f},
    {.temperature = 1.2f, .top_k = 5000, .top_p = 0.99f},
    {.temperature = 1.2f, .top_k = N_MAX + 1},
};

static void check(size_t n, uint64_t seed, const ergo__token_filter *filter)
{
    for (size_t c = 0; c < sizeof configs / sizeof *configs; c++) {
        ergo_sampler_config config = configs[c];
        config.seed = seed * 1000 + c;
        ergo__sampler sampler = ergo__sampler_start(&config);
        int32_t token = -7;
        assert_int_equal(ergo__sampler_pick(&sampler, logits, n, NULL, 0, filter, scratch, &token),
                         ERGO_OK);
        assert_int_equal(token, defined_pick(&config, n, filter));
    }
}

static void small_vocabularies_follow_the_definition(void **state)
{
    (void)state;
    const ergo__token_filter fifths = {allows_fifths, NULL};
    for (uint64_t seed = 0; seed < 60; seed++)
        for (size_t f = 0; f < sizeof fills / sizeof *fills; f++) {
            const size_t n = 1 + (size_t)(ergo__random_bits(seed, f) % (seed % 2 ? 5000 : 90));
            fills[f](n, seed);
            const bool filtered = seed % 4 == 1 && logits[0] >= -FLT_MAX;
            check(n, seed, filtered ? &fifths : NULL);
        }
}

static void large_vocabularies_follow_the_definition(void **state)
{
    (void)state;
    const ergo__token_filter fifths = {allows_fifths, NULL};
    for (uint64_t seed = 0; seed < 2; seed++)
        for (size_t f = 0; f < sizeof fills / sizeof *fills; f++) {
            fills[f](N_MAX, seed);
            check(N_MAX, seed, seed ? &fifths : NULL);
        }
}

static int open_scratch(void **state)
{
    (void)state;
    const size_t size = ergo__sampler_scratch_size(N_MAX);
    scratch = (ergo_block){aligned_alloc(ERGO_BLOCK_ALIGN, (size + 63) / 64 * 64), size};
    return scratch.data ? 0 : -1;
}

static int close_scratch(void **state)
{
    (void)state;
    free(scratch.data);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_vocabularies_follow_the_definition),
        cmocka_unit_test(large_vocabularies_follow_the_definition),
    };
    return cmocka_run_group_tests(tests, open_scratch, close_scratch);
}
