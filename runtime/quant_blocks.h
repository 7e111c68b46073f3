/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_QUANT_BLOCKS_H
#define ERGO_QUANT_BLOCKS_H

#include <stdint.h>

#include "ergo/quant.h"
#include "runtime/base/bits.h"

/*
 * How the quantized types lie in memory, and one common form for all of them.
 *
 * A block is plain bytes without alignment; the enumerators are byte offsets into it. The unpackers
 * turn one block into an ergo__unit, from which every type decodes by the same formula, element i:
 *
 *     value = scale[i/32] * q                                 no mins, no sub-blocks of 16
 *     value = scale[i/32] * q + offset[i/32]                  Q4_1, Q5_1, Q4_K, Q5_K
 *     value = scale[0] * sub[i/16] * q                        Q3_K, Q6_K
 *     value = scale[0] * sub[i/16] * q + offset[0] * low[i/16]  Q2_K
 *
 * Every product above is exact in float (11 bits of a half, at most 8 of a sub-scale, 7 of a code),
 * so only the sum rounds, and the result does not depend on the order or on fused operations.
 */

/** Decoded block. Only the fields named by the type's formula are set. */
typedef struct ergo__unit {
    float scale[8];
    float offset[8];
    int8_t sub[16];
    int8_t low[16];
    _Alignas(32) int8_t q[256];
} ergo__unit;

/** Which of the four formulas. */
typedef enum ergo__unit_form {
    ERGO__UNIT_SCALED,
    ERGO__UNIT_OFFSET,
    ERGO__UNIT_SUB,
    ERGO__UNIT_SUB_OFFSET,
} ergo__unit_form;

typedef struct ergo__unpacker {
    void (*unpack)(const uint8_t *restrict block, ergo__unit *restrict u); /* NULL: a dense type */
    ergo__unit_form form;
} ergo__unpacker;

ergo__unpacker ergo__unpacker_of(ergo_type type);

enum { ERGO__Q4_0_D = 0, ERGO__Q4_0_QS = 2, ERGO__Q4_0_BYTES = 18 };
enum { ERGO__Q4_1_D = 0, ERGO__Q4_1_M = 2, ERGO__Q4_1_QS = 4, ERGO__Q4_1_BYTES = 20 };
enum { ERGO__Q5_0_D = 0, ERGO__Q5_0_QH = 2, ERGO__Q5_0_QS = 6, ERGO__Q5_0_BYTES = 22 };
enum {
    ERGO__Q5_1_D = 0,
    ERGO__Q5_1_M = 2,
    ERGO__Q5_1_QH = 4,
    ERGO__Q5_1_QS = 8,
    ERGO__Q5_1_BYTES = 24,
};
enum { ERGO__Q8_0_D = 0, ERGO__Q8_0_QS = 2, ERGO__Q8_0_BYTES = 34 };
enum {
    ERGO__Q2_K_SCALES = 0,
    ERGO__Q2_K_QS = 16,
    ERGO__Q2_K_D = 80,
    ERGO__Q2_K_DMIN = 82,
    ERGO__Q2_K_BYTES = 84,
};
enum {
    ERGO__Q3_K_HMASK = 0,
    ERGO__Q3_K_QS = 32,
    ERGO__Q3_K_SCALES = 96,
    ERGO__Q3_K_D = 108,
    ERGO__Q3_K_BYTES = 110,
};
enum {
    ERGO__Q4_K_D = 0,
    ERGO__Q4_K_DMIN = 2,
    ERGO__Q4_K_SCALES = 4,
    ERGO__Q4_K_QS = 16,
    ERGO__Q4_K_BYTES = 144,
};
enum {
    ERGO__Q5_K_D = 0,
    ERGO__Q5_K_DMIN = 2,
    ERGO__Q5_K_SCALES = 4,
    ERGO__Q5_K_QH = 16,
    ERGO__Q5_K_QS = 48,
    ERGO__Q5_K_BYTES = 176,
};
enum {
    ERGO__Q6_K_QL = 0,
    ERGO__Q6_K_QH = 128,
    ERGO__Q6_K_SCALES = 192,
    ERGO__Q6_K_D = 208,
    ERGO__Q6_K_BYTES = 210,
};
enum { ERGO__IQ4_NL_D = 0, ERGO__IQ4_NL_QS = 2, ERGO__IQ4_NL_BYTES = 18 };
enum {
    ERGO__IQ4_XS_D = 0,
    ERGO__IQ4_XS_SCALES_H = 2,
    ERGO__IQ4_XS_SCALES_L = 4,
    ERGO__IQ4_XS_QS = 8,
    ERGO__IQ4_XS_BYTES = 136,
};
enum { ERGO__TQ1_0_QS = 0, ERGO__TQ1_0_QH = 48, ERGO__TQ1_0_D = 52, ERGO__TQ1_0_BYTES = 54 };
enum { ERGO__TQ2_0_QS = 0, ERGO__TQ2_0_D = 64, ERGO__TQ2_0_BYTES = 66 };
enum { ERGO__MXFP4_E = 0, ERGO__MXFP4_QS = 1, ERGO__MXFP4_BYTES = 17 };

