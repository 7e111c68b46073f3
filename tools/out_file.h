/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_OUT_FILE_H
#define ERGO_TOOLS_OUT_FILE_H

#include "tools/tool.h"

/**
 * A file that appears whole or not at all: written under a temporary name beside the final one and
 * renamed at the end. What exists and is no regular file, such as a pipe, is written directly.
 */
typedef struct out_file {
    FILE *stream;
    const char *path;
    char *temporary; /**< NULL when written directly */
    uint64_t size;   /**< bytes written */
    bool failed;     /**< a write failed and was reported */
} out_file;

/** Whether both names are those of one file: then it must not be written from itself. */
bool out_file_is(const char *in, const char *out);

/** On failure prints why, naming the file, and returns TOOL_FAILED. `path` is kept. */
tool_exit out_file_open(const char *path, out_file *out);

/** Appends. After the first failure, which is reported, the rest is ignored. */
void out_file_write(out_file *file, const void *data, size_t size);

/** Appends zeros until the size is a multiple of `align`. */
void out_file_pad(out_file *file, uint32_t align);

/** Completes the file and gives it its name; TOOL_FAILED when any write failed. */
tool_exit out_file_commit(out_file *file);

/** Removes what was written. Harmless after a commit. */
void out_file_abandon(out_file *file);

#endif
