/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "ergo/sampler.h"
#include "runtime/random.h"
#include "runtime/sampler_state.h"

#define N_MAX 6000

static _Alignas(ERGO_BLOCK_ALIGN) unsigned char scratch_bytes[12 * N_MAX + 9000];

static ergo_block scratch(void)
{
    return (ergo_block){scratch_bytes, sizeof scratch_bytes};
}

static int32_t pick(ergo__sampler *sampler, const float *logits, size_t n)
{
    int32_t token = -7;
    assert_int_equal(ergo__sampler_pick(sampler, logits, n, NULL, 0, NULL, scratch(), &token),
                     ERGO_OK);
    return token;
}

static int32_t pick_with(ergo_sampler_config config, const float *logits, size_t n,
                         const int32_t *history, size_t count)
{
    ergo__sampler sampler = ergo__sampler_start(&config);
    int32_t token = -7;
    assert_int_equal(
        ergo__sampler_pick(&sampler, logits, n, history, count, NULL, scratch(), &token), ERGO_OK);
    return token;
}

/* The documented stages, done the plain way: everything sorted, everything from libm. */
typedef struct entry {
    double logit;
    int32_t id;
} entry;

static int by_rank(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->logit != y->logit)
        return x->logit < y->logit ? 1 : -1;
    return (x->id > y->id) - (x->id < y->id);
}

static size_t plain_survivors(const ergo_sampler_config *config, const float *logits, size_t n,
                              const ergo__token_filter *filter, entry *kept)
{
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        if (!filter || filter->allows(filter->user, (int32_t)i))
            kept[m++] = (entry){(double)logits[i], (int32_t)i};
    qsort(kept, m, sizeof *kept, by_rank);
    if (config->top_k != 0 && config->top_k < m)
        m = config->top_k;
    double total = 0, sum = 0;
    for (size_t i = 0; i < m; i++)
        total += exp(kept[i].logit - kept[0].logit);
    if (config->top_p > 0 && config->top_p < 1) {
        size_t i = 0;
        while (i < m && sum < (double)config->top_p * total)
            sum += exp(kept[i++].logit - kept[0].logit);
        m = i;
    }
    size_t i = 0;
    while (i < m && exp(kept[i].logit - kept[0].logit) >= (double)config->min_p)
        i++;
    return i;
}

static int32_t plain_pick(const ergo_sampler_config *config, uint64_t draws, const float *logits,
                          size_t n, const ergo__token_filter *filter)
{
    static entry kept[N_MAX];
    const size_t m = plain_survivors(config, logits, n, filter, kept);
    const double t = (double)config->temperature;
    double total = 0, sum = 0;
    for (size_t i = 0; i < m; i++)
        total += exp((kept[i].logit - kept[0].logit) / t);
    for (size_t i = 0; i < m; i++) {
        sum += exp((kept[i].logit - kept[0].logit) / t);
        if (sum > ergo__random_unit(config->seed, draws) * total)
            return kept[i].id;
    }
    return kept[m - 1].id;
}

static bool allows_thirds(void *user, int32_t token)
{
    ++*(size_t *)user;
    return token % 3 == 1;
}

static void fill(float *logits, size_t n, uint64_t seed, double spread)
{
    for (size_t i = 0; i < n; i++) /* quarters: ties are frequent */
        logits[i] = (float)(round(4 * spread * (ergo__random_unit(seed, i) - 0.5)) / 4);
}

static void zeroed_config_is_greedy(void **state)
{
    (void)state;
    const float logits[] = {-1, 3, 7, 7, 2};
    assert_int_equal(pick_with((ergo_sampler_config){0}, logits, 5, NULL, 0), 2);
}

