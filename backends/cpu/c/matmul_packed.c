/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "backends/cpu/packed_read.h"

/*
 * Packed weights times activations, for CPUs without kernels of their own and as the measure of
 * those. Lanes are rows, so that any compiler can vectorise the loops over them. One code serves
 * every type: what differs is looked up once for 32 elements of 16 rows.
 */

#define ROWS ERGO__STRIP_ROWS
#define TILE ERGO__TILE_TOKENS

/* 32 weights of each row, ready to be multiplied: sub-scales are in the codes. */
typedef struct ready {
    float scale[ROWS];
    float offset[ROWS];
    int16_t low[ROWS][2];
    _Alignas(32) int16_t q[ROWS][32];
#if ERGO__ROW_PAIRS
    uint64_t pair[ROWS / 2][32]; /* rows 2p and 2p + 1 */
#endif
} ready;

static void prepare_codes(ergo__packed_form form, const uint8_t *codes, ready *out)
{
    uint32_t group[ROWS];
    uint8_t code[ROWS][32];
    for (unsigned g = 0; g < ERGO__GROUPS; g++) {
        ergo__packed_codes(form, codes, g, 0, ROWS, group);
        for (size_t r = 0; r < ROWS; r++)
            memcpy(code[r] + (size_t)4 * g, &group[r], 4);
    }
    if (form.table == ERGO__TABLE_NONE)
        for (size_t r = 0; r < ROWS; r++)
            for (size_t i = 0; i < 32; i++)
                out->q[r][i] = (int16_t)(code[r][i] - form.zero);
    else
        for (size_t r = 0; r < ROWS; r++)
            for (size_t i = 0; i < 32; i++)
                out->q[r][i] = (int16_t)ergo__packed_value(form, code[r][i]);
}

static void prepare_factors(ergo__packed_form form, const uint8_t *factors, size_t b, ready *out)
{
    for (size_t r = 0; r < ROWS; r++) {
        const ergo__packed_factor f = ergo__packed_factor_of(form, factors, b, r);
        out->scale[r] = f.scale;
        out->offset[r] = f.offset;
        memcpy(out->low[r], f.low, sizeof f.low);
        if (ergo__packed_has_sub(form))
            for (size_t i = 0; i < 16; i++) {
                out->q[r][i] = (int16_t)(out->q[r][i] * f.sub[0]);
                out->q[r][i + 16] = (int16_t)(out->q[r][i + 16] * f.sub[1]);
            }
    }
}

#if ERGO__ROW_PAIRS
static void prepare_pairs(ready *w)
{
    for (size_t p = 0; p < ROWS / 2; p++)
        for (size_t i = 0; i < 32; i++)
            w->pair[p][i] = (uint64_t)w->q[2 * p][i] + ((uint64_t)w->q[2 * p + 1][i] << 32);
}

/* (a + b * 2^32) * x has both products, and so has a sum of such words: it is exact modulo 2^64. */
static inline void dot_rows(const ready *w, const int8_t x[32], int32_t dot[ROWS])
{
    for (size_t p = 0; p < ROWS / 2; p++) {
        uint64_t sum = 0;
        for (size_t i = 0; i < 32; i += 4)
            sum += w->pair[p][i] * (uint64_t)x[i] + w->pair[p][i + 1] * (uint64_t)x[i + 1] +
                   w->pair[p][i + 2] * (uint64_t)x[i + 2] + w->pair[p][i + 3] * (uint64_t)x[i + 3];
        dot[2 * p] = (int32_t)(uint32_t)sum;
        dot[2 * p + 1] = (int32_t)(uint32_t)((sum - (uint64_t)dot[2 * p]) >> 32);
    }
}
#else
static void prepare_pairs(ready *w)
{
    (void)w;
}

static inline void dot_rows(const ready *w, const int8_t x[32], int32_t dot[ROWS])
{
    for (size_t r = 0; r < ROWS; r++) {
        dot[r] = 0;
        for (size_t i = 0; i < 32; i++)
            dot[r] += (int32_t)w->q[r][i] * (int32_t)x[i];
    }
}
#endif

static inline void accumulate(const ready *w, const ergo__tile_block *x, bool has_offset,
                              float acc[ROWS])
{
    int32_t dot[ROWS];
    dot_rows(w, x->q, dot);
    for (size_t r = 0; r < ROWS; r++) {
        acc[r] = fmaf(w->scale[r] * x->d, (float)dot[r], acc[r]);
        if (has_offset) {
            const int32_t low = w->low[r][0] * x->sum[0] + w->low[r][1] * x->sum[1];
            acc[r] = fmaf(w->offset[r] * x->d, (float)low, acc[r]);
        }
    }
}

