/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/load.h"

#include <stdlib.h>
#include <string.h>

static tool_exit load_map(loaded *state, const char *path, const common_options *options)
{
    tool_exit code = common_check(options);
    if (code == TOOL_DONE && path == NULL) {
        tool_error("which model? Name a GGUF file with -m FILE");
        code = TOOL_USAGE;
    }
    if (code != TOOL_DONE)
        return code;
    state->path = path;
    state->log = common_log(options);
    return state->map.mapping != NULL ? TOOL_DONE : file_map_open(path, &state->map);
}

/* What a file did wrong is the file's fault, whatever the code. */
static tool_exit file_status(ergo_status status, const char *path)
{
    if (status == ERGO_OK)
        return TOOL_DONE;
    const tool_exit code = tool_status(status, path);
    return status == ERGO_E_SYSTEM || status == ERGO_E_MEMORY ? code : TOOL_BAD_FILE;
}

/* ERGO_OK and a block, or ERGO_E_SYSTEM when there is no memory. */
static ergo_status take_block(size_t size, ergo_block *block)
{
    *block = tool_block(size);
    return block->data == NULL ? ERGO_E_SYSTEM : ERGO_OK;
}

tool_exit load_gguf(loaded *state, const char *path, const common_options *options)
{
    const double start = tool_seconds();
    const tool_exit code = load_map(state, path, options);
    if (code != TOOL_DONE)
        return code;
    const ergo_gguf_config config = {.log = state->log, .name = path};
    ergo_block block = {NULL, 0};
    size_t size = 0;
    ergo_status status = ergo_gguf_size(state->map.bytes, &config, &size);
    if (status == ERGO_OK)
        status = take_block(size, &block);
    state->gguf_memory = block.data;
    if (status == ERGO_OK)
        status = ergo_gguf_open(state->map.bytes, &config, block, &state->gguf);
    state->seconds += tool_seconds() - start;
    return file_status(status, path);
}

tool_exit load_tokenizer(loaded *state)
{
    const ergo_tokenizer_config config = {.log = state->log, .name = state->path};
    ergo_block block = {NULL, 0};
    size_t size = 0;
    ergo_status status = ergo_tokenizer_size(state->gguf, &config, &size);
    if (status == ERGO_E_NOT_FOUND) {
        tool_error("%s has no vocabulary", state->path);
        return TOOL_BAD_FILE;
    }
    if (status == ERGO_OK)
        status = take_block(size, &block);
    state->tokenizer_memory = block.data;
    if (status == ERGO_OK)
        status = ergo_tokenizer_open(state->gguf, &config, block, &state->tokenizer);
    state->words = state->tokenizer;
    return file_status(status, state->path);
}

tool_exit load_model(loaded *state, const char *path, const common_options *options)
{
    if (state->gguf == NULL) {
        const tool_exit code = load_gguf(state, path, options);
        if (code != TOOL_DONE)
            return code;
    }
    const double start = tool_seconds();
    const ergo_model_config config = {.log = state->log, .name = path};
    ergo_block block = {NULL, 0};
    ergo_status status = ergo_model_size(state->gguf, &config, &state->model_bytes);
    if (status == ERGO_OK)
        status = take_block(state->model_bytes, &block);
    state->model_memory = block.data;
    if (status == ERGO_OK)
        status = ergo_model_open(state->gguf, &config, block, &state->model);
    if (status == ERGO_OK) {
        ergo_model_get_info(state->model, &state->info);
        state->words = ergo_model_tokenizer(state->model);
    }
    state->seconds += tool_seconds() - start;
    return file_status(status, path);
}

tool_exit load_device(loaded *state, const common_options *options)
{
    const double start = tool_seconds();
    const ergo_backend *backend = ergo_backend_cpu();
    ergo_device_config config = {
        .log = common_log(options),
        .threads = options->threads,
        .cpu_features = options->cpu_flags,
    };
    ergo_block block = {NULL, 0};
    ergo_status status = ergo_device_size(backend, &config, &state->device_bytes);
    config.log.level = ERGO_LOG_ERROR; /* warnings have been given */
    if (status == ERGO_OK)
        status = take_block(state->device_bytes, &block);
    state->device_memory = block.data;
    if (status == ERGO_OK)
        status = ergo_device_open(backend, &config, block, &state->device);
    state->seconds += tool_seconds() - start;
    if (status == ERGO_E_ARGUMENT && options->cpu_flags != NULL)
        return tool_status(status, "--cpu-flags");
    return tool_status(status, "device");
}

tool_exit load_engine(loaded *state, ergo_engine_config *config)
{
    const double start = tool_seconds();
    config->log = state->log;
    config->release = file_map_release;
    ergo_block block = {NULL, 0};
    size_t size = 0;
    ergo_status status = ergo_engine_size(state->model, state->device, config, &size, NULL);
    if (status == ERGO_OK)
        status = take_block(size, &block);
    state->engine_memory = block.data;
    if (status == ERGO_OK)
        status = ergo_engine_open(state->model, state->device, config, block, &state->engine);
    state->seconds += tool_seconds() - start;
    return tool_status(status, "engine");
}

void load_close(loaded *state)
{
    ergo_engine_close(state->engine);
    ergo_device_close(state->device);
    energy_close(&state->energy);
    free(state->engine_memory);
    free(state->device_memory);
    free(state->model_memory);
    free(state->tokenizer_memory);
    free(state->gguf_memory);
    file_map_close(&state->map);
    memset(state, 0, sizeof *state);
}

tool_exit load_tokenize(const ergo_tokenizer *words, ergo_str text, unsigned flags, token_list *out)
{
    const ergo_block scratch = tool_block(ergo_tokenize_scratch(words, text.size));
    ergo_status status = scratch.data != NULL ? ERGO_E_MEMORY : ERGO_E_SYSTEM;
    ergo_token *ids = NULL;
    size_t capacity = text.size / 2 + 64, count = 0;
    while (status == ERGO_E_MEMORY) { /* twice at most: then the count is known */
        free(ids);
        ids = tool_alloc(capacity, sizeof *ids);
        if (ids == NULL)
            break;
        status = ergo_tokenize(words, text, flags, scratch, ids, capacity, &count);
        capacity = count;
    }
    free(scratch.data);
    if (status == ERGO_OK) {
        *out = (token_list){ids, count};
        return TOOL_DONE;
    }
    const bool said = ids == NULL; /* by tool_alloc or tool_block */
    free(ids);
    return said ? TOOL_FAILED : tool_status(status, "tokenize");
}
