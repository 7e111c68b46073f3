/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/quant_blocks.h"
#include "runtime/quant_encode.h"
#include "runtime/quant_super.h"

/* Types whose codes are not plain integers: IQ4_NL, IQ4_XS, MXFP4 and the ternary TQ1_0, TQ2_0. */

static const int8_t iq4_values[16] = ERGO__IQ4_VALUES;

/* The codes of grid values, which the rounding gives exactly. */
static void find_iq4_codes(const float *v, uint8_t *codes)
{
    for (int i = 0; i < 32; i++) {
        int code = 0;
        for (int k = 1; k < 16; k++)
            code += v[i] >= (float)iq4_values[k];
        codes[i] = (uint8_t)code;
    }
}

void ergo__encode_iq4_nl(const float *x, const float *w, uint8_t *b)
{
    static const ergo__grid grid = {-127, 113, iq4_values};
    static const ergo__candidates candidates = {100.0f, 88.0f, 6.0f, 9};
    float v[32];
    uint8_t codes[32];
    const uint16_t d = ergo__finite_f16(ergo__fit_scale(&grid, &candidates, x, w, 32));
    ergo__fit_codes(&grid, x, w, 32, ergo__f32_of_f16(d), v);
    find_iq4_codes(v, codes);
    ergo__store_u16(b + ERGO__IQ4_NL_D, d);
    ergo__pack_nibbles(codes, b + ERGO__IQ4_NL_QS);
}

void ergo__encode_iq4_xs(const float *x, const float *w, uint8_t *b)
{
    static const ergo__super_shape shape = {
        32, {-127, 113, iq4_values}, {100.0f, 88.0f, 6.0f, 9}, -32, 31};
    ergo__super s;
    ergo__fit_super(&shape, x, w, &s);
    unsigned high = 0;
    memset(b, 0, ERGO__IQ4_XS_BYTES);
    for (int j = 0; j < 8; j++) {
        const unsigned sub = (unsigned)(s.sub[j] + 32);
        uint8_t codes[32];
        high |= (sub >> 4) << (2 * j);
        b[ERGO__IQ4_XS_SCALES_L + j / 2] |= (uint8_t)((sub & 15u) << (4 * (j % 2)));
        find_iq4_codes(s.v + 32 * j, codes);
        ergo__pack_nibbles(codes, b + ERGO__IQ4_XS_QS + 16 * j);
    }
    ergo__store_u16(b + ERGO__IQ4_XS_D, s.d);
    ergo__store_u16(b + ERGO__IQ4_XS_SCALES_H, (uint16_t)high);
}

/* Codes 0..2 and the scale of 256 ternary elements. */
static uint16_t encode_ternary(const float *x, const float *w, uint8_t *codes)
{
    static const ergo__grid grid = {-1, 1, NULL};
    static const ergo__candidates candidates = {1.0f, 1.0f, 0.1f, 40};
    float v[256];
    const uint16_t d = ergo__finite_f16(ergo__fit_scale(&grid, &candidates, x, w, 256));
    ergo__fit_codes(&grid, x, w, 256, ergo__f32_of_f16(d), v);
    for (int i = 0; i < 256; i++)
        codes[i] = (uint8_t)((int)v[i] + 1);
    return d;
}

/* `count` base-3 digits, the first the most significant of five, as a fraction of 256 rounded up.
 */
static uint8_t pack_trits(const uint8_t *codes, int count, int stride)
{
    int value = 0;
    for (int n = 0; n < 5; n++)
        value = 3 * value + (n < count ? codes[n * stride] : 0);
    return (uint8_t)((value * 256 + 242) / 243);
}

void ergo__encode_tq1_0(const float *x, const float *w, uint8_t *b)
{
    uint8_t codes[256];
    ergo__store_u16(b + ERGO__TQ1_0_D, encode_ternary(x, w, codes));
    for (int l = 0; l < 32; l++)
        b[ERGO__TQ1_0_QS + l] = pack_trits(codes + l, 5, 32);
    for (int l = 0; l < 16; l++)
        b[ERGO__TQ1_0_QS + 32 + l] = pack_trits(codes + 160 + l, 5, 16);
    for (int l = 0; l < 4; l++)
        b[ERGO__TQ1_0_QH + l] = pack_trits(codes + 240 + l, 4, 4);
}

void ergo__encode_tq2_0(const float *x, const float *w, uint8_t *b)
{
    uint8_t codes[256];
    ergo__store_u16(b + ERGO__TQ2_0_D, encode_ternary(x, w, codes));
    ergo__pack_crumbs(codes, b + ERGO__TQ2_0_QS);
}

void ergo__encode_mxfp4(const float *x, const float *w, uint8_t *b)
{
    static const int8_t ascending[16] = {-12, -8, -6, -4, -3, -2, -1, 0, 0, 1, 2, 3, 4, 6, 8, 12};
    static const uint8_t code_of[16] = {15, 14, 13, 12, 11, 10, 9, 0, 0, 1, 2, 3, 4, 5, 6, 7};
    static const ergo__grid grid = {-12, 12, ascending};
    float largest = 0.0f;
    for (int i = 0; i < 32; i++)
        largest = ergo__magnitude(x[i]) > largest ? ergo__magnitude(x[i]) : largest;
    /* Powers of two around the one that puts the largest magnitude between 8 and 16. */
    const int exponent = (int)(ergo__bits_of_f32(largest) >> 23) - 2;
    float v[32] = {0};
    float best = 0.0f;
    bool found = false;
    b[ERGO__MXFP4_E] = 0;
    for (int e = exponent - 1; e <= exponent + 1; e++) {
        float trial[32];
        if (largest == 0.0f || e < 0 || e > 250) /* 12 * 2^(250-128) is finite */
            continue;
        const float error =
            ergo__fit_codes(&grid, x, w, 32, ergo__f32_of_e8m0_half((uint8_t)e), trial);
        if (!found || error < best) {
            found = true;
            best = error;
            b[ERGO__MXFP4_E] = (uint8_t)e;
            memcpy(v, trial, sizeof v);
        }
    }
    uint8_t codes[32];
    for (int i = 0; i < 32; i++) {
        int place = 7;
        for (int k = 0; k < 16; k++)
            place = v[i] == (float)ascending[k] ? k : place;
        codes[i] = code_of[place];
    }
    ergo__pack_nibbles(codes, b + ERGO__MXFP4_QS);
}
