/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/kv.h"
#include "runtime/model_state.h"
#include "tests/fakes/engine_fixture.h"

/* Where a plan places its values, what it says of itself, and what it costs. */

/* Lifetimes found anew from the steps: [first, last] of each value. */
typedef struct life {
    size_t first, last;
} life;

#define VALUES_MAX 4096

static void find_lives(const ergo__plan *plan, life *lives)
{
    for (size_t i = 0; i < plan->value_count; i++)
        lives[i] = (life){.first = SIZE_MAX};
    for (size_t s = 0; s < plan->step_count; s++) {
        const ergo__step *step = &plan->steps[s];
        for (int k = 0; k < 2; k++)
            if (step->in[k] != ERGO__NO_VALUE) {
                assert_true(step->in[k] < plan->value_count);
                assert_true(lives[step->in[k]].first < s); /* written before it is read */
                lives[step->in[k]].last = s;
            }
        for (int k = 0; k < 3; k++)
            if (step->out[k] != ERGO__NO_VALUE) {
                assert_true(step->out[k] < plan->value_count);
                assert_true(lives[step->out[k]].first == SIZE_MAX); /* written once */
                lives[step->out[k]].first = lives[step->out[k]].last = s;
            }
    }
    lives[plan->logits].last = plan->step_count;
}

static void check_plan(const ergo__plan *plan)
{
    static life lives[VALUES_MAX];
    assert_true(plan->value_count <= VALUES_MAX);
    find_lives(plan, lives);
    assert_true(plan->values[plan->logits].outputs);
    assert_int_equal(plan->values[plan->logits].columns, plan->vocabulary);
    for (size_t i = 0; i < plan->value_count; i++) {
        const ergo__value *a = &plan->values[i];
        const size_t end = a->offset + a->columns;
        assert_true(lives[i].first != SIZE_MAX);
        assert_true(a->offset % 16 == 0);
        assert_true(end <= (a->outputs ? plan->output_floats : plan->token_floats));
        for (size_t k = 0; k < i; k++) {
            const ergo__value *b = &plan->values[k];
            const bool together =
                lives[i].first <= lives[k].last && lives[k].first <= lives[i].last;
            if (a->outputs == b->outputs && together)
                assert_true(end <= b->offset || b->offset + b->columns <= a->offset);
        }
    }
}

static void values_alive_together_never_overlap_in_any_family(void **state)
{
    (void)state;
    for (size_t i = 0; tiny_families[i]; i++)
        for (uint32_t layers = 1; layers <= 7; layers += 3)
            for (uint32_t width = 32; width <= 96; width += 64) {
                test_model m;
                test_model_open(&m, &(tiny_spec){.arch = tiny_families[i],
                                                 .layers = layers,
                                                 .feed_forward = width,
                                                 .heads = 3,
                                                 .kv_heads = 1,
                                                 .head_dim = 10});
                check_plan(&m.model->plan);
                /* Memory does not grow with the layers. */
                assert_true(m.model->plan.token_floats < 1500);
                test_model_close(&m);
            }
}

static void values_alive_together_never_overlap_in_reference_files(void **state)
{
    (void)state;
    static const char *const names[] = {"llama-7-F16",   "qwen2-7-Q8_0", "qwen3-7-Q8_0",
                                        "gemma3-7-Q8_0", "phi3-7-Q8_0",  "smollm3-7-Q8_0",
                                        "granite-7-Q8_0"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char asset[64];
        snprintf(asset, sizeof asset, "reference/%s.gguf", names[i]);
        const char *path = test_asset(asset);
        if (!path)
            skip();
        test_model m;
        assert_true(test_model_open_file(&m, path));
        check_plan(&m.model->plan);
        test_model_close(&m);
    }
}

static void steps_are_described_in_one_line(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "layer 0 embed token_embd.weight F32 64x98: -> v0[64]",
        "layer 0 angles of 16 elements: -> v1[16]",
        "layer 0 norm groups of 64, epsilon 1e-05: v0 -> v2[64]",
        "layer 0 matmul blk.0.attn_q.weight F32 64x64, blk.0.attn_k.weight F32 64x32, "
        "blk.0.attn_v.weight F32 64x32: v2 -> v3[64] v4[32] v5[32]",
        "layer 0 rope 4 heads of 16, 16 turned, pairs: v3 v1 -> v6[64]",
        "layer 0 rope 2 heads of 16, 16 turned, pairs: v4 v1 -> v7[32]",
        "layer 0 store-kv 2 heads of 16: v7 v5 ->",
        "layer 0 attend 4 heads of 16 over 2, scale 0.25: v6 -> v8[64]",
        "layer 0 matmul blk.0.attn_output.weight F32 64x64: v8 -> v9[64]",
        "layer 0 add scale 1: v0 v9 -> v10[64]",
        "layer 0 norm groups of 64, epsilon 1e-05: v10 -> v11[64]",
        "layer 0 matmul blk.0.ffn_gate.weight F32 64x96, blk.0.ffn_up.weight F32 64x96: v11 -> "
        "v12[96] v13[96]",
        "layer 0 glu silu: v12 v13 -> v14[96]",
        "layer 0 matmul blk.0.ffn_down.weight F32 96x64: v14 -> v15[64]",
        "layer 0 add scale 1: v10 v15 -> v16[64]",
        "layer 0 select: v16 -> v17[64]",
        "layer 0 norm groups of 64, epsilon 1e-05: v17 -> v18[64]",
        "layer 0 matmul output.weight F32 64x98: v18 -> v19[98]",
    };
    const size_t count = sizeof lines / sizeof *lines;
    test_model m;
    test_model_open(&m, &(tiny_spec){.layers = 1});
    assert_int_equal(ergo_model_step_count(m.model), count);
    for (size_t i = 0; i < count; i++) {
        char text[256];
        size_t size = 0;
        assert_int_equal(ergo_model_step_text(m.model, i, text, sizeof text, &size), ERGO_OK);
        assert_string_equal(text, lines[i]);
        assert_int_equal(size, strlen(lines[i]));
        assert_int_equal(ergo_model_step_text(m.model, i, text, 10, &size), ERGO_E_MEMORY);
        assert_int_equal(size, strlen(lines[i]));
        assert_int_equal(ergo_model_step_text(m.model, i, NULL, 0, &size), ERGO_E_MEMORY);
    }
    size_t size = 7;
    assert_int_equal(ergo_model_step_text(m.model, count, NULL, 0, &size), ERGO_E_ARGUMENT);
    assert_int_equal(size, 7);
    test_model_close(&m);
}

