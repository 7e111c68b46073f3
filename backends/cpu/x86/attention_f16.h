/* SPDX-License-Identifier: Apache-2.0 */
/* Attention over F16 pages. Included once by a source per instruction set. */

#include "backends/cpu/x86/attention.h"

/*
 * Lanes are positions. All of the page are computed, as lanes do not touch each other, and those
 * from `first` on kept.
 */
ALWAYS_INLINE void score_f16(int queries, const uint16_t *k, const float *q, size_t head_dim,
                             float scale, size_t first, size_t count, float *scores, size_t stride)
{
    const int vectors = queries == 1 ? (int)P / LANES : TOGETHER;
    float all[QUERIES][P];
    for (size_t start = 0; start < P; start += (size_t)(vectors * LANES)) {
        vf acc[QUERIES * TOGETHER];
        UNROLL
        for (int i = 0; i < queries * vectors; i++)
            acc[i] = vf_zero();
        for (size_t i = 0; i < head_dim; i++) {
            vf key[P / LANES];
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
    const size_t share = even_share(queries);
    for (size_t j = 0, n; j < queries; j += n, q += n * head_dim, scores += n * stride) {
        n = queries - j < share ? queries - j : share;
        switch (n) {
#define CALL(n) score_f16(n, keys, q, head_dim, scale, first, last - first, scores, stride)
            UP_TO_QUERIES(CALL)
#undef CALL
        }
    }
}

/* The same vectors of all values, which are `head_dim` apart, into those of each query. */
ALWAYS_INLINE void mix_vectors(int queries, int vectors, const uint16_t *v, const float *weights,
                               size_t stride, size_t head_dim, size_t positions, float *out)
{
    vf acc[QUERIES * TOGETHER];
    UNROLL
    for (int j = 0; j < queries; j++) {
        UNROLL
        for (int c = 0; c < vectors; c++)
            acc[j * vectors + c] = vf_load(out + (size_t)j * head_dim + c * LANES);
    }
    for (size_t p = 0; p < positions; p++, v += head_dim) {
        vf value[QUERIES];
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
ALWAYS_INLINE void mix_f16(int queries, const uint16_t *v, const float *weights, size_t stride,
                           size_t head_dim, size_t positions, float *out)
{
    const int vectors = queries == 1 ? 4 : TOGETHER;
    const size_t together = (size_t)(vectors * LANES);
    size_t i = 0;
    for (; i + together <= head_dim; i += together)
        mix_vectors(queries, vectors, v + i, weights, stride, head_dim, positions, out + i);
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
    const size_t share = even_share(queries);
    for (size_t j = 0, n; j < queries; j += n, weights += n * stride, out += n * head_dim) {
        n = queries - j < share ? queries - j : share;
        switch (n) {
#define CALL(n) mix_f16(n, v, weights, stride, head_dim, last - first, out)
            UP_TO_QUERIES(CALL)
#undef CALL
        }
    }
}
