/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/engine_fixture.h"

/* What opens, what is refused and by which name, and what two ways of writing a model mean. */

static ergo_status try_open(const tiny_model *tiny, test_log *log)
{
    gguf_builder file = {0};
    tiny_write(tiny, &file);
    size_t size;
    ergo_gguf *gguf;
    const ergo_gguf_config gguf_config = {.log = test_log_open(log)};
    assert_int_equal(ergo_gguf_size(gguf_builder_file(&file), &gguf_config, &size), ERGO_OK);
    ergo_block block = test_block_open(size);
    assert_int_equal(ergo_gguf_open(gguf_builder_file(&file), &gguf_config, block, &gguf), ERGO_OK);
    size_t untouched = 123;
    const ergo_model_config config = {.log = gguf_config.log, .name = "tiny"};
    const ergo_status status = ergo_model_size(gguf, &config, &untouched);
    assert_true(status == ERGO_OK || untouched == 123);
    ergo_block memory = test_block_open(1 << 20);
    ergo_model *model = NULL;
    assert_int_equal(ergo_model_open(gguf, &config, memory, &model), status);
    assert_true((model != NULL) == (status == ERGO_OK));
    test_block_close(&memory);
    test_block_close(&block);
    gguf_builder_free(&file);
    return status;
}

static void expect_refused(const tiny_model *tiny, ergo_status status, const char *name)
{
    test_log log;
    const ergo_status got = try_open(tiny, &log);
    if (got != status || !test_log_has(&log, name))
        fail_msg("%s, not %s: '%s' does not name %s", ergo_status_name(got),
                 ergo_status_name(status), log.text, name);
}

/* Hash of the logits of a prompt that is longer than a page. */
static uint64_t logits_of(const tiny_model *tiny, uint32_t context)
{
    test_model m;
    test_model_open_changed(&m, tiny);
    const test_engine_options options = {
        .threads = 1, .config = {.context = context, .batch_tokens = 64, .batch_outputs = 64}};
    test_engine e;
    test_engine_open(&e, &m, &options);
    test_transcript t = {.vocabulary = m.info.vocabulary};
    ergo_session *s = test_session_open(
        &e, &(ergo_session_config){
                .score_only = true, .user = &t, .on_logits = test_transcript_logits});
    ergo_token prompt[50];
    test_prompt(prompt, 50, m.info.vocabulary, 1);
    assert_int_equal(ergo_session_feed(s, prompt, 50), ERGO_OK);
    test_engine_run(&e);
    assert_int_equal(t.rows, 50);
    test_engine_close(&e);
    test_model_close(&m);
    return t.logits;
}

static void every_family_opens_and_tells_what_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; tiny_families[i]; i++) {
        test_model m;
        test_model_open(&m, &(tiny_spec){.arch = tiny_families[i], .head_dim = 24, .layers = 3});
        assert_int_equal(m.info.arch.size, strlen(tiny_families[i]));
        assert_memory_equal(m.info.arch.data, tiny_families[i], m.info.arch.size);
        assert_memory_equal(m.info.name.data, "tiny", 4);
        assert_int_equal(m.info.layers, 3);
        assert_int_equal(m.info.embedding, 64);
        assert_int_equal(m.info.feed_forward, 96);
        assert_int_equal(m.info.heads, 4);
        assert_int_equal(m.info.kv_heads, 2);
        assert_int_equal(m.info.head_dim, 24);
        assert_int_equal(m.info.vocabulary, TINY_VOCABULARY);
        assert_int_equal(m.info.context, 256);
        assert_true(m.info.weight_bytes == 4 * m.info.parameters);
        assert_ptr_equal(ergo_model_gguf(m.model), m.gguf);
        assert_null(ergo_model_tokenizer(m.model));
        test_model_close(&m);
    }
}

/* Biases may be missing: a file without them means a model without them. */
static bool optional(const char *name)
{
    return strstr(name, ".bias") || strcmp(name, "output.weight") == 0;
}

