/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tokenizer_fixture.h"

#define BOS ERGO_TOKENIZE_BOS
#define SPECIAL ERGO_TOKENIZE_SPECIAL
#define END ERGO_TOKEN_NONE
#define MARK "\xe2\x96\x81" /* SentencePiece's space */
#define BYTE(c) (3 + (c))   /* its token of a byte, in vocab_spm */

static void open_ok(const vocab_spec *spec, vocab_opened *v)
{
    if (vocab_open(spec, v))
        fail_msg("%s", v->log);
}

static void expect_text(const ergo_tokenizer *t, bool special, const char *expected, size_t count,
                        const ergo_token *ids)
{
    size_t size;
    char *text = vocab_decode(t, ids, count, special, &size);
    assert_int_equal(size, strlen(expected));
    assert_string_equal(text, expected);
    free(text);
}

static void test_spm_merges_the_best_score_first_and_of_equal_ones_the_leftmost(void **state)
{
    (void)state;
    vocab_spec spec = vocab_spm();
    const ergo_token mark = vocab_add(&spec, MARK, 1, -9), a = vocab_add(&spec, "a", 1, -9);
    const ergo_token b = vocab_add(&spec, "b", 1, -9), aa = vocab_add(&spec, "aa", 1, -2);
    const ergo_token ab = vocab_add(&spec, "ab", 1, -1), aab = vocab_add(&spec, "aab", 1, -3);
    const ergo_token mark_a = vocab_add(&spec, MARK "a", 1, -4);
    vocab_opened v;
    open_ok(&spec, &v);
    const ergo_tokenizer *t = v.tokenizer;
    vocab_expect(t, "", 0, END);
    vocab_expect(t, "a", 0, mark_a, END);
    vocab_expect(t, "aab", 0, mark, aab, END); /* ab first, then aab before ▁a */
    vocab_expect(t, "aaa", 0, mark, aa, a, END);
    vocab_expect(t, "b ab", 0, mark, b, mark, ab, END);
    vocab_expect(t, "  ", 0, mark, mark, mark, END);
    vocab_close(&v);
}

static void test_spm_writes_what_it_has_no_token_for_byte_by_byte(void **state)
{
    (void)state;
    vocab_spec spec = vocab_spm();
    const ergo_token mark = vocab_add(&spec, MARK, 1, -9);
    vocab_opened v;
    open_ok(&spec, &v);
    const ergo_tokenizer *t = v.tokenizer;
    vocab_expect(t, "\xc3\xa9", 0, mark, BYTE(0xc3), BYTE(0xa9), END);
    /* A sequence that is cut off neither swallows the space behind it nor the end of the text. */
    vocab_expect(t, "\xe9 \xf0\x9f", 0, mark, BYTE(0xe9), mark, BYTE(0xf0), BYTE(0x9f), END);
    const ergo_token ids[] = {mark, BYTE(0xe9), mark, BYTE(0xff)};
    expect_text(t, false, "\xe9 \xff", 4, ids);
    vocab_close(&v);
}

static void test_spm_without_byte_tokens_gives_the_unknown_token(void **state)
{
    (void)state;
    vocab_spec spec = {.model = "llama", .no_merges = true};
    const ergo_token unknown = vocab_add(&spec, "<unk>", 2, 0);
    vocab_add(&spec, "<s>", 3, 0);
    vocab_add(&spec, "</s>", 3, 0);
    const ergo_token x = vocab_add(&spec, MARK "x", 1, 0), mark = vocab_add(&spec, MARK, 1, 0);
    const ergo_token bare = vocab_add(&spec, "x", 1, 0);
    vocab_opened v;
    open_ok(&spec, &v);
    vocab_expect(v.tokenizer, "x \xc3\xa9x", 0, x, mark, unknown, bare, END);
    vocab_close(&v);
}

static void test_spm_puts_a_space_in_front_and_decoding_drops_it(void **state)
{
    (void)state;
    vocab_spec spec = vocab_spm();
    const ergo_token mark = vocab_add(&spec, MARK, 1, -9), x = vocab_add(&spec, "x", 1, -9);
    const ergo_token mark_x = vocab_add(&spec, MARK "x", 1, -1);
    vocab_opened v;
    open_ok(&spec, &v);
    const ergo_tokenizer *t = v.tokenizer;
    vocab_expect(t, "x", BOS, 1, mark_x, END);
    vocab_expect(t, " x", 0, mark, mark_x, END);
    vocab_expect(t, "x</s>x x<s>", SPECIAL, mark_x, 2, mark_x, mark_x, 1, END);
    vocab_expect(t, "</s>", SPECIAL, 2, END);
    const ergo_token ids[] = {1, mark_x, x, mark_x, 2, mark_x};
    expect_text(t, false, "xx x x", 6, ids);
    expect_text(t, true, "<s> xx x</s> x", 6, ids);
    char byte;
    size_t size;
    assert_int_equal(ergo_token_bytes(t, mark_x, false, &byte, 1, &size), ERGO_E_MEMORY);
    assert_int_equal(size, 2); /* on its own, a token keeps its space */
    vocab_close(&v);

    spec.flags[0].key = "tokenizer.ggml.add_space_prefix";
    open_ok(&spec, &v);
    vocab_expect(v.tokenizer, "x x", 0, x, mark_x, END);
    expect_text(v.tokenizer, false, " xx", 2, ids + 1);
    vocab_close(&v);
}

