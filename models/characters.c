/* SPDX-License-Identifier: Apache-2.0 */
#include "models/characters.h"

#include <utf8proc.h>

#define REPLACEMENT 0xfffdu

static uint32_t malformed(size_t *size)
{
    *size = 1;
    return REPLACEMENT;
}

uint32_t ergo__char_decode(const char *text, size_t pos, size_t end, size_t *size)
{
    const unsigned char *bytes = (const unsigned char *)text + pos;
    const unsigned lead = bytes[0];
    if (lead < 0x80) {
        *size = 1;
        return lead;
    }
    if (lead < 0xc0 || lead >= 0xf8)
        return malformed(size);
    const size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (length > end - pos)
        return malformed(size);
    uint32_t code = lead & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return malformed(size);
        code = code << 6 | (bytes[i] & 0x3fu);
    }
    *size = length;
    return code;
}

/* The vocabularies' reference splits were made with Unicode 15.1, which assigned these after the
 * 15.0 that the oldest supported utf8proc knows. */
static uint8_t kind_of_unassigned(uint32_t code)
{
    if (code >= 0x2ebf0 && code <= 0x2ee5d)
        return ERGO__LETTER;
    if ((code >= 0x2ffc && code <= 0x2fff) || code == 0x31ef)
        return ERGO__SYMBOL;
    return ERGO__OTHER;
}

/* Beyond ASCII. */
static uint8_t kind_of(uint32_t code)
{
    if (code == 0x85)
        return ERGO__SPACE;
    if (code > 0x10ffff)
        return ERGO__OTHER;
    switch (utf8proc_category((utf8proc_int32_t)code)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
        return ERGO__LETTER;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
        return ERGO__MARK;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return ERGO__NUMBER;
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
        return ERGO__PUNCTUATION;
    case UTF8PROC_CATEGORY_SM:
    case UTF8PROC_CATEGORY_SC:
    case UTF8PROC_CATEGORY_SK:
    case UTF8PROC_CATEGORY_SO:
        return ERGO__SYMBOL;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        return ERGO__SPACE;
    case UTF8PROC_CATEGORY_CN:
        return kind_of_unassigned(code);
    default:
        return ERGO__OTHER;
    }
}

/* ASCII, by far the most frequent. */
#define S ERGO__SPACE
#define L ERGO__LETTER
#define N ERGO__NUMBER
#define P ERGO__PUNCTUATION
#define Y ERGO__SYMBOL
#define O ERGO__OTHER
static const uint8_t ascii_kind[128] = {
    O, O, O, O, O, O, O, O, O, S, S, S, S, S, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O,
    S, P, P, P, Y, P, P, P, P, P, P, Y, P, P, P, P, N, N, N, N, N, N, N, N, N, N, P, P, Y, Y, Y, P,
    P, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, P, P, P, Y, P,
    Y, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, P, Y, P, Y, O,
};
#undef S
#undef L
#undef N
#undef P
#undef Y
#undef O

ergo__char ergo__char_at(const char *text, size_t pos, size_t end)
{
    if (pos >= end)
        return (ergo__char){0};
    const unsigned char lead = (unsigned char)text[pos];
    if (lead < 0x80)
        return (ergo__char){.code = lead, .kind = ascii_kind[lead], .size = 1};
    size_t size;
    const uint32_t code = ergo__char_decode(text, pos, end, &size);
    return (ergo__char){.code = code, .kind = kind_of(code), .size = (uint8_t)size};
}
