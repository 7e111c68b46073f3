/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attention over F16 pages (runtime/kv.h) for the vectors that were included before. Included once
 * by a source per instruction set.
 */
#include <math.h>

#include "backends/cpu/kernels.h"
#include "runtime/backend.h"
#include "runtime/base/bits.h"

#define P ERGO__PAGE_POSITIONS
#define PARTS ((int)P / LANES)

/* Lanes are positions. All of the page are computed: lanes do not touch each other. */
void ERGO__KERNEL(scores_f16)(const void *keys, const void *query, size_t head_dim, float scale,
                              size_t first, size_t last, float *scores)
{
    const uint16_t *k = keys;
    const float *q = query;
    vf acc[PARTS];
    UNROLL
    for (int v = 0; v < PARTS; v++)
        acc[v] = vf_zero();
    for (size_t i = 0; i < head_dim; i++) {
        UNROLL
        for (int v = 0; v < PARTS; v++)
            acc[v] = vf_fma(vf_all(q[i]), v_of_f16(k + i * P + v * LANES), acc[v]);
    }
    float all[P];
    UNROLL
    for (int v = 0; v < PARTS; v++)
        vf_store(all + v * LANES, vf_mul(acc[v], vf_all(scale)));
    memcpy(scores, all + first, (last - first) * sizeof *scores);
}

/* Vectors of a value that are summed together. */
#define TOGETHER 4

/* out[0 .. count x LANES) += weights x values, for positions `head_dim` apart. */
ALWAYS_INLINE void mix_vectors(int count, const uint16_t *v, const float *weights, size_t head_dim,
                               size_t positions, float *out)
{
    vf acc[TOGETHER];
    UNROLL
    for (int c = 0; c < count; c++)
        acc[c] = vf_load(out + c * LANES);
    for (size_t p = 0; p < positions; p++, v += head_dim) {
        UNROLL
        for (int c = 0; c < count; c++)
            acc[c] = vf_fma(vf_all(weights[p]), v_of_f16(v + c * LANES), acc[c]);
    }
    UNROLL
    for (int c = 0; c < count; c++)
        vf_store(out + c * LANES, acc[c]);
}

/* Lanes are elements. */
void ERGO__KERNEL(mix_f16)(const void *values, const float *weights, size_t head_dim, size_t first,
                           size_t last, float *out)
{
    const uint16_t *v = (const uint16_t *)values + first * head_dim;
    size_t i = 0;
    for (; i + TOGETHER * LANES <= head_dim; i += TOGETHER * LANES)
        mix_vectors(TOGETHER, v + i, weights, head_dim, last - first, out + i);
    for (; i + LANES <= head_dim; i += LANES)
        mix_vectors(1, v + i, weights, head_dim, last - first, out + i);
    for (; i < head_dim; i++)
        for (size_t p = 0; p < last - first; p++)
            out[i] = fmaf(weights[p], ergo__f32_of_f16(v[p * head_dim + i]), out[i]);
}