static void every_missing_tensor_is_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; tiny_families[i]; i++) {
        tiny_model tiny;
        tiny_model_open(&tiny, &(tiny_spec){.arch = tiny_families[i]});
        const size_t count = tiny.tensor_count;
        for (size_t k = 0; k < count; k++) {
            /* Dropped by hiding it behind the last one. */
            const tiny_tensor gone = tiny.tensors[k];
            tiny.tensors[k] = tiny.tensors[count - 1];
            tiny.tensor_count--;
            test_log log;
            if (optional(gone.name))
                assert_int_equal(try_open(&tiny, &log), ERGO_OK);
            else
                expect_refused(&tiny, ERGO_E_FORMAT, gone.name);
            tiny.tensor_count = count;
            tiny.tensors[count - 1] = tiny.tensors[k];
            tiny.tensors[k] = gone;
        }
        tiny_model_close(&tiny);
    }
}

static void every_wrong_shape_is_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; tiny_families[i]; i++) {
        tiny_model tiny;
        tiny_model_open(&tiny, &(tiny_spec){.arch = tiny_families[i]});
        for (size_t k = 0; k < tiny.tensor_count; k++)
            for (int dimension = 0; dimension < 2; dimension++) {
                tiny_tensor *t = &tiny.tensors[k];
                const tiny_tensor right = *t;
                if (t->shape[dimension] == 1)
                    continue;
                t->shape[dimension]--;
                /* Fewer rows of the embedding are fewer tokens: the output then does not fit. */
                const bool table = strcmp(t->name, "token_embd.weight") == 0 && dimension == 1;
                expect_refused(&tiny, ERGO_E_FORMAT, table ? "output.weight" : t->name);
                *t = right;
            }
        tiny_model_close(&tiny);
    }
}

static void a_family_that_is_not_there_is_named_with_those_that_are(void **state)
{
    (void)state;
    tiny_model tiny;
    tiny_model_open(&tiny, &(tiny_spec){.arch = "mamba"});
    expect_refused(&tiny, ERGO_E_UNSUPPORTED, "mamba");
    for (size_t i = 0; tiny_families[i]; i++)
        expect_refused(&tiny, ERGO_E_UNSUPPORTED, tiny_families[i]);
    tiny_drop_key(&tiny, "general.architecture");
    expect_refused(&tiny, ERGO_E_FORMAT, "general.architecture");
    tiny_model_close(&tiny);
}

static void impossible_hyperparameters_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        uint32_t value;
        ergo_status status;
        const char *says;
    } wrong[] = {
        {"block_count", 0, ERGO_E_FORMAT, "llama.block_count is 0"},
        {"block_count", 100000, ERGO_E_FORMAT, "llama.block_count is 100000"},
        {"embedding_length", 0, ERGO_E_FORMAT, "llama.embedding_length is 0"},
        {"context_length", 0, ERGO_E_FORMAT, "llama.context_length is 0"},
        {"feed_forward_length", 0, ERGO_E_FORMAT, "llama.feed_forward_length is 0"},
        {"attention.head_count", 0, ERGO_E_FORMAT, "llama.attention.head_count is 0"},
        {"attention.head_count_kv", 0, ERGO_E_FORMAT, "llama.attention.head_count_kv is 0"},
        {"attention.head_count_kv", 3, ERGO_E_FORMAT, "4 heads cannot share 3"},
        {"attention.key_length", 0, ERGO_E_UNSUPPORTED, "keys of 0 elements"},
        {"attention.key_length", 32, ERGO_E_UNSUPPORTED, "keys of 32 elements"},
        {"rope.dimension_count", 7, ERGO_E_FORMAT, "rope.dimension_count is 7"},
        {"rope.dimension_count", 18, ERGO_E_FORMAT, "rope.dimension_count is 18"},
        {"rope.dimension_count", 0, ERGO_E_FORMAT, "rope.dimension_count is 0"},
        {"expert_count", 8, ERGO_E_UNSUPPORTED, "experts"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        tiny_model tiny;
        tiny_model_open(&tiny, &(tiny_spec){.layers = 1});
        tiny_set_u32(&tiny, wrong[i].key, wrong[i].value);
        expect_refused(&tiny, wrong[i].status, wrong[i].says);
        tiny_model_close(&tiny);
    }
    static const char *const needed[] = {
        "block_count",         "embedding_length",     "context_length",
        "feed_forward_length", "attention.head_count", "attention.layer_norm_rms_epsilon"};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        tiny_model tiny;
        tiny_model_open(&tiny, &(tiny_spec){.layers = 1});
        tiny_drop_key(&tiny, needed[i]);
        expect_refused(&tiny, ERGO_E_FORMAT, needed[i]);
        tiny_model_close(&tiny);
    }
}

