/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/engine_fixture.h"

/* A saved session goes on elsewhere as it would have here; damaged bytes change nothing. */

static ergo_token prompt[128];

static int make_prompt(void **state)
{
    (void)state;
    test_prompt(prompt, 128, TINY_VOCABULARY, 1);
    return 0;
}

static void open_engine(test_engine *e, const test_model *m, ergo_kv_type kv, uint32_t pages)
{
    const test_engine_options options = {
        .threads = 1,
        .config = {.max_sessions = 2, .batch_tokens = 40, .kv = kv, .kv_pages = pages}};
    test_engine_open(e, m, &options);
}

static ergo_session_config config_of(test_transcript *t)
{
    *t = (test_transcript){.count = 0};
    return (ergo_session_config){.sampler = {.temperature = 1.0f, .top_p = 0.95f, .seed = 4},
                                 .max_tokens = 15,
                                 .ignore_eog = true,
                                 .user = t,
                                 .on_token = test_transcript_token};
}

static ergo_session *open_fed(test_engine *e, test_transcript *t, size_t count)
{
    const ergo_session_config config = config_of(t);
    ergo_session *s = test_session_open(e, &config);
    if (count > 0)
        assert_int_equal(ergo_session_feed(s, prompt, count), ERGO_OK);
    return s;
}

static ergo_bytes bytes_of(ergo_block block)
{
    return (ergo_bytes){block.data, block.size};
}

/* Saves after `steps` steps, or at the end, and goes on with the same tokens in both sessions. */
static void check_resumed(const test_model *m, ergo_kv_type kv, size_t count, uint32_t steps)
{
    test_engine here, there;
    open_engine(&here, m, kv, 0);
    open_engine(&there, m, kv, 0);
    test_engine_knobs(&there, 1, 7, 1);
    test_transcript a, b;
    ergo_session *first = open_fed(&here, &a, count);
    for (uint32_t i = 0; i < steps; i++)
        if (ergo_engine_step(here.engine, NULL) == ERGO_IDLE)
            break;
    ergo_block saved = test_session_bytes(first);
    ergo_session *second = open_fed(&there, &b, 3); /* what it held is forgotten */
    test_engine_run(&there);
    b.count = b.ends = 0;
    assert_int_equal(ergo_session_restore(second, bytes_of(saved)), ERGO_OK);
    assert_int_equal(ergo_session_status(second), ERGO_IDLE);
    size_t x, y;
    const ergo_token *tokens = ergo_session_tokens(first, &x);
    assert_memory_equal(ergo_session_tokens(second, &y), tokens, x * sizeof *tokens);
    assert_int_equal(x, y);
    ergo_block again = test_session_bytes(second);
    assert_int_equal(again.size, saved.size);
    assert_memory_equal(again.data, saved.data, saved.size);
    a.count = a.ends = 0;
    assert_int_equal(ergo_session_feed(first, prompt + 50, 9), ERGO_OK);
    assert_int_equal(ergo_session_feed(second, prompt + 50, 9), ERGO_OK);
    test_engine_run(&here);
    test_engine_run(&there);
    assert_int_equal(a.count, 15);
    assert_memory_equal(a.tokens, b.tokens, 15 * sizeof *a.tokens);
    test_session_equal(first, second);
    test_block_close(&again);
    test_block_close(&saved);
    test_engine_close(&there);
    test_engine_close(&here);
}

static void a_restored_session_goes_on_as_the_saved_one(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 17, 31, 32, 33, 64, 65, 90};
    for (int kv = ERGO_KV_F16; kv <= ERGO_KV_Q8_0; kv++) {
        test_model m;
        test_model_open(&m, &(tiny_spec){.type = ERGO_TYPE_Q8_0});
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
            for (uint32_t steps = 0; steps < 25; steps += 6)
                check_resumed(&m, (ergo_kv_type)kv, counts[i], steps);
        test_model_close(&m);
    }
}

