/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/engine_fixture.h"

/* One session at a time: what it is told to do, how it ends, and what it refuses. */

static test_model model;

static int open_model(void **state)
{
    (void)state;
    test_model_open(&model, &(tiny_spec){.type = ERGO_TYPE_Q8_0, .text = true, .context = 128});
    return 0;
}

static int close_model(void **state)
{
    (void)state;
    test_model_close(&model);
    return 0;
}

static void open_engine(test_engine *e)
{
    const test_engine_options options = {
        .threads = 1, .config = {.max_sessions = 3, .batch_tokens = 64, .batch_outputs = 8}};
    test_engine_open(e, &model, &options);
}

static void feed(ergo_session *session, size_t count, uint64_t seed)
{
    ergo_token prompt[128];
    test_prompt(prompt, count, TINY_VOCABULARY, seed);
    assert_int_equal(ergo_session_feed(session, prompt, count), ERGO_OK);
}

static void max_tokens_ends_with_length_and_feeding_counts_anew(void **state)
{
    (void)state;
    test_engine e;
    open_engine(&e);
    test_transcript t = {.count = 0};
    ergo_session *s = test_session_open(
        &e,
        &(ergo_session_config){
            .max_tokens = 5, .ignore_eog = true, .user = &t, .on_token = test_transcript_token});
    assert_int_equal(ergo_session_status(s), ERGO_IDLE);
    feed(s, 10, 1);
    assert_int_equal(ergo_session_status(s), ERGO_OK);
    test_engine_run(&e);
    assert_int_equal(ergo_session_status(s), ERGO_LENGTH);
    assert_int_equal(t.count, 5);
    assert_int_equal(t.events, 5);
    assert_int_equal(t.ends, 1);
    assert_int_equal(t.ended, ERGO_LENGTH);
    size_t count;
    const ergo_token *tokens = ergo_session_tokens(s, &count);
    assert_int_equal(count, 15);
    assert_memory_equal(tokens + 10, t.tokens, 5 * sizeof *tokens);
    feed(s, 3, 2);
    test_engine_run(&e);
    assert_int_equal(t.count, 10);
    assert_int_equal(t.ends, 2);
    test_engine_close(&e);
}

static void a_full_context_ends_the_session(void **state)
{
    (void)state;
    for (size_t prompt = 120; prompt <= 128; prompt += 8) {
        test_engine e;
        open_engine(&e);
        test_transcript t = {.count = 0};
        ergo_session *s = test_session_open(
            &e, &(ergo_session_config){
                    .ignore_eog = true, .user = &t, .on_token = test_transcript_token});
        feed(s, prompt, 1);
        test_engine_run(&e);
        size_t count;
        ergo_session_tokens(s, &count);
        assert_int_equal(count, 129); /* the last token needs no position of its own */
        assert_int_equal(t.count, 129 - prompt);
        assert_int_equal(t.ended, ERGO_CONTEXT_FULL);
        assert_int_equal(t.ends, 1);
        const ergo_token more = 3;
        assert_int_equal(ergo_session_feed(s, &more, 1), ERGO_E_LIMIT);
        ergo_session_tokens(s, &count);
        assert_int_equal(count, 129);
        assert_int_equal(ergo_session_status(s), ERGO_CONTEXT_FULL);
        /* Saved, restored and rewound to its last position, it gives the same token again. */
        ergo_block saved = test_session_bytes(s);
        assert_int_equal(ergo_session_restore(s, (ergo_bytes){saved.data, saved.size}), ERGO_OK);
        test_block_close(&saved);
        const ergo_token fed = ergo_session_tokens(s, &count)[127];
        const size_t before = t.count;
        assert_int_equal(count, 129);
        assert_int_equal(ergo_session_rewind(s, 127), ERGO_OK);
        assert_int_equal(ergo_session_feed(s, &fed, 1), ERGO_OK);
        test_engine_run(&e);
        assert_int_equal(t.count, before + 1);
        assert_int_equal(t.tokens[before], t.tokens[before - 1]);
        test_engine_close(&e);
    }
}

