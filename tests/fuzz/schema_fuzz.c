/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "ergo/grammar.h"

/*
 * The input is a JSON schema. Whatever it holds, conversion ends without touching foreign memory,
 * needs the size it says, and what it writes is a grammar: it compiles, but for left recursion
 * (a schema that refers to itself only) and limits.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static _Alignas(ERGO_BLOCK_ALIGN) unsigned char scratch_bytes[64 * 1024];

static void note(void *user, ergo_log_level level, const char *message)
{
    (void)level;
    *(bool *)user = strstr(message, "left recursion") != NULL;
}

static void compile(ergo_str text)
{
    bool left_recursive = false;
    const ergo_grammar_config config = {.log = {note, &left_recursive, ERGO_LOG_DEBUG}};
    size_t bytes;
    ergo_grammar *grammar;
    ergo_status status = ergo_grammar_size(text, &config, &bytes);
    if (status == ERGO_OK) {
        void *memory = aligned_alloc(ERGO_BLOCK_ALIGN, (bytes + ERGO_BLOCK_ALIGN) /
                                                           ERGO_BLOCK_ALIGN * ERGO_BLOCK_ALIGN);
        status = ergo_grammar_open(text, &config, (ergo_block){memory, bytes}, &grammar);
        free(memory);
    }
    if (status != ERGO_OK && status != ERGO_E_LIMIT && !left_recursive)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const ergo_block scratch = {scratch_bytes, sizeof scratch_bytes};
    const ergo_str schema = {(const char *)data, size};
    size_t bytes = 0, again = 0;
    if (ergo_json_schema_grammar(schema, NULL, scratch, NULL, 0, &bytes) != ERGO_E_MEMORY ||
        bytes == 0)
        return 0;
    char *text = malloc(bytes);
    if (ergo_json_schema_grammar(schema, NULL, scratch, text, bytes, &again) != ERGO_OK ||
        again != bytes)
        abort();
    compile((ergo_str){text, bytes});
    free(text);
    return 0;
}
