/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/engine_fixture.h"

/*
 * What an engine computes depends on no knob and on no neighbour: every way of running the same
 * sessions must give the same tokens, the same logits and the same keys and values, to the bit.
 */

#define SESSIONS 3
#define GENERATED 12

static const size_t prompt_sizes[SESSIONS] = {70, 33, 5};

typedef struct trio {
    ergo_session *session[SESSIONS];
    test_transcript transcript[SESSIONS];
} trio;

static ergo_session_config config_of(test_transcript *transcript, uint64_t seed)
{
    return (ergo_session_config){.sampler = {.temperature = 0.9f, .top_k = 40, .seed = seed},
                                 .max_tokens = GENERATED,
                                 .no_sharing = true,
                                 .user = transcript,
                                 .on_token = test_transcript_token};
}

static void trio_open(trio *t, test_engine *e, uint32_t vocabulary, bool logits)
{
    for (size_t i = 0; i < SESSIONS; i++) {
        ergo_token prompt[100];
        t->transcript[i] = (test_transcript){.vocabulary = vocabulary};
        ergo_session_config config = config_of(&t->transcript[i], i);
        config.on_logits = logits ? test_transcript_logits : NULL;
        t->session[i] = test_session_open(e, &config);
        test_prompt(prompt, prompt_sizes[i], vocabulary, i + 10);
        assert_int_equal(ergo_session_feed(t->session[i], prompt, prompt_sizes[i]), ERGO_OK);
    }
}

static void trio_close(trio *t)
{
    for (size_t i = 0; i < SESSIONS; i++)
        ergo_session_close(t->session[i]);
}

/* Opens, runs and compares with `expected`, whose saved sessions are in `bytes`. */
static void trio_expect(test_engine *e, const trio *expected, const ergo_block *bytes,
                        uint32_t vocabulary, bool logits)
{
    trio now;
    trio_open(&now, e, vocabulary, logits);
    test_engine_run(e);
    for (size_t i = 0; i < SESSIONS; i++) {
        test_transcript_equal(&expected->transcript[i], &now.transcript[i]);
        ergo_block saved = test_session_bytes(now.session[i]);
        assert_int_equal(saved.size, bytes[i].size);
        assert_memory_equal(saved.data, bytes[i].data, saved.size);
        test_block_close(&saved);
    }
    trio_close(&now);
}

static test_engine_options options_of(ergo_kv_type kv)
{
    return (test_engine_options){
        .config = {.max_sessions = SESSIONS, .batch_tokens = 128, .batch_outputs = 40, .kv = kv}};
}

/* The ways of one engine, against a run with one thread and the defaults. */
static void check_knobs(const test_model *m, ergo_kv_type kv, bool thorough)
{
    static const uint32_t chunks[] = {1, 2, 3, 7, 31, 32, 33, 64, 0};
    static const uint32_t few_chunks[] = {1, 31, 33};
    const uint32_t *chunk = thorough ? chunks : few_chunks;
    const size_t chunk_count = thorough ? 9 : 3;
    const test_engine_options options = options_of(kv);
    test_engine e;
    test_engine_open(&e, m, &options);
    for (int logits = 0; logits < 2; logits++) {
        trio expected;
        ergo_block bytes[SESSIONS];
        test_engine_knobs(&e, 0, 0, 1);
        trio_open(&expected, &e, m->info.vocabulary, logits);
        test_engine_run(&e);
        for (size_t i = 0; i < SESSIONS; i++) {
            assert_int_equal(expected.transcript[i].count, GENERATED);
            assert_int_equal(expected.transcript[i].ended, ERGO_LENGTH);
            /* Every fed and generated position, but for the last: nobody asked what follows it. */
            assert_int_equal(expected.transcript[i].rows,
                             logits ? prompt_sizes[i] + GENERATED - 1 : 0);
            bytes[i] = test_session_bytes(expected.session[i]);
        }
        trio_close(&expected);
        for (size_t c = 0; c < chunk_count; c++)
            for (uint32_t limit = thorough && c % 4 == 1 ? 1 : SESSIONS; limit <= SESSIONS;
                 limit++) {
                test_engine_knobs(&e, limit, chunk[c], 1 + (uint32_t)(c + limit) % 2);
                trio_expect(&e, &expected, bytes, m->info.vocabulary, logits);
            }
        for (size_t i = 0; i < SESSIONS; i++)
            test_block_close(&bytes[i]);
    }
    test_engine_close(&e);
}

