/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fakes/tiny_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fakes/quant_model.h"

const char *const tiny_families[] = {"llama", "qwen2",   "qwen3",   "gemma3",
                                     "phi3",  "smollm3", "granite", NULL};

#define ALIGN 32u

static void need(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "tiny_model: %s\n", what);
    exit(2);
}

/* ---- Entries ------------------------------------------------------------------------------- */

static void full_key(const tiny_model *m, const char *key, char out[96])
{
    const bool whole = strncmp(key, "general.", 8) == 0 || strncmp(key, "tokenizer.", 10) == 0;
    snprintf(out, 96, "%s%s%s", whole ? "" : m->spec.arch, whole ? "" : ".", key);
}

static tiny_kv *entry(tiny_model *m, const char *key)
{
    char full[96];
    full_key(m, key, full);
    for (size_t i = 0; i < m->kv_count; i++)
        if (strcmp(m->kv[i].key, full) == 0)
            return &m->kv[i];
    need(m->kv_count < TINY_KV_MAX, "too many entries");
    tiny_kv *kv = &m->kv[m->kv_count++];
    *kv = (tiny_kv){.type = 0};
    memcpy(kv->key, full, sizeof full);
    return kv;
}

void tiny_set_u32(tiny_model *m, const char *key, uint32_t value)
{
    tiny_kv *kv = entry(m, key);
    kv->type = 4;
    kv->u32[0] = value;
}

void tiny_set_f32(tiny_model *m, const char *key, float value)
{
    tiny_kv *kv = entry(m, key);
    kv->type = 6;
    kv->f32 = value;
}

void tiny_set_text(tiny_model *m, const char *key, const char *value)
{
    tiny_kv *kv = entry(m, key);
    kv->type = 8;
    snprintf(kv->text, sizeof kv->text, "%s", value);
}

void tiny_set_array(tiny_model *m, const char *key, const uint32_t *values, uint32_t count)
{
    tiny_kv *kv = entry(m, key);
    need(count <= 16, "a long array");
    kv->type = 9;
    kv->count = count;
    memcpy(kv->u32, values, count * sizeof *values);
}

void tiny_drop_key(tiny_model *m, const char *key)
{
    const size_t i = (size_t)(entry(m, key) - m->kv);
    m->kv_count--;
    memmove(&m->kv[i], &m->kv[i + 1], (m->kv_count - i) * sizeof *m->kv);
}

/* ---- Tensors ------------------------------------------------------------------------------- */

/* Nearly Gaussian: the sum of four uniform numbers, scaled to a deviation of 1. */
static float gaussian(uint64_t *seed)
{
    double sum = 0.0;
    for (int i = 0; i < 4; i++)
        sum += (double)(quant_model_random(seed) >> 40) / (double)(1 << 24) - 0.5;
    return (float)(sum * sqrt(3.0));
}

tiny_tensor *tiny_add(tiny_model *m, const char *name, uint64_t columns, uint64_t rows, float mean,
                      float deviation)
{
    need(m->tensor_count < TINY_TENSORS_MAX, "too many tensors");
    tiny_tensor *t = &m->tensors[m->tensor_count++];
    *t = (tiny_tensor){.shape = {columns, rows}, .type = rows > 1 ? m->spec.type : ERGO_TYPE_F32};
    snprintf(t->name, sizeof t->name, "%s", name);
    t->values = malloc((size_t)(columns * rows) * sizeof *t->values);
    need(t->values != NULL, "out of memory");
    for (size_t i = 0; i < columns * rows; i++)
        t->values[i] = mean + deviation * gaussian(&m->random);
    return t;
}

tiny_tensor *tiny_find(tiny_model *m, const char *name)
{
    for (size_t i = 0; i < m->tensor_count; i++)
        if (strcmp(m->tensors[i].name, name) == 0)
            return &m->tensors[i];
    return NULL;
}

void tiny_drop(tiny_model *m, const char *name)
{
    tiny_tensor *t = tiny_find(m, name);
    need(t != NULL, name);
    free(t->values);
    m->tensor_count--;
    memmove(t, t + 1, (size_t)(&m->tensors[m->tensor_count] - t) * sizeof *t);
}

void tiny_fuse(tiny_model *m, const char *const *names, size_t count, const char *as)
{
    uint64_t rows = 0;
    const tiny_tensor *first = tiny_find(m, names[0]);
    need(first != NULL, names[0]);
    const bool vector = first->shape[1] == 1;
    const uint64_t columns = vector ? 1 : first->shape[0];
    for (size_t i = 0; i < count; i++)
        rows += vector ? tiny_find(m, names[i])->shape[0] : tiny_find(m, names[i])->shape[1];
    tiny_tensor *all =
        vector ? tiny_add(m, as, rows, 1, 0.0f, 1.0f) : tiny_add(m, as, columns, rows, 0.0f, 1.0f);
    float *at = all->values;
    for (size_t i = 0; i < count; i++) {
        const tiny_tensor *part = tiny_find(m, names[i]);
        const size_t size = (size_t)(part->shape[0] * part->shape[1]);
        memcpy(at, part->values, size * sizeof *at);
        at += size;
    }
    for (size_t i = 0; i < count; i++)
        tiny_drop(m, names[i]);
}

