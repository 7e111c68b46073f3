/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/cpu/packed.h"
#include "ergo/pack.h"
#include "runtime/base/checked.h"

/* Packed weights as files hold them: strip after strip. */

_Static_assert(ERGO_PACKED_ROWS == ERGO__STRIP_ROWS, "files hold what kernels read");

ergo_status ergo_packed_size(ergo_type type, uint64_t columns, uint64_t rows, uint64_t *size)
{
    const ergo_type_info *info = ergo_type_get((uint32_t)type);
    if (!info)
        return ERGO_E_UNSUPPORTED;
    if (!size || rows == 0 || columns == 0 || columns % info->block_elements != 0)
        return ERGO_E_ARGUMENT;
    if (columns > SIZE_MAX / 1024) /* far more than a column of a strip has bits */
        return ERGO_E_LIMIT;
    const uint64_t strips = (rows - 1) / ERGO_PACKED_ROWS + 1;
    uint64_t bytes;
    if (!ergo__mul_u64(strips, ergo__packed_strip_bytes(type, (size_t)columns), &bytes))
        return ERGO_E_LIMIT;
    *size = bytes;
    return ERGO_OK;
}

ergo_status ergo_pack(ergo_type type, const void *src, uint64_t columns, uint64_t rows, void *dst)
{
    uint64_t size;
    const ergo_status status = ergo_packed_size(type, columns, rows, &size);
    if (status != ERGO_OK)
        return status;
    if (!src || !dst || (uintptr_t)dst % ERGO_BLOCK_ALIGN != 0)
        return ERGO_E_ARGUMENT;
    if (size > SIZE_MAX)
        return ERGO_E_LIMIT;
    const ergo_type_info *info = ergo_type_get((uint32_t)type);
    const size_t k = (size_t)columns;
    const size_t row_bytes = k / info->block_elements * info->block_bytes;
    const size_t strip_bytes = ergo__packed_strip_bytes(type, k);
    for (size_t row = 0; row < rows; row += ERGO_PACKED_ROWS) {
        const size_t left = (size_t)rows - row;
        ergo__cpu_pack(type, (const unsigned char *)src + row * row_bytes, row_bytes, k,
                       left < ERGO_PACKED_ROWS ? left : ERGO_PACKED_ROWS,
                       (unsigned char *)dst + row / ERGO_PACKED_ROWS * strip_bytes);
    }
    return ERGO_OK;
}
