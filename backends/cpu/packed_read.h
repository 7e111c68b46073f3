/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_CPU_PACKED_READ_H
#define ERGO_CPU_PACKED_READ_H

#include "backends/cpu/packed.h"
#include "runtime/quant_blocks.h"

/* What a strip holds (packed.h), one row or all of them: for C, and for other kernels to follow. */

#define ERGO__GROUPS 8u       /* of 4 elements in 32 */
#define ERGO__GROUP_BYTES 64u /* of 16 rows */

/* The bits at `shift` of every byte that `mask` selects, put to bit `to`, of `n` words. */
static inline void ergo__packed_field(const uint8_t *words, unsigned shift, uint32_t mask,
                                      unsigned to, size_t n, uint32_t *out)
{
    const uint8_t *aligned = __builtin_assume_aligned(words, 4);
    for (size_t i = 0; i < n; i++) {
        uint32_t word;
        memcpy(&word, aligned + 4 * i, 4);
        out[i] |= (word >> shift & mask) << to;
    }
}

/**
 * Codes of group g of the 32 elements at `codes`, of n rows from `row` on: the four bytes of a word
 * in memory for each.
 */
static inline void ergo__packed_codes(ergo__packed_form form, const uint8_t *codes, unsigned g,
                                      size_t row, size_t n, uint32_t *out)
{
    enum { LINE = ERGO__GROUP_BYTES };
    const uint32_t each = 0x01010101u;
    const unsigned crumb = 2 * (g % 4); /* where two bits of the group begin */
    codes += 4 * row;
    memset(out, 0, n * sizeof *out);
    if (form.bits == 8)
        ergo__packed_field(codes + g * LINE, 0, 255 * each, 0, n, out);
    else if (form.bits < 4)
        ergo__packed_field(codes + g / 4 * LINE, crumb, 3 * each, 0, n, out);
    else
        ergo__packed_field(codes + g % 4 * LINE, g / 4 * 4, 15 * each, 0, n, out);
    if (form.bits == 3)
        ergo__packed_field(codes + 2 * LINE, g, each, 2, n, out);
    else if (form.bits == 5)
        ergo__packed_field(codes + 4 * LINE, g, each, 4, n, out);
    else if (form.bits == 6)
        ergo__packed_field(codes + (4 + g / 4) * LINE, crumb, 3 * each, 4, n, out);
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
