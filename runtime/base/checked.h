/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_BASE_CHECKED_H
#define ERGO_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Arithmetic on sizes that came from outside: false on overflow, and then *out is untouched. */

static inline bool ergo__add_size(size_t a, size_t b, size_t *out)
{
    if (b > SIZE_MAX - a)
        return false;
    *out = a + b;
    return true;
}

static inline bool ergo__mul_size(size_t a, size_t b, size_t *out)
{
    if (a != 0 && b > SIZE_MAX / a)
        return false;
    *out = a * b;
    return true;
}

static inline bool ergo__add_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    if (b > UINT64_MAX - a)
        return false;
    *out = a + b;
    return true;
}

static inline bool ergo__mul_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    if (a != 0 && b > UINT64_MAX / a)
        return false;
    *out = a * b;
    return true;
}

/** Rounds up to a multiple of `align`, a power of two. */
static inline bool ergo__align_up(size_t value, size_t align, size_t *out)
{
    if (value > SIZE_MAX - (align - 1))
        return false;
    *out = (value + (align - 1)) & ~(align - 1);
    return true;
}

static inline size_t ergo__min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t ergo__max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

static inline size_t ergo__ceil_div(size_t a, size_t b)
{
    return a / b + (a % b != 0);
}

#endif
