/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fakes/gguf_walk.h"

#include <string.h>

static bool inside(ergo_bytes file, const void *data, size_t size)
{
    const uintptr_t start = (uintptr_t)data, base = (uintptr_t)file.data;
    return start >= base && start - base <= file.size && size <= file.size - (start - base);
}

/* Reads every byte, so that a sanitizer sees each one. */
static unsigned sum_of(const void *data, size_t size)
{
    const unsigned char *bytes = data;
    unsigned sum = 0;
    for (size_t i = 0; i < size; i++)
        sum += bytes[i];
    return sum;
}

/* Fails only for the impossible sum: the reads above must not be optimised away. */
static bool readable(const void *data, size_t size)
{
    return size > 0xffffff || sum_of(data, size) <= 0xff * size;
}

/* The key or name as a C string; names too long for it are not looked up. */
static bool copied(ergo_str name, char *out, size_t capacity)
{
    if (name.size >= capacity)
        return false;
    memcpy(out, name.data, name.size);
    out[name.size] = '\0';
    return true;
}

static const char *walk_strings(const ergo_gguf_kv *kv, ergo_bytes file)
{
    size_t offset = 0;
    for (uint64_t i = 0; i < kv->count; i++) {
        const ergo_str text = ergo_gguf_str_next(kv, &offset);
        if (!inside(file, text.data, text.size) || !readable(text.data, text.size))
            return "a string lies outside the file";
    }
    if (offset != kv->payload.size)
        return "the strings do not fill the payload";
    if (ergo_gguf_str_next(kv, &offset).size != 0 || offset != kv->payload.size)
        return "there is a string behind the last";
    return NULL;
}

static const char *walk_numbers(const ergo_gguf_kv *kv)
{
    for (uint64_t i = 0; i < kv->count; i++) {
        const int64_t integer = ergo_gguf_int_at(kv, i);
        const double real = ergo_gguf_float_at(kv, i);
        if (kv->type == ERGO_GGUF_BOOL && integer != 0 && integer != 1)
            return "a bool is neither 0 nor 1";
        if (kv->type == ERGO_GGUF_I32 && (double)integer != real)
            return "int_at and float_at differ";
    }
    return ergo_gguf_int_at(kv, kv->count) == 0 ? NULL : "there is a number behind the last";
}

static const char *walk_kv(const ergo_gguf *gguf, const ergo_gguf_kv *kv, ergo_bytes file)
{
    char key[256];
    if (!kv->key.size || !inside(file, kv->key.data, kv->key.size))
        return "a key is empty or lies outside the file";
    if (!inside(file, kv->payload.data, kv->payload.size))
        return "a payload lies outside the file";
    if (!kv->is_array && kv->count != 1)
        return "a scalar has a count other than 1";
    if (copied(kv->key, key, sizeof key) && ergo_gguf_kv_find(gguf, key) != kv)
        return "an entry is not found by its key";
    uint32_t integer;
    float real;
    bool truth;
    ergo_str text;
    (void)ergo_gguf_u32(gguf, key, &integer);
    (void)ergo_gguf_f32(gguf, key, &real);
    (void)ergo_gguf_bool(gguf, key, &truth);
    (void)ergo_gguf_str(gguf, key, &text);
    return kv->type == ERGO_GGUF_STRING ? walk_strings(kv, file) : walk_numbers(kv);
}

static const char *walk_tensor(const ergo_gguf *gguf, const ergo_tensor *tensor, ergo_bytes file)
{
    const ergo_type_info *type = ergo_type_get((uint32_t)tensor->type);
    char name[64];
    uint64_t elements = 1;
    if (!type || tensor->n_dims < 1 || tensor->n_dims > 4)
        return "a tensor has no known type or not 1 to 4 dimensions";
    for (uint32_t i = 0; i < 4; i++)
        elements *= tensor->shape[i];
    if (!elements || elements != tensor->elements || tensor->shape[0] % type->block_elements)
        return "a tensor's elements are not the product of its shape, in whole blocks";
    if (tensor->packed) /* in strips of 16 rows, none of them smaller for it */
        elements = tensor->shape[0] * ((tensor->shape[1] + 15) / 16 * 16);
    const uint64_t bytes = elements / type->block_elements * type->block_bytes;
    if (tensor->packed ? tensor->bytes.size < bytes : tensor->bytes.size != bytes)
        return "a tensor's size does not fit its elements";
    if (!inside(file, tensor->bytes.data, tensor->bytes.size) ||
        !readable(tensor->bytes.data, tensor->bytes.size))
        return "a tensor lies outside the file";
    if (!copied(tensor->name, name, sizeof name))
        return "a tensor's name is too long";
    return ergo_gguf_tensor_find(gguf, name) == tensor ? NULL : "a tensor is not found by its name";
}

const char *gguf_walk(const ergo_gguf *gguf, ergo_bytes file)
{
    const uint32_t alignment = ergo_gguf_alignment(gguf);
    const size_t n_kv = ergo_gguf_kv_count(gguf), n_tensors = ergo_gguf_tensor_count(gguf);
    if (!alignment || (alignment & (alignment - 1)) || alignment > 65536)
        return "the alignment is no power of two up to 64 KiB";
    if (ergo_gguf_kv_at(gguf, n_kv) || ergo_gguf_tensor_at(gguf, n_tensors))
        return "there is an entry behind the last";
    for (size_t i = 0; i < n_kv; i++) {
        const char *fault = walk_kv(gguf, ergo_gguf_kv_at(gguf, i), file);
        if (fault)
            return fault;
    }
    for (size_t i = 0; i < n_tensors; i++) {
        const ergo_tensor *tensor = ergo_gguf_tensor_at(gguf, i);
        const char *fault = walk_tensor(gguf, tensor, file);
        if (fault)
            return fault;
        for (size_t j = 0; j < i && n_tensors <= 64; j++) {
            const ergo_tensor *other = ergo_gguf_tensor_at(gguf, j);
            const unsigned char *a = tensor->bytes.data, *b = other->bytes.data;
            if (a < b + other->bytes.size && b < a + tensor->bytes.size)
                return "two tensors overlap";
        }
    }
    return NULL;
}
