/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_QUANT_SUPER_H
#define ERGO_QUANT_SUPER_H

#include "runtime/quant_fit.h"

/*
 * Super-blocks: 256 elements in groups of 16 or 32, whose scales (and minimums) are themselves
 * small integers times one half per super-block. The search: the best scale of each group alone; a
 * common scale that reaches the largest; for each group the best integers near its own; then the
 * best common scale for the codes so found, and again. The best round wins.
 */

/** Groups with a scale only. */
typedef struct ergo__super_shape {
    int group; /* elements of a group: 16 or 32 */
    ergo__grid grid;
    ergo__candidates candidates;
    int sub_lo; /* least and greatest sub-scale */
    int sub_hi;
} ergo__super_shape;

typedef struct ergo__super {
    float error;
    uint16_t d;
    int16_t sub[16];
    float v[256]; /* grid values */
} ergo__super;

/** Groups with a scale and a minimum, codes from 0. */
typedef struct ergo__super_affine_shape {
    int group;
    int max;     /* greatest code */
    int sub_max; /* greatest sub-scale and sub-minimum */
} ergo__super_affine_shape;

typedef struct ergo__super_affine {
    float error;
    uint16_t d;
    uint16_t dmin;
    uint8_t sub[16];
    uint8_t low[16];
    uint8_t q[256];
} ergo__super_affine;

void ergo__fit_super(const ergo__super_shape *shape, const float *x, const float *w,
                     ergo__super *out);

void ergo__fit_super_affine(const ergo__super_affine_shape *shape, const float *x, const float *w,
                            ergo__super_affine *out);

#endif
