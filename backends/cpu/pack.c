/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/cpu/packed_read.h"

/*
 * Packing handles the codes of four elements at a time, as the four bytes of a word (in whatever
 * order: nothing here crosses from byte to byte). First the
 * words of each row are put together as they shall lie in the strip, then those of 16 rows are
 * turned to lie side by side.
 */

#define ROWS ERGO__STRIP_ROWS

/* Fields of every byte that are left alone where others change places. */
#define NIBBLES 0x0f0f0f0fu
#define CRUMBS 0x33333333u
#define BITS 0x55555555u

/* Changes the upper fields of `n` words at `a` for the lower ones of those at `b`. */
static inline void exchange(uint32_t *a, uint32_t *b, size_t n, unsigned bits, uint32_t mask)
{
    for (size_t i = 0; i < n; i++) {
        const uint32_t changed = (a[i] >> bits ^ b[i]) & mask;
        a[i] ^= changed << bits;
        b[i] ^= changed;
    }
}

/* ---- Codes of a row, block of 32 elements after block -------------------------------------- */

/* 16 bytes with elements 0-15 in the low and 16-31 in the high nibbles are as they should be. */
static inline void split_nibbles(const uint8_t *qs, uint32_t *out)
{
    memcpy(out, qs, 16);
}

/* 32 bytes with 32 elements in the low and 32 in the high nibbles, to out[0 .. 3] and other. */
static inline void split_k_nibbles(const uint8_t *qs, uint32_t *out, uint32_t *other)
{
    uint32_t w[8];
    memcpy(w, qs, 32);
    exchange(w, w + 4, 4, 4, NIBBLES);
    memcpy(out, w, 16);
    memcpy(other, w + 4, 16);
}

/* 32 bytes with two bits of 4 x 32 elements, to planes `apart` words from each other. */
static inline void split_crumbs(const uint8_t *qs, uint32_t *out, size_t apart)
{
    for (size_t p = 0; p < 2; p++) {
        uint32_t w[4];
        memcpy(w, qs + 16 * p, 16);
        exchange(w, w + 2, 2, 4, NIBBLES);
        exchange(w, w + 1, 1, 2, CRUMBS);
        exchange(w + 2, w + 3, 1, 2, CRUMBS);
        for (size_t j = 0; j < 4; j++)
            out[j * apart + p] = w[j];
    }
}

/* 32 bytes with one bit of 8 x 32 elements, to planes `apart` words from each other. */
static inline void split_bits(const uint8_t *qh, uint32_t *out, size_t apart)
{
    uint32_t w[8];
    memcpy(w, qh, 32);
    exchange(w, w + 4, 4, 4, NIBBLES);
    for (size_t i = 0; i < 8; i += 4)
        exchange(w + i, w + i + 2, 2, 2, CRUMBS);
    for (size_t i = 0; i < 8; i += 2)
        exchange(w + i, w + i + 1, 1, 1, BITS);
    for (size_t j = 0; j < 8; j++)
        out[j * apart] = w[j];
}

/* A bit of 32 elements one after the other: bit 4g + j goes to bit g of byte j. */
static inline void split_fifth_bits(const uint8_t *from, uint32_t *out)
{
    const uint32_t qh = ergo__load_u32(from);
    uint32_t word = 0;
    for (unsigned g = 0; g < 8; g++)
        word |= ((qh >> (4 * g) & 15u) * 0x00204081u & 0x01010101u) << g;
    ergo__store_u32(out, word);
}

static inline void split_q4_0(const uint8_t *block, uint32_t *out)
{
    split_nibbles(block + ERGO__Q4_0_QS, out);
}

static inline void split_q4_1(const uint8_t *block, uint32_t *out)
{
    split_nibbles(block + ERGO__Q4_1_QS, out);
}

static inline void split_q5_0(const uint8_t *block, uint32_t *out)
{
    split_nibbles(block + ERGO__Q5_0_QS, out);
    split_fifth_bits(block + ERGO__Q5_0_QH, out + 4);
}

