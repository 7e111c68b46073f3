/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "ergo/pack.h"
#include "models/gguf_file.h"
#include "runtime/base/checked.h"

/* As in every other reader of the format, whose buffer of 64 bytes ends in NUL. */
#define NAME_BYTES_MAX 63

#define DIMS_MAX 4

static ergo_status read_shape(ergo__gguf_reader *reader, ergo_tensor *tensor)
{
    ergo__cursor *cursor = &reader->cursor;
    const size_t start = cursor->at;
    if (!ergo__cursor_u32(cursor, &tensor->n_dims))
        return ergo__gguf_truncated(reader, "number of dimensions");
    if (tensor->n_dims < 1 || tensor->n_dims > DIMS_MAX)
        return ergo__gguf_fail(reader, ERGO_E_FORMAT, start,
                               "the number of dimensions is %" PRIu32 ", not 1 to %d",
                               tensor->n_dims, DIMS_MAX);
    tensor->elements = 1;
    for (uint32_t i = 0; i < DIMS_MAX; i++) {
        tensor->shape[i] = 1;
        if (i >= tensor->n_dims)
            continue;
        const size_t at = cursor->at;
        if (!ergo__cursor_u64(cursor, &tensor->shape[i]))
            return ergo__gguf_truncated(reader, "dimensions");
        if (tensor->shape[i] == 0 || tensor->shape[i] > INT64_MAX)
            return ergo__gguf_fail(reader, ERGO_E_FORMAT, at,
                                   "dimension %" PRIu32 " is %" PRId64 ", not positive", i,
                                   (int64_t)tensor->shape[i]);
        if (!ergo__mul_u64(tensor->elements, tensor->shape[i], &tensor->elements) ||
            tensor->elements > INT64_MAX)
            return ergo__gguf_fail(reader, ERGO_E_FORMAT, at,
                                   "with dimension %" PRIu32 " of %" PRIu64
                                   " the number of elements overflows",
                                   i, tensor->shape[i]);
    }
    return ERGO_OK;
}

/* The size of a packed tensor, whose type id stands at `start`. */
static ergo_status size_packed(const ergo__gguf_reader *reader, const ergo_tensor *tensor,
                               size_t start, uint64_t *bytes)
{
    if (!reader->gguf->may_pack)
        return ergo__gguf_fail(reader, ERGO_E_FORMAT, start,
                               "packed, but the file has no entry " ERGO_PACKED_KEY);
    if (tensor->n_dims != 2)
        return ergo__gguf_fail(reader, ERGO_E_FORMAT, start,
                               "packed, but it has %" PRIu32 " dimensions, not 2", tensor->n_dims);
    if (reader->gguf->alignment % ERGO_BLOCK_ALIGN != 0)
        return ergo__gguf_fail(reader, ERGO_E_FORMAT, start,
                               "packed, but the alignment is %" PRIu32 ", no multiple of %d",
                               reader->gguf->alignment, ERGO_BLOCK_ALIGN);
    const ergo_status status =
        ergo_packed_size(tensor->type, tensor->shape[0], tensor->shape[1], bytes);
    if (status)
        return ergo__gguf_fail(reader, ERGO_E_FORMAT, start,
                               "the size of %" PRIu64 " packed elements of %s overflows",
                               tensor->elements, ergo_type_get((uint32_t)tensor->type)->name);
    return ERGO_OK;
}

