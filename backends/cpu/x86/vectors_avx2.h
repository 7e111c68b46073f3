/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_CPU_VECTORS_AVX2_H
#define ERGO_CPU_VECTORS_AVX2_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

/* Vectors of 8 lanes, under the names that the kernels of x86/ are written in. */

#define LANES 8

typedef __m256 vf;  /* floats */
typedef __m256i vi; /* 32-bit integers, or the bytes or 16-bit halves in them */

static inline vi v_load(const void *p)
{
    return _mm256_loadu_si256(p);
}

static inline void v_store(void *p, vi a)
{
    _mm256_storeu_si256(p, a);
}

static inline vi v_all(int32_t value)
{
    return _mm256_set1_epi32(value);
}

static inline vi v_zero(void)
{
    return _mm256_setzero_si256();
}

static inline vi v_bytes(int byte)
{
    return _mm256_set1_epi8((char)byte);
}

static inline vi v_i16(int value)
{
    return _mm256_set1_epi16((short)value);
}

static inline vi v_int(int value)
{
    return _mm256_set1_epi32(value);
}

/* The same four bytes in every lane. */
static inline vi v_repeat4(const void *p)
{
    int32_t value;
    memcpy(&value, p, sizeof value);
    return _mm256_set1_epi32(value);
}

static inline vi v_and(vi a, vi b)
{
    return _mm256_and_si256(a, b);
}

/* a | (b & mask) */
static inline vi v_or_masked(vi a, vi b, vi mask)
{
    return _mm256_or_si256(a, _mm256_and_si256(b, mask));
}

static inline vi v_xor(vi a, vi b)
{
    return _mm256_xor_si256(a, b);
}

/* Shifts of lanes: what crosses from byte to byte is to be masked off. */
static inline vi v_left(vi a, int n)
{
    return _mm256_slli_epi32(a, n);
}

static inline vi v_right(vi a, int n)
{
    return _mm256_srli_epi32(a, n);
}

/* Each byte (0..15) by the byte of that number in the table. */
static inline vi v_lookup(__m128i table, vi numbers)
{
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), numbers);
}

static inline vi v_add(vi a, vi b)
{
    return _mm256_add_epi32(a, b);
}

static inline vi v_mul(vi a, vi b)
{
    return _mm256_mullo_epi32(a, b);
}

/* The 16-bit halves of low and of high, taken together. */
static inline vi v_join16(vi low, vi high)
{
    return _mm256_blend_epi16(low, _mm256_slli_epi32(high, 16), 0xaa);
}

static inline vi v_of_u8(const void *p)
{
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64(p));
}

static inline vi v_of_i8(const void *p)
{
    return _mm256_cvtepi8_epi32(_mm_loadl_epi64(p));
}

static inline vf v_of_f16(const void *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128(p));
}

static inline vf v_of_bf16(const void *p)
{
    const vi wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}

static inline vf v_of_ints(vi a)
{
    return _mm256_cvtepi32_ps(a);
}

static inline vf vf_zero(void)
{
    return _mm256_setzero_ps();
}

static inline vf vf_all(float x)
{
    return _mm256_set1_ps(x);
}

static inline vf vf_load(const float *p)
{
    return _mm256_loadu_ps(p);
}

static inline void vf_store(float *p, vf a)
{
    _mm256_storeu_ps(p, a);
}

/* The first n <= LANES lanes. */
static inline void vf_store_first(float *p, vf a, size_t n)
{
    const vi lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    _mm256_maskstore_ps(p, _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), lane), a);
}

static inline vf vf_of_bits(vi a)
{
    return _mm256_castsi256_ps(a);
}

static inline vf vf_mul(vf a, vf b)
{
    return _mm256_mul_ps(a, b);
}

static inline vf vf_neg(vf a)
{
    return _mm256_xor_ps(a, _mm256_set1_ps(-0.0f));
}

/* a * b + c */
static inline vf vf_fma(vf a, vf b, vf c)
{
    return _mm256_fmadd_ps(a, b, c);
}

#endif
