/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/engine_fixture.h"

/* What is foretold of a step is what the step then does; who is held waits and says the same. */

static test_model model;
static ergo_token prompt[200];

static int open_model(void **state)
{
    (void)state;
    test_model_open(&model, &(tiny_spec){.type = ERGO_TYPE_Q8_0});
    test_prompt(prompt, 200, TINY_VOCABULARY, 1);
    return 0;
}

static int close_model(void **state)
{
    (void)state;
    test_model_close(&model);
    return 0;
}

static ergo_session *open_fed(test_engine *e, test_transcript *t, uint64_t seed, size_t count)
{
    *t = (test_transcript){.count = 0};
    const ergo_session_config config = {.sampler = {.temperature = 1.0f, .seed = seed},
                                        .max_tokens = 12,
                                        .no_sharing = true,
                                        .user = t,
                                        .on_token = test_transcript_token};
    ergo_session *session = test_session_open(e, &config);
    assert_int_equal(ergo_session_feed(session, prompt, count), ERGO_OK);
    return session;
}

static void open_engine(test_engine *e)
{
    const test_engine_options options = {.threads = 1,
                                         .config = {.max_sessions = 3, .batch_tokens = 48}};
    test_engine_open(e, &model, &options);
}

static void a_look_ahead_foretells_every_step(void **state)
{
    (void)state;
    static const ergo_engine_knobs knobs[] = {{0, 0, 0}, {2, 0, 0}, {0, 7, 0}, {1, 5, 0}};
    for (size_t k = 0; k < sizeof knobs / sizeof *knobs; k++) {
        test_engine e;
        test_transcript t[3];
        open_engine(&e);
        (void)open_fed(&e, &t[0], 1, 40);
        (void)open_fed(&e, &t[1], 2, 3);
        (void)open_fed(&e, &t[2], 3, 60);
        ergo_engine_outlook look;
        ergo_engine_look_ahead(e.engine, &knobs[k], &look);
        assert_int_equal(look.working, 3);
        assert_int_equal(look.pending_prefill, 103);
        assert_int_equal(ergo_engine_set_knobs(e.engine, &knobs[k]), ERGO_OK);
        for (ergo_step_report report;;) {
            ergo_engine_look_ahead(e.engine, NULL, &look);
            if (ergo_engine_step(e.engine, &report) != ERGO_OK)
                break;
            assert_int_equal(look.sessions, report.sessions);
            assert_int_equal(look.prefill_tokens, report.prefill_tokens);
            assert_int_equal(look.decode_tokens, report.decode_tokens);
            assert_memory_equal(&look.work, &report.work, sizeof look.work);
        }
        assert_int_equal(look.working, 0);
        assert_int_equal(look.work.macs, 0);
        test_engine_close(&e);
    }
}

static void who_is_held_takes_no_part_and_then_says_the_same(void **state)
{
    (void)state;
    test_engine e;
    test_transcript plain[2], held[2];
    open_engine(&e);
    (void)open_fed(&e, &plain[0], 1, 40);
    (void)open_fed(&e, &plain[1], 2, 9);
    (void)test_engine_run(&e);
    test_engine_close(&e);

    open_engine(&e);
    (void)open_fed(&e, &held[0], 1, 40);
    ergo_session *second = open_fed(&e, &held[1], 2, 9);
    ergo_session_hold(second, true);
    ergo_engine_outlook look;
    ergo_engine_look_ahead(e.engine, NULL, &look);
    assert_int_equal(look.working, 1);
    for (int i = 0; i < 4; i++)
        assert_int_equal(ergo_engine_step(e.engine, NULL), ERGO_OK);
    assert_int_equal(held[1].count, 0);
    ergo_session_hold(second, false);
    assert_int_equal(ergo_engine_step(e.engine, NULL), ERGO_OK);
    ergo_session_hold(second, true);
    (void)test_engine_run(&e);
    assert_int_equal(held[0].count, 12);
    assert_int_equal(ergo_session_status(second), ERGO_OK);
    assert_int_equal(ergo_engine_step(e.engine, NULL), ERGO_IDLE);
    ergo_session_hold(second, false);
    (void)test_engine_run(&e);
    test_transcript_equal(&plain[0], &held[0]);
    test_transcript_equal(&plain[1], &held[1]);
    test_engine_close(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_look_ahead_foretells_every_step),
        cmocka_unit_test(who_is_held_takes_no_part_and_then_says_the_same),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