static inline void split_q5_1(const uint8_t *block, uint32_t *out)
{
    split_nibbles(block + ERGO__Q5_1_QS, out);
    split_fifth_bits(block + ERGO__Q5_1_QH, out + 4);
}

static inline void split_q8_0(const uint8_t *block, uint32_t *out)
{
    memcpy(out, block + ERGO__Q8_0_QS, 32);
    for (size_t i = 0; i < 8; i++)
        out[i] ^= 0x80808080u;
}

static inline void split_iq4_nl(const uint8_t *block, uint32_t *out)
{
    split_nibbles(block + ERGO__IQ4_NL_QS, out);
}

static inline void split_mxfp4(const uint8_t *block, uint32_t *out)
{
    split_nibbles(block + ERGO__MXFP4_QS, out);
}

static inline void split_q2_k(const uint8_t *block, uint32_t *out)
{
    for (size_t n = 0; n < 2; n++)
        split_crumbs(block + ERGO__Q2_K_QS + 32 * n, out + 8 * n, 2);
}

static inline void split_q3_k(const uint8_t *block, uint32_t *out)
{
    for (size_t n = 0; n < 2; n++)
        split_crumbs(block + ERGO__Q3_K_QS + 32 * n, out + 12 * n, 3);
    split_bits(block + ERGO__Q3_K_HMASK, out + 2, 3);
}

static inline void split_q4_k(const uint8_t *block, uint32_t *out)
{
    for (size_t n = 0; n < 4; n++)
        split_k_nibbles(block + ERGO__Q4_K_QS + 32 * n, out + 8 * n, out + 8 * n + 4);
}

static inline void split_q5_k(const uint8_t *block, uint32_t *out)
{
    for (size_t n = 0; n < 4; n++)
        split_k_nibbles(block + ERGO__Q5_K_QS + 32 * n, out + 10 * n, out + 10 * n + 5);
    split_bits(block + ERGO__Q5_K_QH, out + 4, 5);
}

static inline void split_q6_k(const uint8_t *block, uint32_t *out)
{
    for (size_t n = 0; n < 2; n++, out += 24) {
        const uint8_t *ql = block + ERGO__Q6_K_QL + 64 * n;
        split_k_nibbles(ql, out, out + 12);
        split_k_nibbles(ql + 32, out + 6, out + 18);
        split_crumbs(block + ERGO__Q6_K_QH + 32 * n, out + 4, 6);
    }
}

static inline void split_iq4_xs(const uint8_t *block, uint32_t *out)
{
    memcpy(out, block + ERGO__IQ4_XS_QS, 128);
}

static inline void split_tq1_0(const uint8_t *block, uint32_t *out)
{
    ergo__unit unit;
    ergo__unpack_tq1_0(block, &unit);
    for (size_t b = 0; b < 8; b++)
        for (size_t p = 0; p < 2; p++) {
            uint32_t w[4];
            memcpy(w, unit.q + 32 * b + 16 * p, 16);
            for (size_t g = 0; g < 4; g++) /* -1, 0, 1 to 0, 1, 2 */
                w[g] = (w[g] & 0x01010101u) + 0x01010101u - (w[g] >> 6 & 0x02020202u);
            out[2 * b + p] = w[0] | w[1] << 2 | w[2] << 4 | w[3] << 6;
        }
}

static inline void split_tq2_0(const uint8_t *block, uint32_t *out)
{
    for (size_t n = 0; n < 2; n++)
        split_crumbs(block + ERGO__TQ2_0_QS + 32 * n, out + 8 * n, 2);
}

/* ---- Factors of row r ---------------------------------------------------------------------- */

/* Half-precision numbers come first, one for every row. */
static inline void put_half(const uint8_t *from, size_t r, size_t i, uint8_t *out)
{
    memcpy(out + 2 * (i * ROWS + r), from, 2);
}

/* The scale alone, where the block begins with it. */
static inline void factors_scale(const uint8_t *block, size_t r, uint8_t *out)
{
    put_half(block, r, 0, out);
}

