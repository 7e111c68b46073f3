/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/steer_bench.h"

#define MS UINT64_C(1000000)

/* ---- Knobs --------------------------------------------------------------------------------- */

static void the_engines_settings_come_after_the_boards_knobs(void **state)
{
    (void)state;
    steer_bench b;
    size_t count;
    bench_open(&b, true, 0);
    const ergo_knob *list = ergo_steer_knobs(b.steer, &count);
    assert_int_equal(count, 4);
    assert_string_equal(list[0].info.name, "a76");
    assert_int_equal(list[1].info.kind, ERGO_KNOB_CORES);
    assert_string_equal(list[2].info.name, "batch");
    assert_int_equal(list[2].info.level_count, 3);
    assert_int_equal(list[2].info.levels[2].value, BENCH_SESSIONS);
    assert_string_equal(list[3].info.name, "chunk");
    assert_int_equal(list[3].info.levels[0].value, 16);
    assert_int_equal(list[3].info.levels[list[3].info.level_count - 1].value, 96);
    for (size_t k = 0; k < count; k++)
        for (uint32_t level = 0; level < list[k].info.level_count; level++) {
            uint32_t back = 99;
            assert_int_equal(list[k].set(list[k].self, level), ERGO_OK);
            assert_int_equal(list[k].get(list[k].self, &back), ERGO_OK);
            assert_int_equal(back, level);
        }
    for (size_t k = 1; k < count; k++)
        assert_int_equal(list[k].set(list[k].self, list[k].info.level_count), ERGO_E_ARGUMENT);
    bench_close(&b);
}

static void a_core_set_sets_the_threads_and_close_puts_back(void **state)
{
    (void)state;
    steer_bench b;
    size_t count;
    ergo_engine_knobs knobs, before;
    bench_open(&b, true, 0);
    ergo_engine_get_knobs(b.e.engine, &before);
    const ergo_knob *cores = &ergo_steer_knobs(b.steer, &count)[1];
    assert_int_equal(cores->set(cores->self, 0), ERGO_OK);
    ergo_engine_get_knobs(b.e.engine, &knobs);
    assert_int_equal(knobs.threads, 1);
    assert_int_equal(cores->set(cores->self, 2), ERGO_OK);
    ergo_engine_get_knobs(b.e.engine, &knobs);
    assert_int_equal(knobs.threads, before.threads);
    bench_board_answer = ERGO_E_PERMISSION;
    assert_int_equal(cores->set(cores->self, 0), ERGO_E_PERMISSION);
    ergo_engine_get_knobs(b.e.engine, &knobs);
    assert_int_equal(knobs.threads, before.threads);
    bench_board_answer = ERGO_OK;
    assert_int_equal(cores->set(cores->self, 0), ERGO_OK);
    ergo_steer_close(b.steer);
    b.steer = NULL;
    ergo_engine_get_knobs(b.e.engine, &knobs);
    assert_memory_equal(&knobs, &before, sizeof knobs);
    bench_close(&b);
}

static void without_core_sets_there_are_threads(void **state)
{
    (void)state;
    steer_bench b;
    size_t count;
    bench_open(&b, false, 0);
    const ergo_knob *list = ergo_steer_knobs(b.steer, &count);
    const uint32_t threads = ergo_device_threads(b.e.device);
    if (threads < 2) {
        assert_string_equal(list[0].info.name, "batch");
    } else {
        assert_int_equal(list[0].info.kind, ERGO_KNOB_CORES);
        assert_int_equal(list[0].info.levels[list[0].info.level_count - 1].value, threads);
    }
    bench_close(&b);
}

/* ---- Words --------------------------------------------------------------------------------- */

static void words_are_the_same_whatever_is_turned_and_held(void **state)
{
    (void)state;
    steer_bench b;
    static test_transcript plain[BENCH_SESSIONS];
    bench_open(&b, false, 0);
    for (uint32_t i = 0; i < BENCH_SESSIONS; i++)
        bench_feed(&b, i, 40);
    while (ergo_engine_step(b.e.engine, NULL) == ERGO_OK)
        continue;
    memcpy(plain, b.said, sizeof plain);
    bench_close(&b);

    for (uint64_t seed = 1; seed <= 3; seed++) {
        uint64_t random = seed;
        size_t count;
        bench_open(&b, true, 2000 * MS);
        const ergo_knob *list = ergo_steer_knobs(b.steer, &count);
        for (uint32_t i = 0; i < BENCH_SESSIONS; i++)
            bench_request(&b, i, 40, 3000 + 1000 * i);
        for (ergo_status status = ERGO_OK;
             status == ERGO_OK || ergo_steer_until(b.steer) != UINT64_MAX;) {
            for (size_t k = 0; k < count; k++) {
                random = random * 6364136223846793005u + 1442695040888963407u;
                const uint32_t level = (uint32_t)(random >> 33) % list[k].info.level_count;
                assert_int_equal(list[k].set(list[k].self, level), ERGO_OK);
            }
            status = bench_step(&b);
            if (status == ERGO_IDLE && ergo_steer_until(b.steer) != UINT64_MAX)
                bench_now = ergo_steer_until(b.steer) + 1;
        }
        for (uint32_t i = 0; i < BENCH_SESSIONS; i++) {
            assert_int_equal(b.said[i].count, 40);
            test_transcript_equal(&plain[i], &b.said[i]);
        }
        bench_close(&b);
    }
}

