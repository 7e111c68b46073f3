/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "ergo/pack.h"
#include "models/gguf_file.h"

/* The specification's longest key. */
#define KEY_BYTES_MAX 65535

/* Larger alignments serve nobody and would let a small file claim large gaps. */
#define ALIGNMENT_MAX 65536

static const struct {
    const char *name;
    size_t width;
} types[] = {
    [ERGO_GGUF_U8] = {"u8", 1},         [ERGO_GGUF_I8] = {"i8", 1},
    [ERGO_GGUF_U16] = {"u16", 2},       [ERGO_GGUF_I16] = {"i16", 2},
    [ERGO_GGUF_U32] = {"u32", 4},       [ERGO_GGUF_I32] = {"i32", 4},
    [ERGO_GGUF_F32] = {"f32", 4},       [ERGO_GGUF_BOOL] = {"bool", 1},
    [ERGO_GGUF_STRING] = {"string", 0}, [ERGO_GGUF_ARRAY] = {"array", 0},
    [ERGO_GGUF_U64] = {"u64", 8},       [ERGO_GGUF_I64] = {"i64", 8},
    [ERGO_GGUF_F64] = {"f64", 8},
};

const char *ergo__gguf_type_name(uint32_t type)
{
    return type < sizeof types / sizeof types[0] ? types[type].name : NULL;
}

size_t ergo__gguf_type_width(ergo_gguf_type type)
{
    return types[type].width;
}

static ergo_status read_type(ergo__gguf_reader *reader, const char *field, ergo_gguf_type *out)
{
    const size_t start = reader->cursor.at;
    uint32_t type;
    if (!ergo__cursor_u32(&reader->cursor, &type))
        return ergo__gguf_truncated(reader, field);
    if (!ergo__gguf_type_name(type))
        return ergo__gguf_fail(reader, ERGO_E_FORMAT, start, "the %s is %" PRId32 ", which is none",
                               field, (int32_t)type);
    *out = (ergo_gguf_type)type;
    return ERGO_OK;
}

/* The type, and for arrays the type and number of the elements. */
static ergo_status read_shape(ergo__gguf_reader *reader, ergo_gguf_kv *kv)
{
    kv->count = 1;
    ergo_status status = read_type(reader, "value type", &kv->type);
    if (status || kv->type != ERGO_GGUF_ARRAY)
        return status;
    const size_t start = reader->cursor.at;
    kv->is_array = true;
    status = read_type(reader, "element type", &kv->type);
    if (status)
        return status;
    if (kv->type == ERGO_GGUF_ARRAY)
        return ergo__gguf_fail(reader, ERGO_E_UNSUPPORTED, start,
                               "arrays of arrays are not supported");
    if (!ergo__cursor_u64(&reader->cursor, &kv->count))
        return ergo__gguf_truncated(reader, "element count");
    return ERGO_OK;
}

static ergo_status skip_strings(ergo__gguf_reader *reader, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        const size_t start = reader->cursor.at;
        uint64_t size;
        ergo_bytes text;
        if (!ergo__cursor_u64(&reader->cursor, &size))
            return ergo__gguf_truncated(reader, "string");
        if (!ergo__cursor_bytes(&reader->cursor, size, &text))
            return ergo__gguf_fail(reader, ERGO_E_FORMAT, start,
                                   "string %" PRIu64 " has %" PRIu64
                                   " bytes, but the file only %zu more",
                                   i, size, ergo__cursor_left(&reader->cursor));
    }
    return ERGO_OK;
}

static ergo_status check_bools(const ergo__gguf_reader *reader, size_t start, ergo_bytes values)
{
    const unsigned char *bytes = values.data;
    for (size_t i = 0; i < values.size; i++)
        if (bytes[i] > 1)
            return ergo__gguf_fail(reader, ERGO_E_FORMAT, start + i,
                                   "bool %zu has the value %u, neither 0 nor 1", i, bytes[i]);
    return ERGO_OK;
}

