/* SPDX-License-Identifier: Apache-2.0 */
#include <cpuid.h>

#include "backends/cpu/features.h"

/* Register state that the operating system saves (XCR0). */
#define SAVED_AVX 0x06u    /* SSE and AVX */
#define SAVED_AVX512 0xe6u /* and masks and all of the long registers */

static uint32_t saved_state(void)
{
    uint32_t low;
    uint32_t high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

#define BIT_AVXVNNI (1u << 4) /* leaf 7, subleaf 1, EAX; not in every cpuid.h */

/* From EBX and ECX of leaf 7. */
static uint32_t probe_extended(uint32_t b, uint32_t c, bool saves_avx512)
{
    const uint32_t avx512 = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
    uint32_t found = 0;
    if (b & bit_AVX2)
        found |= ERGO__CPU_AVX2;
    if (!saves_avx512 || (b & avx512) != avx512)
        return found;
    found |= ERGO__CPU_AVX512;
    if (c & bit_AVX512VNNI)
        found |= ERGO__CPU_AVX512VNNI;
    return found;
}

uint32_t ergo__cpu_features_probe(void)
{
    uint32_t a;
    uint32_t b;
    uint32_t c;
    uint32_t d;
    uint32_t found = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d))
        return 0;
    const uint32_t saved = (c & bit_OSXSAVE) != 0 ? saved_state() : 0;
    if ((saved & SAVED_AVX) != SAVED_AVX || (c & bit_AVX) == 0)
        return 0;
    if (c & bit_FMA)
        found |= ERGO__CPU_FMA;
    if (c & bit_F16C)
        found |= ERGO__CPU_F16C;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d))
        found |= probe_extended(b, c, (saved & SAVED_AVX512) == SAVED_AVX512);
    if (__get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & BIT_AVXVNNI))
        found |= ERGO__CPU_AVXVNNI;
    return found;
}
