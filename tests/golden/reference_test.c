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
 * The logits of random models of every family and type, against exact arithmetic and against
 * llama.cpp: for each type our error must be no larger than llama.cpp's own.
 */

#define POSITIONS 96
#define VOCABULARY 512
#define GREEDY 40

static const char *const names[] = {
    "llama-7-F16",    "llama-7-BF16",   "llama-7-Q8_0",   "llama-7-Q4_0",   "llama-7-Q4_1",
    "llama-7-Q5_0",   "llama-7-Q5_1",   "llama-7-Q2_K",   "llama-7-Q3_K_M", "llama-7-Q4_K_M",
    "llama-7-Q5_K_M", "llama-7-Q6_K",   "llama-7-IQ4_NL", "llama-7-IQ4_XS", "llama-7-TQ1_0",
    "llama-7-TQ2_0",  "qwen2-7-Q8_0",   "qwen3-7-Q8_0",   "gemma3-7-Q8_0",  "phi3-7-Q8_0",
    "smollm3-7-Q8_0", "granite-7-Q8_0",
};

#define NAMES (sizeof names / sizeof *names)

typedef float logits_matrix[POSITIONS][VOCABULARY];

static const char *path_of(const char *name, const char *suffix)
{
    char asset[256];
    snprintf(asset, sizeof asset, "reference/%s%s", name, suffix);
    return test_asset(asset);
}

static void read_ids(const char *path, ergo_token *ids, size_t count)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(fscanf(file, "%d", &ids[i]), 1);
    fclose(file);
}

/* False where there is no such file: not every model has an exact reference. */
static bool read_logits(const char *name, const char *suffix, logits_matrix out)
{
    char asset[256];
    const char *folder = getenv("ERGO_ASSETS");
    snprintf(asset, sizeof asset, "%s/reference/%s%s",
             folder ? folder : ERGO_SOURCE_DIR "/../shared/assets", name, suffix);
    FILE *file = fopen(asset, "rb");
    if (!file)
        return false;
    assert_int_equal(fread(out, sizeof(float), POSITIONS * VOCABULARY, file),
                     POSITIONS * VOCABULARY);
    fclose(file);
    return true;
}

typedef struct error {
    double rms; /* relative */
    double kl;  /* mean over the positions */
    double top1;
} error;

static double log_sum(const float *x)
{
    double sum = 0.0;
    for (size_t i = 0; i < VOCABULARY; i++)
        sum += exp((double)x[i]);
    return log(sum);
}

static size_t largest(const float *x)
{
    size_t best = 0;
    for (size_t i = 1; i < VOCABULARY; i++)
        best = x[i] > x[best] ? i : best;
    return best;
}

static error error_of(logits_matrix ours, logits_matrix truth)
{
    error e = {0.0, 0.0, 0.0};
    double difference = 0.0, norm = 0.0;
    for (size_t p = 0; p < POSITIONS; p++) {
        const double a = log_sum(ours[p]), b = log_sum(truth[p]);
        for (size_t i = 0; i < VOCABULARY; i++) {
            const double o = (double)ours[p][i], t = (double)truth[p][i];
            difference += (o - t) * (o - t);
            norm += t * t;
            e.kl += exp(t - b) * ((t - b) - (o - a)) / POSITIONS;
        }
        e.top1 += (largest(ours[p]) == largest(truth[p])) / (double)POSITIONS;
    }
    e.rms = sqrt(difference / norm);
    return e;
}

/* llama.cpp's error against exact arithmetic, as the list of the assets has it. */
static error error_of_llamacpp(const char *name)
{
    error e = {-1.0, -1.0, -1.0};
    char word[64];
    FILE *file = fopen(test_asset("reference/llamacpp-error.txt"), "r");
    assert_non_null(file);
    while (fscanf(file, "%63s", word) == 1)
        if (strcmp(word, name) == 0)
            assert_int_equal(fscanf(file, "%lf %lf %lf", &e.rms, &e.kl, &e.top1), 3);
    fclose(file);
    if (e.rms < 0.0)
        fail_msg("llamacpp-error.txt has no line for %s", name);
    return e;
}

static void keep_logits(void *user, ergo_session *session, uint32_t position, const float *logits)
{
    float(*out)[VOCABULARY] = user;
    (void)session;
    if (position < POSITIONS)
        memcpy(out[position], logits, sizeof *out);
}

