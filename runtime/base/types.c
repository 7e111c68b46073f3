/* SPDX-License-Identifier: Apache-2.0 */
#include "ergo/quant.h"

#define ENTRY(id, elements, bytes) [ERGO_TYPE_##id] = {#id, ERGO_TYPE_##id, (elements), (bytes)}

/* Indexed by type id; ids without a name are unknown, removed from the format or unsupported. */
static const ergo_type_info types[] = {
    ENTRY(F32, 1, 4),        ENTRY(F16, 1, 2),        ENTRY(BF16, 1, 2),
    ENTRY(Q4_0, 32, 2 + 16), ENTRY(Q4_1, 32, 4 + 16), ENTRY(Q5_0, 32, 2 + 4 + 16),
    ENTRY(Q5_1, 32, 4 + 20), ENTRY(Q8_0, 32, 2 + 32), ENTRY(Q2_K, 256, 16 + 64 + 4),
    ENTRY(Q3_K, 256, 110),   ENTRY(Q4_K, 256, 144),   ENTRY(Q5_K, 256, 176),
    ENTRY(Q6_K, 256, 210),   ENTRY(IQ4_NL, 32, 18),   ENTRY(IQ4_XS, 256, 136),
    ENTRY(TQ1_0, 256, 54),   ENTRY(TQ2_0, 256, 66),   ENTRY(MXFP4, 32, 17),
};

#undef ENTRY

enum { TYPES = sizeof types / sizeof types[0] };

const ergo_type_info *ergo_type_get(uint32_t type)
{
    return type < TYPES && types[type].name ? &types[type] : NULL;
}

/* ASCII only: the locale of the host has no say. */
static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static bool same_name(const char *a, const char *b)
{
    while (*a && upper(*a) == upper(*b)) {
        a++;
        b++;
    }
    return upper(*a) == upper(*b);
}

const ergo_type_info *ergo_type_find(const char *name)
{
    for (uint32_t i = 0; i < TYPES; i++)
        if (types[i].name && same_name(types[i].name, name))
            return &types[i];
    return NULL;
}
