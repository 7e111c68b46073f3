/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_BENCH_LIMITS_H
#define ERGO_TOOLS_BENCH_LIMITS_H

#include <stdint.h>

/** What the machine itself can do: the ceilings that a benchmark is read against. */
typedef struct bench_limits {
    uint32_t threads;
    double read_gb_per_s;  /**< 10^9 bytes/s read from memory; NaN when it could not be measured */
    double int8_gops;      /**< 10^9 int8 operations/s; a multiply-accumulate is two */
    const char *int8_with; /**< CPU feature whose instruction gives that, or "C" */
} bench_limits;

/**
 * Measures with `threads` threads for about half a second; the best of several passes counts.
 * Reading: sums over a buffer of 256 MiB, far beyond most caches, in huge pages where the system
 * has them. Arithmetic: the best instruction among the `features` of the device (the text of
 * ergo_device_text), on registers. A fully idle machine is assumed.
 */
bench_limits bench_limits_measure(uint32_t threads, const char *features);

#endif
