/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_MODELS_PRETOKENIZE_H
#define ERGO_MODELS_PRETOKENIZE_H

#include "models/characters.h"

/*
 * Pre-tokenizers cut a text into words, within which byte pairs are then merged. Each is published
 * as a list of regular expressions: the first cuts the text into matches and the gaps between them,
 * the next cuts every such piece again, and so on. Here each expression is a scanner that looks at
 * a bounded number of characters beyond the piece it returns, so that time is linear.
 */

/** A set of characters: kinds, and ranges of codes. */
typedef struct ergo__char_set {
    unsigned kinds;
    const uint32_t (*ranges)[2]; /**< ascending, both ends included */
    size_t range_count;
} ergo__char_set;

/** One scanner and its parameters; which of them count depends on `split`. */
typedef struct ergo__pass ergo__pass;
struct ergo__pass {
    /** The end, in (pos, end], of the piece that starts at `pos` of the text that ends at `end`. */
    size_t (*split)(const ergo__pass *pass, const char *text, size_t pos, size_t end);
    ergo__char_set set;
    size_t most;         /**< characters of the set, or digits, in one piece; 0 means any number */
    bool leading_space;  /**< a piece of the set may start with one white space */
    unsigned letters;    /**< kinds that make a word */
    bool cased;          /**< words end where lower case turns into upper case */
    uint8_t contraction; /**< one of enum ergo__contraction */
    const char *tail;    /**< what may follow punctuation in the same piece */
};

enum ergo__contraction {
    ERGO__CONTRACTION_NONE,
    ERGO__CONTRACTION_APART,    /**< 's, 't, … are pieces of their own */
    ERGO__CONTRACTION_ATTACHED, /**< they belong to the word before them */
};

/* The scanners. */
size_t ergo__split_set(const ergo__pass *pass, const char *text, size_t pos, size_t end);
size_t ergo__split_trailing_space(const ergo__pass *pass, const char *text, size_t pos, size_t end);
size_t ergo__split_triples(const ergo__pass *pass, const char *text, size_t pos, size_t end);
size_t ergo__split_gpt2(const ergo__pass *pass, const char *text, size_t pos, size_t end);
size_t ergo__split_words(const ergo__pass *pass, const char *text, size_t pos, size_t end);
size_t ergo__split_deepseek3(const ergo__pass *pass, const char *text, size_t pos, size_t end);

#define ERGO__PASSES_MAX 6

/** A pre-tokenizer as files name it (tokenizer.ggml.pre), with the defaults that go with it. */
typedef struct ergo__pretokenizer {
    const char *name;
    const ergo__pass *passes;
    uint8_t pass_count;
    bool whole_words; /**< a word that is a token is not split, whatever the merges say */
    bool adds_bos;    /**< unless the file says otherwise */
    bool no_bos;      /**< has no BOS unless the file names one */
} ergo__pretokenizer;

/** The pre-tokenizer of that name, or NULL. Static. */
const ergo__pretokenizer *ergo__pretokenizer_find(ergo_str name);

/** Goes through the words of a text. */
typedef struct ergo__words {
    const ergo__pretokenizer *rule;
    const char *text;
    unsigned depth;
    size_t pos[ERGO__PASSES_MAX];
    size_t end[ERGO__PASSES_MAX];
} ergo__words;

ergo__words ergo__words_of(const ergo__pretokenizer *rule, ergo_str text);

/** The next word, or false at the end of the text. */
bool ergo__words_next(ergo__words *words, ergo_str *word);

#endif
