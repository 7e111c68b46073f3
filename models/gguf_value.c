/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <inttypes.h>

#include "models/gguf_file.h"

static bool is_integer(ergo_gguf_type type)
{
    switch (type) {
    case ERGO_GGUF_U8:
    case ERGO_GGUF_I8:
    case ERGO_GGUF_U16:
    case ERGO_GGUF_I16:
    case ERGO_GGUF_U32:
    case ERGO_GGUF_I32:
    case ERGO_GGUF_U64:
    case ERGO_GGUF_I64:
        return true;
    default:
        return false;
    }
}

static const unsigned char *element(const ergo_gguf_kv *kv, uint64_t i)
{
    return (const unsigned char *)kv->payload.data + (size_t)i * ergo__gguf_type_width(kv->type);
}

/* NaN gives 0 and what is too large the nearest integer, where a plain cast is undefined. */
static int64_t int_of_double(double value)
{
    if (value >= 0x1p63)
        return INT64_MAX;
    if (value <= -0x1p63)
        return INT64_MIN;
    return value == value ? (int64_t)value : 0;
}

int64_t ergo_gguf_int_at(const ergo_gguf_kv *kv, uint64_t i)
{
    if (i >= kv->count)
        return 0;
    const unsigned char *p = element(kv, i);
    switch (kv->type) {
    case ERGO_GGUF_U8:
    case ERGO_GGUF_BOOL:
        return *p;
    case ERGO_GGUF_I8:
        return (int8_t)*p;
    case ERGO_GGUF_U16:
        return ergo__load_u16(p);
    case ERGO_GGUF_I16:
        return (int16_t)ergo__load_u16(p);
    case ERGO_GGUF_U32:
        return ergo__load_u32(p);
    case ERGO_GGUF_I32:
        return (int32_t)ergo__load_u32(p);
    case ERGO_GGUF_U64: {
        const uint64_t value = ergo__load_u64(p);
        return value > INT64_MAX ? INT64_MAX : (int64_t)value;
    }
    case ERGO_GGUF_I64:
        return (int64_t)ergo__load_u64(p);
    case ERGO_GGUF_F32:
    case ERGO_GGUF_F64:
        return int_of_double(ergo_gguf_float_at(kv, i));
    case ERGO_GGUF_STRING:
    case ERGO_GGUF_ARRAY:
        break;
    }
    return 0;
}

double ergo_gguf_float_at(const ergo_gguf_kv *kv, uint64_t i)
{
    if (i >= kv->count)
        return 0;
    switch (kv->type) {
    case ERGO_GGUF_F32:
        return (double)ergo__f32_of_bits(ergo__load_u32(element(kv, i)));
    case ERGO_GGUF_F64:
        return ergo__f64_of_bits(ergo__load_u64(element(kv, i)));
    case ERGO_GGUF_U64:
        return (double)ergo__load_u64(element(kv, i));
    default:
        return (double)ergo_gguf_int_at(kv, i);
    }
}

ergo_str ergo_gguf_str_next(const ergo_gguf_kv *kv, size_t *offset)
{
    ergo__cursor cursor = ergo__cursor_over(kv->payload);
    uint64_t size;
    ergo_bytes text;
    if (kv->type != ERGO_GGUF_STRING || *offset > cursor.size)
        return (ergo_str){0};
    cursor.at = *offset;
    if (!ergo__cursor_u64(&cursor, &size) || !ergo__cursor_bytes(&cursor, size, &text))
        return (ergo_str){0};
    *offset = cursor.at;
    return (ergo_str){.data = text.data, .size = text.size};
}

/* Logs that the entry is not what was asked for. */
static ergo_status unfit(const ergo_gguf *gguf, const ergo_gguf_kv *kv, const char *wanted)
{
    return ergo__fail(&gguf->log, ERGO_E_FORMAT, "%s: \"%s\" is %s%s, not %s", gguf->name,
                      ergo__gguf_show(kv->key).text, kv->is_array ? "an array of " : "of type ",
                      ergo__gguf_type_name(kv->type), wanted);
}

ergo_status ergo_gguf_u32(const ergo_gguf *gguf, const char *key, uint32_t *out)
{
    const ergo_gguf_kv *kv = ergo_gguf_kv_find(gguf, key);
    if (!kv)
        return ERGO_E_NOT_FOUND;
    if (kv->is_array || !is_integer(kv->type))
        return unfit(gguf, kv, "an integer");
    const int64_t value = ergo_gguf_int_at(kv, 0);
    if (value < 0 || value > UINT32_MAX)
        return ergo__fail(&gguf->log, ERGO_E_FORMAT,
                          "%s: \"%s\" is %" PRId64 ", which does not fit 32 bits without sign",
                          gguf->name, ergo__gguf_show(kv->key).text, value);
    *out = (uint32_t)value;
    return ERGO_OK;
}

ergo_status ergo_gguf_f32(const ergo_gguf *gguf, const char *key, float *out)
{
    const ergo_gguf_kv *kv = ergo_gguf_kv_find(gguf, key);
    if (!kv)
        return ERGO_E_NOT_FOUND;
    if (kv->is_array || (kv->type != ERGO_GGUF_F32 && kv->type != ERGO_GGUF_F64))
        return unfit(gguf, kv, "a float");
    const double value = ergo_gguf_float_at(kv, 0);
    const double magnitude = value < 0 ? -value : value;
    if (magnitude > (double)FLT_MAX && magnitude <= DBL_MAX)
        return ergo__fail(&gguf->log, ERGO_E_FORMAT, "%s: \"%s\" is %g, which does not fit a float",
                          gguf->name, ergo__gguf_show(kv->key).text, value);
    *out = (float)value;
    return ERGO_OK;
}

ergo_status ergo_gguf_bool(const ergo_gguf *gguf, const char *key, bool *out)
{
    const ergo_gguf_kv *kv = ergo_gguf_kv_find(gguf, key);
    if (!kv)
        return ERGO_E_NOT_FOUND;
    if (kv->is_array || kv->type != ERGO_GGUF_BOOL)
        return unfit(gguf, kv, "a bool");
    *out = ergo_gguf_int_at(kv, 0) != 0;
    return ERGO_OK;
}

ergo_status ergo_gguf_str(const ergo_gguf *gguf, const char *key, ergo_str *out)
{
    const ergo_gguf_kv *kv = ergo_gguf_kv_find(gguf, key);
    size_t start = 0;
    if (!kv)
        return ERGO_E_NOT_FOUND;
    if (kv->is_array || kv->type != ERGO_GGUF_STRING)
        return unfit(gguf, kv, "a string");
    *out = ergo_gguf_str_next(kv, &start);
    return ERGO_OK;
}