static void every_mix_of_stages_equals_the_plain_algorithm(void **state)
{
    (void)state;
    static float logits[N_MAX];
    const uint32_t top_ks[] = {0, 1, 2, 40, 700, 100000};
    const float top_ps[] = {0.0f, 0.1f, 0.9f, 0.999f, 1.0f};
    const float min_ps[] = {0.0f, 0.05f, 1.0f};
    const size_t sizes[] = {1, 2, 65, 577, N_MAX};
    uint64_t round = 0;
    for (size_t a = 0; a < 6; a++)
        for (size_t b = 0; b < 5; b++)
            for (size_t c = 0; c < 3; c++)
                for (size_t d = 0; d < 10; d++, round++) {
                    const size_t n = sizes[d / 2];
                    fill(logits, n, round, d % 2 ? 2 : 30);
                    const ergo_sampler_config config = {
                        .temperature = d % 3 ? 0.7f : 1.5f,
                        .top_k = top_ks[a],
                        .top_p = top_ps[b],
                        .min_p = min_ps[c],
                        .seed = round,
                    };
                    size_t asked = 0;
                    const ergo__token_filter thirds = {allows_thirds, &asked};
                    const ergo__token_filter *filter = round % 2 && n > 1 ? &thirds : NULL;
                    ergo__sampler sampler = ergo__sampler_start(&config);
                    int32_t token = -7;
                    assert_int_equal(
                        ergo__sampler_pick(&sampler, logits, n, NULL, 0, filter, scratch(), &token),
                        ERGO_OK);
                    assert_int_equal(token, plain_pick(&config, 0, logits, n, filter));
                }
}

static void frequencies_follow_softmax_with_temperature(void **state)
{
    (void)state;
    const float logits[] = {0.0f, 1.0f, -0.5f, 2.0f, 1.5f};
    const ergo_sampler_config config = {.temperature = 0.8f, .seed = 11};
    ergo__sampler sampler = ergo__sampler_start(&config);
    double expected[5], total = 0, chi2 = 0;
    int seen[5] = {0};
    const int draws = 50000;
    for (int i = 0; i < draws; i++)
        seen[pick(&sampler, logits, 5)]++;
    for (int i = 0; i < 5; i++)
        total += expected[i] = exp((double)logits[i] / 0.8);
    for (int i = 0; i < 5; i++) {
        const double e = expected[i] / total * draws;
        chi2 += (seen[i] - e) * (seen[i] - e) / e;
    }
    assert_true(chi2 < 18.5); /* 4 degrees of freedom: p = 0.001 */
    assert_int_equal(sampler.draws, draws);
}

static void draws_are_those_published_for_splitmix64(void **state)
{
    (void)state;
    /* SplitMix64 from state 0 gives e220a8397b1dcdaf first: the seed is hashed by that step. */
    assert_true(ergo__random_mix(0x9e3779b97f4a7c15u) == 0xe220a8397b1dcdafu);
    assert_true(ergo__random_bits(0, 0) ==
                ergo__random_mix(0xe220a8397b1dcdafu + 0x9e3779b97f4a7c15u));
    for (uint64_t i = 0; i < 10000; i++)
        assert_true(ergo__random_unit(3, i) >= 0 && ergo__random_unit(3, i) < 1);
}

static void a_session_can_be_restored_from_its_count_of_draws(void **state)
{
    (void)state;
    float logits[100];
    fill(logits, 100, 1, 3);
    const ergo_sampler_config config = {.temperature = 1, .seed = 5};
    ergo__sampler first = ergo__sampler_start(&config), second = ergo__sampler_start(&config);
    int32_t tokens[20];
    for (int i = 0; i < 20; i++)
        tokens[i] = pick(&first, logits, 100);
    second.draws = 12;
    for (int i = 12; i < 20; i++)
        assert_int_equal(pick(&second, logits, 100), tokens[i]);
}

static void bias_adds_up_and_bans(void **state)
{
    (void)state;
    const float logits[] = {1, 2, 3};
    const ergo_logit_bias bias[] = {{0, 1.5f}, {2, -INFINITY}, {0, 1.0f}};
    ergo_sampler_config config = {.bias = bias, .bias_count = 3};
    assert_int_equal(pick_with(config, logits, 3, NULL, 0), 0);
    config.bias_count = 2;
    assert_int_equal(pick_with(config, logits, 3, NULL, 0), 0);
    config.bias = bias + 1;
    config.bias_count = 1;
    assert_int_equal(pick_with(config, logits, 3, NULL, 0), 1);
}

