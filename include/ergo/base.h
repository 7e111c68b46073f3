/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_BASE_H
#define ERGO_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Read-only bytes that belong to the caller, such as a mapped file. */
typedef struct ergo_bytes {
    const void *data;
    size_t size;
} ergo_bytes;

/** Text that need not end in NUL. */
typedef struct ergo_str {
    const char *data;
    size_t size;
} ergo_str;

/** Alignment, in bytes, that every block handed to an _open call must have. */
#define ERGO_BLOCK_ALIGN 64

/**
 * Memory lent by the caller for the lifetime of one object. Each ergo_x_open has an ergo_x_size
 * that tells the exact number of bytes it will use; ergo takes nothing else, then or later. The
 * block must be aligned to ERGO_BLOCK_ALIGN and outlive the object. That of an engine is read from
 * end to end for every token: put it in huge pages where the system has them (docs/PORTING.md).
 */
typedef struct ergo_block {
    void *data;
    size_t size;
} ergo_block;

typedef enum ergo_log_level {
    ERGO_LOG_DEBUG = 0,
    ERGO_LOG_INFO = 1,
    ERGO_LOG_WARNING = 2,
    ERGO_LOG_ERROR = 3,
} ergo_log_level;

/**
 * Where messages go. Zeroed means nowhere. `write` gets one line without a line break; the text is
 * valid during the call only. It may be called from any thread that calls into ergo.
 */
typedef struct ergo_log {
    void (*write)(void *user, ergo_log_level level, const char *message);
    void *user;
    ergo_log_level level; /**< least level that is passed on */
} ergo_log;

/**
 * How a host is told that `size` bytes at `data`, somewhere in the model's file, have been copied
 * and will hardly be read again: it may let their memory go, as long as reading them still works.
 * On Linux this is madvise(MADV_DONTNEED) on the whole pages inside. Called from the threads of a
 * device, several at once. Zeroed means that nobody is told.
 */
typedef struct ergo_release {
    void (*bytes)(void *user, const void *data, size_t size);
    void *user;
} ergo_release;

#ifdef __cplusplus
}
#endif
#endif
