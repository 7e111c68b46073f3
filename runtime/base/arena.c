/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/arena.h"

#include "runtime/base/checked.h"

ergo__arena ergo__arena_counting(void)
{
    return (ergo__arena){.base = NULL, .size = SIZE_MAX};
}

ergo__arena ergo__arena_over(ergo_block block)
{
    const bool usable = block.data && (uintptr_t)block.data % ERGO_BLOCK_ALIGN == 0;
    return (ergo__arena){.base = block.data, .size = block.size, .full = !usable};
}

void *ergo__arena_take(ergo__arena *arena, size_t count, size_t size, size_t align)
{
    size_t start, bytes, end;
    if (arena->full || !ergo__align_up(arena->used, align, &start) ||
        !ergo__mul_size(count, size, &bytes) || !ergo__add_size(start, bytes, &end) ||
        end > arena->size) {
        arena->full = true;
        return NULL;
    }
    arena->used = end;
    return arena->base ? arena->base + start : NULL;
}

ergo_status ergo__arena_status(const ergo__arena *arena)
{
    return arena->full ? ERGO_E_MEMORY : ERGO_OK;
}
