/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/engine_fixture.h"

/*
 * Sessions with equal prefixes share pages of keys and values. Nothing of that may show but in the
 * report: tokens, and the saved keys and values, are those of a session that shares nothing.
 */

#define PAGE 32

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

static void open_engine(test_engine *e, uint32_t sessions, uint32_t pages)
{
    const test_engine_options options = {
        .threads = 1, .config = {.max_sessions = sessions, .batch_tokens = 64, .kv_pages = pages}};
    test_engine_open(e, &model, &options);
}

static ergo_session_config config_of(test_transcript *t, bool alone)
{
    *t = (test_transcript){.count = 0};
    return (ergo_session_config){.sampler = {.temperature = 1.0f, .seed = 11},
                                 .max_tokens = 20,
                                 .no_sharing = alone,
                                 .user = t,
                                 .on_token = test_transcript_token};
}

static ergo_session *open_fed(test_engine *e, test_transcript *t, bool alone, size_t count)
{
    const ergo_session_config config = config_of(t, alone);
    ergo_session *s = test_session_open(e, &config);
    assert_int_equal(ergo_session_feed(s, prompt, count), ERGO_OK);
    return s;
}

static void a_later_session_takes_over_the_full_pages_of_its_prefix(void **state)
{
    (void)state;
    static const struct {
        size_t prompt;
        uint32_t shared;
    } cases[] = {{31, 0},        {32, 0},        {33, PAGE},     {64, PAGE},
                 {65, 2 * PAGE}, {97, 3 * PAGE}, {100, 3 * PAGE}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        test_engine e;
        open_engine(&e, 3, 0);
        test_transcript a, b, c;
        ergo_session *first = open_fed(&e, &a, false, cases[i].prompt);
        assert_int_equal(test_engine_run_report(&e).shared_tokens, 0);
        ergo_session *second = open_fed(&e, &b, false, cases[i].prompt);
        const ergo_step_report sum = test_engine_run_report(&e);
        assert_int_equal(sum.shared_tokens, cases[i].shared);
        assert_int_equal(sum.prefill_tokens, cases[i].prompt - cases[i].shared);
        ergo_session *alone = open_fed(&e, &c, true, cases[i].prompt);
        assert_int_equal(test_engine_run_report(&e).shared_tokens, 0);
        test_transcript_equal(&a, &b);
        test_transcript_equal(&a, &c);
        test_session_equal(first, second);
        test_session_equal(first, alone);
        test_engine_close(&e);
    }
}

static void sessions_that_start_together_compute_a_prefix_once(void **state)
{
    (void)state;
    test_engine e;
    open_engine(&e, 4, 0);
    test_transcript t[4];
    ergo_session *s[4];
    for (int i = 0; i < 4; i++)
        s[i] = open_fed(&e, &t[i], i == 3, 100);
    const ergo_step_report sum = test_engine_run_report(&e);
    assert_int_equal(sum.shared_tokens, 2 * 96);
    assert_int_equal(sum.prefill_tokens, 2 * 100 + 2 * 4);
    uint64_t prefill[4], decode[4];
    for (int i = 0; i < 4; i++)
        ergo_session_computed(s[i], &prefill[i], &decode[i]);
    assert_int_equal(prefill[3], 100); /* it shares nothing */
    assert_int_equal(prefill[0] + prefill[1] + prefill[2], 100 + 2 * 4);
    assert_int_equal(decode[0] + decode[1] + decode[2] + decode[3], sum.decode_tokens);
    for (int i = 0; i < 4; i++)
        assert_int_equal(decode[i], 19); /* the last of 20 tokens is never computed */
    for (int i = 0; i < 3; i++) {
        test_transcript_equal(&t[i], &t[3]);
        test_session_equal(s[i], s[3]);
    }
    test_engine_close(&e);
}

static void pages_of_a_closed_session_are_found_again(void **state)
{
    (void)state;
    test_engine e;
    open_engine(&e, 1, 0);
    test_transcript a, b;
    ergo_session *s = open_fed(&e, &a, false, 100);
    test_engine_run(&e);
    ergo_session_close(s);
    open_fed(&e, &b, false, 100);
    assert_int_equal(test_engine_run_report(&e).shared_tokens, 96);
    test_transcript_equal(&a, &b);
    test_engine_close(&e);
}

