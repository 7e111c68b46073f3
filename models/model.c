/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/model_state.h"

#include <string.h>

#include "ergo/pack.h"
#include "models/family.h"
#include "runtime/base/bits.h"
#include "runtime/base/hash.h"
#include "runtime/base/log.h"

/* Bytes of each tensor's head, middle and tail that go into the fingerprint. */
#define SAMPLE_BYTES 64u

/* ---- Fingerprint --------------------------------------------------------------------------- */

static uint64_t hash_tensor(uint64_t hash, const ergo_tensor *tensor)
{
    unsigned char shape[8 * 4 + 4];
    for (int i = 0; i < 4; i++)
        ergo__store_u64(shape + 8 * i, tensor->shape[i]);
    ergo__store_u32(shape + 32,
                    (uint32_t)tensor->type + (tensor->packed ? ERGO_PACKED_TYPE_ID : 0));
    hash = ergo__hash_bytes(hash, tensor->name.data, tensor->name.size);
    hash = ergo__hash_bytes(hash, shape, sizeof shape);
    const unsigned char *data = tensor->bytes.data;
    const size_t size = tensor->bytes.size;
    if (size <= 3 * SAMPLE_BYTES)
        return ergo__hash_bytes(hash, data, size);
    hash = ergo__hash_bytes(hash, data, SAMPLE_BYTES);
    hash = ergo__hash_bytes(hash, data + size / 2 - SAMPLE_BYTES / 2, SAMPLE_BYTES);
    return ergo__hash_bytes(hash, data + size - SAMPLE_BYTES, SAMPLE_BYTES);
}

/* Tells models apart whose saved sessions must not be mixed, without reading all the weights. */
static uint64_t fingerprint(const ergo_gguf *gguf)
{
    uint64_t hash = ERGO__HASH_START;
    for (size_t i = 0; i < ergo_gguf_kv_count(gguf); i++) {
        const ergo_gguf_kv *kv = ergo_gguf_kv_at(gguf, i);
        hash = ergo__hash_bytes(hash, kv->key.data, kv->key.size);
        if (!kv->is_array)
            hash = ergo__hash_bytes(hash, kv->payload.data, kv->payload.size);
    }
    for (size_t i = 0; i < ergo_gguf_tensor_count(gguf); i++)
        hash = hash_tensor(hash, ergo_gguf_tensor_at(gguf, i));
    return hash;
}

/* ---- Layout -------------------------------------------------------------------------------- */

static ergo_status start_builder(ergo__builder *builder, const ergo__family **family)
{
    const ergo_status status = ergo_gguf_str(builder->gguf, "general.architecture", &builder->arch);
    if (status != ERGO_OK)
        return ergo__fail(builder->log, ERGO_E_FORMAT, "%s: general.architecture is missing",
                          builder->name);
    *family = ergo__family_find(builder->arch);
    if (!*family) {
        char known[160];
        ergo__family_names(known, sizeof known);
        return ergo__fail(builder->log, ERGO_E_UNSUPPORTED,
                          "%s: general.architecture is %.*s; this build has %s", builder->name,
                          (int)builder->arch.size, builder->arch.data, known);
    }
    ergo__build_hparams(builder);
    return builder->status;
}

/* One pass of the family over an arena, from the first step. */
static ergo_status run_family(ergo__builder *builder, const ergo__family *family,
                              ergo__arena *arena)
{
    builder->arena = arena;
    builder->planner.step_count = builder->planner.value_count = 0;
    family->build(builder);
    return builder->status;
}

static ergo_model_info describe(ergo__builder *builder)
{
    const ergo__heads heads = ergo__build_heads(builder, 0);
    ergo_model_info info = {.arch = builder->arch,
                            .layers = builder->hparams.layers,
                            .embedding = builder->hparams.embedding,
                            .feed_forward = ergo__build_feed_forward(builder, 0),
                            .heads = heads.heads,
                            .kv_heads = heads.kv_heads,
                            .head_dim = builder->hparams.head_dim,
                            .vocabulary = builder->hparams.vocabulary,
                            .context = builder->hparams.context};
    ergo_gguf_str(builder->gguf, "general.name", &info.name);
    for (size_t i = 0; i < ergo_gguf_tensor_count(builder->gguf); i++) {
        const ergo_tensor *tensor = ergo_gguf_tensor_at(builder->gguf, i);
        info.parameters += tensor->elements;
        info.weight_bytes += tensor->bytes.size;
    }
    return info;
}

/* Every id has its row of the embedding and of the logits, and the other way round. */
static ergo_status check_vocabulary(const ergo__builder *builder)
{
    const ergo_gguf_kv *tokens = ergo_gguf_kv_find(builder->gguf, "tokenizer.ggml.tokens");
    if (!tokens || tokens->count == builder->hparams.vocabulary)
        return ERGO_OK;
    return ergo__fail(builder->log, ERGO_E_FORMAT,
                      "%s: tokenizer.ggml.tokens has %llu tokens, but token_embd.weight %u rows",
                      builder->name, (unsigned long long)tokens->count,
                      builder->hparams.vocabulary);
}

