/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TESTS_QUANT_MODEL_H
#define ERGO_TESTS_QUANT_MODEL_H

#include "ergo/quant.h"

/*
 * The formats of quantized weights once more, written apart from the library: one element at a
 * time, each bit looked up where the format says it is. Slow, and meant to be compared with.
 */

/** value = scale * sub * q + offset * low; 1 for a `sub` or `low` that the type lacks. */
typedef struct quant_model_element {
    float scale;
    float offset; /* 0 where the type has none */
    int sub;
    int low;
    int q;
} quant_model_element;

/** Element `i` of a row that starts at `row`. Not for F32, F16 and BF16. */
quant_model_element quant_model_get(ergo_type type, const unsigned char *row, size_t i);

/**
 * Fills a row of `n` elements with random bits, but for the scales, which are random numbers of
 * either sign around `scale`. Dense types get random numbers around `scale`.
 */
void quant_model_fill(ergo_type type, unsigned char *row, size_t n, float scale, uint64_t *seed);

/** Next number of a small generator; `seed` must not be 0. */
uint64_t quant_model_random(uint64_t *seed);

#endif