static void an_empty_session_can_be_saved_and_restored(void **state)
{
    (void)state;
    test_model m;
    test_model_open(&m, &(tiny_spec){.layers = 1});
    test_engine e;
    open_engine(&e, &m, ERGO_KV_F16, 0);
    test_transcript t, u;
    ergo_session *s = open_fed(&e, &t, 0);
    ergo_block saved = test_session_bytes(s);
    assert_int_equal(ergo_session_feed(s, prompt, 40), ERGO_OK);
    test_engine_run(&e);
    assert_int_equal(ergo_session_restore(s, bytes_of(saved)), ERGO_OK);
    size_t count;
    ergo_session_tokens(s, &count);
    assert_int_equal(count, 0);
    t.count = 0;
    assert_int_equal(ergo_session_feed(s, prompt, 40), ERGO_OK);
    test_engine_run(&e);
    open_fed(&e, &u, 40);
    test_engine_run(&e);
    assert_memory_equal(t.tokens, u.tokens, 15 * sizeof *t.tokens);
    test_block_close(&saved);
    test_engine_close(&e);
    test_model_close(&m);
}

/* A restore that must fail; the session is then as it was. */
static void expect_refused(ergo_session *s, ergo_bytes bytes, ergo_status status,
                           ergo_block as_before)
{
    const ergo_status how = ergo_session_status(s);
    assert_int_equal(ergo_session_restore(s, bytes), status);
    assert_int_equal(ergo_session_status(s), how);
    ergo_block now = test_session_bytes(s);
    assert_int_equal(now.size, as_before.size);
    assert_memory_equal(now.data, as_before.data, now.size);
    test_block_close(&now);
}

static void truncated_and_flipped_bytes_are_refused_and_change_nothing(void **state)
{
    (void)state;
    test_model m;
    test_model_open(&m, &(tiny_spec){.layers = 1,
                                     .embedding = 32,
                                     .heads = 1,
                                     .kv_heads = 1,
                                     .head_dim = 8,
                                     .feed_forward = 32});
    test_engine e;
    open_engine(&e, &m, ERGO_KV_F16, 0);
    test_transcript t, u;
    ergo_session *s = open_fed(&e, &t, 10), *other = open_fed(&e, &u, 5);
    test_engine_run(&e);
    ergo_block saved = test_session_bytes(s), before = test_session_bytes(other);
    unsigned char *bytes = saved.data;
    for (size_t size = 0; size < saved.size; size++) {
        ergo_block cut = test_block_open(size); /* so that a read beyond it is seen */
        memcpy(cut.data, bytes, size);
        expect_refused(other, bytes_of(cut), ERGO_E_FORMAT, before);
        test_block_close(&cut);
    }
    for (size_t i = 0; i < saved.size; i++) {
        bytes[i] ^= (unsigned char)(1u << i % 8);
        expect_refused(other, bytes_of(saved), ERGO_E_FORMAT, before);
        bytes[i] ^= (unsigned char)(1u << i % 8);
    }
    assert_int_equal(ergo_session_restore(other, (ergo_bytes){NULL, 100}), ERGO_E_ARGUMENT);
    assert_int_equal(ergo_session_restore(NULL, bytes_of(saved)), ERGO_E_ARGUMENT);
    assert_int_equal(ergo_session_restore(other, bytes_of(saved)), ERGO_OK);
    test_session_equal(s, other);
    test_block_close(&saved);
    test_block_close(&before);
    test_engine_close(&e);
    test_model_close(&m);
}

/* Writes the hash that the bytes should have: whoever wants to can. */
static void sign(ergo_block saved)
{
    unsigned char *bytes = saved.data;
    const uint64_t hash = test_hash(0, bytes, saved.size - 8);
    for (int i = 0; i < 8; i++)
        bytes[saved.size - 8 + (size_t)i] = (unsigned char)(hash >> (8 * i));
}

static void put_u32(ergo_block saved, size_t at, uint32_t value)
{
    unsigned char *bytes = saved.data;
    for (int i = 0; i < 4; i++)
        bytes[at + (size_t)i] = (unsigned char)(value >> (8 * i));
}

