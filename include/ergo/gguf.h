/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_GGUF_H
#define ERGO_GGUF_H

#include "base.h"
#include "quant.h"

/*
 * A reader of GGUF files, versions 2 and 3, little-endian, over bytes: nothing is copied but a
 * table of what is where. ergo_gguf_open validates the whole file but the contents of tensors; what
 * it accepts can be read without further checks. Time is O(n log n) in the number of entries and
 * linear in the bytes of the metadata, whatever the file holds.
 * Format: github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */

#ifdef __cplusplus
extern "C" {
#endif

/** Types of metadata values; the values are those of the file. */
typedef enum ergo_gguf_type {
    ERGO_GGUF_U8 = 0,
    ERGO_GGUF_I8 = 1,
    ERGO_GGUF_U16 = 2,
    ERGO_GGUF_I16 = 3,
    ERGO_GGUF_U32 = 4,
    ERGO_GGUF_I32 = 5,
    ERGO_GGUF_F32 = 6,
    ERGO_GGUF_BOOL = 7,
    ERGO_GGUF_STRING = 8,
    ERGO_GGUF_ARRAY = 9,
    ERGO_GGUF_U64 = 10,
    ERGO_GGUF_I64 = 11,
    ERGO_GGUF_F64 = 12,
} ergo_gguf_type;

/** One metadata entry: a scalar (count 1, is_array false) or an array of `count` elements. */
typedef struct ergo_gguf_kv {
    ergo_str key;
    ergo_gguf_type type; /**< of the value, or of the elements of an array */
    bool is_array;
    uint64_t count;
    ergo_bytes payload; /**< little-endian and unaligned; strings are u64 length + bytes */
} ergo_gguf_kv;

/** One tensor. `shape[0]` runs fastest: a matrix of `shape[1]` rows of `shape[0]` elements. */
typedef struct ergo_tensor {
    ergo_str name;
    ergo_type type;
    uint32_t n_dims;   /**< 1 to 4 */
    uint64_t shape[4]; /**< unused dimensions are 1 */
    uint64_t elements;
    bool packed;      /**< a matrix in packed layout (pack.h), which ergo_dequantize cannot read */
    ergo_bytes bytes; /**< rows without gaps, in the file; aligned no better than the file asks */
} ergo_tensor;

typedef struct ergo_gguf ergo_gguf;

typedef struct ergo_gguf_config {
    ergo_log log;
    const char *name; /**< what messages call the file; NULL means "model" */
} ergo_gguf_config;

/**
 * Bytes of memory that ergo_gguf_open will take. It validates what open does, but for duplicate
 * names and overlapping tensors, which cannot be found without memory.
 * Errors (logged with field, value and offset): ERGO_E_FORMAT for anything malformed or truncated;
 * ERGO_E_UNSUPPORTED for versions other than 2 and 3, big-endian and split files, arrays of arrays
 * and unsupported tensor types, and packed tensors of another version than ERGO_PACKED_VERSION;
 * ERGO_E_LIMIT for more than 2^17 entries or tensors or an alignment
 * above 64 KiB; ERGO_E_ARGUMENT for a NULL pointer.
 */
ergo_status ergo_gguf_size(ergo_bytes file, const ergo_gguf_config *config, size_t *size);

/**
 * Opens the reader over `file`, which must stay unchanged while the object is in use; the
 * configuration and its name are copied. Tensors may lie in any order, aligned and without overlap.
 * Errors: those of ergo_gguf_size, also for duplicate keys or names and overlapping tensors, and
 * ERGO_E_MEMORY for a block too small. Once open the object is read-only: any thread may use it.
 */
ergo_status ergo_gguf_open(ergo_bytes file, const ergo_gguf_config *config, ergo_block memory,
                           ergo_gguf **out);

uint32_t ergo_gguf_version(const ergo_gguf *gguf);
uint32_t ergo_gguf_alignment(const ergo_gguf *gguf);
size_t ergo_gguf_kv_count(const ergo_gguf *gguf);
size_t ergo_gguf_tensor_count(const ergo_gguf *gguf);

/** Entry i in file order, or NULL when there is none. It lives as long as the reader. */
const ergo_gguf_kv *ergo_gguf_kv_at(const ergo_gguf *gguf, size_t i);
const ergo_tensor *ergo_gguf_tensor_at(const ergo_gguf *gguf, size_t i);

/** Entry by name (NUL-terminated), or NULL. Logarithmic time. */
const ergo_gguf_kv *ergo_gguf_kv_find(const ergo_gguf *gguf, const char *key);
const ergo_tensor *ergo_gguf_tensor_find(const ergo_gguf *gguf, const char *name);

/**
 * Typed values. Integers of any width convert when the value fits, floats of either width too.
 * Errors: ERGO_E_NOT_FOUND when there is no such key (not logged), ERGO_E_FORMAT when it has
 * another type or does not fit (logged). `*out` is untouched on error.
 */
ergo_status ergo_gguf_u32(const ergo_gguf *gguf, const char *key, uint32_t *out);
ergo_status ergo_gguf_f32(const ergo_gguf *gguf, const char *key, float *out);
ergo_status ergo_gguf_bool(const ergo_gguf *gguf, const char *key, bool *out);
ergo_status ergo_gguf_str(const ergo_gguf *gguf, const char *key, ergo_str *out);

/**
 * Element `i` of a numeric or boolean entry (scalar: i = 0), converted: to an integer by
 * truncation, saturating, NaN to 0. 0 for strings and where i is not below count.
 */
int64_t ergo_gguf_int_at(const ergo_gguf_kv *kv, uint64_t i);
double ergo_gguf_float_at(const ergo_gguf_kv *kv, uint64_t i);

/**
 * The string of a string entry that starts `*offset` bytes into its payload; moves `*offset`
 * behind it. Start with 0 and call at most `count` times; after the last one, and for entries of
 * another type, the string is empty.
 */
ergo_str ergo_gguf_str_next(const ergo_gguf_kv *kv, size_t *offset);

#ifdef __cplusplus
}
#endif
#endif
