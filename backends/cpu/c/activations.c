/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "backends/cpu/kernels.h"
#include "backends/cpu/lanes.h"
#include "runtime/base/bits.h"

/* The definition, step by step, is in kernels.h. */

#define CANDIDATES 8

/* Adding this rounds |v| < 2^22 to an integer, half to even, in the low bits of the result. */
#define ROUNDER 12582912.0f
#define ROUNDER_BITS 0x4b400000

#define BITS_INFINITY 0x7f800000u
#define BITS_TINY 0x0d800000u /* 2^-100 */

/* Bits of the largest magnitude: they compare like the magnitudes, infinities and NaN on top. */
static uint32_t largest_bits(const float *x)
{
    uint32_t largest = 0;
    for (int i = 0; i < 32; i++) {
        const uint32_t bits = ergo__bits_of_f32(x[i]) & 0x7fffffffu;
        largest = bits > largest ? bits : largest;
    }
    return largest;
}

static float rounding_error(const float *x, float inverse)
{
    float lane[ERGO__LANES];
    for (int l = 0; l < ERGO__LANES; l++) {
        const float u0 = x[l] * inverse;
        const float u1 = x[l + 16] * inverse;
        const float e0 = u0 - ((u0 + ROUNDER) - ROUNDER);
        const float e1 = u1 - ((u1 + ROUNDER) - ROUNDER);
        lane[l] = fmaf(e1, e1, e0 * e0);
    }
    return ergo__lanes_sum(lane);
}

static float best_divisor(const float *x, float largest)
{
    float best = 127.0f;
    float least = 0.0f;
    for (int c = 0; c < CANDIDATES; c++) {
        const float divisor = 127.0f - (float)c;
        const float error = rounding_error(x, divisor / largest) * (1.0f / (divisor * divisor));
        if (c == 0 || error < least) {
            least = error;
            best = divisor;
        }
    }
    return best;
}

static void quantize_block(const float *x, float largest, ergo__q8_block *out)
{
    const float divisor = best_divisor(x, largest);
    const float inverse = divisor / largest;
    float lane[ERGO__LANES];
    int32_t q[32];
    int32_t squares = 0;
    for (int i = 0; i < 32; i++) {
        const float u = x[i] * inverse;
        q[i] = (int32_t)ergo__bits_of_f32(u + ROUNDER) - ROUNDER_BITS;
        squares += q[i] * q[i];
    }
    for (int l = 0; l < ERGO__LANES; l++) {
        const float e0 = x[l] * inverse - (float)q[l];
        const float e1 = x[l + 16] * inverse - (float)q[l + 16];
        lane[l] = fmaf(e1, (float)q[l + 16], e0 * (float)q[l]);
    }
    out->d = (largest / divisor) * (1.0f + ergo__lanes_sum(lane) / (float)squares);
    int32_t sum[2] = {0, 0};
    for (int i = 0; i < 16; i++) {
        out->q[i] = (int8_t)q[i];
        out->q[i + 16] = (int8_t)q[i + 16];
        sum[0] += q[i];
        sum[1] += q[i + 16];
    }
    out->sum[0] = (int16_t)sum[0];
    out->sum[1] = (int16_t)sum[1];
}

void ERGO__KERNEL(quantize_q8)(const float *x, ergo__q8_block *out, size_t n)
{
    for (size_t i = 0; i < n; i += ERGO__Q8_ELEMENTS, out++) {
        const uint32_t largest = largest_bits(x + i);
        if (largest >= BITS_TINY && largest < BITS_INFINITY) {
            quantize_block(x + i, ergo__f32_of_bits(largest), out);
            continue;
        }
        memset(out, 0, sizeof *out);
        if (largest >= BITS_INFINITY)
            out->d = ergo__f32_of_bits(0x7fc00000u);
    }
}
