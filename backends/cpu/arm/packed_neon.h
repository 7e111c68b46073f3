/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_CPU_PACKED_NEON_H
#define ERGO_CPU_PACKED_NEON_H

#include <stddef.h>

#include "backends/cpu/arm/neon.h"
#include "backends/cpu/packed_read.h"

/*
 * What packed weights (packed.h) are, in registers. Eight rows of a strip are a part: 32 elements
 * of them are 16 vectors. Types are constants wherever these functions are expanded.
 */

#define GROUPS 8
#define GROUP_BYTES ((int)ERGO__GROUP_BYTES)
#define ROWS ((int)ERGO__STRIP_ROWS)
#define PART_ROWS 8
#define PART_BYTES ((size_t)PART_ROWS * 4)

/* Group g of a part: q[2 g] are rows 0 to 3, q[2 g + 1] rows 4 to 7. */
typedef struct weights {
    uint8x16_t q[2 * GROUPS];
} weights;

/* What 32 elements of a part are multiplied by, for each vector of results. */
typedef struct factors {
    float32x4_t scale[4];
    float32x4_t offset[4]; /* forms with OFFSET */
    int32x4_t sub[2][4];   /* forms with SUB, for 16 elements each */
    int16x4_t low[2][4];   /* SUB_OFFSET, likewise */
} factors;

/* 32 elements of one token or two, for each lane of a vector of results. */
typedef struct activations {
    int8x16_t q[4]; /* of one token 16 each; of two, 8 of the one and 8 of the other */
    float32x4_t d;
    float32x4_t total;
    int32x4_t zero[2]; /* what the zero point takes off; with factors for 16 elements, of those */
    int16x4_t sum[2];
} activations;

/* ---- Weights ------------------------------------------------------------------------------- */

/* Each byte (0..15) by the value of that number in the table. */
ALWAYS_INLINE uint8x16_t look_up(uint8x16_t table, uint8x16_t numbers)
{
#if defined(__aarch64__)
    return vqtbl1q_u8(table, numbers);
#else
    const uint8x8x2_t halves = {{vget_low_u8(table), vget_high_u8(table)}};
    return vcombine_u8(vtbl2_u8(halves, vget_low_u8(numbers)),
                       vtbl2_u8(halves, vget_high_u8(numbers)));
#endif
}

/* Lets the bits of the mask come from `plane`, whose bit `from` is to be the bit `to`. */
ALWAYS_INLINE uint8x16_t with_upper(uint8x16_t low, uint8x16_t plane, int from, int to, int mask)
{
    const uint8x16_t moved = from < to ? plane << (to - from) : plane >> (from - to);
    return vbslq_u8(vdupq_n_u8((uint8_t)mask), moved, low);
}

/*
 * Group g of 4 rows: `line` has, of each 64 bytes of the codes, the 16 of these rows. Gives codes,
 * which have the type's zero point, or values of a table. Codes of 8 bits have none where `flip`
 * makes them signed.
 */
ALWAYS_INLINE uint8x16_t unpack_group(ergo_type type, bool flip, const uint8x16_t *line, int g)
{
    static const int8_t iq4[16] = ERGO__IQ4_VALUES;
    static const int8_t fp4[16] = ERGO__FP4_VALUES;
    const ergo__packed_form form = ergo__packed_form_of(type);
    if (form.bits == 8)
        return flip ? veorq_u8(line[g], vdupq_n_u8(0x80)) : line[g];
    if (form.bits < 4) {
        const uint8x16_t two = vandq_u8(line[g / 4] >> (g % 4 * 2), vdupq_n_u8(3));
        return form.bits == 2 ? two : with_upper(two, line[2], g, 2, 0x04);
    }
    const uint8x16_t four = g < 4 ? vandq_u8(line[g], vdupq_n_u8(15)) : line[g - 4] >> 4;
    if (form.bits == 5)
        return with_upper(four, line[4], g, 4, 0x10);
    if (form.bits == 6)
        return with_upper(four, line[4 + g / 4], g % 4 * 2, 4, 0x30);
    if (form.table == ERGO__TABLE_NONE)
        return four;
    const int8_t *table = form.table == ERGO__TABLE_FP4 ? fp4 : iq4;
    return look_up(vreinterpretq_u8_s8(vld1q_s8(table)), four);
}

/* Bytes 16 i to 16 i + 15 of each 64 of 32 elements, for i < count. */
#define LINES 8
typedef struct lines {
    uint8x16_t of[4][LINES];
} lines;

ALWAYS_INLINE lines load_lines(ergo_type type, const uint8_t *codes, int count)
{
    lines l;
    UNROLL
    for (int n = 0; n < ergo__packed_form_of(type).bits; n++) {
        UNROLL
        for (int i = 0; i < count; i++)
            l.of[i][n] = vld1q_u8(codes + n * GROUP_BYTES + 16 * i);
    }
    return l;
}

