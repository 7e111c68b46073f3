/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tokenizer_fixture.h"

/* Which vocabularies are refused, and how. */

static const char *const one_merge[] = {"a b"};
static const char *const no_gap[] = {"a b", "ab"};
static const char *const no_right[] = {"a "};

/* A vocabulary with nothing wrong, to be broken in one place. */
static vocab_spec sound(void)
{
    vocab_spec spec = vocab_bpe("gpt-2");
    vocab_add(&spec, "ab", 1, 0);
    spec.merges = one_merge;
    spec.merge_count = 1;
    return spec;
}

static void refused(const vocab_spec *spec, ergo_status status, const char *message)
{
    vocab_opened v;
    assert_int_equal(vocab_open(spec, &v), status);
    assert_null(v.tokenizer);
    if (!strstr(v.log, message) || !strstr(v.log, "vocab.gguf"))
        fail_msg("\"%s\" is not in the log: %s", message, v.log);
    assert_ptr_equal(strchr(v.log, '\n'), v.log + strlen(v.log) - 1); /* one line */
    vocab_close(&v);
}

static void test_a_file_without_a_vocabulary_is_told_apart(void **state)
{
    (void)state;
    vocab_spec spec = sound();
    spec.model = NULL;
    refused(&spec, ERGO_E_NOT_FOUND, "no vocabulary");
    spec.model = "none";
    refused(&spec, ERGO_E_NOT_FOUND, "no vocabulary");
    spec.model = "gpt2";
    spec.no_tokens = true;
    refused(&spec, ERGO_E_NOT_FOUND, "tokenizer.ggml.tokens");
}

static void test_unknown_kinds_are_refused_by_name(void **state)
{
    (void)state;
    vocab_spec spec = sound();
    spec.model = "word\npiece";
    refused(&spec, ERGO_E_UNSUPPORTED, "\"word?piece\"");
    spec.model = "gpt2";
    spec.pre = "gpt-2x";
    refused(&spec, ERGO_E_UNSUPPORTED, "\"gpt-2x\"");
}

static void test_a_missing_pre_tokenizer_is_the_default_with_a_warning(void **state)
{
    (void)state;
    vocab_spec spec = sound();
    vocab_opened v;
    spec.pre = NULL;
    assert_int_equal(vocab_open(&spec, &v), ERGO_OK);
    assert_non_null(strstr(v.log, "no tokenizer.ggml.pre"));
    vocab_expect(v.tokenizer, "1ab-ab", 0, '1', 256, '-', 256, ERGO_TOKEN_NONE);
    vocab_close(&v);
}

static void test_tokens_must_be_unique_and_byte_tokens_name_a_byte(void **state)
{
    (void)state;
    vocab_spec spec = sound();
    vocab_add(&spec, "ab", 1, 0);
    refused(&spec, ERGO_E_FORMAT, "tokens 256 and 257");
    static const char *const wrong[] = {"<0x-1>", "<0x1>", "<0xGG>", "0x41", "<0x041>", ""};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        spec = vocab_spm();
        vocab_add(&spec, wrong[i], 6, 0);
        refused(&spec, ERGO_E_FORMAT, "token 259");
    }
}

static void test_empty_tokens_are_padding(void **state)
{
    (void)state;
    vocab_spec spec = sound();
    vocab_add(&spec, "", 1, 0);
    const ergo_token empty = vocab_add(&spec, "", 3, 0);
    vocab_opened v;
    size_t size = 9;
    char c;
    assert_int_equal(vocab_open(&spec, &v), ERGO_OK);
    assert_int_equal(ergo_token_bytes(v.tokenizer, empty, true, &c, 1, &size), ERGO_OK);
    assert_int_equal(size, 0);
    vocab_expect(v.tokenizer, "aab", ERGO_TOKENIZE_SPECIAL, 'a', 256, ERGO_TOKEN_NONE);
    assert_int_equal(ergo_tokenizer_find(v.tokenizer, (ergo_str){"", 0}), ERGO_TOKEN_NONE);
    vocab_close(&v);
}

