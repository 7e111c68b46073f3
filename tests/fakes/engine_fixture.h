/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TESTS_ENGINE_FIXTURE_H
#define ERGO_TESTS_ENGINE_FIXTURE_H

#include "ergo/ergo.h"
#include "tests/fakes/tiny_model.h"

/*
 * Opens what a test of the engine needs, in blocks filled with garbage, and records what sessions
 * say. Every failure to open ends the test.
 */

/** What was logged, one line each; what does not fit is dropped. */
typedef struct test_log {
    char text[8192];
    size_t size;
} test_log;

ergo_log test_log_open(test_log *log);
bool test_log_has(const test_log *log, const char *text);
void test_log_clear(test_log *log);

/** Memory for one object, freed with test_block_close. */
ergo_block test_block_open(size_t size);
void test_block_close(ergo_block *block);

typedef struct test_model {
    gguf_builder built;
    ergo_bytes file;
    bool mapped;
    ergo_block blocks[2];
    ergo_gguf *gguf;
    ergo_model *model;
    ergo_model_info info;
    test_log log;
} test_model;

void test_model_open(test_model *m, const tiny_spec *spec);
/** Opens what the tiny model says now; it may be closed afterwards. */
void test_model_open_changed(test_model *m, const tiny_model *tiny);
/** False where there is no such file. */
bool test_model_open_file(test_model *m, const char *path);
/** Opens what has been built and takes it. */
void test_model_open_built(test_model *m, gguf_builder *built);
void test_model_close(test_model *m);

typedef struct test_engine {
    ergo_block blocks[2];
    ergo_device *device;
    ergo_engine *engine;
    test_log log;
} test_engine;

typedef struct test_engine_options {
    uint32_t threads; /**< 0 means 2, as far as this machine has them */
    const char *features;
    ergo_engine_config config;
} test_engine_options;

/** `options` may be NULL. */
void test_engine_open(test_engine *e, const test_model *m, const test_engine_options *options);
void test_engine_close(test_engine *e);
void test_engine_knobs(test_engine *e, uint32_t batch_limit, uint32_t chunk, uint32_t threads);

/** Steps until nothing is left to do; returns the number of steps. */
uint32_t test_engine_run(test_engine *e);
/** The same, adding up the reports. */
ergo_step_report test_engine_run_report(test_engine *e);

/** What a session said; give it as `user` and test_transcript_token as `on_token`. */
typedef struct test_transcript {
    ergo_token tokens[600];
    size_t count;
    char text[4096];
    size_t text_size;
    ergo_status ended;
    uint32_t ends;   /**< events with an ending */
    uint32_t events; /**< all of them */
    uint64_t logits; /**< hash of the bits of all logits, in order of position */
    uint32_t rows;
    uint32_t vocabulary; /**< to be set for test_transcript_logits */
} test_transcript;

bool test_transcript_token(void *user, const ergo_token_event *event);
void test_transcript_logits(void *user, ergo_session *session, uint32_t position,
                            const float *logits);
/** Equal tokens, text, ending and logits. */
void test_transcript_equal(const test_transcript *a, const test_transcript *b);

ergo_session *test_session_open(test_engine *e, const ergo_session_config *config);

/** Ids that look like a text, the same for the same seed. */
void test_prompt(ergo_token *ids, size_t count, uint32_t vocabulary, uint64_t seed);

/** The saved session; free with test_block_close. Its pages hold the bits of keys and values. */
ergo_block test_session_bytes(ergo_session *session);
void test_session_equal(ergo_session *a, ergo_session *b);

/** FNV-1a over bytes, going on from `hash` (0 to start). */
uint64_t test_hash(uint64_t hash, const void *data, size_t size);

/** Path of an asset (ERGO_ASSETS), static until the next call; NULL, said loudly, if absent. */
const char *test_asset(const char *name);

#endif
