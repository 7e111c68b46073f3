/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/cpu/packed_read.h"

/*
 * Packing puts the bytes of 16 rows side by side first, four bytes of each row in a line of 64, at
 * the line of the strip where they shall end. What is left is to exchange fields of bits between
 * lines: the same for all rows, so that any compiler makes vectors of it.
 */

#define ROWS ERGO__STRIP_ROWS
#define LINE ERGO__GROUP_BYTES
#define LINES_MAX 48 /* of a block: Q6_K */

/* A block of the file of each row. */
typedef struct blocks {
    const uint8_t *first;
    size_t row_bytes;
    size_t rows;
} blocks;

static inline void copy_word(uint8_t *line, size_t r, const uint8_t *from)
{
    memcpy(line + 4 * r, from, 4);
}

/* Four words of every block from byte `from` on, to lines `apart` from each other. */
static inline void gather4(const blocks *w, size_t from, uint8_t *lines, size_t apart)
{
    const size_t next = apart * LINE;
    const uint8_t *at = w->first + from;
    for (size_t r = 0; r < w->rows; r++, at += w->row_bytes) {
        copy_word(lines, r, at);
        copy_word(lines + next, r, at + 4);
        copy_word(lines + 2 * next, r, at + 8);
        copy_word(lines + 3 * next, r, at + 12);
    }
}

static inline void gather(const blocks *w, size_t from, size_t n, uint8_t *lines, size_t apart)
{
    for (size_t i = 0; i < n; i += 4)
        gather4(w, from + 4 * i, lines + i * apart * LINE, apart);
}

/* One word. */
static inline void gather1(const blocks *w, size_t from, uint8_t *line)
{
    for (size_t r = 0; r < w->rows; r++)
        copy_word(line, r, w->first + r * w->row_bytes + from);
}

/* Single bytes, as factors lie: 16 side by side. */
static inline void gather_bytes(const blocks *w, size_t from, size_t n, uint8_t *out)
{
    for (size_t r = 0; r < w->rows; r++)
        for (size_t i = 0; i < n; i++)
            out[i * ROWS + r] = w->first[r * w->row_bytes + from + i];
}

/* Half-precision numbers. */
static inline void gather_half(const blocks *w, size_t from, uint8_t *out)
{
    for (size_t r = 0; r < w->rows; r++)
        memcpy(out + 2 * r, w->first + r * w->row_bytes + from, 2);
}

/* Fields of every byte that are left alone where others change places. */
#define NIBBLES 0x0f0f0f0fu
#define CRUMBS 0x33333333u
#define BITS 0x55555555u

/* Changes the upper fields of some lines for the lower ones of others. */
static inline void exchange(uint8_t *restrict a, uint8_t *restrict b, size_t lines, unsigned bits,
                            uint32_t mask)
{
    for (size_t i = 0; i < lines * LINE; i += 4) {
        uint32_t x;
        uint32_t y;
        memcpy(&x, a + i, 4);
        memcpy(&y, b + i, 4);
        const uint32_t changed = (x >> bits ^ y) & mask; /* nothing crosses from byte to byte */
        x ^= changed << bits;
        y ^= changed;
        memcpy(a + i, &x, 4);
        memcpy(b + i, &y, 4);
    }
}

/* 32 bytes with 32 elements in the low and 32 in the high nibbles, `apart` lines from each other.
 */
static inline void gather_k_nibbles(const blocks *w, size_t from, uint8_t *lines, size_t apart)
{
    gather4(w, from, lines, 1);
    gather4(w, from + 16, lines + apart * LINE, 1);
    exchange(lines, lines + apart * LINE, 4, 4, NIBBLES);
}

/* 32 bytes with two bits of 4 x 32 elements, to pairs of lines, `apart` lines from each other. */
static inline void gather_crumbs(const blocks *w, size_t from, uint8_t *lines, size_t apart)
{
    const size_t next = apart * LINE;
    for (size_t p = 0; p < 2; p++, lines += LINE) {
        gather4(w, from + 16 * p, lines, apart);
        exchange(lines, lines + 2 * next, 1, 4, NIBBLES);
        exchange(lines + next, lines + 3 * next, 1, 4, NIBBLES);
        exchange(lines, lines + next, 1, 2, CRUMBS);
        exchange(lines + 2 * next, lines + 3 * next, 1, 2, CRUMBS);
    }
}

/* 32 bytes with one bit of 8 x 32 elements, to lines `apart` from each other. */
static inline void gather_bits(const blocks *w, size_t from, uint8_t *lines, size_t apart)
{
    const size_t next = apart * LINE;
    gather(w, from, 8, lines, apart);
    for (size_t i = 0; i < 4; i++)
        exchange(lines + i * next, lines + (i + 4) * next, 1, 4, NIBBLES);
    for (size_t i = 0; i < 8; i += i % 4 == 1 ? 3 : 1)
        exchange(lines + i * next, lines + (i + 2) * next, 1, 2, CRUMBS);
    for (size_t i = 0; i < 8; i += 2)
        exchange(lines + i * next, lines + (i + 1) * next, 1, 1, BITS);
}

