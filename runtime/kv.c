/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/kv.h"

#include "runtime/backend.h"
#include "runtime/base/checked.h"

size_t ergo__kv_head_bytes(ergo_kv_type type, uint32_t head_dim)
{
    if (type == ERGO_KV_Q8_0)
        return ergo__ceil_div(head_dim, ERGO__KV_BLOCK) * ERGO__KV_BLOCK_BYTES;
    return (size_t)head_dim * sizeof(uint16_t);
}

size_t ergo__kv_layer_bytes(ergo_kv_type type, ergo__kv_shape shape)
{
    return (size_t)shape.heads * ERGO__PAGE_POSITIONS * ergo__kv_head_bytes(type, shape.head_dim);
}

bool ergo__kv_page_bytes(ergo_kv_type type, const ergo__plan *plan, size_t *bytes)
{
    size_t sum = 0;
    for (uint32_t layer = 0; layer < plan->layers; layer++) {
        size_t both;
        if (!ergo__mul_size(ergo__kv_layer_bytes(type, plan->kv[layer]), 2, &both) ||
            !ergo__add_size(sum, both, &sum))
            return false;
    }
    return ergo__align_up(sum, ERGO_BLOCK_ALIGN, bytes);
}
