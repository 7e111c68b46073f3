/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scores_q8_0 for NEON, and with the dot product instructions where they are there. Included once
 * by a source for each, which has defined ERGO_CPU_VARIANT.
 */
#include "backends/cpu/arm/neon.h"
#include "backends/cpu/kernels.h"
#include "runtime/base/bits.h"
#include "runtime/kv.h"

/* Four numbers whose sum is the product of 32 int8 with 32 of magnitudes to 127. */
ALWAYS_INLINE int32x4_t dot_parts(const int8x16_t a[2], const int8x16_t b[2])
{
#if defined(__ARM_FEATURE_DOTPROD)
    return vdotq_s32(vdotq_s32(vdupq_n_s32(0), a[0], b[0]), a[1], b[1]);
#else
    int32x4_t sum = vdupq_n_s32(0);
    UNROLL
    for (int h = 0; h < 2; h++) {
        const int16x8_t low = vmull_s8(vget_low_s8(a[h]), vget_low_s8(b[h]));
        sum = vpadalq_s16(sum, vmlal_s8(low, vget_high_s8(a[h]), vget_high_s8(b[h])));
    }
    return sum;
#endif
}

/* Positions that are computed together, one in each lane, and queries. */
#define TOGETHER 4
#define CHUNK 8

/*
 * The scores of positions `count` to TOGETHER are those of the last: they cost nothing and are not
 * kept. Of each block, scale and elements serve all queries.
 */
static void score_positions(const unsigned char *rows, size_t row_bytes, size_t count,
                            const ergo__q8_block *query, size_t queries, size_t blocks, float scale,
                            float *scores, size_t stride)
{
    const unsigned char *row[TOGETHER];
    for (size_t l = 0; l < TOGETHER; l++)
        row[l] = rows + (l < count ? l : count - 1) * row_bytes;
    float sums[CHUNK][TOGETHER];
    for (size_t b = 0; b < blocks; b++) {
        int8x16_t key[TOGETHER][2];
        uint16x4_t halves = vdup_n_u16(0);
        halves = vset_lane_u16(ergo__load_u16(row[0]), halves, 0);
        halves = vset_lane_u16(ergo__load_u16(row[1]), halves, 1);
        halves = vset_lane_u16(ergo__load_u16(row[2]), halves, 2);
        halves = vset_lane_u16(ergo__load_u16(row[3]), halves, 3);
        const float32x4_t d = vcvt_f32_f16(vreinterpret_f16_u16(halves));
        UNROLL
        for (int l = 0; l < TOGETHER; l++) {
            key[l][0] = vreinterpretq_s8_u8(vld1q_u8(row[l] + 2));
            key[l][1] = vreinterpretq_s8_u8(vld1q_u8(row[l] + 18));
            row[l] += ERGO__KV_BLOCK_BYTES;
        }
        for (size_t j = 0; j < queries; j++) {
            const ergo__q8_block *q = &query[j * blocks + b];
            const int8x16_t codes[2] = {vld1q_s8(q->q), vld1q_s8(q->q + 16)};
            int32x4_t parts[TOGETHER];
            UNROLL
            for (int l = 0; l < TOGETHER; l++)
                parts[l] = dot_parts(key[l], codes);
            const float32x4_t acc = b > 0 ? vld1q_f32(sums[j]) : vdupq_n_f32(0.0f);
            vst1q_f32(sums[j],
                      vfmaq_f32(acc, vmulq_n_f32(d, q->d), vcvtq_f32_s32(transposed_sums(parts))));
        }
    }
    for (size_t j = 0; j < queries; j++, scores += stride)
        for (size_t l = 0; l < count; l++)
            scores[l] = sums[j][l] * scale;
}

void ERGO__KERNEL(scores_q8_0)(const void *keys, const void *query, size_t queries, size_t head_dim,
                               float scale, size_t first, size_t last, float *scores, size_t stride)
{
    const size_t blocks = (head_dim + ERGO__KV_BLOCK - 1) / ERGO__KV_BLOCK;
    const size_t bytes = blocks * ERGO__KV_BLOCK_BYTES;
    const ergo__q8_block *q = query;
    for (size_t j = 0; j < queries; j += CHUNK)
        for (size_t p = first; p < last; p += TOGETHER)
            score_positions((const unsigned char *)keys + p * bytes, bytes,
                            last - p < TOGETHER ? last - p : TOGETHER, q + j * blocks,
                            queries - j < CHUNK ? queries - j : CHUNK, blocks, scale,
                            scores + j * stride + (p - first), stride);
}
