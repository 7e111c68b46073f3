/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/quant_mix.h"

#include <string.h>
#include <strings.h>

/* The numbers of general.file_type are those of the GGUF specification. */
static const quant_mix mixes[] = {
    {"F32", ERGO_TYPE_F32, 0, false},        {"F16", ERGO_TYPE_F16, 1, false},
    {"BF16", ERGO_TYPE_BF16, 32, false},     {"Q8_0", ERGO_TYPE_Q8_0, 7, false},
    {"Q6_K", ERGO_TYPE_Q6_K, 18, false},     {"Q5_K_M", ERGO_TYPE_Q5_K, 17, true},
    {"Q5_K", ERGO_TYPE_Q5_K, 16, false},     {"Q5_1", ERGO_TYPE_Q5_1, 9, false},
    {"Q5_0", ERGO_TYPE_Q5_0, 8, false},      {"Q4_K_M", ERGO_TYPE_Q4_K, 15, true},
    {"Q4_K", ERGO_TYPE_Q4_K, 14, false},     {"Q4_1", ERGO_TYPE_Q4_1, 3, false},
    {"Q4_0", ERGO_TYPE_Q4_0, 2, false},      {"IQ4_NL", ERGO_TYPE_IQ4_NL, 25, false},
    {"IQ4_XS", ERGO_TYPE_IQ4_XS, 30, false}, {"MXFP4", ERGO_TYPE_MXFP4, 38, false},
    {"Q3_K_M", ERGO_TYPE_Q3_K, 12, true},    {"Q3_K", ERGO_TYPE_Q3_K, 11, false},
    {"Q2_K", ERGO_TYPE_Q2_K, 10, false},     {"TQ2_0", ERGO_TYPE_TQ2_0, 37, false},
    {"TQ1_0", ERGO_TYPE_TQ1_0, 36, false},
};
#define MIX_COUNT (sizeof mixes / sizeof *mixes)

const quant_mix *quant_mix_find(const char *name)
{
    for (size_t i = 0; i < MIX_COUNT; i++) {
        if (strcasecmp(mixes[i].name, name) == 0)
            return &mixes[i];
    }
    return NULL;
}

const quant_mix *quant_mix_at(size_t i)
{
    return i < MIX_COUNT ? &mixes[i] : NULL;
}

static bool ends_with(ergo_str text, const char *end)
{
    const size_t size = strlen(end);
    return text.size >= size && memcmp(text.data + text.size - size, end, size) == 0;
}

static bool is(ergo_str text, const char *other)
{
    return text.size == strlen(other) && memcmp(text.data, other, text.size) == 0;
}

/* N of "blk.N."; 0 where there is none. */
static uint32_t layer_of(ergo_str name)
{
    uint32_t n = 0;
    if (name.size < 5 || memcmp(name.data, "blk.", 4) != 0)
        return 0;
    for (size_t i = 4; i < name.size && name.data[i] >= '0' && name.data[i] <= '9' && n < 1000000;
         i++)
        n = n * 10 + (uint32_t)(name.data[i] - '0');
    return n;
}

/* The layers at both ends, and every third one between. */
static bool deserves_more(uint32_t layer, uint32_t layers)
{
    const uint32_t eighth = layers / 8;
    return layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2;
}

static ergo_type mixed_type(const quant_mix *mix, const quant_model *model, ergo_str name)
{
    const uint32_t layer = layer_of(name);
    const bool value = ends_with(name, "attn_v.weight");
    const bool down = ends_with(name, "ffn_down.weight");
    const bool fused = ends_with(name, "attn_qkv.weight");
    const bool more = deserves_more(layer, model->layers);
    switch (mix->base) {
    case ERGO_TYPE_Q5_K:
        return fused || ((value || down) && more) ? ERGO_TYPE_Q6_K : mix->base;
    case ERGO_TYPE_Q4_K:
        if (fused)
            return ERGO_TYPE_Q5_K;
        return (value || down) && more ? ERGO_TYPE_Q6_K : mix->base;
    case ERGO_TYPE_Q3_K:
        if (value)
            return layer < 2 ? ERGO_TYPE_Q5_K : ERGO_TYPE_Q4_K;
        if (down)
            return layer < model->layers / 16 ? ERGO_TYPE_Q5_K : ERGO_TYPE_Q4_K;
        return fused || ends_with(name, "attn_output.weight") ? ERGO_TYPE_Q4_K : mix->base;
    default:
        return mix->base;
    }
}

static bool divides(ergo_type type, uint64_t row)
{
    return row % ergo_type_get((uint32_t)type)->block_elements == 0;
}

/* `type`, or what takes its place for rows that its block does not divide. */
static ergo_type fitting_type(ergo_type type, uint64_t row)
{
    if (divides(type, row))
        return type;
    ergo_type other = ERGO_TYPE_F16;
    switch (type) {
    case ERGO_TYPE_IQ4_XS:
        other = ERGO_TYPE_IQ4_NL;
        break;
    case ERGO_TYPE_Q2_K:
    case ERGO_TYPE_Q3_K:
    case ERGO_TYPE_TQ1_0:
    case ERGO_TYPE_TQ2_0:
        other = ERGO_TYPE_Q4_0;
        break;
    case ERGO_TYPE_Q4_K:
        other = ERGO_TYPE_Q5_0;
        break;
    case ERGO_TYPE_Q5_K:
        other = ERGO_TYPE_Q5_1;
        break;
    case ERGO_TYPE_Q6_K:
        other = ERGO_TYPE_Q8_0;
        break;
    default:
        break;
    }
    return divides(other, row) ? other : ERGO_TYPE_F16;
}

bool quant_mix_converts(ergo_str name, uint32_t n_dims)
{
    return n_dims >= 2 && ends_with(name, ".weight") && !ends_with(name, "_norm.weight");
}

ergo_type quant_mix_type(const quant_mix *mix, const quant_model *model, ergo_str name,
                         uint64_t row)
{
    const bool output = is(name, model->has_output ? "output.weight" : "token_embd.weight");
    const ergo_type_info *base = ergo_type_get((uint32_t)mix->base);
    const ergo_type_info *six = ergo_type_get(ERGO_TYPE_Q6_K);
    const bool fewer = (uint64_t)base->block_bytes * six->block_elements <
                       (uint64_t)six->block_bytes * base->block_elements;
    ergo_type type = mix->mixed ? mixed_type(mix, model, name) : mix->base;
    if (output && fewer)
        type = ERGO_TYPE_Q6_K;
    else if (is(name, "token_embd.weight") &&
             (mix->base == ERGO_TYPE_TQ1_0 || mix->base == ERGO_TYPE_TQ2_0))
        type = ERGO_TYPE_Q4_K; /* embeddings are not trained to be ternary */
    return fitting_type(type, row);
}
