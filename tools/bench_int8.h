/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_BENCH_INT8_H
#define ERGO_TOOLS_BENCH_INT8_H

#include <stdint.h>

/** A way to multiply int8 numbers, and how to find out how fast it is. */
typedef struct bench_int8 {
    const char *name; /**< the CPU feature with the instruction, or "C" */
    uint32_t macs;    /**< multiply-accumulates of one round */
    void (*run)(uint64_t rounds);
} bench_int8;

/**
 * The fastest of those whose feature `features` names, as ergo_device_text does; plain C, as the
 * compiler renders it for the build's baseline, where it names none.
 */
const bench_int8 *bench_int8_best(const char *features);

#endif
