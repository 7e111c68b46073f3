/* SPDX-License-Identifier: Apache-2.0 */
#define ERGO_CPU_VARIANT neon

#include <math.h>
#include <string.h>

#include "backends/cpu/arm/neon.h"
#include "backends/cpu/arm/scores_q8.h"
#include "backends/cpu/kernels.h"
#include "runtime/backend.h"
#include "runtime/base/bits.h"
#include "runtime/kv.h"

/* Attention over pages (runtime/kv.h): what is converted to floats serves several queries. */

#define P ERGO__PAGE_POSITIONS

/* Most queries at once, and the vectors of four that are then summed, as registers allow. */
#if defined(__aarch64__)
#define QUERIES 8
#define VECTORS(queries) ((queries) <= 4 ? 4 : 2)
#else
#define QUERIES 4
#define VECTORS(queries) ((queries) <= 2 ? 4 : 2)
#endif
#define WIDEST 16 /* elements of the vectors */

/* How rows are stored: elements of binary16, or int8. */
typedef enum row_form { F16, I8 } row_form;

ALWAYS_INLINE void load_eight(row_form form, const unsigned char *from, float32x4_t out[2])
{
    if (form == F16) {
        f32_of_f16(vreinterpretq_u16_u8(vld1q_u8(from)), out);
        return;
    }
    const int16x8_t wide = vmovl_s8(vreinterpret_s8_u8(vld1_u8(from)));
    out[0] = vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide)));
    out[1] = vcvtq_f32_s32(vmovl_s16(vget_high_s16(wide)));
}

/* Adds one row to the sums of each query, times lane `lane` of its factors. */
#define ADD_ROW(lane)                                                                              \
    do {                                                                                           \
        float32x4_t row[4];                                                                        \
        UNROLL                                                                                     \
        for (int v = 0; v < vectors; v += 2)                                                       \
            load_eight(form, rows + v * (form == F16 ? 8 : 4), row + v);                           \
        UNROLL                                                                                     \
        for (int j = 0; j < queries; j++) {                                                        \
            UNROLL                                                                                 \
            for (int v = 0; v < vectors; v++)                                                      \
                acc[j][v] = FMA_LANE(acc[j][v], row[v], factor[j], lane);                          \
        }                                                                                          \
        rows += row_bytes;                                                                         \
    } while (0)

/*
 * sums[j x sums_stride + e] += factors[j x stride + i] x element e of row i, i ascending, for the
 * first `vectors` x 4 elements of rows that are row_bytes apart.
 */
ALWAYS_INLINE void add_rows(row_form form, int queries, int vectors, const unsigned char *rows,
                            size_t row_bytes, size_t count, const float *factors, size_t stride,
                            float *sums, size_t sums_stride)
{
    float32x4_t acc[QUERIES][4], factor[QUERIES];
    UNROLL
    for (int j = 0; j < queries; j++) {
        UNROLL
        for (int v = 0; v < vectors; v++)
            acc[j][v] = vld1q_f32(sums + (size_t)j * sums_stride + 4 * v);
    }
    size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        UNROLL
        for (int j = 0; j < queries; j++)
            factor[j] = vld1q_f32(factors + (size_t)j * stride + i);
        ADD_ROW(0);
        ADD_ROW(1);
        ADD_ROW(2);
        ADD_ROW(3);
    }
    for (; i < count; i++) {
        UNROLL
        for (int j = 0; j < queries; j++)
            factor[j] = vdupq_n_f32(factors[(size_t)j * stride + i]);
        ADD_ROW(0);
    }
    UNROLL
    for (int j = 0; j < queries; j++) {
        UNROLL
        for (int v = 0; v < vectors; v++)
            vst1q_f32(sums + (size_t)j * sums_stride + 4 * v, acc[j][v]);
    }
}

#define CASE(queries)                                                                              \
    case queries:                                                                                  \
        add_rows(form, queries, VECTORS(queries), rows, row_bytes, count, factors, stride, sums,   \
                 sums_stride);                                                                     \
        break;

/* add_rows for 1 to QUERIES queries and as many vectors as go with them. */
ALWAYS_INLINE void add_any(row_form form, size_t queries, const unsigned char *rows,
                           size_t row_bytes, size_t count, const float *factors, size_t stride,
                           float *sums, size_t sums_stride)
{
    switch (queries) {
        CASE(1)
        CASE(2)
        CASE(3)
        CASE(4)
#if QUERIES == 8
        CASE(5)
        CASE(6)
        CASE(7)
        CASE(8)
#endif
    }
}

static void add_f16(size_t queries, const unsigned char *rows, size_t row_bytes, size_t count,
                    const float *factors, size_t stride, float *sums, size_t sums_stride)
{
    add_any(F16, queries, rows, row_bytes, count, factors, stride, sums, sums_stride);
}

static void add_i8(size_t queries, const unsigned char *rows, size_t row_bytes, size_t count,
                   const float *factors, size_t stride, float *sums, size_t sums_stride)
{
    add_any(I8, queries, rows, row_bytes, count, factors, stride, sums, sums_stride);
}