/* ---- Families ------------------------------------------------------------------------------ */

static void matrix(tiny_model *m, uint32_t layer, const char *name, uint32_t columns, uint32_t rows)
{
    char full[64];
    snprintf(full, sizeof full, "blk.%u.%s", layer, name);
    tiny_add(m, full, columns, rows, 0.0f, 1.5f / sqrtf((float)columns));
}

static void vector(tiny_model *m, uint32_t layer, const char *name, uint32_t size, float mean)
{
    char full[64];
    snprintf(full, sizeof full, "blk.%u.%s", layer, name);
    tiny_add(m, full, size, 1, mean, 0.2f);
}

static void add_layer(tiny_model *m, uint32_t layer)
{
    const tiny_spec *s = &m->spec;
    const bool gemma = strcmp(s->arch, "gemma3") == 0, phi = strcmp(s->arch, "phi3") == 0;
    const uint32_t q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim;
    vector(m, layer, "attn_norm.weight", s->embedding, 1.0f);
    if (phi) {
        matrix(m, layer, "attn_qkv.weight", s->embedding, q + 2 * kv);
    } else {
        matrix(m, layer, "attn_q.weight", s->embedding, q);
        matrix(m, layer, "attn_k.weight", s->embedding, kv);
        matrix(m, layer, "attn_v.weight", s->embedding, kv);
    }
    if (strcmp(s->arch, "qwen2") == 0) {
        vector(m, layer, "attn_q.bias", q, 0.0f);
        vector(m, layer, "attn_k.bias", kv, 0.0f);
        vector(m, layer, "attn_v.bias", kv, 0.0f);
    }
    if (gemma || strcmp(s->arch, "qwen3") == 0) {
        vector(m, layer, "attn_q_norm.weight", s->head_dim, 1.0f);
        vector(m, layer, "attn_k_norm.weight", s->head_dim, 1.0f);
    }
    matrix(m, layer, "attn_output.weight", q, s->embedding);
    if (gemma)
        vector(m, layer, "post_attention_norm.weight", s->embedding, 1.0f);
    vector(m, layer, "ffn_norm.weight", s->embedding, 1.0f);
    if (!phi)
        matrix(m, layer, "ffn_gate.weight", s->embedding, s->feed_forward);
    matrix(m, layer, "ffn_up.weight", s->embedding, (phi ? 2 : 1) * s->feed_forward);
    matrix(m, layer, "ffn_down.weight", s->feed_forward, s->embedding);
    if (gemma)
        vector(m, layer, "post_ffw_norm.weight", s->embedding, 1.0f);
}

static void add_hparams(tiny_model *m)
{
    const tiny_spec *s = &m->spec;
    tiny_set_text(m, "general.architecture", s->arch);
    tiny_set_text(m, "general.name", "tiny");
    tiny_set_u32(m, "block_count", s->layers);
    tiny_set_u32(m, "embedding_length", s->embedding);
    tiny_set_u32(m, "context_length", s->context);
    tiny_set_u32(m, "feed_forward_length", s->feed_forward);
    tiny_set_u32(m, "attention.head_count", s->heads);
    tiny_set_u32(m, "attention.head_count_kv", s->kv_heads);
    tiny_set_f32(m, "attention.layer_norm_rms_epsilon", 1e-5f);
    if (s->head_dim * s->heads != s->embedding) {
        tiny_set_u32(m, "attention.key_length", s->head_dim);
        tiny_set_u32(m, "attention.value_length", s->head_dim);
    }
    if (strcmp(s->arch, "gemma3") == 0)
        tiny_set_u32(m, "attention.sliding_window", 16);
    if (strcmp(s->arch, "granite") == 0) {
        tiny_set_f32(m, "logit_scale", 4.0f);
        tiny_set_f32(m, "residual_scale", 0.5f);
        tiny_set_f32(m, "embedding_scale", 3.0f);
        tiny_set_f32(m, "attention.scale", 0.2f);
    }
}

static uint32_t or_default(uint32_t value, uint32_t fallback)
{
    return value ? value : fallback;
}

