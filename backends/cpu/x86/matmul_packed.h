/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packed weights (packed.h) times activations, for the vectors and the integer product that were
 * included before: lanes are rows. Included once by a source per instruction set, which defines
 *
 *   TILE_IN_REGISTERS  whether there are registers for the sums of a tile
 *   BYTES_ARE_SIGNED  whether its product takes weights of 8 bits signed, with no zero point
 *   v_pairs(a, b, acc)  acc + the products of the two 16-bit halves of each lane
 *   v_dot(w, groups, bits, x, acc)  acc + products of `groups` groups of weights, which are
 *                     `bits` wide, with 4 activations each
 *
 * Types and tile sizes are constants wherever these functions are expanded.
 */
#include "backends/cpu/packed.h"
#include "runtime/quant_blocks.h"

#define GROUPS 8
#define GROUP_BYTES 64
#define ROWS ERGO__STRIP_ROWS
#define PARTS ((int)ROWS / LANES)

/* Lanes `part` x LANES .. of a strip, in the bytes of its groups. */
#define PART_BYTES(part) ((size_t)(part)*LANES * 4)

/* ---- Weights ------------------------------------------------------------------------------- */

ALWAYS_INLINE void unpack_nibbles(const uint8_t *codes, vi w[GROUPS])
{
    UNROLL
    for (int v = 0; v < GROUPS / 2; v++) {
        const vi both = v_load(codes + v * GROUP_BYTES);
        w[v] = v_and(both, v_bytes(15));
        w[v + GROUPS / 2] = v_and(v_right(both, 4), v_bytes(15));
    }
}

ALWAYS_INLINE void unpack_crumbs(const uint8_t *codes, vi w[GROUPS])
{
    UNROLL
    for (int g = 0; g < GROUPS; g++)
        w[g] = v_and(v_right(v_load(codes + g / 4 * GROUP_BYTES), 2 * (g % 4)), v_bytes(3));
}

/* Puts the bits of `plane` from `at` on to the bits of the mask, which begin at `to`. */
ALWAYS_INLINE vi with_upper(vi low, vi plane, int at, int to, int mask)
{
    const vi moved = at < to ? v_left(plane, to - at) : v_right(plane, at - to);
    return v_or_masked(low, moved, v_bytes(mask));
}

ALWAYS_INLINE int zero_of(ergo_type type)
{
    const ergo__packed_form form = ergo__packed_form_of(type);
    return form.zero == 128 && BYTES_ARE_SIGNED ? 0 : form.zero;
}

/* The values of the type's table, made unsigned by the zero point. */
ALWAYS_INLINE void look_up(ergo_type type, vi w[GROUPS])
{
    static const int8_t iq4[16] = ERGO__IQ4_VALUES;
    static const int8_t fp4[16] = ERGO__FP4_VALUES;
    const bool is_fp4 = ergo__packed_form_of(type).table == ERGO__TABLE_FP4;
    const __m128i values = _mm_loadu_si128((const void *)(is_fp4 ? fp4 : iq4));
    const __m128i table = _mm_add_epi8(values, _mm_set1_epi8((char)zero_of(type)));
    UNROLL
    for (int g = 0; g < GROUPS; g++)
        w[g] = v_lookup(table, w[g]);
}

ALWAYS_INLINE void unpack_codes(ergo_type type, const uint8_t *codes, vi w[GROUPS])
{
    const ergo__packed_form form = ergo__packed_form_of(type);
    if (form.bits == 8) {
        UNROLL
        for (int g = 0; g < GROUPS; g++) {
            w[g] = v_load(codes + g * GROUP_BYTES);
            if (BYTES_ARE_SIGNED)
                w[g] = v_xor(w[g], v_bytes(128));
        }
        return;
    }
    if (form.bits < 4) {
        unpack_crumbs(codes, w);
        if (form.bits == 2)
            return;
        const vi plane = v_load(codes + 2 * GROUP_BYTES);
        UNROLL
        for (int g = 0; g < GROUPS; g++)
            w[g] = with_upper(w[g], plane, g, 2, 0x04);
        return;
    }
    unpack_nibbles(codes, w);
    const uint8_t *upper = codes + GROUPS / 2 * GROUP_BYTES;
    if (form.bits == 5) {
        const vi plane = v_load(upper);
        UNROLL
        for (int g = 0; g < GROUPS; g++)
            w[g] = with_upper(w[g], plane, g, 4, 0x10);
    } else if (form.bits == 6) {
        UNROLL
        for (int g = 0; g < GROUPS; g++)
            w[g] = with_upper(w[g], v_load(upper + g / 4 * GROUP_BYTES), 2 * (g % 4), 4, 0x30);
    } else if (form.table != ERGO__TABLE_NONE) {
        look_up(type, w);
    }
}