static void output_is_the_same_for_every_chunk_batch_limit_and_thread_count(void **state)
{
    (void)state;
    for (int kv = ERGO_KV_F16; kv <= ERGO_KV_Q8_0; kv++) {
        test_model m;
        test_model_open(&m, &(tiny_spec){.type = ERGO_TYPE_Q8_0});
        check_knobs(&m, (ergo_kv_type)kv, true);
        test_model_close(&m);
    }
}

static void output_is_the_same_for_every_knob_in_every_family(void **state)
{
    (void)state;
    for (size_t i = 0; tiny_families[i]; i++) {
        const ergo_kv_type kv = i % 2 ? ERGO_KV_F16 : ERGO_KV_Q8_0;
        /* Heads of 24 elements: no multiple of a block of keys, nor of a vector. */
        test_model m;
        test_model_open(&m, &(tiny_spec){.arch = tiny_families[i],
                                         .type = ERGO_TYPE_F16,
                                         .heads = 6,
                                         .kv_heads = 3,
                                         .head_dim = 24,
                                         .layers = 4});
        check_knobs(&m, kv, false);
        test_model_close(&m);
    }
}

static void output_is_the_same_with_and_without_cpu_features(void **state)
{
    (void)state;
    static const ergo_type types[] = {ERGO_TYPE_F32, ERGO_TYPE_F16, ERGO_TYPE_Q8_0};
    for (size_t i = 0; i < 3; i++)
        for (int kv = ERGO_KV_F16; kv <= ERGO_KV_Q8_0; kv++) {
            test_model m;
            test_model_open(&m, &(tiny_spec){.arch = tiny_families[i + 2], .type = types[i]});
            test_engine_options options = options_of((ergo_kv_type)kv);
            test_engine plain, full;
            options.features = "none";
            test_engine_open(&plain, &m, &options);
            options.features = NULL;
            test_engine_open(&full, &m, &options);
            trio a, b;
            trio_open(&a, &plain, m.info.vocabulary, true);
            trio_open(&b, &full, m.info.vocabulary, true);
            test_engine_run(&plain);
            test_engine_run(&full);
            for (size_t k = 0; k < SESSIONS; k++) {
                test_transcript_equal(&a.transcript[k], &b.transcript[k]);
                test_session_equal(a.session[k], b.session[k]);
            }
            test_engine_close(&full);
            test_engine_close(&plain);
            test_model_close(&m);
        }
}

/* One session, while others are opened, fed, cancelled and closed between the steps. */
static void output_is_the_same_while_neighbours_come_and_go(void **state)
{
    (void)state;
    test_model m;
    test_model_open(&m, &(tiny_spec){.type = ERGO_TYPE_Q8_0});
    const test_engine_options options = {.config = {.max_sessions = 4, .batch_tokens = 16}};
    test_engine alone, crowded;
    test_engine_open(&alone, &m, &options);
    test_engine_open(&crowded, &m, &options);
    test_transcript a = {.count = 0}, b = {.count = 0}, other = {.count = 0};
    ergo_session_config config = config_of(&a, 7);
    config.max_tokens = 100;
    ergo_token prompt[60];
    test_prompt(prompt, 60, m.info.vocabulary, 3);
    ergo_session *first = test_session_open(&alone, &config);
    assert_int_equal(ergo_session_feed(first, prompt, 60), ERGO_OK);
    test_engine_run(&alone);
    config.user = &b;
    ergo_session *second = test_session_open(&crowded, &config), *guest[3] = {NULL, NULL, NULL};
    assert_int_equal(ergo_session_feed(second, prompt, 60), ERGO_OK);
    for (uint32_t step = 0; ergo_session_status(second) == ERGO_OK; step++) {
        const uint32_t i = step * 7 % 3;
        if (guest[i] && step % 5 < 2) {
            ergo_session_close(guest[i]);
            guest[i] = NULL;
        } else if (!guest[i]) {
            const ergo_session_config g = config_of(&other, step);
            guest[i] = test_session_open(&crowded, &g);
            test_prompt(prompt, 1 + step % 40, m.info.vocabulary, step);
            assert_int_equal(ergo_session_feed(guest[i], prompt, 1 + step % 40), ERGO_OK);
        } else if (step % 4 == 0) {
            ergo_session_cancel(guest[i]);
        }
        const ergo_engine_knobs knobs = {.prefill_chunk = 1 + step % 16, .threads = 1 + step % 2};
        if (ergo_device_threads(crowded.device) > 1)
            assert_int_equal(ergo_engine_set_knobs(crowded.engine, &knobs), ERGO_OK);
        assert_int_equal(ergo_engine_step(crowded.engine, NULL), ERGO_OK);
    }
    test_transcript_equal(&a, &b);
    test_session_equal(first, second);
    assert_true(other.count > 50);
    test_engine_close(&crowded);
    test_engine_close(&alone);
    test_model_close(&m);
}