/* The vocabulary, where the file has one. */
static ergo_status lay_tokenizer(ergo__builder *builder, ergo__arena *arena,
                                 const ergo_tokenizer_config *config, ergo_tokenizer **out)
{
    size_t size;
    *out = NULL;
    ergo_status status = ergo_tokenizer_size(builder->gguf, config, &size);
    if (status == ERGO_E_NOT_FOUND)
        return ERGO_OK;
    if (status == ERGO_OK)
        status = check_vocabulary(builder);
    if (status != ERGO_OK)
        return status;
    void *memory = ERGO__TAKE_LINE(arena, unsigned char, size);
    if (!memory)
        return ERGO_OK; /* counting, or full: the arena tells */
    return ergo_tokenizer_open(builder->gguf, config, (ergo_block){memory, size}, out);
}

static ergo_status lay_plan(ergo__builder *builder, const ergo__family *family, ergo__arena *arena,
                            ergo__plan *plan)
{
    ergo__arena counting = ergo__arena_counting();
    ergo_status status = run_family(builder, family, &counting);
    if (status != ERGO_OK)
        return status;
    builder->planner.steps = ERGO__TAKE(arena, ergo__step, builder->planner.step_count);
    builder->planner.values = ERGO__TAKE(arena, ergo__value, builder->planner.value_count);
    builder->kv = ERGO__TAKE(arena, ergo__kv_shape, builder->hparams.layers);
    const bool real = builder->planner.steps && builder->planner.values && builder->kv;
    if (!real) {
        builder->planner.steps = NULL;
        builder->planner.values = NULL;
        builder->kv = NULL;
    }
    status = run_family(builder, family, arena);
    if (status != ERGO_OK || !real || arena->full)
        return status;
    status = ergo__plan_finish(&builder->planner, builder->kv, builder->hparams.layers, plan);
    if (status != ERGO_OK)
        return ergo__fail(builder->log, status, "%s: the plan has too many steps", builder->name);
    return ERGO_OK;
}

/* Weights are read where they lie, as floats among others, and strips by cache lines. */
static ergo_status check_alignment(const ergo__builder *builder)
{
    for (size_t i = 0; i < ergo_gguf_tensor_count(builder->gguf); i++) {
        const ergo_tensor *tensor = ergo_gguf_tensor_at(builder->gguf, i);
        const size_t align = tensor->packed ? ERGO_BLOCK_ALIGN : sizeof(float);
        if ((uintptr_t)tensor->bytes.data % align != 0)
            return ergo__fail(builder->log, ERGO_E_ARGUMENT,
                              "%s: tensor %.*s is not aligned to %zu bytes in memory",
                              builder->name, (int)tensor->name.size, tensor->name.data, align);
    }
    return ERGO_OK;
}

static ergo_status lay_model(const ergo_gguf *gguf, const ergo_model_config *config,
                             ergo__arena *arena, ergo_model **out)
{
    const ergo_model_config none = {.name = NULL};
    const ergo_model_config *c = config ? config : &none;
    const char *name = c->name ? c->name : "model";
    ergo__builder builder = {.log = &c->log, .name = name, .gguf = gguf};
    const ergo__family *family = NULL;
    ergo_status status = start_builder(&builder, &family);
    if (status == ERGO_OK)
        status = check_alignment(&builder);
    if (status != ERGO_OK)
        return status;
    ergo_model *model = ERGO__TAKE_LINE(arena, ergo_model, 1);
    const size_t name_size = strlen(name) + 1;
    char *own_name = ERGO__TAKE(arena, char, name_size);
    ergo__plan plan = {.steps = NULL};
    status = lay_plan(&builder, family, arena, &plan);
    if (status != ERGO_OK)
        return status;
    ergo_tokenizer *tokenizer;
    const ergo_tokenizer_config vocabulary = {.log = c->log, .name = name};
    status = lay_tokenizer(&builder, arena, &vocabulary, &tokenizer);
    if (status != ERGO_OK || !model || !own_name || arena->full)
        return status;
    memcpy(own_name, name, name_size);
    *model = (ergo_model){.log = c->log,
                          .name = own_name,
                          .gguf = gguf,
                          .tokenizer = tokenizer,
                          .info = describe(&builder),
                          .plan = plan,
                          .fingerprint = fingerprint(gguf)};
    *out = model;
    return ERGO_OK;
}

ergo_status ergo_model_size(const ergo_gguf *gguf, const ergo_model_config *config, size_t *size)
{
    if (!gguf || !size)
        return ERGO_E_ARGUMENT;
    ergo__arena arena = ergo__arena_counting();
    ergo_model *model = NULL;
    const ergo_status status = lay_model(gguf, config, &arena, &model);
    if (status != ERGO_OK)
        return status;
    if (arena.full)
        return ERGO_E_LIMIT;
    *size = arena.used;
    return ERGO_OK;
}

ergo_status ergo_model_open(const ergo_gguf *gguf, const ergo_model_config *config,
                            ergo_block memory, ergo_model **out)
{
    if (!gguf || !out)
        return ERGO_E_ARGUMENT;
    ergo__arena arena = ergo__arena_over(memory);
    ergo_model *model = NULL;
    const ergo_status status = lay_model(gguf, config, &arena, &model);
    if (status != ERGO_OK)
        return status;
    if (arena.full)
        return ERGO_E_MEMORY;
    *out = model;
    return ERGO_OK;
}

void ergo_model_get_info(const ergo_model *model, ergo_model_info *info)
{
    *info = model->info;
}

const ergo_gguf *ergo_model_gguf(const ergo_model *model)
{
    return model->gguf;
}

const ergo_tokenizer *ergo_model_tokenizer(const ergo_model *model)
{
    return model->tokenizer;
}
