/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/engine_fixture.h"
#include "tests/fakes/guarded.h"

/*
 * Each _size is exactly what its _open uses: objects live in blocks of garbage that end at a page
 * which may not be touched, and one byte less is too little.
 */

#define CANARY 0xa5

/* A block of `size` bytes, aligned; less than a cache line lies between it and the guard page. */
typedef struct edge {
    guarded memory;
    ergo_block block;
    size_t rounded;
} edge;

static edge edge_open(size_t size)
{
    const size_t rounded = (size + ERGO_BLOCK_ALIGN - 1) / ERGO_BLOCK_ALIGN * ERGO_BLOCK_ALIGN;
    edge e = {.memory = guarded_open(rounded), .rounded = rounded};
    memset(e.memory.data, CANARY, rounded);
    e.block = (ergo_block){e.memory.data, size};
    return e;
}

static void edge_close(edge *e)
{
    for (size_t i = e->block.size; i < e->rounded; i++)
        assert_int_equal(e->memory.data[i], CANARY);
    guarded_close(&e->memory);
}

static ergo_block one_less(const edge *e)
{
    return (ergo_block){e->block.data, e->block.size - 1};
}

static void device_size_is_what_it_uses(void **state)
{
    (void)state;
    for (uint32_t threads = 0; threads <= 4; threads++) {
        const ergo_device_config config = {.threads = threads};
        size_t size;
        assert_int_equal(ergo_device_size(ergo_backend_cpu(), &config, &size), ERGO_OK);
        edge e = edge_open(size);
        ergo_device *device = NULL;
        assert_int_equal(ergo_device_open(ergo_backend_cpu(), &config, one_less(&e), &device),
                         ERGO_E_MEMORY);
        assert_null(device);
        memset(e.block.data, CANARY, size);
        assert_int_equal(ergo_device_open(ergo_backend_cpu(), &config, e.block, &device), ERGO_OK);
        assert_true(ergo_device_threads(device) >= 1);
        if (threads)
            assert_true(ergo_device_threads(device) <= threads);
        ergo_device_close(device);
        edge_close(&e);
    }
    ergo_device *device = NULL;
    assert_int_equal(ergo_device_open(ergo_backend_cpu(), NULL, (ergo_block){NULL, 0}, &device),
                     ERGO_E_MEMORY);
    assert_null(device);
}

static void model_and_tokenizer_size_are_what_they_use(void **state)
{
    (void)state;
    for (size_t i = 0; tiny_families[i]; i++)
        for (int text = 0; text < 2; text++) {
            test_model m;
            test_model_open(&m, &(tiny_spec){.arch = tiny_families[i], .text = text});
            size_t size;
            assert_int_equal(ergo_model_size(m.gguf, NULL, &size), ERGO_OK);
            edge e = edge_open(size);
            ergo_model *model = NULL;
            assert_int_equal(ergo_model_open(m.gguf, NULL, one_less(&e), &model), ERGO_E_MEMORY);
            assert_null(model);
            memset(e.block.data, CANARY, size);
            assert_int_equal(ergo_model_open(m.gguf, NULL, e.block, &model), ERGO_OK);
            assert_int_equal(ergo_model_step_count(model), ergo_model_step_count(m.model));
            edge_close(&e);
            if (text) {
                assert_int_equal(ergo_tokenizer_size(m.gguf, NULL, &size), ERGO_OK);
                e = edge_open(size);
                ergo_tokenizer *tokenizer = NULL;
                assert_int_equal(ergo_tokenizer_open(m.gguf, NULL, one_less(&e), &tokenizer),
                                 ERGO_E_MEMORY);
                assert_null(tokenizer);
                memset(e.block.data, CANARY, size);
                assert_int_equal(ergo_tokenizer_open(m.gguf, NULL, e.block, &tokenizer), ERGO_OK);
                assert_int_equal(ergo_tokenizer_count(tokenizer), TINY_VOCABULARY);
                edge_close(&e);
            }
            test_model_close(&m);
        }
}

static void every_smaller_block_is_refused_by_a_model(void **state)
{
    (void)state;
    test_model m;
    test_model_open(&m, &(tiny_spec){.layers = 1, .text = true});
    size_t size;
    assert_int_equal(ergo_model_size(m.gguf, NULL, &size), ERGO_OK);
    for (size_t less = 0; less < size; less += 61) {
        edge e = edge_open(less);
        ergo_model *model = NULL;
        assert_int_equal(ergo_model_open(m.gguf, NULL, e.block, &model), ERGO_E_MEMORY);
        assert_null(model);
        edge_close(&e);
    }
    edge e = edge_open(size + ERGO_BLOCK_ALIGN);
    ergo_model *model = NULL;
    const ergo_block odd = {(char *)e.block.data + 1, size};
    assert_int_equal(ergo_model_open(m.gguf, NULL, odd, &model), ERGO_E_MEMORY);
    assert_null(model);
    edge_close(&e);
    test_model_close(&m);
}

/* Fills every session's context, so that every byte that is there has a use. */
static void use_fully(const test_model *m, ergo_engine *engine, const ergo_engine_config *config)
{
    for (uint32_t i = 0; i < (config->max_sessions ? config->max_sessions : 1); i++) {
        const ergo_session_config settings = {.sampler = {.temperature = 1.0f, .seed = i},
                                              .no_sharing = true};
        ergo_session *s;
        assert_int_equal(ergo_session_open(engine, &settings, &s), ERGO_OK);
        ergo_token prompt[256];
        const uint32_t fed = config->context > 8 ? config->context - 8 : 1;
        test_prompt(prompt, fed, m->info.vocabulary, i);
        assert_int_equal(ergo_session_feed(s, prompt, fed), ERGO_OK);
    }
    while (ergo_engine_step(engine, NULL) == ERGO_OK)
        ;
}

