/* SPDX-License-Identifier: Apache-2.0 */
#define ERGO_CPU_VARIANT avx512vnni
#define TILE_IN_REGISTERS 1
#define BYTES_ARE_SIGNED 0

#include "backends/cpu/x86/inline.h"
#include "backends/cpu/x86/vectors_avx512.h"

ALWAYS_INLINE vi v_pairs(vi a, vi b, vi acc)
{
    return _mm512_dpwssd_epi32(acc, a, b);
}

/* acc + products with the four activations at x; gcc would load them apart. */
ALWAYS_INLINE vi dot4(vi acc, vi w, const signed char *x)
{
    __asm__("vpdpbusd %2%{1to16%}, %1, %0"
            : "+v"(acc)
            : "v"(w), "m"(*(const int32_t *)(const void *)x));
    return acc;
}

ALWAYS_INLINE vi v_dot(const vi *w, int groups, int bits, const signed char *x, vi acc)
{
    (void)bits;
    UNROLL
    for (int g = 0; g < groups; g++)
        acc = dot4(acc, w[g], x + 4 * g);
    return acc;
}

#include "backends/cpu/x86/matmul_packed.h"
