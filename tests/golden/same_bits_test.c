/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/base/hash.h"
#include "runtime/base/math.h"
#include "runtime/random.h"
#include "tests/fakes/engine_fixture.h"

/*
 * The first promise across machines: hashes of results, written down here, that every kind of CPU,
 * compiler and set of kernels must give. Where a change is meant to change results, this says the
 * new hashes; they must then be the same on all machines again.
 */

#define DEMO ERGO_SOURCE_DIR "/models/demo/ergo-demo-Q8_0.gguf"
#define POSITIONS 40

static unsigned wrong;

static void compare(const char *what, uint64_t expected, uint64_t got)
{
    if (expected != got) {
        print_error("%s: 0x%016llx, not 0x%016llx\n", what, (unsigned long long)got,
                    (unsigned long long)expected);
        wrong++;
    }
}

/* A double and a float between -range and range. */
static double number(uint64_t i, double range)
{
    return (ergo__random_unit(7, i) * 2.0 - 1.0) * range;
}

static uint64_t hash_f32(uint64_t hash, float x)
{
    return ergo__hash_bytes(hash, &x, sizeof x);
}

static uint64_t hash_f64(uint64_t hash, double x)
{
    return ergo__hash_bytes(hash, &x, sizeof x);
}

static void functions_give_these_bits(void **state)
{
    (void)state;
    uint64_t singles = ERGO__HASH_START, doubles = ERGO__HASH_START;
    for (uint64_t i = 0; i < 20000; i++) {
        const double x = number(i, 120.0), angle = number(i, 1e6);
        double sine, cosine;
        ergo__sincos(angle, &sine, &cosine);
        singles = hash_f32(singles, ergo__expf((float)x));
        singles = hash_f32(singles, ergo__tanhf((float)x / 16.0f));
        singles = hash_f32(singles, ergo__logf((float)(x * x + 1e-30)));
        doubles = hash_f64(doubles, ergo__exp(x));
        doubles = hash_f64(doubles, ergo__log(x * x + 1e-300));
        doubles = hash_f64(hash_f64(doubles, sine), cosine);
    }
    wrong = 0;
    compare("functions of floats", 0x7fa65f789a767067, singles);
    compare("functions of doubles", 0xcb93ab3b034fcdd5, doubles);
    assert_int_equal(wrong, 0);
}

static uint64_t hash_logits(const test_model *m, const test_engine_options *options)
{
    test_engine e;
    test_engine_open(&e, m, options);
    test_transcript t = {.vocabulary = m->info.vocabulary};
    ergo_token ids[POSITIONS];
    test_prompt(ids, POSITIONS, m->info.vocabulary, 5);
    ergo_session *s = test_session_open(
        &e, &(ergo_session_config){
                .score_only = true, .user = &t, .on_logits = test_transcript_logits});
    assert_int_equal(ergo_session_feed(s, ids, POSITIONS), ERGO_OK);
    test_engine_run(&e);
    assert_int_equal(t.rows, POSITIONS);
    test_engine_close(&e);
    return t.logits;
}

static void logits_of_the_bundled_model_have_these_bits(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        ergo_kv_type kv;
        uint64_t hash;
    } rows[] = {
        {"logits over F16 pages", ERGO_KV_F16, 0x25d2c53025c7e2f0},
        {"logits over Q8_0 pages", ERGO_KV_Q8_0, 0xa4800e48d61d4e79},
    };
    test_model m;
    assert_true(test_model_open_file(&m, DEMO));
    wrong = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        test_engine_options options = {
            .config = {.context = 64, .batch_tokens = 16, .batch_outputs = 16, .kv = rows[i].kv}};
        compare(rows[i].what, rows[i].hash, hash_logits(&m, &options));
        options.features = "none";
        options.threads = 1;
        compare(rows[i].what, rows[i].hash, hash_logits(&m, &options));
    }
    test_model_close(&m);
    assert_int_equal(wrong, 0);
}