/* What the products of 32 elements are multiplied by. */
typedef struct factors {
    vf scale;
    vf offset; /* forms with OFFSET */
    vi sub[2]; /* SUB: of each 16 elements */
    vi low;    /* SUB_LOW: pairs that the two sums of the activations are multiplied by */
} factors;

/* 2^(e-128), in two steps since the least of them are subnormal. */
ALWAYS_INLINE vf scale_of_e8m0(vi e)
{
    const vi least = v_int(63 << 23); /* 2^-64 */
    const vf low = vf_of_bits(v_add(v_left(v_right(e, 1), 23), least));
    const vf high = vf_of_bits(v_add(v_left(v_right(v_add(e, v_int(1)), 1), 23), least));
    return vf_mul(low, high);
}

/* `at` points to the factors of a strip; b is the number of the 32 elements in the row. */
ALWAYS_INLINE factors load_factors(ergo_type type, const uint8_t *at, size_t b, int part)
{
    const ergo__packed_form form = ergo__packed_form_of(type);
    const size_t lane = (size_t)part * LANES;
    const size_t inner = b % (form.factor_elements / 32);
    factors f = {vf_zero(), vf_zero(), {v_zero(), v_zero()}, v_zero()};
    at += b / (form.factor_elements / 32) * form.factor_bytes;
    if (form.factors == ERGO__FACTORS_E8M0)
        f.scale = scale_of_e8m0(v_of_u8(at + lane));
    else
        f.scale = v_of_f16(at + 2 * lane);
    if (form.factors == ERGO__FACTORS_OFFSET)
        f.offset = v_of_f16(at + 2 * (ROWS + lane));
    if (form.factors == ERGO__FACTORS_SCALES)
        f.scale = vf_mul(f.scale, v_of_ints(v_of_i8(at + (2 + inner) * ROWS + lane)));
    if (form.factors == ERGO__FACTORS_MINS) {
        const vf dmin = vf_neg(v_of_f16(at + 2 * (ROWS + lane)));
        f.scale = vf_mul(f.scale, v_of_ints(v_of_u8(at + (4 + inner) * ROWS + lane)));
        f.offset = vf_mul(dmin, v_of_ints(v_of_u8(at + (12 + inner) * ROWS + lane)));
    }
    if (form.factors == ERGO__FACTORS_SUB) {
        f.sub[0] = v_of_i8(at + (2 + 2 * inner) * ROWS + lane);
        f.sub[1] = v_of_i8(at + (3 + 2 * inner) * ROWS + lane);
    }
    if (form.factors == ERGO__FACTORS_SUB_LOW) {
        const vi first = v_of_u8(at + (4 + 2 * inner) * ROWS + lane);
        const vi second = v_of_u8(at + (5 + 2 * inner) * ROWS + lane);
        f.offset = vf_neg(v_of_f16(at + 2 * (ROWS + lane)));
        f.sub[0] = v_and(first, v_int(15));
        f.sub[1] = v_and(second, v_int(15));
        f.low = v_join16(v_right(first, 4), v_right(second, 4));
    }
    return f;
}

/* ---- Products ------------------------------------------------------------------------------ */

/* What the zero point takes off the products of 32 elements: the same for every row. */
ALWAYS_INLINE vi zero_products(int zero, const ergo__tile_block *x)
{
    if (zero == 0)
        return v_zero();
    if (zero == 1)
        return v_pairs(v_i16(-1), v_repeat4(x->sum), v_zero());
    const vi minus8 = v_repeat4(&x->minus8);
    return zero == 8 ? minus8 : v_left(minus8, zero == 16 ? 1 : 4);
}

/* The same for 16 elements. */
ALWAYS_INLINE vi zero_products16(int zero, const ergo__tile_block *x, int half)
{
    if (zero == 0)
        return v_zero();
    const vi minus4 = v_repeat4(&x->minus4[half]);
    return zero == 4 ? minus4 : v_left(minus4, 3);
}

