/* SPDX-License-Identifier: Apache-2.0 */
#define ERGO_CPU_VARIANT avx512

#include <immintrin.h>
#include <string.h>

#include "backends/cpu/kernels.h"
#include "backends/cpu/x86/inline.h"
#include "runtime/base/bits.h"

/* quantize_q8 as defined in kernels.h: a block is two vectors, the candidates go side by side. */

#define CANDIDATES 8
#define TO_EVEN 0 /* of vreduceps: what rounding half to even takes away */
#define BITS_INFINITY 0x7f800000u
#define BITS_TINY 0x0d800000u /* 2^-100 */

typedef struct block {
    __m512 low, high;
} block;

/* Bits of the largest magnitude: they compare like the magnitudes, infinities and NaN on top. */
static inline uint32_t largest_bits(block x)
{
    const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
    const __m512i a = _mm512_and_si512(_mm512_castps_si512(x.low), magnitude);
    const __m512i b = _mm512_and_si512(_mm512_castps_si512(x.high), magnitude);
    return _mm512_reduce_max_epu32(_mm512_max_epu32(a, b));
}

/* Squares of the rounding errors: lane i of both halves added. */
static inline __m512 squared_errors(block x, __m512 inverse)
{
    const __m512 e0 = _mm512_reduce_ps(_mm512_mul_ps(x.low, inverse), TO_EVEN);
    const __m512 e1 = _mm512_reduce_ps(_mm512_mul_ps(x.high, inverse), TO_EVEN);
    return _mm512_fmadd_ps(e1, e1, _mm512_mul_ps(e0, e0));
}

/* The first step of the tree for two vectors: 8 lanes of a, then 8 of b. */
static inline __m512 add_eights(__m512 a, __m512 b)
{
    return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
}

/* The second: 4 lanes of each of the four in a and b. */
static inline __m512 add_fours(__m512 a, __m512 b)
{
    return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
}

/* The last two, for eight: lane 4j is the sum of a's vector j, lane 4j + 2 that of b's. */
static inline __m512 add_twos_and_ones(__m512 a, __m512 b)
{
    const __m512 two = _mm512_add_ps(_mm512_shuffle_ps(a, b, 0x44), _mm512_shuffle_ps(a, b, 0xee));
    return _mm512_add_ps(two, _mm512_permute_ps(two, 0xb1));
}

static inline float tree(__m512 v)
{
    const __m512 four = add_fours(add_eights(v, v), add_eights(v, v));
    return _mm512_cvtss_f32(add_twos_and_ones(four, four));
}

/* The candidate with the least error, the largest of equals. */
static inline float best_divisor(block x, float largest)
{
    const __m256 divisors = _mm256_setr_ps(127, 126, 125, 124, 123, 122, 121, 120);
    float inverse[CANDIDATES];
    __m512 e[CANDIDATES];
    _mm256_storeu_ps(inverse, _mm256_div_ps(divisors, _mm256_set1_ps(largest)));
    UNROLL
    for (int c = 0; c < CANDIDATES; c++)
        e[c] = squared_errors(x, _mm512_set1_ps(inverse[c]));
    const __m512 first = add_fours(add_eights(e[0], e[1]), add_eights(e[2], e[3]));
    const __m512 second = add_fours(add_eights(e[4], e[5]), add_eights(e[6], e[7]));
    const __m512i order = _mm512_castsi256_si512(_mm256_setr_epi32(0, 4, 8, 12, 2, 6, 10, 14));
    const __m256 sums =
        _mm512_castps512_ps256(_mm512_permutexvar_ps(order, add_twos_and_ones(first, second)));
    const __m256 errors =
        _mm256_mul_ps(sums, _mm256_div_ps(_mm256_set1_ps(1.0f), _mm256_mul_ps(divisors, divisors)));
    const float least = _mm512_mask_reduce_min_ps(0xff, _mm512_castps256_ps512(errors));
    const unsigned equal = _mm256_cmp_ps_mask(errors, _mm256_set1_ps(least), _CMP_EQ_OQ);
    return 127.0f - (float)__builtin_ctz(equal | 1u << (CANDIDATES - 1));
}

static inline void quantize_block(block x, float largest, ergo__q8_block *out)
{
    const float divisor = best_divisor(x, largest);
    const __m512 inverse = _mm512_set1_ps(divisor / largest);
    const __m512 u0 = _mm512_mul_ps(x.low, inverse);
    const __m512 u1 = _mm512_mul_ps(x.high, inverse);
    const __m512i q0 = _mm512_cvtps_epi32(u0);
    const __m512i q1 = _mm512_cvtps_epi32(u1);
    const __m512 f0 = _mm512_cvtepi32_ps(q0);
    const __m512 f1 = _mm512_cvtepi32_ps(q1);
    const __m512i squares =
        _mm512_add_epi32(_mm512_mullo_epi32(q0, q0), _mm512_mullo_epi32(q1, q1));
    const __m512 projected =
        _mm512_fmadd_ps(_mm512_sub_ps(u1, f1), f1, _mm512_mul_ps(_mm512_sub_ps(u0, f0), f0));
    out->d =
        (largest / divisor) * (1.0f + tree(projected) / (float)_mm512_reduce_add_epi32(squares));
    out->sum[0] = (int16_t)_mm512_reduce_add_epi32(q0);
    out->sum[1] = (int16_t)_mm512_reduce_add_epi32(q1);
    _mm_storeu_si128((void *)out->q, _mm512_cvtepi32_epi8(q0));
    _mm_storeu_si128((void *)(out->q + 16), _mm512_cvtepi32_epi8(q1));
}

void ERGO__KERNEL(quantize_q8)(const float *x, ergo__q8_block *out, size_t n)
{
    for (size_t i = 0; i < n; i += ERGO__Q8_ELEMENTS, out++) {
        const block b = {_mm512_loadu_ps(x + i), _mm512_loadu_ps(x + i + 16)};
        const uint32_t largest = largest_bits(b);
        if (largest >= BITS_TINY && largest < BITS_INFINITY) {
            quantize_block(b, ergo__f32_of_bits(largest), out);
            continue;
        }
        memset(out, 0, sizeof *out);
        if (largest >= BITS_INFINITY)
            out->d = ergo__f32_of_bits(0x7fc00000u);
    }
}