static inline void factors_offset(const uint8_t *block, size_t r, uint8_t *out)
{
    put_half(block + ERGO__Q4_1_D, r, 0, out);
    put_half(block + ERGO__Q4_1_M, r, 1, out);
}

static inline void factors_mxfp4(const uint8_t *block, size_t r, uint8_t *out)
{
    out[r] = block[ERGO__MXFP4_E];
}

static inline void factors_tq1_0(const uint8_t *block, size_t r, uint8_t *out)
{
    put_half(block + ERGO__TQ1_0_D, r, 0, out);
}

static inline void factors_tq2_0(const uint8_t *block, size_t r, uint8_t *out)
{
    put_half(block + ERGO__TQ2_0_D, r, 0, out);
}

static inline void factors_iq4_xs(const uint8_t *block, size_t r, uint8_t *out)
{
    int8_t scale[8];
    ergo__unpack_iq4_xs_scales(block, scale);
    put_half(block + ERGO__IQ4_XS_D, r, 0, out);
    for (size_t j = 0; j < 8; j++)
        out[(2 + j) * ROWS + r] = (uint8_t)scale[j];
}

static inline void factors_mins(const uint8_t *block, size_t r, uint8_t *out)
{
    uint8_t scale[8];
    uint8_t min[8];
    ergo__unpack_k_scales(block + ERGO__Q4_K_SCALES, scale, min);
    put_half(block + ERGO__Q4_K_D, r, 0, out);
    put_half(block + ERGO__Q4_K_DMIN, r, 1, out);
    for (size_t j = 0; j < 8; j++) {
        out[(4 + j) * ROWS + r] = scale[j];
        out[(12 + j) * ROWS + r] = min[j];
    }
}

static inline void factors_q2_k(const uint8_t *block, size_t r, uint8_t *out)
{
    put_half(block + ERGO__Q2_K_D, r, 0, out);
    put_half(block + ERGO__Q2_K_DMIN, r, 1, out);
    for (size_t j = 0; j < 16; j++)
        out[(4 + j) * ROWS + r] = block[ERGO__Q2_K_SCALES + j];
}

static inline void factors_q3_k(const uint8_t *block, size_t r, uint8_t *out)
{
    int8_t sub[16];
    ergo__unpack_q3_k_scales(block + ERGO__Q3_K_SCALES, sub);
    put_half(block + ERGO__Q3_K_D, r, 0, out);
    for (size_t j = 0; j < 16; j++)
        out[(2 + j) * ROWS + r] = (uint8_t)sub[j];
}

static inline void factors_q6_k(const uint8_t *block, size_t r, uint8_t *out)
{
    put_half(block + ERGO__Q6_K_D, r, 0, out);
    for (size_t j = 0; j < 16; j++)
        out[(2 + j) * ROWS + r] = block[ERGO__Q6_K_SCALES + j];
}

/* ---- Strips -------------------------------------------------------------------------------- */

/* Word i of every row side by side. */
static inline void turn(const uint32_t *rows, size_t words, uint8_t *out)
{
    for (size_t i = 0; i < words; i++)
        for (size_t r = 0; r < ROWS; r++)
            memcpy(out + 4 * (i * ROWS + r), rows + r * words + i, 4);
}

/* Bytes of a row that are asked for ahead: processors do not see 16 rows coming by themselves. */
#define AHEAD 256

static inline void prefetch(const uint8_t *block, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += ERGO_BLOCK_ALIGN)
        __builtin_prefetch(block + AHEAD + i);
}

