/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "models/family.h"

/* The build says which families to leave out (ERGO_FAMILY_X=0). */
static const ergo__family *const families[] = {
#if ERGO_FAMILY_LLAMA
    &ergo__family_llama,
#endif
#if ERGO_FAMILY_QWEN2
    &ergo__family_qwen2,
#endif
#if ERGO_FAMILY_QWEN3
    &ergo__family_qwen3,
#endif
#if ERGO_FAMILY_GEMMA3
    &ergo__family_gemma3,
#endif
#if ERGO_FAMILY_PHI3
    &ergo__family_phi3,
#endif
#if ERGO_FAMILY_SMOLLM3
    &ergo__family_smollm3,
#endif
#if ERGO_FAMILY_GRANITE
    &ergo__family_granite,
#endif
    NULL, /* a build without any family is a build of the tokenizers */
};

const ergo__family *ergo__family_find(ergo_str arch)
{
    for (size_t i = 0; families[i]; i++)
        if (strlen(families[i]->arch) == arch.size &&
            memcmp(families[i]->arch, arch.data, arch.size) == 0)
            return families[i];
    return NULL;
}

void ergo__family_names(char *buffer, size_t capacity)
{
    size_t used = 0;
    buffer[0] = 0;
    for (size_t i = 0; families[i]; i++) {
        const int n = snprintf(buffer + used, capacity - used, i ? " %s" : "%s", families[i]->arch);
        if (n < 0 || (size_t)n >= capacity - used)
            return;
        used += (size_t)n;
    }
}