static const char *const hug_merges[] = {"h u", "u g", "\xc4\xa0 hug", "hu g", "g s"};

static vocab_spec vocab_hug(const char *pre)
{
    vocab_spec spec = vocab_bpe(pre);
    spec.merges = hug_merges;
    spec.merge_count = sizeof hug_merges / sizeof *hug_merges;
    vocab_add(&spec, "hu", 1, 0);           /* 256 */
    vocab_add(&spec, "ug", 1, 0);           /* 257 */
    vocab_add(&spec, "hug", 1, 0);          /* 258 */
    vocab_add(&spec, "\xc4\xa0hug", 1, 0);  /* 259 */
    vocab_add(&spec, "gs", 1, 0);           /* 260 */
    vocab_add(&spec, "\xc4\xa0hugs", 1, 0); /* 261: no merge makes it */
    spec.numbers[0].key = "tokenizer.ggml.bos_token_id";
    spec.numbers[0].value = (uint32_t)vocab_add(&spec, "<begin>", 3, 0); /* 262 */
    spec.numbers[1].key = "tokenizer.ggml.eos_token_id";
    spec.numbers[1].value = (uint32_t)vocab_add(&spec, "<end>", 3, 0); /* 263 */
    return spec;
}

static void test_bpe_merges_in_the_order_of_the_list(void **state)
{
    (void)state;
    vocab_spec spec = vocab_hug("gpt-2");
    vocab_opened v;
    open_ok(&spec, &v);
    const ergo_tokenizer *t = v.tokenizer;
    vocab_expect(t, "", SPECIAL | BOS, END);
    vocab_expect(t, "hug", 0, 258, END);
    vocab_expect(t, "ugs", 0, 257, 's', END); /* u g before g s */
    vocab_expect(t, "hugs hugs", 0, 258, 's', 259, 's', END);
    vocab_expect(t, "\xff\xc3", 0, 0xff, 0xc3, END);
    const ergo_token ids[] = {259, 's', 0xff, 0, 262, 261};
    size_t size;
    char *text = vocab_decode(t, ids, 6, false, &size);
    assert_int_equal(size, 12);
    assert_memory_equal(text, " hugs\xff\0 hugs", 12);
    free(text);
    expect_text(t, true, "<begin> hugs", 2, ids + 4);
    vocab_close(&v);
}

static void test_pre_tokenizers_may_take_whole_words_and_ask_for_bos(void **state)
{
    (void)state;
    vocab_spec spec = vocab_hug("llama-bpe");
    vocab_opened v;
    open_ok(&spec, &v);
    assert_true(ergo_tokenizer_adds_bos(v.tokenizer));
    vocab_expect(v.tokenizer, "hugs hugs", BOS, 262, 258, 's', 261, END);
    vocab_close(&v);
    spec.flags[0].key = "tokenizer.ggml.add_bos_token";
    spec.flags[1].key = "tokenizer.ggml.add_eos_token";
    spec.flags[1].value = 1;
    open_ok(&spec, &v);
    assert_false(ergo_tokenizer_adds_bos(v.tokenizer));
    vocab_expect(v.tokenizer, " hugs", BOS, 261, 263, END);
    vocab_expect(v.tokenizer, "<begin>", BOS | SPECIAL, 262, 263, END);
    vocab_close(&v);
}

static void test_control_tokens_are_read_by_choice_and_user_defined_ones_always(void **state)
{
    (void)state;
    vocab_spec spec = vocab_hug("gpt-2");
    const ergo_token user = vocab_add(&spec, "<<u>>", 4, 0);
    vocab_opened v;
    open_ok(&spec, &v);
    const ergo_tokenizer *t = v.tokenizer;
    vocab_expect(t, "a<<u>><end>", SPECIAL, 'a', user, 263, END);
    vocab_expect(t, "a<<u>><end>", 0, 'a', user, '<', 'e', 'n', 'd', '>', END);
    assert_true(ergo_token_is_control(t, 263));
    assert_false(ergo_token_is_control(t, user));
    assert_false(ergo_token_is_control(t, -1));
    assert_int_equal(ergo_tokenizer_find(t, (ergo_str){"<<u>>", 5}), user);
    assert_int_equal(ergo_tokenizer_find(t, (ergo_str){"<<u>", 4}), END);
    vocab_close(&v);
}

