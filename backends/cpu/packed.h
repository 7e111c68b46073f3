/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_CPU_PACKED_H
#define ERGO_CPU_PACKED_H

#include <string.h>

#include "backends/cpu/kernels.h"

/*
 * Packed weights: the same numbers as in the file, ordered for kernels whose lanes are rows.
 *
 * 16 rows make a strip; rows beyond the last are zeros. A strip holds the codes of all its blocks
 * of 32 elements, block after block, then their factors. Codes are unsigned and come in 8 groups of
 * 4 elements: group g holds, for each of the 16 rows, elements 4g .. 4g+3 of the block, as 64
 * bytes or bits of 64 bytes. packed_read.h reads them:
 *
 *   8 bits   groups 0 .. 7
 *   4 bits   4 x 64 bytes: group v in the low nibbles, group v + 4 in the high ones
 *   5 bits   the same, then 64 bytes whose bit g is the fifth bit of group g
 *   6 bits   the same as 4 bits, then 2 x 64 bytes: bits 2g .. 2g+1 of the first are the upper two
 *            of group g, of the second those of group g + 4
 *   2 bits   2 x 64 bytes: bits 2g .. 2g+1 of the first are group g, of the second group g + 4
 *   3 bits   the same, then 64 bytes whose bit g is the third bit of group g
 *   floats   32 x 16 numbers as in the file, element by element, and no factors
 *
 * A code stands for itself less the type's zero point, or is the number of a value in a table. What
 * multiplies it lies, for 16 rows each, in the order that ergo__packed_factors names.
 *
 * Quantized activations that packed kernels take lie in tiles of up to 16 tokens: block by block,
 * of each block the tokens side by side, so that a kernel walks through them with one pointer.
 *
 * A strip starts on a cache line. Its bytes are those of 16 rows of the file, but for Q3_K (4 %
 * more), Q4_K (3 %), Q5_K (2 %), IQ4_XS (1 %) and TQ1_0, whose 1.69 bits per weight become the
 * 2.06 of TQ2_0 (22 %).
 */

#define ERGO__STRIP_ROWS 16u
#define ERGO__TILE_TOKENS 16u

/** An ergo__q8_block, with what kernels need of its sums ready for use. */
typedef struct ergo__tile_block {
    float d;
    float total;       /* of q */
    int32_t minus8;    /* -8 x total: what a zero point of 8 adds */
    int16_t sum[2];    /* the 16 bytes up to here are loaded as one (arm/) */
    int32_t minus4[2]; /* -4 x sum: what a zero point of 4 adds, for 16 elements each */
    int8_t q[32];
} ergo__tile_block;

static inline ergo__tile_block ergo__tile_block_of(const ergo__q8_block *x)
{
    const int32_t first = x->sum[0], second = x->sum[1], total = first + second;
    ergo__tile_block out = {
        x->d, (float)total, -8 * total, {x->sum[0], x->sum[1]}, {-4 * first, -4 * second}, {0}};
    memcpy(out.q, x->q, sizeof out.q);
    return out;
}

/** The factors of 16 rows, as they are in the file: for each 32 or 256 elements, in this order. */
typedef enum ergo__packed_factors {
    ERGO__FACTORS_NONE,    /* of floats */
    ERGO__FACTORS_SCALE,   /* 32: binary16 scale */
    ERGO__FACTORS_OFFSET,  /* 32: binary16 scale, binary16 offset */
    ERGO__FACTORS_E8M0,    /* 32: a byte e, whose scale is 2^(e-128) */
    ERGO__FACTORS_COMMON,  /* 256: binary16 scale */
    ERGO__FACTORS_SCALES,  /* 256: binary16 d; 8 x signed byte s: scale[b] = d * s[b] */
    ERGO__FACTORS_MINS,    /* 256: binary16 d, dmin; 8 x byte s, 8 x byte m: scale[b] = d * s[b],
                              offset[b] = -dmin * m[b] */
    ERGO__FACTORS_SUB,     /* 256: binary16 scale; 16 x signed byte sub, for 16 elements each */
    ERGO__FACTORS_SUB_LOW, /* 256: binary16 scale, dmin, offset = -dmin; 16 x byte, for 16 elements
                              each: sub in the low four bits, low in the high ones */
} ergo__packed_factors;

/** Values that codes are the numbers of. */
typedef enum ergo__packed_table {
    ERGO__TABLE_NONE,
    ERGO__TABLE_IQ4, /* ERGO__IQ4_VALUES */
    ERGO__TABLE_FP4, /* ERGO__FP4_VALUES, twice the FP4 numbers */
} ergo__packed_table;

