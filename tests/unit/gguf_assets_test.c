/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ergo/gguf.h"
#include "tests/fakes/gguf_walk.h"

/* Real files, written by others. Facts about them are from their makers, not from this reader. */

typedef struct model {
    void *bytes;
    size_t size;
    void *memory;
    ergo_gguf *gguf;
} model;

static const char *assets(void)
{
    const char *folder = getenv("ERGO_ASSETS");
    return folder ? folder : ERGO_SOURCE_DIR "/../shared/assets";
}

static bool load(const char *path, model *m)
{
    *m = (model){0};
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    m->size = (size_t)ftell(file);
    m->bytes = malloc(m->size);
    assert_non_null(m->bytes);
    rewind(file);
    assert_int_equal(fread(m->bytes, 1, m->size, file), m->size);
    fclose(file);
    return true;
}

static void print_line(void *user, ergo_log_level level, const char *message)
{
    (void)user;
    (void)level;
    print_error("%s\n", message);
}

static void open_model(const char *path, model *m)
{
    const ergo_bytes file = {.data = m->bytes, .size = m->size};
    ergo_gguf_config config = {.log = {.write = print_line}, .name = path};
    size_t size;
    assert_int_equal(ergo_gguf_size(file, &config, &size), ERGO_OK);
    m->memory = aligned_alloc(ERGO_BLOCK_ALIGN, (size + 63) & ~(size_t)63);
    assert_non_null(m->memory);
    config.log = (ergo_log){0}; /* the walk asks for the wrong types */
    assert_int_equal(ergo_gguf_open(file, &config, (ergo_block){m->memory, size}, &m->gguf),
                     ERGO_OK);
    const char *fault = gguf_walk(m->gguf, file);
    if (fault)
        fail_msg("%s: %s", path, fault);
}

static void close_model(model *m)
{
    free(m->memory);
    free(m->bytes);
}

static bool load_stories(const char **path, model *m)
{
    static char full[4096];
    snprintf(full, sizeof full, "%s/models/stories260K-q8_0.gguf", assets());
    *path = full;
    if (load(full, m))
        return true;
    print_message("SKIPPED: no test assets: %s (set ERGO_ASSETS)\n", full);
    return false;
}

static uint32_t u32(const model *m, const char *key)
{
    uint32_t value = 0;
    assert_int_equal(ergo_gguf_u32(m->gguf, key, &value), ERGO_OK);
    return value;
}

static void a_real_model_reads_as_its_makers_say(void **state)
{
    (void)state;
    const char *path;
    model m;
    ergo_str text;
    if (!load_stories(&path, &m))
        skip();
    open_model(path, &m);
    assert_int_equal(ergo_gguf_str(m.gguf, "general.architecture", &text), ERGO_OK);
    assert_int_equal(text.size, 5);
    assert_memory_equal(text.data, "llama", 5);
    assert_int_equal(u32(&m, "llama.embedding_length"), 64);
    assert_int_equal(u32(&m, "llama.block_count"), 5);
    assert_int_equal(u32(&m, "llama.attention.head_count"), 8);
    assert_int_equal(u32(&m, "llama.attention.head_count_kv"), 4);
    assert_int_equal(u32(&m, "llama.feed_forward_length"), 172);
    assert_int_equal(ergo_gguf_kv_find(m.gguf, "tokenizer.ggml.tokens")->count, 512);
    const ergo_tensor *q = ergo_gguf_tensor_find(m.gguf, "blk.4.attn_q.weight");
    assert_non_null(q);
    assert_true(q->type == ERGO_TYPE_Q8_0 && q->shape[0] == 64 && q->shape[1] == 64);
    const ergo_tensor *down = ergo_gguf_tensor_find(m.gguf, "blk.0.ffn_down.weight");
    assert_non_null(down); /* rows of 172 are no whole blocks of 32 */
    assert_true(down->type == ERGO_TYPE_F16 && down->shape[0] == 172 && down->shape[1] == 64);
    close_model(&m);
}

static void every_real_file_opens(void **state)
{
    (void)state;
    static const char *const folders[] = {"models", "vocab", "reference"};
    size_t opened = 0;
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", assets(), folders[i]);
        DIR *folder = opendir(path);
        for (const struct dirent *entry; folder && (entry = readdir(folder));) {
            const size_t length = strlen(entry->d_name);
            model m;
            if (length < 5 || strcmp(entry->d_name + length - 5, ".gguf") != 0)
                continue;
            snprintf(path, sizeof path, "%s/%s/%s", assets(), folders[i], entry->d_name);
            assert_true(load(path, &m));
            open_model(path, &m);
            close_model(&m);
            opened++;
        }
        if (folder)
            closedir(folder);
    }
    if (!opened) {
        print_message("SKIPPED: no test assets below %s (set ERGO_ASSETS)\n", assets());
        skip();
    }
}

/* Everything before the last tensor's end is needed: no shorter file may open. */
static void a_real_model_cut_anywhere_in_its_header_is_refused(void **state)
{
    (void)state;
    const char *path;
    model m;
    size_t memory;
    if (!load_stories(&path, &m))
        skip();
    open_model(path, &m);
    const unsigned char *start = m.bytes, *data = start + m.size;
    for (size_t i = 0; i < ergo_gguf_tensor_count(m.gguf); i++) {
        const unsigned char *tensor = ergo_gguf_tensor_at(m.gguf, i)->bytes.data;
        data = tensor < data ? tensor : data;
    }
    const size_t header = (size_t)(data - start);
    assert_true(header > 10000);
    for (size_t size = 0; size <= header; size++) {
        void *cut = malloc(size ? size : 1); /* ends where its memory ends */
        assert_non_null(cut);
        memcpy(cut, start, size);
        assert_int_equal(ergo_gguf_size((ergo_bytes){cut, size}, NULL, &memory), ERGO_E_FORMAT);
        free(cut);
    }
    close_model(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_real_model_reads_as_its_makers_say),
        cmocka_unit_test(every_real_file_opens),
        cmocka_unit_test(a_real_model_cut_anywhere_in_its_header_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
