/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_CPU_LANES_H
#define ERGO_CPU_LANES_H

/* Reductions run in 16 accumulators, element i in accumulator i mod 16, and end in this tree. */
#define ERGO__LANES 16

static inline float ergo__lanes_sum(const float v[ERGO__LANES])
{
    float s[8];
    for (int l = 0; l < 8; l++)
        s[l] = v[l] + v[l + 8];
    for (int l = 0; l < 4; l++)
        s[l] += s[l + 4];
    return (s[0] + s[2]) + (s[1] + s[3]);
}

#endif
