/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TESTS_TINY_MODEL_H
#define ERGO_TESTS_TINY_MODEL_H

#include "ergo/gguf.h"
#include "tests/fakes/gguf_builder.h"

/*
 * Models of a few thousand random weights, of every family, as lists of entries and tensors that a
 * test may change before they are written to a file.
 */

typedef struct tiny_spec {
    const char *arch;      /**< NULL means "llama" */
    ergo_type type;        /**< of matrices, F32 or Q8_0 or F16; vectors are F32 */
    uint32_t layers;       /**< 0 means 2 */
    uint32_t embedding;    /**< 0 means 64 */
    uint32_t heads;        /**< 0 means 4 */
    uint32_t kv_heads;     /**< 0 means 2 */
    uint32_t head_dim;     /**< 0 means embedding / heads; written only where it differs */
    uint32_t feed_forward; /**< 0 means 96 */
    uint32_t vocabulary;   /**< 0 means TINY_VOCABULARY */
    uint32_t context;      /**< 0 means 256 */
    uint64_t seed;         /**< 0 means 1 */
    bool tied;             /**< no output.weight */
    bool text;             /**< with a vocabulary: <unk>, <s>, </s>, then one token per character
                                from space to tilde */
} tiny_spec;

#define TINY_VOCABULARY 98u
#define TINY_BOS 1
#define TINY_EOS 2
/** The token of one printable character. */
#define TINY_TOKEN(c) ((int32_t)(c)-32 + 3)

typedef struct tiny_kv {
    char key[96];
    uint32_t type; /* of GGUF: 4 u32, 6 f32, 8 text, 9 array of u32 */
    uint32_t u32[16];
    uint32_t count; /* of an array */
    float f32;
    char text[32];
} tiny_kv;

typedef struct tiny_tensor {
    char name[64];
    uint64_t shape[2];
    ergo_type type;
    float *values;
} tiny_tensor;

#define TINY_KV_MAX 32
#define TINY_TENSORS_MAX 96

typedef struct tiny_model {
    tiny_spec spec; /* with the defaults filled in */
    tiny_kv kv[TINY_KV_MAX];
    size_t kv_count;
    tiny_tensor tensors[TINY_TENSORS_MAX];
    size_t tensor_count;
    uint64_t random;
} tiny_model;

/** The families that there are, NULL at the end. */
extern const char *const tiny_families[];

void tiny_model_open(tiny_model *m, const tiny_spec *spec);
void tiny_model_close(tiny_model *m);

/** Adds or replaces "ARCH.key" ("general." and "tokenizer." keys are taken as they are). */
void tiny_set_u32(tiny_model *m, const char *key, uint32_t value);
void tiny_set_f32(tiny_model *m, const char *key, float value);
void tiny_set_text(tiny_model *m, const char *key, const char *value);
void tiny_set_array(tiny_model *m, const char *key, const uint32_t *values, uint32_t count);
void tiny_drop_key(tiny_model *m, const char *key);

/** A tensor of random values around `mean`; a row of `columns` where rows is 1. */
tiny_tensor *tiny_add(tiny_model *m, const char *name, uint64_t columns, uint64_t rows, float mean,
                      float deviation);
tiny_tensor *tiny_find(tiny_model *m, const char *name);
void tiny_drop(tiny_model *m, const char *name);

/** Replaces tensors by one with their rows one after the other. */
void tiny_fuse(tiny_model *m, const char *const *names, size_t count, const char *as);

/** Writes the file; the bytes are aligned for use in place. Free with gguf_builder_free. */
void tiny_write(const tiny_model *m, gguf_builder *file);

#endif
