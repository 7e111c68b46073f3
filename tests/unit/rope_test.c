/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/model_state.h"
#include "tests/fakes/engine_fixture.h"

/*
 * The frequencies of rotary embeddings, against the formulas of the papers written out in double
 * precision: base^(-2i/d), factors of each pair, position interpolation (arXiv 2306.15595) and YaRN
 * (arXiv 2309.00071).
 */

#define PAIRS 8 /* heads of 16 elements */

static const ergo__rope *rope_of(const test_model *m, size_t number)
{
    for (size_t i = 0; i < m->model->plan.step_count; i++)
        if (m->model->plan.steps[i].op == ERGO__OP_ANGLES && number-- == 0)
            return m->model->plan.steps[i].rope;
    fail_msg("no such rope");
    return NULL;
}

static void expect_frequencies(const double *got, const double *expected, size_t pairs)
{
    for (size_t i = 0; i < pairs; i++)
        if (!(fabs(got[i] - expected[i]) <= 1e-13 * expected[i]))
            fail_msg("pair %zu: %.17g, not %.17g", i, got[i], expected[i]);
}

static void geometric(double base, uint32_t rotated, double *out)
{
    for (uint32_t i = 0; i < rotated / 2; i++)
        out[i] = pow(base, -2.0 * i / rotated);
}

static void frequencies_are_a_geometric_row(void **state)
{
    (void)state;
    double expected[PAIRS];
    for (uint32_t rotated = 4; rotated <= 16; rotated += 4)
        for (int given = 0; given < 2; given++) {
            tiny_model tiny;
            tiny_model_open(&tiny, &(tiny_spec){.layers = 1});
            tiny_set_u32(&tiny, "rope.dimension_count", rotated);
            if (given)
                tiny_set_f32(&tiny, "rope.freq_base", 500000.0f);
            test_model m;
            test_model_open_changed(&m, &tiny);
            const ergo__rope *rope = rope_of(&m, 0);
            geometric(given ? 500000.0 : 10000.0, rotated, expected);
            assert_int_equal(rope->rotated, rotated);
            expect_frequencies(rope->frequency, expected, rotated / 2);
            assert_null(rope->long_frequency);
            assert_true(rope->magnitude == 1.0f);
            test_model_close(&m);
            tiny_model_close(&tiny);
        }
}

static void llama3_factors_divide_each_frequency(void **state)
{
    (void)state;
    tiny_model tiny;
    tiny_model_open(&tiny, &(tiny_spec){.layers = 1});
    const tiny_tensor *factors = tiny_add(&tiny, "rope_freqs.weight", PAIRS, 1, 4.0f, 1.0f);
    double expected[PAIRS];
    geometric(10000.0, 16, expected);
    for (size_t i = 0; i < PAIRS; i++)
        expected[i] /= (double)factors->values[i];
    test_model m;
    test_model_open_changed(&m, &tiny);
    expect_frequencies(rope_of(&m, 0)->frequency, expected, PAIRS);
    test_model_close(&m);
    tiny_model_close(&tiny);
}

static void linear_scaling_divides_all_frequencies(void **state)
{
    (void)state;
    static const char *const keys[] = {"rope.scaling.factor", "rope.scale_linear"};
    double expected[PAIRS];
    geometric(10000.0, 16, expected);
    for (size_t i = 0; i < PAIRS; i++)
        expected[i] /= 4.0;
    for (size_t k = 0; k < 3; k++) { /* the old key, the new one, the new one with its type */
        tiny_model tiny;
        tiny_model_open(&tiny, &(tiny_spec){.layers = 1});
        tiny_set_f32(&tiny, keys[k == 1], 4.0f);
        if (k == 2)
            tiny_set_text(&tiny, "rope.scaling.type", "linear");
        test_model m;
        test_model_open_changed(&m, &tiny);
        expect_frequencies(rope_of(&m, 0)->frequency, expected, PAIRS);
        test_model_close(&m);
        tiny_model_close(&tiny);
    }
}

static void scaling_of_type_none_is_none(void **state)
{
    (void)state;
    double expected[PAIRS];
    geometric(10000.0, 16, expected);
    tiny_model tiny;
    tiny_model_open(&tiny, &(tiny_spec){.layers = 1});
    tiny_set_f32(&tiny, "rope.scaling.factor", 4.0f);
    tiny_set_text(&tiny, "rope.scaling.type", "none");
    test_model m;
    test_model_open_changed(&m, &tiny);
    expect_frequencies(rope_of(&m, 0)->frequency, expected, PAIRS);
    test_model_close(&m);
    tiny_model_close(&tiny);
}

/* A pair that turns more than beta_fast times over the original context keeps its pace, one that
 * turns less than beta_slow times is interpolated, a ramp over whole pairs lies between them. */
