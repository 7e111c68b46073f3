/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_QUANT_FIT_H
#define ERGO_QUANT_FIT_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/bits.h"

/*
 * Least-squares search of scales and minimums: the common part of the encoders. Everything works on
 * groups of `n` elements, a multiple of 8 up to ERGO__FIT_MAX, with weights `w` of the squared
 * error. Only IEEE operations in a fixed order, so that every machine finds the same codes.
 */

#define ERGO__FIT_MAX 256

/** Values that a code can stand for: the integers lo..hi, or 16 ascending `values`. */
typedef struct ergo__grid {
    float lo;
    float hi;
    const int8_t *values; /* NULL for the integers */
} ergo__grid;

/**
 * Candidate scales: the element of largest magnitude is mapped to `-first`, and then to values
 * `step` further from zero each, `count` in all; the same on the other side from `first_up`.
 */
typedef struct ergo__candidates {
    float first;
    float first_up;
    float step;
    int count;
} ergo__candidates;

typedef struct ergo__affine {
    float scale;
    float min;
} ergo__affine;

/** Nearest integer, half to even; |v| < 2^22. */
static inline float ergo__round_even(float v)
{
    return (v + 12582912.0f) - 12582912.0f;
}

/** `v` within lo..hi; lo for NaN. */
static inline float ergo__clamp(float v, float lo, float hi)
{
    const float above = v > lo ? v : lo;
    return above < hi ? above : hi;
}

/** The half nearest to `v`, kept finite. */
static inline uint16_t ergo__finite_f16(float v)
{
    return ergo__f16_of_f32(ergo__clamp(v, -65504.0f, 65504.0f));
}

/** `v` rounded to a half, as the decoder will see it. */
static inline float ergo__through_f16(float v)
{
    return ergo__f32_of_f16(ergo__finite_f16(v));
}

static inline float ergo__magnitude(float v)
{
    return v < 0.0f ? -v : v;
}

/** 1 / v, or 0 for 0: a scale of zero has only the code zero. */
static inline float ergo__inverse(float v)
{
    return v != 0.0f ? 1.0f / v : 0.0f;
}

/** Rounds x * inverse to the grid. */
void ergo__grid_round(const ergo__grid *grid, const float *x, float inverse, float *v, int n);

/** Weighted squared error of (scale * v + offset) against `x`. */
float ergo__fit_error(const float *x, const float *w, const float *v, int n, float scale,
                      float offset);

/** Rounds x / scale to the grid and returns the weighted squared error. */
float ergo__fit_codes(const ergo__grid *grid, const float *x, const float *w, int n, float scale,
                      float *v);

/** The scale of either sign with the least error over the candidates, each refined; 0 for zeros. */
float ergo__fit_scale(const ergo__grid *grid, const ergo__candidates *candidates, const float *x,
                      const float *w, int n);

/**
 * Scale and minimum for the codes 0..max. With `negative_min` the minimum is at most 0. The scale
 * is 0 where a constant says it all.
 */
ergo__affine ergo__fit_affine(const float *x, const float *w, int n, int max, bool negative_min);

#endif