/* Adds 32 elements of a token to its sums. */
ALWAYS_INLINE vf add_block(ergo_type type, const vi w[GROUPS], const factors *f,
                           const ergo__tile_block *x, vf acc)
{
    const ergo__packed_form form = ergo__packed_form_of(type);
    const int bits = form.table == ERGO__TABLE_IQ4   ? 8
                     : form.table == ERGO__TABLE_FP4 ? 5
                                                     : form.bits;
    const vf d = vf_all(x->d);
    vi dot;
    if (ergo__packed_has_sub(form)) {
        const vi low = v_dot(w, GROUPS / 2, bits, x->q, zero_products16(form.zero, x, 0));
        const vi high = v_dot(w + GROUPS / 2, GROUPS / 2, bits, x->q + 2 * GROUPS,
                              zero_products16(form.zero, x, 1));
        dot = v_add(v_mul(low, f->sub[0]), v_mul(high, f->sub[1]));
    } else {
        dot = v_dot(w, GROUPS, bits, x->q, zero_products(zero_of(type), x));
    }
    acc = vf_fma(vf_mul(f->scale, d), v_of_ints(dot), acc);
    if (form.factors == ERGO__FACTORS_SUB_LOW) {
        const vi low = v_pairs(f->low, v_repeat4(x->sum), v_zero());
        acc = vf_fma(vf_mul(f->offset, d), v_of_ints(low), acc);
    } else if (ergo__packed_has_offset(form)) {
        acc = vf_fma(vf_mul(f->offset, d), vf_all(x->total), acc);
    }
    return acc;
}

/*
 * With few tokens the weights come at the pace of the memory, and what the processor has in flight
 * by itself is not enough: what this call, or the next, reads later is asked for ahead. With many
 * tokens it costs nothing.
 */
#define AHEAD 65536

/* What block b of a strip has its share in asking for; to the second cache, which holds more. */
ALWAYS_INLINE void prefetch(ergo_type type, const uint8_t *strip, size_t b)
{
    const ergo__packed_form form = ergo__packed_form_of(type);
    const size_t bytes =
        ergo__packed_code_bytes(form) + form.factor_bytes / (form.factor_elements / 32u);
    const uint8_t *at = strip + AHEAD + b * bytes;
    UNROLL
    for (size_t i = 0; i < bytes; i += GROUP_BYTES)
        _mm_prefetch((const void *)(at + i), _MM_HINT_T1);
}

/* Where a call reads and writes. */
typedef struct job {
    const uint8_t *strip;
    size_t k;
    const uint8_t *x;
    size_t x_stride;
    float *out;
    size_t out_stride;
    size_t rows;   /* of the strip, that are wanted */
    size_t tokens; /* ERGO__TILE_TOKENS at most, of quantized ones */
} job;

/* Adds 32 elements of each token. `tokens` is constant where the sums are registers. */
ALWAYS_INLINE void add_blocks(ergo_type type, size_t tokens, const vi w[GROUPS], const factors *f,
                              const ergo__tile_block *x, vf *acc)
{
    if (__builtin_constant_p(tokens)) {
        UNROLL
        for (size_t t = 0; t < ERGO__TILE_TOKENS; t++)
            acc[t] = add_block(type, w, f, x + t, acc[t]);
    } else {
        for (size_t t = 0; t < tokens; t++)
            acc[t] = add_block(type, w, f, x + t, acc[t]);
    }
}

/* One strip. */
ALWAYS_INLINE void multiply_strip(ergo_type type, size_t tokens, const job *j)
{
    const size_t blocks = j->k / ERGO__Q8_ELEMENTS;
    const size_t code_bytes = ergo__packed_code_bytes(ergo__packed_form_of(type));
    const uint8_t *codes = j->strip, *factors_at = codes + blocks * code_bytes, *x = j->x;
    vf acc[PARTS][ERGO__TILE_TOKENS];
    for (int part = 0; part < PARTS; part++)
        for (size_t t = 0; t < tokens; t++)
            acc[part][t] = vf_zero();
    for (size_t b = 0; b < blocks; b++, codes += code_bytes, x += j->x_stride) {
        prefetch(type, j->strip, b);
        for (int part = 0; part < PARTS; part++) {
            vi w[GROUPS];
            unpack_codes(type, codes + PART_BYTES(part), w);
            const factors f = load_factors(type, factors_at, b, part);
            add_blocks(type, tokens, w, &f, (const void *)x, acc[part]);
        }
    }
    for (int part = 0; part < PARTS && (size_t)part * LANES < j->rows; part++) {
        const size_t left = j->rows - (size_t)part * LANES;
        for (size_t t = 0; t < tokens; t++)
            vf_store_first(j->out + t * j->out_stride + part * LANES, acc[part][t],
                           left < LANES ? left : LANES);
    }
}