static void a_prompt_longer_than_a_batch_is_computed_in_parts(void **state)
{
    (void)state;
    test_model m;
    test_model_open(&m, &(tiny_spec){.type = ERGO_TYPE_F32});
    uint64_t logits[2];
    for (int i = 0; i < 2; i++) {
        const test_engine_options options = {.config = {.batch_tokens = i ? 256 : 8}};
        test_engine e;
        test_engine_open(&e, &m, &options);
        test_transcript t = {.vocabulary = m.info.vocabulary};
        const ergo_session_config config = {.user = &t,
                                            .score_only = true,
                                            .on_token = test_transcript_token,
                                            .on_logits = test_transcript_logits};
        ergo_session *s = test_session_open(&e, &config);
        ergo_token prompt[200];
        test_prompt(prompt, 200, m.info.vocabulary, 5);
        assert_int_equal(ergo_session_feed(s, prompt, 200), ERGO_OK);
        const ergo_step_report sum = test_engine_run_report(&e);
        assert_int_equal(sum.prefill_tokens, 200);
        assert_int_equal(t.rows, 200);
        assert_int_equal(sum.sessions, 200); /* steps: one row of logits in each */
        logits[i] = t.logits;
        test_engine_close(&e);
    }
    assert_true(logits[0] == logits[1]);
    test_model_close(&m);
}

static void a_report_counts_tokens_and_work(void **state)
{
    (void)state;
    test_model m;
    test_model_open(&m, &(tiny_spec){.type = ERGO_TYPE_Q8_0});
    const test_engine_options options = {.config = {.batch_tokens = 64}};
    test_engine e;
    test_engine_open(&e, &m, &options);
    ergo_token prompt[10];
    test_prompt(prompt, 10, m.info.vocabulary, 1);
    ergo_step_report r = {.sessions = 77};
    assert_int_equal(ergo_engine_step(e.engine, &r), ERGO_IDLE);
    assert_int_equal(r.sessions, 77);
    ergo_session *s = test_session_open(&e, &(ergo_session_config){.max_tokens = 3});
    assert_int_equal(ergo_session_feed(s, prompt, 10), ERGO_OK);
    assert_int_equal(ergo_engine_step(e.engine, &r), ERGO_OK);
    assert_int_equal(r.sessions, 1);
    assert_int_equal(r.prefill_tokens, 10);
    assert_int_equal(r.decode_tokens, 0);
    assert_true(r.elapsed_ns >= r.device_ns && r.device_ns > 0);
    assert_int_equal(ergo_engine_step(e.engine, &r), ERGO_OK);
    assert_int_equal(r.prefill_tokens, 0);
    assert_int_equal(r.decode_tokens, 1);
    const ergo_work work = ergo_model_work(m.model, 1, 1, 11, ERGO_KV_F16);
    assert_memory_equal(&r.work, &work, sizeof work);
    assert_int_equal(ergo_engine_step(e.engine, NULL), ERGO_OK);
    assert_int_equal(ergo_engine_step(e.engine, NULL), ERGO_IDLE);
    test_engine_close(&e);
    test_model_close(&m);
}

