/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attention over F16 pages (runtime/kv.h) for the vectors that were included before. Included once
 * by a source per instruction set. What is converted serves several queries: up to QUERIES.
 */
#include <math.h>

#include "backends/cpu/kernels.h"
#include "runtime/backend.h"
#include "runtime/base/bits.h"

#define P ERGO__PAGE_POSITIONS

/* Vectors of positions (or of elements of a value) that are computed together for one query, or
 * for several: enough sums to hide the latency of adding, few enough to stay in registers. */
#define FOR_ONE 4
#define FOR_MANY 2
#define VECTORS(queries) ((queries) == 1 && LANES == 8 ? FOR_ONE : FOR_MANY)

/*
 * Lanes are positions. All of the page are computed, as lanes do not touch each other, and those
 * from `first` on kept.
 */
ALWAYS_INLINE void score_queries(int queries, const uint16_t *k, const float *q, size_t head_dim,
                                 float scale, size_t first, size_t count, float *scores,
                                 size_t stride)
{
    enum { MOST = QUERIES * FOR_MANY };
    const int vectors = VECTORS(queries);
    float all[QUERIES][P];
    for (size_t start = 0; start < P; start += (size_t)(vectors * LANES)) {
        vf acc[MOST];
        UNROLL
        for (int i = 0; i < queries * vectors; i++)
            acc[i] = vf_zero();
        for (size_t i = 0; i < head_dim; i++) {
            vf key[FOR_ONE];
            UNROLL
            for (int v = 0; v < vectors; v++)
                key[v] = v_of_f16(k + i * P + start + (size_t)(v * LANES));
            UNROLL
            for (int j = 0; j < queries; j++) {
                const vf element = vf_all(q[(size_t)j * head_dim + i]);
                UNROLL
                for (int v = 0; v < vectors; v++)
                    acc[j * vectors + v] = vf_fma(element, key[v], acc[j * vectors + v]);
            }
        }
        UNROLL
        for (int j = 0; j < queries; j++) {
            UNROLL
            for (int v = 0; v < vectors; v++)
                vf_store(all[j] + start + v * LANES, vf_mul(acc[j * vectors + v], vf_all(scale)));
        }
    }
    for (size_t j = 0; j < (size_t)queries; j++)
        memcpy(scores + j * stride, all[j] + first, count * sizeof *scores);
}

void ERGO__KERNEL(scores_f16)(const void *keys, const void *query, size_t queries, size_t head_dim,
                              float scale, size_t first, size_t last, float *scores, size_t stride)
{
    const float *q = query;
    const size_t count = last - first;
    size_t j = 0;
    for (; j + QUERIES <= queries; j += QUERIES)
        score_queries(QUERIES, keys, q + j * head_dim, head_dim, scale, first, count,
                      scores + j * stride, stride);
    for (; j + 2 <= queries; j += 2)
        score_queries(2, keys, q + j * head_dim, head_dim, scale, first, count, scores + j * stride,
                      stride);
    if (j < queries)
        score_queries(1, keys, q + j * head_dim, head_dim, scale, first, count, scores + j * stride,
                      stride);
}

/* The same vectors of all values, which are `head_dim` apart, into those of each query. */
ALWAYS_INLINE void mix_vectors(int queries, int vectors, const uint16_t *v, const float *weights,
                               size_t stride, size_t head_dim, size_t positions, float *out)
{
    enum { MOST = QUERIES * FOR_MANY };
    vf acc[MOST];
    UNROLL
    for (int j = 0; j < queries; j++) {
        UNROLL
        for (int c = 0; c < vectors; c++)
            acc[j * vectors + c] = vf_load(out + (size_t)j * head_dim + c * LANES);
    }
    for (size_t p = 0; p < positions; p++, v += head_dim) {
        vf value[FOR_ONE];
        UNROLL
        for (int c = 0; c < vectors; c++)
            value[c] = v_of_f16(v + c * LANES);
        UNROLL
        for (int j = 0; j < queries; j++) {
            const vf weight = vf_all(weights[(size_t)j * stride + p]);
            UNROLL
            for (int c = 0; c < vectors; c++)
                acc[j * vectors + c] = vf_fma(weight, value[c], acc[j * vectors + c]);
        }
    }
    UNROLL
    for (int j = 0; j < queries; j++) {
        UNROLL
        for (int c = 0; c < vectors; c++)
            vf_store(out + (size_t)j * head_dim + c * LANES, acc[j * vectors + c]);
    }
}

/* Lanes are elements. */
ALWAYS_INLINE void mix_queries(int queries, const uint16_t *v, const float *weights, size_t stride,
                               size_t head_dim, size_t positions, float *out)
{
    const size_t together = (size_t)((queries == 1 ? FOR_ONE : FOR_MANY) * LANES);
    size_t i = 0;
    for (; i + together <= head_dim; i += together)
        mix_vectors(queries, (int)together / LANES, v + i, weights, stride, head_dim, positions,
                    out + i);
    for (; i + LANES <= head_dim; i += LANES)
        mix_vectors(queries, 1, v + i, weights, stride, head_dim, positions, out + i);
    for (; i < head_dim; i++)
        for (size_t j = 0; j < (size_t)queries; j++)
            for (size_t p = 0; p < positions; p++)
                out[j * head_dim + i] =
                    fmaf(weights[j * stride + p], ergo__f32_of_f16(v[p * head_dim + i]),
                         out[j * head_dim + i]);
}

void ERGO__KERNEL(mix_f16)(const void *values, const float *weights, size_t stride, size_t queries,
                           size_t head_dim, size_t first, size_t last, float *out)
{
    const uint16_t *v = (const uint16_t *)values + first * head_dim;
    const size_t positions = last - first;
    size_t j = 0;
    for (; j + QUERIES <= queries; j += QUERIES)
        mix_queries(QUERIES, v, weights + j * stride, stride, head_dim, positions,
                    out + j * head_dim);
    for (; j + 2 <= queries; j += 2)
        mix_queries(2, v, weights + j * stride, stride, head_dim, positions, out + j * head_dim);
    if (j < queries)
        mix_queries(1, v, weights + j * stride, stride, head_dim, positions, out + j * head_dim);
}
