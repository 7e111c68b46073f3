/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tokenizer_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

vocab_spec vocab_spm(void)
{
    static char texts[256][7];
    vocab_spec spec = {.model = "llama"};
    vocab_add(&spec, "<unk>", 2, 0);
    vocab_add(&spec, "<s>", 3, 0);
    vocab_add(&spec, "</s>", 3, 0);
    for (unsigned i = 0; i < 256; i++) {
        snprintf(texts[i], sizeof texts[i], "<0x%02X>", i);
        vocab_add(&spec, texts[i], 6, 0);
    }
    return spec;
}

vocab_spec vocab_bpe(const char *pre)
{
    static char texts[256][3];
    vocab_spec spec = {.model = "gpt2", .pre = pre};
    unsigned shifted = 256;
    for (unsigned i = 0; i < 256; i++) {
        const bool printable = (i > 32 && i < 127) || (i > 160 && i != 173);
        const unsigned code = printable ? i : shifted++;
        if (code < 128) {
            texts[i][0] = (char)code;
        } else {
            texts[i][0] = (char)(0xc0 | code >> 6);
            texts[i][1] = (char)(0x80 | (code & 63));
        }
        vocab_add(&spec, texts[i], 1, 0);
    }
    return spec;
}

ergo_token vocab_add(vocab_spec *spec, const char *text, int32_t type, float score)
{
    assert_true(spec->token_count < VOCAB_TOKENS_MAX);
    spec->tokens[spec->token_count] = (vocab_token){text, type, score};
    return (ergo_token)spec->token_count++;
}

static void write_tokens(const vocab_spec *spec, gguf_builder *b)
{
    if (!spec->no_tokens) {
        gguf_put_kv_array(b, "tokenizer.ggml.tokens", 8, spec->token_count);
        for (size_t i = 0; i < spec->token_count; i++)
            gguf_put_text(b, spec->tokens[i].text);
    }
    if (!spec->no_types) {
        gguf_put_kv_array(b, "tokenizer.ggml.token_type", 5, spec->token_count);
        for (size_t i = 0; i < spec->token_count; i++)
            gguf_put_uint(b, (uint32_t)spec->tokens[i].type, 4);
    }
    if (!spec->no_scores) {
        gguf_put_kv_array(b, "tokenizer.ggml.scores", 6, spec->token_count);
        for (size_t i = 0; i < spec->token_count; i++)
            gguf_put_f32(b, spec->tokens[i].score);
    }
    if (!spec->no_merges) {
        gguf_put_kv_array(b, "tokenizer.ggml.merges", 8, spec->merge_count);
        for (size_t i = 0; i < spec->merge_count; i++)
            gguf_put_text(b, spec->merges[i]);
    }
}

void vocab_write(const vocab_spec *spec, gguf_builder *b)
{
    int n = (spec->model != NULL) + (spec->pre != NULL) + (spec->name != NULL) + !spec->no_tokens +
            !spec->no_types + !spec->no_scores + !spec->no_merges;
    for (size_t i = 0; i < VOCAB_EXTRA_MAX; i++)
        n += (spec->numbers[i].key != NULL) + (spec->flags[i].key != NULL);
    gguf_put_header(b, 3, 0, (uint64_t)n);
    if (spec->model)
        gguf_put_kv_text(b, "tokenizer.ggml.model", spec->model);
    if (spec->pre)
        gguf_put_kv_text(b, "tokenizer.ggml.pre", spec->pre);
    if (spec->name)
        gguf_put_kv_text(b, "general.name", spec->name);
    write_tokens(spec, b);
    for (size_t i = 0; i < VOCAB_EXTRA_MAX; i++) {
        if (spec->numbers[i].key)
            gguf_put_kv_u32(b, spec->numbers[i].key, spec->numbers[i].value);
        if (spec->flags[i].key)
            gguf_put_kv_bool(b, spec->flags[i].key, spec->flags[i].value);
    }
}

static void keep_line(void *user, ergo_log_level level, const char *message)
{
    vocab_opened *v = user;
    (void)level;
    for (const char *c = message; *c; c++)
        assert_true(*c >= ' ' && *c <= '~');
    const int n = snprintf(v->log + v->logged, sizeof v->log - v->logged, "%s\n", message);
    v->logged += (size_t)n < sizeof v->log - v->logged ? (size_t)n : 0;
}

