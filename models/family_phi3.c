/* SPDX-License-Identifier: Apache-2.0 */
#include "models/family.h"
#include "models/layers.h"

/*
 * Phi 3, 3.5 and 4-mini: like Llama with q, k, v in one matrix, gate and up in another, rotary
 * embeddings over the halves of (a part of) a head, and two sets of frequency factors for contexts
 * below and above the original one. Source: arXiv 2404.14219 and LongRoPE, 2402.13753. Its sliding
 * window is not applied, as in other runtimes of GGUF files.
 */
static void build(ergo__builder *builder)
{
    ergo__layers_all(builder, &(ergo__attention){.neox = true}, ERGO__SILU);
}

const ergo__family ergo__family_phi3 = {.arch = "phi3", .build = build};
