/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TESTS_KERNEL_SPEEDS_H
#define ERGO_TESTS_KERNEL_SPEEDS_H

#include "backends/cpu/kernels.h"

/** What one call of a kernel does. */
typedef struct kernel_call {
    double bytes; /* read and written */
    double ops;   /* of its arithmetic, a multiply-accumulate being two; 0 where that says little */
} kernel_call;

/*
 * speed_NAME calls the kernel of a table `rounds` times on data of usual size, in the caches. The
 * declarations come from the list, so that a kernel that cannot be timed does not link.
 */
#define ERGO__FUNCTION(result, name, parameters)                                                   \
    kernel_call speed_##name(const ergo__cpu_kernels *k, uint64_t rounds);
#include "backends/cpu/kernels.inc"

/** The same for the matmul of a type, in place or packed, for up to ERGO__TILE_TOKENS tokens. */
kernel_call speed_matmul(const ergo__cpu_kernels *k, ergo_type type, bool packed, size_t tokens,
                         uint64_t rounds);

#endif
