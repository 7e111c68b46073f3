/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_QUANT_MIX_H
#define ERGO_TOOLS_QUANT_MIX_H

#include "ergo/quant.h"

/**
 * What --quant names: which type each tensor of a model gets.
 *
 * A type's name (F16, Q8_0, Q4_0, Q4_K, ...) gives every matrix that type. The output matrix (the
 * embedding, where a model has only that) gets Q6_K when the type has fewer bits: it decides the
 * token. The mixes Q3_K_M, Q4_K_M and Q5_K_M spend more bits where errors hurt most, as llama.cpp's
 * mixes of these names do: on attn_v and ffn_down of the first and last eighth of the layers and of
 * every third one between (Q3_K_M by another rule, see the code).
 *
 * Vectors stay F32. Rows that a type's block does not divide get a similar type with blocks of 32
 * (Q2_K, Q3_K, TQ1_0, TQ2_0: Q4_0; Q4_K: Q5_0; Q5_K: Q5_1; Q6_K: Q8_0; IQ4_XS: IQ4_NL), or F16.
 */
typedef struct quant_mix {
    const char *name;
    ergo_type base;
    uint32_t file_type; /**< general.file_type of the result */
    bool mixed;
} quant_mix;

const quant_mix *quant_mix_find(const char *name); /**< ignoring case; NULL when unknown */
const quant_mix *quant_mix_at(size_t i);           /**< NULL behind the last */

/** What the rules ask of the model as a whole. */
typedef struct quant_model {
    uint32_t layers;
    bool has_output; /**< it has a matrix output.weight */
} quant_model;

/** True for tensors that are converted at all: matrices named "….weight". */
bool quant_mix_converts(ergo_str name, uint32_t n_dims);

/** The type of a matrix with rows of `row` elements. */
ergo_type quant_mix_type(const quant_mix *mix, const quant_model *model, ergo_str name,
                         uint64_t row);

#endif
