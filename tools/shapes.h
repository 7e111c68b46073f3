/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_SHAPES_H
#define ERGO_TOOLS_SHAPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The hyperparameters of a published model: its config.json, in GGUF's terms. Static. */
typedef struct shape {
    const char *name;
    const char *arch;
    uint32_t layers;
    uint32_t embedding;
    uint32_t heads;
    uint32_t kv_heads;
    uint32_t head_dim;
    uint32_t feed_forward;
    uint32_t vocabulary;
    uint32_t context;
    float rope_base;
    float rope_factor; /**< of the Llama 3 rule, 0 where it is not used */
    float norm_epsilon;
    bool tied; /**< the output matrix is the embedding */
    bool qkv_bias;
    bool qk_norm; /**< each head of queries and keys is normalized */
} shape;

const shape *shape_find(const char *name); /**< or NULL */
const shape *shape_at(size_t i);           /**< or NULL behind the last */

/** What a tensor of a model does, which decides how large its random weights are. */
typedef enum shape_role {
    SHAPE_EMBEDDING,
    SHAPE_MATRIX,
    SHAPE_NORM,
    SHAPE_BIAS,
    SHAPE_ROPE_FACTORS,
} shape_role;

typedef struct shape_tensor {
    char name[64];
    shape_role role;
    uint32_t n_dims;
    uint64_t dims[2]; /**< fastest first; unused ones are 1 */
} shape_tensor;

/** Tensor i of the model in the order of the file; false behind the last. */
bool shape_tensor_at(const shape *model, size_t i, shape_tensor *out);

/** Elements of all tensors. */
uint64_t shape_parameters(const shape *model);

/** Writes the head_dim / 2 divisors of the rope angles that Llama 3.1 introduced. */
void shape_rope_factors(const shape *model, float *out);

#endif