/* The 16 values of IQ4_NL and IQ4_XS, and twice the 16 values of FP4 (E2M1). */
#define ERGO__IQ4_VALUES                                                                           \
    {                                                                                              \
        -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113                   \
    }
#define ERGO__FP4_VALUES                                                                           \
    {                                                                                              \
        0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12                                    \
    }

static inline float ergo__load_f16(const uint8_t *p)
{
    return ergo__f32_of_f16(ergo__load_u16(p));
}

/** 2^(e-128): the power of two of an E8M0 byte, halved because FP4 values are stored doubled. */
static inline float ergo__f32_of_e8m0_half(uint8_t e)
{
    return ergo__f32_of_bits(e < 2 ? 0x00200000u << e : (uint32_t)(e - 1) << 23);
}

#define ERGO__EACH_BYTE 0x0101010101010101u

/** Eight bytes of 0..127 minus `bias` each, as eight int8_t. */
static inline void ergo__store_biased(int8_t *q, uint64_t bytes, unsigned bias)
{
    const uint64_t top = 0x80 * ERGO__EACH_BYTE; /* keeps borrows inside the bytes */
    ergo__store_u64(q, ((bytes | top) - bias * ERGO__EACH_BYTE) ^ top);
}

/** 32 nibbles of 16 bytes: the low ones are elements 0-15, the high ones 16-31; minus `bias`. */
static inline void ergo__unpack_nibbles(const uint8_t *qs, unsigned bias, int8_t *q)
{
    for (int i = 0; i < 16; i += 8) {
        const uint64_t bytes = ergo__load_u64(qs + i);
        ergo__store_biased(q + i, bytes & 15 * ERGO__EACH_BYTE, bias);
        ergo__store_biased(q + i + 16, bytes >> 4 & 15 * ERGO__EACH_BYTE, bias);
    }
}

/** Eight bits to eight bytes, 16 for each that is set. */
static inline uint64_t ergo__spread_bits(uint32_t bits)
{
    const uint64_t one_each = (bits & 255u) * ERGO__EACH_BYTE & 0x8040201008040201u;
    return (one_each + 0x7f * ERGO__EACH_BYTE) >> 3 & 16 * ERGO__EACH_BYTE;
}

/** Nibbles with a fifth bit: bit i of `qh` belongs to element i; minus `bias`. */
static inline void ergo__unpack_nibbles5(const uint8_t *qs, uint32_t qh, unsigned bias, int8_t *q)
{
    for (int i = 0; i < 16; i += 8) {
        const uint64_t bytes = ergo__load_u64(qs + i);
        const uint64_t low = bytes & 15 * ERGO__EACH_BYTE;
        const uint64_t high = bytes >> 4 & 15 * ERGO__EACH_BYTE;
        ergo__store_biased(q + i, low | ergo__spread_bits(qh >> i), bias);
        ergo__store_biased(q + i + 16, high | ergo__spread_bits(qh >> (i + 16)), bias);
    }
}

