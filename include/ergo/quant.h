/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_QUANT_H
#define ERGO_QUANT_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Element types of weights. The values are the type ids of GGUF files. */
typedef enum ergo_type {
    ERGO_TYPE_F32 = 0,
    ERGO_TYPE_F16 = 1,
    ERGO_TYPE_Q4_0 = 2,
    ERGO_TYPE_Q4_1 = 3,
    ERGO_TYPE_Q5_0 = 6,
    ERGO_TYPE_Q5_1 = 7,
    ERGO_TYPE_Q8_0 = 8,
    ERGO_TYPE_Q2_K = 10,
    ERGO_TYPE_Q3_K = 11,
    ERGO_TYPE_Q4_K = 12,
    ERGO_TYPE_Q5_K = 13,
    ERGO_TYPE_Q6_K = 14,
    ERGO_TYPE_IQ4_NL = 20,
    ERGO_TYPE_IQ4_XS = 23,
    ERGO_TYPE_BF16 = 30,
    ERGO_TYPE_TQ1_0 = 34,
    ERGO_TYPE_TQ2_0 = 35,
    ERGO_TYPE_MXFP4 = 39,
} ergo_type;

/** How a type stores a row: `block_elements` consecutive elements in `block_bytes` bytes. */
typedef struct ergo_type_info {
    const char *name; /**< such as "Q4_K" */
    ergo_type type;
    uint32_t block_elements;
    uint32_t block_bytes;
} ergo_type_info;

/** The description of a type id, or NULL where ergo does not support it. Static. */
const ergo_type_info *ergo_type_get(uint32_t type);

/** The same by name, ignoring case ("q4_k" finds "Q4_K"), or NULL. */
const ergo_type_info *ergo_type_find(const char *name);

/**
 * Decodes `n` elements (a multiple of the type's block_elements) from `src` (no alignment needed)
 * to float. Errors: ERGO_E_ARGUMENT for a partial block, ERGO_E_UNSUPPORTED for an unknown type.
 */
ergo_status ergo_dequantize(ergo_type type, const void *src, float *dst, size_t n);

/**
 * Encodes `n` floats to `type` (every type above) with the least squared error that a search over
 * scales and minimums finds; the same bytes on every machine. `importance` is NULL or `n` weights
 * of the squared error; the dense types ignore it. Errors: ERGO_E_ARGUMENT for a partial block, a
 * weight that is negative or not finite, or, for all but the dense types, a value that is not
 * finite; ERGO_E_UNSUPPORTED for an unknown type.
 */
ergo_status ergo_quantize(ergo_type type, const float *src, const float *importance, void *dst,
                          size_t n);

#ifdef __cplusplus
}
#endif
#endif
