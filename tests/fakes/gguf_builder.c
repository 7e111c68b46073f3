/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fakes/gguf_builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void gguf_builder_free(gguf_builder *b)
{
    free(b->bytes);
    *b = (gguf_builder){0};
}

ergo_bytes gguf_builder_file(const gguf_builder *b)
{
    return (ergo_bytes){.data = b->bytes, .size = b->size};
}

static void reserve(gguf_builder *b, size_t more)
{
    if (b->size + more <= b->capacity)
        return;
    const size_t capacity =
        (2 * (b->size + more) + ERGO_BLOCK_ALIGN - 1) / ERGO_BLOCK_ALIGN * ERGO_BLOCK_ALIGN;
    unsigned char *bytes = aligned_alloc(ERGO_BLOCK_ALIGN, capacity);
    if (!bytes) {
        fprintf(stderr, "gguf_builder: out of memory\n");
        exit(2);
    }
    if (b->size)
        memcpy(bytes, b->bytes, b->size);
    free(b->bytes);
    b->bytes = bytes;
    b->capacity = capacity;
}

void gguf_put(gguf_builder *b, const void *data, size_t size)
{
    if (size == 0)
        return;
    reserve(b, size);
    memcpy(b->bytes + b->size, data, size);
    b->size += size;
}

void gguf_put_uint(gguf_builder *b, uint64_t value, size_t width)
{
    reserve(b, width);
    for (size_t i = 0; i < width; i++)
        b->bytes[b->size++] = (unsigned char)(value >> (8 * i) & 0xff);
}

void gguf_put_f32(gguf_builder *b, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    gguf_put_uint(b, bits, sizeof bits);
}

void gguf_put_f64(gguf_builder *b, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    gguf_put_uint(b, bits, sizeof bits);
}

void gguf_put_text(gguf_builder *b, const char *text)
{
    gguf_put_uint(b, strlen(text), 8);
    gguf_put(b, text, strlen(text));
}

void gguf_put_zeros(gguf_builder *b, size_t count)
{
    reserve(b, count);
    if (count)
        memset(b->bytes + b->size, 0, count);
    b->size += count;
}

void gguf_put_padding(gguf_builder *b, size_t align)
{
    gguf_put_zeros(b, (align - b->size % align) % align);
}

void gguf_put_header(gguf_builder *b, uint32_t version, uint64_t n_tensors, uint64_t n_kv)
{
    gguf_put(b, "GGUF", 4);
    gguf_put_uint(b, version, 4);
    gguf_put_uint(b, n_tensors, 8);
    gguf_put_uint(b, n_kv, 8);
}

void gguf_put_key(gguf_builder *b, const char *key, uint32_t type)
{
    gguf_put_text(b, key);
    gguf_put_uint(b, type, 4);
}

void gguf_put_kv_u32(gguf_builder *b, const char *key, uint32_t value)
{
    gguf_put_key(b, key, 4);
    gguf_put_uint(b, value, 4);
}

void gguf_put_kv_f32(gguf_builder *b, const char *key, float value)
{
    gguf_put_key(b, key, 6);
    gguf_put_f32(b, value);
}

void gguf_put_kv_bool(gguf_builder *b, const char *key, unsigned value)
{
    gguf_put_key(b, key, 7);
    gguf_put_uint(b, value, 1);
}

void gguf_put_kv_text(gguf_builder *b, const char *key, const char *value)
{
    gguf_put_key(b, key, 8);
    gguf_put_text(b, value);
}

void gguf_put_kv_array(gguf_builder *b, const char *key, uint32_t type, uint64_t count)
{
    gguf_put_key(b, key, 9);
    gguf_put_uint(b, type, 4);
    gguf_put_uint(b, count, 8);
}

void gguf_put_tensor(gguf_builder *b, const char *name, uint32_t n_dims, const uint64_t *shape,
                     uint32_t type, uint64_t offset)
{
    gguf_put_text(b, name);
    gguf_put_uint(b, n_dims, 4);
    for (uint32_t i = 0; i < n_dims; i++)
        gguf_put_uint(b, shape[i], 8);
    gguf_put_uint(b, type, 4);
    gguf_put_uint(b, offset, 8);
}
