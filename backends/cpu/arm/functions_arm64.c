/* SPDX-License-Identifier: Apache-2.0 */
#define ERGO_CPU_VARIANT neon

#include <string.h>

#include "backends/cpu/arm/neon.h"
#include "backends/cpu/kernels.h"
#include "backends/cpu/lanes.h"
#include "runtime/backend.h"
#include "runtime/base/math.h"

/*
 * What compilers make worse vectors of than these. Only for 64 bits: the results of exp may be
 * subnormal, which NEON of 32 bits does not know.
 */

/* ergo__expf in four lanes; see there. The bounds let a NaN through. */
ALWAYS_INLINE float32x4_t exp_f32(float32x4_t x)
{
    const float32x4_t rounder = vdupq_n_f32(ERGO__ROUND_F);
    x = vminq_f32(vmaxq_f32(x, vdupq_n_f32(-104.0f)), vdupq_n_f32(89.0f));
    const float32x4_t shifted = vfmaq_f32(rounder, x, vdupq_n_f32(ERGO__LOG2E_F));
    const float32x4_t n = vsubq_f32(shifted, rounder);
    float32x4_t r = vfmaq_f32(x, n, vdupq_n_f32(-ERGO__LN2_HI_F));
    r = vfmaq_f32(r, n, vdupq_n_f32(-ERGO__LN2_LO_F));
    float32x4_t p = vfmaq_f32(vdupq_n_f32(0x1.12106cp-7f), vdupq_n_f32(0x1.6d1606p-10f), r);
    p = vfmaq_f32(vdupq_n_f32(0x1.555516p-5f), p, r);
    p = vfmaq_f32(vdupq_n_f32(0x1.5554d8p-3f), p, r);
    p = vfmaq_f32(vdupq_n_f32(0x1p-1f), p, r);
    p = vaddq_f32(vfmaq_f32(r, p, vmulq_f32(r, r)), vdupq_n_f32(1.0f));
    /* The two halves of n, each + 127: (256 + n - 2) >> 1, and what is left of it. */
    const uint32x4_t both =
        vaddq_u32(vreinterpretq_u32_f32(shifted), vdupq_n_u32(254 - 0x4b400000u));
    const uint32x4_t half = vshrq_n_u32(both, 1);
    const uint32x4_t rest = vsubq_u32(both, half);
    p = vmulq_f32(p, vreinterpretq_f32_u32(vshlq_n_u32(half, 23)));
    return vmulq_f32(p, vreinterpretq_f32_u32(vshlq_n_u32(rest, 23)));
}

void ERGO__KERNEL(glu_silu)(const float *gate, const float *up, size_t n, float *out)
{
    const float32x4_t one = vdupq_n_f32(1.0f);
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        const float32x4_t g = vld1q_f32(gate + i);
        const float32x4_t silu = vdivq_f32(g, vaddq_f32(one, exp_f32(vnegq_f32(g))));
        vst1q_f32(out + i, vmulq_f32(silu, vld1q_f32(up + i)));
    }
    for (; i < n; i++)
        out[i] = gate[i] / (1.0f + ergo__expf(-gate[i])) * up[i];
}

/* Comparing lets a NaN pass as the definition does: the first score stays, others lose. */
static float largest(const float *x, size_t n)
{
    float32x4_t max[4];
    UNROLL
    for (int v = 0; v < 4; v++)
        max[v] = vdupq_n_f32(x[0]);
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        UNROLL
        for (int v = 0; v < 4; v++) {
            const float32x4_t next = vld1q_f32(x + i + 4 * v);
            max[v] = vbslq_f32(vcgtq_f32(next, max[v]), next, max[v]);
        }
    }
    float all[16];
    UNROLL
    for (int v = 0; v < 4; v++)
        vst1q_f32(all + 4 * v, max[v]);
    for (; i < n; i++)
        all[0] = x[i] > all[0] ? x[i] : all[0];
    for (int j = 1; j < 16; j++)
        all[0] = all[j] > all[0] ? all[j] : all[0];
    return all[0];
}

float ERGO__KERNEL(softmax)(float *scores, size_t first, size_t n)
{
    const float max = largest(scores, n);
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        vst1q_f32(scores + i, exp_f32(vsubq_f32(vld1q_f32(scores + i), vdupq_n_f32(max))));
    for (; i < n; i++)
        scores[i] = ergo__expf(scores[i] - max);
    float acc[ERGO__LANES] = {0};
    for (i = 0; i < n && (first + i) % ERGO__LANES != 0; i++)
        acc[(first + i) % ERGO__LANES] += scores[i];
    float32x4_t sum[4];
    UNROLL
    for (int v = 0; v < 4; v++)
        sum[v] = vld1q_f32(acc + 4 * v);
    for (; i + ERGO__LANES <= n; i += ERGO__LANES) {
        UNROLL
        for (int v = 0; v < 4; v++)
            sum[v] = vaddq_f32(sum[v], vld1q_f32(scores + i + 4 * v));
    }
    UNROLL
    for (int v = 0; v < 4; v++)
        vst1q_f32(acc + 4 * v, sum[v]);
    for (size_t j = 0; i + j < n; j++)
        acc[j] += scores[i + j];
    return 1.0f / ergo__lanes_sum(acc);
}

void ERGO__KERNEL(rope_halves)(const float *in, const float *angles, size_t rotated, size_t n,
                               float *out)
{
    const size_t pairs = rotated / 2;
    size_t i = 0;
    for (; i + 4 <= pairs; i += 4) {
        const float32x4_t a = vld1q_f32(in + i), b = vld1q_f32(in + pairs + i);
        const float32x4_t c = vld1q_f32(angles + i), s = vld1q_f32(angles + pairs + i);
        vst1q_f32(out + i, vsubq_f32(vmulq_f32(a, c), vmulq_f32(b, s)));
        vst1q_f32(out + pairs + i, vaddq_f32(vmulq_f32(a, s), vmulq_f32(b, c)));
    }
    for (; i < pairs; i++) {
        const float a = in[i], b = in[pairs + i], c = angles[i], s = angles[pairs + i];
        out[i] = a * c - b * s;
        out[pairs + i] = a * s + b * c;
    }
    memmove(out + rotated, in + rotated, (n - rotated) * sizeof *out);
}

void ERGO__KERNEL(store_f16)(const float *key, const float *value, size_t head_dim, size_t slot,
                             void *keys, void *values)
{
    uint16_t *k = (uint16_t *)keys + slot, *v = (uint16_t *)values + slot * head_dim;
    size_t i = 0;
    for (; i + 4 <= head_dim; i += 4, k += 4 * ERGO__PAGE_POSITIONS) {
        const uint16x4_t four = vreinterpret_u16_f16(vcvt_f16_f32(vld1q_f32(key + i)));
        vst1_lane_u16(k, four, 0);
        vst1_lane_u16(k + ERGO__PAGE_POSITIONS, four, 1);
        vst1_lane_u16(k + 2 * ERGO__PAGE_POSITIONS, four, 2);
        vst1_lane_u16(k + 3 * ERGO__PAGE_POSITIONS, four, 3);
        vst1_u16(v + i, vreinterpret_u16_f16(vcvt_f16_f32(vld1q_f32(value + i))));
    }
    for (; i < head_dim; i++, k += ERGO__PAGE_POSITIONS) {
        *k = ergo__f16_of_f32(key[i]);
        v[i] = ergo__f16_of_f32(value[i]);
    }
}