static void check_engine(const test_model *m, ergo_device *device, const ergo_engine_config *config)
{
    size_t size;
    ergo_engine_memory parts;
    assert_int_equal(ergo_engine_size(m->model, device, config, &size, &parts), ERGO_OK);
    assert_true(parts.kv + parts.repacked + parts.scratch == size);
    assert_true(parts.weights == m->info.weight_bytes);
    edge e = edge_open(size);
    ergo_engine *engine = NULL;
    assert_int_equal(ergo_engine_open(m->model, device, config, one_less(&e), &engine),
                     ERGO_E_MEMORY);
    assert_null(engine);
    memset(e.block.data, CANARY, size);
    assert_int_equal(ergo_engine_open(m->model, device, config, e.block, &engine), ERGO_OK);
    use_fully(m, engine, config);
    ergo_engine_close(engine);
    edge_close(&e);
}

static void engine_size_is_what_it_uses_for_every_config(void **state)
{
    (void)state;
    const ergo_device_config device_config = {.threads = 2};
    size_t size;
    assert_int_equal(ergo_device_size(ergo_backend_cpu(), &device_config, &size), ERGO_OK);
    ergo_block block = test_block_open(size);
    ergo_device *device;
    assert_int_equal(ergo_device_open(ergo_backend_cpu(), &device_config, block, &device), ERGO_OK);
    static const struct {
        uint32_t sessions, context, tokens, outputs, pages;
    } configs[] = {
        {0, 0, 0, 0, 0},  {1, 1, 1, 1, 0},       {1, 33, 1, 1, 1},
        {3, 31, 7, 2, 0}, {3, 65, 16, 16, 4},    {2, 64, 64, 1, 40},
        {5, 20, 2, 1, 0}, {1, 256, 300, 257, 0}, {7, 100, 33, 33, 9},
    };
    for (size_t f = 0; tiny_families[f]; f++) {
        test_model m;
        test_model_open(&m, &(tiny_spec){.arch = tiny_families[f],
                                         .type = f % 2 ? ERGO_TYPE_Q8_0 : ERGO_TYPE_F32,
                                         .heads = 5,
                                         .kv_heads = 5,
                                         .head_dim = f % 2 ? 32 : 34,
                                         .layers = 1,
                                         .text = f % 3 == 0});
        for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
            const ergo_engine_config config = {.max_sessions = configs[i].sessions,
                                               .context = configs[i].context,
                                               .batch_tokens = configs[i].tokens,
                                               .batch_outputs = configs[i].outputs,
                                               .kv_pages = configs[i].pages,
                                               .kv = (i + f) % 2 ? ERGO_KV_Q8_0 : ERGO_KV_F16};
            check_engine(&m, device, &config);
        }
        test_model_close(&m);
    }
    ergo_device_close(device);
    test_block_close(&block);
}

/* Which bytes of a file were released. */
typedef struct released {
    ergo_bytes file;
    unsigned char *marks; /* a byte for each byte of the file */
} released;

static void mark_released(void *user, const void *data, size_t size)
{
    const released *r = user;
    const size_t from = (size_t)((const unsigned char *)data - (const unsigned char *)r->file.data);
    assert_true(from < r->file.size && size <= r->file.size - from);
    memset(r->marks + from, 1, size);
}

/* Whether all bytes of a tensor were released, or none. */
static bool tensor_released(const released *r, const ergo_tensor *tensor)
{
    const size_t from =
        (size_t)((const unsigned char *)tensor->bytes.data - (const unsigned char *)r->file.data);
    size_t count = 0;
    for (size_t i = 0; i < tensor->bytes.size; i++)
        count += r->marks[from + i];
    assert_true(count == 0 || count == tensor->bytes.size);
    return count > 0;
}

static void what_is_packed_is_released(void **state)
{
    (void)state;
    test_model m;
    test_engine e;
    assert_true(test_model_open_file(&m, ERGO_SOURCE_DIR "/models/demo/ergo-demo-Q8_0.gguf"));
    released r = {.file = m.file, .marks = calloc(m.file.size, 1)};
    assert_non_null(r.marks);
    test_engine_open(&e, &m, &(test_engine_options){.config = {.release = {mark_released, &r}}});
    ergo_engine_memory parts;
    size_t size, matrices = 0, vectors = 0;
    assert_int_equal(ergo_engine_size(m.model, e.device, NULL, &size, &parts), ERGO_OK);
    for (size_t i = 0; i < ergo_gguf_tensor_count(m.gguf); i++) {
        const ergo_tensor *tensor = ergo_gguf_tensor_at(m.gguf, i);
        *(tensor->n_dims > 1 ? &matrices : &vectors) += tensor_released(&r, tensor);
    }
    assert_int_equal(vectors, 0);
    assert_true(parts.repacked > 0 ? matrices > 0 : matrices == 0);
    test_engine_close(&e);
    test_model_close(&m);
    free(r.marks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(device_size_is_what_it_uses),
        cmocka_unit_test(model_and_tokenizer_size_are_what_they_use),
        cmocka_unit_test(every_smaller_block_is_refused_by_a_model),
        cmocka_unit_test(engine_size_is_what_it_uses_for_every_config),
        cmocka_unit_test(what_is_packed_is_released),
    };
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
