/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/quant_encode.h"
#include "ergo/quant.h"
#include "runtime/base/bits.h"

#define BLOCK_MAX 256

typedef void encode_fn(const float *x, const float *w, uint8_t *b);

static encode_fn *find_encoder(ergo_type type)
{
    switch (type) {
#define ENCODER_CASE(TYPE, name)                                                                   \
    case ERGO_TYPE_##TYPE:                                                                         \
        return ergo__encode_##name;
        ERGO__ENCODERS(ENCODER_CASE)
    case ERGO_TYPE_F32:
    case ERGO_TYPE_F16:
    case ERGO_TYPE_BF16:
        break;
    }
    return NULL;
}

static bool is_finite(float v)
{
    return (ergo__bits_of_f32(v) & 0x7f800000u) != 0x7f800000u;
}

static void encode_dense(ergo_type type, const float *src, uint8_t *dst, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (type == ERGO_TYPE_F32)
            ergo__store_u32(dst + 4 * i, ergo__bits_of_f32(src[i]));
        else if (type == ERGO_TYPE_F16)
            ergo__store_u16(dst + 2 * i, ergo__f16_of_f32(src[i]));
        else
            ergo__store_u16(dst + 2 * i, ergo__bf16_of_f32(src[i]));
    }
}

/* Weights of a block whose mean is 1; all alike where none are given or all are zero. */
static void block_weights(const float *importance, float *w, size_t n)
{
    float sum = 0.0f;
    for (size_t i = 0; importance != NULL && i < n; i++)
        sum += importance[i] / (float)n;
    const bool usable = sum > 0.0f && is_finite(sum) && is_finite(1.0f / sum);
    for (size_t i = 0; i < n; i++)
        w[i] = usable ? importance[i] / sum : 1.0f;
}

ergo_status ergo_quantize(ergo_type type, const float *src, const float *importance, void *dst,
                          size_t n)
{
    const ergo_type_info *info = ergo_type_get((uint32_t)type);
    if (info == NULL)
        return ERGO_E_UNSUPPORTED;
    const size_t block = info->block_elements;
    if (n % block != 0)
        return ERGO_E_ARGUMENT;
    encode_fn *encode = find_encoder(type);
    if (encode == NULL) {
        encode_dense(type, src, dst, n);
        return ERGO_OK;
    }
    for (size_t i = 0; i < n; i++)
        if (!is_finite(src[i]) ||
            (importance != NULL && !(is_finite(importance[i]) && importance[i] >= 0.0f)))
            return ERGO_E_ARGUMENT;
    float w[BLOCK_MAX];
    uint8_t *out = dst;
    for (size_t i = 0; i < n; i += block) {
        block_weights(importance != NULL ? importance + i : NULL, w, block);
        encode(src + i, w, out);
        out += info->block_bytes;
    }
    return ERGO_OK;
}
