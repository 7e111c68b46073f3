/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_MODELS_FAMILY_H
#define ERGO_MODELS_FAMILY_H

#include "models/builder.h"

/** A family of models: what general.architecture calls it, and how its weights become a plan. */
typedef struct ergo__family {
    const char *arch;
    void (*build)(ergo__builder *builder);
} ergo__family;

/** The family of that name among those in this build, or NULL. */
const ergo__family *ergo__family_find(ergo_str arch);

/** Writes the names of the families in this build, separated by spaces, for messages. */
void ergo__family_names(char *buffer, size_t capacity);

extern const ergo__family ergo__family_llama;
extern const ergo__family ergo__family_qwen2;
extern const ergo__family ergo__family_qwen3;
extern const ergo__family ergo__family_gemma3;
extern const ergo__family ergo__family_phi3;
extern const ergo__family ergo__family_smollm3;
extern const ergo__family ergo__family_granite;

#endif