/* ---- Blocks of 32 elements ----------------------------------------------------------------- */

/* 16 bytes with elements 0-15 in the low and 16-31 in the high nibbles are as they should be. */
static void pack_q4_0(const blocks *w, uint8_t *codes, uint8_t *factors)
{
    gather4(w, ERGO__Q4_0_QS, codes, 1);
    gather_half(w, ERGO__Q4_0_D, factors);
}

static void pack_q4_1(const blocks *w, uint8_t *codes, uint8_t *factors)
{
    gather4(w, ERGO__Q4_1_QS, codes, 1);
    gather_half(w, ERGO__Q4_1_D, factors);
    gather_half(w, ERGO__Q4_1_M, factors + 2 * ROWS);
}

/* Exchanges bits i of a word under the mask for bits i + distance. */
static inline uint32_t swap_bits(uint32_t word, unsigned distance, uint32_t mask)
{
    const uint32_t changed = (word >> distance ^ word) & mask;
    return word ^ changed ^ changed << distance;
}

/* A bit of 32 elements one after the other: bit 4g + j goes to bit g of byte j. */
static inline void gather_fifth_bits(const blocks *w, size_t from, uint8_t *line)
{
    gather1(w, from, line);
    for (size_t r = 0; r < ROWS; r++) {
        uint32_t word = ergo__load_u32(line + 4 * r); /* number of a bit: g2 g1 g0 j1 j0 */
        word = swap_bits(word, 14, 0x0000ccccu);      /* j1 g1 g0 g2 j0 */
        word = swap_bits(word, 7, 0x00aa00aau);       /* j1 j0 g0 g2 g1 */
        word = swap_bits(word, 2, 0x0c0c0c0cu);       /* j1 j0 g2 g0 g1 */
        word = swap_bits(word, 1, 0x22222222u);       /* j1 j0 g2 g1 g0 */
        ergo__store_u32(line + 4 * r, word);
    }
}

static void pack_q5_0(const blocks *w, uint8_t *codes, uint8_t *factors)
{
    gather4(w, ERGO__Q5_0_QS, codes, 1);
    gather_fifth_bits(w, ERGO__Q5_0_QH, codes + 4 * LINE);
    gather_half(w, ERGO__Q5_0_D, factors);
}

static void pack_q5_1(const blocks *w, uint8_t *codes, uint8_t *factors)
{
    gather4(w, ERGO__Q5_1_QS, codes, 1);
    gather_fifth_bits(w, ERGO__Q5_1_QH, codes + 4 * LINE);
    gather_half(w, ERGO__Q5_1_D, factors);
    gather_half(w, ERGO__Q5_1_M, factors + 2 * ROWS);
}

static void pack_q8_0(const blocks *w, uint8_t *codes, uint8_t *factors)
{
    gather(w, ERGO__Q8_0_QS, 8, codes, 1);
    for (size_t i = 0; i < 8 * LINE; i++)
        codes[i] ^= 128;
    gather_half(w, ERGO__Q8_0_D, factors);
}

static void pack_iq4_nl(const blocks *w, uint8_t *codes, uint8_t *factors)
{
    gather4(w, ERGO__IQ4_NL_QS, codes, 1);
    gather_half(w, ERGO__IQ4_NL_D, factors);
}

static void pack_mxfp4(const blocks *w, uint8_t *codes, uint8_t *factors)
{
    gather4(w, ERGO__MXFP4_QS, codes, 1);
    gather_bytes(w, ERGO__MXFP4_E, 1, factors);
}

/* ---- Blocks of 256 elements ---------------------------------------------------------------- */

static void pack_q2_k(const blocks *w, uint8_t *codes, uint8_t *factors)
{
    for (size_t n = 0; n < 2; n++)
        gather_crumbs(w, ERGO__Q2_K_QS + 32 * n, codes + 8 * n * LINE, 2);
    gather_half(w, ERGO__Q2_K_D, factors);
    gather_half(w, ERGO__Q2_K_DMIN, factors + 2 * ROWS);
    gather_bytes(w, ERGO__Q2_K_SCALES, 16, factors + 4 * ROWS);
}

/* The fields of ergo__unpack_q3_k_scales, for 16 rows. */
static void pack_q3_k_scales(const blocks *w, uint8_t *out)
{
    uint8_t s[12 * ROWS] = {0};
    gather_bytes(w, ERGO__Q3_K_SCALES, 12, s);
    for (size_t j = 0; j < 16; j++)
        for (size_t r = 0; r < ROWS; r++) {
            const int low = s[j % 8 * ROWS + r] >> (j / 8 * 4) & 15;
            const int high = s[(8 + j % 4) * ROWS + r] >> (j / 4 * 2) & 3;
            out[j * ROWS + r] = (uint8_t)((low | high << 4) - 32);
        }
}