static void test_the_longest_special_token_wins_wherever_it_stands(void **state)
{
    (void)state;
    vocab_spec spec = vocab_hug("gpt-2");
    const ergo_token ab = vocab_add(&spec, "ab", 4, 0), abc = vocab_add(&spec, "abc", 4, 0);
    const ergo_token cdef = vocab_add(&spec, "cdef", 4, 0);
    vocab_opened v;
    open_ok(&spec, &v);
    vocab_expect(v.tokenizer, "abcabdef", 0, abc, ab, 'd', 'e', 'f', END);
    vocab_expect(v.tokenizer, "abcdef", 0, ab, cdef, END); /* cdef first: abc does not fit */
    vocab_close(&v);
}

static void test_phi3_control_tokens_swallow_the_white_space_behind_them(void **state)
{
    (void)state;
    vocab_spec spec = vocab_hug("gpt-2");
    vocab_opened v;
    open_ok(&spec, &v);
    vocab_expect(v.tokenizer, "<end> \n\thug", SPECIAL, 263, ' ', '\n', '\t', 258, END);
    vocab_close(&v);
    spec.name = "Phi-3 mini";
    open_ok(&spec, &v);
    vocab_expect(v.tokenizer, "<end> \n\thug <end>\n", SPECIAL, 263, 258, ' ', 263, END);
    vocab_close(&v);
}

static void test_the_eog_set_comes_from_keys_and_from_well_known_texts(void **state)
{
    (void)state;
    vocab_spec spec = vocab_hug("gpt-2");
    const ergo_token eot = vocab_add(&spec, "stop", 1, 0);
    const ergo_token im_end = vocab_add(&spec, "<|im_end|>", 1, 0);
    const ergo_token end = vocab_add(&spec, "<|end|>", 3, 0);
    const ergo_token pad = vocab_add(&spec, "<|fim_pad|>", 3, 0);
    const ergo_token prefix = vocab_add(&spec, "<|fim_prefix|>", 1, 0);
    const ergo_token channel = vocab_add(&spec, "<|channel|>", 3, 0);
    spec.numbers[2].key = "tokenizer.ggml.eot_token_id";
    spec.numbers[2].value = (uint32_t)eot;
    vocab_opened v;
    open_ok(&spec, &v);
    const ergo_token eog[] = {263, eot, im_end, end, pad};
    for (ergo_token id = -2; id < (ergo_token)spec.token_count + 2; id++) {
        bool expected = false;
        for (size_t i = 0; i < sizeof eog / sizeof *eog; i++)
            expected = expected || eog[i] == id;
        assert_int_equal(ergo_token_is_eog(v.tokenizer, id), expected);
    }
    assert_true(ergo_token_is_control(v.tokenizer, im_end)); /* in spite of its type */
    assert_true(ergo_token_is_control(v.tokenizer, prefix));
    assert_false(ergo_token_is_control(v.tokenizer, channel));
    assert_false(ergo_token_is_control(v.tokenizer, eot));
    vocab_close(&v);

    vocab_add(&spec, "<|return|>", 3, 0);
    const ergo_token call = vocab_add(&spec, "<|call|>", 3, 0);
    open_ok(&spec, &v);
    assert_false(ergo_token_is_eog(v.tokenizer, end)); /* here it ends a message, not the turn */
    assert_true(ergo_token_is_eog(v.tokenizer, call));
    vocab_close(&v);
}

static void test_too_little_room_is_told_and_nothing_is_written_beyond_it(void **state)
{
    (void)state;
    vocab_spec spec = vocab_hug("gpt-2");
    vocab_opened v;
    open_ok(&spec, &v);
    const ergo_tokenizer *t = v.tokenizer;
    const ergo_str text = {"hugs hugs", 9};
    ergo_block scratch = {.size = ergo_tokenize_scratch(t, text.size)};
    scratch.data = aligned_alloc(ERGO_BLOCK_ALIGN, (scratch.size + 63) / 64 * 64);
    ergo_token ids[4] = {-7, -7, -7, -7};
    size_t count = 99;
    assert_int_equal(ergo_tokenize(t, text, 0, scratch, ids, 3, &count), ERGO_E_MEMORY);
    assert_int_equal(count, 4);
    assert_int_equal(ids[2], 259);
    assert_int_equal(ids[3], -7);
    assert_int_equal(ergo_tokenize(t, text, 0, scratch, ids, 4, &count), ERGO_OK);
    scratch.size--;
    assert_int_equal(ergo_tokenize(t, text, 0, scratch, ids, 4, &count), ERGO_E_MEMORY);
    assert_int_equal(count, 0);
    assert_int_equal(ergo_tokenize(t, text, 0, scratch, NULL, 4, &count), ERGO_E_ARGUMENT);
    free(scratch.data);

    ergo_decoder decoder = {0};
    size_t size = 99;
    char buffer[8] = "";
    assert_int_equal(ergo_decode(t, &decoder, -1, true, buffer, 8, &size), ERGO_E_ARGUMENT);
    assert_int_equal(ergo_token_bytes(t, 264, true, buffer, 8, &size), ERGO_E_ARGUMENT);
    assert_int_equal(size, 99);
    assert_int_equal(ergo_decode(t, &decoder, 259, true, buffer, 3, &size), ERGO_E_MEMORY);
    assert_int_equal(size, 4);
    assert_false(decoder.started);
    vocab_close(&v);
}

