/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "models/gguf_file.h"
#include "models/tokenizer_vocab.h"
#include "runtime/base/checked.h"

/* Most tokens and merges, so that ids and places in the tables fit 32 bits with room to spare. */
#define COUNT_MAX ((uint64_t)1 << 24)

static bool equal(ergo_str a, const char *b)
{
    return a.size == strlen(b) && memcmp(a.data, b, a.size) == 0;
}

/* An array of the file: NULL when there is none, an error when it is not as it must be. */
static ergo_status find_array(const ergo__vocab_source *source, const char *key,
                              ergo_gguf_type type, uint64_t least, const ergo_gguf_kv **out)
{
    const ergo_gguf_kv *kv = ergo_gguf_kv_find(source->gguf, key);
    *out = kv;
    if (!kv)
        return ERGO_OK;
    if (!kv->is_array || kv->type != type)
        return ergo__fail(&source->log, ERGO_E_FORMAT, "%s: \"%s\" has the wrong type",
                          source->name, key);
    if (kv->count < least)
        return ergo__fail(&source->log, ERGO_E_FORMAT, "%s: \"%s\" has %llu entries, not %llu",
                          source->name, key, (unsigned long long)kv->count,
                          (unsigned long long)least);
    if (kv->count > COUNT_MAX || kv->payload.size > UINT32_MAX - 16)
        return ergo__fail(&source->log, ERGO_E_LIMIT, "%s: \"%s\" is too large", source->name, key);
    return ERGO_OK;
}

/* Which kind of vocabulary, and its pre-tokenizer. */
static ergo_status read_kind(const ergo__vocab_source *source, bool *byte_level,
                             const ergo__pretokenizer **rule)
{
    const ergo_log *log = &source->log;
    ergo_str model, pre = {"default", 7};
    ergo_status status = ergo_gguf_str(source->gguf, "tokenizer.ggml.model", &model);
    if (status == ERGO_E_NOT_FOUND ||
        (!status && (equal(model, "none") || equal(model, "no_vocab"))))
        return ergo__fail(log, ERGO_E_NOT_FOUND, "%s: the file has no vocabulary", source->name);
    if (status)
        return status;
    *byte_level = equal(model, "gpt2");
    if (equal(model, "llama"))
        return ERGO_OK;
    if (!*byte_level)
        return ergo__fail(log, ERGO_E_UNSUPPORTED,
                          "%s: tokenizer.ggml.model \"%s\" is not supported", source->name,
                          ergo__gguf_show(model).text);
    status = ergo_gguf_str(source->gguf, "tokenizer.ggml.pre", &pre);
    if (status && status != ERGO_E_NOT_FOUND)
        return status;
    if (status || pre.size == 0) {
        pre = (ergo_str){"default", 7};
        ergo__log(
            log, ERGO_LOG_WARNING,
            "%s: no tokenizer.ggml.pre: words are split by the default rule, which may not be "
            "the model's",
            source->name);
    }
    *rule = ergo__pretokenizer_find(pre);
    if (!*rule)
        return ergo__fail(log, ERGO_E_UNSUPPORTED, "%s: tokenizer.ggml.pre \"%s\" is not supported",
                          source->name, ergo__gguf_show(pre).text);
    return ERGO_OK;
}

static ergo_status read_shape(ergo__vocab_source *source, bool byte_level)
{
    ergo__vocab_shape *shape = &source->shape;
    ergo_status status =
        find_array(source, "tokenizer.ggml.tokens", ERGO_GGUF_STRING, 1, &shape->tokens);
    if (status)
        return status;
    if (!shape->tokens)
        return ergo__fail(&source->log, ERGO_E_NOT_FOUND, "%s: no tokenizer.ggml.tokens",
                          source->name);
    shape->count = (uint32_t)shape->tokens->count;
    status =
        find_array(source, "tokenizer.ggml.token_type", ERGO_GGUF_I32, shape->count, &shape->types);
    if (status)
        return status;
    if (byte_level) {
        status = find_array(source, "tokenizer.ggml.merges", ERGO_GGUF_STRING, 0, &shape->merges);
        if (status)
            return status;
        if (!shape->merges)
            return ergo__fail(&source->log, ERGO_E_FORMAT, "%s: no tokenizer.ggml.merges",
                              source->name);
        shape->merge_count = (uint32_t)shape->merges->count;
    } else {
        const ergo_gguf_kv *kv = ergo_gguf_kv_find(source->gguf, "tokenizer.ggml.scores");
        const bool whole = kv && kv->type == ERGO_GGUF_I32;
        status = find_array(source, "tokenizer.ggml.scores", whole ? ERGO_GGUF_I32 : ERGO_GGUF_F32,
                            shape->count, &shape->scores);
        if (status)
            return status;
    }
    size_t offset = 0;
    for (uint32_t i = 0; i < shape->count; i++) {
        const ergo_str text = ergo_gguf_str_next(shape->tokens, &offset);
        if (text.size > shape->text_max)
            shape->text_max = (uint32_t)text.size;
    }
    return ERGO_OK;
}

