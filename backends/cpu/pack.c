/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/cpu/packed_read.h"

/*
 * Packing moves the codes of four elements at a time, as words of four bytes: what belongs to a row
 * is every 16th word of a strip. `out` points to the row's word of the first group throughout.
 */

#define ROWS ERGO__STRIP_ROWS

/* The same bits of every byte. */
#define CRUMBS 0x03030303u
#define BITS 0x01010101u
#define NIBBLES 0x0f0f0f0fu

static inline void put_word(uint8_t *out, size_t v, uint32_t word)
{
    ergo__store_u32(out + v * ERGO__GROUP_BYTES, word);
}

/* ---- Codes of 32 elements ------------------------------------------------------------------ */

/* 16 bytes whose low nibbles are the first 16 elements: as they are. */
static inline void put_nibbles(const uint8_t *qs, uint8_t *out)
{
    for (size_t v = 0; v < 4; v++)
        put_word(out, v, ergo__load_u32(qs + 4 * v));
}

/* Nibbles at bit `shift` of 32 bytes. */
static inline void put_k_nibbles(const uint8_t *qs, unsigned shift, uint8_t *out)
{
    for (size_t v = 0; v < 4; v++) {
        const uint32_t low = ergo__load_u32(qs + 4 * v) >> shift & NIBBLES;
        const uint32_t high = ergo__load_u32(qs + 4 * v + 16) >> shift & NIBBLES;
        put_word(out, v, low | high << 4);
    }
}

/* Two bits at `shift` of 32 bytes, to two planes. */
static inline void put_crumbs(const uint8_t *qs, unsigned shift, uint8_t *out)
{
    for (size_t p = 0; p < 2; p++) {
        uint32_t word = 0;
        for (unsigned g = 0; g < 4; g++)
            word |= (ergo__load_u32(qs + 16 * p + 4 * g) >> shift & CRUMBS) << (2 * g);
        put_word(out, p, word);
    }
}

/* One bit of 32 bytes, to a plane. */
static inline void put_bits(const uint8_t *qh, unsigned shift, uint8_t *out)
{
    uint32_t word = 0;
    for (unsigned g = 0; g < 8; g++)
        word |= (ergo__load_u32(qh + 4 * g) >> shift & BITS) << g;
    put_word(out, 0, word);
}

/* 32 bits, of element after element, to a plane: bit 4g + j goes to bit g of byte j. */
static inline void put_fifth_bits(uint32_t qh, uint8_t *out)
{
    uint32_t word = 0;
    for (unsigned g = 0; g < 8; g++) {
        const uint32_t four = qh >> (4 * g) & 15u;
        word |= (four * 0x00204081u & BITS) << g;
    }
    put_word(out, 0, word);
}

/* ---- Blocks of 32 elements ----------------------------------------------------------------- */

static inline void put_q4_0(const uint8_t *block, uint8_t *out)
{
    put_nibbles(block + ERGO__Q4_0_QS, out);
}

static inline void put_q4_1(const uint8_t *block, uint8_t *out)
{
    put_nibbles(block + ERGO__Q4_1_QS, out);
}

static inline void put_q5_0(const uint8_t *block, uint8_t *out)
{
    put_nibbles(block + ERGO__Q5_0_QS, out);
    put_fifth_bits(ergo__load_u32(block + ERGO__Q5_0_QH), out + 4 * ERGO__GROUP_BYTES);
}

static inline void put_q5_1(const uint8_t *block, uint8_t *out)
{
    put_nibbles(block + ERGO__Q5_1_QS, out);
    put_fifth_bits(ergo__load_u32(block + ERGO__Q5_1_QH), out + 4 * ERGO__GROUP_BYTES);
}

static inline void put_q8_0(const uint8_t *block, uint8_t *out)
{
    for (size_t v = 0; v < 8; v++)
        put_word(out, v, ergo__load_u32(block + ERGO__Q8_0_QS + 4 * v) ^ 0x80808080u);
}

static inline void put_iq4_nl(const uint8_t *block, uint8_t *out)
{
    put_nibbles(block + ERGO__IQ4_NL_QS, out);
}

static inline void put_mxfp4(const uint8_t *block, uint8_t *out)
{
    put_nibbles(block + ERGO__MXFP4_QS, out);
}

/* ---- Blocks of 256 elements, 32 after 32 --------------------------------------------------- */

#define BYTES_2 (2 * ERGO__GROUP_BYTES) /* of codes of 2 bits, of 32 elements */
#define BYTES_3 (3 * ERGO__GROUP_BYTES)
#define BYTES_4 (4 * ERGO__GROUP_BYTES)
#define BYTES_5 (5 * ERGO__GROUP_BYTES)
#define BYTES_6 (6 * ERGO__GROUP_BYTES)

static inline void put_q2_k(const uint8_t *block, uint8_t *out)
{
    for (unsigned b = 0; b < 8; b++)
        put_crumbs(block + ERGO__Q2_K_QS + 32 * (b / 4), 2 * (b % 4), out + b * BYTES_2);
}

static inline void put_q3_k(const uint8_t *block, uint8_t *out)
{
    for (unsigned b = 0; b < 8; b++, out += BYTES_3) {
        put_crumbs(block + ERGO__Q3_K_QS + 32 * (b / 4), 2 * (b % 4), out);
        put_bits(block + ERGO__Q3_K_HMASK, b, out + BYTES_2);
    }
}

