/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_RUNTIME_GRAMMAR_UTF8_H
#define ERGO_RUNTIME_GRAMMAR_UTF8_H

#include "ergo/base.h"

#define ERGO__CODE_POINT_MAX 0x10ffffu

static inline bool ergo__is_surrogate(uint32_t c)
{
    return c >= 0xd800u && c <= 0xdfffu;
}

/** Number of bytes that the lead byte announces: 1 to 4, or 0 for one that cannot lead. */
static inline uint32_t ergo__utf8_length(unsigned char lead)
{
    if (lead < 0x80u)
        return 1;
    if (lead < 0xc2u || lead > 0xf4u)
        return 0;
    return lead < 0xe0u ? 2 : lead < 0xf0u ? 3 : 4;
}

/** The least code point that takes `length` bytes: what is below is an overlong form. */
static inline uint32_t ergo__utf8_least(uint32_t length)
{
    return length == 1 ? 0 : length == 2 ? 0x80u : length == 3 ? 0x800u : 0x10000u;
}

/** The lead byte of a code point. */
static inline unsigned char ergo__utf8_lead(uint32_t c)
{
    return (unsigned char)(c < 0x80u      ? c
                           : c < 0x800u   ? 0xc0u | c >> 6
                           : c < 0x10000u ? 0xe0u | c >> 12
                                          : 0xf0u | c >> 18);
}

/** Decodes one code point at `p`; returns its bytes, or 0 where it is malformed or cut. */
static inline size_t ergo__utf8_decode(const char *p, size_t size, uint32_t *out)
{
    const uint32_t length = size ? ergo__utf8_length((unsigned char)p[0]) : 0;
    if (length == 0 || length > size)
        return 0;
    uint32_t c = length == 1 ? (unsigned char)p[0] : (unsigned char)p[0] & (0x7fu >> length);
    for (uint32_t i = 1; i < length; i++) {
        const unsigned char byte = (unsigned char)p[i];
        if ((byte & 0xc0u) != 0x80u)
            return 0;
        c = c << 6 | (byte & 0x3fu);
    }
    if (c < ergo__utf8_least(length) || c > ERGO__CODE_POINT_MAX || ergo__is_surrogate(c))
        return 0;
    *out = c;
    return length;
}

/** Encodes a code point to `out`, which has room for 4; returns the number of bytes. */
static inline size_t ergo__utf8_encode(uint32_t c, char *out)
{
    const size_t length = ergo__utf8_length(ergo__utf8_lead(c));
    out[0] = (char)ergo__utf8_lead(c);
    for (size_t i = 1; i < length; i++)
        out[i] = (char)(0x80u | (c >> 6 * (length - 1 - i) & 0x3fu));
    return length;
}

/** The value of four, or any number of, hex digits at `p`; false where one is none. */
static inline bool ergo__hex_value(const char *p, size_t digits, uint32_t *out)
{
    uint32_t value = 0;
    for (size_t i = 0; i < digits; i++) {
        const char c = p[i];
        const int digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : -1;
        if (digit < 0)
            return false;
        value = value << 4 | (uint32_t)digit;
    }
    *out = value;
    return true;
}

#endif