static void penalties_follow_their_formulas(void **state)
{
    (void)state;
    const int32_t history[] = {0, 0, 0, 1, -5, 99};
    /* repeat: 4 / 2 = 2 falls below 2.5; of the negative ones, -1 * 2 falls below -1.5 */
    assert_int_equal(pick_with((ergo_sampler_config){.repeat_penalty = 2}, (float[]){4, 2.5f, 2.6f},
                               3, history, 6),
                     2);
    assert_int_equal(pick_with((ergo_sampler_config){.repeat_penalty = 2},
                               (float[]){-1, -1.25f, -1.5f}, 3, history, 6),
                     2);
    /* frequency counts three occurrences, presence one */
    assert_int_equal(pick_with((ergo_sampler_config){.frequency_penalty = 0.5f},
                               (float[]){4, 2.9f, 2.45f}, 3, history, 6),
                     0);
    assert_int_equal(pick_with((ergo_sampler_config){.frequency_penalty = 0.6f},
                               (float[]){4, 2.7f, 2.15f}, 3, history, 6),
                     0);
    assert_int_equal(pick_with((ergo_sampler_config){.frequency_penalty = 0.7f},
                               (float[]){4, 2.5f, 1.95f}, 3, history, 6),
                     2);
    assert_int_equal(pick_with((ergo_sampler_config){.presence_penalty = 0.5f},
                               (float[]){4, 3.9f, 3.45f}, 3, history, 6),
                     0);
    /* a window of three sees token 1 and two ids that are none */
    assert_int_equal(pick_with((ergo_sampler_config){.presence_penalty = 9, .penalty_window = 3},
                               (float[]){4, 5, 3}, 3, history, 6),
                     0);
    /* negative penalties encourage */
    assert_int_equal(pick_with((ergo_sampler_config){.presence_penalty = -2}, (float[]){1, 2, 3.5f},
                               3, history, 6),
                     1);
}

static void nan_and_infinite_logits_are_survived(void **state)
{
    (void)state;
    const float logits[] = {NAN, -INFINITY, 1, INFINITY, NAN};
    assert_int_equal(pick_with((ergo_sampler_config){0}, logits, 5, NULL, 0), 3);
    assert_int_equal(pick_with((ergo_sampler_config){.temperature = 1}, logits, 5, NULL, 0), 3);
    const float none[] = {NAN, -INFINITY};
    for (int t = 0; t < 2; t++) {
        const ergo_sampler_config config = {.temperature = (float)t};
        ergo__sampler sampler = ergo__sampler_start(&config);
        int32_t token = -7;
        assert_int_equal(ergo__sampler_pick(&sampler, none, 2, NULL, 0, NULL, scratch(), &token),
                         ERGO_E_STATE);
        assert_int_equal(token, -7);
        assert_int_equal(sampler.draws, 0);
    }
}

static void greedy_asks_the_filter_once_when_it_agrees(void **state)
{
    (void)state;
    static float logits[1000];
    fill(logits, 1000, 3, 20);
    logits[100] = 50; /* 100 % 3 == 1: allowed */
    size_t asked = 0;
    const ergo__token_filter filter = {allows_thirds, &asked};
    const ergo_sampler_config config = {0};
    ergo__sampler sampler = ergo__sampler_start(&config);
    int32_t token = -7;
    assert_int_equal(
        ergo__sampler_pick(&sampler, logits, 1000, NULL, 0, &filter, scratch(), &token), ERGO_OK);
    assert_int_equal(token, 100);
    assert_int_equal(asked, 1);
    logits[101] = 60; /* forbidden */
    assert_int_equal(
        ergo__sampler_pick(&sampler, logits, 1000, NULL, 0, &filter, scratch(), &token), ERGO_OK);
    assert_int_equal(token, 100);
}