static void test_merges_must_be_there_and_be_two_texts(void **state)
{
    (void)state;
    vocab_spec spec = sound();
    spec.no_merges = true;
    refused(&spec, ERGO_E_FORMAT, "tokenizer.ggml.merges");
    spec = sound();
    spec.merges = no_gap;
    spec.merge_count = 2;
    refused(&spec, ERGO_E_FORMAT, "merge 1");
    spec.merges = no_right;
    spec.merge_count = 1;
    refused(&spec, ERGO_E_FORMAT, "merge 0");
}

static void test_special_ids_must_be_tokens_and_flags_need_their_token(void **state)
{
    (void)state;
    static const char *const keys[] = {
        "tokenizer.ggml.bos_token_id",     "tokenizer.ggml.eos_token_id",
        "tokenizer.ggml.unknown_token_id", "tokenizer.ggml.eot_token_id",
        "tokenizer.ggml.eom_token_id",     "tokenizer.ggml.fim_pad_token_id",
    };
    vocab_spec spec = sound();
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        spec.numbers[0].key = keys[i];
        spec.numbers[0].value = (uint32_t)spec.token_count;
        refused(&spec, ERGO_E_FORMAT, keys[i]);
        spec.numbers[0].value = UINT32_MAX;
        refused(&spec, ERGO_E_FORMAT, keys[i]);
    }
    spec = sound();
    spec.flags[0].key = "tokenizer.ggml.add_bos_token";
    spec.flags[0].value = 1;
    refused(&spec, ERGO_E_FORMAT, "BOS");
    spec.flags[0].key = "tokenizer.ggml.add_eos_token";
    refused(&spec, ERGO_E_FORMAT, "EOS");
    spec = (vocab_spec){.model = "llama"};
    vocab_add(&spec, "x", 1, 0); /* so small that the usual BOS, 1, is no token */
    refused(&spec, ERGO_E_FORMAT, "BOS");
}

/* An array in the place of one that fits. */
static void refused_array(const char *model, const char *key, uint32_t type, size_t width,
                          size_t count)
{
    vocab_spec spec = strcmp(model, "gpt2") == 0 ? sound() : vocab_spm();
    spec.no_types = spec.no_scores = true;
    gguf_builder b = {0}, with = {0};
    vocab_write(&spec, &b);
    gguf_put(&with, b.bytes, b.size);
    uint64_t n;
    memcpy(&n, with.bytes + 16, sizeof n);
    n++;
    memcpy(with.bytes + 16, &n, sizeof n);
    gguf_put_kv_array(&with, key, type, count);
    gguf_put_zeros(&with, width * count);
    vocab_opened v = {.built = with};
    assert_int_equal(vocab_open_bytes(gguf_builder_file(&with), &v), ERGO_E_FORMAT);
    assert_non_null(strstr(v.log, key));
    vocab_close(&v);
    gguf_builder_free(&b);
}

static void test_types_and_scores_must_be_as_many_and_of_the_right_type(void **state)
{
    (void)state;
    static const char types[] = "tokenizer.ggml.token_type", scores[] = "tokenizer.ggml.scores";
    refused_array("gpt2", types, ERGO_GGUF_I32, 4, 256);
    refused_array("gpt2", types, ERGO_GGUF_U8, 1, 257);
    refused_array("gpt2", types, ERGO_GGUF_F32, 4, 257);
    refused_array("llama", scores, ERGO_GGUF_F32, 4, 258);
    refused_array("llama", scores, ERGO_GGUF_U8, 1, 259);
    refused_array("llama", scores, ERGO_GGUF_F64, 8, 259);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_without_a_vocabulary_is_told_apart),
        cmocka_unit_test(test_unknown_kinds_are_refused_by_name),
        cmocka_unit_test(test_a_missing_pre_tokenizer_is_the_default_with_a_warning),
        cmocka_unit_test(test_tokens_must_be_unique_and_byte_tokens_name_a_byte),
        cmocka_unit_test(test_empty_tokens_are_padding),
        cmocka_unit_test(test_merges_must_be_there_and_be_two_texts),
        cmocka_unit_test(test_special_ids_must_be_tokens_and_flags_need_their_token),
        cmocka_unit_test(test_types_and_scores_must_be_as_many_and_of_the_right_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
