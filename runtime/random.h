/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_RUNTIME_RANDOM_H
#define ERGO_RUNTIME_RANDOM_H

#include <stdint.h>

/*
 * SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014), as a
 * function of (seed, counter): draw n of a seed can be had without the draws before it, so that a
 * sequence that was rewound or restored needs nothing but the counter.
 */

static inline uint64_t ergo__random_mix(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/** Draw number `counter` of `seed`: 64 uniform bits. Neighbouring seeds are unrelated. */
static inline uint64_t ergo__random_bits(uint64_t seed, uint64_t counter)
{
    const uint64_t gamma = UINT64_C(0x9e3779b97f4a7c15);
    const uint64_t start = ergo__random_mix(seed + gamma);
    return ergo__random_mix(start + (counter + 1) * gamma);
}

/** The same as a number in [0, 1), a multiple of 2^-53. */
static inline double ergo__random_unit(uint64_t seed, uint64_t counter)
{
    return (double)(ergo__random_bits(seed, counter) >> 11) * 0x1p-53;
}

#endif