typedef struct ergo__packed_form {
    uint8_t zero;    /* taken off codes, or added to the table's values to make them unsigned */
    uint8_t bits;    /* of a code: 2, 3, 4, 5, 6, 8; 16 or 32 for floats */
    uint8_t factors; /* ergo__packed_factors */
    uint8_t table;   /* ergo__packed_table */
    uint16_t factor_elements; /* 32 or 256; 0 for floats */
    uint16_t factor_bytes;    /* for each factor_elements of 16 rows */
} ergo__packed_form;

#define ERGO__PACKED_FORM(zero, bits, FACTORS, TABLE, elements, bytes)                             \
    ((ergo__packed_form){zero, bits, ERGO__FACTORS_##FACTORS, ERGO__TABLE_##TABLE, elements, bytes})

/** How weights of `type` are packed. */
static inline ergo__packed_form ergo__packed_form_of(ergo_type type)
{
    switch (type) {
    case ERGO_TYPE_Q4_0:
        return ERGO__PACKED_FORM(8, 4, SCALE, NONE, 32, 32);
    case ERGO_TYPE_Q4_1:
        return ERGO__PACKED_FORM(0, 4, OFFSET, NONE, 32, 64);
    case ERGO_TYPE_Q5_0:
        return ERGO__PACKED_FORM(16, 5, SCALE, NONE, 32, 32);
    case ERGO_TYPE_Q5_1:
        return ERGO__PACKED_FORM(0, 5, OFFSET, NONE, 32, 64);
    case ERGO_TYPE_Q8_0:
        return ERGO__PACKED_FORM(128, 8, SCALE, NONE, 32, 32);
    case ERGO_TYPE_Q2_K:
        return ERGO__PACKED_FORM(0, 2, SUB_LOW, NONE, 256, 320);
    case ERGO_TYPE_Q3_K:
        return ERGO__PACKED_FORM(4, 3, SUB, NONE, 256, 288);
    case ERGO_TYPE_Q4_K:
        return ERGO__PACKED_FORM(0, 4, MINS, NONE, 256, 320);
    case ERGO_TYPE_Q5_K:
        return ERGO__PACKED_FORM(0, 5, MINS, NONE, 256, 320);
    case ERGO_TYPE_Q6_K:
        return ERGO__PACKED_FORM(32, 6, SUB, NONE, 256, 288);
    case ERGO_TYPE_IQ4_NL:
        return ERGO__PACKED_FORM(128, 4, SCALE, IQ4, 32, 32);
    case ERGO_TYPE_IQ4_XS:
        return ERGO__PACKED_FORM(128, 4, SCALES, IQ4, 256, 160);
    case ERGO_TYPE_MXFP4:
        return ERGO__PACKED_FORM(16, 4, E8M0, FP4, 32, 16);
    case ERGO_TYPE_TQ1_0:
    case ERGO_TYPE_TQ2_0:
        return ERGO__PACKED_FORM(1, 2, COMMON, NONE, 256, 32);
    case ERGO_TYPE_F16:
    case ERGO_TYPE_BF16:
        return ERGO__PACKED_FORM(0, 16, NONE, NONE, 0, 0);
    case ERGO_TYPE_F32:
        return ERGO__PACKED_FORM(0, 32, NONE, NONE, 0, 0);
    }
    return ERGO__PACKED_FORM(0, 0, NONE, NONE, 0, 0);
}

static inline bool ergo__packed_has_offset(ergo__packed_form form)
{
    return form.factors == ERGO__FACTORS_OFFSET || form.factors == ERGO__FACTORS_MINS ||
           form.factors == ERGO__FACTORS_SUB_LOW;
}

static inline bool ergo__packed_has_sub(ergo__packed_form form)
{
    return form.factors == ERGO__FACTORS_SUB || form.factors == ERGO__FACTORS_SUB_LOW;
}

/** Bytes of the codes of 32 elements of 16 rows. */
static inline size_t ergo__packed_code_bytes(ergo__packed_form form)
{
    return (size_t)form.bits * 32 * ERGO__STRIP_ROWS / 8;
}

/** Bytes of a strip of rows of k weights. */
size_t ergo__packed_strip_bytes(ergo_type type, size_t k);

/** Packs up to 16 rows of k weights. `strip` is aligned for a cache line. */
void ergo__cpu_pack(ergo_type type, const unsigned char *w, size_t row_bytes, size_t k, size_t rows,
                    unsigned char *strip);

/** Row `row` (< 16) of a strip as k floats: those that ergo_dequantize gives for the row packed. */
void ergo__cpu_unpack_row(ergo_type type, const unsigned char *strip, size_t k, size_t row,
                          float *out);

#endif
