/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TESTS_GGUF_BUILDER_H
#define ERGO_TESTS_GGUF_BUILDER_H

#include "ergo/gguf.h"

/*
 * Writes GGUF files byte by byte, also wrong ones: nothing here knows what the format allows. The
 * numbers come from the caller, never from the code under test.
 */

/** Start from zeroed, end with gguf_builder_free. The bytes are aligned like a block. Running out
 * of memory ends the program. */
typedef struct gguf_builder {
    unsigned char *bytes;
    size_t size;
    size_t capacity;
} gguf_builder;

void gguf_builder_free(gguf_builder *b);
ergo_bytes gguf_builder_file(const gguf_builder *b);

void gguf_put(gguf_builder *b, const void *data, size_t size);
void gguf_put_uint(gguf_builder *b, uint64_t value, size_t width); /**< little-endian */
void gguf_put_f32(gguf_builder *b, float value);
void gguf_put_f64(gguf_builder *b, double value);
void gguf_put_text(gguf_builder *b, const char *text); /**< u64 length and bytes */
void gguf_put_zeros(gguf_builder *b, size_t count);
void gguf_put_padding(gguf_builder *b, size_t align); /**< zeros up to a multiple of align */

/** Magic, version and the two counts. */
void gguf_put_header(gguf_builder *b, uint32_t version, uint64_t n_tensors, uint64_t n_kv);

/** Key and value type; the value follows. */
void gguf_put_key(gguf_builder *b, const char *key, uint32_t type);
void gguf_put_kv_u32(gguf_builder *b, const char *key, uint32_t value);
void gguf_put_kv_f32(gguf_builder *b, const char *key, float value);
void gguf_put_kv_bool(gguf_builder *b, const char *key, unsigned value);
void gguf_put_kv_text(gguf_builder *b, const char *key, const char *value);

/** Key, array type, element type and count; the elements follow. */
void gguf_put_kv_array(gguf_builder *b, const char *key, uint32_t type, uint64_t count);

/** One row of the tensor table; reads n_dims dimensions. */
void gguf_put_tensor(gguf_builder *b, const char *name, uint32_t n_dims, const uint64_t *shape,
                     uint32_t type, uint64_t offset);

#endif
