/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/engine_fixture.h"

/*
 * Perplexity of real models on a real text, as llama-perplexity defines it: windows of 256 tokens,
 * each begun with BOS, of which the second half is scored. The figures are llama.cpp's.
 */

#define WINDOW 256u
#define TEXT_MAX 65536u

typedef struct scored {
    const ergo_token *window;
    uint32_t vocabulary;
    double sum;
    size_t count;
} scored;

static void score(void *user, ergo_session *session, uint32_t position, const float *logits)
{
    scored *s = user;
    (void)session;
    if (position < WINDOW / 2 || position + 1 >= WINDOW)
        return;
    double total = 0.0;
    for (uint32_t i = 0; i < s->vocabulary; i++)
        total += exp((double)logits[i]);
    s->sum += log(total) - (double)logits[s->window[position + 1]];
    s->count++;
}

/* The tokens of the text; the caller frees them. */
static ergo_token *tokenize(const ergo_tokenizer *tokenizer, size_t *count)
{
    char *text = malloc(TEXT_MAX);
    FILE *file = fopen(test_asset("text/tinystories-eval-40k.txt"), "rb");
    assert_non_null(text);
    assert_non_null(file);
    const size_t size = fread(text, 1, TEXT_MAX, file);
    fclose(file);
    ergo_block scratch = test_block_open(ergo_tokenize_scratch(tokenizer, size));
    ergo_token *ids = malloc((size + 8) * sizeof *ids);
    assert_non_null(ids);
    assert_int_equal(ergo_tokenize(tokenizer, (ergo_str){text, size}, ERGO_TOKENIZE_BOS, scratch,
                                   ids, size + 8, count),
                     ERGO_OK);
    test_block_close(&scratch);
    free(text);
    return ids;
}

static double perplexity(const test_model *m)
{
    const ergo_tokenizer *tokenizer = ergo_model_tokenizer(m->model);
    const test_engine_options options = {
        .config = {.context = WINDOW, .batch_tokens = WINDOW, .batch_outputs = WINDOW}};
    test_engine e;
    test_engine_open(&e, m, &options);
    size_t count;
    ergo_token *ids = tokenize(tokenizer, &count);
    scored s = {.vocabulary = m->info.vocabulary};
    ergo_session *session = test_session_open(
        &e, &(ergo_session_config){.score_only = true, .user = &s, .on_logits = score});
    for (size_t i = 0; i + WINDOW <= count; i += WINDOW) {
        s.window = ids + i;
        ids[i] = ergo_tokenizer_bos(tokenizer);
        assert_int_equal(ergo_session_rewind(session, 0), ERGO_OK);
        assert_int_equal(ergo_session_feed(session, ids + i, WINDOW), ERGO_OK);
        test_engine_run(&e);
    }
    assert_int_equal(s.count, count / WINDOW * (WINDOW / 2 - 1));
    free(ids);
    test_engine_close(&e);
    return exp(s.sum / (double)s.count);
}

static void check_figure(const char *name, double figure, double tolerance)
{
    char asset[128];
    snprintf(asset, sizeof asset, "models/%s.gguf", name);
    const char *path = test_asset(asset);
    if (!path)
        skip();
    test_model m;
    assert_true(test_model_open_file(&m, path));
    const double p = perplexity(&m);
    print_message("%-22s perplexity %.4f, llama.cpp %.4f\n", name, p, figure);
    assert_true(fabs(p - figure) <= tolerance * figure);
    test_model_close(&m);
}

static void perplexity_of_stories260k_is_that_of_llamacpp(void **state)
{
    (void)state;
    check_figure("stories260K-f32", 3.8643, 1e-3);
    check_figure("stories260K-f16", 3.8642, 1e-3);
    check_figure("stories260K-q8_0", 3.8673, 1e-3);
}

static void perplexity_of_babyllama_is_that_of_llamacpp(void **state)
{
    (void)state;
    check_figure("babyllama-tok361-f32", 1.9777, 1e-3);
    check_figure("babyllama-tok361-Q8_0", 1.9782, 1e-3);
    check_figure("babyllama-tok361-Q4_0", 2.0810, 1e-2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(perplexity_of_stories260k_is_that_of_llamacpp),
        cmocka_unit_test(perplexity_of_babyllama_is_that_of_llamacpp),
    };
    return cmocka_run_group_tests_name("perplexity", tests, NULL, NULL);
}
