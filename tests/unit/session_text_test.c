/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/engine_fixture.h"

/* Text, stop strings and grammars. A grammar of one text makes the model say just that. */

static test_model model;

static int open_model(void **state)
{
    (void)state;
    test_model_open(&model, &(tiny_spec){.type = ERGO_TYPE_Q8_0, .text = true});
    return 0;
}

static int close_model(void **state)
{
    (void)state;
    test_model_close(&model);
    return 0;
}

typedef struct speech {
    test_engine e;
    ergo_block grammar_block, state_block;
    ergo_grammar *grammar;
    test_transcript transcript;
    ergo_session *session;
} speech;

static void speech_open(speech *s, const char *grammar, const ergo_str *stops, uint32_t stop_count,
                        float temperature)
{
    const test_engine_options options = {.threads = 1};
    test_engine_open(&s->e, &model, &options);
    const ergo_str text = {grammar, strlen(grammar)};
    const ergo_grammar_config config = {.name = "test"};
    size_t size;
    assert_int_equal(ergo_grammar_size(text, &config, &size), ERGO_OK);
    s->grammar_block = test_block_open(size);
    assert_int_equal(ergo_grammar_open(text, &config, s->grammar_block, &s->grammar), ERGO_OK);
    s->state_block = test_block_open(ergo_grammar_state_size(s->grammar));
    s->transcript = (test_transcript){.count = 0};
    s->session = test_session_open(
        &s->e, &(ergo_session_config){.sampler = {.temperature = temperature, .seed = 3},
                                      .grammar = s->grammar,
                                      .grammar_memory = s->state_block,
                                      .stops = stops,
                                      .stop_count = stop_count,
                                      .user = &s->transcript,
                                      .on_token = test_transcript_token});
    const ergo_token prompt[] = {TINY_BOS, TINY_TOKEN('Q'), TINY_TOKEN(':')};
    assert_int_equal(ergo_session_feed(s->session, prompt, 3), ERGO_OK);
}

static void speech_close(speech *s)
{
    test_engine_close(&s->e);
    test_block_close(&s->grammar_block);
    test_block_close(&s->state_block);
}

static void expect_text(const speech *s, const char *text, ergo_status ended)
{
    if (s->transcript.text_size != strlen(text) ||
        memcmp(s->transcript.text, text, strlen(text)) != 0)
        fail_msg("'%.*s' is not '%s'", (int)s->transcript.text_size, s->transcript.text, text);
    assert_int_equal(s->transcript.ended, ended);
    assert_int_equal(s->transcript.ends, 1);
}

static void a_grammar_makes_the_text_and_its_end(void **state)
{
    (void)state;
    for (int temperature = 0; temperature < 2; temperature++) {
        speech s;
        speech_open(&s, "root ::= \"{\\\"on\\\": true, n}\"", NULL, 0, (float)temperature);
        test_engine_run(&s.e);
        expect_text(&s, "{\"on\": true, n}", ERGO_END_OF_TEXT);
        assert_int_equal(s.transcript.count, strlen("{\"on\": true, n}") + 1);
        assert_int_equal(s.transcript.tokens[s.transcript.count - 1], TINY_EOS);
        /* Fed again, the text begins anew, and so does the grammar. */
        s.transcript = (test_transcript){.count = 0};
        const ergo_token again = TINY_TOKEN('?');
        assert_int_equal(ergo_session_feed(s.session, &again, 1), ERGO_OK);
        test_engine_run(&s.e);
        expect_text(&s, "{\"on\": true, n}", ERGO_END_OF_TEXT);
        speech_close(&s);
    }
}

static void a_grammar_bounds_what_is_sampled(void **state)
{
    (void)state;
    speech s;
    speech_open(&s, "root ::= [a-c]{5,9} \"!\"", NULL, 0, 1.5f);
    test_engine_run(&s.e);
    const size_t size = s.transcript.text_size;
    assert_true(size >= 6 && size <= 10);
    assert_int_equal(s.transcript.text[size - 1], '!');
    for (size_t i = 0; i + 1 < size; i++)
        assert_true(s.transcript.text[i] >= 'a' && s.transcript.text[i] <= 'c');
    assert_int_equal(s.transcript.ended, ERGO_END_OF_TEXT);
    speech_close(&s);
}

static void a_grammar_needs_its_memory(void **state)
{
    (void)state;
    speech s;
    speech_open(&s, "root ::= \"x\"", NULL, 0, 0.0f);
    ergo_session_close(s.session);
    ergo_session *session = NULL;
    ergo_session_config config = {.grammar = s.grammar, .grammar_memory = s.state_block};
    config.grammar_memory.size--;
    assert_int_equal(ergo_session_open(s.e.engine, &config, &session), ERGO_E_MEMORY);
    assert_null(session);
    assert_true(test_log_has(&s.e.log, "grammar_memory"));
    speech_close(&s);
}

static void a_stop_string_ends_the_text_before_it(void **state)
{
    (void)state;
    const ergo_str stops[] = {{"never", 5}, {"lo w", 4}};
    speech s;
    speech_open(&s, "root ::= \"hello world\"", stops, 2, 0.0f);
    test_engine_run(&s.e);
    expect_text(&s, "hel", ERGO_STOPPED);
    speech_close(&s);
}

