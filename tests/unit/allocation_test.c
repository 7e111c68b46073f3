/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "tests/fakes/engine_fixture.h"

/*
 * Nothing is taken from the system after the opens: no memory, no thread, no file. This program
 * replaces the functions that could, and counts their calls from any thread while it is told to.
 */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__) ||        \
    defined(ERGO_TEST_STATIC)
#define COUNTS 0
#else
#define COUNTS 1
#endif

static atomic_bool counting;
static atomic_uint calls;

#if COUNTS
static void called(void)
{
    if (atomic_load(&counting))
        atomic_fetch_add(&calls, 1);
}

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t align, size_t size);

void *malloc(size_t size)
{
    called();
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    called();
    return __libc_calloc(count, size);
}

void *realloc(void *p, size_t size)
{
    called();
    return __libc_realloc(p, size);
}

void *aligned_alloc(size_t align, size_t size)
{
    called();
    return __libc_memalign(align, size);
}

int posix_memalign(void **out, size_t align, size_t size)
{
    called();
    *out = __libc_memalign(align, size);
    return *out ? 0 : ENOMEM;
}

/* The function of that name in the next library, stored as a pointer to a function. */
static void find_next(const char *name, void *function, size_t size)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (!found)
        abort();
    memcpy(function, &found, size);
}

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    void *(*next)(void *, size_t, int, int, int, off_t);
    called();
    find_next("mmap", &next, sizeof next);
    return next(address, size, protection, flags, fd, offset);
}

int pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attributes,
                   void *(*start)(void *), void *restrict argument)
{
    int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    called();
    find_next("pthread_create", &next, sizeof next);
    return next(thread, attributes, start, argument);
}

int open(const char *path, int flags, ...)
{
    int (*next)(const char *, int, ...);
    va_list args;
    va_start(args, flags);
    const int mode = flags & O_CREAT ? va_arg(args, int) : 0;
    va_end(args);
    called();
    find_next("open", &next, sizeof next);
    return next(path, flags, mode);
}

FILE *fopen(const char *restrict path, const char *restrict mode)
{
    FILE *(*next)(const char *, const char *);
    called();
    find_next("fopen", &next, sizeof next);
    return next(path, mode);
}
#endif

/* Keeps the compiler from taking out an allocation that nobody reads. */
static void *volatile kept;

static void the_counters_count(void **state)
{
    (void)state;
    if (!COUNTS) {
        print_message("SKIPPED: a sanitizer owns malloc, this is not glibc, or it is linked in\n");
        skip();
    }
    atomic_store(&calls, 0);
    atomic_store(&counting, true);
    kept = malloc(10);
    kept = realloc(kept, 20);
    free(kept);
    kept = calloc(1, 10);
    free(kept);
    kept = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(kept, 4096);
    const int fd = open("/dev/null", O_RDONLY);
    atomic_store(&counting, false);
    assert_true(fd >= 0);
    assert_int_equal(atomic_load(&calls), 5);
}

#define SESSIONS 3

typedef struct world {
    test_model model;
    test_engine e;
    ergo_block grammar_block, state_block, saved, scratch;
    ergo_grammar *grammar;
    test_transcript transcript;
} world;

static void open_world(world *w)
{
    static const char text[] = "root ::= ([a-z ]+ \".\"){20,}";
    test_model_open(&w->model, &(tiny_spec){.type = ERGO_TYPE_Q8_0, .text = true});
    const test_engine_options options = {
        .config = {.max_sessions = SESSIONS, .batch_tokens = 48, .kv_pages = 14}};
    test_engine_open(&w->e, &w->model, &options);
    size_t size;
    const ergo_str grammar = {text, sizeof text - 1};
    assert_int_equal(ergo_grammar_size(grammar, NULL, &size), ERGO_OK);
    w->grammar_block = test_block_open(size);
    assert_int_equal(ergo_grammar_open(grammar, NULL, w->grammar_block, &w->grammar), ERGO_OK);
    w->state_block = test_block_open(ergo_grammar_state_size(w->grammar));
    w->saved = test_block_open(1 << 20);
    w->scratch = test_block_open(ergo_tokenize_scratch(ergo_model_tokenizer(w->model.model), 100));
}