void tiny_model_open(tiny_model *m, const tiny_spec *spec)
{
    *m = (tiny_model){.spec = *spec};
    tiny_spec *s = &m->spec;
    s->arch = s->arch ? s->arch : "llama";
    s->layers = or_default(s->layers, 2);
    s->embedding = or_default(s->embedding, 64);
    s->heads = or_default(s->heads, 4);
    s->kv_heads = or_default(s->kv_heads, 2);
    s->head_dim = or_default(s->head_dim, s->embedding / s->heads);
    s->feed_forward = or_default(s->feed_forward, 96);
    s->vocabulary = or_default(s->vocabulary, TINY_VOCABULARY);
    s->context = or_default(s->context, 256);
    m->random = s->seed ? s->seed : 1;
    add_hparams(m);
    tiny_add(m, "token_embd.weight", s->embedding, s->vocabulary, 0.0f, 1.0f);
    for (uint32_t layer = 0; layer < s->layers; layer++)
        add_layer(m, layer);
    tiny_add(m, "output_norm.weight", s->embedding, 1, 1.0f, 0.2f);
    if (!s->tied)
        tiny_add(m, "output.weight", s->embedding, s->vocabulary, 0.0f, 0.4f);
}

void tiny_model_close(tiny_model *m)
{
    while (m->tensor_count > 0)
        free(m->tensors[--m->tensor_count].values);
}

/* ---- Writing ------------------------------------------------------------------------------- */

static size_t tensor_bytes(const tiny_tensor *t)
{
    const ergo_type_info *info = ergo_type_get((uint32_t)t->type);
    return (size_t)(t->shape[0] * t->shape[1]) / info->block_elements * info->block_bytes;
}

static void put_entry(gguf_builder *b, const tiny_kv *kv)
{
    if (kv->type == 4)
        gguf_put_kv_u32(b, kv->key, kv->u32[0]);
    if (kv->type == 6)
        gguf_put_kv_f32(b, kv->key, kv->f32);
    if (kv->type == 8)
        gguf_put_kv_text(b, kv->key, kv->text);
    if (kv->type == 9)
        gguf_put_kv_array(b, kv->key, 4, kv->count);
    for (uint32_t i = 0; kv->type == 9 && i < kv->count; i++)
        gguf_put_uint(b, kv->u32[i], 4);
}

#define VOCABULARY_ENTRIES 7

static void put_vocabulary(gguf_builder *b, uint32_t count)
{
    gguf_put_kv_text(b, "tokenizer.ggml.model", "llama");
    gguf_put_kv_u32(b, "tokenizer.ggml.bos_token_id", TINY_BOS);
    gguf_put_kv_u32(b, "tokenizer.ggml.eos_token_id", TINY_EOS);
    gguf_put_kv_bool(b, "tokenizer.ggml.add_bos_token", 1);
    gguf_put_kv_array(b, "tokenizer.ggml.tokens", 8, count);
    for (uint32_t i = 0; i < count; i++) {
        static const char *const special[] = {"<unk>", "<s>", "</s>", "\xe2\x96\x81"};
        const char character[2] = {(char)(i + 29), 0};
        char more[20];
        snprintf(more, sizeof more, "<more%u>", i);
        gguf_put_text(b, i < 4 ? special[i] : i < TINY_VOCABULARY ? character : more);
    }
    gguf_put_kv_array(b, "tokenizer.ggml.scores", 6, count);
    for (uint32_t i = 0; i < count; i++)
        gguf_put_f32(b, -(float)i);
    gguf_put_kv_array(b, "tokenizer.ggml.token_type", 5, count);
    for (uint32_t i = 0; i < count; i++)
        gguf_put_uint(b, i == 0 ? 2 : i < 3 ? 3 : 1, 4);
}

void tiny_write(const tiny_model *m, gguf_builder *file)
{
    const size_t more = m->spec.text ? VOCABULARY_ENTRIES : 0;
    gguf_put_header(file, 3, m->tensor_count, m->kv_count + more);
    for (size_t i = 0; i < m->kv_count; i++)
        put_entry(file, &m->kv[i]);
    if (m->spec.text)
        put_vocabulary(file, m->spec.vocabulary);
    size_t offset = 0;
    for (size_t i = 0; i < m->tensor_count; i++) {
        const tiny_tensor *t = &m->tensors[i];
        gguf_put_tensor(file, t->name, t->shape[1] > 1 ? 2 : 1, t->shape, (uint32_t)t->type,
                        offset);
        offset += (tensor_bytes(t) + ALIGN - 1) / ALIGN * ALIGN;
    }
    gguf_put_padding(file, ALIGN);
    for (size_t i = 0; i < m->tensor_count; i++) {
        const tiny_tensor *t = &m->tensors[i];
        const size_t n = (size_t)(t->shape[0] * t->shape[1]), size = tensor_bytes(t);
        void *bytes = malloc(size);
        need(bytes && ergo_quantize(t->type, t->values, NULL, bytes, n) == ERGO_OK, t->name);
        gguf_put(file, bytes, size);
        free(bytes);
        gguf_put_padding(file, ALIGN);
    }
}
