/* SPDX-License-Identifier: Apache-2.0 */
#include "models/family.h"
#include "models/layers.h"

/*
 * Qwen 3: like Qwen 2 without biases; q and k are normalised per head before they are turned, and
 * the size of a head is its own number. Source: arXiv 2505.09388.
 */
static void build(ergo__builder *builder)
{
    ergo__layers_all(builder, &(ergo__attention){.neox = true, .norms = true}, ERGO__SILU);
}

const ergo__family ergo__family_qwen3 = {.arch = "qwen3", .build = build};
