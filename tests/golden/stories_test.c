/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/engine_fixture.h"

/*
 * Real models tell the story that llama.cpp tells with them: greedy, from nothing but BOS.
 * Quantized ones may leave it at a close choice later on (llama.cpp's do too), so of them a
 * beginning counts.
 */

#define TOKENS_LEAST 100

static size_t read_text(const char *name, char *text, size_t capacity)
{
    const char *path = test_asset(name);
    FILE *file = path ? fopen(path, "rb") : NULL;
    if (!file)
        return 0;
    size_t size = fread(text, 1, capacity, file);
    fclose(file);
    while (size > 0 && text[size - 1] == '\n') /* the one that the program put behind the text */
        size--;
    return size;
}

static void check_story(const char *model, const char *story, bool whole)
{
    char golden[4096], name[128];
    snprintf(name, sizeof name, "golden/%s.greedy.txt", story);
    const size_t size = read_text(name, golden, sizeof golden);
    if (size == 0)
        skip();
    snprintf(name, sizeof name, "models/%s.gguf", model);
    test_model m;
    assert_true(test_model_open_file(&m, test_asset(name)));
    test_engine e;
    test_engine_open(&e, &m, NULL);
    test_transcript t = {.count = 0};
    ergo_session *s = test_session_open(
        &e, &(ergo_session_config){.user = &t, .on_token = test_transcript_token});
    const ergo_token bos = ergo_tokenizer_bos(ergo_model_tokenizer(m.model));
    assert_int_equal(ergo_session_feed(s, &bos, 1), ERGO_OK);
    while (t.text_size < size && (whole || t.count < TOKENS_LEAST) &&
           ergo_engine_step(e.engine, NULL) == ERGO_OK)
        ;
    assert_true(t.count >= TOKENS_LEAST);
    const size_t told = t.text_size < size ? t.text_size : size;
    if ((whole && told < size) || memcmp(t.text, golden, told) != 0)
        fail_msg("%s: '%.*s'", model, (int)t.text_size, t.text);
    test_engine_close(&e);
    test_model_close(&m);
}

static void stories260k_f32_tells_the_golden_story(void **state)
{
    (void)state;
    check_story("stories260K-f32", "stories260K", true);
}

static void stories260k_f16_tells_the_golden_story(void **state)
{
    (void)state;
    check_story("stories260K-f16", "stories260K", true);
}

static void stories260k_q8_0_tells_the_golden_story(void **state)
{
    (void)state;
    check_story("stories260K-q8_0", "stories260K", false);
}

static void babyllama_f32_tells_the_golden_story(void **state)
{
    (void)state;
    check_story("babyllama-tok361-f32", "babyllama-tok361", true);
}

static void babyllama_q8_0_tells_the_golden_story(void **state)
{
    (void)state;
    check_story("babyllama-tok361-Q8_0", "babyllama-tok361", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stories260k_f32_tells_the_golden_story),
        cmocka_unit_test(stories260k_f16_tells_the_golden_story),
        cmocka_unit_test(stories260k_q8_0_tells_the_golden_story),
        cmocka_unit_test(babyllama_f32_tells_the_golden_story),
        cmocka_unit_test(babyllama_q8_0_tells_the_golden_story),
    };
    return cmocka_run_group_tests_name("stories", tests, NULL, NULL);
}
