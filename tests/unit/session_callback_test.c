/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/engine_fixture.h"

/* What callbacks may do to sessions, their own and others, amid the rows of one batch. */

static test_model model;

static int open_model(void **state)
{
    (void)state;
    test_model_open(&model, &(tiny_spec){.type = ERGO_TYPE_Q8_0, .text = true, .context = 128});
    return 0;
}

static int close_model(void **state)
{
    (void)state;
    test_model_close(&model);
    return 0;
}

typedef enum deed {
    CLOSE,      /* the victim */
    REPLACE,    /* the victim by a new session with as many tokens */
    FEED,       /* two tokens to the victim */
    REWIND,     /* the victim, and leave it so */
    REWIND_ONE, /* the victim by one token, and feed another one in its place */
    REWIND_ALL, /* the victim to nothing, and feed as many other tokens */
    CANCEL,
    RESTORE, /* the victim from `saved`, and feed as many tokens as it had more */
    DEEDS,
} deed;

#define SAVED_TOKENS 9
#define GENERATED 12

/* Does its deed once, when the actor has been called for the `at`th time. */
typedef struct actor {
    test_transcript transcript;
    test_engine *e;
    deed deed;
    uint32_t at, calls;
    ergo_session **victim;
    test_transcript *of_victim;
    ergo_session_config *config_of_victim;
    ergo_block saved;
} actor;

static void feed_prompt(ergo_session *session, size_t count, uint64_t seed)
{
    ergo_token prompt[128];
    test_prompt(prompt, count, TINY_VOCABULARY, seed);
    assert_int_equal(ergo_session_feed(session, prompt, count), ERGO_OK);
}

static void forget(test_transcript *t)
{
    *t = (test_transcript){.vocabulary = TINY_VOCABULARY};
}

static void act(actor *a)
{
    if (++a->calls != a->at)
        return;
    size_t count;
    ergo_session_tokens(*a->victim, &count);
    forget(a->of_victim);
    switch (a->deed) {
    case CLOSE:
        ergo_session_close(*a->victim);
        break;
    case REPLACE:
        ergo_session_close(*a->victim);
        *a->victim = test_session_open(a->e, a->config_of_victim);
        feed_prompt(*a->victim, count, 50);
        break;
    case FEED:
        feed_prompt(*a->victim, 2, 51);
        break;
    case REWIND:
        assert_int_equal(ergo_session_rewind(*a->victim, count / 2), ERGO_OK);
        break;
    case REWIND_ONE:
        assert_int_equal(ergo_session_rewind(*a->victim, count - 1), ERGO_OK);
        feed_prompt(*a->victim, 1, 52);
        break;
    case REWIND_ALL:
        assert_int_equal(ergo_session_rewind(*a->victim, 0), ERGO_OK);
        feed_prompt(*a->victim, count, 53);
        break;
    case CANCEL:
        ergo_session_cancel(*a->victim);
        break;
    case RESTORE:
        assert_int_equal(
            ergo_session_restore(*a->victim, (ergo_bytes){a->saved.data, a->saved.size}), ERGO_OK);
        feed_prompt(*a->victim, count - SAVED_TOKENS, 54);
        break;
    case DEEDS:
        break;
    }
}

static bool act_on_token(void *user, const ergo_token_event *event)
{
    actor *a = user;
    test_transcript_token(&a->transcript, event);
    act(a);
    return true;
}

static bool only_record(void *user, const ergo_token_event *event)
{
    actor *a = user;
    return test_transcript_token(&a->transcript, event);
}

static void act_on_logits(void *user, ergo_session *session, uint32_t position, const float *logits)
{
    (void)session;
    (void)position;
    (void)logits;
    act(user);
}