/* Tokens drawn with every stage of the sampler, over several seeds. */
static void drawn_text_is_this(void **state)
{
    (void)state;
    static const ergo_sampler_config samplers[] = {
        {.temperature = 0.8f},
        {.temperature = 1.3f, .top_k = 40},
        {.temperature = 1.0f, .top_p = 0.9f, .min_p = 0.02f},
        {.temperature = 0.9f,
         .top_k = 100,
         .top_p = 0.95f,
         .repeat_penalty = 1.2f,
         .frequency_penalty = 0.1f,
         .presence_penalty = 0.2f},
    };
    test_model m;
    test_engine e;
    assert_true(test_model_open_file(&m, DEMO));
    test_engine_open(&e, &m, NULL);
    ergo_token ids[8];
    test_prompt(ids, 8, m.info.vocabulary, 3);
    uint64_t hash = ERGO__HASH_START;
    for (uint64_t seed = 0; seed < 8; seed++) {
        ergo_session_config config = {.sampler = samplers[seed % 4],
                                      .max_tokens = 24,
                                      .ignore_eog = true,
                                      .on_token = test_transcript_token};
        test_transcript t = {.count = 0};
        config.sampler.seed = seed;
        config.user = &t;
        ergo_session *s = test_session_open(&e, &config);
        assert_int_equal(ergo_session_feed(s, ids, 8), ERGO_OK);
        test_engine_run(&e);
        assert_int_equal(t.count, 24);
        hash = ergo__hash_bytes(hash, t.tokens, t.count * sizeof *t.tokens);
        ergo_session_close(s);
    }
    test_engine_close(&e);
    test_model_close(&m);
    wrong = 0;
    compare("drawn tokens", 0xbc353b2eb882d8f7, hash);
    assert_int_equal(wrong, 0);
}

/* Every family and every type of weights. */
static void logits_of_the_reference_models_have_these_bits(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t hash;
    } rows[] = {
        {"llama-7-F16", 0xda792e5f8c932d74},    {"llama-7-BF16", 0xc965c80523c4dee1},
        {"llama-7-Q8_0", 0xed22cb2cd70b2860},   {"llama-7-Q4_0", 0x3ff697951fc10267},
        {"llama-7-Q4_1", 0xf48a8027c833fbe1},   {"llama-7-Q5_0", 0xa9d30a1676f6f513},
        {"llama-7-Q5_1", 0xf83f18dedfae3659},   {"llama-7-Q2_K", 0x18e651fc31888eb6},
        {"llama-7-Q3_K_M", 0x8b2999f0242817e8}, {"llama-7-Q4_K_M", 0x90b0954cb692f1bd},
        {"llama-7-Q5_K_M", 0x497355ff43999c37}, {"llama-7-Q6_K", 0x7edaf05da6c1ed1f},
        {"llama-7-IQ4_NL", 0xf3ee0d809fee7120}, {"llama-7-IQ4_XS", 0xd0c69f1d0ba846d6},
        {"llama-7-TQ1_0", 0x9420c7b3c6e0d3fd},  {"llama-7-TQ2_0", 0x9420c7b3c6e0d3fd},
        {"qwen2-7-Q8_0", 0x67fde5d1f731c777},   {"qwen3-7-Q8_0", 0x8343af248be984d8},
        {"gemma3-7-Q8_0", 0x4547a8e1822140a5},  {"phi3-7-Q8_0", 0x191c3cce6a17b296},
        {"smollm3-7-Q8_0", 0xb4feba995fa38364}, {"granite-7-Q8_0", 0xfa167d2da210b2dc},
    };
    if (!test_asset("reference/ids.txt"))
        skip();
    wrong = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char asset[64];
        test_model m;
        (void)snprintf(asset, sizeof asset, "reference/%s.gguf", rows[i].name);
        assert_true(test_model_open_file(&m, test_asset(asset)));
        const test_engine_options options = {
            .config = {.context = 256, .batch_tokens = 16, .batch_outputs = 16}};
        compare(rows[i].name, rows[i].hash, hash_logits(&m, &options));
        test_model_close(&m);
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_give_these_bits),
        cmocka_unit_test(logits_of_the_bundled_model_have_these_bits),
        cmocka_unit_test(drawn_text_is_this),
        cmocka_unit_test(logits_of_the_reference_models_have_these_bits),
    };
    return cmocka_run_group_tests_name("same bits", tests, NULL, NULL);
}
