/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_MODELS_TOKENIZER_VOCAB_H
#define ERGO_MODELS_TOKENIZER_VOCAB_H

#include "ergo/tokenizer.h"
#include "models/pretokenize.h"
#include "runtime/base/arena.h"
#include "runtime/base/log.h"

/* What the files of the tokenizer share. */

/** What a token is. One that has several of the first four bits is written as its text. */
enum {
    ERGO__TOKEN_CONTROL = 1,
    ERGO__TOKEN_USER = 2, /**< user-defined: found in every text before anything else */
    ERGO__TOKEN_UNKNOWN = 4,
    ERGO__TOKEN_NORMAL = 8,
    ERGO__TOKEN_BYTE = 16,
    ERGO__TOKEN_EOG = 32,
    ERGO__TOKEN_RSTRIP = 64,  /**< swallows the white space behind it */
    ERGO__TOKEN_LSTRIP = 128, /**< swallows the white space before it */
    ERGO__TOKEN_SPECIAL = ERGO__TOKEN_CONTROL | ERGO__TOKEN_USER | ERGO__TOKEN_UNKNOWN,
};

/** Two tokens that merge into a third. Its place in the list is its rank: lower merges first. */
typedef struct ergo__merge {
    ergo_token left, right, merged;
} ergo__merge;

/** Marks a free place in the hash tables. */
#define ERGO__NO_SLOT UINT32_MAX

struct ergo_tokenizer {
    ergo_log log;
    bool byte_level; /* byte pair encoding; otherwise SentencePiece's */
    const ergo__pretokenizer *rule;

    uint32_t count;      /* tokens */
    uint32_t text_max;   /* bytes of the longest text */
    const char *texts;   /* the file's array of strings */
    uint32_t *offset;    /* [count + 1] of the text in it; the next string's length lies between */
    uint8_t *attributes; /* [count] */
    uint32_t *slots;     /* [slot_mask + 1] token by hash of its text */
    uint32_t slot_mask;

    const ergo_gguf_kv *scores; /* SentencePiece only; NULL when all are 0 */
    ergo__merge *merges;        /* byte level only, [merge_count] */
    uint32_t *merge_slots;      /* [merge_mask + 1] merge by hash of its pair */
    uint32_t merge_count, merge_mask;
    ergo_token byte_token[256]; /* the token of a single byte, or ERGO_TOKEN_NONE */

    uint8_t *special_length; /* [text_max + 1] 1 where a special token has that length */
    uint32_t special_max;    /* the longest */
    bool special_first[256]; /* bytes that special tokens start with */
    bool has_user_tokens;

    ergo_token bos, eos, unknown;
    bool adds_bos, adds_eos, adds_space;
};

/** The text of a token as the file has it. */
ergo_str ergo__vocab_text(const ergo_tokenizer *tokenizer, ergo_token id);

/** The token whose text is `a` followed by `b`, or ERGO_TOKEN_NONE. */
ergo_token ergo__vocab_find(const ergo_tokenizer *tokenizer, ergo_str a, ergo_str b);

/** The byte-level token that stands for exactly these bytes, or ERGO_TOKEN_NONE. */
ergo_token ergo__vocab_find_bytes(const ergo_tokenizer *tokenizer, ergo_str bytes);

/** The longest special token at `pos` of `text` that is shorter than `limit` bytes, or
 * ERGO_TOKEN_NONE. Without `control`, only user-defined tokens count. */
ergo_token ergo__vocab_find_special(const ergo_tokenizer *tokenizer, ergo_str text, size_t pos,
                                    size_t limit, bool control);

/** The merge of two tokens, or NULL. */
const ergo__merge *ergo__vocab_merge(const ergo_tokenizer *tokenizer, ergo_token left,
                                     ergo_token right);

/** Writes the byte-level alphabet's text of a byte (1 or 2 bytes of UTF-8) and gives its size. */
size_t ergo__byte_text(uint8_t byte, char text[2]);

/** The byte that a character of the byte-level alphabet stands for, or -1. */
static inline int ergo__byte_of_code(uint32_t code)
{
    if ((code > 0x20 && code < 0x7f) || (code > 0xa0 && code <= 0xff && code != 0xad))
        return (int)code;
    if (code >= 0x100 && code <= 0x120)
        return (int)(code - 0x100);
    if (code >= 0x121 && code <= 0x142)
        return (int)(code - 0x121 + 0x7f);
    return code == 0x143 ? 0xad : -1;
}

/** The value of a byte token's text, "<0xHH>", or -1. */
int ergo__byte_of_text(ergo_str text);

/** Sizes of what is laid out, read from the file. */
typedef struct ergo__vocab_shape {
    const ergo_gguf_kv *tokens, *types, *scores, *merges;
    uint32_t count, text_max, merge_count;
} ergo__vocab_shape;

/** What opening works on. */
typedef struct ergo__vocab_source {
    const ergo_gguf *gguf;
    const char *name; /**< of the file, in messages */
    ergo_log log;
    ergo__vocab_shape shape;
} ergo__vocab_source;

/* The steps of opening: each fills its part of the tokenizer. */
ergo_status ergo__vocab_fill_tokens(ergo_tokenizer *tokenizer, const ergo__vocab_source *source);
ergo_status ergo__vocab_fill_merges(ergo_tokenizer *tokenizer, const ergo__vocab_source *source);
ergo_status ergo__vocab_fill_special(ergo_tokenizer *tokenizer, const ergo__vocab_source *source);

#endif
