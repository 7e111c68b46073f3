/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_SYNTH_VOCAB_H
#define ERGO_TOOLS_SYNTH_VOCAB_H

#include "tools/gguf_write.h"

/**
 * Writes the tokenizer entries of a made-up byte-level BPE vocabulary of `count` tokens: the 256
 * bytes, the end-of-text token <|endoftext|>, pairs of letters with their merges, and fillers, so
 * that any text can be encoded and any id decoded. `count` is at least 1024.
 */
void synth_vocab_write(gguf_writer *writer, uint32_t count);

#endif