static void yarn(double factor, double original, double *out)
{
    const double pi = 3.14159265358979323846, d = 16.0, base = 10000.0;
    double low = floor(d * log(original / (32.0 * 2.0 * pi)) / (2.0 * log(base)));
    double high = ceil(d * log(original / (1.0 * 2.0 * pi)) / (2.0 * log(base)));
    low = fmax(low, 0.0);
    high = fmin(high, d - 1.0);
    geometric(base, 16, out);
    for (size_t i = 0; i < PAIRS; i++) {
        const double t = ((double)i - low) / fmax(high - low, 0.001);
        const double interpolated = t < 0.0 ? 0.0 : t > 1.0 ? 1.0 : t;
        out[i] = out[i] / factor * interpolated + out[i] * (1.0 - interpolated);
    }
}

static void yarn_interpolates_the_slow_pairs(void **state)
{
    (void)state;
    static const uint32_t originals[] = {256, 2048, 32768};
    for (size_t k = 0; k < 3; k++) {
        tiny_model tiny;
        tiny_model_open(&tiny, &(tiny_spec){.layers = 1, .context = 100000});
        tiny_set_text(&tiny, "rope.scaling.type", "yarn");
        tiny_set_f32(&tiny, "rope.scaling.factor", 4.0f);
        tiny_set_u32(&tiny, "rope.scaling.original_context_length", originals[k]);
        double expected[PAIRS];
        yarn(4.0, (double)originals[k], expected);
        test_model m;
        test_model_open_changed(&m, &tiny);
        expect_frequencies(rope_of(&m, 0)->frequency, expected, PAIRS);
        /* cos and sin are scaled by sqrt(1/t) = 0.1 ln(factor) + 1 */
        assert_true(fabs((double)rope_of(&m, 0)->magnitude - (0.1 * log(4.0) + 1.0)) < 1e-6);
        test_model_close(&m);
        tiny_model_close(&tiny);
    }
}

static uint64_t logits_at_context(const tiny_model *tiny, uint32_t context)
{
    test_model m;
    test_model_open_changed(&m, tiny);
    const test_engine_options options = {.threads = 1, .config = {.context = context}};
    test_engine e;
    test_engine_open(&e, &m, &options);
    test_transcript t = {.vocabulary = m.info.vocabulary};
    ergo_session *s = test_session_open(
        &e, &(ergo_session_config){
                .score_only = true, .user = &t, .on_logits = test_transcript_logits});
    ergo_token prompt[20];
    test_prompt(prompt, 20, m.info.vocabulary, 1);
    assert_int_equal(ergo_session_feed(s, prompt, 20), ERGO_OK);
    test_engine_run(&e);
    test_engine_close(&e);
    test_model_close(&m);
    return t.logits;
}

static void phi3_turns_by_the_factors_that_the_context_asks_for(void **state)
{
    (void)state;
    tiny_model tiny;
    tiny_model_open(&tiny, &(tiny_spec){.arch = "phi3", .layers = 1, .context = 256});
    tiny_set_u32(&tiny, "rope.scaling.original_context_length", 128);
    tiny_set_f32(&tiny, "rope.scaling.attn_factor", 1.25f);
    double near[PAIRS], far[PAIRS];
    geometric(10000.0, 16, near);
    geometric(10000.0, 16, far);
    tiny_add(&tiny, "rope_factors_short.weight", PAIRS, 1, 1.2f, 0.1f);
    tiny_add(&tiny, "rope_factors_long.weight", PAIRS, 1, 6.0f, 1.0f);
    for (size_t i = 0; i < PAIRS; i++) {
        near[i] /= (double)tiny_find(&tiny, "rope_factors_short.weight")->values[i];
        far[i] /= (double)tiny_find(&tiny, "rope_factors_long.weight")->values[i];
    }
    test_model m;
    test_model_open_changed(&m, &tiny);
    const ergo__rope *rope = rope_of(&m, 0);
    expect_frequencies(rope->frequency, near, PAIRS);
    expect_frequencies(rope->long_frequency, far, PAIRS);
    assert_int_equal(rope->long_above, 128);
    assert_true(rope->magnitude == 1.25f);
    test_model_close(&m);
    const uint64_t at_128 = logits_at_context(&tiny, 128), at_129 = logits_at_context(&tiny, 129);
    assert_true(logits_at_context(&tiny, 64) == at_128);
    assert_true(logits_at_context(&tiny, 0) == at_128); /* the default stays below */
    assert_true(logits_at_context(&tiny, 256) == at_129);
    assert_true(at_128 != at_129);
    tiny_model_close(&tiny);
}

