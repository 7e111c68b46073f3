/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_RUNTIME_KV_H
#define ERGO_RUNTIME_KV_H

#include "ergo/model.h"
#include "runtime/plan.h"

/*
 * How a page holds keys and values: for each layer the keys of each head, then the values of each
 * head. F16 stores binary16: keys element by element ([head_dim][positions]), values position by
 * position. Q8_0 stores both position by position, in blocks of 32 elements (the last one of a head
 * padded with zeros) as a binary16 scale and 32 int8, like the weight type.
 */

/** Elements of one Q8_0 block, and its bytes. */
#define ERGO__KV_BLOCK 32u
#define ERGO__KV_BLOCK_BYTES 34u

/** Bytes of the key (or of the value) of one head at one position. */
size_t ergo__kv_head_bytes(ergo_kv_type type, uint32_t head_dim);

/** Bytes of the keys (or of the values) of a layer in one page. */
size_t ergo__kv_layer_bytes(ergo_kv_type type, ergo__kv_shape shape);

/** Bytes of one page with all layers; false on overflow. */
bool ergo__kv_page_bytes(ergo_kv_type type, const ergo__plan *plan, size_t *bytes);

#endif
