/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/steer_bench.h"

#define MS UINT64_C(1000000)

/* ---- Governing ----------------------------------------------------------------------------- */

/* In the place of the governor: what it is told, and a knob that it turns before every step. */
static struct {
    ergo_load before[400], after[400];
    uint32_t count;
    const ergo_knob *knobs;
    size_t knob_count;
    uint64_t random;
} told;

ergo_status ergo_governor_before(ergo_governor *governor, const ergo_load *load)
{
    (void)governor;
    assert_true(told.count < 400);
    told.before[told.count] = *load;
    told.random = told.random * 6364136223846793005u + 1442695040888963407u;
    const ergo_knob *knob = &told.knobs[(told.random >> 40) % told.knob_count];
    const uint32_t level = (uint32_t)(told.random >> 33) % knob->info.level_count;
    assert_int_equal(knob->set(knob->self, level), ERGO_OK);
    return ERGO_OK;
}

ergo_status ergo_governor_after(ergo_governor *governor, const ergo_load *load, uint64_t begin_ns,
                                uint64_t end_ns)
{
    (void)governor;
    assert_true(end_ns >= begin_ns);
    told.after[told.count++] = *load;
    return ERGO_OK;
}

static void govern(steer_bench *b)
{
    memset(&told, 0, sizeof told);
    told.knobs = ergo_steer_knobs(b->steer, &told.knob_count);
    ergo_steer_govern(b->steer, (ergo_governor *)(void *)&told);
}

static void a_governor_is_told_of_every_step_and_words_stay(void **state)
{
    (void)state;
    steer_bench b;
    static test_transcript plain[BENCH_SESSIONS];
    bench_open(&b, true, 0);
    for (uint32_t i = 0; i < BENCH_SESSIONS; i++)
        bench_feed(&b, i, 30);
    while (bench_step(&b) == ERGO_OK)
        continue;
    memcpy(plain, b.said, sizeof plain);
    bench_close(&b);

    bench_open(&b, true, 0);
    govern(&b);
    uint32_t tokens = 0, prompts = 0;
    for (uint32_t i = 0; i < BENCH_SESSIONS; i++) {
        bench_feed(&b, i, 30);
        prompts += 10 + 20 * i;
    }
    assert_int_equal(bench_step(&b), ERGO_OK);
    assert_int_equal(told.before[0].phase, ERGO_PHASE_PREFILL);
    assert_int_equal(told.before[0].tokens, 96); /* all that fits a step, whatever the knobs say */
    assert_int_equal(told.before[0].batch, BENCH_SESSIONS);
    assert_int_equal(told.before[0].left, prompts);
    while (bench_step(&b) == ERGO_OK)
        continue;
    for (uint32_t i = 0; i < told.count; i++) {
        assert_true(told.after[i].tokens > 0 && told.after[i].tokens <= told.before[i].tokens);
        assert_true(told.after[i].work.macs > 0);
        tokens += told.after[i].tokens;
    }
    const ergo_load *last = &told.before[told.count - 1];
    assert_int_equal(last->phase, ERGO_PHASE_DECODE);
    assert_int_equal(last->left, 0); /* nobody said how long it would be */
    for (uint32_t i = 0; i < BENCH_SESSIONS; i++)
        test_transcript_equal(&plain[i], &b.said[i]);
    assert_true(tokens >= BENCH_SESSIONS * 29); /* prefixes are shared, so prompts count in part */
    bench_close(&b);
}

static void deadlines_and_budgets_become_limits_per_token(void **state)
{
    (void)state;
    steer_bench b;
    ergo_steer_state how;
    bench_open(&b, true, 0);
    govern(&b);
    bench_feed(&b, 0, 20);
    const ergo_request wants = {
        .deadline_ns = bench_now + 4000 * MS, .budget_uj = 1000000, .output_tokens = 20};
    assert_int_equal(ergo_steer_request(b.steer, b.session[0], &wants), ERGO_OK);
    for (uint32_t i = 0; bench_step(&b) == ERGO_OK; i++) {
        const ergo_load *load = &told.before[told.count - 1];
        if (load->phase != ERGO_PHASE_DECODE)
            continue;
        /* Of 4 s what is left, over what is left; of 1 J likewise. */
        assert_in_range(load->limits.mean_ns, 4000 * MS / 21, UINT64_MAX);
        assert_in_range(load->limits.mean_nj, 1, 1000000000 / load->left);
        assert_true(load->left <= 20);
    }
    /* At 5 W and 40 ms a step, twenty tokens cost 4 J and more. */
    assert_int_equal(told.before[told.count - 1].limits.mean_nj, 1);
    ergo_steer_get(b.steer, &how);
    assert_int_equal(how.over_budget, 1);
    assert_int_equal(how.met, 1);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_governor_is_told_of_every_step_and_words_stay),
        cmocka_unit_test(deadlines_and_budgets_become_limits_per_token),
    };
    return cmocka_run_group_tests(tests, bench_model_open, bench_model_close);
}
