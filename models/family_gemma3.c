/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "models/family.h"
#include "models/layers.h"

/*
 * Gemma 3 (text): embeddings times sqrt(width), four norms per layer (their gains already hold the
 * "+ 1"), q and k normalised per head, GELU in the gate, and five layers of sliding-window
 * attention with frequencies of their own to one of full attention. Source: arXiv 2503.19786.
 */
#define LOCAL_BASE 10000.0f
#define PATTERN 6u        /* layers, of which the last attends to everything */
#define LAYERS_OF_27B 62u /* the one model that scales scores by its width per head */

static float score_scale(ergo__builder *builder)
{
    const ergo__hparams *h = &builder->hparams;
    if (h->layers != LAYERS_OF_27B)
        return 1.0f / sqrtf((float)h->head_dim);
    return 1.0f / sqrtf((float)(h->embedding / ergo__build_heads(builder, 0).heads));
}

/* Whether a layer sees the window only: a flag per layer, or all but each "pattern"th. */
static bool is_local(ergo__builder *builder, uint32_t layer)
{
    static const char key[] = "attention.sliding_window_pattern";
    if (ergo__build_is_array(builder, key))
        return ergo__build_flag(builder, key, layer, true);
    const uint32_t pattern = ergo__build_u32(builder, key, PATTERN);
    if (pattern == 0)
        ergo__build_fail(builder, ERGO_E_FORMAT, "gemma3.%s is 0", key);
    return pattern == 0 || (layer + 1) % pattern != 0;
}

static ergo__value_id build_layer(ergo__builder *builder, uint32_t layer, ergo__value_id x,
                                  const ergo__attention *attention)
{
    builder->planner.layer = layer;
    ergo__value_id branch = ergo__layer_norm(builder, layer, "attn_norm.weight", x);
    branch = ergo__layer_attention(builder, layer, branch, attention);
    branch = ergo__layer_norm(builder, layer, "post_attention_norm.weight", branch);
    x = ergo__layer_add(builder, x, branch, 1.0f);
    branch = ergo__layer_norm(builder, layer, "ffn_norm.weight", x);
    branch = ergo__layer_feed_forward(builder, layer, branch, ERGO__GELU_TANH);
    branch = ergo__layer_norm(builder, layer, "post_ffw_norm.weight", branch);
    return ergo__layer_add(builder, x, branch, 1.0f);
}

static void build(ergo__builder *builder)
{
    if (ergo__build_f32(builder, "final_logit_softcapping", 0.0f) != 0.0f)
        ergo__build_fail(builder, ERGO_E_UNSUPPORTED,
                         "gemma3.final_logit_softcapping is not supported");
    const uint32_t window = ergo__build_u32(builder, "attention.sliding_window", 0);
    ergo__value_id x = ergo__layer_embed(builder, sqrtf((float)builder->hparams.embedding));
    ergo__rope_source source = ergo__rope_default(builder);
    ergo__attention full = {
        .rotated = source.rotated, .neox = true, .norms = true, .scale = score_scale(builder)};
    full.angles =
        ergo__plan_angles(&builder->planner, ergo__build_rope(builder, source), source.rotated);
    source.base = ergo__build_f32(builder, "rope.freq_base_swa", LOCAL_BASE);
    source.scaled = false;
    ergo__attention local = full;
    local.window = window;
    local.angles =
        ergo__plan_angles(&builder->planner, ergo__build_rope(builder, source), source.rotated);
    for (uint32_t layer = 0; layer < builder->hparams.layers; layer++)
        x = build_layer(builder, layer, x, window && is_local(builder, layer) ? &local : &full);
    ergo__layer_logits(builder, x, 1.0f);
}

const ergo__family ergo__family_gemma3 = {.arch = "gemma3", .build = build};
