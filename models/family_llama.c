/* SPDX-License-Identifier: Apache-2.0 */
#include "models/family.h"
#include "models/layers.h"

/*
 * Llama, and what is built like it: Llama 2 and 3, TinyLlama, SmolLM2, Mistral. Pre-norm decoder
 * with grouped-query attention, SwiGLU and rotary embeddings over adjacent pairs: converters
 * permute the rows of q and k for that. Source: arXiv 2302.13971, 2307.09288, 2407.21783.
 */
static void build(ergo__builder *builder)
{
    ergo__layers_all(builder, &(ergo__attention){.neox = false}, ERGO__SILU);
}

const ergo__family ergo__family_llama = {.arch = "llama", .build = build};
