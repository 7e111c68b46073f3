/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_MODEL_H
#define ERGO_MODEL_H

#include "base.h"
#include "chat.h"
#include "gguf.h"
#include "tokenizer.h"
#include "work.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * A model: the vocabulary of a GGUF file, and the plan of steps that its family makes of the
 * weights. Immutable once open: any number of engines and threads share it.
 */
typedef struct ergo_model ergo_model;

typedef struct ergo_model_config {
    ergo_log log;
    const char *name; /**< what messages call the file; NULL means "model" */
} ergo_model_config;

/**
 * Bytes that ergo_model_open will take for the opened file. Errors are those of
 * ergo_tokenizer_open; further ERGO_E_UNSUPPORTED for a family this build does not have, and
 * ERGO_E_FORMAT for a missing tensor, a wrong shape or an impossible hyperparameter. Each is
 * logged with the name of what is wrong.
 */
ergo_status ergo_model_size(const ergo_gguf *gguf, const ergo_model_config *config, size_t *size);

/**
 * Opens the model. `gguf` and its bytes must outlive it, unchanged: weights are used where they
 * lie. Every tensor must lie at a multiple of 4, a packed one (pack.h) of ERGO_BLOCK_ALIGN
 * (ERGO_E_ARGUMENT otherwise): a mapped file does.
 */
ergo_status ergo_model_open(const ergo_gguf *gguf, const ergo_model_config *config,
                            ergo_block memory, ergo_model **out);

/** What a model is. Strings live as long as the model. */
typedef struct ergo_model_info {
    ergo_str arch; /**< general.architecture */
    ergo_str name; /**< general.name; empty where the file has none */
    uint32_t layers;
    uint32_t embedding;    /**< width of the residual stream */
    uint32_t feed_forward; /**< width of the gated layer (of layer 0) */
    uint32_t heads;        /**< query heads (of layer 0) */
    uint32_t kv_heads;     /**< key and value heads (of layer 0) */
    uint32_t head_dim;     /**< elements of one key */
    uint32_t vocabulary;   /**< rows of logits */
    uint32_t context;      /**< positions it was trained for */
    uint64_t parameters;   /**< elements of all tensors */
    uint64_t weight_bytes; /**< bytes of all tensors in the file */
} ergo_model_info;

void ergo_model_get_info(const ergo_model *model, ergo_model_info *info);

/** The file that the model views. */
const ergo_gguf *ergo_model_gguf(const ergo_model *model);

/** The file's vocabulary, or NULL where it has none. */
const ergo_tokenizer *ergo_model_tokenizer(const ergo_model *model);

/** How the engine keeps keys and values. */
typedef enum ergo_kv_type {
    ERGO_KV_F16 = 0, /**< the default */
    ERGO_KV_Q8_0 = 1,
} ergo_kv_type;

/**
 * The work of one step of `tokens` tokens in `sequences` sequences (of them `outputs` give logits)
 * at `context` positions each, for the whole model. Nothing is executed.
 */
ergo_work ergo_model_work(const ergo_model *model, uint32_t tokens, uint32_t outputs,
                          uint32_t context, ergo_kv_type kv);

/** Number of steps in the plan. */
size_t ergo_model_step_count(const ergo_model *model);

/**
 * Describes step `i` of the plan in one line of text, such as
 * "matmul blk.0.attn_q Q4_0 2048x2048: v3 -> v4". `*size` is the length, also on ERGO_E_MEMORY.
 */
ergo_status ergo_model_step_text(const ergo_model *model, size_t i, char *buffer, size_t capacity,
                                 size_t *size);

/** The work of step `i` alone; arguments as for ergo_model_work. */
ergo_work ergo_model_step_work(const ergo_model *model, size_t i, uint32_t tokens, uint32_t outputs,
                               uint32_t context, ergo_kv_type kv);

#ifdef __cplusplus
}
#endif
#endif