static void close_world(world *w)
{
    test_block_close(&w->scratch);
    test_block_close(&w->saved);
    test_block_close(&w->state_block);
    test_block_close(&w->grammar_block);
    test_engine_close(&w->e);
    test_model_close(&w->model);
}

/* Every stage of the sampler, stop strings, a grammar for one of them, logits for another. */
static ergo_session *open_session(world *w, uint32_t i, uint32_t round)
{
    static const ergo_str stops[] = {{"zq", 2}, {"never said", 10}};
    static const ergo_logit_bias bias[] = {{TINY_TOKEN('q'), -2.0f}, {TINY_EOS, -1e9f}};
    const ergo_session_config config = {
        .sampler = {.temperature = i == 2 ? 0.0f : 0.9f,
                    .top_k = 40,
                    .top_p = 0.95f,
                    .min_p = 0.01f,
                    .repeat_penalty = 1.1f,
                    .frequency_penalty = 0.1f,
                    .presence_penalty = 0.1f,
                    .seed = round,
                    .bias = bias,
                    .bias_count = 2},
        .max_tokens = 60,
        .grammar = i == 0 ? w->grammar : NULL,
        .grammar_memory = w->state_block,
        .stops = stops,
        .stop_count = 2,
        .user = &w->transcript,
        .on_token = test_transcript_token,
        .on_logits = i == 1 && round % 2 ? test_transcript_logits : NULL,
    };
    ergo_session *session;
    assert_int_equal(ergo_session_open(w->e.engine, &config, &session), ERGO_OK);
    static const char text[] = "Once there was a fox that lived in a house of glass by the sea.";
    ergo_token ids[100];
    size_t count;
    assert_int_equal(ergo_tokenize(ergo_model_tokenizer(w->model.model),
                                   (ergo_str){text, sizeof text - 1}, ERGO_TOKENIZE_BOS, w->scratch,
                                   ids, 100, &count),
                     ERGO_OK);
    assert_int_equal(ergo_session_feed(session, ids, count), ERGO_OK);
    return session;
}

static void play(world *w, uint32_t rounds)
{
    for (uint32_t round = 0; round < rounds; round++) {
        ergo_session *s[SESSIONS];
        w->transcript = (test_transcript){.vocabulary = TINY_VOCABULARY};
        for (uint32_t i = 0; i < SESSIONS; i++)
            s[i] = open_session(w, i, round);
        const ergo_engine_knobs knobs = {.prefill_chunk = 1 + round * 5 % 48};
        assert_int_equal(ergo_engine_set_knobs(w->e.engine, &knobs), ERGO_OK);
        for (uint32_t step = 0; step < 90; step++) {
            const ergo_status status = ergo_engine_step(w->e.engine, NULL);
            assert_true(status == ERGO_OK || status == ERGO_IDLE);
        }
        size_t size;
        assert_int_equal(ergo_session_save(s[2], w->saved.data, w->saved.size, &size), ERGO_OK);
        assert_int_equal(ergo_session_rewind(s[1], 5), ERGO_OK);
        assert_int_equal(ergo_session_restore(s[1], (ergo_bytes){w->saved.data, size}), ERGO_OK);
        ergo_session_cancel(s[0]);
        ergo_engine_step(w->e.engine, NULL);
        for (uint32_t i = 0; i < SESSIONS; i++)
            ergo_session_close(s[i]);
    }
}

static void nothing_is_allocated_started_or_opened_after_the_opens(void **state)
{
    (void)state;
    world w;
    open_world(&w);
    atomic_store(&calls, 0);
    atomic_store(&counting, true);
    play(&w, 6);
    atomic_store(&counting, false);
    assert_true(w.transcript.count > 60);
    close_world(&w);
    if (COUNTS)
        assert_int_equal(atomic_load(&calls), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_counters_count),
        cmocka_unit_test(nothing_is_allocated_started_or_opened_after_the_opens),
    };
    return cmocka_run_group_tests_name("allocation", tests, NULL, NULL);
}
