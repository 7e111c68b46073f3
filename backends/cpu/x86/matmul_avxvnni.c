/* SPDX-License-Identifier: Apache-2.0 */
#define ERGO_CPU_VARIANT avxvnni
#define TILE_IN_REGISTERS 0
#define BYTES_ARE_SIGNED 0

#include "backends/cpu/x86/inline.h"
#include "backends/cpu/x86/vectors_avx2.h"

ALWAYS_INLINE vi v_pairs(vi a, vi b, vi acc)
{
    return _mm256_dpwssd_avx_epi32(acc, a, b);
}

ALWAYS_INLINE vi v_dot(const vi *w, int groups, int bits, const signed char *x, vi acc)
{
    (void)bits;
    UNROLL
    for (int g = 0; g < groups; g++)
        acc = _mm256_dpbusd_avx_epi32(acc, w[g], v_repeat4(x + 4 * g));
    return acc;
}

#include "backends/cpu/x86/matmul_packed.h"
