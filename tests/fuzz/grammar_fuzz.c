/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "ergo/grammar.h"
#include "runtime/grammar_match.h"

/*
 * The input is a grammar, then a NUL, then a text that is fed in pieces of one to four bytes. It
 * must end in good time without touching foreign memory, whatever it holds; and a piece is accepted
 * where it advances and nowhere else, memory permitting.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void *aligned(size_t size)
{
    return aligned_alloc(ERGO_BLOCK_ALIGN,
                         (size + ERGO_BLOCK_ALIGN) / ERGO_BLOCK_ALIGN * ERGO_BLOCK_ALIGN);
}

static void match(const ergo_grammar *grammar, ergo_str text)
{
    ergo__arena counting = ergo__arena_counting();
    ergo__grammar_state_take(&counting, grammar);
    void *memory = aligned(counting.used);
    ergo__arena arena = ergo__arena_over((ergo_block){memory, counting.used});
    ergo__grammar_state *state = ergo__grammar_state_take(&arena, grammar);
    ergo_status status = ergo__grammar_reset(state);
    for (size_t at = 0; status == ERGO_OK && at < text.size;) {
        const size_t rest = text.size - at, n = (unsigned char)text.data[at] % 4 + 1u;
        const ergo_str piece = {text.data + at, n < rest ? n : rest};
        const bool accepts = ergo__grammar_accepts(state, piece);
        const bool limited = ergo__grammar_limited(state);
        status = ergo__grammar_advance(state, piece);
        if (!limited && status != ERGO_E_LIMIT && accepts != (status == ERGO_OK))
            abort();
        at += piece.size;
    }
    free(memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
    const size_t grammar_size = nul ? (size_t)(nul - data) : size;
    const ergo_str text = {(const char *)data, grammar_size};
    const ergo_grammar_config config = {.max_rules = 256, .max_elements = 4096};
    size_t bytes;
    if (size == 0 || ergo_grammar_size(text, &config, &bytes) != ERGO_OK)
        return 0;
    void *memory = aligned(bytes);
    ergo_grammar *grammar;
    if (ergo_grammar_open(text, &config, (ergo_block){memory, bytes}, &grammar) == ERGO_OK && nul)
        match(grammar, (ergo_str){(const char *)nul + 1, size - grammar_size - 1});
    free(memory);
    return 0;
}
