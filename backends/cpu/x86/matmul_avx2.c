/* SPDX-License-Identifier: Apache-2.0 */
#define ERGO_CPU_VARIANT avx2
#define TILE_IN_REGISTERS 0
#define BYTES_ARE_SIGNED 1

#include "backends/cpu/x86/inline.h"
#include "backends/cpu/x86/vectors_avx2.h"

ALWAYS_INLINE vi v_pairs(vi a, vi b, vi acc)
{
    return v_add(acc, _mm256_madd_epi16(a, b));
}

/*
 * Sums of two products, which saturate at 16 bits: signed weights (-128..127) are multiplied
 * without their sign, which goes to the activations (-127..127), so that 2 x 128 x 127 is the most.
 */
ALWAYS_INLINE vi maddubs(vi w, vi x, int bits)
{
    return bits == 8 ? _mm256_maddubs_epi16(_mm256_sign_epi8(w, w), _mm256_sign_epi8(x, w))
                     : _mm256_maddubs_epi16(w, x);
}

/* Weights of 4, 5 and 6 bits leave room to add 8, 4 and 2 sums before widening. */
ALWAYS_INLINE vi v_dot(const vi *w, int groups, int bits, const signed char *x, vi acc)
{
    const int room = bits == 8 ? 1 : 128 >> bits;
    UNROLL
    for (int g = 0; g < groups; g += room) {
        vi sum = maddubs(w[g], v_repeat4(x + 4 * g), bits);
        for (int i = g + 1; i < g + room && i < groups; i++) {
            sum = _mm256_add_epi16(sum, maddubs(w[i], v_repeat4(x + 4 * i), bits));
            __asm__("" : "+x"(sum)); /* gcc would add in pairs, for which registers lack */
        }
        acc = v_pairs(sum, v_i16(1), acc);
    }
    return acc;
}

#include "backends/cpu/x86/matmul_packed.h"