static void pack_q3_k(const blocks *w, uint8_t *codes, uint8_t *factors)
{
    for (size_t n = 0; n < 2; n++)
        gather_crumbs(w, ERGO__Q3_K_QS + 32 * n, codes + 12 * n * LINE, 3);
    gather_bits(w, ERGO__Q3_K_HMASK, codes + 2 * LINE, 3);
    gather_half(w, ERGO__Q3_K_D, factors);
    pack_q3_k_scales(w, factors + 2 * ROWS);
}

/* The factors of Q4_K and Q5_K, with the fields of ergo__unpack_k_scales, for 16 rows. */
static void pack_mins(const blocks *w, uint8_t *factors)
{
    uint8_t s[12 * ROWS] = {0};
    gather_half(w, ERGO__Q4_K_D, factors);
    gather_half(w, ERGO__Q4_K_DMIN, factors + 2 * ROWS);
    gather_bytes(w, ERGO__Q4_K_SCALES, 12, s);
    uint8_t *scale = factors + 4 * ROWS;
    uint8_t *min = factors + 12 * ROWS;
    for (size_t i = 0; i < 4 * ROWS; i++) {
        const uint8_t *low = s + 4 * ROWS;
        const uint8_t *both = s + 8 * ROWS;
        scale[i] = s[i] & 63;
        min[i] = low[i] & 63;
        scale[i + 4 * ROWS] = (uint8_t)((both[i] & 15) | (s[i] >> 6) << 4);
        min[i + 4 * ROWS] = (uint8_t)((both[i] >> 4) | (low[i] >> 6) << 4);
    }
}

static void pack_q4_k(const blocks *w, uint8_t *codes, uint8_t *factors)
{
    for (size_t n = 0; n < 4; n++)
        gather_k_nibbles(w, ERGO__Q4_K_QS + 32 * n, codes + 8 * n * LINE, 4);
    pack_mins(w, factors);
}

static void pack_q5_k(const blocks *w, uint8_t *codes, uint8_t *factors)
{
    for (size_t n = 0; n < 4; n++)
        gather_k_nibbles(w, ERGO__Q5_K_QS + 32 * n, codes + 10 * n * LINE, 5);
    gather_bits(w, ERGO__Q5_K_QH, codes + 4 * LINE, 5);
    pack_mins(w, factors);
}

static void pack_q6_k(const blocks *w, uint8_t *codes, uint8_t *factors)
{
    for (size_t n = 0; n < 2; n++, codes += 24 * LINE) {
        const size_t ql = ERGO__Q6_K_QL + 64 * n;
        gather_k_nibbles(w, ql, codes, 12);
        gather_k_nibbles(w, ql + 32, codes + 6 * LINE, 12);
        gather_crumbs(w, ERGO__Q6_K_QH + 32 * n, codes + 4 * LINE, 6);
    }
    gather_half(w, ERGO__Q6_K_D, factors);
    gather_bytes(w, ERGO__Q6_K_SCALES, 16, factors + 2 * ROWS);
}

static void pack_iq4_xs(const blocks *w, uint8_t *codes, uint8_t *factors)
{
    gather(w, ERGO__IQ4_XS_QS, 32, codes, 1);
    gather_half(w, ERGO__IQ4_XS_D, factors);
    for (size_t r = 0; r < w->rows; r++) {
        int8_t scale[8];
        ergo__unpack_iq4_xs_scales(w->first + r * w->row_bytes, scale);
        for (size_t j = 0; j < 8; j++)
            factors[(2 + j) * ROWS + r] = (uint8_t)scale[j];
    }
}

/*
 * Takes the first digit (0, 1 or 2) off every byte of a line, a fraction of 256 in base 3: times 3,
 * what crosses into the next byte is the digit. It is put at bit `shift`.
 */
static inline void take_trits(uint8_t *restrict line, unsigned shift, uint8_t *restrict out)
{
    const uint32_t every_other = 0x00ff00ffu;
    for (size_t i = 0; i < LINE; i += 4) {
        uint32_t word;
        uint32_t sum;
        memcpy(&word, line + i, 4);
        memcpy(&sum, out + i, 4);
        const uint32_t even = word & every_other;
        const uint32_t odd = word >> 8 & every_other;
        const uint32_t even3 = even + (even << 1);
        const uint32_t odd3 = odd + (odd << 1);
        const uint32_t digits = (even3 >> 8 & 0x00030003u) | (odd3 & 0x03000300u);
        word = (even3 & every_other) | (odd3 & every_other) << 8;
        sum |= digits << shift;
        memcpy(line + i, &word, 4);
        memcpy(out + i, &sum, 4);
    }
}

