/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_BASE_ARENA_H
#define ERGO_BASE_ARENA_H

#include "ergo/base.h"

/**
 * Lays objects out in one block. The same layout code runs twice: over an arena without memory,
 * which only counts (for ergo_x_size), and over the caller's block (for ergo_x_open), so that the
 * two cannot drift. A failed request (overflow, or a block too small) makes the arena `full`; it
 * then hands out NULL until the end, so that one check after the layout is enough.
 */
typedef struct ergo__arena {
    unsigned char *base; /* NULL when only counting */
    size_t size;
    size_t used;
    bool full;
} ergo__arena;

/** An arena that only counts. */
ergo__arena ergo__arena_counting(void);

/** An arena over the caller's block; `full` at once when it is NULL or not aligned. */
ergo__arena ergo__arena_over(ergo_block block);

/**
 * `count` objects of `size` bytes, aligned to `align` (a power of two up to ERGO_BLOCK_ALIGN).
 * NULL when counting or full. The memory is not cleared.
 */
void *ergo__arena_take(ergo__arena *arena, size_t count, size_t size, size_t align);

/** The status of a finished layout: ERGO_OK, or ERGO_E_MEMORY when it did not fit. */
ergo_status ergo__arena_status(const ergo__arena *arena);

/** Takes `count` objects of `type`. */
#define ERGO__TAKE(arena, type, count)                                                             \
    ((type *)ergo__arena_take((arena), (count), sizeof(type), _Alignof(type)))

/** Takes `count` objects of `type` that start on a cache line. */
#define ERGO__TAKE_LINE(arena, type, count)                                                        \
    ((type *)ergo__arena_take((arena), (count), sizeof(type), ERGO_BLOCK_ALIGN))

#endif
