/* SPDX-License-Identifier: Apache-2.0 */
#include "models/family.h"
#include "models/layers.h"

/*
 * SmolLM 3: like Llama, but every fourth layer has no rotary embedding (NoPE, arXiv 2501.18795).
 * Source: huggingface.co/blog/smollm3.
 */
#define NOPE_INTERVAL 4u

static void build(ergo__builder *builder)
{
    ergo__value_id x = ergo__layer_embed(builder, 1.0f);
    ergo__attention turned = {.rotated = ergo__rope_rotated(builder)};
    const ergo__rope *rope = ergo__build_rope(builder, ergo__rope_default(builder));
    turned.angles = ergo__plan_angles(&builder->planner, rope, turned.rotated);
    const ergo__attention plain = {.angles = ERGO__NO_VALUE};
    for (uint32_t layer = 0; layer < builder->hparams.layers; layer++) {
        const bool nope = (layer + 1) % NOPE_INTERVAL == 0;
        x = ergo__layer_common(builder, layer, x, nope ? &plain : &turned, ERGO__SILU, 1.0f);
    }
    ergo__layer_logits(builder, x, 1.0f);
}

const ergo__family ergo__family_smollm3 = {.arch = "smollm3", .build = build};
