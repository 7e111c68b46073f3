/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_GGUF_WRITE_H
#define ERGO_TOOLS_GGUF_WRITE_H

#include "ergo/gguf.h"
#include "tools/buffer.h"
#include "tools/out_file.h"

/*
 * Writes a GGUF file, version 3: first every entry, then every tensor's description, then
 * gguf_write_header, then the tensors' bytes in the same order, as a stream. Failures are reported
 * once and remembered: only gguf_write_commit needs to be checked.
 */
typedef struct gguf_writer {
    out_file file;
    buffer entries;
    buffer tensors;
    uint64_t entry_count;
    uint64_t tensor_count;
    uint32_t align;     /**< every tensor starts at a multiple of this */
    uint64_t data_size; /**< of all tensors, padded */
    uint64_t data_start;
} gguf_writer;

tool_exit gguf_write_open(const char *path, gguf_writer *out);

void gguf_write_u32(gguf_writer *writer, const char *key, uint32_t value);
void gguf_write_f32(gguf_writer *writer, const char *key, float value);
void gguf_write_bool(gguf_writer *writer, const char *key, bool value);
void gguf_write_text(gguf_writer *writer, const char *key, ergo_str value);

/** The entry that says where tensors start, at multiples of 32 without it; before any tensor. */
void gguf_write_align(gguf_writer *writer, uint32_t align);

/** An entry of another file as it is. */
void gguf_write_entry(gguf_writer *writer, const ergo_gguf_kv *entry);

/** An array: its elements follow through gguf_write_element_*, exactly `count` of them. */
void gguf_write_array(gguf_writer *writer, const char *key, ergo_gguf_type type, uint64_t count);
void gguf_write_element_text(gguf_writer *writer, ergo_str value);
void gguf_write_element_i32(gguf_writer *writer, int32_t value);

/** Describes the next tensor; shape[0] runs fastest and is a multiple of the type's block. */
void gguf_write_tensor(gguf_writer *writer, ergo_str name, ergo_type type, uint32_t n_dims,
                       const uint64_t *shape);

/** The same for one that takes `bytes` bytes and whose type has this id in files. */
void gguf_write_tensor_bytes(gguf_writer *writer, ergo_str name, uint32_t type_id, uint32_t n_dims,
                             const uint64_t *shape, uint64_t bytes);

void gguf_write_header(gguf_writer *writer);

/** Bytes of the current tensor; gguf_write_tensor_end pads it. */
void gguf_write_data(gguf_writer *writer, const void *data, size_t size);
void gguf_write_tensor_end(gguf_writer *writer);

/** Completes the file; TOOL_FAILED, and no file, when anything went wrong. */
tool_exit gguf_write_commit(gguf_writer *writer);

/** Removes what was written. Harmless after a commit. */
void gguf_write_abandon(gguf_writer *writer);

#endif