/* How many of `left` queries to take next, so that the parts are alike. */
static size_t part_of(size_t left)
{
    const size_t parts = (left + QUERIES - 1) / QUERIES;
    return (left + parts - 1) / parts;
}

/* Lanes are positions. Those around first..last are computed with them: lanes do not touch. */
void ERGO__KERNEL(scores_f16)(const void *keys, const void *query, size_t queries, size_t head_dim,
                              float scale, size_t first, size_t last, float *scores, size_t stride)
{
    const unsigned char *k = keys;
    const float *q = query;
    for (size_t taken; queries > 0; queries -= taken) {
        taken = part_of(queries);
        const size_t width = 4 * VECTORS(taken);
        float all[QUERIES][P];
        memset(all, 0, taken * sizeof *all);
        for (size_t p = first / width * width; p < last; p += width)
            add_f16(taken, k + 2 * p, 2 * P, head_dim, q, head_dim, all[0] + p, P);
        for (size_t j = 0; j < taken; j++, scores += stride)
            for (size_t p = first; p < last; p++)
                scores[p - first] = all[j][p] * scale;
        q += taken * head_dim;
    }
}

/*
 * Lanes are elements: the first n of rows as add_rows has them, for up to QUERIES queries whose
 * sums are `head_dim` apart.
 */
static void mix(row_form form, const unsigned char *rows, size_t row_bytes, size_t positions,
                const float *weights, size_t stride, size_t queries, size_t head_dim, size_t n,
                float *out)
{
    const size_t bytes = form == F16 ? 2 : 1, width = 4 * VECTORS(queries);
    size_t i = 0;
    for (; i + width <= n; i += width)
        (form == F16 ? add_f16 : add_i8)(queries, rows + i * bytes, row_bytes, positions, weights,
                                         stride, out + i, head_dim);
    for (; i + 8 <= n; i += 8)
        for (size_t j = 0; j < queries; j++)
            add_rows(form, 1, 2, rows + i * bytes, row_bytes, positions, weights + j * stride,
                     stride, out + j * head_dim + i, head_dim);
    for (; i < n; i++)
        for (size_t j = 0; j < queries; j++)
            for (size_t p = 0; p < positions; p++) {
                const unsigned char *at = rows + p * row_bytes + i * bytes;
                const float value =
                    form == F16 ? ergo__f32_of_f16(ergo__load_u16(at)) : (float)(int8_t)*at;
                out[j * head_dim + i] = fmaf(weights[j * stride + p], value, out[j * head_dim + i]);
            }
}

void ERGO__KERNEL(mix_f16)(const void *values, const float *weights, size_t stride, size_t queries,
                           size_t head_dim, size_t first, size_t last, float *out)
{
    const unsigned char *v = (const unsigned char *)values + 2 * first * head_dim;
    for (size_t taken; queries > 0; queries -= taken) {
        taken = part_of(queries);
        mix(F16, v, 2 * head_dim, last - first, weights, stride, taken, head_dim, head_dim, out);
        weights += taken * stride;
        out += taken * head_dim;
    }
}

/* factors[j][p] = weights[j x stride + p] x the scale of the block at rows + p x row_bytes. */
static void scale_weights(const unsigned char *rows, size_t row_bytes, size_t positions,
                          const float *weights, size_t stride, size_t queries, float factors[][P])
{
    uint16_t halves[P] = {0};
    float scale[P];
    for (size_t p = 0; p < positions; p++)
        halves[p] = ergo__load_u16(rows + p * row_bytes);
    for (size_t p = 0; p < P; p += 8) {
        float32x4_t both[2];
        f32_of_f16(vld1q_u16(halves + p), both);
        vst1q_f32(scale + p, both[0]);
        vst1q_f32(scale + p + 4, both[1]);
    }
    for (size_t j = 0; j < queries; j++)
        for (size_t p = 0; p < positions; p++)
            factors[j][p] = weights[j * stride + p] * scale[p];
}

void ERGO__KERNEL(mix_q8_0)(const void *values, const float *weights, size_t stride, size_t queries,
                            size_t head_dim, size_t first, size_t last, float *out)
{
    const size_t blocks = (head_dim + ERGO__KV_BLOCK - 1) / ERGO__KV_BLOCK;
    const size_t bytes = blocks * ERGO__KV_BLOCK_BYTES;
    for (size_t taken; queries > 0; queries -= taken) {
        const unsigned char *rows = (const unsigned char *)values + first * bytes;
        taken = part_of(queries);
        for (size_t i = 0; i < head_dim; i += ERGO__KV_BLOCK, rows += ERGO__KV_BLOCK_BYTES) {
            const size_t n = head_dim - i < ERGO__KV_BLOCK ? head_dim - i : ERGO__KV_BLOCK;
            float factors[QUERIES][P];
            scale_weights(rows, bytes, last - first, weights, stride, taken, factors);
            mix(I8, rows + 2, bytes, last - first, factors[0], P, taken, head_dim, n, out + i);
        }
        weights += taken * stride;
        out += taken * head_dim;
    }
}