static void generated_text_is_shared_as_well(void **state)
{
    (void)state;
    test_engine e;
    open_engine(&e, 2, 0);
    test_transcript a, b;
    ergo_session *s = open_fed(&e, &a, false, 50);
    test_engine_run(&e);
    ergo_token all[90];
    size_t count;
    memcpy(all, ergo_session_tokens(s, &count), 70 * sizeof *all);
    assert_int_equal(count, 70);
    const ergo_session_config config = config_of(&b, false);
    s = test_session_open(&e, &config);
    assert_int_equal(ergo_session_feed(s, all, 70), ERGO_OK);
    assert_int_equal(test_engine_run_report(&e).shared_tokens, 64);
    test_engine_close(&e);
}

static void another_prefix_shares_nothing_behind_the_difference(void **state)
{
    (void)state;
    for (size_t at = 0; at < 100; at += 33) {
        test_engine e;
        open_engine(&e, 2, 0);
        test_transcript a, b, c;
        open_fed(&e, &a, false, 100);
        test_engine_run(&e);
        prompt[at]++;
        ergo_session *second = open_fed(&e, &b, false, 100);
        assert_int_equal(test_engine_run_report(&e).shared_tokens, at / PAGE * PAGE);
        test_engine fresh;
        open_engine(&fresh, 1, 0);
        ergo_session *alone = open_fed(&fresh, &c, true, 100);
        test_engine_run(&fresh);
        prompt[at]--;
        test_transcript_equal(&b, &c);
        test_session_equal(second, alone);
        test_engine_close(&fresh);
        test_engine_close(&e);
    }
}

static void a_page_that_was_rewound_into_is_not_found_any_more(void **state)
{
    (void)state;
    for (size_t fed = 2; fed <= 60; fed += 58) { /* so that the page is filled again, or not */
        test_engine e, fresh;
        open_engine(&e, 2, 0);
        open_engine(&fresh, 1, 0);
        test_transcript a, b, c;
        ergo_session *s = open_fed(&e, &a, false, 100);
        test_engine_run(&e);
        assert_int_equal(ergo_session_rewind(s, 40), ERGO_OK);
        prompt[40]++;
        assert_int_equal(ergo_session_feed(s, prompt + 40, fed), ERGO_OK);
        prompt[40]--;
        test_engine_run(&e);
        open_fed(&e, &b, false, 100);
        assert_int_equal(test_engine_run_report(&e).shared_tokens, 32);
        open_fed(&fresh, &c, true, 100);
        test_engine_run(&fresh);
        test_transcript_equal(&b, &c);
        test_engine_close(&fresh);
        test_engine_close(&e);
    }
}

static void rewinding_into_a_shared_page_leaves_the_other_session_as_it_was(void **state)
{
    (void)state;
    static const size_t keep[] = {1, 31, 33, 40, 63};
    for (size_t i = 0; i < sizeof keep / sizeof *keep; i++) {
        test_engine e, fresh;
        open_engine(&e, 2, 0);
        open_engine(&fresh, 2, 0);
        test_transcript a, b, c;
        ergo_session *first = open_fed(&e, &a, false, 100);
        test_engine_run(&e);
        ergo_session *second = open_fed(&e, &b, false, 100);
        assert_int_equal(test_engine_run_report(&e).shared_tokens, 96);
        ergo_block before = test_session_bytes(first);
        ergo_token other[80];
        test_prompt(other, 80, TINY_VOCABULARY, 99);
        assert_int_equal(ergo_session_rewind(second, keep[i]), ERGO_OK);
        b.count = 0;
        assert_int_equal(ergo_session_feed(second, other, 80), ERGO_OK);
        test_engine_run(&e);
        ergo_block after = test_session_bytes(first);
        assert_memory_equal(before.data, after.data, before.size);
        test_block_close(&before);
        test_block_close(&after);
        /* And it itself goes on as if it had never shared anything. */
        ergo_session *alone = open_fed(&fresh, &c, true, 100);
        test_engine_run(&fresh);
        assert_int_equal(ergo_session_rewind(alone, keep[i]), ERGO_OK);
        c.count = 0;
        assert_int_equal(ergo_session_feed(alone, other, 80), ERGO_OK);
        test_engine_run(&fresh);
        test_transcript_equal(&b, &c);
        test_engine_close(&fresh);
        test_engine_close(&e);
    }
}

