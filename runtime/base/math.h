/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_BASE_MATH_H
#define ERGO_BASE_MATH_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/bits.h"

/*
 * Elementary functions whose results are the same to the bit on every machine: only IEEE
 * additions, multiplications, divisions and fused multiply-adds, in the order written here. The
 * mathematics library of the system is not used (but for fma itself), because each one rounds in
 * its own way. A SIMD kernel repeats the same operations lane by lane. All of it relies on
 * -ffp-contract=off and on floats that are not kept in wider registers.
 *
 * Rounding to an integer is done by adding 1.5 * 2^23 (2^52 for double): the sum has no room for
 * a fraction, and its low bits are the integer in two's complement.
 */

#define ERGO__LOG2E_F 0x1.715476p+0f
#define ERGO__LN2_HI_F 0x1.62e43p-1f
#define ERGO__LN2_LO_F -0x1.05c61p-29f
#define ERGO__ROUND_F 0x1.8p+23f
#define ERGO__ROUND 0x1.8p+52

/**
 * e^x within 1.1 ulp; 0 from -104 down, infinity from 89 up, NaN for NaN. Free of
 * branches. |x - n ln 2| <= ln 2 / 2; the polynomial is fitted at Chebyshev nodes, error 2^-26.4.
 */
static inline float ergo__expf(float x)
{
    x = x < -104.0f ? -104.0f : x;
    x = x > 89.0f ? 89.0f : x;
    const float shifted = fmaf(x, ERGO__LOG2E_F, ERGO__ROUND_F);
    const float n = shifted - ERGO__ROUND_F;
    const float r = fmaf(n, -ERGO__LN2_LO_F, fmaf(n, -ERGO__LN2_HI_F, x));
    float p = 0x1.6d1606p-10f;
    p = fmaf(p, r, 0x1.12106cp-7f);
    p = fmaf(p, r, 0x1.555516p-5f);
    p = fmaf(p, r, 0x1.5554d8p-3f);
    p = fmaf(p, r, 0x1p-1f);
    p = fmaf(p, r * r, r) + 1.0f;
    /* 2^n in two halves, each of them a normal number; only the last product can round. */
    const uint32_t biased = ergo__bits_of_f32(shifted) - ergo__bits_of_f32(ERGO__ROUND_F) + 256u;
    const uint32_t half = biased >> 1;
    const float scale = ergo__f32_of_bits((half - 1u) << 23);
    return p * scale * ergo__f32_of_bits((biased - half - 1u) << 23);
}

/** tanh x within 2 ulp; free of branches. Odd: tanh(-x) is exactly -tanh(x). */
static inline float ergo__tanhf(float x)
{
    const float a = fabsf(x);
    const float z = a * a;
    float p = -0x1.8f8de4p-8f;
    p = fmaf(p, z, 0x1.58048ep-6f);
    p = fmaf(p, z, -0x1.b9258ap-5f);
    p = fmaf(p, z, 0x1.110e1cp-3f);
    p = fmaf(p, z, -0x1.555552p-2f);
    const float small = fmaf(p * z, a, a);
    const float large = 1.0f - 2.0f / (ergo__expf(a + a) + 1.0f);
    /* Chosen by bits: compilers that see a choice of values skip the other one with a branch. */
    const uint32_t is_small = 0u - (uint32_t)(a < 0.625f);
    const uint32_t bits =
        (ergo__bits_of_f32(small) & is_small) | (ergo__bits_of_f32(large) & ~is_small);
    return copysignf(ergo__f32_of_bits(bits), x);
}

#define ERGO__EXP_LEAST (-746.0) /* gives 0 */

/** ergo__exp of an x from ERGO__EXP_LEAST to 710. Free of branches, which bounds checked right
 * before it would not stay. */
static inline double ergo__exp_within(double x)
{
    const double shifted = x * 0x1.71547652b82fep+0 + ERGO__ROUND;
    const double n = shifted - ERGO__ROUND;
    const double r = (x - n * 0x1.62e42feep-1) - n * 0x1.a39ef35793c76p-33; /* n * hi is exact */
    double p = 1.0 / 6227020800.0; /* Taylor's coefficients, 1/13! to 1/2! */
    p = p * r + 1.0 / 479001600.0;
    p = p * r + 1.0 / 39916800.0;
    p = p * r + 1.0 / 3628800.0;
    p = p * r + 1.0 / 362880.0;
    p = p * r + 1.0 / 40320.0;
    p = p * r + 1.0 / 5040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    p = (p * (r * r) + r) + 1.0;
    const uint64_t biased = ergo__bits_of_f64(shifted) - ergo__bits_of_f64(ERGO__ROUND) + 2048u;
    const uint64_t half = biased >> 1;
    const double scale = ergo__f64_of_bits((half - 1u) << 52);
    return p * scale * ergo__f64_of_bits((biased - half - 1u) << 52);
}

