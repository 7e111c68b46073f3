/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/quant_blocks.h"
#include "runtime/quant_encode.h"
#include "runtime/quant_fit.h"

/* Blocks of 32 with one scale, or a scale and a minimum: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0. */

void ergo__pack_nibbles(const uint8_t *codes, uint8_t *qs)
{
    for (int i = 0; i < 16; i++)
        qs[i] = (uint8_t)(codes[i] | codes[i + 16] << 4);
}

/* Low nibbles to `qs`, the fifth bits to `qh`. */
static void pack_nibbles5(const uint8_t *codes, uint8_t *qh, uint8_t *qs)
{
    uint32_t high = 0;
    for (int i = 0; i < 16; i++)
        qs[i] = (uint8_t)((codes[i] & 15) | (codes[i + 16] & 15) << 4);
    for (int i = 0; i < 32; i++)
        high |= (uint32_t)(codes[i] >> 4) << i;
    ergo__store_u32(qh, high);
}

/* The scale as a half, and the codes that suit it, moved by `bias` to start at 0. */
static uint16_t encode_scaled(const float *x, const float *w, float lo, float hi,
                              const ergo__candidates *candidates, float bias, uint8_t *codes)
{
    const ergo__grid grid = {lo, hi, NULL};
    float v[32];
    const uint16_t d = ergo__finite_f16(ergo__fit_scale(&grid, candidates, x, w, 32));
    ergo__fit_codes(&grid, x, w, 32, ergo__f32_of_f16(d), v);
    for (int i = 0; i < 32; i++)
        codes[i] = (uint8_t)(int)(v[i] + bias);
    return d;
}

void ergo__encode_q4_0(const float *x, const float *w, uint8_t *b)
{
    static const ergo__candidates candidates = {6.6f, 5.6f, 0.2f, 12};
    uint8_t codes[32];
    ergo__store_u16(b + ERGO__Q4_0_D, encode_scaled(x, w, -8, 7, &candidates, 8, codes));
    ergo__pack_nibbles(codes, b + ERGO__Q4_0_QS);
}

void ergo__encode_q5_0(const float *x, const float *w, uint8_t *b)
{
    static const ergo__candidates candidates = {14.6f, 13.6f, 0.2f, 12};
    uint8_t codes[32];
    ergo__store_u16(b + ERGO__Q5_0_D, encode_scaled(x, w, -16, 15, &candidates, 16, codes));
    pack_nibbles5(codes, b + ERGO__Q5_0_QH, b + ERGO__Q5_0_QS);
}

/* -128 is left out, as kernels everywhere expect. */
void ergo__encode_q8_0(const float *x, const float *w, uint8_t *b)
{
    static const ergo__candidates candidates = {117.0f, 117.5f, 1.0f, 11};
    const ergo__grid grid = {-127, 127, NULL};
    float v[32];
    const uint16_t d = ergo__finite_f16(ergo__fit_scale(&grid, &candidates, x, w, 32));
    ergo__fit_codes(&grid, x, w, 32, ergo__f32_of_f16(d), v);
    ergo__store_u16(b + ERGO__Q8_0_D, d);
    for (int i = 0; i < 32; i++)
        b[ERGO__Q8_0_QS + i] = (uint8_t)(int8_t)v[i];
}

/* Scale and minimum as halves at `b`, and the codes 0..max that suit them. */
static void encode_affine(const float *x, const float *w, int max, uint8_t *b, uint8_t *codes)
{
    const ergo__affine fit = ergo__fit_affine(x, w, 32, max, false);
    const float d = ergo__through_f16(fit.scale);
    const float m = ergo__through_f16(fit.min);
    const float inverse = ergo__inverse(d);
    for (int i = 0; i < 32; i++) {
        const float q = ergo__clamp((x[i] - m) * inverse, 0.0f, (float)max);
        codes[i] = (uint8_t)(int)ergo__round_even(q);
    }
    ergo__store_u16(b, ergo__finite_f16(d));
    ergo__store_u16(b + 2, ergo__finite_f16(m));
}

void ergo__encode_q4_1(const float *x, const float *w, uint8_t *b)
{
    uint8_t codes[32];
    encode_affine(x, w, 15, b + ERGO__Q4_1_D, codes);
    ergo__pack_nibbles(codes, b + ERGO__Q4_1_QS);
}

void ergo__encode_q5_1(const float *x, const float *w, uint8_t *b)
{
    uint8_t codes[32];
    encode_affine(x, w, 31, b + ERGO__Q5_1_D, codes);
    pack_nibbles5(codes, b + ERGO__Q5_1_QH, b + ERGO__Q5_1_QS);
}