/** The same through a table of 16 values. */
static inline void ergo__unpack_table(const uint8_t *restrict qs, const int8_t *restrict table,
                                      int8_t *restrict q)
{
    for (int i = 0; i < 16; i++) {
        q[i] = table[qs[i] & 15];
        q[i + 16] = table[qs[i] >> 4];
    }
}

static inline void ergo__unpack_q4_0(const uint8_t *restrict b, ergo__unit *restrict u)
{
    u->scale[0] = ergo__load_f16(b + ERGO__Q4_0_D);
    ergo__unpack_nibbles(b + ERGO__Q4_0_QS, 8, u->q);
}

static inline void ergo__unpack_q4_1(const uint8_t *restrict b, ergo__unit *restrict u)
{
    u->scale[0] = ergo__load_f16(b + ERGO__Q4_1_D);
    u->offset[0] = ergo__load_f16(b + ERGO__Q4_1_M);
    ergo__unpack_nibbles(b + ERGO__Q4_1_QS, 0, u->q);
}

static inline void ergo__unpack_q5_0(const uint8_t *restrict b, ergo__unit *restrict u)
{
    u->scale[0] = ergo__load_f16(b + ERGO__Q5_0_D);
    ergo__unpack_nibbles5(b + ERGO__Q5_0_QS, ergo__load_u32(b + ERGO__Q5_0_QH), 16, u->q);
}

static inline void ergo__unpack_q5_1(const uint8_t *restrict b, ergo__unit *restrict u)
{
    u->scale[0] = ergo__load_f16(b + ERGO__Q5_1_D);
    u->offset[0] = ergo__load_f16(b + ERGO__Q5_1_M);
    ergo__unpack_nibbles5(b + ERGO__Q5_1_QS, ergo__load_u32(b + ERGO__Q5_1_QH), 0, u->q);
}

static inline void ergo__unpack_q8_0(const uint8_t *restrict b, ergo__unit *restrict u)
{
    u->scale[0] = ergo__load_f16(b + ERGO__Q8_0_D);
    memcpy(u->q, b + ERGO__Q8_0_QS, 32);
}

static inline void ergo__unpack_iq4_nl(const uint8_t *restrict b, ergo__unit *restrict u)
{
    static const int8_t values[16] = ERGO__IQ4_VALUES;
    u->scale[0] = ergo__load_f16(b + ERGO__IQ4_NL_D);
    ergo__unpack_table(b + ERGO__IQ4_NL_QS, values, u->q);
}

static inline void ergo__unpack_mxfp4(const uint8_t *restrict b, ergo__unit *restrict u)
{
    static const int8_t values[16] = ERGO__FP4_VALUES;
    u->scale[0] = ergo__f32_of_e8m0_half(b[ERGO__MXFP4_E]);
    ergo__unpack_table(b + ERGO__MXFP4_QS, values, u->q);
}

/** Two bits per element: each 32 bytes hold four runs of 32 elements, at shifts 0, 2, 4 and 6. */
static inline void ergo__unpack_crumbs(const uint8_t *restrict qs, int bias, int8_t *restrict q)
{
    for (int n = 0; n < 2; n++)
        for (int j = 0; j < 4; j++)
            for (int l = 0; l < 32; l++)
                q[128 * n + 32 * j + l] = (int8_t)((qs[32 * n + l] >> (2 * j) & 3) - bias);
}

static inline void ergo__unpack_q2_k(const uint8_t *restrict b, ergo__unit *restrict u)
{
    u->scale[0] = ergo__load_f16(b + ERGO__Q2_K_D);
    u->offset[0] = -ergo__load_f16(b + ERGO__Q2_K_DMIN);
    for (int j = 0; j < 16; j++) {
        u->sub[j] = b[ERGO__Q2_K_SCALES + j] & 15;
        u->low[j] = (int8_t)(b[ERGO__Q2_K_SCALES + j] >> 4);
    }
    ergo__unpack_crumbs(b + ERGO__Q2_K_QS, 0, u->q);
}

