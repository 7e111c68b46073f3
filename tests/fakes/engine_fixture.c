/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fakes/engine_fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fakes/quant_model.h"

/* ---- Log and memory ------------------------------------------------------------------------ */

static void write_line(void *user, ergo_log_level level, const char *message)
{
    test_log *log = user;
    (void)level;
    const size_t size = strlen(message);
    if (size + 2 > sizeof log->text - log->size)
        return;
    memcpy(log->text + log->size, message, size);
    log->size += size;
    log->text[log->size++] = '\n';
    log->text[log->size] = 0;
}

ergo_log test_log_open(test_log *log)
{
    test_log_clear(log);
    return (ergo_log){.write = write_line, .user = log, .level = ERGO_LOG_DEBUG};
}

bool test_log_has(const test_log *log, const char *text)
{
    return strstr(log->text, text) != NULL;
}

void test_log_clear(test_log *log)
{
    log->size = 0;
    log->text[0] = 0;
}

ergo_block test_block_open(size_t size)
{
    const size_t rounded = (size + ERGO_BLOCK_ALIGN - 1) / ERGO_BLOCK_ALIGN * ERGO_BLOCK_ALIGN;
    ergo_block block = {aligned_alloc(ERGO_BLOCK_ALIGN, rounded ? rounded : ERGO_BLOCK_ALIGN),
                        size};
    assert_non_null(block.data);
    memset(block.data, 0xa5, size);
    return block;
}

void test_block_close(ergo_block *block)
{
    free(block->data);
    *block = (ergo_block){NULL, 0};
}

/* ---- Model --------------------------------------------------------------------------------- */

static void open_bytes(test_model *m)
{
    size_t size;
    const ergo_gguf_config gguf = {.log = test_log_open(&m->log), .name = "tiny"};
    assert_int_equal(ergo_gguf_size(m->file, &gguf, &size), ERGO_OK);
    m->blocks[0] = test_block_open(size);
    assert_int_equal(ergo_gguf_open(m->file, &gguf, m->blocks[0], &m->gguf), ERGO_OK);
    const ergo_model_config config = {.log = gguf.log, .name = "tiny"};
    const ergo_status status = ergo_model_size(m->gguf, &config, &size);
    if (status != ERGO_OK)
        fail_msg("%s: %s", ergo_status_name(status), m->log.text);
    m->blocks[1] = test_block_open(size);
    assert_int_equal(ergo_model_open(m->gguf, &config, m->blocks[1], &m->model), ERGO_OK);
    ergo_model_get_info(m->model, &m->info);
}

void test_model_open_built(test_model *m, gguf_builder *built)
{
    *m = (test_model){.built = *built};
    *built = (gguf_builder){0};
    m->file = gguf_builder_file(&m->built);
    open_bytes(m);
}

void test_model_open_changed(test_model *m, const tiny_model *tiny)
{
    gguf_builder built = {0};
    tiny_write(tiny, &built);
    test_model_open_built(m, &built);
}

void test_model_open(test_model *m, const tiny_spec *spec)
{
    tiny_model tiny;
    tiny_model_open(&tiny, spec);
    test_model_open_changed(m, &tiny);
    tiny_model_close(&tiny);
}

bool test_model_open_file(test_model *m, const char *path)
{
    *m = (test_model){.mapped = true};
    const int fd = open(path, O_RDONLY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0)
        return false;
    void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    assert_true(data != MAP_FAILED);
    m->file = (ergo_bytes){data, (size_t)st.st_size};
    open_bytes(m);
    return true;
}

void test_model_close(test_model *m)
{
    test_block_close(&m->blocks[1]);
    test_block_close(&m->blocks[0]);
    gguf_builder_free(&m->built);
    if (m->mapped) {
        union {
            const void *from;
            void *to;
        } data = {.from = m->file.data};
        munmap(data.to, m->file.size);
    }
}

/* ---- Engine -------------------------------------------------------------------------------- */

void test_engine_open(test_engine *e, const test_model *m, const test_engine_options *options)
{
    const test_engine_options none = {.threads = 0};
    const test_engine_options *o = options ? options : &none;
    size_t size;
    const ergo_device_config device = {.log = test_log_open(&e->log),
                                       .threads = o->threads ? o->threads : 2,
                                       .cpu_features = o->features};
    assert_int_equal(ergo_device_size(ergo_backend_cpu(), &device, &size), ERGO_OK);
    e->blocks[0] = test_block_open(size);
    assert_int_equal(ergo_device_open(ergo_backend_cpu(), &device, e->blocks[0], &e->device),
                     ERGO_OK);
    ergo_engine_config config = o->config;
    config.log = device.log;
    const ergo_status status = ergo_engine_size(m->model, e->device, &config, &size, NULL);
    if (status != ERGO_OK)
        fail_msg("%s: %s", ergo_status_name(status), e->log.text);
    e->blocks[1] = test_block_open(size);
    assert_int_equal(ergo_engine_open(m->model, e->device, &config, e->blocks[1], &e->engine),
                     ERGO_OK);
    test_log_clear(&e->log);
}

