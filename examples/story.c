/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Continues a text with a model: the whole way from a file to words.
 *
 *   story MODEL.gguf "Once upon a time"
 */
#include <ergo/ergo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKENS_MAX 512

static void fail(const char *what, ergo_status status)
{
    fprintf(stderr, "%s: %s\n", what, ergo_status_text(status));
    exit(EXIT_FAILURE);
}

static void check(const char *what, ergo_status status)
{
    if (status != ERGO_OK)
        fail(what, status);
}

/* Memory for one object. On a board this would be a static array. */
static ergo_block block(size_t size)
{
    size = (size + ERGO_BLOCK_ALIGN - 1) / ERGO_BLOCK_ALIGN * ERGO_BLOCK_ALIGN;
    const ergo_block b = {aligned_alloc(ERGO_BLOCK_ALIGN, size), size};
    if (!b.data)
        fail("memory", ERGO_E_MEMORY);
    return b;
}

/* The file's bytes; a real application would map it, or link it in. */
static ergo_bytes read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0)
        fail(path, ERGO_E_IO);
    const long size = ftell(file);
    rewind(file);
    const ergo_block b = block(size > 0 ? (size_t)size : 1);
    if (size <= 0 || fread(b.data, 1, (size_t)size, file) != (size_t)size)
        fail(path, ERGO_E_IO);
    fclose(file);
    return (ergo_bytes){b.data, (size_t)size};
}

static void write_log(void *user, ergo_log_level level, const char *message)
{
    (void)user;
    (void)level;
    fprintf(stderr, "%s\n", message);
}

static bool print(void *user, const ergo_token_event *event)
{
    (void)user;
    fwrite(event->text.data, 1, event->text.size, stdout);
    fflush(stdout);
    return true;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: %s MODEL.gguf TEXT\n", argv[0]);
        return EXIT_FAILURE;
    }
    const ergo_log log = {.write = write_log, .level = ERGO_LOG_WARNING};
    const ergo_bytes bytes = read_file(argv[1]);
    size_t size;

    ergo_gguf *file;
    const ergo_gguf_config file_config = {.log = log, .name = argv[1]};
    check("file", ergo_gguf_size(bytes, &file_config, &size));
    check("file", ergo_gguf_open(bytes, &file_config, block(size), &file));

    ergo_model *model;
    const ergo_model_config model_config = {.log = log, .name = argv[1]};
    check("model", ergo_model_size(file, &model_config, &size));
    check("model", ergo_model_open(file, &model_config, block(size), &model));

    ergo_device *device;
    const ergo_device_config device_config = {.log = log};
    check("device", ergo_device_size(ergo_backend_cpu(), &device_config, &size));
    check("device", ergo_device_open(ergo_backend_cpu(), &device_config, block(size), &device));

    ergo_engine *engine;
    const ergo_engine_config engine_config = {.log = log};
    check("engine", ergo_engine_size(model, device, &engine_config, &size, NULL));
    check("engine", ergo_engine_open(model, device, &engine_config, block(size), &engine));

    const ergo_tokenizer *words = ergo_model_tokenizer(model);
    if (!words)
        fail("vocabulary", ERGO_E_NOT_FOUND);
    const ergo_str text = {argv[2], strlen(argv[2])};
    ergo_token tokens[TOKENS_MAX];
    size_t count;
    check("text", ergo_tokenize(words, text, ERGO_TOKENIZE_BOS,
                                block(ergo_tokenize_scratch(words, text.size)), tokens, TOKENS_MAX,
                                &count));

    ergo_session *session;
    const ergo_session_config session_config = {.max_tokens = 120, .on_token = print};
    check("session", ergo_session_open(engine, &session_config, &session));
    check("session", ergo_session_feed(session, tokens, count));
    ergo_status status;
    while ((status = ergo_engine_step(engine, NULL)) == ERGO_OK)
        continue;
    printf("\n");

    ergo_engine_close(engine);
    ergo_device_close(device);
    return status == ERGO_IDLE ? EXIT_SUCCESS : EXIT_FAILURE;
}
