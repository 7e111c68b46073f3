/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/unit/tokenizer_fixture.h"

/* A megabyte of one thing is one word, or nearly: neither the stack nor patience may run out. */

#define MEGABYTE ((size_t)1 << 20)

/* Far more than it takes (about half a second), far less than quadratic time would. */
#define SECONDS_MAX 20.0

static const char *const units[] = {
    "a",
    "A",
    "1",
    " ",
    "\n",
    "!",
    "'",
    "\x01",
    "\xff",
    "\xc3",
    "\xc3\xa9",
    "\xe4\xb8\xad",
    "\xcc\x81",         /* a combining mark */
    "\xf0\x9f\x98\x80", /* an emoji */
    " a",
    "a1",
    "ÉAAAAAAAAAAAAAAAAAAAAAA", /* capitals that count as both cases */
    "<|im_end|>",
    "<|im_end|> ",
    "<",
};

static const char *const merges[] = {
    "a a", "aa aa", "1 1", "11 11", "! !", "\xc4\xa0 \xc4\xa0", "< <", "\xc4\x8a \xc4\x8a"};

static vocab_spec byte_level(const char *pre)
{
    static const char *const merged[] = {
        "aa", "aaaa", "11", "1111", "!!", "\xc4\xa0\xc4\xa0", "<<", "\xc4\x8a\xc4\x8a"};
    vocab_spec spec = vocab_bpe(pre);
    for (size_t i = 0; i < sizeof merged / sizeof *merged; i++)
        vocab_add(&spec, merged[i], 1, 0);
    vocab_add(&spec, "<|im_end|>", 3, 0);
    spec.merges = merges;
    spec.merge_count = sizeof merges / sizeof *merges;
    spec.flags[0].key = "tokenizer.ggml.add_bos_token";
    return spec;
}

static char *repeat(const char *unit, size_t most, size_t *size)
{
    const size_t length = strlen(unit), count = most / length;
    char *text = malloc(most);
    assert_non_null(text);
    for (size_t i = 0; i < count; i++)
        memcpy(text + i * length, unit, length);
    *size = count * length;
    return text;
}

static double seconds_of(clock_t start)
{
    return (double)(clock() - start) / CLOCKS_PER_SEC;
}

static void check(const ergo_tokenizer *t, const char *unit, size_t most, const char *what)
{
    size_t size, count, back;
    char *text = repeat(unit, most, &size);
    const clock_t start = clock();
    ergo_token *ids =
        vocab_encode(t, (ergo_str){text, size}, ERGO_TOKENIZE_SPECIAL | ERGO_TOKENIZE_BOS, &count);
    const double seconds = seconds_of(start);
    if (seconds > SECONDS_MAX)
        fail_msg("%s: %zu bytes of \"%s\" took %.1f s", what, size, unit, seconds);
    assert_true(count <= size + 8);
    ergo_decoder decoder = {0};
    char buffer[16];
    size_t at = 0;
    for (size_t i = 0; i < count; i++, at += back) {
        assert_int_equal(ergo_decode(t, &decoder, ids[i], true, buffer, sizeof buffer, &back),
                         ERGO_OK);
        if (back > size - at || memcmp(buffer, text + at, back) != 0)
            fail_msg("%s: \"%s\" does not come back", what, unit);
    }
    assert_int_equal(at, size);
    free(ids);
    free(text);
}

static void test_long_runs_of_anything_go_through_every_byte_level_rule(void **state)
{
    (void)state;
    static const char *const names[] = {
        "llama-bpe", "gpt-2",  "starcoder", "falcon",       "default",        "qwen2",
        "qwen35",    "gpt-4o", "tekken",    "deepseek-llm", "deepseek-coder", "deepseek-v3"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        vocab_spec spec = byte_level(names[i]);
        vocab_opened v;
        assert_int_equal(vocab_open(&spec, &v), ERGO_OK);
        for (size_t j = 0; j < sizeof units / sizeof *units; j++)
            check(v.tokenizer, units[j], i == 0 ? MEGABYTE : MEGABYTE / 16, names[i]);
        vocab_close(&v);
    }
}

static void test_a_megabyte_of_anything_goes_through_sentence_piece(void **state)
{
    (void)state;
    vocab_spec spec = vocab_spm();
    static const char *const tokens[] = {
        "a", "aa", "aaaa", "1", "11", "\xe2\x96\x81", "\xe2\x96\x81\xe2\x96\x81"};
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++)
        vocab_add(&spec, tokens[i], 1, -(float)i);
    vocab_add(&spec, "<|im_end|>", 3, 0);
    spec.flags[0].key = "tokenizer.ggml.add_bos_token";
    spec.flags[1].key = "tokenizer.ggml.add_space_prefix";
    vocab_opened v;
    assert_int_equal(vocab_open(&spec, &v), ERGO_OK);
    for (size_t j = 0; j < sizeof units / sizeof *units; j++)
        check(v.tokenizer, units[j], MEGABYTE, "llama");
    vocab_close(&v);
}

static void test_scratch_is_linear_in_the_text(void **state)
{
    (void)state;
    vocab_spec spec = vocab_spm();
    vocab_opened v;
    assert_int_equal(vocab_open(&spec, &v), ERGO_OK);
    for (size_t n = 1; n < MEGABYTE; n *= 4)
        assert_true(ergo_tokenize_scratch(v.tokenizer, n) <= 48 * n + 128);
    assert_int_equal(ergo_tokenize_scratch(v.tokenizer, SIZE_MAX / 2), SIZE_MAX);
    vocab_close(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_long_runs_of_anything_go_through_every_byte_level_rule),
        cmocka_unit_test(test_a_megabyte_of_anything_goes_through_sentence_piece),
        cmocka_unit_test(test_scratch_is_linear_in_the_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
