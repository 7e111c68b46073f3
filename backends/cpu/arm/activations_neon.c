/* SPDX-License-Identifier: Apache-2.0 */
#define ERGO_CPU_VARIANT neon

#include <string.h>

#include "backends/cpu/arm/neon.h"
#include "backends/cpu/kernels.h"
#include "runtime/base/bits.h"

/* The definition, step by step, is in kernels.h; c/activations.c says it in C. */

#define VECTORS 8 /* of one block */
#define CANDIDATES 8

#define BITS_INFINITY 0x7f800000u
#define BITS_TINY 0x0d800000u /* 2^-100 */

static const float divisors[CANDIDATES] = {127, 126, 125, 124, 123, 122, 121, 120};

/* 1 / (D x D), each operation rounded. */
#define WEIGHT(D) (1.0f / ((D) * (D)))
static const float weights[CANDIDATES] = {WEIGHT(127.0f), WEIGHT(126.0f), WEIGHT(125.0f),
                                          WEIGHT(124.0f), WEIGHT(123.0f), WEIGHT(122.0f),
                                          WEIGHT(121.0f), WEIGHT(120.0f)};

/* Bits of the largest magnitude: they compare like the magnitudes, infinities and NaN on top. */
ALWAYS_INLINE uint32_t largest_bits(const float32x4_t x[VECTORS])
{
    uint32x4_t most = vreinterpretq_u32_f32(vabsq_f32(x[0]));
    UNROLL
    for (int v = 1; v < VECTORS; v++)
        most = vmaxq_u32(most, vreinterpretq_u32_f32(vabsq_f32(x[v])));
    uint32x2_t half = vpmax_u32(vget_low_u32(most), vget_high_u32(most));
    half = vpmax_u32(half, half);
    return vget_lane_u32(half, 0);
}

/* The squared error of a candidate: the 16 lanes of the definition, added up to four. */
ALWAYS_INLINE float32x4_t rounding_error(const float32x4_t x[VECTORS], float inverse)
{
    float32x4_t lane[4];
    UNROLL
    for (int v = 0; v < 4; v++) {
        const float32x4_t u0 = vmulq_n_f32(x[v], inverse), u1 = vmulq_n_f32(x[v + 4], inverse);
        const float32x4_t e0 = vsubq_f32(u0, round_even(u0)), e1 = vsubq_f32(u1, round_even(u1));
        lane[v] = vfmaq_f32(vmulq_f32(e0, e0), e1, e1);
    }
    return vaddq_f32(vaddq_f32(lane[0], lane[2]), vaddq_f32(lane[1], lane[3]));
}

/* The largest of the divisors with the least error. */
ALWAYS_INLINE float best_divisor(const float32x4_t x[VECTORS], float largest)
{
    float inverse[CANDIDATES];
    float32x4_t error[2];
    for (int c = 0; c < CANDIDATES; c++)
        inverse[c] = divisors[c] / largest;
    UNROLL
    for (int h = 0; h < 2; h++) {
        const float *s = inverse + 4 * h;
        const float32x2_t a = tree_ends(rounding_error(x, s[0]), rounding_error(x, s[1]));
        const float32x2_t b = tree_ends(rounding_error(x, s[2]), rounding_error(x, s[3]));
        error[h] = vmulq_f32(vcombine_f32(a, b), vld1q_f32(weights + 4 * h));
    }
    const float32x4_t less = vminq_f32(error[0], error[1]);
    float32x2_t least = vpmin_f32(vget_low_f32(less), vget_high_f32(less));
    least = vpmin_f32(least, least);
    const float32x4_t all = vcombine_f32(least, least);
    const uint32x4_t first =
        vandq_u32(vceqq_f32(error[0], all), vreinterpretq_u32_f32(vld1q_f32(divisors)));
    const uint32x4_t second =
        vandq_u32(vceqq_f32(error[1], all), vreinterpretq_u32_f32(vld1q_f32(divisors + 4)));
    const uint32x4_t both = vmaxq_u32(first, second);
    uint32x2_t most = vpmax_u32(vget_low_u32(both), vget_high_u32(both));
    most = vpmax_u32(most, most);
    return ergo__f32_of_bits(vget_lane_u32(most, 0));
}

ALWAYS_INLINE int16x8_t narrow(float32x4_t a, float32x4_t b)
{
    return vcombine_s16(vmovn_s32(vcvtq_s32_f32(a)), vmovn_s32(vcvtq_s32_f32(b)));
}

ALWAYS_INLINE void quantize_block(const float32x4_t x[VECTORS], float largest, ergo__q8_block *out)
{
    const float divisor = best_divisor(x, largest);
    const float inverse = divisor / largest;
    float32x4_t q[VECTORS], lane[4];
    UNROLL
    for (int v = 0; v < 4; v++) {
        const float32x4_t u0 = vmulq_n_f32(x[v], inverse), u1 = vmulq_n_f32(x[v + 4], inverse);
        q[v] = round_even(u0);
        q[v + 4] = round_even(u1);
        lane[v] =
            vfmaq_f32(vmulq_f32(vsubq_f32(u0, q[v]), q[v]), vsubq_f32(u1, q[v + 4]), q[v + 4]);
    }
    const float32x4_t four = vaddq_f32(vaddq_f32(lane[0], lane[2]), vaddq_f32(lane[1], lane[3]));
    int8x16_t codes[2];
    int32x4_t sum[2], squares[2];
    UNROLL
    for (int h = 0; h < 2; h++) {
        codes[h] = vcombine_s8(vmovn_s16(narrow(q[4 * h], q[4 * h + 1])),
                               vmovn_s16(narrow(q[4 * h + 2], q[4 * h + 3])));
        const int8x8_t low = vget_low_s8(codes[h]), high = vget_high_s8(codes[h]);
        sum[h] = vpaddlq_s16(vpaddlq_s8(codes[h]));
        squares[h] = vpaddlq_s16(vmlal_s8(vmull_s8(low, low), high, high));
        vst1q_s8(out->q + 16 * h, codes[h]);
    }
    const int32x2_t sums = sums_s32(sum[0], sum[1]);
    const int32x4_t all = vaddq_s32(squares[0], squares[1]);
    const float square = (float)vget_lane_s32(sums_s32(all, all), 0);
    out->d = (largest / divisor) * (1.0f + vget_lane_f32(tree_ends(four, four), 0) / square);
    out->sum[0] = (int16_t)vget_lane_s32(sums, 0);
    out->sum[1] = (int16_t)vget_lane_s32(sums, 1);
}

void ERGO__KERNEL(quantize_q8)(const float *x, ergo__q8_block *out, size_t n)
{
    for (size_t i = 0; i < n; i += ERGO__Q8_ELEMENTS, out++) {
        float32x4_t block[VECTORS];
        UNROLL
        for (int v = 0; v < VECTORS; v++)
            block[v] = vld1q_f32(x + i + 4 * v);
        const uint32_t largest = largest_bits(block);
        if (largest >= BITS_TINY && largest < BITS_INFINITY) {
            quantize_block(block, ergo__f32_of_bits(largest), out);
            continue;
        }
        memset(out, 0, sizeof *out);
        if (largest >= BITS_INFINITY)
            out->d = ergo__f32_of_bits(0x7fc00000u);
    }
}
