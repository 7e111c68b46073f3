/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/cpu/arm/neon.h"
#include "backends/cpu/packed.h"

/*
 * Packed float weights (packed.h) times floats: 16 rows are four vectors, the sums of up to four
 * tokens stay in registers. Types and counts are constants wherever these functions are expanded.
 */

#define ERGO_CPU_VARIANT neon
#define ROWS ERGO__STRIP_ROWS
#define VECTORS 4
#define TOKENS 4

/* One weight of each of 16 rows. */
ALWAYS_INLINE void load_weights(ergo_type type, const uint8_t *at, float32x4_t w[VECTORS])
{
    UNROLL
    for (int v = 0; v < VECTORS; v += 2) {
        if (type == ERGO_TYPE_F32) {
            w[v] = vreinterpretq_f32_u8(vld1q_u8(at + 16 * v));
            w[v + 1] = vreinterpretq_f32_u8(vld1q_u8(at + 16 * v + 16));
            continue;
        }
        const uint16x8_t bits = vreinterpretq_u16_u8(vld1q_u8(at + 8 * v));
        if (type == ERGO_TYPE_F16) {
            f32_of_f16(bits, w + v);
        } else {
            w[v] = vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(bits), 16));
            w[v + 1] = vreinterpretq_f32_u32(vshll_n_u16(vget_high_u16(bits), 16));
        }
    }
}

/* Where a call reads and writes. */
typedef struct job {
    const uint8_t *strip;
    size_t k;
    const uint8_t *x;
    size_t x_stride;
    float *out;
    size_t out_stride;
    size_t rows; /* of the strip, that are wanted */
} job;

ALWAYS_INLINE const float *token_of(const job *j, int t)
{
    return (const void *)(j->x + (size_t)t * j->x_stride);
}

/* The products of one element, for lane `lane` of each token's vector. */
#define ADD_ELEMENT(lane)                                                                          \
    do {                                                                                           \
        float32x4_t w[VECTORS];                                                                    \
        load_weights(type, at + (lane)*row_bytes, w);                                              \
        UNROLL                                                                                     \
        for (int t = 0; t < count; t++) {                                                          \
            UNROLL                                                                                 \
            for (int v = 0; v < VECTORS; v++)                                                      \
                acc[t][v] = FMA_LANE(acc[t][v], w[v], x[t], lane);                                 \
        }                                                                                          \
    } while (0)

ALWAYS_INLINE void multiply_strip(ergo_type type, int count, const job *j)
{
    const size_t row_bytes = ROWS * ergo__packed_form_of(type).bits / 8u;
    const uint8_t *at = j->strip;
    float32x4_t acc[TOKENS][VECTORS];
    float32x4_t x[TOKENS];
    UNROLL
    for (int t = 0; t < count; t++) {
        UNROLL
        for (int v = 0; v < VECTORS; v++)
            acc[t][v] = vdupq_n_f32(0.0f);
    }
    size_t i = 0;
    for (; i + 4 <= j->k; i += 4, at += 4 * row_bytes) {
        UNROLL
        for (int t = 0; t < count; t++)
            x[t] = vld1q_f32(token_of(j, t) + i);
        ADD_ELEMENT(0);
        ADD_ELEMENT(1);
        ADD_ELEMENT(2);
        ADD_ELEMENT(3);
    }
    for (; i < j->k; i++, at += row_bytes) {
        UNROLL
        for (int t = 0; t < count; t++)
            x[t] = vdupq_n_f32(token_of(j, t)[i]);
        ADD_ELEMENT(0);
    }
    UNROLL
    for (int t = 0; t < count; t++)
        memcpy(j->out + (size_t)t * j->out_stride, acc[t], j->rows * sizeof(float));
}

ALWAYS_INLINE void multiply(ergo_type type, const uint8_t *w, size_t strip_bytes, size_t k,
                            const uint8_t *x, size_t x_stride, float *out, size_t out_stride,
                            size_t rows, size_t tokens)
{
    for (size_t r = 0; r < rows; r += ROWS, w += strip_bytes) {
        const size_t wanted = rows - r < ROWS ? rows - r : ROWS;
        job j = {w, k, x, x_stride, out + r, out_stride, wanted};
        for (size_t t = 0, count; t < tokens; t += count) {
            count = tokens - t >= TOKENS ? TOKENS : 1;
            if (count == TOKENS)
                multiply_strip(type, TOKENS, &j);
            else
                multiply_strip(type, 1, &j);
            j.x += count * x_stride;
            j.out += count * out_stride;
        }
    }
}

#define ERGO__PACKED(TYPE, name)
#define ERGO__PACKED_DENSE(TYPE, name)                                                             \
    void ERGO__KERNEL(packed_##name)(const void *w, size_t strip_bytes, size_t k, const void *x,   \
                                     size_t x_stride, float *out, size_t out_stride, size_t rows,  \
                                     size_t tokens)                                                \
    {                                                                                              \
        multiply(ERGO_TYPE_##TYPE, w, strip_bytes, k, x, x_stride, out, out_stride, rows, tokens); \
    }
#include "backends/cpu/kernels.inc"
