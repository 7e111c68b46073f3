/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_MODELS_BUILDER_H
#define ERGO_MODELS_BUILDER_H

#include "ergo/gguf.h"
#include "runtime/base/arena.h"
#include "runtime/planner.h"

/** Hyperparameters that every family has; the keys are "ARCH.name". */
typedef struct ergo__hparams {
    uint32_t layers;
    uint32_t embedding;
    uint32_t context;
    uint32_t vocabulary;
    uint32_t head_dim;
    float norm_epsilon;
} ergo__hparams;

/** How one layer attends. */
typedef struct ergo__heads {
    uint32_t heads;
    uint32_t kv_heads;
} ergo__heads;

/**
 * What a family works with: it reads hyperparameters and weights and appends steps. The first
 * failure is logged and kept in `status`; the calls after it do nothing, so that a family reads
 * like the formula and checks once, at the end. The family's code runs twice: to count, and to
 * fill (runtime/planner.h).
 */
typedef struct ergo__builder {
    const ergo_log *log;
    const char *name; /* of the file, for messages */
    const ergo_gguf *gguf;
    ergo__arena *arena;
    ergo__planner planner;
    ergo__hparams hparams;
    ergo_str arch;
    ergo__kv_shape *kv; /* of each layer; NULL while counting */
    ergo_status status;
} ergo__builder;

/** Logs "NAME: ..." and keeps the status, unless something failed before. */
void ergo__build_fail(ergo__builder *builder, ergo_status status, const char *format, ...);

/** Reads the hyperparameters that every family has and checks their ranges. */
void ergo__build_hparams(ergo__builder *builder);

/** Value of "ARCH.key", or `fallback` where the file has none. */
uint32_t ergo__build_u32(ergo__builder *builder, const char *key, uint32_t fallback);
float ergo__build_f32(ergo__builder *builder, const char *key, float fallback);

/** Truth of "ARCH.key" for a layer: a scalar, or an array with one element per layer. */
bool ergo__build_flag(ergo__builder *builder, const char *key, uint32_t layer, bool fallback);

/** Whether "ARCH.key" is an array. */
bool ergo__build_is_array(const ergo__builder *builder, const char *key);

/** Heads of a layer: scalars, or arrays with one element per layer. */
ergo__heads ergo__build_heads(ergo__builder *builder, uint32_t layer);

/** Gated width of a layer: a scalar, or an array with one element per layer. */
uint32_t ergo__build_feed_forward(ergo__builder *builder, uint32_t layer);

/** Longest name of a tensor, NUL included. */
#define ERGO__TENSOR_NAME_MAX 64

/** The matrix "NAME" of `rows` x `columns`; fails by name where it is missing or has another shape.
 */
ergo__weight ergo__build_matrix(ergo__builder *builder, const char *name, uint32_t rows,
                                uint32_t columns);

/**
 * The matrix "blk.LAYER.NAME", or a slice of `rows` of its rows from `first` on; of a packed one it
 * fails where no strip begins there.
 */
ergo__weight ergo__build_layer_matrix(ergo__builder *builder, uint32_t layer, const char *name,
                                      uint32_t rows, uint32_t columns);
ergo__weight ergo__build_slice(ergo__builder *builder, ergo__weight whole, uint32_t first,
                               uint32_t rows);

/** Whether the file has a tensor of that name, or "blk.LAYER.NAME". */
bool ergo__build_has(const ergo__builder *builder, const char *name);
bool ergo__build_layer_has(const ergo__builder *builder, uint32_t layer, const char *name);

/** Rows of the matrix "blk.LAYER.NAME", 0 where the file has none. */
uint64_t ergo__build_layer_rows(const ergo__builder *builder, uint32_t layer, const char *name);

/** The vector "NAME" or "blk.LAYER.NAME" as floats in the arena; NULL while counting. */
const float *ergo__build_vector(ergo__builder *builder, const char *name, uint32_t size);
const float *ergo__build_layer_vector(ergo__builder *builder, uint32_t layer, const char *name,
                                      uint32_t size);

/** The same, but NULL where the file has none. */
const float *ergo__build_layer_vector_if(ergo__builder *builder, uint32_t layer, const char *name,
                                         uint32_t size);

#endif
