/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_CPU_VECTORS_AVX512_H
#define ERGO_CPU_VECTORS_AVX512_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

/* Vectors of 16 lanes, under the names that the kernels of x86/ are written in. */

#define LANES 16

typedef __m512 vf;  /* floats */
typedef __m512i vi; /* 32-bit integers, or the bytes or 16-bit halves in them */

static inline vi v_load(const void *p)
{
    return _mm512_loadu_si512(p);
}

static inline void v_store(void *p, vi a)
{
    _mm512_storeu_si512(p, a);
}

static inline vi v_all(int32_t value)
{
    return _mm512_set1_epi32(value);
}

static inline vi v_zero(void)
{
    return _mm512_setzero_si512();
}

static inline vi v_bytes(int byte)
{
    return _mm512_set1_epi8((char)byte);
}

static inline vi v_i16(int value)
{
    return _mm512_set1_epi16((short)value);
}

static inline vi v_int(int value)
{
    return _mm512_set1_epi32(value);
}

/* The same four bytes in every lane. */
static inline vi v_repeat4(const void *p)
{
    int32_t value;
    memcpy(&value, p, sizeof value);
    return _mm512_set1_epi32(value);
}

static inline vi v_and(vi a, vi b)
{
    return _mm512_and_si512(a, b);
}

/* a | (b & mask) */
static inline vi v_or_masked(vi a, vi b, vi mask)
{
    return _mm512_ternarylogic_epi32(a, b, mask, 0xf8);
}

static inline vi v_xor(vi a, vi b)
{
    return _mm512_xor_si512(a, b);
}

/* Shifts of lanes: what crosses from byte to byte is to be masked off. */
static inline vi v_left(vi a, int n)
{
    return _mm512_slli_epi32(a, (unsigned)n);
}

static inline vi v_right(vi a, int n)
{
    return _mm512_srli_epi32(a, (unsigned)n);
}

/* Each byte (0..15) by the byte of that number in the table. */
static inline vi v_lookup(__m128i table, vi numbers)
{
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(table), numbers);
}

static inline vi v_add(vi a, vi b)
{
    return _mm512_add_epi32(a, b);
}

static inline vi v_mul(vi a, vi b)
{
    return _mm512_mullo_epi32(a, b);
}

/* The 16-bit halves of low and of high, taken together. */
static inline vi v_join16(vi low, vi high)
{
    return _mm512_mask_blend_epi16(0xaaaaaaaau, low, _mm512_slli_epi32(high, 16));
}

static inline vi v_of_u8(const void *p)
{
    return _mm512_cvtepu8_epi32(_mm_loadu_si128(p));
}

static inline vi v_of_i8(const void *p)
{
    return _mm512_cvtepi8_epi32(_mm_loadu_si128(p));
}

static inline vf v_of_f16(const void *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256(p));
}

static inline vf v_of_bf16(const void *p)
{
    const vi wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

static inline vf v_of_ints(vi a)
{
    return _mm512_cvtepi32_ps(a);
}

static inline vf vf_zero(void)
{
    return _mm512_setzero_ps();
}

static inline vf vf_all(float x)
{
    return _mm512_set1_ps(x);
}

static inline vf vf_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

static inline void vf_store(float *p, vf a)
{
    _mm512_storeu_ps(p, a);
}

/* The first n <= LANES lanes. */
static inline void vf_store_first(float *p, vf a, size_t n)
{
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1u), a);
}

static inline vf vf_of_bits(vi a)
{
    return _mm512_castsi512_ps(a);
}

static inline vf vf_mul(vf a, vf b)
{
    return _mm512_mul_ps(a, b);
}

static inline vf vf_neg(vf a)
{
    return _mm512_xor_ps(a, _mm512_set1_ps(-0.0f));
}

/* a * b + c */
static inline vf vf_fma(vf a, vf b, vf c)
{
    return _mm512_fmadd_ps(a, b, c);
}

#endif