static void gemma3_turns_its_windowed_layers_by_frequencies_of_their_own(void **state)
{
    (void)state;
    tiny_model tiny;
    tiny_model_open(&tiny, &(tiny_spec){.arch = "gemma3", .layers = 6});
    tiny_set_f32(&tiny, "rope.freq_base", 1000000.0f);
    tiny_set_f32(&tiny, "rope.scaling.factor", 8.0f);
    test_model m;
    test_model_open_changed(&m, &tiny);
    double full[PAIRS], local[PAIRS];
    geometric(1000000.0, 16, full);
    geometric(10000.0, 16, local);
    for (size_t i = 0; i < PAIRS; i++)
        full[i] /= 8.0;
    expect_frequencies(rope_of(&m, 0)->frequency, full, PAIRS);
    expect_frequencies(rope_of(&m, 1)->frequency, local, PAIRS);
    const ergo__plan *plan = &m.model->plan;
    for (size_t i = 0; i < plan->step_count; i++) {
        const ergo__step *step = &plan->steps[i];
        if (step->op == ERGO__OP_ATTEND)
            assert_int_equal(step->window, step->layer == 5 ? 0 : 16);
        if (step->op == ERGO__OP_ROPE)
            assert_ptr_equal(plan->steps[plan->values[step->in[1]].first].rope,
                             rope_of(&m, step->layer == 5 ? 0 : 1));
    }
    test_model_close(&m);
    tiny_model_close(&tiny);
}

/* Which layers of a gemma3 model see the window only, one bit each. */
static unsigned windowed_layers(const tiny_model *tiny)
{
    test_model m;
    test_model_open_changed(&m, tiny);
    const ergo__plan *plan = &m.model->plan;
    unsigned layers = 0;
    for (size_t i = 0; i < plan->step_count; i++) {
        const ergo__step *step = &plan->steps[i];
        if (step->op == ERGO__OP_ATTEND && step->window)
            layers |= 1u << step->layer;
        if (step->op == ERGO__OP_ROPE && /* and turns by the local frequencies, or not */
            plan->steps[plan->values[step->in[1]].first].rope == rope_of(&m, 1))
            layers |= 0x100u << step->layer;
    }
    test_model_close(&m);
    return layers;
}

static void gemma3_without_a_window_has_only_full_layers(void **state)
{
    (void)state;
    tiny_model tiny;
    tiny_model_open(&tiny, &(tiny_spec){.arch = "gemma3", .layers = 7});
    assert_int_equal(windowed_layers(&tiny), 0x5f5f);
    tiny_set_u32(&tiny, "attention.sliding_window_pattern", 3);
    assert_int_equal(windowed_layers(&tiny), 0x5b5b);
    tiny_set_array(&tiny, "attention.sliding_window_pattern",
                   (const uint32_t[]){0, 1, 0, 0, 1, 1, 0}, 7);
    assert_int_equal(windowed_layers(&tiny), 0x3232);
    tiny_set_u32(&tiny, "attention.sliding_window", 0);
    assert_int_equal(windowed_layers(&tiny), 0);
    tiny_drop_key(&tiny, "attention.sliding_window");
    assert_int_equal(windowed_layers(&tiny), 0);
    tiny_model_close(&tiny);
}

static void granite_turns_nothing_where_the_file_says_so(void **state)
{
    (void)state;
    for (uint32_t turned = 0; turned < 2; turned++) {
        tiny_model tiny;
        tiny_model_open(&tiny, &(tiny_spec){.arch = "granite"});
        tiny_set_u32(&tiny, "rope.scaling.finetuned", turned);
        test_model m;
        test_model_open_changed(&m, &tiny);
        unsigned ropes = 0;
        for (size_t i = 0; i < m.model->plan.step_count; i++)
            ropes += m.model->plan.steps[i].op == ERGO__OP_ROPE;
        assert_int_equal(ropes, turned ? 4 : 0);
        test_model_close(&m);
        tiny_model_close(&tiny);
    }
}

static void smollm3_turns_nothing_in_every_fourth_layer(void **state)
{
    (void)state;
    test_model m;
    test_model_open(&m, &(tiny_spec){.arch = "smollm3", .layers = 8});
    unsigned turned[8] = {0};
    for (size_t i = 0; i < m.model->plan.step_count; i++)
        if (m.model->plan.steps[i].op == ERGO__OP_ROPE)
            turned[m.model->plan.steps[i].layer]++;
    for (unsigned layer = 0; layer < 8; layer++)
        assert_int_equal(turned[layer], layer % 4 == 3 ? 0 : 2);
    test_model_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frequencies_are_a_geometric_row),
        cmocka_unit_test(llama3_factors_divide_each_frequency),
        cmocka_unit_test(linear_scaling_divides_all_frequencies),
        cmocka_unit_test(scaling_of_type_none_is_none),
        cmocka_unit_test(yarn_interpolates_the_slow_pairs),
        cmocka_unit_test(phi3_turns_by_the_factors_that_the_context_asks_for),
        cmocka_unit_test(gemma3_without_a_window_has_only_full_layers),
        cmocka_unit_test(granite_turns_nothing_where_the_file_says_so),
        cmocka_unit_test(gemma3_turns_its_windowed_layers_by_frequencies_of_their_own),
        cmocka_unit_test(smollm3_turns_nothing_in_every_fourth_layer),
    };
    return cmocka_run_group_tests_name("rope", tests, NULL, NULL);
}
