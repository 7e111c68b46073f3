/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/cpu/features.h"
#include "runtime/base/os.h"

/* Bits of Linux's words for these architectures: part of its interface, so they never change. */
#if defined(ERGO__CPU_ARM64)
#define WORD_DOTPROD 0
#define BIT_DOTPROD (1u << 20) /* HWCAP_ASIMDDP */
#define WORD_I8MM 1
#define BIT_I8MM (1u << 13) /* HWCAP2_I8MM */

uint32_t ergo__cpu_features_probe(void)
{
    uint64_t words[2];
    ergo__os_hwcap(words);
    uint32_t found = ERGO__CPU_NEON; /* every CPU with 64 bits has it */
    if (words[WORD_DOTPROD] & BIT_DOTPROD)
        found |= ERGO__CPU_DOTPROD;
    if (words[WORD_I8MM] & BIT_I8MM)
        found |= ERGO__CPU_I8MM;
    return found;
}
#else
#define BIT_NEON (1u << 12)  /* HWCAP_NEON */
#define BIT_VFPV4 (1u << 16) /* HWCAP_VFPv4 */

uint32_t ergo__cpu_features_probe(void)
{
    uint64_t words[2];
    ergo__os_hwcap(words);
    uint32_t found = 0;
    if (words[0] & BIT_VFPV4)
        found |= ERGO__CPU_VFPV4;
    if (words[0] & BIT_NEON)
        found |= ERGO__CPU_NEON;
    return found;
}
#endif
