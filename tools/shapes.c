/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/shapes.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* From the config.json files of HuggingFaceTB/SmolLM2-135M, Qwen/Qwen2.5-0.5B, Qwen/Qwen3-0.6B,
 * meta-llama/Llama-3.2-1B and TinyLlama/TinyLlama-1.1B-Chat-v1.0. */
static const shape shapes[] = {
    {.name = "smollm2-135m",
     .arch = "llama",
     .layers = 30,
     .embedding = 576,
     .heads = 9,
     .kv_heads = 3,
     .head_dim = 64,
     .feed_forward = 1536,
     .vocabulary = 49152,
     .context = 8192,
     .rope_base = 100000,
     .norm_epsilon = 1e-5f,
     .tied = true},
    {.name = "qwen2.5-0.5b",
     .arch = "qwen2",
     .layers = 24,
     .embedding = 896,
     .heads = 14,
     .kv_heads = 2,
     .head_dim = 64,
     .feed_forward = 4864,
     .vocabulary = 151936,
     .context = 32768,
     .rope_base = 1000000,
     .norm_epsilon = 1e-6f,
     .tied = true,
     .qkv_bias = true},
    {.name = "qwen3-0.6b",
     .arch = "qwen3",
     .layers = 28,
     .embedding = 1024,
     .heads = 16,
     .kv_heads = 8,
     .head_dim = 128,
     .feed_forward = 3072,
     .vocabulary = 151936,
     .context = 40960,
     .rope_base = 1000000,
     .norm_epsilon = 1e-6f,
     .tied = true,
     .qk_norm = true},
    {.name = "llama-3.2-1b",
     .arch = "llama",
     .layers = 16,
     .embedding = 2048,
     .heads = 32,
     .kv_heads = 8,
     .head_dim = 64,
     .feed_forward = 8192,
     .vocabulary = 128256,
     .context = 131072,
     .rope_base = 500000,
     .rope_factor = 32,
     .norm_epsilon = 1e-5f,
     .tied = true},
    {.name = "tinyllama-1.1b",
     .arch = "llama",
     .layers = 22,
     .embedding = 2048,
     .heads = 32,
     .kv_heads = 4,
     .head_dim = 64,
     .feed_forward = 5632,
     .vocabulary = 32000,
     .context = 2048,
     .rope_base = 10000,
     .norm_epsilon = 1e-5f},
};
#define SHAPE_COUNT (sizeof shapes / sizeof *shapes)

const shape *shape_find(const char *name)
{
    for (size_t i = 0; i < SHAPE_COUNT; i++) {
        if (strcmp(shapes[i].name, name) == 0)
            return &shapes[i];
    }
    return NULL;
}

const shape *shape_at(size_t i)
{
    return i < SHAPE_COUNT ? &shapes[i] : NULL;
}

/* A width that several shapes of a model share. */
typedef enum width {
    NOTHING,
    EMBEDDING,
    QUERIES,
    KEYS,
    HEAD,
    FEED_FORWARD,
} width;

typedef struct layer_tensor {
    const char *suffix;
    shape_role role;
    width in;  /* elements of a row */
    width out; /* rows; NOTHING for a vector */
} layer_tensor;

/* The tensors of one layer in the order of the file; those that a model lacks are skipped. */
static const layer_tensor layer[] = {
    {"attn_norm.weight", SHAPE_NORM, EMBEDDING, NOTHING},
    {"attn_q.weight", SHAPE_MATRIX, EMBEDDING, QUERIES},
    {"attn_q.bias", SHAPE_BIAS, QUERIES, NOTHING},
    {"attn_q_norm.weight", SHAPE_NORM, HEAD, NOTHING},
    {"attn_k.weight", SHAPE_MATRIX, EMBEDDING, KEYS},
    {"attn_k.bias", SHAPE_BIAS, KEYS, NOTHING},
    {"attn_k_norm.weight", SHAPE_NORM, HEAD, NOTHING},
    {"attn_v.weight", SHAPE_MATRIX, EMBEDDING, KEYS},
    {"attn_v.bias", SHAPE_BIAS, KEYS, NOTHING},
    {"attn_output.weight", SHAPE_MATRIX, QUERIES, EMBEDDING},
    {"ffn_norm.weight", SHAPE_NORM, EMBEDDING, NOTHING},
    {"ffn_gate.weight", SHAPE_MATRIX, EMBEDDING, FEED_FORWARD},
    {"ffn_up.weight", SHAPE_MATRIX, EMBEDDING, FEED_FORWARD},
    {"ffn_down.weight", SHAPE_MATRIX, FEED_FORWARD, EMBEDDING},
};
#define LAYER_COUNT (sizeof layer / sizeof *layer)

