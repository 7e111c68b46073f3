/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TESTS_TOKENIZER_FIXTURE_H
#define ERGO_TESTS_TOKENIZER_FIXTURE_H

#include "ergo/tokenizer.h"
#include "tests/fakes/gguf_builder.h"

/* Small vocabularies written by hand, and what tests do with any vocabulary. */

typedef struct vocab_token {
    const char *text;
    int32_t type; /**< as in files: 1 normal, 2 unknown, 3 control, 4 user-defined, 6 byte */
    float score;
} vocab_token;

enum { VOCAB_TOKENS_MAX = 400, VOCAB_EXTRA_MAX = 8 };

/** A vocabulary to be written as a file. NULL, 0 and empty leave the key out. */
typedef struct vocab_spec {
    const char *model, *pre, *name;
    vocab_token tokens[VOCAB_TOKENS_MAX];
    size_t token_count;
    const char *const *merges;
    size_t merge_count;
    bool no_types, no_scores, no_merges, no_tokens;
    struct {
        const char *key;
        uint32_t value;
    } numbers[VOCAB_EXTRA_MAX], flags[VOCAB_EXTRA_MAX];
} vocab_spec;

/** SentencePiece: <unk>, <s>, </s>, 256 byte tokens; then `tokens` of the given scores. */
vocab_spec vocab_spm(void);
/** Byte level: the 256 tokens of single bytes, in the order of the bytes. */
vocab_spec vocab_bpe(const char *pre);

/** Adds a token and gives its id. */
ergo_token vocab_add(vocab_spec *spec, const char *text, int32_t type, float score);

void vocab_write(const vocab_spec *spec, gguf_builder *b);

/** A vocabulary that is open, with what it logged. */
typedef struct vocab_opened {
    gguf_builder built;
    void *blocks[2];
    ergo_tokenizer *tokenizer;
    char log[2048];
    size_t logged;
} vocab_opened;

/** Opens what is written; on an error `tokenizer` is NULL. Close it in any case. */
ergo_status vocab_open(const vocab_spec *spec, vocab_opened *v);
/** The same for the bytes of a file. */
ergo_status vocab_open_bytes(ergo_bytes file, vocab_opened *v);
/** The same for a file; ends the test when it cannot be read. */
ergo_status vocab_open_file(const char *path, vocab_opened *v);
void vocab_close(vocab_opened *v);

/** The ids of a text, in memory that the caller frees. */
ergo_token *vocab_encode(const ergo_tokenizer *t, ergo_str text, unsigned flags, size_t *count);

/** The bytes of ids, decoded one after the other, ended by NUL; the caller frees them. */
char *vocab_decode(const ergo_tokenizer *t, const ergo_token *ids, size_t count, bool special,
                   size_t *size);

/** The text has exactly these ids; ERGO_TOKEN_NONE ends the list. */
void vocab_expect(const ergo_tokenizer *t, const char *text, unsigned flags, ...);

#endif