static void work_is_what_a_hand_counts(void **state)
{
    (void)state;
    test_model m;
    test_model_open(&m, &(tiny_spec){.layers = 2, .type = ERGO_TYPE_Q8_0});
    /* 5 tokens of which 2 give logits, at 40 positions each. */
    const ergo_work w = ergo_model_work(m.model, 5, 2, 40, ERGO_KV_F16);
    const uint64_t per_layer = 64 * 64 + 2 * 32 * 64 + 64 * 64 + 3 * 96 * 64;
    const uint64_t attended = 2 * 5 * 40 * 4 * 16; /* scores and mixtures, per layer */
    assert_true(w.macs == 5 * 2 * per_layer + 2 * attended + 2 * 98 * 64);
    /* Q8_0: 34 bytes for 32 weights; the embedding's rows that are looked up. */
    assert_true(w.weight_bytes == (2 * per_layer + 98 * 64) / 32 * 34 + 5 * 68);
    /* Keys and values of 2 heads of 16 in binary16: read at all positions, written at one. */
    assert_true(w.kv_bytes == 2 * (5 * 40 + 5) * 2 * (2 * 16) * 2);
    /* Floats in and out of each step, per token and layer, and around the layers. */
    const uint64_t layer_floats = (64 + 64) + (64 + 64 + 32 + 32) + (64 + 16 + 64) +
                                  (32 + 16 + 32) + (32 + 32) + (64 + 64) + (64 + 64) +
                                  (64 + 64 + 64) + (64 + 64) + (64 + 96 + 96) + (96 + 96 + 96) +
                                  (96 + 64) + (64 + 64 + 64);
    const uint64_t rest = 5 * (64 + 16);
    const uint64_t output_floats = (5 * 64 + 2 * 64) + 2 * (64 + 64) + 2 * (64 + 98);
    assert_true(w.activation_bytes == 4 * (5 * 2 * layer_floats + rest + output_floats));
    ergo_work sum = {0, 0, 0, 0};
    for (size_t i = 0; i < ergo_model_step_count(m.model); i++) {
        const ergo_work step = ergo_model_step_work(m.model, i, 5, 2, 40, ERGO_KV_F16);
        sum.macs += step.macs;
        sum.weight_bytes += step.weight_bytes;
        sum.kv_bytes += step.kv_bytes;
        sum.activation_bytes += step.activation_bytes;
    }
    assert_memory_equal(&sum, &w, sizeof w);
    const ergo_work q8 = ergo_model_work(m.model, 5, 2, 40, ERGO_KV_Q8_0);
    assert_true(q8.macs == w.macs);
    /* A head of 16 elements takes a whole block of 34 bytes. */
    assert_true(q8.kv_bytes == 2 * (5 * 40 + 5) * 2 * (2 * 34));
    const ergo_work none = ergo_model_step_work(m.model, 1000, 5, 2, 40, ERGO_KV_F16);
    assert_true(none.macs == 0 && none.weight_bytes == 0);
    test_model_close(&m);
}

static void a_window_bounds_the_work_of_attention(void **state)
{
    (void)state;
    test_model m;
    test_model_open(&m, &(tiny_spec){.arch = "gemma3", .layers = 6}); /* 5 of 16, 1 of all */
    for (uint32_t context = 8; context <= 64; context += 56) {
        const ergo_work w = ergo_model_work(m.model, 1, 1, context, ERGO_KV_F16);
        const uint64_t seen = 5 * (context < 16 ? context : 16) + context;
        assert_true(w.kv_bytes == (seen + 6) * 2 * 2 * (2 * 16));
    }
    test_model_close(&m);
}

static void a_page_holds_every_layer(void **state)
{
    (void)state;
    test_model m;
    test_model_open(&m, &(tiny_spec){.layers = 3, .heads = 3, .kv_heads = 3, .head_dim = 34});
    size_t bytes;
    assert_true(ergo__kv_page_bytes(ERGO_KV_F16, &m.model->plan, &bytes));
    assert_int_equal(bytes, 3 * 2 * 32 * 3 * 34 * 2);
    assert_true(ergo__kv_page_bytes(ERGO_KV_Q8_0, &m.model->plan, &bytes));
    assert_int_equal(bytes, 3 * 2 * 32 * 3 * 2 * 34);
    test_model_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_alive_together_never_overlap_in_any_family),
        cmocka_unit_test(values_alive_together_never_overlap_in_reference_files),
        cmocka_unit_test(steps_are_described_in_one_line),
        cmocka_unit_test(work_is_what_a_hand_counts),
        cmocka_unit_test(a_window_bounds_the_work_of_attention),
        cmocka_unit_test(a_page_holds_every_layer),
    };
    return cmocka_run_group_tests_name("planner", tests, NULL, NULL);
}