/** e^x in double, relative error below 1e-15 for normal results. No fma: fast where it is not. */
static inline double ergo__exp(double x)
{
    x = x < ERGO__EXP_LEAST ? ERGO__EXP_LEAST : x;
    return ergo__exp_within(x > 710.0 ? 710.0 : x);
}

/**
 * Natural logarithm in double, relative error below 1e-15. -infinity at 0, NaN below it.
 * With f = m - 1 and s = f / (2 + f), log m = 2 atanh s = f - s (f - R(s^2)).
 */
static inline double ergo__log(double x)
{
    if (!(x > 0.0) || x > 0x1.fffffffffffffp+1023)
        return x == 0.0 ? -HUGE_VAL : x < 0.0 ? (x - x) / 0.0 : x;
    const bool subnormal = x < 0x1p-1022;
    const uint64_t bits = ergo__bits_of_f64(subnormal ? x * 0x1p54 : x);
    /* The exponent that leaves m between sqrt(1/2) and sqrt(2), plus 1024 to stay positive. */
    const uint64_t exponent = (bits - 0x3fe6a09e667f3bcdu + ((uint64_t)1024 << 52)) >> 52;
    const double n = (double)exponent - (subnormal ? 1078.0 : 1024.0);
    const double f = ergo__f64_of_bits(bits - ((exponent - 1024u) << 52)) - 1.0;
    const double s = f / (2.0 + f);
    const double z = s * s;
    double p = 2.0 / 23.0;
    p = p * z + 2.0 / 21.0;
    p = p * z + 2.0 / 19.0;
    p = p * z + 2.0 / 17.0;
    p = p * z + 2.0 / 15.0;
    p = p * z + 2.0 / 13.0;
    p = p * z + 2.0 / 11.0;
    p = p * z + 2.0 / 9.0;
    p = p * z + 2.0 / 7.0;
    p = p * z + 2.0 / 5.0;
    p = p * z + 2.0 / 3.0;
    const double log_m = f - (s * (f - p * z) - n * 0x1.a39ef35793c76p-33);
    return n * 0x1.62e42feep-1 + log_m;
}

/** Natural logarithm of a float: that of double, rounded. */
static inline float ergo__logf(float x)
{
    return (float)ergo__log((double)x);
}

/**
 * Sine and cosine in double for |x| up to 2^30 (NaN or nonsense beyond it and for NaN), relative
 * error below 1e-15. x - n pi/2 is exact in the first step: the quotient's bits cancel; the next
 * two bring in 106 further bits of pi/2. Then Taylor's polynomials on |r| <= pi/4.
 */
static inline void ergo__sincos(double x, double *sine, double *cosine)
{
    const double shifted = x * 0x1.45f306dc9c883p-1 + ERGO__ROUND;
    const double n = shifted - ERGO__ROUND;
    double r = fma(n, -0x1.921fb54442d18p+0, x);
    r = fma(n, -0x1.1a62633145c07p-54, r);
    r = fma(n, 0x1.f1976b7ef5151p-110, r);
    const double z = r * r;
    double s = 1.0 / 355687428096000.0; /* 1/17!, and 1/16! below */
    s = s * z - 1.0 / 1307674368000.0;
    s = s * z + 1.0 / 6227020800.0;
    s = s * z - 1.0 / 39916800.0;
    s = s * z + 1.0 / 362880.0;
    s = s * z - 1.0 / 5040.0;
    s = s * z + 1.0 / 120.0;
    s = s * z - 1.0 / 6.0;
    s = s * z * r + r;
    double c = 1.0 / 20922789888000.0;
    c = c * z - 1.0 / 87178291200.0;
    c = c * z + 1.0 / 479001600.0;
    c = c * z - 1.0 / 3628800.0;
    c = c * z + 1.0 / 40320.0;
    c = c * z - 1.0 / 720.0;
    c = c * z + 1.0 / 24.0;
    c = c * z - 0.5;
    c = c * z + 1.0;
    const uint64_t quadrant = ergo__bits_of_f64(shifted) & 3u;
    const double a = quadrant & 1u ? c : s;
    const double b = quadrant & 1u ? s : c;
    *sine = quadrant & 2u ? -a : a;
    *cosine = (quadrant + 1u) & 2u ? -b : b;
}

/** Sine and cosine of an angle in double precision (|angle| <= 2^30), rounded to float. */
static inline float ergo__sinf(double angle)
{
    double s, c;
    ergo__sincos(angle, &s, &c);
    return (float)s;
}

static inline float ergo__cosf(double angle)
{
    double s, c;
    ergo__sincos(angle, &s, &c);
    return (float)c;
}

#endif
