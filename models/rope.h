/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_MODELS_ROPE_H
#define ERGO_MODELS_ROPE_H

#include "models/builder.h"

/** Where the angles of a family's rotary embeddings come from. */
typedef struct ergo__rope_source {
    float base;       /* of the geometric row of frequencies */
    uint32_t rotated; /* elements of a head that are turned; even */
    bool scaled;      /* the file's rope.scaling applies */
} ergo__rope_source;

/** Elements of a head that are turned: rope.dimension_count, by default all. */
uint32_t ergo__rope_rotated(ergo__builder *builder);

/** The source that most families use: rope.freq_base (10000), rope.dimension_count, scaling. */
ergo__rope_source ergo__rope_default(ergo__builder *builder);

/**
 * Computes the frequencies, in the arena; NULL while counting. Frequency i is base^(-2i/rotated),
 * divided by the factors that the file's tensors rope_freqs (Llama 3) or rope_factors_short and
 * _long (Phi 3) give, and scaled as rope.scaling says: linear (position interpolation,
 * arXiv 2306.15595) or yarn (arXiv 2309.00071).
 */
const ergo__rope *ergo__build_rope(ergo__builder *builder, ergo__rope_source source);

#endif
