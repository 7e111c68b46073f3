/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_PACK_H
#define ERGO_PACK_H

#include "model.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Packed weights: the numbers of a matrix in the order in which kernels read them, ERGO_PACKED_ROWS
 * rows side by side. An engine packs what it needs when it opens; a file that holds packed tensors
 * already is used in place, so that opening it takes next to no time and no second copy. Results
 * are the same to the bit. docs/FORMAT.md says what such a file looks like.
 */

/** Rows of a strip, the unit of packing. The last strip is filled up with zeros. */
#define ERGO_PACKED_ROWS 16

/** In files the type id of a packed tensor is that of its type plus this. */
#define ERGO_PACKED_TYPE_ID 10000

/** The entry (u32) with the version of the layout that a file with packed tensors must have. */
#define ERGO_PACKED_KEY "ergo.packed.version"
#define ERGO_PACKED_VERSION 1

/**
 * Bytes of `rows` packed rows of `columns` elements. Errors: ERGO_E_UNSUPPORTED for an
 * unknown type, ERGO_E_ARGUMENT where there are no rows or `columns` is no multiple of
 * the type's block, ERGO_E_LIMIT when the size overflows. Not logged.
 */
ergo_status ergo_packed_size(ergo_type type, uint64_t columns, uint64_t rows, uint64_t *size);

/**
 * Packs `rows` rows, which lie without gaps in `src`, into `dst`: ergo_packed_size bytes, aligned
 * to ERGO_BLOCK_ALIGN. Rows may be packed in parts, of a multiple of ERGO_PACKED_ROWS each. Errors:
 * those of ergo_packed_size, and ERGO_E_ARGUMENT for a `dst` that is not aligned.
 */
ergo_status ergo_pack(ergo_type type, const void *src, uint64_t columns, uint64_t rows, void *dst);

/**
 * Whether the tensor, one of the model's file, may be packed in a file: it is a matrix that the
 * model multiplies by, not packed yet, and every use of a part of it
 * begins at a multiple of ERGO_PACKED_ROWS rows.
 */
bool ergo_model_packs(const ergo_model *model, const ergo_tensor *tensor);

#ifdef __cplusplus
}
#endif
#endif