/* ---- Requests ------------------------------------------------------------------------------ */

static void what_steps_took_and_cost_is_learnt(void **state)
{
    (void)state;
    steer_bench b;
    bench_open(&b, true, 0);
    bench_teach(&b);
    ergo_steer_state known;
    ergo_steer_get(b.steer, &known);
    assert_int_equal(known.batch_count, 2);
    assert_int_equal(known.batches[0].batch, 1);
    assert_in_range(known.batches[0].step_ns, 39 * MS, 41 * MS);
    assert_in_range(known.batches[0].token_nj, 190000000, 210000000);
    assert_int_equal(known.batches[1].batch, 2);
    assert_in_range(known.batches[1].step_ns, 41 * MS, 43 * MS);
    assert_in_range(known.batches[1].token_nj, 95000000, 115000000);
    bench_close(&b);
}

static void a_request_with_slack_waits_and_is_joined(void **state)
{
    (void)state;
    steer_bench b;
    ergo_steer_state now_is;
    bench_open(&b, true, 0);
    bench_teach(&b);
    /* Two arrivals a second apart, so that a third can be expected. */
    bench_request(&b, 0, 2, 100);
    while (bench_step(&b) == ERGO_OK)
        continue;
    bench_end_session(&b, 0);
    bench_now += 900 * MS;
    bench_request(&b, 0, 20, 20000);
    assert_int_equal(bench_step(&b), ERGO_IDLE);
    ergo_steer_get(b.steer, &now_is);
    assert_int_equal(now_is.reason, ERGO_HOLD_COMPANY);
    assert_int_equal(now_is.held, 1);
    assert_int_equal(b.said[0].count, 0);
    assert_true(ergo_steer_until(b.steer) > bench_now &&
                ergo_steer_until(b.steer) < bench_now + 20000 * MS);
    /* One without slack takes it along. */
    bench_now += 500 * MS;
    bench_request(&b, 1, 20, 1200);
    while (bench_step(&b) == ERGO_OK)
        continue;
    assert_int_equal(b.said[0].count, 20);
    assert_int_equal(b.said[1].count, 20);
    ergo_steer_get(b.steer, &now_is);
    assert_true(now_is.held_ns >= 500 * MS);
    assert_int_equal(now_is.held, 0);
    assert_int_equal(now_is.met, 3);
    assert_int_equal(now_is.missed, 0);
    bench_close(&b);
}

static void who_waited_in_vain_is_still_in_time(void **state)
{
    (void)state;
    steer_bench b;
    ergo_steer_state now_is;
    bench_open(&b, true, 0);
    bench_teach(&b);
    bench_request(&b, 0, 2, 100);
    while (bench_step(&b) == ERGO_OK)
        continue;
    bench_end_session(&b, 0);
    bench_now += 900 * MS;
    bench_request(&b, 0, 20, 5000);
    assert_int_equal(bench_step(&b), ERGO_IDLE);
    bench_now = ergo_steer_until(b.steer) + 1;
    while (bench_step(&b) == ERGO_OK)
        continue;
    ergo_steer_get(b.steer, &now_is);
    assert_int_equal(b.said[0].count, 20);
    assert_int_equal(now_is.met, 2);
    assert_int_equal(now_is.missed, 0);
    bench_close(&b);
}

static void requests_are_refused_before_they_are_fed_and_beyond_the_limit(void **state)
{
    (void)state;
    steer_bench b;
    bench_open(&b, false, 0);
    const ergo_session_config config = bench_session(&b.said[0], 1, 5);
    ergo_session *session = test_session_open(&b.e, &config);
    const ergo_request wants = {.output_tokens = 5};
    assert_int_equal(ergo_steer_request(b.steer, session, &wants), ERGO_E_STATE);
    assert_int_equal(ergo_steer_request(b.steer, session, NULL), ERGO_E_ARGUMENT);
    ergo_steer_close(b.steer);
    size_t size;
    const ergo_steer_config small = {.engine = b.e.engine, .max_requests = 1};
    assert_int_equal(ergo_steer_size(&small, &size), ERGO_OK);
    assert_int_equal(ergo_steer_open(&small, b.blocks[1], &b.steer), ERGO_OK);
    bench_feed(&b, 1, 5);
    bench_feed(&b, 2, 5);
    assert_int_equal(ergo_steer_request(b.steer, b.session[1], &wants), ERGO_OK);
    assert_int_equal(ergo_steer_request(b.steer, b.session[2], &wants), ERGO_E_LIMIT);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_engines_settings_come_after_the_boards_knobs),
        cmocka_unit_test(a_core_set_sets_the_threads_and_close_puts_back),
        cmocka_unit_test(without_core_sets_there_are_threads),
        cmocka_unit_test(words_are_the_same_whatever_is_turned_and_held),
        cmocka_unit_test(what_steps_took_and_cost_is_learnt),
        cmocka_unit_test(a_request_with_slack_waits_and_is_joined),
        cmocka_unit_test(who_waited_in_vain_is_still_in_time),
        cmocka_unit_test(requests_are_refused_before_they_are_fed_and_beyond_the_limit),
    };
    return cmocka_run_group_tests(tests, bench_model_open, bench_model_close);
}