/* The order of ergo__unpack_tq1_0, written as the two bits of TQ2_0. */
static void pack_tq1_0(const blocks *w, uint8_t *codes, uint8_t *factors)
{
    uint8_t in[13 * LINE] = {0};
    gather(w, ERGO__TQ1_0_QS, 12, in, 1);
    gather1(w, ERGO__TQ1_0_QH, in + 12 * LINE);
    memset(codes, 0, 16 * LINE);
    for (size_t n = 0; n < 5; n++)
        for (size_t g = 0; g < 4; g++) {
            const unsigned shift = 2 * (unsigned)g;
            take_trits(in + g * LINE, shift, codes + 2 * n * LINE);
            take_trits(in + (g + 4) * LINE, shift, codes + (2 * n + 1) * LINE);
            take_trits(in + (g + 8) * LINE, shift, codes + (10 + n) * LINE);
        }
    for (unsigned n = 0; n < 4; n++)
        take_trits(in + 12 * LINE, 2 * n, codes + 15 * LINE);
    gather_half(w, ERGO__TQ1_0_D, factors);
}

static void pack_tq2_0(const blocks *w, uint8_t *codes, uint8_t *factors)
{
    for (size_t n = 0; n < 2; n++)
        gather_crumbs(w, ERGO__TQ2_0_QS + 32 * n, codes + 8 * n * LINE, 2);
    gather_half(w, ERGO__TQ2_0_D, factors);
}

/* ---- Strips -------------------------------------------------------------------------------- */

typedef void pack_fn(const blocks *w, uint8_t *codes, uint8_t *factors);

static pack_fn *packer_of(ergo_type type)
{
    switch (type) {
#define PACKER(TYPE, name)                                                                         \
    case ERGO_TYPE_##TYPE:                                                                         \
        return pack_##name;
        PACKER(Q4_0, q4_0)
        PACKER(Q4_1, q4_1)
        PACKER(Q5_0, q5_0)
        PACKER(Q5_1, q5_1)
        PACKER(Q8_0, q8_0)
        PACKER(Q2_K, q2_k)
        PACKER(Q3_K, q3_k)
        PACKER(Q4_K, q4_k)
        PACKER(Q5_K, q5_k)
        PACKER(Q6_K, q6_k)
        PACKER(IQ4_NL, iq4_nl)
        PACKER(IQ4_XS, iq4_xs)
        PACKER(TQ1_0, tq1_0)
        PACKER(TQ2_0, tq2_0)
        PACKER(MXFP4, mxfp4)
#undef PACKER
    default:
        return NULL;
    }
}

/* Bytes of a row that are asked for ahead: processors do not see 16 rows coming by themselves. */
#define AHEAD 256

static inline void prefetch(const blocks *w, size_t block_bytes)
{
    for (size_t r = 0; r < w->rows; r++)
        for (size_t i = 0; i < block_bytes; i += ERGO_BLOCK_ALIGN)
            __builtin_prefetch(w->first + r * w->row_bytes + AHEAD + i);
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

static void pack_blocks(ergo_type type, blocks w, size_t k, unsigned char *strip)
{
    const ergo__packed_form form = ergo__packed_form_of(type);
    const ergo_type_info *info = ergo_type_get((uint32_t)type);
    pack_fn *pack = packer_of(type);
    const size_t code_bytes = ergo__packed_code_bytes(form) * info->block_elements / 32;
    unsigned char *factors = strip + k / 32 * ergo__packed_code_bytes(form);
    uint8_t codes[LINES_MAX * LINE] = {0}; /* so that the strip is written from end to end */
    for (size_t i = 0; i < k; i += info->block_elements) {
        prefetch(&w, info->block_bytes);
        pack(&w, codes, factors);
        memcpy(strip, codes, code_bytes);
        w.first += info->block_bytes;
        strip += code_bytes;
        factors += form.factor_bytes; /* of as many elements as a block has */
    }
}

void ergo__cpu_pack(ergo_type type, const unsigned char *w, size_t row_bytes, size_t k, size_t rows,
                    unsigned char *strip)
{
    const unsigned bits = ergo__packed_form_of(type).bits;
    const size_t strip_bytes = ergo__packed_strip_bytes(type, k);
    if (rows < ROWS)
        memset(strip, 0, strip_bytes);
    else
        memset(strip + strip_bytes - ERGO_BLOCK_ALIGN, 0, ERGO_BLOCK_ALIGN); /* the padding */
    if (bits == 32)
        pack_singles(w, row_bytes, k, rows, strip);
    else if (bits == 16)
        pack_halves(w, row_bytes, k, rows, strip);
    else
        pack_blocks(type, (blocks){w, row_bytes, rows}, k, strip);
}
