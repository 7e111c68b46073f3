/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_BASE_BITS_H
#define ERGO_BASE_BITS_H

#include <stdint.h>
#include <string.h>

/* Unaligned little-endian loads and stores, and the 16-bit float formats, without any cast that
 * breaks aliasing. Compilers turn them into single instructions. */

static inline uint16_t ergo__load_u16(const void *p)
{
    const unsigned char *b = p;
    return (uint16_t)(b[0] | (unsigned)b[1] << 8);
}

static inline uint32_t ergo__load_u32(const void *p)
{
    const unsigned char *b = p;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static inline uint64_t ergo__load_u64(const void *p)
{
    const unsigned char *b = p;
    return (uint64_t)ergo__load_u32(b) | (uint64_t)ergo__load_u32(b + 4) << 32;
}

static inline void ergo__store_u16(void *p, uint16_t v)
{
    unsigned char *b = p;
    b[0] = (unsigned char)(v & 0xff);
    b[1] = (unsigned char)(v >> 8);
}

static inline void ergo__store_u32(void *p, uint32_t v)
{
    ergo__store_u16(p, (uint16_t)(v & 0xffff));
    ergo__store_u16((unsigned char *)p + 2, (uint16_t)(v >> 16));
}

static inline void ergo__store_u64(void *p, uint64_t v)
{
    ergo__store_u32(p, (uint32_t)(v & 0xffffffffu));
    ergo__store_u32((unsigned char *)p + 4, (uint32_t)(v >> 32));
}

static inline float ergo__f32_of_bits(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static inline uint32_t ergo__bits_of_f32(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static inline uint64_t ergo__bits_of_f64(double d)
{
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    return bits;
}

static inline double ergo__f64_of_bits(uint64_t bits)
{
    double d;
    memcpy(&d, &bits, sizeof d);
    return d;
}

/** IEEE binary16 to binary32: exact, subnormals, infinities and NaN included. */
static inline float ergo__f32_of_f16(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000u) << 16;
    const uint32_t magnitude = h & 0x7fffu;
    /* Normal and subnormal numbers alike: the bits as a float are 2^-112 of the value. Infinity and
     * NaN only need their exponent filled up; without a branch, so that loops vectorise. */
    const float scaled = ergo__f32_of_bits(magnitude << 13) * ergo__f32_of_bits(0x77800000u);
    const uint32_t special = magnitude >= 0x7c00u ? 0x7f800000u : 0;
    return ergo__f32_of_bits(sign | special | ergo__bits_of_f32(scaled));
}

/** binary32 to binary16, round to nearest even; NaN stays NaN. */
static inline uint16_t ergo__f16_of_f32(float f)
{
    const uint32_t bits = ergo__bits_of_f32(f);
    const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000u);
    const uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00u);
    if (magnitude >= 0x477ff000u) /* rounds to 65536 or more */
        return (uint16_t)(sign | 0x7c00u);
    if (magnitude < 0x38800000u) { /* subnormal: adding 0.5 rounds at 2^-24 */
        const float shifted = ergo__f32_of_bits(magnitude) + 0.5f;
        return (uint16_t)(sign | (ergo__bits_of_f32(shifted) - 0x3f000000u));
    }
    const uint32_t rounded = magnitude + 0xfffu + (magnitude >> 13 & 1u);
    return (uint16_t)(sign | (rounded - 0x38000000u) >> 13);
}

static inline float ergo__f32_of_bf16(uint16_t h)
{
    return ergo__f32_of_bits((uint32_t)h << 16);
}

/** binary32 to bfloat16, round to nearest even; NaN stays NaN. */
static inline uint16_t ergo__bf16_of_f32(float f)
{
    const uint32_t bits = ergo__bits_of_f32(f);
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)(bits >> 16 | 0x40u);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

#endif