/* A power of two that leaves a third of the places free, less one. */
static uint32_t mask_for(uint32_t count)
{
    uint32_t size = 4;
    while (size < count + count / 2)
        size *= 2;
    return size - 1;
}

/* Both passes: counting, and over memory (*out is NULL when only counting). */
static ergo_status lay_out(ergo__arena *arena, const ergo__vocab_source *source, bool byte_level,
                           ergo_tokenizer **out)
{
    const ergo__vocab_shape *shape = &source->shape;
    const uint32_t slot_mask = mask_for(shape->count), merge_mask = mask_for(shape->merge_count);
    ergo_tokenizer *t = ERGO__TAKE_LINE(arena, ergo_tokenizer, 1);
    uint32_t *slots = ERGO__TAKE_LINE(arena, uint32_t, (size_t)slot_mask + 1);
    uint32_t *merge_slots = NULL;
    ergo__merge *merges = NULL;
    if (byte_level) {
        merge_slots = ERGO__TAKE_LINE(arena, uint32_t, (size_t)merge_mask + 1);
        merges = ERGO__TAKE(arena, ergo__merge, shape->merge_count);
    }
    uint32_t *offset = ERGO__TAKE(arena, uint32_t, (size_t)shape->count + 1);
    uint8_t *attributes = ERGO__TAKE(arena, uint8_t, shape->count);
    uint8_t *special_length = ERGO__TAKE(arena, uint8_t, (size_t)shape->text_max + 1);
    *out = t;
    if (ergo__arena_status(arena) || !t)
        return ergo__arena_status(arena);
    *t = (ergo_tokenizer){
        .log = source->log,
        .byte_level = byte_level,
        .count = shape->count,
        .text_max = shape->text_max,
        .texts = shape->tokens->payload.data,
        .offset = offset,
        .attributes = attributes,
        .slots = slots,
        .slot_mask = slot_mask,
        .scores = shape->scores,
        .merges = merges,
        .merge_slots = merge_slots,
        .merge_count = shape->merge_count,
        .merge_mask = merge_mask,
        .special_length = special_length,
    };
    memset(special_length, 0, (size_t)shape->text_max + 1);
    return ERGO_OK;
}

static ergo_status build(const ergo_gguf *gguf, const ergo_tokenizer_config *config,
                         ergo__arena *arena, ergo_tokenizer **out)
{
    ergo__vocab_source source = {.gguf = gguf, .name = "model"};
    if (config) {
        source.log = config->log;
        if (config->name)
            source.name = config->name;
    }
    bool byte_level = false;
    const ergo__pretokenizer *rule = NULL;
    ergo_tokenizer *t = NULL;
    ergo_status status = read_kind(&source, &byte_level, &rule);
    if (!status)
        status = read_shape(&source, byte_level);
    if (!status)
        status = lay_out(arena, &source, byte_level, &t);
    if (status || !t)
        return status;
    t->rule = rule;
    status = ergo__vocab_fill_tokens(t, &source);
    if (!status && byte_level)
        status = ergo__vocab_fill_merges(t, &source);
    if (!status)
        status = ergo__vocab_fill_special(t, &source);
    if (!status)
        *out = t;
    return status;
}

ergo_status ergo_tokenizer_size(const ergo_gguf *gguf, const ergo_tokenizer_config *config,
                                size_t *size)
{
    if (!gguf || !size)
        return ERGO_E_ARGUMENT;
    ergo__arena arena = ergo__arena_counting();
    ergo_tokenizer *none;
    const ergo_status status = build(gguf, config, &arena, &none);
    if (!status)
        *size = arena.used;
    return status;
}

ergo_status ergo_tokenizer_open(const ergo_gguf *gguf, const ergo_tokenizer_config *config,
                                ergo_block memory, ergo_tokenizer **out)
{
    if (!gguf || !out)
        return ERGO_E_ARGUMENT;
    ergo__arena arena = ergo__arena_over(memory);
    return build(gguf, config, &arena, out);
}

size_t ergo_tokenizer_count(const ergo_tokenizer *tokenizer)
{
    return tokenizer->count;
}

ergo_token ergo_tokenizer_find(const ergo_tokenizer *tokenizer, ergo_str text)
{
    return ergo__vocab_find(tokenizer, text, (ergo_str){"", 0});
}

static bool has(const ergo_tokenizer *tokenizer, ergo_token id, unsigned attribute)
{
    return id >= 0 && (uint32_t)id < tokenizer->count && tokenizer->attributes[id] & attribute;
}

bool ergo_token_is_eog(const ergo_tokenizer *tokenizer, ergo_token id)
{
    return has(tokenizer, id, ERGO__TOKEN_EOG);
}

bool ergo_token_is_control(const ergo_tokenizer *tokenizer, ergo_token id)
{
    return has(tokenizer, id, ERGO__TOKEN_CONTROL);
}

ergo_token ergo_tokenizer_bos(const ergo_tokenizer *tokenizer)
{
    return tokenizer->bos;
}

ergo_token ergo_tokenizer_eos(const ergo_tokenizer *tokenizer)
{
    return tokenizer->eos;
}

bool ergo_tokenizer_adds_bos(const ergo_tokenizer *tokenizer)
{
    return tokenizer->adds_bos;
}