static void a_small_or_unaligned_scratch_is_refused(void **state)
{
    (void)state;
    const float logits[16] = {0};
    const ergo_sampler_config config = {0};
    ergo__sampler sampler = ergo__sampler_start(&config);
    int32_t token = -7;
    const size_t need = ergo__sampler_scratch_size(16);
    const ergo_block small = {scratch_bytes, need - 1}, odd = {scratch_bytes + 8, need + 8};
    const ergo_block exact = {scratch_bytes, need};
    assert_int_equal(ergo__sampler_pick(&sampler, logits, 16, NULL, 0, NULL, small, &token),
                     ERGO_E_MEMORY);
    assert_int_equal(ergo__sampler_pick(&sampler, logits, 16, NULL, 0, NULL, odd, &token),
                     ERGO_E_MEMORY);
    assert_int_equal(token, -7);
    assert_int_equal(ergo__sampler_pick(&sampler, logits, 16, NULL, 0, NULL, exact, &token),
                     ERGO_OK);
}

static void keep_line(void *user, ergo_log_level level, const char *message)
{
    (void)level;
    strcpy(user, message);
}

static void validation_names_the_field(void **state)
{
    (void)state;
    const ergo_logit_bias nan_bias = {1, NAN}, far = {500, 0}, below = {-1, 0},
                          ban = {1, -INFINITY};
    const ergo_logit_bias plus = {1, INFINITY};
    const struct {
        ergo_sampler_config config;
        const char *field;
    } bad[] = {
        {{.temperature = -0.1f}, "temperature"},
        {{.temperature = NAN}, "temperature"},
        {{.temperature = INFINITY}, "temperature"},
        {{.top_p = 1.1f}, "top_p"},
        {{.top_p = NAN}, "top_p"},
        {{.min_p = -0.5f}, "min_p"},
        {{.repeat_penalty = -1}, "repeat_penalty"},
        {{.frequency_penalty = NAN}, "frequency_penalty"},
        {{.presence_penalty = INFINITY}, "presence_penalty"},
        {{.bias = &nan_bias, .bias_count = 1}, "bias[0].value"},
        {{.bias = &plus, .bias_count = 1}, "bias[0].value"},
        {{.bias = &far, .bias_count = 1}, "bias[0].token"},
        {{.bias = &below, .bias_count = 1}, "bias[0].token"},
        {{.bias_count = 1}, "bias"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char line[1024] = "";
        const ergo_log log = {keep_line, line, ERGO_LOG_DEBUG};
        assert_int_equal(ergo_sampler_validate(&bad[i].config, 500, &log), ERGO_E_ARGUMENT);
        assert_non_null(strstr(line, bad[i].field));
    }
    const ergo_sampler_config good = {
        .temperature = 0.8f, .top_p = 1, .frequency_penalty = -1, .bias = &ban, .bias_count = 1};
    assert_int_equal(ergo_sampler_validate(&good, 500, NULL), ERGO_OK);
    assert_int_equal(ergo_sampler_validate(&(ergo_sampler_config){0}, 0, NULL), ERGO_OK);
    assert_int_equal(ergo_sampler_validate(NULL, 0, NULL), ERGO_E_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zeroed_config_is_greedy),
        cmocka_unit_test(every_mix_of_stages_equals_the_plain_algorithm),
        cmocka_unit_test(frequencies_follow_softmax_with_temperature),
        cmocka_unit_test(draws_are_those_published_for_splitmix64),
        cmocka_unit_test(a_session_can_be_restored_from_its_count_of_draws),
        cmocka_unit_test(bias_adds_up_and_bans),
        cmocka_unit_test(penalties_follow_their_formulas),
        cmocka_unit_test(nan_and_infinite_logits_are_survived),
        cmocka_unit_test(greedy_asks_the_filter_once_when_it_agrees),
        cmocka_unit_test(a_small_or_unaligned_scratch_is_refused),
        cmocka_unit_test(validation_names_the_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
