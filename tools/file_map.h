/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_FILE_MAP_H
#define ERGO_TOOLS_FILE_MAP_H

#include "tools/tool.h"

/** A whole file, mapped read-only. Zeroed is closed. */
typedef struct file_map {
    ergo_bytes bytes; /**< page-aligned */
    void *mapping;
} file_map;

/** Maps a file. On failure prints why, naming the file, and returns TOOL_BAD_FILE. */
tool_exit file_map_open(const char *path, file_map *out);

/** The same for an open one, which the map outlives. `path` is what messages call it. */
tool_exit file_map_descriptor(int fd, const char *path, file_map *out);

void file_map_close(file_map *map);

/** For an engine over mapped files: lets go of pages that were copied. They can still be read. */
extern const ergo_release file_map_release;

/** A whole text read into memory. */
typedef struct file_text {
    char *data; /**< allocated, NUL behind the end */
    size_t size;
} file_text;

/** Reads a file, or standard input for "-". Same errors; TOOL_INTERRUPTED after Ctrl-C. */
tool_exit file_text_read(const char *path, file_text *out);
void file_text_free(file_text *text);

/**
 * The text that a command works on: `given`, else the file, else standard input. `what` names it
 * in the hint for people who wait at a terminal. Release with file_text_free.
 */
tool_exit file_text_choose(const char *given, const char *path, const char *what, file_text *out);

#endif