static void wrong_tokens_are_refused_and_nothing_is_appended(void **state)
{
    (void)state;
    test_engine e;
    open_engine(&e);
    ergo_session *s = test_session_open(&e, NULL);
    feed(s, 4, 1);
    const ergo_token bad[][3] = {{3, 4, TINY_VOCABULARY}, {-1, 3, 3}, {3, INT32_MIN, INT32_MAX}};
    for (size_t i = 0; i < 3; i++) {
        test_log_clear(&e.log);
        assert_int_equal(ergo_session_feed(s, bad[i], 3), ERGO_E_ARGUMENT);
        assert_true(test_log_has(&e.log, "token"));
    }
    assert_int_equal(ergo_session_feed(s, bad[0], 0), ERGO_E_ARGUMENT);
    assert_int_equal(ergo_session_feed(s, NULL, 2), ERGO_E_ARGUMENT);
    assert_int_equal(ergo_session_feed(NULL, bad[0], 1), ERGO_E_ARGUMENT);
    ergo_token many[129] = {0};
    assert_int_equal(ergo_session_feed(s, many, 125), ERGO_E_LIMIT);
    size_t count;
    ergo_session_tokens(s, &count);
    assert_int_equal(count, 4);
    assert_int_equal(ergo_session_rewind(s, 5), ERGO_E_ARGUMENT);
    test_engine_close(&e);
}

static void a_session_too_many_or_with_wrong_settings_is_refused(void **state)
{
    (void)state;
    test_engine e;
    open_engine(&e);
    char longest[ERGO_STOP_BYTES_MAX + 1];
    memset(longest, 'x', sizeof longest);
    const ergo_str stop = {longest, sizeof longest}, empty = {"", 0}, many[9] = {{"a", 1}};
    const ergo_logit_bias bias = {TINY_VOCABULARY, 1.0f};
    const struct {
        ergo_session_config config;
        ergo_status status;
    } bad[] = {
        {{.sampler = {.temperature = -1.0f}}, ERGO_E_ARGUMENT},
        {{.sampler = {.temperature = NAN}}, ERGO_E_ARGUMENT},
        {{.sampler = {.top_p = 1.5f}}, ERGO_E_ARGUMENT},
        {{.sampler = {.bias = &bias, .bias_count = 1}}, ERGO_E_ARGUMENT},
        {{.stops = &stop, .stop_count = 1}, ERGO_E_LIMIT},
        {{.stops = &empty, .stop_count = 1}, ERGO_E_ARGUMENT},
        {{.stops = many, .stop_count = 9}, ERGO_E_LIMIT},
        {{.stops = NULL, .stop_count = 1}, ERGO_E_ARGUMENT},
    };
    ergo_session *s = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(ergo_session_open(e.engine, &bad[i].config, &s), bad[i].status);
        assert_null(s);
    }
    for (int i = 0; i < 3; i++)
        test_session_open(&e, NULL);
    assert_int_equal(ergo_session_open(e.engine, NULL, &s), ERGO_E_LIMIT);
    assert_null(s);
    test_engine_close(&e);
}

typedef struct stopper {
    test_transcript transcript;
    size_t after;
} stopper;

static bool stop_after(void *user, const ergo_token_event *event)
{
    stopper *s = user;
    test_transcript_token(&s->transcript, event);
    return s->transcript.count < s->after;
}

static void a_callback_that_returns_false_stops_the_session(void **state)
{
    (void)state;
    test_engine e;
    open_engine(&e);
    stopper stop = {.after = 4};
    ergo_session *s = test_session_open(
        &e, &(ergo_session_config){.ignore_eog = true, .user = &stop, .on_token = stop_after});
    feed(s, 5, 1);
    test_engine_run(&e);
    assert_int_equal(stop.transcript.count, 4);
    assert_int_equal(stop.transcript.events, 4);
    assert_int_equal(ergo_session_status(s), ERGO_STOPPED);
    test_engine_close(&e);
}

