/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_CPU_PACKED_READ_H
#define ERGO_CPU_PACKED_READ_H

#include "backends/cpu/packed.h"
#include "runtime/quant_blocks.h"

/* What a strip holds (packed.h), one row or all of them: for C, and for other kernels to follow. */

#define ERGO__GROUPS 8u       /* of 4 elements in 32 */
#define ERGO__GROUP_BYTES 64u /* of 16 rows */

/**
 * Codes of group g of the 32 elements at `codes`: `n` of its 64 bytes from `from` on, 4 bytes for
 * each row.
 */
static inline void ergo__packed_codes(ergo__packed_form form, const uint8_t *codes, unsigned g,
                                      size_t from, size_t n, uint8_t *out)
{
    const unsigned two = 2 * (g % 4); /* where two bits of the group begin in a byte */
    const uint8_t *at = codes + from;
    if (form.bits == 8) {
        memcpy(out, at + g * ERGO__GROUP_BYTES, n);
        return;
    }
    if (form.bits < 4) {
        at += g / 4 * ERGO__GROUP_BYTES;
        for (size_t i = 0; i < n; i++)
            out[i] = at[i] >> two & 3;
    } else {
        at += g % 4 * ERGO__GROUP_BYTES;
        for (size_t i = 0; i < n; i++)
            out[i] = at[i] >> (g / 4 * 4) & 15;
    }
    if (form.bits == 3) {
        at = codes + 2 * ERGO__GROUP_BYTES + from;
        for (size_t i = 0; i < n; i++)
            out[i] |= (uint8_t)((at[i] >> g & 1) << 2);
    } else if (form.bits == 5) {
        at = codes + 4 * ERGO__GROUP_BYTES + from;
        for (size_t i = 0; i < n; i++)
            out[i] |= (uint8_t)((at[i] >> g & 1) << 4);
    } else if (form.bits == 6) {
        at = codes + (4 + g / 4) * ERGO__GROUP_BYTES + from;
        for (size_t i = 0; i < n; i++)
            out[i] |= (uint8_t)((at[i] >> two & 3) << 4);
    }
}

/** The number that a code stands for. */
static inline int ergo__packed_value(ergo__packed_form form, uint8_t code)
{
    static const int8_t iq4[16] = ERGO__IQ4_VALUES;
    static const int8_t fp4[16] = ERGO__FP4_VALUES;
    return form.table == ERGO__TABLE_IQ4   ? iq4[code]
           : form.table == ERGO__TABLE_FP4 ? fp4[code]
                                           : code - form.zero;
}

/** What 32 numbers of a row are multiplied by, as in ergo__unit. Unset where the type has none. */
typedef struct ergo__packed_factor {
    float scale;
    float offset;
    int16_t sub[2];
    int16_t low[2];
} ergo__packed_factor;

/** Those of row r for elements 32b .. of a strip whose factors begin at `factors`. */
static inline ergo__packed_factor ergo__packed_factor_of(ergo__packed_form form,
                                                         const uint8_t *factors, size_t b, size_t r)
{
    enum { ROWS = ERGO__STRIP_ROWS };
    const size_t blocks = form.factor_elements / 32u;
    const uint8_t *at = factors + b / blocks * form.factor_bytes;
    ergo__packed_factor f = {0.0f, 0.0f, {1, 1}, {1, 1}};
    b %= blocks;
    if (form.factors == ERGO__FACTORS_E8M0) {
        f.scale = ergo__f32_of_e8m0_half(at[r]);
        return f;
    }
    f.scale = ergo__load_f16(at + 2 * r);
    switch (form.factors) {
    case ERGO__FACTORS_OFFSET:
        f.offset = ergo__load_f16(at + 2 * (ROWS + r));
        break;
    case ERGO__FACTORS_SCALES:
        f.scale *= (float)(int8_t)at[(2 + b) * ROWS + r];
        break;
    case ERGO__FACTORS_MINS:
        f.scale *= (float)at[(4 + b) * ROWS + r];
        f.offset = -ergo__load_f16(at + 2 * (ROWS + r)) * (float)at[(12 + b) * ROWS + r];
        break;
    case ERGO__FACTORS_SUB:
        for (size_t h = 0; h < 2; h++)
            f.sub[h] = (int8_t)at[(2 + 2 * b + h) * ROWS + r];
        break;
    case ERGO__FACTORS_SUB_LOW:
        f.offset = -ergo__load_f16(at + 2 * (ROWS + r));
        for (size_t h = 0; h < 2; h++) {
            f.sub[h] = at[(4 + 2 * b + h) * ROWS + r] & 15;
            f.low[h] = at[(4 + 2 * b + h) * ROWS + r] >> 4;
        }
        break;
    default:
        break;
    }
    return f;
}

#endif
