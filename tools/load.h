/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_LOAD_H
#define ERGO_TOOLS_LOAD_H

#include "ergo/ergo.h"
#include "tools/energy.h"
#include "tools/file_map.h"
#include "tools/options.h"

/**
 * A file and what has been opened over it, in the order of opening. Zeroed is closed; any prefix
 * of the chain may be open. Failures have been reported when a call returns.
 */
typedef struct loaded {
    const char *path;
    ergo_log log;
    file_map map;
    void *gguf_memory, *tokenizer_memory, *model_memory, *device_memory, *engine_memory;
    ergo_gguf *gguf;           /**< of load_gguf */
    ergo_tokenizer *tokenizer; /**< of load_tokenizer */
    ergo_model *model;         /**< of load_model */
    ergo_model_info info;
    const ergo_tokenizer *words; /**< the model's or of load_tokenizer; NULL for none */
    ergo_device *device;         /**< of load_device */
    ergo_engine *engine;         /**< of load_engine */
    size_t model_bytes, device_bytes;
    double seconds; /**< spent in the calls below */
    energy energy;  /**< of energy_open, for commands that run the model; closed by load_close */
} loaded;

/**
 * Maps and opens the file alone, which works for any valid GGUF file. Where `map` is open already,
 * that is the file, and `path` what messages call it.
 */
tool_exit load_gguf(loaded *state, const char *path, const common_options *options);

/** Then its vocabulary. */
tool_exit load_tokenizer(loaded *state);

/** Then the model; opens the file first where load_gguf has not. */
tool_exit load_model(loaded *state, const char *path, const common_options *options);

/** Then the device. `threads` 0 means all. */
tool_exit load_device(loaded *state, const common_options *options);

/** Then an engine; `config->log` and `config->release` are filled in. */
tool_exit load_engine(loaded *state, ergo_engine_config *config);

void load_close(loaded *state);

/** Ids of a text, allocated. `flags` as for ergo_tokenize. */
typedef struct token_list {
    ergo_token *ids;
    size_t count;
} token_list;
tool_exit load_tokenize(const ergo_tokenizer *words, ergo_str text, unsigned flags,
                        token_list *out);

#endif
