/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "backends/cpu/kernels.h"
#include "runtime/quant_blocks.h"

/*
 * Weights times quantized activations, as defined in kernels.h: 256 weights of a row are unpacked
 * together (which also keeps the loads of the codes well behind their stores) and used for a tile
 * of tokens.
 */

#define GROUP 256
#define GROUP_Q8 (GROUP / ERGO__Q8_ELEMENTS)
#define TILE 16

/* 32 weights, ready to be multiplied: sub-scales are in the codes. */
typedef struct ready {
    float scale;
    float offset;
    int16_t low[2];
    _Alignas(32) int16_t q[32];
} ready;

static inline void prepare_scaled(const ergo__unit *u, int b, ready *out)
{
    out->scale = u->scale[b];
    for (int i = 0; i < 32; i++)
        out->q[i] = u->q[32 * b + i];
}

static inline void prepare_offset(const ergo__unit *u, int b, ready *out)
{
    prepare_scaled(u, b, out);
    out->offset = u->offset[b];
    out->low[0] = 1;
    out->low[1] = 1;
}

static inline void prepare_sub(const ergo__unit *u, int b, ready *out)
{
    out->scale = u->scale[0];
    for (int i = 0; i < 16; i++) {
        out->q[i] = (int16_t)(u->sub[2 * b] * u->q[32 * b + i]);
        out->q[i + 16] = (int16_t)(u->sub[2 * b + 1] * u->q[32 * b + 16 + i]);
    }
}

static inline void prepare_sub_offset(const ergo__unit *u, int b, ready *out)
{
    prepare_sub(u, b, out);
    out->offset = u->offset[0];
    out->low[0] = u->low[2 * b];
    out->low[1] = u->low[2 * b + 1];
}

static inline float accumulate(const ready *w, const ergo__q8_block *x, bool has_offset, float acc)
{
    int32_t dot = 0;
    for (int i = 0; i < 32; i++)
        dot += (int32_t)w->q[i] * (int32_t)x->q[i];
    acc = fmaf(w->scale * x->d, (float)dot, acc);
    if (has_offset) {
        const int32_t low = w->low[0] * x->sum[0] + w->low[1] * x->sum[1];
        acc = fmaf(w->offset * x->d, (float)low, acc);
    }
    return acc;
}

static inline void accumulate_tile(const ready *w, size_t blocks, const uint8_t *x, size_t x_stride,
                                   size_t tokens, bool has_offset, float acc[TILE])
{
    for (size_t t = 0; t < tokens; t++) {
        const ergo__q8_block *q8 = (const void *)(x + t * x_stride);
        float sum = acc[t];
        for (size_t b = 0; b < blocks; b++)
            sum = accumulate(&w[b], q8 + b, has_offset, sum);
        acc[t] = sum;
    }
}

#define MATMUL(TYPE, type, elements, prepare, has_offset)                                          \
    static void row_##type(const uint8_t *w, size_t k, const uint8_t *x, size_t x_stride,          \
                           float *out, size_t out_stride, size_t tokens)                           \
    {                                                                                              \
        float acc[TILE] = {0};                                                                     \
        ergo__unit unit[GROUP / (elements)];                                                       \
        ready group[GROUP_Q8];                                                                     \
        for (size_t i = 0; i < k; i += GROUP) {                                                    \
            const size_t units = (k - i < GROUP ? k - i : GROUP) / (elements);                     \
            size_t filled = 0;                                                                     \
            for (size_t u = 0; u < units; u++, w += ERGO__##TYPE##_BYTES)                          \
                ergo__unpack_##type(w, &unit[u]);                                                  \
            for (size_t u = 0; u < units; u++)                                                     \
                for (int b = 0; b < (elements) / 32; b++)                                          \
                    prepare(&unit[u], b, &group[filled++]);                                        \
            accumulate_tile(group, filled, x, x_stride, tokens, has_offset, acc);                  \
            x += filled * sizeof(ergo__q8_block);                                                  \
        }                                                                                          \
        for (size_t t = 0; t < tokens; t++)                                                        \
            out[t * out_stride] = acc[t];                                                          \
    }                                                                                              \
                                                                                                   \
    void ERGO__KERNEL(matmul_##type)(const void *w, size_t row_bytes, size_t k, const void *x,     \
                                     size_t x_stride, float *out, size_t out_stride, size_t rows,  \
                                     size_t tokens)                                                \
    {                                                                                              \
        for (size_t t = 0; t < tokens; t += TILE) {                                                \
            const uint8_t *tile = (const uint8_t *)x + t * x_stride;                               \
            const size_t count = tokens - t < TILE ? tokens - t : TILE;                            \
            for (size_t r = 0; r < rows; r++)                                                      \
                row_##type((const uint8_t *)w + r * row_bytes, k, tile, x_stride,                  \
                           out + t * out_stride + r, out_stride, count);                           \
        }                                                                                          \
    }

MATMUL(Q4_0, q4_0, 32, prepare_scaled, false)
MATMUL(Q4_1, q4_1, 32, prepare_offset, true)
MATMUL(Q5_0, q5_0, 32, prepare_scaled, false)
MATMUL(Q5_1, q5_1, 32, prepare_offset, true)
MATMUL(Q8_0, q8_0, 32, prepare_scaled, false)
MATMUL(Q2_K, q2_k, 256, prepare_sub_offset, true)
MATMUL(Q3_K, q3_k, 256, prepare_sub, false)
MATMUL(Q4_K, q4_k, 256, prepare_offset, true)
MATMUL(Q5_K, q5_k, 256, prepare_offset, true)
MATMUL(Q6_K, q6_k, 256, prepare_sub, false)
MATMUL(IQ4_NL, iq4_nl, 32, prepare_scaled, false)
MATMUL(IQ4_XS, iq4_xs, 256, prepare_scaled, false)
MATMUL(TQ1_0, tq1_0, 256, prepare_scaled, false)
MATMUL(TQ2_0, tq2_0, 256, prepare_scaled, false)
MATMUL(MXFP4, mxfp4, 32, prepare_scaled, false)