/* All groups of a part. */
ALWAYS_INLINE weights unpack(ergo_type type, bool flip, const uint8_t *codes)
{
    const lines l = load_lines(type, codes, 2);
    weights w;
    UNROLL
    for (int i = 0; i < 2 * GROUPS; i++)
        w.q[i] = unpack_group(type, flip, l.of[i % 2], i / 2);
    return w;
}

/* ---- Factors ------------------------------------------------------------------------------- */

ALWAYS_INLINE void f16_of(const uint8_t *at, float32x4_t out[2])
{
    f32_of_f16(vreinterpretq_u16_u8(vld1q_u8(at)), out);
}

ALWAYS_INLINE void s32_of(int16x8_t v, int32x4_t out[2])
{
    out[0] = vmovl_s16(vget_low_s16(v));
    out[1] = vmovl_s16(vget_high_s16(v));
}

ALWAYS_INLINE int16x8_t s8_at(const uint8_t *at)
{
    return vmovl_s8(vreinterpret_s8_u8(vld1_u8(at)));
}

ALWAYS_INLINE int16x8_t u8_at(const uint8_t *at)
{
    return vreinterpretq_s16_u16(vmovl_u8(vld1_u8(at)));
}

ALWAYS_INLINE void times(int16x8_t factor, float32x4_t out[2])
{
    int32x4_t wide[2];
    s32_of(factor, wide);
    out[0] = vmulq_f32(out[0], vcvtq_f32_s32(wide[0]));
    out[1] = vmulq_f32(out[1], vcvtq_f32_s32(wide[1]));
}

ALWAYS_INLINE void negated(const float32x4_t in[2], float32x4_t out[2])
{
    out[0] = vnegq_f32(in[0]);
    out[1] = vnegq_f32(in[1]);
}

/* 2^(e-128), in two steps since the least of them are subnormal. */
ALWAYS_INLINE void e8m0_of(const uint8_t *at, float32x4_t out[2])
{
    int32x4_t e[2];
    s32_of(u8_at(at), e);
    UNROLL
    for (int q = 0; q < 2; q++) {
        const int32x4_t below = (e[q] >> 1) + 63;
        const int32x4_t above = ((e[q] + 1) >> 1) + 63;
        out[q] = vmulq_f32(vreinterpretq_f32_s32(below << 23), vreinterpretq_f32_s32(above << 23));
    }
}

ALWAYS_INLINE void load_subs(ergo_type type, const uint8_t *at, int v, factors *f)
{
    const bool has_low = ergo__packed_form_of(type).factors == ERGO__FACTORS_SUB_LOW;
    UNROLL
    for (int h = 0; h < 2; h++) {
        const int16x8_t byte = has_low ? u8_at(at + h * ROWS) : s8_at(at + h * ROWS);
        s32_of(has_low ? vandq_s16(byte, vdupq_n_s16(15)) : byte, f->sub[h] + v);
        f->low[h][v] = vget_low_s16(byte >> 4);
        f->low[h][v + 1] = vget_high_s16(byte >> 4);
    }
}

/*
 * Vectors v and v + 1, for 8 rows: `at` points to the factors of a strip, b is the number of the 32
 * elements in the row.
 */
ALWAYS_INLINE void load_factors(ergo_type type, const uint8_t *at, size_t first, size_t b, int v,
                                factors *f)
{
    const ergo__packed_form form = ergo__packed_form_of(type);
    const size_t blocks = form.factor_elements / 32u;
    const int inner = (int)(b % blocks);
    at += b / blocks * form.factor_bytes;
    const uint8_t *bytes = at + first; /* of those that are a byte each */
    if (form.factors == ERGO__FACTORS_E8M0)
        e8m0_of(bytes, f->scale + v);
    else
        f16_of(at + 2 * first, f->scale + v);
    if (ergo__packed_has_offset(form))
        f16_of(at + 2 * ((size_t)ROWS + first), f->offset + v);
    if (form.factors == ERGO__FACTORS_SCALES)
        times(s8_at(bytes + (2 + inner) * ROWS), f->scale + v);
    if (form.factors == ERGO__FACTORS_MINS) {
        times(u8_at(bytes + (4 + inner) * ROWS), f->scale + v);
        negated(f->offset + v, f->offset + v);
        times(u8_at(bytes + (12 + inner) * ROWS), f->offset + v);
    }
    if (form.factors == ERGO__FACTORS_SUB)
        load_subs(type, bytes + (2 + 2 * inner) * ROWS, v, f);
    if (form.factors == ERGO__FACTORS_SUB_LOW) {
        load_subs(type, bytes + (4 + 2 * inner) * ROWS, v, f);
        negated(f->offset + v, f->offset + v);
    }
}

#endif