/* One block of the file, of `words` words of codes, of each row of a strip. */
#define PACK_BLOCK(TYPE, type, words, put_factors)                                                 \
    static void pack_##type(const uint8_t *w, size_t row_bytes, size_t rows, uint8_t *codes,       \
                            uint8_t *factors)                                                      \
    {                                                                                              \
        uint32_t row[ROWS * (words)] = {0};                                                        \
        for (size_t r = 0; r < rows; r++, w += row_bytes) {                                        \
            prefetch(w, ERGO__##TYPE##_BYTES);                                                     \
            split_##type(w, row + r * (words));                                                    \
            put_factors(w, r, factors);                                                            \
        }                                                                                          \
        turn(row, words, codes);                                                                   \
    }

#define PACKERS(X)                                                                                 \
    X(Q4_0, q4_0, 4, factors_scale)                                                                \
    X(Q4_1, q4_1, 4, factors_offset)                                                               \
    X(Q5_0, q5_0, 5, factors_scale)                                                                \
    X(Q5_1, q5_1, 5, factors_offset)                                                               \
    X(Q8_0, q8_0, 8, factors_scale)                                                                \
    X(Q2_K, q2_k, 16, factors_q2_k)                                                                \
    X(Q3_K, q3_k, 24, factors_q3_k)                                                                \
    X(Q4_K, q4_k, 32, factors_mins)                                                                \
    X(Q5_K, q5_k, 40, factors_mins)                                                                \
    X(Q6_K, q6_k, 48, factors_q6_k)                                                                \
    X(IQ4_NL, iq4_nl, 4, factors_scale)                                                            \
    X(IQ4_XS, iq4_xs, 32, factors_iq4_xs)                                                          \
    X(TQ1_0, tq1_0, 16, factors_tq1_0)                                                             \
    X(TQ2_0, tq2_0, 16, factors_tq2_0)                                                             \
    X(MXFP4, mxfp4, 4, factors_mxfp4)

PACKERS(PACK_BLOCK)

typedef void pack_block_fn(const uint8_t *w, size_t row_bytes, size_t rows, uint8_t *codes,
                           uint8_t *factors);

static pack_block_fn *packer_of(ergo_type type)
{
    switch (type) {
#define PACKER_CASE(TYPE, type, words, put_factors)                                                \
    case ERGO_TYPE_##TYPE:                                                                         \
        return pack_##type;
        PACKERS(PACKER_CASE)
    default:
        return NULL;
    }
}

/* Two half-precision elements of each row at a time. */
static void pack_halves(const unsigned char *w, size_t row_bytes, size_t k, size_t rows,
                        unsigned char *strip)
{
    for (size_t i = 0; i < k; i += 2)
        for (size_t r = 0; r < rows; r++) {
            unsigned char *out = strip + 2 * (i * ROWS + r);
            memcpy(out, w + r * row_bytes + 2 * i, 2);
            if (i + 1 < k)
                memcpy(out + 2 * ROWS, w + r * row_bytes + 2 * i + 2, 2);
        }
}

static void pack_singles(const unsigned char *w, size_t row_bytes, size_t k, size_t rows,
                         unsigned char *strip)
{
    for (size_t i = 0; i < k; i++)
        for (size_t r = 0; r < rows; r++)
            memcpy(strip + 4 * (i * ROWS + r), w + r * row_bytes + 4 * i, 4);
}

void ergo__cpu_pack(ergo_type type, const unsigned char *w, size_t row_bytes, size_t k, size_t rows,
                    unsigned char *strip)
{
    const ergo__packed_form form = ergo__packed_form_of(type);
    const ergo_type_info *info = ergo_type_get((uint32_t)type);
    pack_block_fn *pack_block = packer_of(type);
    const size_t code_bytes = ergo__packed_code_bytes(form) * info->block_elements / 32;
    unsigned char *factors = strip + k / 32 * ergo__packed_code_bytes(form);
    const size_t strip_bytes = ergo__packed_strip_bytes(type, k);
    if (rows < ROWS)
        memset(strip, 0, strip_bytes);
    else
        memset(strip + strip_bytes - ERGO_BLOCK_ALIGN, 0, ERGO_BLOCK_ALIGN); /* the padding */
    if (form.bits == 32) {
        pack_singles(w, row_bytes, k, rows, strip);
    } else if (form.bits == 16) {
        pack_halves(w, row_bytes, k, rows, strip);
    } else {
        for (size_t i = 0; i < k; i += info->block_elements) {
            pack_block(w, row_bytes, rows, strip, factors);
            w += info->block_bytes;
            strip += code_bytes;
            factors += form.factor_bytes * info->block_elements / form.factor_elements;
        }
    }
}
