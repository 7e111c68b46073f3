/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "models/token_merge.h"
#include "runtime/base/checked.h"

/* From text to ids: the special tokens that are written in it, and the texts between them. */

/* So that every offset, also into the escaped text, fits 32 bits. */
#define TEXT_MAX ((size_t)1 << 30)

/* Marks of bytes of the text: free, inside a special token, or at the start of one. */
enum { FREE = 0, TAKEN = 1, TOKEN = 2 };

static void lay_out(const ergo_tokenizer *t, size_t bytes, ergo__arena *arena,
                    ergo__workspace *space)
{
    const size_t symbols = t->byte_level ? bytes : bytes + 1; /* the space in front */
    space->symbols = ERGO__TAKE(arena, ergo__symbol, symbols);
    space->entries = ERGO__TAKE(arena, ergo__heap_entry, symbols);
    space->marks = ERGO__TAKE(arena, uint32_t, bytes);
    if (!t->byte_level)
        space->escaped = ERGO__TAKE(arena, char, ergo__spm_escaped(bytes));
}

size_t ergo_tokenize_scratch(const ergo_tokenizer *tokenizer, size_t text_bytes)
{
    ergo__arena arena = ergo__arena_counting();
    ergo__workspace space;
    lay_out(tokenizer, text_bytes, &arena, &space);
    return ergo__arena_status(&arena) ? SIZE_MAX : arena.used;
}

static size_t size_of(const ergo_tokenizer *t, ergo_token id)
{
    return ergo__vocab_text(t, id).size;
}

/* Puts the symbol in the heap with the longest special token shorter than `limit` that starts
 * where it does. Longer tokens come first, wherever they are. */
static bool offer(const ergo_tokenizer *t, ergo_str text, bool control, size_t limit,
                  ergo__heap *heap, uint32_t i)
{
    ergo__symbol *symbol = &heap->symbols[i];
    symbol->id = ergo__vocab_find_special(t, text, symbol->start, limit, control);
    if (symbol->id == ERGO_TOKEN_NONE)
        return false;
    ergo__heap_put(heap, i, t->special_max - (uint32_t)size_of(t, symbol->id));
    return true;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Takes the bytes of a special token, and the white space that it swallows. */
static void take(const ergo_tokenizer *t, ergo_str text, uint32_t *marks, size_t start,
                 ergo_token id)
{
    const size_t end = start + size_of(t, id);
    for (size_t i = start; i < end; i++)
        marks[i] = TAKEN;
    marks[start] = TOKEN + (uint32_t)id;
    if (t->attributes[id] & ERGO__TOKEN_RSTRIP)
        for (size_t i = end; i < text.size && marks[i] == FREE && is_space(text.data[i]); i++)
            marks[i] = TAKEN;
    if (t->attributes[id] & ERGO__TOKEN_LSTRIP)
        for (size_t i = start; i > 0 && marks[i - 1] == FREE && is_space(text.data[i - 1]); i--)
            marks[i - 1] = TAKEN;
}

/*
 * Marks the special tokens in the text: the longest one first wherever it stands, then the longest
 * in what is left, and so on. A token is never longer than one taken before it, so it overlaps none
 * exactly when its first and last byte are free. False when there are none.
 */
static bool mark_special(const ergo_tokenizer *t, ergo_str text, bool control,
                         ergo__workspace *space)
{
    ergo__heap heap = {.symbols = space->symbols, .entries = space->entries};
    uint32_t count = 0;
    for (size_t pos = 0; pos < text.size; pos++) {
        space->symbols[count] = (ergo__symbol){.start = (uint32_t)pos, .place = ERGO__NO_SYMBOL};
        if (offer(t, text, control, SIZE_MAX, &heap, count))
            count++;
    }
    if (count == 0)
        return false;
    memset(space->marks, 0, text.size * sizeof *space->marks);
    while (heap.count) {
        const uint32_t i = ergo__heap_pop(&heap);
        const size_t start = space->symbols[i].start;
        const size_t size = size_of(t, space->symbols[i].id);
        if (space->marks[start] != FREE)
            continue;
        if (space->marks[start + size - 1] == FREE)
            take(t, text, space->marks, start, space->symbols[i].id);
        else
            (void)offer(t, text, control, size, &heap, i);
    }
    return true;
}

static void encode_text(const ergo_tokenizer *t, ergo_str text, bool first, ergo__workspace *space,
                        ergo__ids *ids)
{
    if (t->byte_level)
        ergo__bpe_encode(t, text, space, ids);
    else
        ergo__spm_encode(t, text, first && t->adds_space, space, ids);
}

/* The texts between the marks, and the tokens that the marks name. */
static void encode_marked(const ergo_tokenizer *t, ergo_str text, ergo__workspace *space,
                          ergo__ids *ids)
{
    const uint32_t *marks = space->marks;
    bool first = true; /* in the text, or behind a special token */
    for (size_t pos = 0; pos < text.size;) {
        size_t end = pos;
        while (end < text.size && marks[end] == FREE)
            end++;
        if (end > pos) {
            encode_text(t, (ergo_str){text.data + pos, end - pos}, first, space, ids);
            first = false;
        } else {
            if (marks[end] >= TOKEN) {
                ergo__ids_add(ids, (ergo_token)(marks[end] - TOKEN));
                first = true;
            }
            end++;
        }
        pos = end;
    }
}

ergo_status ergo_tokenize(const ergo_tokenizer *t, ergo_str text, unsigned flags,
                          ergo_block scratch, ergo_token *ids, size_t capacity, size_t *count)
{
    if (!t || !count || (text.size && !text.data) || (capacity && !ids))
        return ERGO_E_ARGUMENT;
    if (text.size > TEXT_MAX)
        return ergo__fail(&t->log, ERGO_E_LIMIT, "a text of %zu bytes is too long", text.size);
    ergo__workspace space = {0};
    if (text.size) {
        ergo__arena arena = ergo__arena_over(scratch);
        lay_out(t, text.size, &arena, &space);
        if (ergo__arena_status(&arena)) {
            *count = 0;
            return ERGO_E_MEMORY;
        }
    }
    ergo__ids out = {.data = ids, .capacity = capacity};
    const bool special = flags & ERGO_TOKENIZE_SPECIAL;
    const bool ends = flags & ERGO_TOKENIZE_BOS;
    if (ends && t->adds_bos)
        ergo__ids_add(&out, t->bos);
    if ((special || t->has_user_tokens) && mark_special(t, text, special, &space))
        encode_marked(t, text, &space, &out);
    else if (text.size)
        encode_text(t, text, true, &space, &out);
    if (ends && t->adds_eos)
        ergo__ids_add(&out, t->eos);
    *count = out.count;
    return out.count > capacity ? ERGO_E_MEMORY : ERGO_OK;
}