void test_engine_close(test_engine *e)
{
    ergo_engine_close(e->engine);
    ergo_device_close(e->device);
    test_block_close(&e->blocks[1]);
    test_block_close(&e->blocks[0]);
}

void test_engine_knobs(test_engine *e, uint32_t batch_limit, uint32_t chunk, uint32_t threads)
{
    const uint32_t most = ergo_device_threads(e->device);
    const ergo_engine_knobs knobs = {
        .batch_limit = batch_limit,
        .prefill_chunk = chunk,
        .threads = threads > most ? most : threads,
    };
    assert_int_equal(ergo_engine_set_knobs(e->engine, &knobs), ERGO_OK);
}

ergo_step_report test_engine_run_report(test_engine *e)
{
    ergo_step_report sum = {0}, one;
    ergo_status status;
    uint32_t steps = 0;
    while ((status = ergo_engine_step(e->engine, &one)) == ERGO_OK) {
        sum.sessions++; /* here: steps */
        sum.prefill_tokens += one.prefill_tokens;
        sum.decode_tokens += one.decode_tokens;
        sum.shared_tokens += one.shared_tokens;
        assert_true(one.device_ns <= one.elapsed_ns);
        assert_true(++steps < 100000);
    }
    assert_int_equal(status, ERGO_IDLE);
    return sum;
}

uint32_t test_engine_run(test_engine *e)
{
    return test_engine_run_report(e).sessions;
}

/* ---- Sessions ------------------------------------------------------------------------------ */

bool test_transcript_token(void *user, const ergo_token_event *event)
{
    test_transcript *t = user;
    t->events++;
    if (event->ended != ERGO_OK) {
        t->ended = event->ended;
        t->ends++;
    }
    if (event->token != ERGO_TOKEN_NONE && t->count < sizeof t->tokens / sizeof *t->tokens)
        t->tokens[t->count++] = event->token;
    if (event->text.size > 0 && event->text.size <= sizeof t->text - t->text_size) {
        memcpy(t->text + t->text_size, event->text.data, event->text.size);
        t->text_size += event->text.size;
    }
    return true;
}

void test_transcript_logits(void *user, ergo_session *session, uint32_t position,
                            const float *logits)
{
    test_transcript *t = user;
    (void)session;
    t->rows++;
    t->logits = test_hash(t->logits, &position, sizeof position);
    t->logits = test_hash(t->logits, logits, t->vocabulary * sizeof *logits);
}

void test_transcript_equal(const test_transcript *a, const test_transcript *b)
{
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->tokens, b->tokens, a->count * sizeof *a->tokens);
    assert_int_equal(a->text_size, b->text_size);
    assert_memory_equal(a->text, b->text, a->text_size);
    assert_int_equal(a->ended, b->ended);
    assert_int_equal(a->rows, b->rows);
    assert_true(a->logits == b->logits);
}

ergo_session *test_session_open(test_engine *e, const ergo_session_config *config)
{
    ergo_session *session = NULL;
    const ergo_status status = ergo_session_open(e->engine, config, &session);
    if (status != ERGO_OK)
        fail_msg("%s: %s", ergo_status_name(status), e->log.text);
    return session;
}

void test_prompt(ergo_token *ids, size_t count, uint32_t vocabulary, uint64_t seed)
{
    uint64_t random = seed * 2 + 1;
    for (size_t i = 0; i < count; i++)
        ids[i] = (ergo_token)(3 + (quant_model_random(&random) >> 20) % (vocabulary - 3));
}

ergo_block test_session_bytes(ergo_session *session)
{
    size_t size = 0;
    assert_int_equal(ergo_session_save(session, NULL, 0, &size), ERGO_E_MEMORY);
    ergo_block block = test_block_open(size);
    assert_int_equal(ergo_session_save(session, block.data, block.size, &size), ERGO_OK);
    assert_int_equal(size, block.size);
    return block;
}

void test_session_equal(ergo_session *a, ergo_session *b)
{
    ergo_block x = test_session_bytes(a), y = test_session_bytes(b);
    assert_int_equal(x.size, y.size);
    assert_memory_equal(x.data, y.data, x.size);
    test_block_close(&x);
    test_block_close(&y);
}

uint64_t test_hash(uint64_t hash, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    if (hash == 0)
        hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

const char *test_asset(const char *name)
{
    static char path[1024];
    const char *folder = getenv("ERGO_ASSETS");
    snprintf(path, sizeof path, "%s/%s", folder ? folder : ERGO_SOURCE_DIR "/../shared/assets",
             name);
    if (access(path, R_OK) == 0)
        return path;
    print_message("SKIPPED: no %s (set ERGO_ASSETS to the folder of the assets)\n", path);
    return NULL;
}