/** The sixteen 6-bit sub-scales of Q3_K: four low bits in nibbles, two high bits in crumbs. */
static inline void ergo__unpack_q3_k_scales(const uint8_t *s, int8_t sub[16])
{
    for (int j = 0; j < 16; j++) {
        const int low = j < 8 ? s[j] & 15 : s[j - 8] >> 4;
        const int high = s[8 + j % 4] >> (2 * (j / 4)) & 3;
        sub[j] = (int8_t)((low | high << 4) - 32);
    }
}

static inline void ergo__unpack_q3_k(const uint8_t *restrict b, ergo__unit *restrict u)
{
    const uint8_t *hmask = b + ERGO__Q3_K_HMASK;
    u->scale[0] = ergo__load_f16(b + ERGO__Q3_K_D);
    ergo__unpack_q3_k_scales(b + ERGO__Q3_K_SCALES, u->sub);
    ergo__unpack_crumbs(b + ERGO__Q3_K_QS, 4, u->q);
    for (int j = 0; j < 8; j++)
        for (int l = 0; l < 32; l++)
            u->q[32 * j + l] = (int8_t)(u->q[32 * j + l] + ((hmask[l] >> j & 1) << 2));
}

/** The eight 6-bit scales and mins of Q4_K and Q5_K, packed in 12 bytes. */
static inline void ergo__unpack_k_scales(const uint8_t *s, uint8_t scale[8], uint8_t min[8])
{
    for (int j = 0; j < 4; j++) {
        scale[j] = s[j] & 63;
        min[j] = s[j + 4] & 63;
        scale[j + 4] = (uint8_t)((s[j + 8] & 15) | (s[j] >> 6) << 4);
        min[j + 4] = (uint8_t)((s[j + 8] >> 4) | (s[j + 4] >> 6) << 4);
    }
}

/** Scales and offsets of Q4_K and Q5_K: their blocks start alike. */
static inline void ergo__unpack_k_header(const uint8_t *restrict b, ergo__unit *restrict u)
{
    const float d = ergo__load_f16(b + ERGO__Q4_K_D);
    const float dmin = -ergo__load_f16(b + ERGO__Q4_K_DMIN);
    uint8_t scale[8];
    uint8_t min[8];
    ergo__unpack_k_scales(b + ERGO__Q4_K_SCALES, scale, min);
    for (int j = 0; j < 8; j++) {
        u->scale[j] = d * (float)scale[j];
        u->offset[j] = dmin * (float)min[j];
    }
}

/** Each 32 bytes: 32 elements in the low nibbles, then 32 in the high ones. */
static inline void ergo__unpack_k_nibbles(const uint8_t *restrict qs, int8_t *restrict q)
{
    for (int n = 0; n < 4; n++) {
        for (int l = 0; l < 32; l++) {
            q[64 * n + l] = qs[32 * n + l] & 15;
            q[64 * n + 32 + l] = (int8_t)(qs[32 * n + l] >> 4);
        }
    }
}

static inline void ergo__unpack_q4_k(const uint8_t *restrict b, ergo__unit *restrict u)
{
    ergo__unpack_k_header(b, u);
    ergo__unpack_k_nibbles(b + ERGO__Q4_K_QS, u->q);
}

static inline void ergo__unpack_q5_k(const uint8_t *restrict b, ergo__unit *restrict u)
{
    const uint8_t *qh = b + ERGO__Q5_K_QH;
    ergo__unpack_k_header(b, u);
    ergo__unpack_k_nibbles(b + ERGO__Q5_K_QS, u->q);
    for (int j = 0; j < 8; j++)
        for (int l = 0; l < 32; l++)
            u->q[32 * j + l] = (int8_t)(u->q[32 * j + l] | (qh[l] >> j & 1) << 4);
}