static void end_of_text_ends_the_session_unless_it_is_ignored(void **state)
{
    (void)state;
    for (int ignore = 0; ignore < 2; ignore++) {
        test_engine e;
        open_engine(&e);
        test_transcript t = {.count = 0};
        const ergo_logit_bias bias = {TINY_EOS, 1e6f};
        ergo_session *s = test_session_open(
            &e, &(ergo_session_config){.sampler = {.bias = &bias, .bias_count = 1},
                                       .max_tokens = 6,
                                       .ignore_eog = ignore,
                                       .user = &t,
                                       .on_token = test_transcript_token});
        feed(s, 5, 1);
        test_engine_run(&e);
        assert_int_equal(t.count, ignore ? 6 : 1);
        assert_int_equal(t.tokens[0], TINY_EOS);
        assert_int_equal(t.ended, ignore ? ERGO_LENGTH : ERGO_END_OF_TEXT);
        assert_int_equal(t.text_size, 0);
        test_engine_close(&e);
    }
}

static void score_only_computes_and_generates_nothing(void **state)
{
    (void)state;
    test_engine e;
    open_engine(&e);
    test_transcript t = {.vocabulary = TINY_VOCABULARY};
    ergo_session *s =
        test_session_open(&e, &(ergo_session_config){.score_only = true,
                                                     .user = &t,
                                                     .on_token = test_transcript_token,
                                                     .on_logits = test_transcript_logits});
    feed(s, 128, 1);
    test_engine_run(&e);
    assert_int_equal(t.rows, 128);
    assert_int_equal(t.count, 0);
    assert_int_equal(ergo_session_status(s), ERGO_LENGTH);
    ergo_session_close(s);
    s = test_session_open(&e, &(ergo_session_config){.score_only = true});
    feed(s, 70, 2);
    test_engine_run(&e);
    assert_int_equal(ergo_session_status(s), ERGO_LENGTH);
    size_t count;
    ergo_session_tokens(s, &count);
    assert_int_equal(count, 70);
    test_engine_close(&e);
}

static void cancelling_ends_a_session_before_the_next_step(void **state)
{
    (void)state;
    test_engine e;
    open_engine(&e);
    test_transcript t[2] = {{.count = 0}, {.count = 0}};
    ergo_session *s[2];
    for (int i = 0; i < 2; i++) {
        s[i] = test_session_open(&e, &(ergo_session_config){.max_tokens = 20,
                                                            .ignore_eog = true,
                                                            .user = &t[i],
                                                            .on_token = test_transcript_token});
        feed(s[i], 5, 1);
    }
    for (int i = 0; i < 4; i++)
        assert_int_equal(ergo_engine_step(e.engine, NULL), ERGO_OK);
    ergo_session_cancel(s[0]);
    ergo_session_cancel(NULL);
    test_engine_run(&e);
    assert_int_equal(t[0].count, 4);
    assert_int_equal(t[0].ended, ERGO_CANCELLED);
    assert_int_equal(t[0].ends, 1);
    assert_int_equal(t[1].count, 20);
    feed(s[0], 1, 1);
    test_engine_run(&e);
    assert_int_equal(t[0].count, 24);
    test_engine_close(&e);
}

static void *cancel_from_elsewhere(void *user)
{
    ergo_session_cancel(user);
    return NULL;
}

static void another_thread_may_cancel_a_session_that_steps(void **state)
{
    (void)state;
    test_engine e;
    open_engine(&e);
    test_transcript t = {.count = 0};
    ergo_session *s = test_session_open(
        &e,
        &(ergo_session_config){.ignore_eog = true, .user = &t, .on_token = test_transcript_token});
    feed(s, 5, 1);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, cancel_from_elsewhere, s), 0);
    for (;;) {
        const ergo_status status = ergo_engine_step(e.engine, NULL);
        if (status == ERGO_IDLE && t.ended == ERGO_CANCELLED)
            break;
        if (status == ERGO_IDLE) { /* the context was full before the thread came to it */
            assert_int_equal(t.ended, ERGO_CONTEXT_FULL);
            assert_int_equal(ergo_session_rewind(s, 1), ERGO_OK);
            feed(s, 1, 1);
        }
    }
    pthread_join(thread, NULL);
    assert_int_equal(ergo_session_status(s), ERGO_CANCELLED);
    test_engine_close(&e);
}

