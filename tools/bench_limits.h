/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_BENCH_LIMITS_H
#define ERGO_TOOLS_BENCH_LIMITS_H

#include <stdint.h>

/** What the machine itself can do: the ceilings that a benchmark is read against. */
typedef struct bench_limits {
    double read_gb_per_s; /**< 10^9 bytes/s read from memory; NaN when it could not be measured */
    double int8_gops;     /**< 10^9 int8 multiply-adds/s, times two; same */
} bench_limits;

/**
 * Measures with `threads` threads for about a second. Reading: sums over a buffer of 256 MiB, far
 * beyond any cache. Arithmetic: an int8 dot product over data in the first-level cache, in plain C:
 * what the compiler makes of it for the build's baseline, which is a floor, not the peak of
 * instructions that only newer CPUs have.
 */
bench_limits bench_limits_measure(uint32_t threads);

#endif
