/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_CPU_NEON_H
#define ERGO_CPU_NEON_H

#include <arm_neon.h>

/*
 * NEON as 32-bit and 64-bit ARM have it, where they differ. On 32 bits its floats flush subnormals
 * to zero: the only place where kernels may differ from their definition.
 */

/* For functions with arguments that are constants where they are expanded. */
#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* Before a loop over a constant number of registers: they must not become memory. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* acc + a x lane `lane` of b, rounded once. */
#if defined(__aarch64__)
#define FMA_LANE(acc, a, b, lane) vfmaq_laneq_f32(acc, a, b, lane)
#else
#define FMA_LANE(acc, a, b, lane) vfmaq_f32(acc, a, vdupq_n_f32(vgetq_lane_f32(b, lane)))
#endif

/* Eight binary16. */
ALWAYS_INLINE void f32_of_f16(uint16x8_t h, float32x4_t out[2])
{
    out[0] = vcvt_f32_f16(vreinterpret_f16_u16(vget_low_u16(h)));
#if defined(__aarch64__)
    out[1] = vcvt_high_f32_f16(vreinterpretq_f16_u16(h));
#else
    out[1] = vcvt_f32_f16(vreinterpret_f16_u16(vget_high_u16(h)));
#endif
}

/* To integers, half to even, for |x| < 2^22. */
ALWAYS_INLINE float32x4_t round_even(float32x4_t x)
{
#if defined(__aarch64__)
    return vrndnq_f32(x);
#else
    const float32x4_t rounder = vdupq_n_f32(12582912.0f);
    return vsubq_f32(vaddq_f32(x, rounder), rounder);
#endif
}

/* Sums of the four lanes of a and of b. */
ALWAYS_INLINE int32x2_t sums_s32(int32x4_t a, int32x4_t b)
{
    return vpadd_s32(vadd_s32(vget_low_s32(a), vget_high_s32(a)),
                     vadd_s32(vget_low_s32(b), vget_high_s32(b)));
}

/* Lane i is the sum of the four lanes of s[i]. */
ALWAYS_INLINE int32x4_t transposed_sums(const int32x4_t s[4])
{
#if defined(__aarch64__)
    return vpaddq_s32(vpaddq_s32(s[0], s[1]), vpaddq_s32(s[2], s[3]));
#else
    return vcombine_s32(sums_s32(s[0], s[1]), sums_s32(s[2], s[3]));
#endif
}

/* The end of the tree of lanes.h: lanes l and l + 2, then the two results, of both a and b. */
ALWAYS_INLINE float32x2_t tree_ends(float32x4_t a, float32x4_t b)
{
    return vpadd_f32(vadd_f32(vget_low_f32(a), vget_high_f32(a)),
                     vadd_f32(vget_low_f32(b), vget_high_f32(b)));
}

#endif
