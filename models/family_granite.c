/* SPDX-License-Identifier: Apache-2.0 */
#include "models/family.h"
#include "models/layers.h"

/*
 * Granite 3: like Llama with four fixed factors: on the embedding, on each residual branch, on the
 * scores of attention, and (as a divisor) on the logits. Source: IBM's Granite 3.0 report and
 * muP, arXiv 2203.03466. Files say "rope.scaling.finetuned": false of models without rotary
 * embeddings (Granite 4).
 */

/* A factor that is absent or zero is none. */
static float factor(ergo__builder *builder, const char *key)
{
    const float value = ergo__build_f32(builder, key, 1.0f);
    return value == 0.0f ? 1.0f : value;
}

static void build(ergo__builder *builder)
{
    const float logits = ergo__build_f32(builder, "logit_scale", 0.0f);
    if (logits == 0.0f)
        ergo__build_fail(builder, ERGO_E_FORMAT, "granite.logit_scale is missing or zero");
    const float residual = factor(builder, "residual_scale");
    ergo__value_id x = ergo__layer_embed(builder, factor(builder, "embedding_scale"));
    ergo__attention a = {.rotated = ergo__rope_rotated(builder),
                         .scale = ergo__build_f32(builder, "attention.scale", 0.0f)};
    const ergo__rope *rope = ergo__build_rope(builder, ergo__rope_default(builder));
    a.angles = ergo__build_flag(builder, "rope.scaling.finetuned", 0, true)
                   ? ergo__plan_angles(&builder->planner, rope, a.rotated)
                   : ERGO__NO_VALUE;
    for (uint32_t layer = 0; layer < builder->hparams.layers; layer++)
        x = ergo__layer_common(builder, layer, x, &a, ERGO__SILU, residual);
    ergo__layer_logits(builder, x, 1.0f / logits);
}

const ergo__family ergo__family_granite = {.arch = "granite", .build = build};
