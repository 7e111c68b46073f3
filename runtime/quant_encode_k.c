/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/quant_blocks.h"
#include "runtime/quant_encode.h"
#include "runtime/quant_super.h"

/* Super-blocks of 256 with uniform codes: Q2_K, Q3_K, Q4_K, Q5_K, Q6_K. */

void ergo__pack_crumbs(const uint8_t *codes, uint8_t *qs)
{
    for (int n = 0; n < 2; n++)
        for (int l = 0; l < 32; l++) {
            const uint8_t *c = codes + 128 * n + l;
            qs[32 * n + l] = (uint8_t)(c[0] | c[32] << 2 | c[64] << 4 | c[96] << 6);
        }
}

void ergo__encode_q2_k(const float *x, const float *w, uint8_t *b)
{
    static const ergo__super_affine_shape shape = {16, 3, 15};
    ergo__super_affine s;
    ergo__fit_super_affine(&shape, x, w, &s);
    for (int j = 0; j < 16; j++)
        b[ERGO__Q2_K_SCALES + j] = (uint8_t)(s.sub[j] | s.low[j] << 4);
    ergo__pack_crumbs(s.q, b + ERGO__Q2_K_QS);
    ergo__store_u16(b + ERGO__Q2_K_D, s.d);
    ergo__store_u16(b + ERGO__Q2_K_DMIN, s.dmin);
}

void ergo__encode_q3_k(const float *x, const float *w, uint8_t *b)
{
    static const ergo__super_shape shape = {16, {-4, 3, NULL}, {2.4f, 1.6f, 0.2f, 14}, -32, 31};
    ergo__super s;
    uint8_t codes[256];
    ergo__fit_super(&shape, x, w, &s);
    memset(b, 0, ERGO__Q3_K_BYTES);
    for (int i = 0; i < 256; i++) {
        const int code = (int)s.v[i] + 4;
        codes[i] = (uint8_t)(code & 3);
        b[ERGO__Q3_K_HMASK + i % 32] |= (uint8_t)((code >> 2) << (i / 32));
    }
    ergo__pack_crumbs(codes, b + ERGO__Q3_K_QS);
    uint8_t *scales = b + ERGO__Q3_K_SCALES;
    for (int j = 0; j < 16; j++) {
        const int sub = s.sub[j] + 32;
        scales[j % 8] |= (uint8_t)((sub & 15) << (j < 8 ? 0 : 4));
        scales[8 + j % 4] |= (uint8_t)((sub >> 4) << (2 * (j / 4)));
    }
    ergo__store_u16(b + ERGO__Q3_K_D, s.d);
}

/* The common start of Q4_K and Q5_K. */
static void pack_k_header(const ergo__super_affine *s, uint8_t *b)
{
    uint8_t *scales = b + ERGO__Q4_K_SCALES;
    ergo__store_u16(b + ERGO__Q4_K_D, s->d);
    ergo__store_u16(b + ERGO__Q4_K_DMIN, s->dmin);
    for (int j = 0; j < 4; j++) {
        scales[j] = (uint8_t)(s->sub[j] | (s->sub[j + 4] >> 4) << 6);
        scales[j + 4] = (uint8_t)(s->low[j] | (s->low[j + 4] >> 4) << 6);
        scales[j + 8] = (uint8_t)((s->sub[j + 4] & 15) | (s->low[j + 4] & 15) << 4);
    }
}

static void pack_k_nibbles(const uint8_t *codes, uint8_t *qs)
{
    for (int n = 0; n < 4; n++)
        for (int l = 0; l < 32; l++)
            qs[32 * n + l] =
                (uint8_t)((codes[64 * n + l] & 15) | (codes[64 * n + 32 + l] & 15) << 4);
}

void ergo__encode_q4_k(const float *x, const float *w, uint8_t *b)
{
    static const ergo__super_affine_shape shape = {32, 15, 63};
    ergo__super_affine s;
    ergo__fit_super_affine(&shape, x, w, &s);
    pack_k_header(&s, b);
    pack_k_nibbles(s.q, b + ERGO__Q4_K_QS);
}

void ergo__encode_q5_k(const float *x, const float *w, uint8_t *b)
{
    static const ergo__super_affine_shape shape = {32, 31, 63};
    ergo__super_affine s;
    ergo__fit_super_affine(&shape, x, w, &s);
    pack_k_header(&s, b);
    pack_k_nibbles(s.q, b + ERGO__Q5_K_QS);
    memset(b + ERGO__Q5_K_QH, 0, 32);
    for (int i = 0; i < 256; i++)
        b[ERGO__Q5_K_QH + i % 32] |= (uint8_t)((s.q[i] >> 4) << (i / 32));
}

void ergo__encode_q6_k(const float *x, const float *w, uint8_t *b)
{
    static const ergo__super_shape shape = {
        16, {-32, 31, NULL}, {30.0f, 29.0f, 0.4f, 8}, -128, 127};
    ergo__super s;
    uint8_t c[256];
    ergo__fit_super(&shape, x, w, &s);
    for (int i = 0; i < 256; i++)
        c[i] = (uint8_t)((int)s.v[i] + 32);
    for (int n = 0; n < 2; n++) {
        const uint8_t *h = c + 128 * n;
        for (int l = 0; l < 64; l++)
            b[ERGO__Q6_K_QL + 64 * n + l] = (uint8_t)((h[l] & 15) | (h[l + 64] & 15) << 4);
        for (int l = 0; l < 32; l++)
            b[ERGO__Q6_K_QH + 32 * n + l] =
                (uint8_t)(h[l] >> 4 | (h[l + 32] >> 4) << 2 | (h[l + 64] >> 4) << 4 |
                          (h[l + 96] >> 4) << 6);
    }
    for (int j = 0; j < 16; j++)
        b[ERGO__Q6_K_SCALES + j] = (uint8_t)(int8_t)s.sub[j];
    ergo__store_u16(b + ERGO__Q6_K_D, s.d);
}
