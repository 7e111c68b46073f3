/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_WORK_H
#define ERGO_WORK_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How much was, or would be, done: what the inference half tells the power half. */
typedef struct ergo_work {
    uint64_t macs;             /**< multiply-accumulates */
    uint64_t weight_bytes;     /**< weights read, once for the whole batch */
    uint64_t kv_bytes;         /**< keys and values read and written */
    uint64_t activation_bytes; /**< intermediates read and written */
} ergo_work;

#ifdef __cplusplus
}
#endif
#endif