/* The texts of an .inp file, one after the other; false behind the last one. */
static bool next_case(const char **at, ergo_str *text)
{
    static const char line[] = "\n__ggml_vocab_test__\n";
    if (!*at)
        return false;
    const char *end = strstr(*at, line);
    *text = (ergo_str){*at, end ? (size_t)(end - *at) : strlen(*at)};
    *at = end ? end + strlen(line) : NULL;
    return true;
}

static char *read_text(const char *path)
{
    gguf_builder b = {0};
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    for (int c; (c = getc(file)) != EOF;)
        gguf_put_uint(&b, (uint64_t)c, 1);
    gguf_put_uint(&b, 0, 1);
    fclose(file);
    return (char *)b.bytes;
}

static void check_vectors(const char *path)
{
    char name[1100];
    vocab_opened v;
    assert_int_equal(vocab_open_file(path, &v), ERGO_OK);
    snprintf(name, sizeof name, "%s.inp", path);
    char *texts = read_text(name);
    snprintf(name, sizeof name, "%s.out", path);
    char *lines = read_text(name), *out = lines;
    const char *at = texts;
    size_t cases = 0;
    for (ergo_str text; next_case(&at, &text); cases++) {
        size_t count, size, i = 0;
        ergo_token *ids = vocab_encode(v.tokenizer, text, 0, &count);
        for (; *out && *out != '\n'; i++) {
            const long id = strtol(out, &out, 10);
            if (i >= count || ids[i] != id)
                fail_msg("%s: case %zu, id %zu is not %ld", path, cases, i, id);
            out += strspn(out, " ");
        }
        out += *out == '\n';
        if (i != count)
            fail_msg("%s: case %zu has %zu ids, not %zu", path, cases, count, i);
        char *back = vocab_decode(v.tokenizer, ids, count, true, &size);
        assert_int_equal(size, text.size);
        assert_memory_equal(back, text.data, size);
        free(back);
        free(ids);
    }
    assert_true(cases > 40);
    free(texts);
    free(lines);
    vocab_close(&v);
}

static void test_shared_vocabularies_give_their_vectors_and_decode_to_the_text(void **state)
{
    (void)state;
    static const char *const names[] = {"gpt-2",     "llama-spm",    "phi-3",
                                        "starcoder", "deepseek-llm", "qwen2"};
    const char *assets = getenv("ERGO_ASSETS");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/vocab/ggml-vocab-%s.gguf",
                 assets ? assets : ERGO_SOURCE_DIR "/../shared/assets", names[i]);
        FILE *file = fopen(path, "rb");
        if (!file) {
            print_message("SKIPPED: no %s (set ERGO_ASSETS to the folder of the assets)\n", path);
            skip();
        }
        fclose(file);
        check_vectors(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spm_merges_the_best_score_first_and_of_equal_ones_the_leftmost),
        cmocka_unit_test(test_spm_writes_what_it_has_no_token_for_byte_by_byte),
        cmocka_unit_test(test_spm_without_byte_tokens_gives_the_unknown_token),
        cmocka_unit_test(test_spm_puts_a_space_in_front_and_decoding_drops_it),
        cmocka_unit_test(test_bpe_merges_in_the_order_of_the_list),
        cmocka_unit_test(test_pre_tokenizers_may_take_whole_words_and_ask_for_bos),
        cmocka_unit_test(test_control_tokens_are_read_by_choice_and_user_defined_ones_always),
        cmocka_unit_test(test_the_longest_special_token_wins_wherever_it_stands),
        cmocka_unit_test(test_phi3_control_tokens_swallow_the_white_space_behind_them),
        cmocka_unit_test(test_the_eog_set_comes_from_keys_and_from_well_known_texts),
        cmocka_unit_test(test_too_little_room_is_told_and_nothing_is_written_beyond_it),
        cmocka_unit_test(test_shared_vocabularies_give_their_vectors_and_decode_to_the_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