static void forged_counts_and_tokens_are_refused(void **state)
{
    (void)state;
    enum { AT_COUNT = 24, AT_COMPUTED = 28, AT_TOKENS = 40 };
    static const uint32_t wild[] = {0,          1,          31,         33,        64,
                                    0x7fffffff, 0x80000000, 0xffffffff, 0xffffffe0};
    test_model m;
    test_model_open(&m, &(tiny_spec){.layers = 1});
    test_engine e;
    open_engine(&e, &m, ERGO_KV_F16, 0);
    test_transcript t, u;
    ergo_session *s = open_fed(&e, &t, 20), *other = open_fed(&e, &u, 5);
    test_engine_run(&e);
    ergo_block saved = test_session_bytes(s), before = test_session_bytes(other);
    for (size_t i = 0; i < sizeof wild / sizeof *wild; i++)
        for (size_t k = 0; k < sizeof wild / sizeof *wild; k++) {
            put_u32(saved, AT_COUNT, wild[i]);
            put_u32(saved, AT_COMPUTED, wild[k]);
            sign(saved);
            /* 35 tokens were saved, 34 of them computed, in two pages. */
            expect_refused(other, bytes_of(saved), ERGO_E_FORMAT, before);
        }
    put_u32(saved, AT_COUNT, 35);
    put_u32(saved, AT_COMPUTED, 34);
    for (uint32_t i = 0; i < 3; i++) {
        static const uint32_t wrong[] = {TINY_VOCABULARY, 0x80000000, 0xffffffff};
        put_u32(saved, AT_TOKENS + 4 * 7, wrong[i]);
        sign(saved);
        expect_refused(other, bytes_of(saved), ERGO_E_FORMAT, before);
    }
    put_u32(saved, AT_TOKENS + 4 * 7, (uint32_t)prompt[7]);
    sign(saved);
    assert_int_equal(ergo_session_restore(other, bytes_of(saved)), ERGO_OK);
    test_session_equal(s, other);
    test_block_close(&saved);
    test_block_close(&before);
    test_engine_close(&e);
    test_model_close(&m);
}

static void a_session_of_another_model_or_kv_type_is_refused(void **state)
{
    (void)state;
    test_model m, weights, shape;
    test_model_open(&m, &(tiny_spec){.layers = 1});
    test_model_open(&weights, &(tiny_spec){.layers = 1, .seed = 2});
    test_model_open(&shape, &(tiny_spec){.layers = 2});
    const test_model *others[] = {&weights, &shape, &m};
    test_engine e;
    open_engine(&e, &m, ERGO_KV_F16, 0);
    test_transcript t, u;
    ergo_session *s = open_fed(&e, &t, 40);
    test_engine_run(&e);
    ergo_block saved = test_session_bytes(s);
    for (size_t i = 0; i < 3; i++) {
        test_engine other;
        open_engine(&other, others[i], i == 2 ? ERGO_KV_Q8_0 : ERGO_KV_F16, 0);
        ergo_session *into = open_fed(&other, &u, 4);
        test_engine_run(&other);
        ergo_block before = test_session_bytes(into);
        test_log_clear(&other.log);
        expect_refused(into, bytes_of(saved), ERGO_E_STATE, before);
        assert_true(test_log_has(&other.log, i == 2 ? "kv type" : "model"));
        test_block_close(&before);
        test_engine_close(&other);
    }
    test_block_close(&saved);
    test_engine_close(&e);
    test_model_close(&shape);
    test_model_close(&weights);
    test_model_close(&m);
}

