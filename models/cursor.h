/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_MODELS_CURSOR_H
#define ERGO_MODELS_CURSOR_H

#include "ergo/base.h"
#include "runtime/base/bits.h"

/**
 * A reading position in bytes that came from outside: the only way the parser touches a file.
 * Every read is checked against what is left; one that does not fit returns false and moves
 * nothing, so that `at` is where the fault lies.
 */
typedef struct ergo__cursor {
    const unsigned char *base;
    size_t size;
    size_t at; /* never beyond size */
} ergo__cursor;

static inline ergo__cursor ergo__cursor_over(ergo_bytes bytes)
{
    return (ergo__cursor){.base = bytes.data, .size = bytes.size};
}

static inline size_t ergo__cursor_left(const ergo__cursor *cursor)
{
    return cursor->size - cursor->at;
}

static inline bool ergo__cursor_bytes(ergo__cursor *cursor, uint64_t size, ergo_bytes *out)
{
    if (size > ergo__cursor_left(cursor))
        return false;
    *out = (ergo_bytes){.data = cursor->base + cursor->at, .size = (size_t)size};
    cursor->at += (size_t)size;
    return true;
}

static inline bool ergo__cursor_u32(ergo__cursor *cursor, uint32_t *out)
{
    ergo_bytes bytes;
    if (!ergo__cursor_bytes(cursor, sizeof *out, &bytes))
        return false;
    *out = ergo__load_u32(bytes.data);
    return true;
}

static inline bool ergo__cursor_u64(ergo__cursor *cursor, uint64_t *out)
{
    ergo_bytes bytes;
    if (!ergo__cursor_bytes(cursor, sizeof *out, &bytes))
        return false;
    *out = ergo__load_u64(bytes.data);
    return true;
}

#endif