static void heads_and_widths_may_be_given_for_each_layer(void **state)
{
    (void)state;
    tiny_model same, tiny;
    tiny_model_open(&same, &(tiny_spec){.layers = 2});
    tiny_model_open(&tiny, &(tiny_spec){.layers = 2});
    tiny_set_array(&tiny, "attention.head_count", (uint32_t[]){4, 4}, 2);
    tiny_set_array(&tiny, "attention.head_count_kv", (uint32_t[]){2, 2}, 2);
    tiny_set_array(&tiny, "feed_forward_length", (uint32_t[]){96, 96}, 2);
    assert_true(logits_of(&same, 0) == logits_of(&tiny, 0));
    tiny_set_array(&tiny, "attention.head_count_kv", (uint32_t[]){2}, 1);
    expect_refused(&tiny, ERGO_E_FORMAT, "attention.head_count_kv");
    /* Layer 1 with other numbers than layer 0. */
    tiny_set_array(&tiny, "attention.head_count_kv", (uint32_t[]){2, 1}, 2);
    tiny_set_array(&tiny, "feed_forward_length", (uint32_t[]){96, 64}, 2);
    expect_refused(&tiny, ERGO_E_FORMAT, "blk.1.attn_k.weight");
    tiny_find(&tiny, "blk.1.attn_k.weight")->shape[1] = 16;
    tiny_find(&tiny, "blk.1.attn_v.weight")->shape[1] = 16;
    tiny_find(&tiny, "blk.1.ffn_gate.weight")->shape[1] = 64;
    tiny_find(&tiny, "blk.1.ffn_up.weight")->shape[1] = 64;
    tiny_find(&tiny, "blk.1.ffn_down.weight")->shape[0] = 64;
    assert_true(logits_of(&same, 0) != logits_of(&tiny, 0));
    tiny_model_close(&tiny);
    tiny_model_close(&same);
}

static void a_tied_output_is_the_embedding(void **state)
{
    (void)state;
    tiny_model tied, copied;
    tiny_model_open(&tied, &(tiny_spec){.tied = true});
    tiny_model_open(&copied, &(tiny_spec){.tied = false});
    memcpy(tiny_find(&copied, "output.weight")->values,
           tiny_find(&copied, "token_embd.weight")->values,
           (size_t)TINY_VOCABULARY * 64 * sizeof(float));
    assert_true(logits_of(&tied, 0) == logits_of(&copied, 0));
    tiny_model_close(&copied);
    tiny_model_close(&tied);
}

static void fused_matrices_are_the_separate_ones_one_after_the_other(void **state)
{
    (void)state;
    static const ergo_type types[] = {ERGO_TYPE_F32, ERGO_TYPE_F16, ERGO_TYPE_Q8_0};
    for (size_t i = 0; i < 3; i++) {
        tiny_model apart, fused;
        const tiny_spec spec = {.arch = "qwen2", .layers = 1, .type = types[i]};
        tiny_model_open(&apart, &spec);
        tiny_model_open(&fused, &spec);
        tiny_fuse(
            &fused,
            (const char *[]){"blk.0.attn_q.weight", "blk.0.attn_k.weight", "blk.0.attn_v.weight"},
            3, "blk.0.attn_qkv.weight");
        tiny_fuse(&fused,
                  (const char *[]){"blk.0.attn_q.bias", "blk.0.attn_k.bias", "blk.0.attn_v.bias"},
                  3, "blk.0.attn_qkv.bias");
        tiny_fuse(&fused, (const char *[]){"blk.0.ffn_gate.weight", "blk.0.ffn_up.weight"}, 2,
                  "blk.0.ffn_up.weight");
        assert_true(logits_of(&apart, 0) == logits_of(&fused, 0));
        tiny_model_close(&fused);
        tiny_model_close(&apart);
    }
}