/* The last tokens of the victim are those that follow the others when they are fed afresh. */
static void expect_as_if_fresh(ergo_session *victim, const test_transcript *said, size_t generated)
{
    ergo_token tokens[128];
    size_t count;
    const ergo_token *all = ergo_session_tokens(victim, &count);
    memcpy(tokens, all, count * sizeof *tokens);
    const test_engine_options options = {.threads = 1,
                                         .config = {.batch_tokens = 64, .batch_outputs = 8}};
    test_engine e;
    test_engine_open(&e, &model, &options);
    test_transcript t = {.vocabulary = TINY_VOCABULARY};
    ergo_session *fresh =
        test_session_open(&e, &(ergo_session_config){.max_tokens = (uint32_t)generated,
                                                     .ignore_eog = true,
                                                     .user = &t,
                                                     .on_token = test_transcript_token});
    assert_int_equal(ergo_session_feed(fresh, tokens, count - generated), ERGO_OK);
    test_engine_run(&e);
    assert_int_equal(said->count, generated);
    assert_memory_equal(t.tokens, said->tokens, generated * sizeof *tokens);
    test_engine_close(&e);
}

/* The actor acts on another session, or on itself, from on_token or on_logits. */
static void check_deed(deed what, bool self, bool from_logits, bool victim_first)
{
    const test_engine_options options = {
        .threads = 1, .config = {.max_sessions = 2, .batch_tokens = 64, .batch_outputs = 8}};
    test_engine e;
    test_engine_open(&e, &model, &options);
    test_transcript of_victim;
    forget(&of_victim);
    ergo_session_config victim_config = {.max_tokens = GENERATED,
                                         .ignore_eog = true,
                                         .user = &of_victim,
                                         .on_token = test_transcript_token};
    ergo_session *victim = NULL;
    actor a = {.e = &e,
               .deed = what,
               .at = from_logits ? 11 : 6,
               .victim = &victim,
               .of_victim = &of_victim,
               .config_of_victim = &victim_config};
    const ergo_session_config actor_config = {.max_tokens = GENERATED,
                                              .ignore_eog = true,
                                              .user = &a,
                                              .on_token = from_logits ? only_record : act_on_token,
                                              .on_logits = from_logits ? act_on_logits : NULL};
    ergo_session *s = test_session_open(&e, &(ergo_session_config){.score_only = true});
    feed_prompt(s, SAVED_TOKENS, 60);
    test_engine_run(&e);
    a.saved = test_session_bytes(s);
    ergo_session_close(s);
    a.of_victim = self ? &a.transcript : &of_victim;
    if (victim_first && !self)
        victim = test_session_open(&e, &victim_config);
    s = test_session_open(&e, &actor_config);
    if (self)
        victim = s;
    else if (!victim_first)
        victim = test_session_open(&e, &victim_config);
    feed_prompt(s, 6, 61);
    if (!self)
        feed_prompt(victim, 6, 62);
    test_engine_run(&e);
    assert_true(a.calls >= a.at);
    const test_transcript *said = a.of_victim;
    if (what == CLOSE || what == REWIND || what == CANCEL)
        assert_true(said->count <= 1);
    else
        expect_as_if_fresh(victim, said, GENERATED);
    if (what == REWIND)
        assert_int_equal(ergo_session_status(victim), ERGO_IDLE);
    test_block_close(&a.saved);
    test_engine_close(&e);
}

static void a_callback_may_do_anything_to_another_session(void **state)
{
    (void)state;
    for (deed d = CLOSE; d < DEEDS; d++)
        for (int from_logits = 0; from_logits < 2; from_logits++)
            for (int victim_first = 0; victim_first < 2; victim_first++)
                check_deed(d, false, from_logits, victim_first);
}

static void a_callback_may_do_anything_to_its_own_session(void **state)
{
    (void)state;
    for (deed d = CLOSE; d < DEEDS; d++)
        for (int from_logits = 0; from_logits < 2; from_logits++)
            if (d != REPLACE)
                check_deed(d, true, from_logits, false);
}

/* Rows of logits of a text that a callback took back are not handed out. */
typedef struct rewinder {
    test_transcript transcript;
    uint32_t rows[64];
    uint32_t count;
} rewinder;

static void rewind_at_third(void *user, ergo_session *session, uint32_t position,
                            const float *logits)
{
    rewinder *r = user;
    (void)logits;
    r->rows[r->count++] = position;
    if (r->count != 3)
        return;
    assert_int_equal(ergo_session_rewind(session, 1), ERGO_OK);
    feed_prompt(session, 4, 70);
}