static void text_held_back_by_a_stop_string_is_given_at_the_end(void **state)
{
    (void)state;
    const ergo_str stops[] = {{"world peace", 11}};
    speech s;
    speech_open(&s, "root ::= \"hello world pea\"", stops, 1, 0.0f);
    test_engine_run(&s.e);
    expect_text(&s, "hello world pea", ERGO_END_OF_TEXT);
    speech_close(&s);
    /* The same when it ends by being cancelled: nothing is lost. */
    speech_open(&s, "root ::= \"hello world pea\"", stops, 1, 0.0f);
    while (s.transcript.count < 11)
        assert_int_equal(ergo_engine_step(s.e.engine, NULL), ERGO_OK);
    assert_int_equal(s.transcript.text_size, 6);
    ergo_session_cancel(s.session);
    test_engine_run(&s.e);
    expect_text(&s, "hello world", ERGO_CANCELLED);
    speech_close(&s);
}

static void a_stop_string_does_not_reach_over_a_feed(void **state)
{
    (void)state;
    const ergo_str stops[] = {{"abab", 4}};
    speech s;
    speech_open(&s, "root ::= \"xab\"", stops, 1, 0.0f);
    test_engine_run(&s.e);
    const ergo_token more = TINY_TOKEN('.');
    s.transcript = (test_transcript){.count = 0};
    assert_int_equal(ergo_session_feed(s.session, &more, 1), ERGO_OK);
    test_engine_run(&s.e);
    expect_text(&s, "xab", ERGO_END_OF_TEXT);
    speech_close(&s);
}

static void what_cannot_follow_ends_the_session_with_an_error(void **state)
{
    (void)state;
    speech s; /* no token of the vocabulary begins with this character */
    speech_open(&s, "root ::= \"ok\" [\\u4e2d]", NULL, 0, 0.0f);
    test_engine_run(&s.e);
    expect_text(&s, "ok", ERGO_E_STATE);
    assert_int_equal(ergo_session_status(s.session), ERGO_E_STATE);
    speech_close(&s);
}

static void control_tokens_appear_by_name_when_asked(void **state)
{
    (void)state;
    for (int special = 0; special < 2; special++) {
        const test_engine_options options = {.threads = 1};
        test_engine e;
        test_engine_open(&e, &model, &options);
        test_transcript t = {.count = 0};
        const ergo_logit_bias bias = {TINY_BOS, 1e6f};
        ergo_session *session = test_session_open(
            &e, &(ergo_session_config){.sampler = {.bias = &bias, .bias_count = 1},
                                       .max_tokens = 2,
                                       .special = special,
                                       .user = &t,
                                       .on_token = test_transcript_token});
        const ergo_token prompt[] = {TINY_BOS, TINY_TOKEN('a')};
        assert_int_equal(ergo_session_feed(session, prompt, 2), ERGO_OK);
        test_engine_run(&e);
        assert_int_equal(t.text_size, special ? 6 : 0);
        if (special)
            assert_memory_equal(t.text, "<s><s>", 6);
        test_engine_close(&e);
    }
}

static void without_a_vocabulary_there_is_no_text_and_no_grammar(void **state)
{
    (void)state;
    test_model bare;
    test_model_open(&bare, &(tiny_spec){.type = ERGO_TYPE_Q8_0});
    const test_engine_options options = {.threads = 1};
    test_engine e;
    test_engine_open(&e, &bare, &options);
    const ergo_str stop = {"x", 1};
    ergo_session *s = NULL;
    assert_int_equal(
        ergo_session_open(e.engine, &(ergo_session_config){.stops = &stop, .stop_count = 1}, &s),
        ERGO_E_STATE);
    assert_null(s);
    test_transcript t = {.count = 0};
    s = test_session_open(
        &e, &(ergo_session_config){.max_tokens = 9, .user = &t, .on_token = test_transcript_token});
    const ergo_token prompt[] = {5, 6};
    assert_int_equal(ergo_session_feed(s, prompt, 2), ERGO_OK);
    test_engine_run(&e);
    assert_int_equal(t.count, 9);
    assert_int_equal(t.text_size, 0);
    test_engine_close(&e);
    test_model_close(&bare);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_grammar_makes_the_text_and_its_end),
        cmocka_unit_test(a_grammar_bounds_what_is_sampled),
        cmocka_unit_test(a_grammar_needs_its_memory),
        cmocka_unit_test(a_stop_string_ends_the_text_before_it),
        cmocka_unit_test(text_held_back_by_a_stop_string_is_given_at_the_end),
        cmocka_unit_test(a_stop_string_does_not_reach_over_a_feed),
        cmocka_unit_test(what_cannot_follow_ends_the_session_with_an_error),
        cmocka_unit_test(control_tokens_appear_by_name_when_asked),
        cmocka_unit_test(without_a_vocabulary_there_is_no_text_and_no_grammar),
    };
    return cmocka_run_group_tests_name("session_text", tests, open_model, close_model);
}