static ergo_status read_type(ergo__gguf_reader *reader, ergo_tensor *tensor, uint64_t *bytes)
{
    const size_t start = reader->cursor.at;
    uint32_t id;
    if (!ergo__cursor_u32(&reader->cursor, &id))
        return ergo__gguf_truncated(reader, "type");
    tensor->packed = id >= ERGO_PACKED_TYPE_ID;
    const ergo_type_info *type = ergo_type_get(tensor->packed ? id - ERGO_PACKED_TYPE_ID : id);
    if (!type)
        return ergo__gguf_fail(reader, ERGO_E_UNSUPPORTED, start,
                               "tensor type %" PRId32 " is unknown or not supported", (int32_t)id);
    tensor->type = type->type;
    if (tensor->shape[0] % type->block_elements != 0)
        return ergo__gguf_fail(reader, ERGO_E_FORMAT, start,
                               "a row of %" PRIu64 " elements is no multiple of the %" PRIu32
                               " in a block of %s",
                               tensor->shape[0], type->block_elements, type->name);
    if (tensor->packed)
        return size_packed(reader, tensor, start, bytes);
    if (!ergo__mul_u64(tensor->elements / type->block_elements, type->block_bytes, bytes))
        return ergo__gguf_fail(reader, ERGO_E_FORMAT, start,
                               "the size of %" PRIu64 " elements of %s overflows", tensor->elements,
                               type->name);
    return ERGO_OK;
}

/* Reads one row of the table; the position of the data is not known before the table's end. */
static ergo_status read_tensor(ergo__gguf_reader *reader, ergo_tensor *tensor, uint64_t *bytes,
                               uint64_t *offset)
{
    reader->subject = (ergo_str){0};
    ergo_status status = ergo__gguf_read_name(reader, "name", NAME_BYTES_MAX, &tensor->name);
    if (!status)
        status = read_shape(reader, tensor);
    if (!status)
        status = read_type(reader, tensor, bytes);
    if (status)
        return status;
    const size_t start = reader->cursor.at;
    if (!ergo__cursor_u64(&reader->cursor, offset))
        return ergo__gguf_truncated(reader, "offset");
    if (*offset % reader->gguf->alignment != 0)
        return ergo__gguf_fail(reader, ERGO_E_FORMAT, start,
                               "the data offset is %" PRIu64
                               ", no multiple of the alignment %" PRIu32,
                               *offset, reader->gguf->alignment);
    return ERGO_OK;
}

/* The padding behind the last tensor may be missing: nobody reads it. */
static ergo_status place(const ergo__gguf_reader *reader, ergo_bytes data, uint64_t bytes,
                         uint64_t offset, ergo_tensor *tensor)
{
    if (offset > data.size || bytes > data.size - offset)
        return ergo__gguf_fail(reader, ERGO_E_FORMAT, reader->cursor.at - sizeof offset,
                               "%" PRIu64 " bytes at data offset %" PRIu64
                               " lie beyond the end of the data, which has %zu bytes",
                               bytes, offset, data.size);
    tensor->bytes =
        (ergo_bytes){.data = (const unsigned char *)data.data + offset, .size = (size_t)bytes};
    return ERGO_OK;
}

/* What follows the table and its padding; empty when the file ends before. */
static ergo_bytes data_section(const ergo__gguf_reader *reader)
{
    const ergo__cursor *cursor = &reader->cursor;
    size_t start;
    if (!ergo__align_up(cursor->at, reader->gguf->alignment, &start) || start > cursor->size)
        start = cursor->size;
    return (ergo_bytes){.data = cursor->base + start, .size = cursor->size - start};
}

ergo_status ergo__gguf_read_tensors(ergo__gguf_reader *reader)
{
    const ergo_gguf *gguf = reader->gguf;
    const size_t table = reader->cursor.at;
    ergo_bytes data = {0};
    reader->kind = "tensor";
    for (int pass = 0; pass < 2; pass++) {
        reader->cursor.at = table;
        for (reader->index = 0; reader->index < gguf->n_tensors; reader->index++) {
            ergo_tensor tensor = {0};
            uint64_t bytes = 0, offset = 0;
            ergo_status status = read_tensor(reader, &tensor, &bytes, &offset);
            if (!status && pass)
                status = place(reader, data, bytes, offset, &tensor);
            if (status)
                return status;
            if (pass && gguf->tensors)
                gguf->tensors[reader->index] = tensor;
        }
        data = data_section(reader);
    }
    return ERGO_OK;
}
