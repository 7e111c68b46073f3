/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_RUNTIME_MODEL_STATE_H
#define ERGO_RUNTIME_MODEL_STATE_H

#include "ergo/model.h"
#include "runtime/plan.h"

/*
 * What an engine needs of a model. The models/ side fills it from a file; the engine and the
 * backends only read it.
 */
struct ergo_model {
    ergo_log log;
    const char *name; /* what messages call it */
    const ergo_gguf *gguf;
    ergo_tokenizer *tokenizer; /* NULL where the file has no vocabulary */
    ergo_model_info info;
    ergo__plan plan;
    uint64_t
        fingerprint; /* of the file's metadata and samples of its weights, for saved sessions */
};

#endif