static ergo_status read_payload(ergo__gguf_reader *reader, ergo_gguf_kv *kv)
{
    ergo__cursor *cursor = &reader->cursor;
    const size_t start = cursor->at;
    const bool is_string = kv->type == ERGO_GGUF_STRING;
    const size_t width = is_string ? sizeof(uint64_t) : ergo__gguf_type_width(kv->type);
    if (kv->is_array && kv->count > ergo__cursor_left(cursor) / width)
        return ergo__gguf_fail(reader, ERGO_E_FORMAT, start,
                               "the array has %" PRIu64
                               " elements, but the file has room for %zu at most",
                               kv->count, ergo__cursor_left(cursor) / width);
    if (is_string) {
        const ergo_status status = skip_strings(reader, kv->count);
        if (status)
            return status;
        kv->payload = (ergo_bytes){.data = cursor->base + start, .size = cursor->at - start};
        return ERGO_OK;
    }
    if (!ergo__cursor_bytes(cursor, kv->count * width, &kv->payload))
        return ergo__gguf_truncated(reader, "value");
    return kv->type == ERGO_GGUF_BOOL ? check_bools(reader, start, kv->payload) : ERGO_OK;
}

static bool has_key(const ergo_gguf_kv *kv, const char *key)
{
    return kv->key.size == strlen(key) && memcmp(kv->key.data, key, kv->key.size) == 0;
}

static ergo_status apply_alignment(ergo__gguf_reader *reader, const ergo_gguf_kv *kv, size_t start)
{
    if (kv->is_array || kv->type != ERGO_GGUF_U32)
        return ergo__gguf_fail(reader, ERGO_E_FORMAT, start, "the alignment is %s%s, not a u32",
                               kv->is_array ? "an array of " : "a ",
                               ergo__gguf_type_name(kv->type));
    const uint32_t value = ergo__load_u32(kv->payload.data);
    if (value == 0 || (value & (value - 1)) != 0)
        return ergo__gguf_fail(reader, ERGO_E_FORMAT, start,
                               "the alignment is %" PRIu32 ", not a power of two", value);
    if (value > ALIGNMENT_MAX)
        return ergo__gguf_fail(reader, ERGO_E_LIMIT, start,
                               "the alignment is %" PRIu32 ", above the limit of %d", value,
                               ALIGNMENT_MAX);
    reader->gguf->alignment = value;
    return ERGO_OK;
}

static ergo_status check_split(const ergo__gguf_reader *reader, const ergo_gguf_kv *kv,
                               size_t start)
{
    if (kv->is_array || kv->type == ERGO_GGUF_STRING)
        return ergo__gguf_fail(reader, ERGO_E_FORMAT, start, "the split count is no number");
    const int64_t count = ergo_gguf_int_at(kv, 0);
    if (count > 1)
        return ergo__gguf_fail(reader, ERGO_E_UNSUPPORTED, start,
                               "the model is split over %" PRId64 " files; merge them first",
                               count);
    return ERGO_OK;
}

static ergo_status check_packed(ergo__gguf_reader *reader, const ergo_gguf_kv *kv, size_t start)
{
    if (kv->is_array || kv->type != ERGO_GGUF_U32)
        return ergo__gguf_fail(
            reader, ERGO_E_FORMAT, start, "the version of packed weights is %s%s, not a u32",
            kv->is_array ? "an array of " : "a ", ergo__gguf_type_name(kv->type));
    const uint32_t version = ergo__load_u32(kv->payload.data);
    if (version != ERGO_PACKED_VERSION)
        return ergo__gguf_fail(reader, ERGO_E_UNSUPPORTED, start,
                               "version %" PRIu32 " of packed weights is not supported (%d is)",
                               version, ERGO_PACKED_VERSION);
    reader->gguf->may_pack = true;
    return ERGO_OK;
}

static ergo_status read_kv(ergo__gguf_reader *reader, ergo_gguf_kv *kv)
{
    reader->subject = (ergo_str){0};
    ergo_status status = ergo__gguf_read_name(reader, "key", KEY_BYTES_MAX, &kv->key);
    if (!status)
        status = read_shape(reader, kv);
    const size_t start = reader->cursor.at;
    if (!status)
        status = read_payload(reader, kv);
    if (status)
        return status;
    if (has_key(kv, "general.alignment"))
        return apply_alignment(reader, kv, start);
    if (has_key(kv, "split.count"))
        return check_split(reader, kv, start);
    if (has_key(kv, ERGO_PACKED_KEY))
        return check_packed(reader, kv, start);
    return ERGO_OK;
}

ergo_status ergo__gguf_read_metadata(ergo__gguf_reader *reader)
{
    const ergo_gguf *gguf = reader->gguf;
    reader->kind = "entry";
    for (reader->index = 0; reader->index < gguf->n_kv; reader->index++) {
        ergo_gguf_kv kv = {0};
        const ergo_status status = read_kv(reader, &kv);
        if (status)
            return status;
        if (gguf->kv)
            gguf->kv[reader->index] = kv;
    }
    return ERGO_OK;
}