static inline void put_q4_k(const uint8_t *block, uint8_t *out)
{
    for (unsigned b = 0; b < 8; b++)
        put_k_nibbles(block + ERGO__Q4_K_QS + 32 * (b / 2), 4 * (b % 2), out + b * BYTES_4);
}

static inline void put_q5_k(const uint8_t *block, uint8_t *out)
{
    for (unsigned b = 0; b < 8; b++, out += BYTES_5) {
        put_k_nibbles(block + ERGO__Q5_K_QS + 32 * (b / 2), 4 * (b % 2), out);
        put_bits(block + ERGO__Q5_K_QH, b, out + BYTES_4);
    }
}

static inline void put_q6_k(const uint8_t *block, uint8_t *out)
{
    for (unsigned b = 0; b < 8; b++, out += BYTES_6) {
        const unsigned n = b / 4;
        const unsigned j = b % 4;
        put_k_nibbles(block + ERGO__Q6_K_QL + 64 * n + 32 * (j % 2), 4 * (j / 2), out);
        put_crumbs(block + ERGO__Q6_K_QH + 32 * n, 2 * j, out + BYTES_4);
    }
}

static inline void put_iq4_xs(const uint8_t *block, uint8_t *out)
{
    for (unsigned b = 0; b < 8; b++)
        put_nibbles(block + ERGO__IQ4_XS_QS + 16 * b, out + b * BYTES_4);
}

static inline void put_tq1_0(const uint8_t *block, uint8_t *out)
{
    ergo__unit unit;
    uint8_t code[256];
    ergo__unpack_tq1_0(block, &unit);
    for (size_t i = 0; i < sizeof code; i++)
        code[i] = (uint8_t)(unit.q[i] + 1);
    for (unsigned b = 0; b < 8; b++)
        put_crumbs(code + 32 * b, 0, out + b * BYTES_2);
}

static inline void put_tq2_0(const uint8_t *block, uint8_t *out)
{
    for (unsigned b = 0; b < 8; b++)
        put_crumbs(block + ERGO__TQ2_0_QS + 32 * (b / 4), 2 * (b % 4), out + b * BYTES_2);
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

/* One block of the file of each row of a strip. */
#define PACK_BLOCK(TYPE, type, put_factors)                                                        \
    static void pack_##type(const uint8_t *w, size_t row_bytes, size_t rows, uint8_t *codes,       \
                            uint8_t *factors)                                                      \
    {                                                                                              \
        for (size_t r = 0; r < rows; r++, w += row_bytes) {                                        \
            put_##type(w, codes + 4 * r);                                                          \
            put_factors(w, r, factors);                                                            \
        }                                                                                          \
    }

#define PACKERS(X)                                                                                 \
    X(Q4_0, q4_0, factors_scale)                                                                   \
    X(Q4_1, q4_1, factors_offset)                                                                  \
    X(Q5_0, q5_0, factors_scale)                                                                   \
    X(Q5_1, q5_1, factors_offset)                                                                  \
    X(Q8_0, q8_0, factors_scale)                                                                   \
    X(Q2_K, q2_k, factors_q2_k)                                                                    \
    X(Q3_K, q3_k, factors_q3_k)                                                                    \
    X(Q4_K, q4_k, factors_mins)                                                                    \
    X(Q5_K, q5_k, factors_mins)                                                                    \
    X(Q6_K, q6_k, factors_q6_k)                                                                    \
    X(IQ4_NL, iq4_nl, factors_scale)                                                               \
    X(IQ4_XS, iq4_xs, factors_iq4_xs)                                                              \
    X(TQ1_0, tq1_0, factors_tq1_0)                                                                 \
    X(TQ2_0, tq2_0, factors_tq2_0)                                                                 \
    X(MXFP4, mxfp4, factors_mxfp4)

PACKERS(PACK_BLOCK)

typedef void pack_block_fn(const uint8_t *w, size_t row_bytes, size_t rows, uint8_t *codes,
                           uint8_t *factors);

static pack_block_fn *packer_of(ergo_type type)
{
    switch (type) {
#define PACKER_CASE(TYPE, type, put_factors)                                                       \
    case ERGO_TYPE_##TYPE:                                                                         \
        return pack_##type;
        PACKERS(PACKER_CASE)
    default:
        return NULL;
    }
}

static void pack_floats(const unsigned char *w, size_t row_bytes, size_t bytes, size_t k,
                        size_t rows, unsigned char *strip)
{
    for (size_t i = 0; i < k; i++)
        for (size_t r = 0; r < rows; r++)
            memcpy(strip + bytes * (i * ROWS + r), w + r * row_bytes + bytes * i, bytes);
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
    if (!pack_block) {
        pack_floats(w, row_bytes, form.bits / 8u, k, rows, strip);
        return;
    }
    for (size_t i = 0; i < k; i += info->block_elements) {
        pack_block(w, row_bytes, rows, strip, factors);
        w += info->block_bytes;
        strip += code_bytes;
        factors += form.factor_bytes * info->block_elements / form.factor_elements;
    }
}
