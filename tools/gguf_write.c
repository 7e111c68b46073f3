/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/gguf_write.h"

#include <string.h>

/* Hosts are little-endian, as the file is: numbers are appended as they lie in memory. */

static void put_u32(buffer *to, uint32_t value)
{
    buffer_append(to, &value, sizeof value);
}

static void put_u64(buffer *to, uint64_t value)
{
    buffer_append(to, &value, sizeof value);
}

static void put_str(buffer *to, ergo_str text)
{
    put_u64(to, text.size);
    buffer_append(to, text.data, text.size);
}

static void put_key(gguf_writer *writer, ergo_str key, ergo_gguf_type type)
{
    put_str(&writer->entries, key);
    put_u32(&writer->entries, (uint32_t)type);
    writer->entry_count++;
}

tool_exit gguf_write_open(const char *path, gguf_writer *out)
{
    *out = (gguf_writer){.align = 32};
    return out_file_open(path, &out->file);
}

void gguf_write_u32(gguf_writer *writer, const char *key, uint32_t value)
{
    put_key(writer, tool_str(key), ERGO_GGUF_U32);
    put_u32(&writer->entries, value);
}

void gguf_write_f32(gguf_writer *writer, const char *key, float value)
{
    put_key(writer, tool_str(key), ERGO_GGUF_F32);
    buffer_append(&writer->entries, &value, sizeof value);
}

void gguf_write_bool(gguf_writer *writer, const char *key, bool value)
{
    const unsigned char byte = value ? 1 : 0;
    put_key(writer, tool_str(key), ERGO_GGUF_BOOL);
    buffer_append(&writer->entries, &byte, 1);
}

void gguf_write_text(gguf_writer *writer, const char *key, ergo_str value)
{
    put_key(writer, tool_str(key), ERGO_GGUF_STRING);
    put_str(&writer->entries, value);
}

void gguf_write_align(gguf_writer *writer, uint32_t align)
{
    gguf_write_u32(writer, "general.alignment", align);
    writer->align = align;
}

void gguf_write_entry(gguf_writer *writer, const ergo_gguf_kv *entry)
{
    put_key(writer, entry->key, entry->is_array ? ERGO_GGUF_ARRAY : entry->type);
    if (entry->is_array) {
        put_u32(&writer->entries, (uint32_t)entry->type);
        put_u64(&writer->entries, entry->count);
    }
    buffer_append(&writer->entries, entry->payload.data, entry->payload.size);
}

void gguf_write_array(gguf_writer *writer, const char *key, ergo_gguf_type type, uint64_t count)
{
    put_key(writer, tool_str(key), ERGO_GGUF_ARRAY);
    put_u32(&writer->entries, (uint32_t)type);
    put_u64(&writer->entries, count);
}

void gguf_write_element_text(gguf_writer *writer, ergo_str value)
{
    put_str(&writer->entries, value);
}

void gguf_write_element_i32(gguf_writer *writer, int32_t value)
{
    buffer_append(&writer->entries, &value, sizeof value);
}

void gguf_write_tensor(gguf_writer *writer, ergo_str name, ergo_type type, uint32_t n_dims,
                       const uint64_t *shape)
{
    const ergo_type_info *info = ergo_type_get((uint32_t)type);
    uint64_t elements = 1;
    for (uint32_t d = 0; d < n_dims; d++)
        elements *= shape[d];
    gguf_write_tensor_bytes(writer, name, (uint32_t)type, n_dims, shape,
                            elements / info->block_elements * info->block_bytes);
}

void gguf_write_tensor_bytes(gguf_writer *writer, ergo_str name, uint32_t type_id, uint32_t n_dims,
                             const uint64_t *shape, uint64_t bytes)
{
    put_str(&writer->tensors, name);
    put_u32(&writer->tensors, n_dims);
    for (uint32_t d = 0; d < n_dims; d++)
        put_u64(&writer->tensors, shape[d]);
    put_u32(&writer->tensors, type_id);
    put_u64(&writer->tensors, writer->data_size);
    writer->data_size += (bytes + writer->align - 1) / writer->align * writer->align;
    writer->tensor_count++;
}

void gguf_write_header(gguf_writer *writer)
{
    const uint32_t version = 3;
    if (writer->entries.failed || writer->tensors.failed)
        writer->file.failed = true;
    out_file_write(&writer->file, "GGUF", 4);
    out_file_write(&writer->file, &version, sizeof version);
    out_file_write(&writer->file, &writer->tensor_count, sizeof writer->tensor_count);
    out_file_write(&writer->file, &writer->entry_count, sizeof writer->entry_count);
    out_file_write(&writer->file, writer->entries.data, writer->entries.size);
    out_file_write(&writer->file, writer->tensors.data, writer->tensors.size);
    out_file_pad(&writer->file, writer->align);
    writer->data_start = writer->file.size;
}

void gguf_write_data(gguf_writer *writer, const void *data, size_t size)
{
    out_file_write(&writer->file, data, size);
}

void gguf_write_tensor_end(gguf_writer *writer)
{
    out_file_pad(&writer->file, writer->align);
}

tool_exit gguf_write_commit(gguf_writer *writer)
{
    const uint64_t written = writer->file.size - writer->data_start;
    if (!writer->file.failed && written != writer->data_size) {
        tool_error("%s: %llu bytes of tensors were written where %llu were announced",
                   writer->file.path, (unsigned long long)written,
                   (unsigned long long)writer->data_size);
        writer->file.failed = true;
    }
    const tool_exit code = out_file_commit(&writer->file);
    gguf_write_abandon(writer);
    return code;
}

void gguf_write_abandon(gguf_writer *writer)
{
    out_file_abandon(&writer->file);
    buffer_free(&writer->entries);
    buffer_free(&writer->tensors);
}
