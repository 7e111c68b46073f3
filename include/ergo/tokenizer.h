/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOKENIZER_H
#define ERGO_TOKENIZER_H

#include "base.h"
#include "gguf.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A token id: an index into the vocabulary. */
typedef int32_t ergo_token;
#define ERGO_TOKEN_NONE (-1)

/** The vocabulary of a GGUF file and its rules. Immutable once open: any thread may use it. */
typedef struct ergo_tokenizer ergo_tokenizer;

typedef struct ergo_tokenizer_config {
    ergo_log log;
    const char *name; /**< what messages call the file; NULL means "model" */
} ergo_tokenizer_config;

/**
 * Bytes that ergo_tokenizer_open will take. Errors: ERGO_E_NOT_FOUND when the file has no
 * vocabulary, ERGO_E_UNSUPPORTED for an unknown tokenizer.ggml.model or .pre (named in the log),
 * ERGO_E_FORMAT for an inconsistent vocabulary.
 */
ergo_status ergo_tokenizer_size(const ergo_gguf *gguf, const ergo_tokenizer_config *config,
                                size_t *size);

/** Opens the vocabulary; `gguf` and its file must outlive it. */
ergo_status ergo_tokenizer_open(const ergo_gguf *gguf, const ergo_tokenizer_config *config,
                                ergo_block memory, ergo_tokenizer **out);

enum {
    ERGO_TOKENIZE_BOS = 1,     /**< put BOS (and EOS) where the file asks for it */
    ERGO_TOKENIZE_SPECIAL = 2, /**< read control tokens written in the text, such as <|im_end|> */
};

/** Bytes of scratch that ergo_tokenize needs for `text_bytes` bytes of text: linear in it. */
size_t ergo_tokenize_scratch(const ergo_tokenizer *tokenizer, size_t text_bytes);

/**
 * Text (UTF-8; malformed bytes are kept) to ids. `scratch` (of ergo_tokenize_scratch bytes) is
 * used during the call only. At most `capacity` ids are written; `*count` is set to the number
 * that the text has, also on ERGO_E_MEMORY, which says that either block was too small: 0 then
 * stands for the scratch. text_bytes + 8 ids suffice, unless the vocabulary has special tokens of
 * a single byte or none for the space: then 4 * text_bytes + 8 do. Time is O(n log n) in the text,
 * whatever it holds. Other errors: ERGO_E_ARGUMENT; ERGO_E_LIMIT for a text of more than 1 GiB.
 */
ergo_status ergo_tokenize(const ergo_tokenizer *tokenizer, ergo_str text, unsigned flags,
                          ergo_block scratch, ergo_token *ids, size_t capacity, size_t *count);

/**
 * Writes the bytes that token `id` stands for, without any rule that depends on its neighbours.
 * With `special`, control tokens give their name, otherwise nothing. `*size` is set to the number
 * of bytes, also on ERGO_E_MEMORY. Errors: ERGO_E_ARGUMENT for an id outside the vocabulary.
 */
ergo_status ergo_token_bytes(const ergo_tokenizer *tokenizer, ergo_token id, bool special,
                             char *buffer, size_t capacity, size_t *size);

/**
 * Decodes a text token by token, applying what depends on neighbours (SPM drops the space before
 * the first word). Start from zeroed; then one call per token, as for ergo_token_bytes.
 */
typedef struct ergo_decoder {
    bool started; /**< a token that stands for text has been decoded */
} ergo_decoder;
ergo_status ergo_decode(const ergo_tokenizer *tokenizer, ergo_decoder *decoder, ergo_token id,
                        bool special, char *buffer, size_t capacity, size_t *size);

/** Most bytes that one token can stand for: a buffer of this size always suffices. */
size_t ergo_token_bytes_max(const ergo_tokenizer *tokenizer);

/** Number of tokens; ids are below it. */
size_t ergo_tokenizer_count(const ergo_tokenizer *tokenizer);

/** The token with exactly this text (as stored in the file), or ERGO_TOKEN_NONE. */
ergo_token ergo_tokenizer_find(const ergo_tokenizer *tokenizer, ergo_str text);

/** True for tokens that end a text: EOS, EOT, EOM and what families use for them. */
bool ergo_token_is_eog(const ergo_tokenizer *tokenizer, ergo_token id);

/** True for control tokens, which stand for no text. */
bool ergo_token_is_control(const ergo_tokenizer *tokenizer, ergo_token id);

/** Beginning and end of text, or ERGO_TOKEN_NONE where the vocabulary has none. */
ergo_token ergo_tokenizer_bos(const ergo_tokenizer *tokenizer);
ergo_token ergo_tokenizer_eos(const ergo_tokenizer *tokenizer);

/** Whether the file asks for BOS in front of a text. */
bool ergo_tokenizer_adds_bos(const ergo_tokenizer *tokenizer);

#ifdef __cplusplus
}
#endif
#endif
