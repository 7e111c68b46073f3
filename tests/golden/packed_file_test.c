/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/packed_model.h"

/* A packed file says what the plain one says, to the bit, whatever the CPU can do. */

#define DEMO ERGO_SOURCE_DIR "/models/demo/ergo-demo-Q8_0.gguf"
#define POSITIONS 40

static ergo_engine_memory memory_of(const test_model *m, const test_engine *e)
{
    ergo_engine_memory parts;
    size_t size;
    assert_int_equal(ergo_engine_size(m->model, e->device, NULL, &size, &parts), ERGO_OK);
    return parts;
}

/* What the model says, and where its memory goes. */
static test_transcript run(const test_model *m, const char *features, ergo_engine_memory *memory)
{
    test_engine e;
    const test_engine_options options = {
        .features = features, .config = {.context = 64, .batch_tokens = 16, .batch_outputs = 16}};
    test_engine_open(&e, m, &options);
    test_transcript t = {.vocabulary = m->info.vocabulary};
    ergo_token ids[POSITIONS];
    test_prompt(ids, POSITIONS, m->info.vocabulary, 5);
    ergo_session *s = test_session_open(&e, &(ergo_session_config){
                                                .max_tokens = 8,
                                                .ignore_eog = true,
                                                .user = &t,
                                                .on_token = test_transcript_token,
                                                .on_logits = test_transcript_logits,
                                            });
    assert_int_equal(ergo_session_feed(s, ids, POSITIONS), ERGO_OK);
    test_engine_run(&e);
    *memory = memory_of(m, &e);
    test_engine_close(&e);
    return t;
}

/* Packs the model and compares; returns how many tensors that were. */
static size_t check(const test_model *plain)
{
    static const char *const features[] = {NULL, "none"};
    gguf_builder built = {0};
    const size_t count = packed_model_write(plain, &built);
    test_model packed;
    test_model_open_built(&packed, &built);
    for (size_t i = 0; i < sizeof features / sizeof *features; i++) {
        ergo_engine_memory a, b;
        const test_transcript before = run(plain, features[i], &a);
        const test_transcript after = run(&packed, features[i], &b);
        assert_int_equal(before.rows, POSITIONS + 7);
        test_transcript_equal(&before, &after);
        assert_true(b.repacked <= a.repacked);
        assert_true(b.weights == packed.info.weight_bytes);
    }
    test_model_close(&packed);
    return count;
}

static void nothing_is_packed_twice(void **state)
{
    (void)state;
    test_model plain, packed;
    test_engine e;
    gguf_builder built = {0};
    assert_true(test_model_open_file(&plain, DEMO));
    assert_true(packed_model_write(&plain, &built) > 0);
    test_model_open_built(&packed, &built);
    test_engine_open(&e, &packed, NULL);
    assert_true(memory_of(&packed, &e).repacked == 0);
    test_engine_close(&e);
    test_model_close(&packed);
    assert_true(check(&plain) > 0);
    test_model_close(&plain);
}

static void every_family_is_the_same(void **state)
{
    (void)state;
    static const ergo_type types[] = {ERGO_TYPE_F32, ERGO_TYPE_F16, ERGO_TYPE_Q8_0};
    for (size_t f = 0; tiny_families[f]; f++)
        for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
            test_model plain;
            test_model_open(&plain, &(tiny_spec){.arch = tiny_families[f],
                                                 .type = types[t],
                                                 .tied = (f + t) % 2 == 0,
                                                 .vocabulary = 96 + (uint32_t)t});
            assert_true(check(&plain) > 0);
            test_model_close(&plain);
        }
}

/* Fused tensors are packed where their parts begin with a strip, and stay as they are elsewhere. */
static void fused_tensors_are_the_same(void **state)
{
    (void)state;
    static const char *const qkv[] = {"blk.0.attn_q.weight", "blk.0.attn_k.weight",
                                      "blk.0.attn_v.weight"};
    static const char *const gate_up[] = {"blk.0.ffn_gate.weight", "blk.0.ffn_up.weight"};
    static const struct {
        uint32_t head_dim, feed_forward;
        bool packs_qkv, packs_gate_up;
    } rows[] = {{16, 96, true, true}, {20, 96, false, true}, {16, 72, true, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tiny_model tiny;
        test_model plain;
        tiny_model_open(&tiny, &(tiny_spec){.type = ERGO_TYPE_F16,
                                            .layers = 1,
                                            .heads = 3,
                                            .kv_heads = 1,
                                            .head_dim = rows[i].head_dim,
                                            .feed_forward = rows[i].feed_forward});
        tiny_fuse(&tiny, qkv, 3, "blk.0.attn_qkv.weight");
        tiny_fuse(&tiny, gate_up, 2, "blk.0.ffn_up.weight");
        test_model_open_changed(&plain, &tiny);
        tiny_model_close(&tiny);
        const ergo_gguf *gguf = plain.gguf;
        assert_int_equal(
            ergo_model_packs(plain.model, ergo_gguf_tensor_find(gguf, "blk.0.attn_qkv.weight")),
            rows[i].packs_qkv);
        assert_int_equal(
            ergo_model_packs(plain.model, ergo_gguf_tensor_find(gguf, "blk.0.ffn_up.weight")),
            rows[i].packs_gate_up);
        assert_true(check(&plain) > 0);
        test_model_close(&plain);
    }
}

static void every_type_is_the_same(void **state)
{
    (void)state;
    static const char *const names[] = {
        "llama-7-F16",    "llama-7-BF16",   "llama-7-Q8_0",   "llama-7-Q4_0",   "llama-7-Q4_1",
        "llama-7-Q5_0",   "llama-7-Q5_1",   "llama-7-Q2_K",   "llama-7-Q3_K_M", "llama-7-Q4_K_M",
        "llama-7-Q5_K_M", "llama-7-Q6_K",   "llama-7-IQ4_NL", "llama-7-IQ4_XS", "llama-7-TQ1_0",
        "llama-7-TQ2_0",  "qwen2-7-Q8_0",   "qwen3-7-Q8_0",   "gemma3-7-Q8_0",  "phi3-7-Q8_0",
        "smollm3-7-Q8_0", "granite-7-Q8_0",
    };
    if (!test_asset("reference/ids.txt"))
        skip();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char asset[64];
        test_model plain;
        (void)snprintf(asset, sizeof asset, "reference/%s.gguf", names[i]);
        assert_true(test_model_open_file(&plain, test_asset(asset)));
        assert_true(check(&plain) > 0);
        test_model_close(&plain);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_packed_twice),
        cmocka_unit_test(every_family_is_the_same),
        cmocka_unit_test(fused_tensors_are_the_same),
        cmocka_unit_test(every_type_is_the_same),
    };
    return cmocka_run_group_tests_name("packed", tests, NULL, NULL);
}