static void open_engine(test_engine *e, const test_model *m)
{
    /* Phi 3's reference was made with a context that its short factors reach. */
    const test_engine_options options = {
        .config = {.context = 256, .batch_tokens = 64, .batch_outputs = 64, .max_sessions = 2}};
    test_engine_open(e, m, &options);
}

static void compute_logits(test_engine *e, const ergo_token *ids, logits_matrix out)
{
    ergo_session *s = test_session_open(
        e, &(ergo_session_config){.score_only = true, .user = out, .on_logits = keep_logits});
    assert_int_equal(ergo_session_feed(s, ids, POSITIONS), ERGO_OK);
    test_engine_run(e);
    ergo_session_close(s);
}

static void check_model(const char *name, const ergo_token *ids)
{
    static logits_matrix ours, truth;
    test_model m;
    assert_true(test_model_open_file(&m, path_of(name, ".gguf")));
    assert_int_equal(m.info.vocabulary, VOCABULARY);
    test_engine e;
    open_engine(&e, &m);
    compute_logits(&e, ids, ours);
    if (read_logits(name, ".exact.f32", truth)) {
        const error now = error_of(ours, truth), most = error_of_llamacpp(name);
        print_message("%-16s against exact: rms %.6f (%.6f) kl %.3g (%.3g) top1 %.3f (%.3f)\n",
                      name, now.rms, most.rms, now.kl, most.kl, now.top1, most.top1);
        assert_true(now.rms <= most.rms);
        assert_true(now.kl <= most.kl);
    }
    assert_true(read_logits(name, ".f32", truth));
    const error apart = error_of(ours, truth);
    print_message("%-16s against llama.cpp: rms %.6f kl %.3g top1 %.3f\n", name, apart.rms,
                  apart.kl, apart.top1);
    assert_true(apart.kl <= (strstr(name, "-F16") ? 2e-4 : 0.03));
    test_engine_close(&e);
    test_model_close(&m);
}

static void logits_err_no_more_than_those_of_llamacpp(void **state)
{
    (void)state;
    const char *path = test_asset("reference/ids.txt");
    if (!path)
        skip();
    ergo_token ids[POSITIONS];
    read_ids(path, ids, POSITIONS);
    for (size_t i = 0; i < NAMES; i++)
        check_model(names[i], ids);
}

/* Tokens of the greedy text that are equal before the first difference. */
static size_t equal_greedy(const char *name, const ergo_token *ids)
{
    test_model m;
    assert_true(test_model_open_file(&m, path_of(name, ".gguf")));
    test_engine e;
    open_engine(&e, &m);
    test_transcript t = {.count = 0};
    ergo_session *s =
        test_session_open(&e, &(ergo_session_config){.max_tokens = GREEDY,
                                                     .ignore_eog = true,
                                                     .user = &t,
                                                     .on_token = test_transcript_token});
    assert_int_equal(ergo_session_feed(s, ids, POSITIONS), ERGO_OK);
    test_engine_run(&e);
    assert_int_equal(t.count, GREEDY);
    ergo_token expected[GREEDY];
    read_ids(path_of(name, ".greedy"), expected, GREEDY);
    size_t equal = 0;
    while (equal < GREEDY && t.tokens[equal] == expected[equal])
        equal++;
    test_engine_close(&e);
    test_model_close(&m);
    return equal;
}

/*
 * Where nothing is quantized (F16, BF16) the greedy ids are llama.cpp's. Elsewhere two engines may
 * part: these models are random, so that their best two logits are often close.
 */
static void greedy_ids_are_those_of_llamacpp_where_nothing_is_quantized(void **state)
{
    (void)state;
    const char *path = test_asset("reference/ids.txt");
    if (!path)
        skip();
    ergo_token ids[POSITIONS];
    read_ids(path, ids, POSITIONS);
    for (size_t i = 0; i < NAMES; i++) {
        const size_t equal = equal_greedy(names[i], ids);
        print_message("%-16s %zu of %d greedy ids before the first difference\n", names[i], equal,
                      GREEDY);
        if (strstr(names[i], "F16"))
            assert_int_equal(equal, GREEDY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_err_no_more_than_those_of_llamacpp),
        cmocka_unit_test(greedy_ids_are_those_of_llamacpp_where_nothing_is_quantized),
    };
    return cmocka_run_group_tests_name("reference", tests, NULL, NULL);
}