static ergo_block block(size_t size)
{
    void *memory = aligned_alloc(ERGO_BLOCK_ALIGN, (size + 127) / 64 * 64);
    assert_non_null(memory);
    memset(memory, 0xa5, size);
    return (ergo_block){memory, size};
}

ergo_status vocab_open_bytes(ergo_bytes file, vocab_opened *v)
{
    const ergo_log log = {.write = keep_line, .user = v};
    const ergo_gguf_config reader = {.log = log};
    const ergo_tokenizer_config config = {.log = log, .name = "vocab.gguf"};
    ergo_gguf *gguf = NULL;
    size_t size = 0;
    ergo_status status = ergo_gguf_size(file, &reader, &size);
    if (status)
        return status;
    ergo_block memory = block(size);
    v->blocks[0] = memory.data;
    status = ergo_gguf_open(file, &reader, memory, &gguf);
    if (!status)
        status = ergo_tokenizer_size(gguf, &config, &size);
    if (status)
        return status;
    memory = block(size);
    v->blocks[1] = memory.data;
    status = ergo_tokenizer_open(gguf, &config, (ergo_block){memory.data, size - 1}, &v->tokenizer);
    assert_int_equal(status, ERGO_E_MEMORY); /* the size is exact */
    assert_null(v->tokenizer);
    return ergo_tokenizer_open(gguf, &config, memory, &v->tokenizer);
}

ergo_status vocab_open(const vocab_spec *spec, vocab_opened *v)
{
    *v = (vocab_opened){0};
    vocab_write(spec, &v->built);
    return vocab_open_bytes(gguf_builder_file(&v->built), v);
}

ergo_status vocab_open_file(const char *path, vocab_opened *v)
{
    *v = (vocab_opened){0};
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char part[1 << 14];
    for (size_t n; (n = fread(part, 1, sizeof part, file)) > 0;)
        gguf_put(&v->built, part, n);
    fclose(file);
    return vocab_open_bytes(gguf_builder_file(&v->built), v);
}

void vocab_close(vocab_opened *v)
{
    free(v->blocks[0]);
    free(v->blocks[1]);
    gguf_builder_free(&v->built);
    *v = (vocab_opened){0};
}

ergo_token *vocab_encode(const ergo_tokenizer *t, ergo_str text, unsigned flags, size_t *count)
{
    ergo_block scratch = block(ergo_tokenize_scratch(t, text.size));
    ergo_token *ids = calloc(4 * text.size + 8, sizeof *ids);
    assert_non_null(ids);
    assert_int_equal(ergo_tokenize(t, text, flags, scratch, ids, 4 * text.size + 8, count),
                     ERGO_OK);
    free(scratch.data);
    return ids;
}

char *vocab_decode(const ergo_tokenizer *t, const ergo_token *ids, size_t count, bool special,
                   size_t *size)
{
    const size_t most = ergo_token_bytes_max(t);
    char *text = calloc(count * most + 1, 1);
    ergo_decoder decoder = {0};
    assert_non_null(text);
    *size = 0;
    for (size_t i = 0; i < count; i++) {
        size_t n;
        assert_int_equal(ergo_decode(t, &decoder, ids[i], special, text + *size, most, &n),
                         ERGO_OK);
        *size += n;
    }
    return text;
}

void vocab_expect(const ergo_tokenizer *t, const char *text, unsigned flags, ...)
{
    size_t count;
    ergo_token *ids = vocab_encode(t, (ergo_str){text, strlen(text)}, flags, &count);
    va_list expected;
    va_start(expected, flags);
    size_t i = 0;
    for (ergo_token id; (id = va_arg(expected, ergo_token)) != ERGO_TOKEN_NONE; i++) {
        if (i >= count || ids[i] != id)
            fail_msg("\"%s\": id %zu is %d, not %d", text, i, i < count ? (int)ids[i] : -1, id);
    }
    va_end(expected);
    if (i != count)
        fail_msg("\"%s\" has %zu ids, not %zu", text, count, i);
    free(ids);
}
