/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_RUNTIME_PLAN_H
#define ERGO_RUNTIME_PLAN_H

#include "ergo/base.h"
#include "ergo/quant.h"

/*
 * A plan is what a model computes, as data: a flat array of steps over numbered intermediate
 * values. A family builds it once (runtime/planner.h); backends run it; ergo_model_work costs it.
 *
 * A value is a matrix of floats with one row per token of the batch, or one row per output (a token
 * whose logits are wanted). Its columns are known when the plan is built, its rows with each batch.
 */

/** A matrix of `rows` rows of `columns` weights where the file has it, row after row or packed. */
typedef struct ergo__weight {
    const unsigned char *data; /* NULL: no such weight */
    ergo_str name;
    ergo_type type;
    uint32_t rows;
    uint32_t columns;
    bool packed;      /* in strips of ERGO_PACKED_ROWS rows; then it begins with a strip */
    size_t row_bytes; /* from row to row, or from strip to strip */
} ergo__weight;

typedef uint16_t ergo__value_id;
#define ERGO__NO_VALUE UINT16_MAX

typedef struct ergo__value {
    uint32_t columns;
    bool outputs;   /* rows are outputs instead of tokens */
    uint16_t first; /* the step that writes it */
    uint16_t last;  /* the last step that reads it */
    size_t offset;  /* where it lies in a row of its slab, in floats */
} ergo__value;

typedef enum ergo__op {
    ERGO__OP_EMBED,  /* out = row `token` of weight[0], times scale */
    ERGO__OP_ANGLES, /* out = cos and sin of position x frequency, for ROPE */
    ERGO__OP_NORM,   /* out = in / sqrt(mean(in^2) + epsilon) x gain, over groups of `group` columns
                      */
    ERGO__OP_MATMUL, /* out[i] = weight[i] . in + bias[i], for up to three weights */
    ERGO__OP_ROPE,   /* out = in with the first `rotated` elements of each head turned by in[1] */
    ERGO__OP_STORE,  /* keys in[0] and values in[1] go to the pages of the layer */
    ERGO__OP_ATTEND, /* out = softmax(scale x in . keys) . values, causal, over the layer's pages */
    ERGO__OP_GLU,    /* out = activation(in[0]) x in[1] */
    ERGO__OP_ADD,    /* out = in[0] + scale x in[1] */
    ERGO__OP_SELECT, /* out = the rows of in whose logits are wanted */
    ERGO__OP_SCALE,  /* out = scale x in */
} ergo__op;

typedef enum ergo__activation {
    ERGO__SILU,      /* x / (1 + exp(-x)) */
    ERGO__GELU_TANH, /* x / 2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) */
} ergo__activation;

/** Angles of rotary embeddings: frequency[i] in radians per position, i < rotated / 2. */
typedef struct ergo__rope {
    const double *frequency;
    const double *long_frequency; /* instead, where the context exceeds long_above; or NULL */
    uint32_t long_above;          /* positions */
    uint32_t rotated;             /* elements of a head that are turned */
    float magnitude;              /* factor of cos and sin (YaRN) */
} ergo__rope;

typedef struct ergo__step {
    ergo__op op;
    uint32_t layer;
    ergo__value_id in[2];
    ergo__value_id out[3];
    ergo__weight weight[3];
    const float *bias[3];   /* MATMUL: NULL or weight[i].rows floats */
    const float *gain;      /* NORM: `group` floats */
    const ergo__rope *rope; /* ANGLES */
    uint32_t group;         /* NORM: columns of a group; ROPE, STORE, ATTEND: elements of a head */
    uint32_t heads;         /* ROPE, ATTEND: heads of in[0] */
    uint32_t kv_heads;      /* STORE, ATTEND */
    uint32_t rotated;       /* ROPE: elements of a head that are turned */
    uint32_t window;        /* ATTEND: positions seen, the present one included; 0 means all */
    bool neox;              /* ROPE: pairs (i, i + rotated/2) instead of (2i, 2i + 1) */
    ergo__activation activation; /* GLU */
    float epsilon;               /* NORM */
    float scale;                 /* EMBED, ATTEND, ADD, SCALE */
} ergo__step;

/** Keys and values of one layer: heads x head_dim floats each, per position. */
typedef struct ergo__kv_shape {
    uint32_t heads;
    uint32_t head_dim;
} ergo__kv_shape;

typedef struct ergo__plan {
    const ergo__step *steps;
    size_t step_count;
    const ergo__value *values;
    size_t value_count;
    const ergo__kv_shape *kv; /* of each layer */
    uint32_t layers;
    uint32_t vocabulary;   /* columns of the logits */
    ergo__value_id logits; /* the last value */
    size_t token_floats;   /* floats per token that all values of tokens need, placed by liveness */
    size_t output_floats;  /* the same per output */
} ergo__plan;

#endif
