/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fakes/quant_model.h"

#include <math.h>
#include <string.h>

#include "runtime/base/bits.h"

static float half(const unsigned char *p)
{
    const unsigned bits = (unsigned)p[0] | (unsigned)p[1] << 8;
    const int exponent = (int)(bits >> 10 & 31);
    const float fraction = (float)(bits & 1023);
    const float magnitude =
        exponent == 0 ? ldexpf(fraction, -24) : ldexpf(1024.0f + fraction, exponent - 25);
    return bits >> 15 ? -magnitude : magnitude;
}

/* `count` bits from bit `at` of a little-endian string of bits. */
static int bits(const unsigned char *p, size_t at, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++)
        value |= (p[(at + (size_t)i) / 8] >> ((at + (size_t)i) % 8) & 1) << i;
    return value;
}

/* Nibble of element i in blocks of 32: the second half of them lies in the high nibbles. */
static int nibble32(const unsigned char *qs, size_t i)
{
    return bits(qs, 8 * (i % 16) + (i % 32 < 16 ? 0 : 4), 4);
}

static int iq4_value(int code)
{
    static const int values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                   1,    13,   25,  38,  53,  69,  89,  113};
    return values[code];
}

static int ternary(const unsigned char *byte, int digit)
{
    /* The byte over 256 is a base-3 fraction: take its digits one by one. */
    int rest = *byte;
    int value = 0;
    for (int n = 0; n <= digit; n++) {
        value = rest * 3 / 256;
        rest = rest * 3 % 256;
    }
    return value - 1;
}

static quant_model_element small_block(ergo_type type, const unsigned char *b, size_t i)
{
    quant_model_element e = {.scale = half(b), .sub = 1, .low = 1};
    switch (type) {
    case ERGO_TYPE_Q4_0:
        e.q = nibble32(b + 2, i) - 8;
        break;
    case ERGO_TYPE_Q4_1:
        e.offset = half(b + 2);
        e.q = nibble32(b + 4, i);
        break;
    case ERGO_TYPE_Q5_0:
        e.q = nibble32(b + 6, i) + 16 * bits(b + 2, i, 1) - 16;
        break;
    case ERGO_TYPE_Q5_1:
        e.offset = half(b + 2);
        e.q = nibble32(b + 8, i) + 16 * bits(b + 4, i, 1);
        break;
    case ERGO_TYPE_Q8_0:
        e.q = b[2 + i] < 128 ? b[2 + i] : b[2 + i] - 256;
        break;
    case ERGO_TYPE_IQ4_NL:
        e.q = iq4_value(nibble32(b + 2, i));
        break;
    default: { /* MXFP4 */
        static const int doubled[8] = {0, 1, 2, 3, 4, 6, 8, 12};
        const int code = nibble32(b + 1, i);
        e.scale = ldexpf(1.0f, b[0] - 128);
        e.q = code < 8 ? doubled[code] : -doubled[code - 8];
    }
    }
    return e;
}

/* The 6-bit scale (which = 0) or minimum (1) of group j in Q4_K and Q5_K. */
static int k_scale(const unsigned char *s, size_t j, int which)
{
    const size_t at = which ? 4 : 0;
    if (j < 4)
        return bits(s + at + j, 0, 6);
    return bits(s + 4 + j, which ? 4 : 0, 4) + 16 * bits(s + at + j - 4, 6, 2);
}

/* Two bits of element i: runs of 32 elements at rising shifts of 32 bytes. */
static int crumb(const unsigned char *qs, size_t i)
{
    return bits(qs + 32 * (i / 128) + i % 32, 2 * (i % 128 / 32), 2);
}

static quant_model_element k_block(ergo_type type, const unsigned char *b, size_t i)
{
    quant_model_element e = {.sub = 1, .low = 1};
    const size_t group = i / 32;
    const size_t half_group = i / 16;
    switch (type) {
    case ERGO_TYPE_Q2_K:
        e.scale = half(b + 80);
        e.offset = -half(b + 82);
        e.sub = b[half_group] % 16;
        e.low = b[half_group] / 16;
        e.q = crumb(b + 16, i);
        break;
    case ERGO_TYPE_Q3_K:
        e.scale = half(b + 108);
        e.sub = bits(b + 96 + half_group % 8, half_group < 8 ? 0 : 4, 4) +
                16 * bits(b + 104 + half_group % 4, 2 * (half_group / 4), 2) - 32;
        e.q = crumb(b + 32, i) - (bits(b + i % 32, group, 1) ? 0 : 4);
        break;
    case ERGO_TYPE_Q6_K: {
        const size_t in = i % 128;
        e.scale = half(b + 208);
        e.sub = b[192 + half_group] < 128 ? b[192 + half_group] : b[192 + half_group] - 256;
        e.q = bits(b + 64 * (i / 128) + in % 64, in < 64 ? 0 : 4, 4) +
              16 * bits(b + 128 + 32 * (i / 128) + in % 32, 2 * (in / 32), 2) - 32;
        break;
    }
    default: /* Q4_K, Q5_K */
        e.scale = half(b) * (float)k_scale(b + 4, group, 0);
        e.offset = -(half(b + 2) * (float)k_scale(b + 4, group, 1));
        e.q = bits(b + (type == ERGO_TYPE_Q4_K ? 16 : 48) + 32 * (i / 64) + i % 32,
                   group % 2 ? 4 : 0, 4);
        if (type == ERGO_TYPE_Q5_K)
            e.q += 16 * bits(b + 16 + i % 32, group, 1);
    }
    return e;
}

