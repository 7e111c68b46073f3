/* SPDX-License-Identifier: Apache-2.0 */
#include "ergo/quant.h"
#include "runtime/quant_blocks.h"

/* Decoders of one block from its common form; see quant_blocks.h for the four formulas. */

static void expand_scaled(const ergo__unit *u, float *dst, int n)
{
    for (int i = 0; i < n; i++)
        dst[i] = u->scale[i / 32] * (float)u->q[i];
}

static void expand_offset(const ergo__unit *u, float *dst, int n)
{
    for (int i = 0; i < n; i++)
        dst[i] = u->scale[i / 32] * (float)u->q[i] + u->offset[i / 32];
}

static void expand_sub(const ergo__unit *u, float *dst, int n)
{
    for (int i = 0; i < n; i++)
        dst[i] = u->scale[0] * (float)u->sub[i / 16] * (float)u->q[i];
}

static void expand_sub_offset(const ergo__unit *u, float *dst, int n)
{
    for (int i = 0; i < n; i++)
        dst[i] = u->scale[0] * (float)u->sub[i / 16] * (float)u->q[i] +
                 u->offset[0] * (float)u->low[i / 16];
}

static void decode_f32(const uint8_t *src, float *dst, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = ergo__f32_of_bits(ergo__load_u32(src + 4 * i));
}

static void decode_f16(const uint8_t *src, float *dst, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = ergo__f32_of_f16(ergo__load_u16(src + 2 * i));
}

static void decode_bf16(const uint8_t *src, float *dst, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = ergo__f32_of_bf16(ergo__load_u16(src + 2 * i));
}

#define DECODE_BLOCKS(type, TYPE, elements, expand)                                                \
    static void decode_##type(const uint8_t *src, float *dst, size_t n)                            \
    {                                                                                              \
        ergo__unit unit;                                                                           \
        for (size_t i = 0; i < n; i += (elements)) {                                               \
            ergo__unpack_##type(src, &unit);                                                       \
            expand(&unit, dst + i, (elements));                                                    \
            src += ERGO__##TYPE##_BYTES;                                                           \
        }                                                                                          \
    }

DECODE_BLOCKS(q4_0, Q4_0, 32, expand_scaled)
DECODE_BLOCKS(q4_1, Q4_1, 32, expand_offset)
DECODE_BLOCKS(q5_0, Q5_0, 32, expand_scaled)
DECODE_BLOCKS(q5_1, Q5_1, 32, expand_offset)
DECODE_BLOCKS(q8_0, Q8_0, 32, expand_scaled)
DECODE_BLOCKS(q2_k, Q2_K, 256, expand_sub_offset)
DECODE_BLOCKS(q3_k, Q3_K, 256, expand_sub)
DECODE_BLOCKS(q4_k, Q4_K, 256, expand_offset)
DECODE_BLOCKS(q5_k, Q5_K, 256, expand_offset)
DECODE_BLOCKS(q6_k, Q6_K, 256, expand_sub)
DECODE_BLOCKS(iq4_nl, IQ4_NL, 32, expand_scaled)
DECODE_BLOCKS(iq4_xs, IQ4_XS, 256, expand_scaled)
DECODE_BLOCKS(tq1_0, TQ1_0, 256, expand_scaled)
DECODE_BLOCKS(tq2_0, TQ2_0, 256, expand_scaled)
DECODE_BLOCKS(mxfp4, MXFP4, 32, expand_scaled)

#define DECODERS(X)                                                                                \
    X(F32, f32)                                                                                    \
    X(F16, f16)                                                                                    \
    X(BF16, bf16)                                                                                  \
    X(Q4_0, q4_0)                                                                                  \
    X(Q4_1, q4_1)                                                                                  \
    X(Q5_0, q5_0)                                                                                  \
    X(Q5_1, q5_1)                                                                                  \
    X(Q8_0, q8_0)                                                                                  \
    X(Q2_K, q2_k)                                                                                  \
    X(Q3_K, q3_k)                                                                                  \
    X(Q4_K, q4_k)                                                                                  \
    X(Q5_K, q5_k)                                                                                  \
    X(Q6_K, q6_k)                                                                                  \
    X(IQ4_NL, iq4_nl)                                                                              \
    X(IQ4_XS, iq4_xs)                                                                              \
    X(TQ1_0, tq1_0)                                                                                \
    X(TQ2_0, tq2_0)                                                                                \
    X(MXFP4, mxfp4)

ergo_status ergo_dequantize(ergo_type type, const void *src, float *dst, size_t n)
{
    const ergo_type_info *info = ergo_type_get((uint32_t)type);
    if (info == NULL)
        return ERGO_E_UNSUPPORTED;
    if (n % info->block_elements != 0)
        return ERGO_E_ARGUMENT;
    switch (type) {
#define DECODE_CASE(TYPE, name)                                                                    \
    case ERGO_TYPE_##TYPE:                                                                         \
        decode_##name(src, dst, n);                                                                \
        return ERGO_OK;
        DECODERS(DECODE_CASE)
    }
    return ERGO_E_UNSUPPORTED;
}