static void knobs_out_of_range_are_refused_by_name(void **state)
{
    (void)state;
    test_model m;
    test_model_open(&m, &(tiny_spec){.layers = 1});
    const test_engine_options options = {.config = {.max_sessions = 3, .batch_tokens = 16}};
    test_engine e;
    test_engine_open(&e, &m, &options);
    const uint32_t threads = ergo_device_threads(e.device);
    ergo_engine_knobs before, after;
    ergo_engine_get_knobs(e.engine, &before);
    assert_int_equal(before.batch_limit, 3);
    assert_int_equal(before.prefill_chunk, 16);
    assert_int_equal(before.threads, threads);
    const struct {
        ergo_engine_knobs knobs;
        const char *name;
    } bad[] = {{{.batch_limit = 4}, "batch_limit"},
               {{.prefill_chunk = 17}, "prefill_chunk"},
               {{.threads = threads + 1}, "threads"},
               {{.batch_limit = UINT32_MAX}, "batch_limit"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        test_log_clear(&e.log);
        assert_int_equal(ergo_engine_set_knobs(e.engine, &bad[i].knobs), ERGO_E_ARGUMENT);
        assert_true(test_log_has(&e.log, bad[i].name));
        ergo_engine_get_knobs(e.engine, &after);
        assert_memory_equal(&before, &after, sizeof before);
    }
    assert_int_equal(ergo_engine_set_knobs(NULL, &before), ERGO_E_ARGUMENT);
    assert_int_equal(ergo_engine_set_knobs(e.engine, NULL), ERGO_E_ARGUMENT);
    test_engine_close(&e);
    test_model_close(&m);
}

static void configs_out_of_range_are_refused_by_name(void **state)
{
    (void)state;
    test_model m;
    test_model_open(&m, &(tiny_spec){.layers = 1});
    test_engine e;
    test_engine_open(&e, &m, NULL);
    const struct {
        ergo_engine_config config;
        ergo_status status;
        const char *name;
    } bad[] = {
        {{.max_sessions = 1025}, ERGO_E_ARGUMENT, "max_sessions"},
        {{.context = UINT32_MAX}, ERGO_E_ARGUMENT, "context"},
        {{.batch_tokens = 65537}, ERGO_E_ARGUMENT, "batch_tokens"},
        {{.batch_outputs = 17, .batch_tokens = 16}, ERGO_E_ARGUMENT, "batch_outputs"},
        {{.kv = (ergo_kv_type)2}, ERGO_E_ARGUMENT, "kv"},
        {{.kv_pages = UINT32_MAX}, ERGO_E_LIMIT, "pages"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ergo_engine_config config = bad[i].config;
        config.log = test_log_open(&e.log);
        size_t size = 12345;
        ergo_engine *engine = e.engine;
        assert_int_equal(ergo_engine_size(m.model, e.device, &config, &size, NULL), bad[i].status);
        assert_int_equal(size, 12345);
        assert_true(test_log_has(&e.log, bad[i].name));
        assert_int_equal(ergo_engine_open(m.model, e.device, &config, e.blocks[1], &engine),
                         bad[i].status);
        assert_ptr_equal(engine, e.engine);
    }
    test_engine_close(&e);
    test_model_close(&m);
}

static void an_unknown_cpu_feature_is_refused_by_name(void **state)
{
    (void)state;
    test_log log;
    const ergo_device_config config = {
        .log = test_log_open(&log), .threads = 1, .cpu_features = "avx2,mmx9"};
    size_t size;
    ergo_device *device = NULL;
    assert_int_equal(ergo_device_size(ergo_backend_cpu(), &config, &size), ERGO_OK);
    ergo_block block = test_block_open(size);
    assert_int_equal(ergo_device_open(ergo_backend_cpu(), &config, block, &device),
                     ERGO_E_ARGUMENT);
    assert_null(device);
    assert_true(test_log_has(&log, "mmx9"));
    test_block_close(&block);
}

static void a_batch_limit_leaves_nobody_out_for_ever(void **state)
{
    (void)state;
    test_model m;
    test_model_open(&m, &(tiny_spec){.layers = 1});
    test_engine e;
    test_engine_open(&e, &m, &(test_engine_options){.config = {.max_sessions = 3}});
    test_engine_knobs(&e, 1, 0, 0);
    test_transcript t[3] = {{.count = 0}};
    for (size_t i = 0; i < 3; i++) { /* the last one comes with a prompt, the others generate */
        const ergo_session_config config = {
            .max_tokens = 40, .ignore_eog = true, .user = &t[i], .on_token = test_transcript_token};
        ergo_session *s = test_session_open(&e, &config);
        ergo_token prompt[20];
        test_prompt(prompt, 20, TINY_VOCABULARY, i);
        assert_int_equal(ergo_session_feed(s, prompt, i < 2 ? 1 : 20), ERGO_OK);
    }
    for (int step = 0; step < 12; step++)
        assert_int_equal(ergo_engine_step(e.engine, NULL), ERGO_OK);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(t[i].count, 4);
    test_engine_close(&e);
    test_model_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_limit_leaves_nobody_out_for_ever),
        cmocka_unit_test(output_is_the_same_for_every_chunk_batch_limit_and_thread_count),
        cmocka_unit_test(output_is_the_same_for_every_knob_in_every_family),
        cmocka_unit_test(output_is_the_same_with_and_without_cpu_features),
        cmocka_unit_test(output_is_the_same_while_neighbours_come_and_go),
        cmocka_unit_test(a_prompt_longer_than_a_batch_is_computed_in_parts),
        cmocka_unit_test(a_report_counts_tokens_and_work),
        cmocka_unit_test(knobs_out_of_range_are_refused_by_name),
        cmocka_unit_test(configs_out_of_range_are_refused_by_name),
        cmocka_unit_test(an_unknown_cpu_feature_is_refused_by_name),
    };
    return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
