/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "models/token_merge.h"
#include "runtime/base/checked.h"

/* SentencePiece's byte pair encoding: every character is a symbol, spaces are written as U+2581,
 * and the pair whose text is the token of the highest score merges first. What is no token in the
 * end is written byte by byte. */

size_t ergo__spm_escaped(size_t text_bytes)
{
    return 3 * (text_bytes + 1);
}

/* U+2581 */
static const char space_mark[3] = {'\xe2', '\x96', '\x81'};

static size_t escape(ergo_str text, bool space_before, char *escaped)
{
    size_t size = 0;
    if (space_before) {
        memcpy(escaped, space_mark, 3);
        size = 3;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == ' ') {
            memcpy(escaped + size, space_mark, 3);
            size += 3;
        } else {
            escaped[size++] = text.data[i];
        }
    }
    return size;
}

/* The bytes of the symbol at `at`: as many as its first byte promises. A stray byte counts for
 * itself, and a sequence that is cut off ends before a space, so that the space stays whole. */
static size_t symbol_size(ergo_str text, size_t at)
{
    const unsigned char lead = (unsigned char)text.data[at];
    const size_t promised = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    const size_t left = text.size - at;
    for (size_t i = 1; i < promised && i < left; i++)
        if (left - i >= 3 && memcmp(text.data + at + i, space_mark, 3) == 0)
            return i;
    return ergo__min_size(promised, left);
}

static void add_bytes(const ergo_tokenizer *t, ergo_str symbol, ergo__ids *ids)
{
    for (size_t i = 0; i < symbol.size; i++) {
        const ergo_token id = t->byte_token[(unsigned char)symbol.data[i]];
        if (id == ERGO_TOKEN_NONE) { /* no byte fallback: the symbol is unknown as a whole */
            if (t->unknown != ERGO_TOKEN_NONE)
                ergo__ids_add(ids, t->unknown);
            return;
        }
        ergo__ids_add(ids, id);
    }
}

void ergo__spm_encode(const ergo_tokenizer *t, ergo_str raw, bool space_before,
                      ergo__workspace *space, ergo__ids *ids)
{
    const ergo_str text = {space->escaped, escape(raw, space_before, space->escaped)};
    const ergo_str empty = {"", 0};
    uint32_t count = 0;
    for (size_t at = 0; at < text.size; count++) {
        const size_t size = symbol_size(text, at);
        space->symbols[count].start = (uint32_t)at;
        space->symbols[count].id = ergo__vocab_find(t, (ergo_str){text.data + at, size}, empty);
        at += size;
    }
    ergo__merge_all(t, text, space, count);
    for (uint32_t i = 0; i != ERGO__NO_SYMBOL;) {
        const ergo__symbol *symbol = &space->symbols[i];
        i = symbol->next;
        const size_t end = i == ERGO__NO_SYMBOL ? text.size : space->symbols[i].start;
        if (symbol->id != ERGO_TOKEN_NONE)
            ergo__ids_add(ids, symbol->id);
        else
            add_bytes(t, (ergo_str){text.data + symbol->start, end - symbol->start}, ids);
    }
}