static inline void ergo__unpack_q6_k(const uint8_t *restrict b, ergo__unit *restrict u)
{
    u->scale[0] = ergo__load_f16(b + ERGO__Q6_K_D);
    memcpy(u->sub, b + ERGO__Q6_K_SCALES, 16);
    for (int n = 0; n < 2; n++) {
        const uint8_t *ql = b + ERGO__Q6_K_QL + 64 * n;
        const uint8_t *qh = b + ERGO__Q6_K_QH + 32 * n;
        int8_t *q = u->q + 128 * n;
        for (int l = 0; l < 32; l++) {
            q[l] = (int8_t)(((ql[l] & 15) | (qh[l] & 3) << 4) - 32);
            q[l + 32] = (int8_t)(((ql[l + 32] & 15) | (qh[l] >> 2 & 3) << 4) - 32);
            q[l + 64] = (int8_t)(((ql[l] >> 4) | (qh[l] >> 4 & 3) << 4) - 32);
            q[l + 96] = (int8_t)(((ql[l + 32] >> 4) | (qh[l] >> 6) << 4) - 32);
        }
    }
}

/** The eight 6-bit sub-scales of IQ4_XS, minus 32. */
static inline void ergo__unpack_iq4_xs_scales(const uint8_t *b, int8_t scale[8])
{
    const unsigned high = ergo__load_u16(b + ERGO__IQ4_XS_SCALES_H);
    for (int j = 0; j < 8; j++) {
        const int low = b[ERGO__IQ4_XS_SCALES_L + j / 2] >> (4 * (j % 2)) & 15;
        scale[j] = (int8_t)((low | (int)(high >> (2 * j) & 3u) << 4) - 32);
    }
}

static inline void ergo__unpack_iq4_xs(const uint8_t *restrict b, ergo__unit *restrict u)
{
    static const int8_t values[16] = ERGO__IQ4_VALUES;
    const float d = ergo__load_f16(b + ERGO__IQ4_XS_D);
    int8_t scale[8];
    ergo__unpack_iq4_xs_scales(b, scale);
    for (int j = 0; j < 8; j++) {
        u->scale[j] = d * (float)scale[j];
        ergo__unpack_table(b + ERGO__IQ4_XS_QS + 16 * j, values, u->q + 32 * j);
    }
}

/** Base-3 digit `n` (0 is the first) of a byte that holds five digits as a fraction of 256. */
static inline int8_t ergo__trit(uint8_t byte, int n)
{
    static const uint8_t power[5] = {1, 3, 9, 27, 81};
    const unsigned shifted = (unsigned)byte * power[n] & 255u;
    return (int8_t)((int)(shifted * 3 >> 8) - 1);
}

static inline void ergo__unpack_tq1_0(const uint8_t *restrict b, ergo__unit *restrict u)
{
    const uint8_t *qs = b + ERGO__TQ1_0_QS;
    int8_t *q = u->q;
    for (int n = 0; n < 5; n++) {
        for (int l = 0; l < 32; l++)
            q[32 * n + l] = ergo__trit(qs[l], n);
        for (int l = 0; l < 16; l++)
            q[160 + 16 * n + l] = ergo__trit(qs[32 + l], n);
    }
    for (int n = 0; n < 4; n++)
        for (int l = 0; l < 4; l++)
            q[240 + 4 * n + l] = ergo__trit(b[ERGO__TQ1_0_QH + l], n);
    for (int j = 0; j < 8; j++)
        u->scale[j] = ergo__load_f16(b + ERGO__TQ1_0_D);
}

static inline void ergo__unpack_tq2_0(const uint8_t *restrict b, ergo__unit *restrict u)
{
    ergo__unpack_crumbs(b + ERGO__TQ2_0_QS, 1, u->q);
    for (int j = 0; j < 8; j++)
        u->scale[j] = ergo__load_f16(b + ERGO__TQ2_0_D);
}

#endif
