/* SPDX-License-Identifier: Apache-2.0 */
#define ERGO_CPU_VARIANT f16c

#include <immintrin.h>
#include <string.h>

#include "backends/cpu/kernels.h"
#include "backends/cpu/x86/inline.h"
#include "runtime/base/bits.h"

/* quantize_q8 as defined in kernels.h: a block is four vectors, the candidates go side by side. */

#define CANDIDATES 8
#define TO_EVEN 0 /* of vroundps */
#define BITS_INFINITY 0x7f800000u
#define BITS_TINY 0x0d800000u /* 2^-100 */

typedef struct block {
    __m256 v[4];
} block;

static inline block load(const float *x)
{
    return (block){{_mm256_loadu_ps(x), _mm256_loadu_ps(x + 8), _mm256_loadu_ps(x + 16),
                    _mm256_loadu_ps(x + 24)}};
}

static inline block times(block x, __m256 factor)
{
    UNROLL
    for (int i = 0; i < 4; i++)
        x.v[i] = _mm256_mul_ps(x.v[i], factor);
    return x;
}

static inline block rounded(block x)
{
    UNROLL
    for (int i = 0; i < 4; i++)
        x.v[i] = _mm256_round_ps(x.v[i], TO_EVEN);
    return x;
}

static inline block minus(block a, block b)
{
    UNROLL
    for (int i = 0; i < 4; i++)
        a.v[i] = _mm256_sub_ps(a.v[i], b.v[i]);
    return a;
}

/* Products, added in the 16 lanes, and the first step of the tree: 8 lanes. */
static inline __m256 eights(block a, block b)
{
    const __m256 low = _mm256_fmadd_ps(a.v[2], b.v[2], _mm256_mul_ps(a.v[0], b.v[0]));
    const __m256 high = _mm256_fmadd_ps(a.v[3], b.v[3], _mm256_mul_ps(a.v[1], b.v[1]));
    return _mm256_add_ps(low, high);
}

/* The second step for two: 4 lanes of a, then of b. */
static inline __m256 add_fours(__m256 a, __m256 b)
{
    return _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
}

/* The third, for four: 2 lanes each. */
static inline __m256 add_twos(__m256 a, __m256 b)
{
    return _mm256_add_ps(_mm256_shuffle_ps(a, b, 0x44), _mm256_shuffle_ps(a, b, 0xee));
}

/* The last, for eight. */
static inline __m256 add_ones(__m256 a, __m256 b)
{
    return _mm256_add_ps(_mm256_shuffle_ps(a, b, 0x88), _mm256_shuffle_ps(a, b, 0xdd));
}

/* Bits of the largest magnitude: they compare like the magnitudes, infinities and NaN on top. */
static inline uint32_t largest_bits(block x)
{
    const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
    __m256i bits[4];
    UNROLL
    for (int i = 0; i < 4; i++)
        bits[i] = _mm256_and_si256(_mm256_castps_si256(x.v[i]), magnitude);
    const __m256i eight =
        _mm256_max_epu32(_mm256_max_epu32(bits[0], bits[1]), _mm256_max_epu32(bits[2], bits[3]));
    __m128i most = _mm_max_epu32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
    most = _mm_max_epu32(most, _mm_shuffle_epi32(most, 0x4e));
    most = _mm_max_epu32(most, _mm_shuffle_epi32(most, 0xb1));
    return (uint32_t)_mm_cvtsi128_si32(most);
}

/* The number of the least, the first of equals. */
static inline unsigned least_of(__m256 errors)
{
    __m256 least = _mm256_min_ps(errors, _mm256_permute2f128_ps(errors, errors, 1));
    least = _mm256_min_ps(least, _mm256_permute_ps(least, 0x4e));
    least = _mm256_min_ps(least, _mm256_permute_ps(least, 0xb1));
    const int equal = _mm256_movemask_ps(_mm256_cmp_ps(errors, least, _CMP_EQ_OQ));
    return (unsigned)__builtin_ctz((unsigned)equal | 1u << (CANDIDATES - 1));
}

/* The candidate with the least error, the largest of equals. */
static inline float best_divisor(block x, float largest)
{
    const __m256 divisors = _mm256_setr_ps(127, 126, 125, 124, 123, 122, 121, 120);
    const __m256 weights = _mm256_div_ps(_mm256_set1_ps(1.0f), _mm256_mul_ps(divisors, divisors));
    float inverse[CANDIDATES];
    __m256 e[CANDIDATES];
    _mm256_storeu_ps(inverse, _mm256_div_ps(divisors, _mm256_set1_ps(largest)));
    UNROLL
    for (int c = 0; c < CANDIDATES; c++) {
        const block u = times(x, _mm256_set1_ps(inverse[c]));
        const block error = minus(u, rounded(u));
        e[c] = eights(error, error);
    }
    const __m256 first = add_twos(add_fours(e[0], e[4]), add_fours(e[1], e[5]));
    const __m256 second = add_twos(add_fours(e[2], e[6]), add_fours(e[3], e[7]));
    return 127.0f - (float)least_of(_mm256_mul_ps(add_ones(first, second), weights));
}

static inline __m256i bytes_of(block f)
{
    const __m256i a = _mm256_packs_epi32(_mm256_cvtps_epi32(f.v[0]), _mm256_cvtps_epi32(f.v[1]));
    const __m256i b = _mm256_packs_epi32(_mm256_cvtps_epi32(f.v[2]), _mm256_cvtps_epi32(f.v[3]));
    return _mm256_permutevar8x32_epi32(_mm256_packs_epi16(a, b),
                                       _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

/* Sums of 4 neighbours of the products of bytes, those of a without a sign. */
static inline __m256i sums_of_four(__m256i a, __m256i b)
{
    return _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), _mm256_set1_epi16(1));
}

static inline void quantize_block(block x, float largest, float divisor, ergo__q8_block *out)
{
    const block u = times(x, _mm256_set1_ps(divisor / largest));
    const block f = rounded(u);
    const __m256 eight = eights(minus(u, f), f);
    const __m256 two = add_twos(add_fours(eight, eight), eight);
    const float projected = _mm256_cvtss_f32(add_ones(two, two));
    const __m256i q = bytes_of(f);
    const __m256i magnitude = _mm256_abs_epi8(q);
    /* Of each half: the sum of q, then of the squares. */
    __m256i sums =
        _mm256_hadd_epi32(sums_of_four(_mm256_set1_epi8(1), q), sums_of_four(magnitude, magnitude));
    sums = _mm256_hadd_epi32(sums, sums);
    const __m128i first = _mm256_castsi256_si128(sums);
    const __m128i second = _mm256_extracti128_si256(sums, 1);
    const int32_t squares = _mm_extract_epi32(_mm_add_epi32(first, second), 1);
    out->d = (largest / divisor) * (1.0f + projected / (float)squares);
    out->sum[0] = (int16_t)_mm_cvtsi128_si32(first);
    out->sum[1] = (int16_t)_mm_cvtsi128_si32(second);
    _mm256_storeu_si256((void *)out->q, q);
}

/*
 * Each step for some blocks, then the next: a step's operations wait for each other, and only those
 * of other blocks that are near enough fill the time.
 */
#define TOGETHER 16

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