/*
 * The sums stay in the first cache, loaded and stored once for 32 elements: that takes any number
 * of tokens, and leaves the registers to the weights. Where there are registers for the sums of a
 * whole tile as well, they save a twentieth of the time, so the types that matter most have code
 * for it.
 */
ALWAYS_INLINE bool sums_in_registers(ergo_type type)
{
    return TILE_IN_REGISTERS && (type == ERGO_TYPE_Q4_0 || type == ERGO_TYPE_Q8_0 ||
                                 type == ERGO_TYPE_Q4_K || type == ERGO_TYPE_Q6_K);
}

/* Floats need a pointer for each token. */
#define DENSE_TILE 8

/* The same for float weights: `x` is floats. */
ALWAYS_INLINE void multiply_dense_tile(ergo_type type, int count, const job *j)
{
    for (int part = 0; part < PARTS && (size_t)part * LANES < j->rows; part++) {
        const size_t left = j->rows - (size_t)part * LANES;
        const size_t lanes = left < LANES ? left : LANES;
        const size_t bytes = ergo__packed_form_of(type).bits / 8;
        const uint8_t *codes = j->strip + (size_t)part * LANES * bytes;
        vf acc[DENSE_TILE];
        UNROLL
        for (int t = 0; t < count; t++)
            acc[t] = vf_zero();
        for (size_t i = 0; i < j->k; i++) {
            const vf w = type == ERGO_TYPE_F32   ? vf_load((const void *)codes)
                         : type == ERGO_TYPE_F16 ? v_of_f16(codes)
                                                 : v_of_bf16(codes);
            UNROLL
            for (int t = 0; t < count; t++) {
                const float *token = (const void *)(j->x + (size_t)t * j->x_stride);
                acc[t] = vf_fma(w, vf_all(token[i]), acc[t]);
            }
            codes += bytes * ROWS;
        }
        UNROLL
        for (int t = 0; t < count; t++)
            vf_store_first(j->out + (size_t)t * j->out_stride + part * LANES, acc[t], lanes);
    }
}

/* As many tokens together as there are registers for, then one of each smaller size. */
ALWAYS_INLINE void multiply_dense_strip(ergo_type type, job j)
{
    while (j.tokens > 0) {
        size_t count;
        if (j.tokens >= 8)
            multiply_dense_tile(type, (int)(count = 8), &j);
        else if (j.tokens >= 4)
            multiply_dense_tile(type, (int)(count = 4), &j);
        else if (j.tokens >= 2)
            multiply_dense_tile(type, (int)(count = 2), &j);
        else
            multiply_dense_tile(type, (int)(count = 1), &j);
        j.tokens -= count;
        j.x += count * j.x_stride;
        j.out += count * j.out_stride;
    }
}

ALWAYS_INLINE void multiply(ergo_type type, const void *w, size_t strip_bytes, size_t rows, job j)
{
    for (size_t r = 0; r < rows; r += ROWS, j.out += ROWS) {
        j.strip = (const uint8_t *)w + r / ROWS * strip_bytes;
        j.rows = rows - r < ROWS ? rows - r : ROWS;
        if (ergo__packed_form_of(type).factor_elements == 0)
            multiply_dense_strip(type, j);
        else if (sums_in_registers(type) && j.tokens == ERGO__TILE_TOKENS)
            multiply_strip(type, ERGO__TILE_TOKENS, &j);
        else
            multiply_strip(type, j.tokens, &j);
    }
}

#define ERGO__PACKED(TYPE, name)                                                                   \
    void ERGO__KERNEL(packed_##name)(const void *w, size_t strip_bytes, size_t k, const void *x,   \
                                     size_t x_stride, float *out, size_t out_stride, size_t rows,  \
                                     size_t tokens)                                                \
    {                                                                                              \
        multiply(ERGO_TYPE_##TYPE, w, strip_bytes, rows,                                           \
                 (job){.k = k,                                                                     \
                       .x = x,                                                                     \
                       .x_stride = x_stride,                                                       \
                       .out = out,                                                                 \
                       .out_stride = out_stride,                                                   \
                       .tokens = tokens});                                                         \
    }
#include "backends/cpu/kernels.inc"
