/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ergo/gguf.h"
#include "tests/fakes/gguf_walk.h"

/*
 * Any bytes as a GGUF file: they are refused with one message, or all that the reader then offers
 * holds. Without libFuzzer, link with replay.c.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct messages {
    size_t count;
} messages;

static void require(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "gguf_fuzz: %s\n", what);
    abort();
}

static void check_message(void *user, ergo_log_level level, const char *message)
{
    messages *seen = user;
    seen->count++;
    require(level == ERGO_LOG_ERROR, "only errors are logged");
    for (const char *c = message; *c; c++)
        require(*c >= ' ' && *c <= '~', "a message is one line of printable ASCII");
}

static void open_and_walk(ergo_bytes file, const ergo_gguf_config *config, size_t size)
{
    void *memory = aligned_alloc(ERGO_BLOCK_ALIGN, (size + ERGO_BLOCK_ALIGN - 1) & ~(size_t)63);
    ergo_gguf *gguf = NULL;
    const size_t errors = ((messages *)config->log.user)->count;
    require(memory != NULL, "out of memory");
    const ergo_status status = ergo_gguf_open(file, config, (ergo_block){memory, size}, &gguf);
    if (status) {
        require(status == ERGO_E_FORMAT, "open refuses for duplicates and overlaps only");
        require(!gguf && ((messages *)config->log.user)->count == errors + 1, "refused quietly");
    } else {
        const char *fault = gguf_walk(gguf, file);
        require(!fault, fault);
    }
    free(memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    messages seen = {0};
    const ergo_gguf_config config = {.log = {.write = check_message, .user = &seen},
                                     .name = "fuzz.gguf"};
    const ergo_bytes file = {.data = data, .size = size};
    size_t memory = SIZE_MAX;
    if (ergo_gguf_size(file, &config, &memory))
        require(seen.count == 1 && memory == SIZE_MAX, "an error is logged once, out untouched");
    else
        open_and_walk(file, &config, memory);
    return 0;
}