static void logits_of_a_text_that_was_rewound_are_not_given(void **state)
{
    (void)state;
    const test_engine_options options = {.threads = 1, .config = {.batch_outputs = 8}};
    test_engine e;
    test_engine_open(&e, &model, &options);
    rewinder r = {.count = 0};
    ergo_session *s = test_session_open(
        &e, &(ergo_session_config){.score_only = true, .user = &r, .on_logits = rewind_at_third});
    feed_prompt(s, 8, 71);
    test_engine_run(&e);
    static const uint32_t expected[] = {0, 1, 2, 1, 2, 3, 4};
    assert_int_equal(r.count, 7);
    assert_memory_equal(r.rows, expected, sizeof expected);
    test_engine_close(&e);
}

/* The actor opens a session whenever it is called, until the engine is full. */
typedef struct opener {
    test_engine *e;
    test_transcript transcript[3];
    uint32_t opened;
} opener;

static bool open_another(void *user, const ergo_token_event *event)
{
    opener *o = user;
    if (o->opened == 3 || event->index != 1)
        return true;
    const ergo_session_config config = {.max_tokens = 4,
                                        .ignore_eog = true,
                                        .user = &o->transcript[o->opened],
                                        .on_token = test_transcript_token};
    feed_prompt(test_session_open(o->e, &config), 5, 80);
    o->opened++;
    return true;
}

static void a_callback_may_open_sessions(void **state)
{
    (void)state;
    const test_engine_options options = {.threads = 1, .config = {.max_sessions = 4}};
    test_engine e;
    test_engine_open(&e, &model, &options);
    opener o = {.e = &e};
    ergo_session *s = test_session_open(
        &e, &(ergo_session_config){
                .max_tokens = 3, .ignore_eog = true, .user = &o, .on_token = open_another});
    for (int i = 0; i < 3; i++) {
        feed_prompt(s, 3, 81);
        test_engine_run(&e);
    }
    assert_int_equal(o.opened, 3);
    assert_int_equal(o.transcript[0].count, 4);
    test_transcript_equal(&o.transcript[0], &o.transcript[1]);
    test_transcript_equal(&o.transcript[0], &o.transcript[2]);
    test_engine_close(&e);
}

static bool step_again(void *user, const ergo_token_event *event)
{
    test_engine *e = user;
    (void)event;
    assert_int_equal(ergo_engine_step(e->engine, NULL), ERGO_E_STATE);
    return true;
}

static void a_callback_must_not_begin_another_step(void **state)
{
    (void)state;
    test_engine e;
    test_engine_open(&e, &model, NULL);
    ergo_session *s = test_session_open(
        &e, &(ergo_session_config){
                .max_tokens = 2, .ignore_eog = true, .user = &e, .on_token = step_again});
    feed_prompt(s, 3, 82);
    assert_int_equal(test_engine_run(&e), 2);
    test_engine_close(&e);
}

static void a_rewound_text_is_drawn_the_same_again(void **state)
{
    (void)state;
    test_engine e;
    test_engine_open(&e, &model, NULL);
    test_transcript first = {.count = 0}, again = {.count = 0};
    ergo_session_config config = {.sampler = {.temperature = 1.5f, .seed = 5},
                                  .max_tokens = 20,
                                  .ignore_eog = true,
                                  .user = &first,
                                  .on_token = test_transcript_token};
    ergo_session *s = test_session_open(&e, &config);
    feed_prompt(s, 7, 83);
    test_engine_run(&e);
    again = first;
    first.count = first.text_size = 0;
    assert_int_equal(ergo_session_rewind(s, 0), ERGO_OK);
    feed_prompt(s, 7, 83);
    test_engine_run(&e);
    assert_int_equal(first.count, 20);
    assert_memory_equal(first.tokens, again.tokens, 20 * sizeof *first.tokens);
    test_engine_close(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_callback_may_do_anything_to_another_session),
        cmocka_unit_test(a_callback_may_do_anything_to_its_own_session),
        cmocka_unit_test(logits_of_a_text_that_was_rewound_are_not_given),
        cmocka_unit_test(a_callback_may_open_sessions),
        cmocka_unit_test(a_callback_must_not_begin_another_step),
        cmocka_unit_test(a_rewound_text_is_drawn_the_same_again),
    };
    return cmocka_run_group_tests_name("session_callback", tests, open_model, close_model);
}