static void a_session_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    test_model m;
    test_model_open(&m, &(tiny_spec){.layers = 1});
    test_engine e, small, short_context;
    open_engine(&e, &m, ERGO_KV_F16, 0);
    open_engine(&small, &m, ERGO_KV_F16, 4);
    const test_engine_options options = {.threads = 1, .config = {.context = 64}};
    test_engine_open(&short_context, &m, &options);
    test_transcript t, u;
    ergo_session *s = open_fed(&e, &t, 100);
    test_engine_run(&e);
    ergo_block saved = test_session_bytes(s); /* 4 pages */
    ergo_session *into = open_fed(&short_context, &u, 4);
    ergo_block before = test_session_bytes(into);
    expect_refused(into, bytes_of(saved), ERGO_E_LIMIT, before);
    test_block_close(&before);
    into = open_fed(&small, &u, 4);
    ergo_session *neighbour = open_fed(&small, &t, 4);
    test_engine_run(&small);
    before = test_session_bytes(into);
    expect_refused(into, bytes_of(saved), ERGO_E_LIMIT, before);
    test_block_close(&before);
    ergo_session_close(neighbour);
    assert_int_equal(ergo_session_restore(into, bytes_of(saved)), ERGO_OK);
    test_session_equal(s, into);
    test_block_close(&saved);
    test_engine_close(&short_context);
    test_engine_close(&small);
    test_engine_close(&e);
    test_model_close(&m);
}

static void saving_tells_its_size_and_writes_no_more(void **state)
{
    (void)state;
    test_model m;
    test_model_open(&m, &(tiny_spec){.layers = 1});
    test_engine e;
    open_engine(&e, &m, ERGO_KV_Q8_0, 0);
    test_transcript t;
    ergo_session *s = open_fed(&e, &t, 40);
    test_engine_run(&e);
    size_t size = 0;
    assert_int_equal(ergo_session_save(s, NULL, 0, &size), ERGO_E_MEMORY);
    ergo_block block = test_block_open(size + 64);
    memset(block.data, 0x5a, block.size);
    size_t again = 0;
    assert_int_equal(ergo_session_save(s, block.data, size - 1, &again), ERGO_E_MEMORY);
    assert_int_equal(again, size);
    for (size_t i = 0; i < block.size; i++)
        assert_int_equal(((unsigned char *)block.data)[i], 0x5a);
    assert_int_equal(ergo_session_save(s, block.data, block.size, &again), ERGO_OK);
    for (size_t i = size; i < block.size; i++)
        assert_int_equal(((unsigned char *)block.data)[i], 0x5a);
    assert_int_equal(ergo_session_save(s, NULL, 5, &again), ERGO_E_ARGUMENT);
    assert_int_equal(ergo_session_save(s, block.data, size, NULL), ERGO_E_ARGUMENT);
    test_block_close(&block);
    test_engine_close(&e);
    test_model_close(&m);
}

static void a_saved_session_holds_nothing_of_another(void **state)
{
    (void)state;
    test_model m;
    test_model_open(&m, &(tiny_spec){.layers = 1});
    test_engine used, fresh;
    open_engine(&used, &m, ERGO_KV_F16, 8);
    open_engine(&fresh, &m, ERGO_KV_F16, 8);
    test_transcript t;
    for (int i = 0; i < 3; i++) { /* fill every page with another text */
        const ergo_session_config config = config_of(&t);
        ergo_session *s = test_session_open(&used, &config);
        ergo_token other[112];
        test_prompt(other, 112, TINY_VOCABULARY, 40 + (uint64_t)i);
        assert_int_equal(ergo_session_feed(s, other, 112), ERGO_OK);
        test_engine_run(&used);
        ergo_session_close(s);
    }
    ergo_session *a = open_fed(&used, &t, 35), *b = open_fed(&fresh, &t, 35);
    test_engine_run(&used);
    test_engine_run(&fresh);
    test_session_equal(a, b);
    test_engine_close(&fresh);
    test_engine_close(&used);
    test_model_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_restored_session_goes_on_as_the_saved_one),
        cmocka_unit_test(an_empty_session_can_be_saved_and_restored),
        cmocka_unit_test(truncated_and_flipped_bytes_are_refused_and_change_nothing),
        cmocka_unit_test(forged_counts_and_tokens_are_refused),
        cmocka_unit_test(a_session_of_another_model_or_kv_type_is_refused),
        cmocka_unit_test(a_session_that_does_not_fit_is_refused),
        cmocka_unit_test(saving_tells_its_size_and_writes_no_more),
        cmocka_unit_test(a_saved_session_holds_nothing_of_another),
    };
    return cmocka_run_group_tests_name("session_save", tests, make_prompt, NULL);
}