static uint64_t width_of(const shape *model, width which)
{
    switch (which) {
    case EMBEDDING:
        return model->embedding;
    case QUERIES:
        return (uint64_t)model->heads * model->head_dim;
    case KEYS:
        return (uint64_t)model->kv_heads * model->head_dim;
    case HEAD:
        return model->head_dim;
    case FEED_FORWARD:
        return model->feed_forward;
    case NOTHING:
        break;
    }
    return 1;
}

static bool has_tensor(const shape *model, const layer_tensor *tensor)
{
    if (tensor->role == SHAPE_BIAS)
        return model->qkv_bias;
    return tensor->in != HEAD || model->qk_norm;
}

static shape_tensor make(const char *name, shape_role role, uint64_t in, uint64_t out)
{
    shape_tensor tensor = {
        .role = role, .n_dims = out == 0 ? 1 : 2, .dims = {in, out == 0 ? 1 : out}};
    (void)snprintf(tensor.name, sizeof tensor.name, "%s", name);
    return tensor;
}

/* Tensors that are not part of a layer: those before the layers, then those behind. */
static bool outer_tensor(const shape *model, size_t i, shape_tensor *out)
{
    const bool factors = model->rope_factor > 0;
    if (i == 0)
        *out = make("token_embd.weight", SHAPE_EMBEDDING, model->embedding, model->vocabulary);
    else if (i == 1)
        *out = make("output_norm.weight", SHAPE_NORM, model->embedding, 0);
    else if (i == 2 && !model->tied)
        *out = make("output.weight", SHAPE_EMBEDDING, model->embedding, model->vocabulary);
    else if (i == 2u + !model->tied && factors)
        *out = make("rope_freqs.weight", SHAPE_ROPE_FACTORS, model->head_dim / 2, 0);
    else
        return false;
    return true;
}

bool shape_tensor_at(const shape *model, size_t i, shape_tensor *out)
{
    size_t per_layer = 0;
    for (size_t k = 0; k < LAYER_COUNT; k++)
        per_layer += has_tensor(model, &layer[k]);
    const size_t in_layers = per_layer * model->layers;
    if (i == 0 || i > in_layers)
        return outer_tensor(model, i == 0 ? 0 : i - in_layers, out);

    size_t left = (i - 1) % per_layer;
    for (size_t k = 0; k < LAYER_COUNT; k++) {
        if (!has_tensor(model, &layer[k]) || left-- != 0)
            continue;
        *out = make("", layer[k].role, width_of(model, layer[k].in),
                    layer[k].out == NOTHING ? 0 : width_of(model, layer[k].out));
        (void)snprintf(out->name, sizeof out->name, "blk.%zu.%s", (i - 1) / per_layer,
                       layer[k].suffix);
        return true;
    }
    return false;
}

uint64_t shape_parameters(const shape *model)
{
    shape_tensor tensor;
    uint64_t sum = 0;
    for (size_t i = 0; shape_tensor_at(model, i, &tensor); i++)
        sum += tensor.dims[0] * tensor.dims[1];
    return sum;
}

void shape_rope_factors(const shape *model, float *out)
{
    /* Llama 3.1's rule: long waves are slowed by the factor, short ones are left alone, and those
     * between are blended. Wavelengths are in positions of the original context. */
    const double original = 8192;
    const double low = 1;
    const double high = 4;
    for (uint32_t i = 0; i < model->head_dim / 2; i++) {
        const double wave =
            2 * 3.14159265358979323846 * pow(model->rope_base, 2.0 * i / model->head_dim);
        double factor = 1;
        if (wave > original / low) {
            factor = model->rope_factor;
        } else if (wave > original / high) {
            const double smooth = (original / wave - low) / (high - low);
            factor = 1 / ((1 - smooth) / model->rope_factor + smooth);
        }
        out[i] = (float)factor;
    }
}
