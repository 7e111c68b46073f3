/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_CPU_PACKED_H
#define ERGO_CPU_PACKED_H

#include <string.h>

#include "backends/cpu/kernels.h"

/*
 * Packed weights: the same numbers as in the file, ordered for kernels whose lanes are rows.
 *
 * 16 rows make a strip; rows beyond the last are zeros. A strip holds the codes of all its blocks
 * of 32 elements, block after block, then their factors. Codes are unsigned (the zero point is
 * taken off by the kernel, with the sums of the activations) and come in 8 groups of 4 elements:
 * group g holds, for each of the 16 rows, elements 4g .. 4g+3 of the block, 64 bytes in all.
 *
 *   8 bits   groups 0 .. 7
 *   4 bits   4 x 64 bytes: group v in the low nibbles, group v + 4 in the high ones
 *   5 bits   the same, then 64 bytes whose bit g is the fifth bit of group g
 *   6 bits   the same as 4 bits, then 2 x 64 bytes: bits 2g .. 2g+1 of the first are the upper two
 *            of group g, of the second those of group g + 4
 *   floats   32 x 16 numbers as in the file, element by element, and no factors
 *
 * Factors, each for 16 rows, as they are in the file:
 *
 *   per 32 elements   binary16 scale; binary16 offset (Q4_1, Q5_1)
 *   per 256 elements  Q4_K, Q5_K: binary16 d and dmin; 8 x scale, 8 x min, a byte each
 *                     Q6_K: binary16 d; 16 x scale, a byte each
 *
 * Quantized activations that packed kernels take lie in tiles of up to 16 tokens: block by block,
 * of each block the tokens side by side, so that a kernel walks through them with one pointer.
 *
 * A strip starts on a cache line. Its bytes are those of 16 rows of the file, but for Q4_K (3 %
 * more) and Q5_K (2 %).
 */

#define ERGO__STRIP_ROWS 16u
#define ERGO__TILE_TOKENS 16u

/** An ergo__q8_block, with what kernels need of its sums ready for use. */
typedef struct ergo__tile_block {
    float d;
    float total;    /* of q */
    int32_t minus8; /* -8 x total: what a zero point of 8 adds */
    int16_t sum[2];
    int8_t q[32];
} ergo__tile_block;

static inline ergo__tile_block ergo__tile_block_of(const ergo__q8_block *x)
{
    const int32_t total = x->sum[0] + x->sum[1];
    ergo__tile_block out = {x->d, (float)total, -8 * total, {x->sum[0], x->sum[1]}, {0}};
    memcpy(out.q, x->q, sizeof out.q);
    return out;
}

typedef struct ergo__packed_form {
    uint8_t zero;             /* what is added to codes to make them unsigned */
    uint8_t bits;             /* of a code: 4, 5, 6, 8; 16 or 32 for floats */
    uint16_t factor_elements; /* 32 or 256; 0 for floats */
    uint16_t factor_bytes;    /* for each factor_elements of 16 rows */
} ergo__packed_form;

/** How weights of `type` are packed; bits is 0 for types that are not. */
static inline ergo__packed_form ergo__packed_form_of(ergo_type type)
{
    switch (type) {
    case ERGO_TYPE_Q4_0:
        return (ergo__packed_form){8, 4, 32, 32};
    case ERGO_TYPE_Q4_1:
        return (ergo__packed_form){0, 4, 32, 64};
    case ERGO_TYPE_Q5_0:
        return (ergo__packed_form){16, 5, 32, 32};
    case ERGO_TYPE_Q5_1:
        return (ergo__packed_form){0, 5, 32, 64};
    case ERGO_TYPE_Q8_0:
        return (ergo__packed_form){128, 8, 32, 32};
    case ERGO_TYPE_IQ4_NL: /* codes are numbers of the table's values */
        return (ergo__packed_form){128, 4, 32, 32};
    case ERGO_TYPE_Q4_K:
        return (ergo__packed_form){0, 4, 256, 320};
    case ERGO_TYPE_Q5_K:
        return (ergo__packed_form){0, 5, 256, 320};
    case ERGO_TYPE_Q6_K:
        return (ergo__packed_form){32, 6, 256, 288};
    case ERGO_TYPE_F16:
    case ERGO_TYPE_BF16:
        return (ergo__packed_form){0, 16, 0, 0};
    default:
        return (ergo__packed_form){0, 0, 0, 0};
    }
}

/** Bytes of the codes of 32 elements of 16 rows. */
static inline size_t ergo__packed_code_bytes(ergo__packed_form form)
{
    return (size_t)form.bits * 32 * ERGO__STRIP_ROWS / 8;
}

/** Bytes of a strip of rows of k weights; 0 for types that are not packed. */
size_t ergo__packed_strip_bytes(ergo_type type, size_t k);

/**
 * Packs up to 16 rows of k weights of a type that can be packed. `strip` is aligned for a cache
 * line.
 */
void ergo__cpu_pack(ergo_type type, const unsigned char *w, size_t row_bytes, size_t k, size_t rows,
                    unsigned char *strip);

#endif
