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
    const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    __m128 sum = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
    return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
}

/* The number of the least, the first of equals. */
static inline unsigned least_of(__m256 errors)
{
    __m256 least = _mm256_min_ps(errors, _mm256_permute2f128_ps(errors, errors, 1));
    least = _mm256_min_ps(least, _mm256_permute_ps(least, 0x4e));
    least = _mm256_min_ps(least, _mm256_permute_ps(least, 0xb1));
    const unsigned equal = _mm256_cmp_ps_mask(errors, least, _CMP_EQ_OQ);
    return (unsigned)__builtin_ctz(equal | 1u << (CANDIDATES - 1));
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
    const __m256 weights = _mm256_div_ps(_mm256_set1_ps(1.0f), _mm256_mul_ps(divisors, divisors));
    return 127.0f - (float)least_of(_mm256_mul_ps(sums, weights));
}

/* Sums of 4 neighbours of the products of bytes: |a| x b. */
static inline __m256i sums_of_four(__m256i a, __m256i b)
{
    return _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), _mm256_set1_epi16(1));
}

static inline void quantize_block(block x, float largest, float divisor, ergo__q8_block *out)
{
    const __m512 inverse = _mm512_set1_ps(divisor / largest);
    const __m512 u0 = _mm512_mul_ps(x.low, inverse);
    const __m512 u1 = _mm512_mul_ps(x.high, inverse);
    const __m512 f0 = _mm512_roundscale_ps(u0, TO_EVEN);
    const __m512 f1 = _mm512_roundscale_ps(u1, TO_EVEN);
    const __m512 projected =
        _mm512_fmadd_ps(_mm512_sub_ps(u1, f1), f1, _mm512_mul_ps(_mm512_sub_ps(u0, f0), f0));
    const __m256i q = _mm256_set_m128i(_mm512_cvtepi32_epi8(_mm512_cvtps_epi32(u1)),
                                       _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(u0)));
    const __m256i magnitude = _mm256_abs_epi8(q);
    const __m256i squares = sums_of_four(magnitude, magnitude);
    const __m256i sums = sums_of_four(_mm256_set1_epi8(1), q);
    /* Lanes 0 and 1 of each half: the sum of q, and of the squares. */
    __m256i both = _mm256_hadd_epi32(sums, squares);
    both = _mm256_hadd_epi32(both, both);
    const __m128i first = _mm256_castsi256_si128(both);
    const __m128i second = _mm256_extracti128_si256(both, 1);
    const int32_t all = _mm_extract_epi32(_mm_add_epi32(first, second), 1);
    out->d = (largest / divisor) * (1.0f + tree(projected) / (float)all);
    out->sum[0] = (int16_t)_mm_cvtsi128_si32(first);
    out->sum[1] = (int16_t)_mm_cvtsi128_si32(second);
    _mm256_storeu_si256((void *)out->q, q);
}

/*
 * Each step for some blocks, then the next: a step's operations wait for each other, and only those
 * of other blocks that are near enough fill the time.
 */
#define TOGETHER 16

static inline block load(const float *x)
{
    return (block){_mm512_loadu_ps(x), _mm512_loadu_ps(x + 16)};
}

static void quantize_some(const float *x, ergo__q8_block *out, size_t blocks)
{
    uint32_t largest[TOGETHER];
    float divisor[TOGETHER];
    for (size_t b = 0; b < blocks; b++)
        largest[b] = largest_bits(load(x + b * ERGO__Q8_ELEMENTS));
    for (size_t b = 0; b < blocks; b++)
        divisor[b] = best_divisor(load(x + b * ERGO__Q8_ELEMENTS), ergo__f32_of_bits(largest[b]));
    for (size_t b = 0; b < blocks; b++) {
        if (largest[b] >= BITS_TINY && largest[b] < BITS_INFINITY) {
            quantize_block(load(x + b * ERGO__Q8_ELEMENTS), ergo__f32_of_bits(largest[b]),
                           divisor[b], &out[b]);
            continue;
        }
        memset(&out[b], 0, sizeof out[b]);
        if (largest[b] >= BITS_INFINITY)
            out[b].d = ergo__f32_of_bits(0x7fc00000u);
    }
}

void ERGO__KERNEL(quantize_q8)(const float *x, ergo__q8_block *out, size_t n)
{
    for (size_t left = n / ERGO__Q8_ELEMENTS; left > 0;) {
        const size_t blocks = left < TOGETHER ? left : TOGETHER;
        quantize_some(x, out, blocks);
        x += blocks * ERGO__Q8_ELEMENTS;
        out += blocks;
        left -= blocks;
    }
}
