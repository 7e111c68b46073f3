/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "tests/fakes/engine_fixture.h"

/*
 * The bundled model turns commands into JSON. Commands that it has never seen, in the form that it
 * was trained on, several at once as a server would.
 */

#define MODEL ERGO_SOURCE_DIR "/models/demo/ergo-demo-Q8_0.gguf"
#define HELD_OUT ERGO_SOURCE_DIR "/models/demo/heldout.jsonl"
#define COMMANDS 150
#define AT_ONCE 8
#define TOKENS_MAX 96

typedef struct command {
    char *prompt;
    char *json;
    test_transcript *said;
    ergo_session *session;
} command;

static test_model model;

static int open_model(void **state)
{
    (void)state;
    return test_model_open_file(&model, MODEL) ? 0 : -1;
}

static int close_model(void **state)
{
    (void)state;
    test_model_close(&model);
    return 0;
}

/* Every fourth line of the file, so that all kinds of commands are among them. */
static size_t read_commands(command *commands)
{
    size_t count = 0, number = 0;
    char line[1024];
    FILE *file = fopen(HELD_OUT, "r");
    assert_non_null(file);
    while (count < COMMANDS && fgets(line, sizeof line, file)) {
        if (number++ % 4 != 0)
            continue;
        cJSON *row = cJSON_Parse(line);
        assert_non_null(row);
        const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(row, "command"));
        const char *json = cJSON_GetStringValue(cJSON_GetObjectItem(row, "json"));
        assert_non_null(text);
        assert_non_null(json);
        const size_t size = strlen(text) + 128;
        commands[count] = (command){.prompt = malloc(size), .json = strdup(json)};
        assert_non_null(commands[count].prompt);
        snprintf(commands[count].prompt, size,
                 "<|im_start|>user\n%s<|im_end|>\n<|im_start|>assistant\n", text);
        cJSON_Delete(row);
        count++;
    }
    fclose(file);
    return count;
}

static void feed_text(ergo_session *session, const char *text)
{
    const ergo_tokenizer *tokenizer = ergo_model_tokenizer(model.model);
    ergo_token ids[600];
    size_t count;
    ergo_block scratch = test_block_open(ergo_tokenize_scratch(tokenizer, strlen(text)));
    assert_int_equal(ergo_tokenize(tokenizer, (ergo_str){text, strlen(text)},
                                   ERGO_TOKENIZE_BOS | ERGO_TOKENIZE_SPECIAL, scratch, ids, 600,
                                   &count),
                     ERGO_OK);
    assert_int_equal(ergo_session_feed(session, ids, count), ERGO_OK);
    test_block_close(&scratch);
}

static void start(test_engine *e, command *c)
{
    c->said = calloc(1, sizeof *c->said);
    assert_non_null(c->said);
    c->session = test_session_open(e, &(ergo_session_config){.max_tokens = TOKENS_MAX,
                                                             .user = c->said,
                                                             .on_token = test_transcript_token});
    feed_text(c->session, c->prompt);
}

/* Runs all commands, a few at once; returns how many were answered to the letter. */
static size_t answer(test_engine *e, command *commands, size_t count)
{
    size_t next = 0, exact = 0, running = 0;
    while (next < count || running > 0) {
        while (next < count && running < AT_ONCE) {
            start(e, &commands[next++]);
            running++;
        }
        assert_int_equal(ergo_engine_step(e->engine, NULL), ERGO_OK);
        for (size_t i = 0; i < next; i++) {
            command *c = &commands[i];
            if (!c->session || ergo_session_status(c->session) == ERGO_OK)
                continue;
            ergo_session_close(c->session);
            c->session = NULL;
            running--;
            const test_transcript *t = c->said;
            if (t->ended == ERGO_END_OF_TEXT && t->text_size == strlen(c->json) &&
                memcmp(t->text, c->json, t->text_size) == 0)
                exact++;
            else
                print_message("%s\n  want %s\n  got  %.*s\n", c->prompt, c->json, (int)t->text_size,
                              t->text);
        }
    }
    return exact;
}

static void held_out_commands_become_the_right_json(void **state)
{
    (void)state;
    static command commands[COMMANDS];
    const size_t count = read_commands(commands);
    assert_int_equal(count, COMMANDS);
    const test_engine_options options = {.config = {.max_sessions = AT_ONCE, .context = 256}};
    test_engine e;
    test_engine_open(&e, &model, &options);
    const size_t exact = answer(&e, commands, count);
    print_message("%zu of %zu held-out commands answered to the letter\n", exact, count);
    assert_true(exact * 100 >= count * 98);
    test_engine_close(&e);
    for (size_t i = 0; i < count; i++) {
        free(commands[i].prompt);
        free(commands[i].json);
        free(commands[i].said);
    }
}

static void logits_are_the_same_with_and_without_cpu_features(void **state)
{
    (void)state;
    test_transcript t[2];
    for (int i = 0; i < 2; i++) {
        const test_engine_options options = {
            .features = i ? "none" : NULL,
            .config = {.context = 192, .batch_tokens = 32, .batch_outputs = 32}};
        test_engine e;
        test_engine_open(&e, &model, &options);
        t[i] = (test_transcript){.vocabulary = model.info.vocabulary};
        ergo_session *s = test_session_open(
            &e, &(ergo_session_config){.sampler = {.temperature = 0.8f, .seed = 1},
                                       .max_tokens = 40,
                                       .ignore_eog = true,
                                       .user = &t[i],
                                       .on_token = test_transcript_token,
                                       .on_logits = test_transcript_logits});
        feed_text(s, "<|im_start|>user\ntell me a story about a rabbit and a lost "
                     "kite<|im_end|>\n<|im_start|>assistant\n");
        test_engine_run(&e);
        test_engine_close(&e);
    }
    assert_true(t[0].rows > 40);
    test_transcript_equal(&t[0], &t[1]);
    print_message("hash of %u rows of logits: %016llx\n", t[0].rows,
                  (unsigned long long)t[0].logits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(held_out_commands_become_the_right_json),
        cmocka_unit_test(logits_are_the_same_with_and_without_cpu_features),
    };
    return cmocka_run_group_tests_name("demo", tests, open_model, close_model);
}