static quant_model_element other_block(ergo_type type, const unsigned char *b, size_t i)
{
    quant_model_element e = {.sub = 1, .low = 1};
    if (type == ERGO_TYPE_IQ4_XS) {
        const int scale = bits(b + 4, 4 * (i / 32), 4) + 16 * bits(b + 2, 2 * (i / 32), 2) - 32;
        e.scale = half(b) * (float)scale;
        e.q = iq4_value(nibble32(b + 8 + 16 * (i / 32), i));
    } else if (type == ERGO_TYPE_TQ2_0) {
        e.scale = half(b + 64);
        e.q = crumb(b, i) - 1;
    } else { /* TQ1_0 */
        e.scale = half(b + 52);
        if (i < 160)
            e.q = ternary(b + i % 32, (int)(i / 32));
        else if (i < 240)
            e.q = ternary(b + 32 + (i - 160) % 16, (int)((i - 160) / 16));
        else
            e.q = ternary(b + 48 + (i - 240) % 4, (int)((i - 240) / 4));
    }
    return e;
}

quant_model_element quant_model_get(ergo_type type, const unsigned char *row, size_t i)
{
    const ergo_type_info *info = ergo_type_get((uint32_t)type);
    const unsigned char *b = row + i / info->block_elements * info->block_bytes;
    const size_t in = i % info->block_elements;
    if (info->block_elements == 32)
        return small_block(type, b, in);
    if (type == ERGO_TYPE_IQ4_XS || type == ERGO_TYPE_TQ1_0 || type == ERGO_TYPE_TQ2_0)
        return other_block(type, b, in);
    return k_block(type, b, in);
}

uint64_t quant_model_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed * 2685821657736338717u;
}

/* Between scale/2 and scale, of either sign. */
static float random_scale(float scale, uint64_t *seed)
{
    const uint64_t r = quant_model_random(seed);
    const float magnitude = scale * (0.5f + (float)(r >> 40) * 0x1p-25f);
    return r & 1 ? -magnitude : magnitude;
}

/* Where the halves lie in a block of the type: -1 for none. */
static void find_halves(ergo_type type, int at[2])
{
    at[0] = 0;
    at[1] = -1;
    switch (type) {
    case ERGO_TYPE_Q4_1:
    case ERGO_TYPE_Q5_1:
    case ERGO_TYPE_Q4_K:
    case ERGO_TYPE_Q5_K:
        at[1] = 2;
        break;
    case ERGO_TYPE_Q2_K:
        at[0] = 80;
        at[1] = 82;
        break;
    case ERGO_TYPE_Q3_K:
        at[0] = 108;
        break;
    case ERGO_TYPE_Q6_K:
        at[0] = 208;
        break;
    case ERGO_TYPE_TQ1_0:
        at[0] = 52;
        break;
    case ERGO_TYPE_TQ2_0:
        at[0] = 64;
        break;
    case ERGO_TYPE_MXFP4:
        at[0] = -1;
        break;
    default:
        break;
    }
}

void quant_model_fill(ergo_type type, unsigned char *row, size_t n, float scale, uint64_t *seed)
{
    const ergo_type_info *info = ergo_type_get((uint32_t)type);
    int at[2];
    find_halves(type, at);
    for (size_t i = 0; i < n; i += info->block_elements, row += info->block_bytes) {
        for (size_t b = 0; b < info->block_bytes; b++)
            row[b] = (unsigned char)(quant_model_random(seed) >> 56);
        if (type == ERGO_TYPE_F32)
            ergo__store_u32(row, ergo__bits_of_f32(random_scale(scale, seed)));
        else if (type == ERGO_TYPE_BF16)
            ergo__store_u16(row, ergo__bf16_of_f32(random_scale(scale, seed)));
        else if (type == ERGO_TYPE_MXFP4)
            row[0] = (unsigned char)(120 + quant_model_random(seed) % 8);
        else
            for (int h = 0; h < 2; h++)
                if (at[h] >= 0)
                    ergo__store_u16(row + at[h], ergo__f16_of_f32(random_scale(scale, seed)));
    }
}