static void biases_count_where_the_file_has_them(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t size;
    } biases[] = {{"blk.0.attn_q.bias", 64},   {"blk.0.attn_k.bias", 32},
                  {"blk.0.attn_v.bias", 32},   {"blk.0.attn_output.bias", 64},
                  {"blk.0.ffn_gate.bias", 96}, {"blk.0.ffn_up.bias", 96},
                  {"blk.0.ffn_down.bias", 64}, {"output.bias", TINY_VOCABULARY}};
    tiny_model tiny;
    tiny_model_open(&tiny, &(tiny_spec){.layers = 1});
    const uint64_t without = logits_of(&tiny, 0);
    for (size_t i = 0; i < sizeof biases / sizeof *biases; i++) {
        tiny_add(&tiny, biases[i].name, biases[i].size, 1, 0.0f, 0.0f);
        assert_true(logits_of(&tiny, 0) == without); /* all zeros */
        tiny_drop(&tiny, biases[i].name);
        tiny_add(&tiny, biases[i].name, biases[i].size, 1, 0.0f, 0.3f);
        assert_true(logits_of(&tiny, 0) != without);
        tiny_find(&tiny, biases[i].name)->shape[0]--;
        expect_refused(&tiny, ERGO_E_FORMAT, biases[i].name);
        tiny_drop(&tiny, biases[i].name);
    }
    tiny_model_close(&tiny);
}

static void a_vocabulary_of_another_size_is_refused(void **state)
{
    (void)state;
    tiny_model tiny;
    tiny_model_open(&tiny, &(tiny_spec){.text = true});
    tiny_find(&tiny, "token_embd.weight")->shape[1]--;
    tiny_find(&tiny, "output.weight")->shape[1]--;
    expect_refused(&tiny, ERGO_E_FORMAT, "tokenizer.ggml.tokens has 98 tokens");
    tiny_model_close(&tiny);
}

static void a_factor_of_zero_is_none(void **state)
{
    (void)state;
    tiny_model zero, absent;
    tiny_model_open(&zero, &(tiny_spec){.arch = "granite"});
    tiny_model_open(&absent, &(tiny_spec){.arch = "granite"});
    static const char *const keys[] = {"embedding_scale", "residual_scale", "attention.scale"};
    for (size_t i = 0; i < 3; i++) {
        tiny_set_f32(&zero, keys[i], 0.0f);
        tiny_drop_key(&absent, keys[i]);
    }
    assert_true(logits_of(&zero, 0) == logits_of(&absent, 0));
    tiny_model_close(&absent);
    tiny_model_close(&zero);
}

static void vectors_may_be_of_any_dense_type(void **state)
{
    (void)state;
    tiny_model tiny;
    tiny_model_open(&tiny, &(tiny_spec){.layers = 1});
    for (size_t i = 0; i < 64; i++) /* numbers that binary16 holds exactly */
        tiny_find(&tiny, "output_norm.weight")->values[i] = 1.0f + (float)i / 64.0f;
    const uint64_t as_f32 = logits_of(&tiny, 0);
    tiny_find(&tiny, "output_norm.weight")->type = ERGO_TYPE_F16;
    assert_true(logits_of(&tiny, 0) == as_f32);
    tiny_model_close(&tiny);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_family_opens_and_tells_what_it_is),
        cmocka_unit_test(every_missing_tensor_is_refused_by_name),
        cmocka_unit_test(every_wrong_shape_is_refused_by_name),
        cmocka_unit_test(a_family_that_is_not_there_is_named_with_those_that_are),
        cmocka_unit_test(impossible_hyperparameters_are_refused_by_name),
        cmocka_unit_test(heads_and_widths_may_be_given_for_each_layer),
        cmocka_unit_test(a_tied_output_is_the_embedding),
        cmocka_unit_test(fused_matrices_are_the_separate_ones_one_after_the_other),
        cmocka_unit_test(biases_count_where_the_file_has_them),
        cmocka_unit_test(a_vocabulary_of_another_size_is_refused),
        cmocka_unit_test(a_factor_of_zero_is_none),
        cmocka_unit_test(vectors_may_be_of_any_dense_type),
    };
    return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
