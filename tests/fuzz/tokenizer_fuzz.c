/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ergo/tokenizer.h"

/*
 * Any bytes as a file with a vocabulary: it is refused, or every text goes through it; and the same
 * bytes as that text. Ids are in range, decoding ends, and what is told to suffice does. Without
 * libFuzzer, link with replay.c.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MAX = 512, DECODED_MAX = 4096 };

static void require(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "tokenizer_fuzz: %s\n", what);
    abort();
}

static ergo_block allocate(size_t size)
{
    ergo_block block = {.size = size};
    block.data = aligned_alloc(ERGO_BLOCK_ALIGN, (size + ERGO_BLOCK_ALIGN) & ~(size_t)63);
    require(block.data != NULL, "out of memory");
    return block;
}

static void decode(const ergo_tokenizer *t, const ergo_token *ids, size_t count)
{
    const size_t most = ergo_token_bytes_max(t);
    char *buffer = malloc(most + 1);
    ergo_decoder decoder = {0};
    require(buffer != NULL, "out of memory");
    for (size_t i = 0; i < count && i < DECODED_MAX; i++) {
        size_t bytes = SIZE_MAX;
        require(ids[i] >= 0 && (size_t)ids[i] < ergo_tokenizer_count(t), "an id out of range");
        require(!ergo_decode(t, &decoder, ids[i], i % 2, buffer, most, &bytes) && bytes <= most,
                "a token is longer than the longest");
    }
    free(buffer);
}

static void tokenize(const ergo_tokenizer *t, ergo_str text, unsigned flags)
{
    const size_t room = 4 * text.size + 8;
    const ergo_block scratch = allocate(ergo_tokenize_scratch(t, text.size));
    ergo_token *ids = malloc(room * sizeof *ids);
    size_t count = SIZE_MAX;
    require(ids != NULL, "out of memory");
    require(!ergo_tokenize(t, text, flags, scratch, ids, room, &count) && count <= room,
            "the room that always suffices does not");
    decode(t, ids, count);
    free(ids);
    free(scratch.data);
}

static void use(const ergo_gguf *gguf, const uint8_t *data, size_t size)
{
    static const char sample[] = "  I'm <|im_end|> <s> 12345 caf\xc3\xa9 \xe4\xb8\xad\xe6\x96\x87\n"
                                 "\n\tXMLHttp \xf0\x9f\x98\x80 \xff\xc3 \x00 end";
    size_t bytes;
    ergo_tokenizer *t = NULL;
    if (ergo_tokenizer_size(gguf, NULL, &bytes))
        return;
    const ergo_block memory = allocate(bytes);
    if (ergo_tokenizer_open(gguf, NULL, memory, &t) == ERGO_OK) {
        const size_t start = size > TEXT_MAX ? size - TEXT_MAX : 0;
        const ergo_str texts[] = {{sample, sizeof sample - 1},
                                  {(const char *)data + start, size - start}};
        for (unsigned flags = 0; flags < 4; flags++)
            for (size_t i = 0; i < 2; i++)
                tokenize(t, texts[i], flags);
    } else {
        require(t == NULL, "refused, but handed out");
    }
    free(memory.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const ergo_bytes file = {.data = data, .size = size};
    size_t bytes;
    ergo_gguf *gguf = NULL;
    if (ergo_gguf_size(file, NULL, &bytes))
        return 0;
    const ergo_block memory = allocate(bytes);
    if (ergo_gguf_open(file, NULL, memory, &gguf) == ERGO_OK)
        use(gguf, data, size);
    free(memory.data);
    return 0;
}
