/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "backends/cpu/kernels.h"
#include "runtime/backend.h"
#include "runtime/base/bits.h"
#include "runtime/kv.h"

/*
 * Keys and values of one head in one page of P = 32 positions. F16 keys lie element by element,
 * [head_dim][P], so that positions are lanes; F16 values position by position, [P][head_dim], so
 * that elements are. Q8_0 keys and values lie position by position, [P][blocks], each block a
 * binary16 scale and 32 int8.
 */

#define P ERGO__PAGE_POSITIONS

/* ---- F16 ----------------------------------------------------------------------------------- */

void ERGO__KERNEL(store_f16)(const float *key, const float *value, size_t head_dim, size_t slot,
                             void *keys, void *values)
{
    uint16_t *k = keys, *v = values;
    for (size_t i = 0; i < head_dim; i++) {
        k[i * P + slot] = ergo__f16_of_f32(key[i]);
        v[slot * head_dim + i] = ergo__f16_of_f32(value[i]);
    }
}

static void score_f16(const uint16_t *k, const float *q, size_t head_dim, float scale, size_t first,
                      size_t last, float *scores)
{
    float acc[P] = {0};
    if (first == 0 && last == P) {
        for (size_t i = 0; i < head_dim; i++)
            for (size_t p = 0; p < P; p++)
                acc[p] = fmaf(q[i], ergo__f32_of_f16(k[i * P + p]), acc[p]);
    } else {
        for (size_t i = 0; i < head_dim; i++)
            for (size_t p = first; p < last; p++)
                acc[p] = fmaf(q[i], ergo__f32_of_f16(k[i * P + p]), acc[p]);
    }
    for (size_t p = first; p < last; p++)
        scores[p - first] = acc[p] * scale;
}

void ERGO__KERNEL(scores_f16)(const void *keys, const void *query, size_t queries, size_t head_dim,
                              float scale, size_t first, size_t last, float *scores, size_t stride)
{
    for (size_t j = 0; j < queries; j++)
        score_f16(keys, (const float *)query + j * head_dim, head_dim, scale, first, last,
                  scores + j * stride);
}

void ERGO__KERNEL(mix_f16)(const void *values, const float *weights, size_t stride, size_t queries,
                           size_t head_dim, size_t first, size_t last, float *out)
{
    const uint16_t *v = values;
    for (size_t j = 0; j < queries; j++, weights += stride, out += head_dim)
        for (size_t p = first; p < last; p++)
            for (size_t i = 0; i < head_dim; i++)
                out[i] = fmaf(weights[p - first], ergo__f32_of_f16(v[p * head_dim + i]), out[i]);
}

/* ---- Q8_0 ---------------------------------------------------------------------------------- */

/* 1.5 x 2^23: adding it rounds a small float to the nearest even integer. */
static inline int8_t round_i8(float x)
{
    const float shifted = x + 12582912.0f;
    return (int8_t)(int32_t)(shifted - 12582912.0f);
}

/* Encodes a vector as Q8_0 blocks, the last one padded with zeros. */
static void encode_q8_0(const float *x, size_t n, unsigned char *out)
{
    for (size_t start = 0; start < n; start += ERGO__KV_BLOCK, out += ERGO__KV_BLOCK_BYTES) {
        const size_t count = n - start < ERGO__KV_BLOCK ? n - start : ERGO__KV_BLOCK;
        float max = 0.0f;
        for (size_t i = 0; i < count; i++)
            max = fabsf(x[start + i]) > max ? fabsf(x[start + i]) : max;
        /* A scale that binary16 cannot hold is clamped: the elements then saturate. */
        const float wanted = max / 127.0f;
        const uint16_t scale = ergo__f16_of_f32(wanted < 65504.0f ? wanted : 65504.0f);
        const float stored = ergo__f32_of_f16(scale);
        const float inverse = stored > 0.0f ? 1.0f / stored : 0.0f;
        ergo__store_u16(out, scale);
        for (size_t i = 0; i < ERGO__KV_BLOCK; i++) {
            float q = i < count && stored > 0.0f ? x[start + i] * inverse : 0.0f;
            q = q > 127.0f ? 127.0f : q;
            q = q > -127.0f ? q : -127.0f; /* NaN too */
            out[2 + i] = (unsigned char)round_i8(q);
        }
    }
}

static inline size_t row_bytes(size_t head_dim)
{
    return (head_dim + ERGO__KV_BLOCK - 1) / ERGO__KV_BLOCK * ERGO__KV_BLOCK_BYTES;
}

void ERGO__KERNEL(store_q8_0)(const float *key, const float *value, size_t head_dim, size_t slot,
                              void *keys, void *values)
{
    const size_t bytes = row_bytes(head_dim);
    encode_q8_0(key, head_dim, (unsigned char *)keys + slot * bytes);
    encode_q8_0(value, head_dim, (unsigned char *)values + slot * bytes);
}

static void score_q8_0(const unsigned char *row, const ergo__q8_block *q, size_t blocks,
                       float scale, size_t positions, float *scores)
{
    for (size_t p = 0; p < positions; p++) {
        float acc = 0.0f;
        for (size_t b = 0; b < blocks; b++, row += ERGO__KV_BLOCK_BYTES) {
            int32_t sum = 0;
            for (size_t i = 0; i < ERGO__KV_BLOCK; i++)
                sum += (int32_t)(int8_t)row[2 + i] * q[b].q[i];
            acc = fmaf(ergo__f32_of_f16(ergo__load_u16(row)) * q[b].d, (float)sum, acc);
        }
        scores[p] = acc * scale;
    }
}

/* Queries are quantized like any activation. */
void ERGO__KERNEL(scores_q8_0)(const void *keys, const void *query, size_t queries, size_t head_dim,
                               float scale, size_t first, size_t last, float *scores, size_t stride)
{
    const size_t bytes = row_bytes(head_dim), blocks = bytes / ERGO__KV_BLOCK_BYTES;
    for (size_t j = 0; j < queries; j++)
        score_q8_0((const unsigned char *)keys + first * bytes,
                   (const ergo__q8_block *)query + j * blocks, blocks, scale, last - first,
                   scores + j * stride);
}

static void add_q8_0(const unsigned char *row, float weight, size_t head_dim, float *out)
{
    for (size_t start = 0; start < head_dim; start += ERGO__KV_BLOCK, row += ERGO__KV_BLOCK_BYTES) {
        const size_t n = head_dim - start < ERGO__KV_BLOCK ? head_dim - start : ERGO__KV_BLOCK;
        const float w = weight * ergo__f32_of_f16(ergo__load_u16(row));
        for (size_t i = 0; i < n; i++)
            out[start + i] = fmaf(w, (float)(int8_t)row[2 + i], out[start + i]);
    }
}

void ERGO__KERNEL(mix_q8_0)(const void *values, const float *weights, size_t stride, size_t queries,
                            size_t head_dim, size_t first, size_t last, float *out)
{
    const size_t bytes = row_bytes(head_dim);
    for (size_t j = 0; j < queries; j++, weights += stride, out += head_dim)
        for (size_t p = first; p < last; p++)
            add_q8_0((const unsigned char *)values + p * bytes, weights[p - first], head_dim, out);
}
