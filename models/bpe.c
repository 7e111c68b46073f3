/* SPDX-License-Identifier: Apache-2.0 */
#include "models/token_merge.h"

/* Byte-level byte pair encoding: every byte of a word is a symbol, and pairs of tokens merge in the
 * order of the file's list. */

static void encode_word(const ergo_tokenizer *t, ergo_str word, ergo__workspace *space,
                        ergo__ids *ids)
{
    if (t->rule->whole_words) {
        const ergo_token whole = ergo__vocab_find_bytes(t, word);
        if (whole != ERGO_TOKEN_NONE) {
            ergo__ids_add(ids, whole);
            return;
        }
    }
    for (uint32_t i = 0; i < word.size; i++) {
        space->symbols[i].start = i;
        space->symbols[i].id = t->byte_token[(unsigned char)word.data[i]];
    }
    ergo__merge_all(t, word, space, (uint32_t)word.size);
    for (uint32_t i = 0; i != ERGO__NO_SYMBOL; i = space->symbols[i].next)
        if (space->symbols[i].id != ERGO_TOKEN_NONE) /* a byte without a token has no way out */
            ergo__ids_add(ids, space->symbols[i].id);
}

void ergo__bpe_encode(const ergo_tokenizer *t, ergo_str text, ergo__workspace *space,
                      ergo__ids *ids)
{
    ergo__words words = ergo__words_of(t->rule, text);
    for (ergo_str word; ergo__words_next(&words, &word);)
        encode_word(t, word, space, ids);
}
