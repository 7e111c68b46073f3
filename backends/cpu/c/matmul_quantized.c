/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "backends/cpu/kernels.h"
#include "runtime/quant_blocks.h"

/*
 * Weights times quantized activations, as defined in kernels.h: 256 weights of a row are unpacked
 * together (which also keeps the loads of the codes well behind their stores) and used for a tile
 * of tokens.
 */

#define GROUP 256
#define GROUP_Q8 (GROUP / ERGO__Q8_ELEMENTS)
#define TILE 16

/* 32 weights, ready to be multiplied: sub-scales are in the codes. */
typedef struct ready {
    float scale;
    float offset;
    int16_t low[2];
    _Alignas(32) int16_t q[32];
} ready;

/* 32 elements of a unit, number b. */
static inline void prepare(const ergo__unit *u, ergo__unit_form form, size_t b, ready *out)
{
    const int8_t *q = u->q + 32 * b;
    const bool has_sub = form == ERGO__UNIT_SUB || form == ERGO__UNIT_SUB_OFFSET;
    const int16_t first = has_sub ? u->sub[2 * b] : 1;
    const int16_t second = has_sub ? u->sub[2 * b + 1] : 1;
    out->scale = u->scale[has_sub ? 0 : b];
    for (int i = 0; i < 16; i++) {
        out->q[i] = (int16_t)(first * q[i]);
        out->q[i + 16] = (int16_t)(second * q[i + 16]);
    }
    if (form == ERGO__UNIT_OFFSET) {
        out->offset = u->offset[b];
        out->low[0] = 1;
        out->low[1] = 1;
    } else if (form == ERGO__UNIT_SUB_OFFSET) {
        out->offset = u->offset[0];
        out->low[0] = u->low[2 * b];
        out->low[1] = u->low[2 * b + 1];
    }
}

static inline float accumulate(const ready *w, const ergo__q8_block *x, bool has_offset, float acc)
{
    int32_t dot = 0;
    for (int i = 0; i < 32; i++)
        dot += (int32_t)w->q[i] * (int32_t)x->q[i];
    acc = fmaf(w->scale * x->d, (float)dot, acc);
    if (has_offset) {
        const int32_t low = w->low[0] * x->sum[0] + w->low[1] * x->sum[1];
        acc = fmaf(w->offset * x->d, (float)low, acc);
    }
    return acc;
}

static inline void accumulate_tile(const ready *w, size_t blocks, const uint8_t *x, size_t x_stride,
                                   size_t tokens, bool has_offset, float acc[TILE])
{
    for (size_t t = 0; t < tokens; t++) {
        const ergo__q8_block *q8 = (const void *)(x + t * x_stride);
        float sum = acc[t];
        for (size_t b = 0; b < blocks; b++)
            sum = accumulate(&w[b], q8 + b, has_offset, sum);
        acc[t] = sum;
    }
}

/* GROUP weights at `w`, or the last `elements`; returns how many 32 elements they are. */
static size_t prepare_group(const ergo_type_info *info, ergo__unpacker unpacker, const uint8_t *w,
                            size_t elements, ready group[GROUP_Q8])
{
    ergo__unit unit[GROUP_Q8];
    const size_t units = elements / info->block_elements;
    size_t filled = 0;
    for (size_t u = 0; u < units; u++)
        unpacker.unpack(w + u * info->block_bytes, &unit[u]);
    for (size_t u = 0; u < units; u++)
        for (size_t b = 0; b < info->block_elements / 32; b++)
            prepare(&unit[u], unpacker.form, b, &group[filled++]);
    return filled;
}

static void multiply_row(const ergo_type_info *info, const uint8_t *w, size_t k, const uint8_t *x,
                         size_t x_stride, float *out, size_t out_stride, size_t tokens)
{
    const ergo__unpacker unpacker = ergo__unpacker_of(info->type);
    const bool has_offset =
        unpacker.form == ERGO__UNIT_OFFSET || unpacker.form == ERGO__UNIT_SUB_OFFSET;
    float acc[TILE] = {0};
    ready group[GROUP_Q8];
    for (size_t i = 0; i < k; i += GROUP) {
        const size_t filled =
            prepare_group(info, unpacker, w, k - i < GROUP ? k - i : GROUP, group);
        accumulate_tile(group, filled, x, x_stride, tokens, has_offset, acc);
        w += GROUP / info->block_elements * info->block_bytes;
        x += filled * sizeof(ergo__q8_block);
    }
    for (size_t t = 0; t < tokens; t++)
        out[t * out_stride] = acc[t];
}

static void multiply(ergo_type type, const uint8_t *w, size_t row_bytes, size_t k, const uint8_t *x,
                     size_t x_stride, float *out, size_t out_stride, size_t rows, size_t tokens)
{
    const ergo_type_info *info = ergo_type_get((uint32_t)type);
    for (size_t t = 0; t < tokens; t += TILE) {
        const size_t count = tokens - t < TILE ? tokens - t : TILE;
        for (size_t r = 0; r < rows; r++)
            multiply_row(info, w + r * row_bytes, k, x + t * x_stride, x_stride,
                         out + t * out_stride + r, out_stride, count);
    }
}

/* F32, F16 and BF16 are in matmul_dense.c. */
#define MATMUL_DENSE(TYPE, name)
#define MATMUL_QUANTIZED(TYPE, name)                                                               \
    void ERGO__KERNEL(matmul_##name)(const void *w, size_t row_bytes, size_t k, const void *x,     \
                                     size_t x_stride, float *out, size_t out_stride, size_t rows,  \
                                     size_t tokens)                                                \
    {                                                                                              \
        multiply(ERGO_TYPE_##TYPE, w, row_bytes, k, x, x_stride, out, out_stride, rows, tokens);   \
    }
#define MATMUL_SCALED MATMUL_QUANTIZED
#define MATMUL_OFFSET MATMUL_QUANTIZED
#define MATMUL_SUB MATMUL_QUANTIZED
#define MATMUL_SUB_OFFSET MATMUL_QUANTIZED
#define ERGO__MATMUL(TYPE, name, FORM) MATMUL_##FORM(TYPE, name)
#include "backends/cpu/kernels.inc"
