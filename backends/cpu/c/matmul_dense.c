/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "backends/cpu/kernels.h"
#include "runtime/base/bits.h"

/*
 * Float weights times float activations: acc = fmaf(w[i], x[i], acc) in order. One sum cannot be
 * split, so LANES rows run side by side, a chunk of their weights turned so that they lie together.
 */

#define LANES 16
#define CHUNK 32
#define TILE 16 /* tokens */

static inline float load_f32(const uint8_t *p)
{
    return ergo__f32_of_bits(ergo__load_u32(p));
}

static inline float load_f16(const uint8_t *p)
{
    return ergo__f32_of_f16(ergo__load_u16(p));
}

static inline float load_bf16(const uint8_t *p)
{
    return ergo__f32_of_bf16(ergo__load_u16(p));
}

/* Goes on with the sums of LANES rows over `count` elements. */
static inline void accumulate(float w[CHUNK][LANES], const float *x, size_t count, float acc[LANES])
{
    float sum[LANES];
    for (int l = 0; l < LANES; l++)
        sum[l] = acc[l];
    for (size_t i = 0; i < count; i++)
        for (int l = 0; l < LANES; l++)
            sum[l] = fmaf(w[i][l], x[i], sum[l]);
    for (int l = 0; l < LANES; l++)
        acc[l] = sum[l];
}

#define DENSE(type, bytes)                                                                         \
    static void rows_##type(const uint8_t *w, size_t row_bytes, size_t k, const uint8_t *x,        \
                            size_t x_stride, float *out, size_t out_stride, size_t rows,           \
                            size_t tokens)                                                         \
    {                                                                                              \
        float turned[CHUNK][LANES] = {{0}};                                                        \
        float acc[TILE][LANES] = {{0}};                                                            \
        for (size_t i = 0; i < k; i += CHUNK) {                                                    \
            const size_t count = k - i < CHUNK ? k - i : CHUNK;                                    \
            for (size_t r = 0; r < rows; r++)                                                      \
                for (size_t j = 0; j < count; j++)                                                 \
                    turned[j][r] = load_##type(w + r * row_bytes + (i + j) * (bytes));             \
            for (size_t t = 0; t < tokens; t++) {                                                  \
                const float *vector = (const void *)(x + t * x_stride);                            \
                accumulate(turned, vector + i, count, acc[t]);                                     \
            }                                                                                      \
        }                                                                                          \
        for (size_t t = 0; t < tokens; t++)                                                        \
            for (size_t r = 0; r < rows; r++)                                                      \
                out[t * out_stride + r] = acc[t][r];                                               \
    }                                                                                              \
                                                                                                   \
    void ERGO__KERNEL(matmul_##type)(const void *w, size_t row_bytes, size_t k, const void *x,     \
                                     size_t x_stride, float *out, size_t out_stride, size_t rows,  \
                                     size_t tokens)                                                \
    {                                                                                              \
        for (size_t t = 0; t < tokens; t += TILE) {                                                \
            const uint8_t *tile = (const uint8_t *)x + t * x_stride;                               \
            const size_t tile_tokens = tokens - t < TILE ? tokens - t : TILE;                      \
            for (size_t r = 0; r < rows; r += LANES) {                                             \
                const size_t lanes = rows - r < LANES ? rows - r : LANES;                          \
                rows_##type((const uint8_t *)w + r * row_bytes, row_bytes, k, tile, x_stride,      \
                            out + t * out_stride + r, out_stride, lanes, tile_tokens);             \
            }                                                                                      \
        }                                                                                          \
    }

DENSE(f32, 4)
DENSE(f16, 2)
DENSE(bf16, 2)