static void when_pages_run_out_one_session_ends_and_the_rest_go_on(void **state)
{
    (void)state;
    test_engine e;
    open_engine(&e, 3, 5); /* pages for 160 positions; they want 3 x 86 */
    test_transcript t[3], alone;
    ergo_session *s[3];
    for (size_t i = 0; i < 3; i++) {
        ergo_session_config config = config_of(&t[i], true);
        config.max_tokens = 60;
        s[i] = test_session_open(&e, &config);
        assert_int_equal(ergo_session_feed(s[i], prompt + i, 26), ERGO_OK);
    }
    test_engine_run(&e);
    unsigned full = 0;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(t[i].ends, 1);
        if (t[i].ended == ERGO_CONTEXT_FULL) {
            full++;
            continue;
        }
        assert_int_equal(t[i].ended, ERGO_LENGTH);
        test_engine fresh;
        open_engine(&fresh, 1, 0);
        ergo_session_config config = config_of(&alone, true);
        config.max_tokens = 60;
        ergo_session *other = test_session_open(&fresh, &config);
        assert_int_equal(ergo_session_feed(other, prompt + i, 26), ERGO_OK);
        test_engine_run(&fresh);
        test_transcript_equal(&t[i], &alone);
        test_engine_close(&fresh);
    }
    assert_true(full == 1 || full == 2);
    test_engine_close(&e);
}

static void a_session_that_ended_for_want_of_pages_can_be_continued(void **state)
{
    (void)state;
    test_engine e;
    open_engine(&e, 2, 4);
    test_transcript t[2], alone;
    ergo_session *s[2];
    for (size_t i = 0; i < 2; i++) {
        ergo_session_config config = config_of(&t[i], false);
        config.max_tokens = 70;
        s[i] = test_session_open(&e, &config);
        assert_int_equal(ergo_session_feed(s[i], prompt + i, 30), ERGO_OK);
    }
    test_engine_run(&e);
    const size_t lost = t[0].ended == ERGO_CONTEXT_FULL ? 0 : 1;
    assert_int_equal(t[lost].ended, ERGO_CONTEXT_FULL);
    assert_int_equal(t[1 - lost].ended, ERGO_LENGTH);
    ergo_session_close(s[1 - lost]);
    size_t count;
    const ergo_token last = ergo_session_tokens(s[lost], &count)[29 + t[lost].count];
    assert_int_equal(ergo_session_rewind(s[lost], count - 1), ERGO_OK);
    assert_int_equal(ergo_session_feed(s[lost], &last, 1), ERGO_OK);
    test_engine_run(&e);
    test_engine_close(&e);
    assert_true(t[lost].count > 70);
    open_engine(&e, 1, 0);
    ergo_session_config config = config_of(&alone, true);
    config.max_tokens = (uint32_t)t[lost].count;
    ergo_session *other = test_session_open(&e, &config);
    assert_int_equal(ergo_session_feed(other, prompt + lost, 30), ERGO_OK);
    test_engine_run(&e);
    assert_memory_equal(t[lost].tokens, alone.tokens, alone.count * sizeof *alone.tokens);
    test_engine_close(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_later_session_takes_over_the_full_pages_of_its_prefix),
        cmocka_unit_test(sessions_that_start_together_compute_a_prefix_once),
        cmocka_unit_test(pages_of_a_closed_session_are_found_again),
        cmocka_unit_test(generated_text_is_shared_as_well),
        cmocka_unit_test(another_prefix_shares_nothing_behind_the_difference),
        cmocka_unit_test(a_page_that_was_rewound_into_is_not_found_any_more),
        cmocka_unit_test(rewinding_into_a_shared_page_leaves_the_other_session_as_it_was),
        cmocka_unit_test(when_pages_run_out_one_session_ends_and_the_rest_go_on),
        cmocka_unit_test(a_session_that_ended_for_want_of_pages_can_be_continued),
    };
    return cmocka_run_group_tests_name("sharing", tests, open_model, close_model);
}