static void rewinding_and_feeding_again_equals_a_fresh_session(void **state)
{
    (void)state;
    static const size_t keep[] = {0, 1, 31, 32, 33, 40, 64, 70, 90};
    ergo_token prompt[70];
    test_prompt(prompt, 70, TINY_VOCABULARY, 9);
    for (size_t i = 0; i < sizeof keep / sizeof *keep; i++) {
        test_engine e;
        open_engine(&e);
        test_transcript a = {.count = 0}, b = {.count = 0};
        ergo_session_config config = {.max_tokens = 20,
                                      .ignore_eog = true,
                                      .no_sharing = true,
                                      .user = &a,
                                      .on_token = test_transcript_token};
        ergo_session *s = test_session_open(&e, &config);
        assert_int_equal(ergo_session_feed(s, prompt, 70), ERGO_OK);
        test_engine_run(&e);
        ergo_token kept[90], again[12];
        size_t count;
        memcpy(kept, ergo_session_tokens(s, &count), sizeof kept);
        assert_int_equal(count, 90);
        assert_int_equal(ergo_session_rewind(s, keep[i]), ERGO_OK);
        assert_int_equal(ergo_session_status(s), ERGO_IDLE);
        test_prompt(again, 12, TINY_VOCABULARY, 77);
        a.count = a.text_size = 0;
        assert_int_equal(ergo_session_feed(s, again, 12), ERGO_OK);
        test_engine_run(&e);
        config.user = &b;
        ergo_session *fresh = test_session_open(&e, &config);
        if (keep[i] > 0)
            assert_int_equal(ergo_session_feed(fresh, kept, keep[i]), ERGO_OK);
        assert_int_equal(ergo_session_feed(fresh, again, 12), ERGO_OK);
        test_engine_run(&e);
        test_transcript_equal(&a, &b);
        test_engine_close(&e);
    }
}

static void the_same_seed_gives_the_same_text_and_another_one_another(void **state)
{
    (void)state;
    test_transcript t[3];
    static const uint64_t seeds[3] = {5, 5, 6};
    for (int i = 0; i < 3; i++) {
        test_engine e;
        open_engine(&e);
        t[i] = (test_transcript){.count = 0};
        ergo_session *s = test_session_open(
            &e, &(ergo_session_config){.sampler = {.temperature = 1.0f, .seed = seeds[i]},
                                       .max_tokens = 40,
                                       .ignore_eog = true,
                                       .user = &t[i],
                                       .on_token = test_transcript_token});
        feed(s, 5, 1);
        test_engine_run(&e);
        test_engine_close(&e);
    }
    test_transcript_equal(&t[0], &t[1]);
    assert_memory_not_equal(t[0].tokens, t[2].tokens, 40 * sizeof(ergo_token));
}

static void logits_come_once_for_every_position_in_order(void **state)
{
    (void)state;
    test_engine e;
    open_engine(&e);
    test_transcript with = {.vocabulary = TINY_VOCABULARY}, without = with;
    ergo_session_config config = {
        .max_tokens = 10, .ignore_eog = true, .user = &without, .on_token = test_transcript_token};
    ergo_session *s = test_session_open(&e, &config);
    feed(s, 20, 4);
    config.user = &with;
    config.on_logits = test_transcript_logits;
    s = test_session_open(&e, &config);
    feed(s, 20, 4);
    test_engine_run(&e);
    assert_int_equal(with.rows, 29);
    assert_memory_equal(with.tokens, without.tokens, 10 * sizeof(ergo_token));
    assert_memory_equal(with.text, without.text, with.text_size);
    test_engine_close(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(max_tokens_ends_with_length_and_feeding_counts_anew),
        cmocka_unit_test(a_full_context_ends_the_session),
        cmocka_unit_test(wrong_tokens_are_refused_and_nothing_is_appended),
        cmocka_unit_test(a_session_too_many_or_with_wrong_settings_is_refused),
        cmocka_unit_test(a_callback_that_returns_false_stops_the_session),
        cmocka_unit_test(end_of_text_ends_the_session_unless_it_is_ignored),
        cmocka_unit_test(score_only_computes_and_generates_nothing),
        cmocka_unit_test(cancelling_ends_a_session_before_the_next_step),
        cmocka_unit_test(another_thread_may_cancel_a_session_that_steps),
        cmocka_unit_test(rewinding_and_feeding_again_equals_a_fresh_session),
        cmocka_unit_test(the_same_seed_gives_the_same_text_and_another_one_another),
        cmocka_unit_test(logits_come_once_for_every_position_in_order),
    };
    return cmocka_run_group_tests_name("session", tests, open_model, close_model);
}
