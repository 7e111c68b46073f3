/* SPDX-License-Identifier: Apache-2.0 */
#include "ergo/quant.h"
#include "runtime/quant_blocks.h"

ergo__unpacker ergo__unpacker_of(ergo_type type)
{
    switch (type) {
#define UNPACKER(TYPE, name, FORM)                                                                 \
    case ERGO_TYPE_##TYPE:                                                                         \
        return (ergo__unpacker){ergo__unpack_##name, ERGO__UNIT_##FORM};
        UNPACKER(Q4_0, q4_0, SCALED)
        UNPACKER(Q4_1, q4_1, OFFSET)
        UNPACKER(Q5_0, q5_0, SCALED)
        UNPACKER(Q5_1, q5_1, OFFSET)
        UNPACKER(Q8_0, q8_0, SCALED)
        UNPACKER(Q2_K, q2_k, SUB_OFFSET)
        UNPACKER(Q3_K, q3_k, SUB)
        UNPACKER(Q4_K, q4_k, OFFSET)
        UNPACKER(Q5_K, q5_k, OFFSET)
        UNPACKER(Q6_K, q6_k, SUB)
        UNPACKER(IQ4_NL, iq4_nl, SCALED)
        UNPACKER(IQ4_XS, iq4_xs, SCALED)
        UNPACKER(TQ1_0, tq1_0, SCALED)
        UNPACKER(TQ2_0, tq2_0, SCALED)
        UNPACKER(MXFP4, mxfp4, SCALED)
#undef UNPACKER
    default:
        return (ergo__unpacker){NULL, ERGO__UNIT_SCALED};
    }
}

/* Decodes n elements from their common form; see quant_blocks.h for the four formulas. */
static void expand(const ergo__unit *u, ergo__unit_form form, float *dst, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = (float)u->q[i];
    if (form == ERGO__UNIT_SCALED || form == ERGO__UNIT_OFFSET)
        for (size_t i = 0; i < n; i++)
            dst[i] = u->scale[i / 32] * dst[i];
    else
        for (size_t i = 0; i < n; i++)
            dst[i] = u->scale[0] * (float)u->sub[i / 16] * dst[i];
    if (form == ERGO__UNIT_OFFSET)
        for (size_t i = 0; i < n; i++)
            dst[i] += u->offset[i / 32];
    else if (form == ERGO__UNIT_SUB_OFFSET)
        for (size_t i = 0; i < n; i++)
            dst[i] += u->offset[0] * (float)u->low[i / 16];
}

static void decode_blocks(const ergo_type_info *info, const uint8_t *src, float *dst, size_t n)
{
    const ergo__unpacker unpacker = ergo__unpacker_of(info->type);
    ergo__unit unit;
    for (size_t i = 0; i < n; i += info->block_elements) {
        unpacker.unpack(src, &unit);
        expand(&unit, unpacker.form, dst + i, info->block_elements);
        src += info->block_bytes;
    }
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

ergo_status ergo_dequantize(ergo_type type, const void *src, float *dst, size_t n)
{
    const ergo_type_info *info = ergo_type_get((uint32_t)type);
    if (info == NULL)
        return ERGO_E_UNSUPPORTED;
    if (n % info->block_elements != 0)
        return ERGO_E_ARGUMENT;
    switch (type) {
    case ERGO_TYPE_F32:
        decode_f32(src, dst, n);
        break;
    case ERGO_TYPE_F16:
        decode_f16(src, dst, n);
        break;
    case ERGO_TYPE_BF16:
        decode_bf16(src, dst, n);
        break;
    default:
        decode_blocks(info, src, dst, n);
        break;
    }
    return ERGO_OK;
}
