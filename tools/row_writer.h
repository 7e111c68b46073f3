/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_ROW_WRITER_H
#define ERGO_TOOLS_ROW_WRITER_H

#include "tools/gguf_write.h"
#include "tools/progress.h"

/**
 * Encodes the rows of tensors and streams them to a file, some at a time, so that a tensor never
 * lies in memory as a whole. Set the first four members, zero the rest.
 */
typedef struct row_writer {
    gguf_writer *out;
    progress *shown;
    uint64_t total;   /**< elements of all tensors, for the progress */
    uint32_t threads; /**< that encode */
    uint64_t done;
    ergo_type type;
    uint64_t row;  /**< elements of a row */
    size_t filled; /**< rows in `values` that wait to be encoded */
    size_t rows_at_once;
    float *values;   /**< rows_at_once rows */
    size_t capacity; /**< elements of `values` */
    unsigned char *encoded;
    size_t encoded_capacity;
} row_writer;

/** Starts a tensor with rows of `row` elements. TOOL_FAILED without memory. */
tool_exit row_writer_start(row_writer *rows, ergo_type type, uint64_t row);

/** Room for the next rows: `*count` of them, at most `left`. */
float *row_writer_room(row_writer *rows, uint64_t left, size_t *count);

/** Encodes and writes the first `count` rows of the room. TOOL_INTERRUPTED after Ctrl-C. */
tool_exit row_writer_flush(row_writer *rows, size_t count);

/** Ends the tensor. */
void row_writer_end(row_writer *rows);

void row_writer_free(row_writer *rows);

#endif
