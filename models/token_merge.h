/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_MODELS_TOKEN_MERGE_H
#define ERGO_MODELS_TOKEN_MERGE_H

#include "models/tokenizer_vocab.h"

/*
 * Both kinds of vocabulary cut a text into its smallest symbols and then merge neighbours, always
 * the pair of the best priority in the whole text and of equal ones the leftmost. The symbols form
 * a linked list; a heap holds at most one entry per symbol: its merge with the symbol behind it.
 */

#define ERGO__NO_SYMBOL UINT32_MAX

typedef struct ergo__symbol {
    uint32_t start;      /**< in the text; it ends where the next symbol starts */
    uint32_t prev, next; /**< neighbours, or ERGO__NO_SYMBOL */
    ergo_token id;       /**< or ERGO_TOKEN_NONE */
    ergo_token merged;   /**< what the merge with the next symbol gives */
    uint32_t place;      /**< in the heap, or ERGO__NO_SYMBOL */
} ergo__symbol;

typedef struct ergo__heap_entry {
    uint32_t priority; /**< less is better */
    uint32_t symbol;
} ergo__heap_entry;

/** Symbols in the order of (priority, index), the least first. */
typedef struct ergo__heap {
    ergo__symbol *symbols;
    ergo__heap_entry *entries;
    uint32_t count;
} ergo__heap;

/** Puts a symbol in, or moves it to where its changed priority belongs. */
void ergo__heap_put(ergo__heap *heap, uint32_t symbol, uint32_t priority);

/** Takes a symbol out, where it is in. */
void ergo__heap_drop(ergo__heap *heap, uint32_t symbol);

/** Takes the first symbol out. The heap must not be empty. */
uint32_t ergo__heap_pop(ergo__heap *heap);

/** Room to tokenize one text in: part of the caller's scratch. */
typedef struct ergo__workspace {
    ergo__symbol *symbols;
    ergo__heap_entry *entries; /**< one per symbol */
    uint32_t *marks;           /**< one per byte of text: which special tokens lie where */
    char *escaped;             /**< SentencePiece only: the text with its spaces escaped */
} ergo__workspace;

/** Ids as they are found: counted on when there is no more room. */
typedef struct ergo__ids {
    ergo_token *data;
    size_t capacity;
    size_t count;
} ergo__ids;

void ergo__ids_add(ergo__ids *ids, ergo_token id);

/**
 * Merges `count` symbols (start and id set) of the text as far as the vocabulary goes. The first
 * symbol stays the first; follow `next` for what is left.
 */
void ergo__merge_all(const ergo_tokenizer *tokenizer, ergo_str text, ergo__workspace *space,
                     uint32_t count);

/** Tokenize a text without special tokens. */
void ergo__bpe_encode(const ergo_tokenizer *tokenizer, ergo_str text, ergo__workspace *space,
                      ergo__ids *ids);
void ergo__spm_encode(const ergo_tokenizer *tokenizer, ergo_str text, bool space_before,
                      ergo__workspace *space, ergo__ids *ids);

/** Most bytes of the escaped text for a text of this many bytes. */
size_t ergo__spm_escaped(size_t text_bytes);

#endif
