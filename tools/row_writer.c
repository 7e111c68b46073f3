/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/row_writer.h"

#include <stdlib.h>

#include "tools/interrupt.h"
#include "tools/parallel.h"

#define ELEMENTS_AT_ONCE 1048576u

tool_exit row_writer_start(row_writer *rows, ergo_type type, uint64_t row)
{
    const ergo_type_info *info = ergo_type_get((uint32_t)type);
    if (row > SIZE_MAX / (2 * sizeof(float))) {
        tool_error("a row of %llu elements is too long", (unsigned long long)row);
        return TOOL_FAILED;
    }
    const size_t width = (size_t)row;
    rows->type = type;
    rows->row = row;
    rows->rows_at_once = width < ELEMENTS_AT_ONCE ? ELEMENTS_AT_ONCE / width : 1;
    const size_t elements = rows->rows_at_once * width;
    const size_t bytes = elements / info->block_elements * info->block_bytes;
    if (elements > rows->capacity) {
        free(rows->values);
        rows->values = tool_alloc(elements, sizeof *rows->values);
        rows->capacity = rows->values == NULL ? 0 : elements;
    }
    if (bytes > rows->encoded_capacity) {
        free(rows->encoded);
        rows->encoded = tool_alloc(bytes, 1);
        rows->encoded_capacity = rows->encoded == NULL ? 0 : bytes;
    }
    return rows->values == NULL || rows->encoded == NULL ? TOOL_FAILED : TOOL_DONE;
}

float *row_writer_room(row_writer *rows, uint64_t left, size_t *count)
{
    *count = left < rows->rows_at_once ? (size_t)left : rows->rows_at_once;
    return rows->values;
}

/* Encodes thread i's share of the rows. */
static void encode_part(void *user, uint32_t i, uint32_t count)
{
    const row_writer *rows = user;
    const ergo_type_info *info = ergo_type_get((uint32_t)rows->type);
    const size_t width = (size_t)rows->row;
    const size_t from = rows->filled * i / count;
    const size_t to = rows->filled * (i + 1) / count;
    const size_t bytes = width / info->block_elements * info->block_bytes;
    /* Whole rows of a type that exists: there is nothing that could fail. */
    (void)ergo_quantize(rows->type, rows->values + from * width, NULL, rows->encoded + from * bytes,
                        (to - from) * width);
}

tool_exit row_writer_flush(row_writer *rows, size_t count)
{
    const ergo_type_info *info = ergo_type_get((uint32_t)rows->type);
    const size_t elements = count * (size_t)rows->row;
    if (interrupt_requested())
        return TOOL_INTERRUPTED;
    rows->filled = count;
    parallel_run(rows->threads, encode_part, rows);
    gguf_write_data(rows->out, rows->encoded, elements / info->block_elements * info->block_bytes);
    rows->done += elements;
    progress_show(rows->shown, (double)rows->done / (double)rows->total, NULL);
    return rows->out->file.failed ? TOOL_FAILED : TOOL_DONE;
}

void row_writer_end(row_writer *rows)
{
    gguf_write_tensor_end(rows->out);
}

void row_writer_free(row_writer *rows)
{
    free(rows->values);
    free(rows->encoded);
    rows->values = NULL;
    rows->encoded = NULL;
}