/* All tokens of a tile, one strip. */
static void multiply_strip(ergo__packed_form form, const uint8_t *strip, size_t k, const uint8_t *x,
                           size_t x_stride, size_t tokens, float acc[TILE][ROWS])
{
    const size_t blocks = k / 32;
    const size_t code_bytes = ergo__packed_code_bytes(form);
    const uint8_t *factors = strip + blocks * code_bytes;
    const bool has_offset = ergo__packed_has_offset(form);
    ready w;
    for (size_t b = 0; b < blocks; b++, x += x_stride) {
        prepare_codes(form, strip + b * code_bytes, &w);
        prepare_factors(form, factors, b, &w);
        prepare_pairs(&w);
        for (size_t t = 0; t < tokens; t++)
            accumulate(&w, (const ergo__tile_block *)(const void *)x + t, has_offset, acc[t]);
    }
}

/* 16 numbers that lie together. */
static inline void load_floats(ergo_type type, const uint8_t *at, float out[ROWS])
{
    if (type == ERGO_TYPE_F32)
        for (size_t r = 0; r < ROWS; r++)
            out[r] = ergo__f32_of_bits(ergo__load_u32(at + 4 * r));
    else if (type == ERGO_TYPE_F16)
        for (size_t r = 0; r < ROWS; r++)
            out[r] = ergo__f32_of_f16(ergo__load_u16(at + 2 * r));
    else
        for (size_t r = 0; r < ROWS; r++)
            out[r] = ergo__f32_of_bf16(ergo__load_u16(at + 2 * r));
}

#define CHUNK 32

/* The same for float weights: `x` is floats. */
static void multiply_dense_strip(ergo_type type, const uint8_t *strip, size_t k, const uint8_t *x,
                                 size_t x_stride, size_t tokens, float acc[TILE][ROWS])
{
    const size_t row_bytes = ROWS * ergo__packed_form_of(type).bits / 8;
    float w[CHUNK][ROWS];
    for (size_t i = 0; i < k; i += CHUNK) {
        const size_t count = k - i < CHUNK ? k - i : CHUNK;
        for (size_t j = 0; j < count; j++)
            load_floats(type, strip + (i + j) * row_bytes, w[j]);
        for (size_t t = 0; t < tokens; t++) {
            const float *token = (const void *)(x + t * x_stride);
            for (size_t j = 0; j < count; j++)
                for (size_t r = 0; r < ROWS; r++)
                    acc[t][r] = fmaf(w[j][r], token[i + j], acc[t][r]);
        }
    }
}

static void multiply_tile(ergo_type type, const uint8_t *w, size_t strip_bytes, size_t k,
                          const uint8_t *x, size_t x_stride, float *out, size_t out_stride,
                          size_t rows, size_t tokens)
{
    const ergo__packed_form form = ergo__packed_form_of(type);
    for (size_t r = 0; r < rows; r += ROWS, w += strip_bytes) {
        const size_t lanes = rows - r < ROWS ? rows - r : ROWS;
        float acc[TILE][ROWS] = {{0}};
        if (form.factors == ERGO__FACTORS_NONE)
            multiply_dense_strip(type, w, k, x, x_stride, tokens, acc);
        else
            multiply_strip(form, w, k, x, x_stride, tokens, acc);
        for (size_t t = 0; t < tokens; t++)
            memcpy(out + t * out_stride + r, acc[t], lanes * sizeof **acc);
    }
}

static void multiply(ergo_type type, const uint8_t *w, size_t strip_bytes, size_t k,
                     const uint8_t *x, size_t x_stride, float *out, size_t out_stride, size_t rows,
                     size_t tokens)
{
    const size_t next = ergo__cpu_takes_q8(type) ? sizeof(ergo__tile_block) : x_stride;
    for (size_t t = 0; t < tokens; t += TILE)
        multiply_tile(type, w, strip_bytes, k, x + t * next, x_stride, out + t * out_stride,
                      out_stride, rows, tokens - t < TILE ? tokens - t : TILE);
}

#define ERGO__PACKED(TYPE, name)                                                                   \
    void ERGO__KERNEL(packed_##name)(const void *w, size_t strip_bytes, size_t k, const void *x,   \
                                     size_t x_stride, float *out, size_t out_stride, size_t rows,  \
                                     size_t tokens)                                                \
    {                                                                                              \
        multiply(ERGO_TYPE_##TYPE, w, strip_bytes, k, x, x_stride, out, out_stride, rows, tokens); \
    }
#include "backends/cpu/kernels.inc"
