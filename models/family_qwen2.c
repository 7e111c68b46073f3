/* SPDX-License-Identifier: Apache-2.0 */
#include "models/family.h"
#include "models/layers.h"

/*
 * Qwen 2 and 2.5: like Llama, with biases on q, k and v, and rotary embeddings over the halves of
 * a head. Source: arXiv 2407.10671.
 */
static void build(ergo__builder *builder)
{
    ergo__layers_all(builder, &(ergo__attention){.neox = true}, ERGO__SILU);
}

const ergo__family ergo__family_qwen2 = {.arch = "qwen2", .build = build};
