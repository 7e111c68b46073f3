/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "ergo/steer.h"
#include "tests/fakes/engine_fixture.h"

#define MS UINT64_C(1000000)
#define SESSIONS 4

static test_model model;
static ergo_token prompt[120];

static int open_model(void **state)
{
    (void)state;
    if (!test_model_open_file(&model, ERGO_SOURCE_DIR "/models/demo/ergo-demo-Q8_0.gguf"))
        return -1;
    test_prompt(prompt, 120, model.info.vocabulary, 5);
    return 0;
}

static int close_model(void **state)
{
    (void)state;
    test_model_close(&model);
    return 0;
}

static void open_engine(test_engine *e)
{
    const test_engine_options options = {
        .config = {.max_sessions = SESSIONS, .context = 256, .batch_tokens = 96}};
    test_engine_open(e, &model, &options);
}

/* ---- A board of one clock and three core sets ---------------------------------------------- */

static uint32_t board_level[2];
static ergo_status board_answer;

static ergo_status set_board(void *self, uint32_t level)
{
    if (board_answer == ERGO_OK)
        *(uint32_t *)self = level;
    return board_answer;
}

static ergo_status get_board(void *self, uint32_t *level)
{
    *level = *(const uint32_t *)self;
    return ERGO_OK;
}

static const ergo_knob_level clocks[] = {{.value = 600000}, {.value = 1800000}};
static const ergo_knob_level sets[] = {
    {1, 1, "big1"}, {2, 1, "big2"}, {64, 1, "more than the device has"}};
static const ergo_knob board[] = {
    {{.name = "a76", .kind = ERGO_KNOB_CLOCK, .levels = clocks, .level_count = 2},
     set_board,
     get_board,
     &board_level[0]},
    {{.name = "cores", .kind = ERGO_KNOB_CORES, .levels = sets, .level_count = 3},
     set_board,
     get_board,
     &board_level[1]},
};

/* ---- Time and joules: a step takes 40 ms and 2 for every further sequence, at 5 W ----------- */

static uint64_t now;
static uint32_t in_step;

static uint64_t tell_time(void *user)
{
    (void)user;
    return now;
}

static ergo_status five_watts(void *self, ergo_reading *out)
{
    (void)self;
    *out = (ergo_reading){.value = 5000000, .time_ns = now};
    return ERGO_OK;
}

static bool take_time(void *user, const ergo_token_event *event)
{
    now += in_step++ == 0 ? 40 * MS : 2 * MS;
    return test_transcript_token(user, event);
}

typedef struct bench {
    test_engine e;
    ergo_meter *meter;
    ergo_steer *steer;
    ergo_block blocks[2];
    test_transcript said[SESSIONS];
    ergo_session *session[SESSIONS];
} bench;

static void open_bench(bench *b, bool board_too, uint64_t longest_ns)
{
    const ergo_sensor sensor = {.info = {.name = "total"}, .read = five_watts};
    memset(b, 0, sizeof *b);
    memset(board_level, 0, sizeof board_level);
    board_answer = ERGO_OK;
    now = 1000 * MS;
    open_engine(&b->e);
    const ergo_meter_config meter = {.clock = {.now_ns = tell_time},
                                     .sensors = &sensor,
                                     .sensor_count = 1,
                                     .total = 1,
                                     .poll = true};
    size_t size;
    assert_int_equal(ergo_meter_size(&meter, &size), ERGO_OK);
    b->blocks[0] = test_block_open(size);
    assert_int_equal(ergo_meter_open(&meter, b->blocks[0], &b->meter), ERGO_OK);
    const ergo_steer_config config = {.engine = b->e.engine,
                                      .knobs = board,
                                      .knob_count = board_too ? 2 : 0,
                                      .meter = b->meter,
                                      .sensor = ERGO_METER_TOTAL,
                                      .hold = {.longest_ns = longest_ns}};
    assert_int_equal(ergo_steer_size(&config, &size), ERGO_OK);
    b->blocks[1] = test_block_open(size);
    assert_int_equal(ergo_steer_open(&config, b->blocks[1], &b->steer), ERGO_OK);
}

static void close_bench(bench *b)
{
    ergo_steer_close(b->steer);
    ergo_meter_close(b->meter);
    test_block_close(&b->blocks[0]);
    test_block_close(&b->blocks[1]);
    test_engine_close(&b->e);
}

static ergo_session_config session_config(test_transcript *t, uint64_t seed, uint32_t tokens)
{
    *t = (test_transcript){.count = 0};
    return (ergo_session_config){.sampler = {.temperature = 1.0f, .seed = seed},
                                 .max_tokens = tokens,
                                 .ignore_eog = true,
                                 .user = t,
                                 .on_token = take_time};
}

static void feed(bench *b, uint32_t i, uint32_t tokens)
{
    const ergo_session_config config = session_config(&b->said[i], i + 1, tokens);
    b->session[i] = test_session_open(&b->e, &config);
    assert_int_equal(ergo_session_feed(b->session[i], prompt, 10 + 20 * i), ERGO_OK);
}

static ergo_status step(bench *b)
{
    in_step = 0;
    const ergo_status status = ergo_steer_step(b->steer, NULL);
    assert_int_equal(ergo_meter_poll(b->meter, NULL), ERGO_OK);
    return status;
}

static void request(bench *b, uint32_t i, uint32_t tokens, uint64_t within_ms)
{
    feed(b, i, tokens);
    const ergo_request wants = {.deadline_ns = now + within_ms * MS, .output_tokens = tokens};
    assert_int_equal(ergo_steer_request(b->steer, b->session[i], &wants), ERGO_OK);
}

static void end_session(bench *b, uint32_t i)
{
    ergo_steer_forget(b->steer, b->session[i]);
    ergo_session_close(b->session[i]);
}

/* One alone, then two together: so that both costs are known. */
static void teach(bench *b)
{
    for (uint32_t many = 1; many <= 2; many++) {
        for (uint32_t i = 0; i < many; i++)
            feed(b, i, 20);
        while (step(b) == ERGO_OK)
            continue;
        for (uint32_t i = 0; i < many; i++)
            end_session(b, i);
    }
}

/* ---- Knobs --------------------------------------------------------------------------------- */

static void the_engines_settings_come_after_the_boards_knobs(void **state)
{
    (void)state;
    bench b;
    size_t count;
    open_bench(&b, true, 0);
    const ergo_knob *list = ergo_steer_knobs(b.steer, &count);
    assert_int_equal(count, 4);
    assert_string_equal(list[0].info.name, "a76");
    assert_int_equal(list[1].info.kind, ERGO_KNOB_CORES);
    assert_string_equal(list[2].info.name, "batch");
    assert_int_equal(list[2].info.level_count, 3);
    assert_int_equal(list[2].info.levels[2].value, SESSIONS);
    assert_string_equal(list[3].info.name, "chunk");
    assert_int_equal(list[3].info.levels[0].value, 16);
    assert_int_equal(list[3].info.levels[list[3].info.level_count - 1].value, 96);
    for (size_t k = 0; k < count; k++)
        for (uint32_t level = 0; level < list[k].info.level_count; level++) {
            uint32_t back = 99;
            assert_int_equal(list[k].set(list[k].self, level), ERGO_OK);
            assert_int_equal(list[k].get(list[k].self, &back), ERGO_OK);
            assert_int_equal(back, level);
        }
    for (size_t k = 1; k < count; k++)
        assert_int_equal(list[k].set(list[k].self, list[k].info.level_count), ERGO_E_ARGUMENT);
    close_bench(&b);
}

static void a_core_set_sets_the_threads_and_close_puts_back(void **state)
{
    (void)state;
    bench b;
    size_t count;
    ergo_engine_knobs knobs, before;
    open_bench(&b, true, 0);
    ergo_engine_get_knobs(b.e.engine, &before);
    const ergo_knob *cores = &ergo_steer_knobs(b.steer, &count)[1];
    assert_int_equal(cores->set(cores->self, 0), ERGO_OK);
    ergo_engine_get_knobs(b.e.engine, &knobs);
    assert_int_equal(knobs.threads, 1);
    assert_int_equal(cores->set(cores->self, 2), ERGO_OK);
    ergo_engine_get_knobs(b.e.engine, &knobs);
    assert_int_equal(knobs.threads, before.threads);
    board_answer = ERGO_E_PERMISSION;
    assert_int_equal(cores->set(cores->self, 0), ERGO_E_PERMISSION);
    ergo_engine_get_knobs(b.e.engine, &knobs);
    assert_int_equal(knobs.threads, before.threads);
    board_answer = ERGO_OK;
    assert_int_equal(cores->set(cores->self, 0), ERGO_OK);
    ergo_steer_close(b.steer);
    b.steer = NULL;
    ergo_engine_get_knobs(b.e.engine, &knobs);
    assert_memory_equal(&knobs, &before, sizeof knobs);
    close_bench(&b);
}

static void without_core_sets_there_are_threads(void **state)
{
    (void)state;
    bench b;
    size_t count;
    open_bench(&b, false, 0);
    const ergo_knob *list = ergo_steer_knobs(b.steer, &count);
    const uint32_t threads = ergo_device_threads(b.e.device);
    if (threads < 2) {
        assert_string_equal(list[0].info.name, "batch");
    } else {
        assert_int_equal(list[0].info.kind, ERGO_KNOB_CORES);
        assert_int_equal(list[0].info.levels[list[0].info.level_count - 1].value, threads);
    }
    close_bench(&b);
}

/* ---- Words --------------------------------------------------------------------------------- */

static void words_are_the_same_whatever_is_turned_and_held(void **state)
{
    (void)state;
    bench b;
    static test_transcript plain[SESSIONS];
    open_bench(&b, false, 0);
    for (uint32_t i = 0; i < SESSIONS; i++)
        feed(&b, i, 40);
    while (ergo_engine_step(b.e.engine, NULL) == ERGO_OK)
        continue;
    memcpy(plain, b.said, sizeof plain);
    close_bench(&b);

    for (uint64_t seed = 1; seed <= 3; seed++) {
        uint64_t random = seed;
        size_t count;
        open_bench(&b, true, 2000 * MS);
        const ergo_knob *list = ergo_steer_knobs(b.steer, &count);
        for (uint32_t i = 0; i < SESSIONS; i++)
            request(&b, i, 40, 3000 + 1000 * i);
        for (ergo_status status = ERGO_OK;
             status == ERGO_OK || ergo_steer_until(b.steer) != UINT64_MAX;) {
            for (size_t k = 0; k < count; k++) {
                random = random * 6364136223846793005u + 1442695040888963407u;
                const uint32_t level = (uint32_t)(random >> 33) % list[k].info.level_count;
                assert_int_equal(list[k].set(list[k].self, level), ERGO_OK);
            }
            status = step(&b);
            if (status == ERGO_IDLE && ergo_steer_until(b.steer) != UINT64_MAX)
                now = ergo_steer_until(b.steer) + 1;
        }
        for (uint32_t i = 0; i < SESSIONS; i++) {
            assert_int_equal(b.said[i].count, 40);
            test_transcript_equal(&plain[i], &b.said[i]);
        }
        close_bench(&b);
    }
}

/* ---- Requests ------------------------------------------------------------------------------ */

static void what_steps_took_and_cost_is_learnt(void **state)
{
    (void)state;
    bench b;
    open_bench(&b, true, 0);
    teach(&b);
    ergo_steer_state known;
    ergo_steer_get(b.steer, &known);
    assert_int_equal(known.batch_count, 2);
    assert_int_equal(known.batches[0].batch, 1);
    assert_in_range(known.batches[0].step_ns, 39 * MS, 41 * MS);
    assert_in_range(known.batches[0].token_nj, 190000000, 210000000);
    assert_int_equal(known.batches[1].batch, 2);
    assert_in_range(known.batches[1].step_ns, 41 * MS, 43 * MS);
    assert_in_range(known.batches[1].token_nj, 95000000, 115000000);
    close_bench(&b);
}

static void a_request_with_slack_waits_and_is_joined(void **state)
{
    (void)state;
    bench b;
    ergo_steer_state now_is;
    open_bench(&b, true, 0);
    teach(&b);
    /* Two arrivals a second apart, so that a third can be expected. */
    request(&b, 0, 2, 100);
    while (step(&b) == ERGO_OK)
        continue;
    end_session(&b, 0);
    now += 900 * MS;
    request(&b, 0, 20, 20000);
    assert_int_equal(step(&b), ERGO_IDLE);
    ergo_steer_get(b.steer, &now_is);
    assert_int_equal(now_is.reason, ERGO_HOLD_COMPANY);
    assert_int_equal(now_is.held, 1);
    assert_int_equal(b.said[0].count, 0);
    assert_true(ergo_steer_until(b.steer) > now && ergo_steer_until(b.steer) < now + 20000 * MS);
    /* One without slack takes it along. */
    now += 500 * MS;
    request(&b, 1, 20, 1200);
    while (step(&b) == ERGO_OK)
        continue;
    assert_int_equal(b.said[0].count, 20);
    assert_int_equal(b.said[1].count, 20);
    ergo_steer_get(b.steer, &now_is);
    assert_true(now_is.held_ns >= 500 * MS);
    assert_int_equal(now_is.held, 0);
    assert_int_equal(now_is.met, 3);
    assert_int_equal(now_is.missed, 0);
    close_bench(&b);
}

static void who_waited_in_vain_is_still_in_time(void **state)
{
    (void)state;
    bench b;
    ergo_steer_state now_is;
    open_bench(&b, true, 0);
    teach(&b);
    request(&b, 0, 2, 100);
    while (step(&b) == ERGO_OK)
        continue;
    end_session(&b, 0);
    now += 900 * MS;
    request(&b, 0, 20, 5000);
    assert_int_equal(step(&b), ERGO_IDLE);
    now = ergo_steer_until(b.steer) + 1;
    while (step(&b) == ERGO_OK)
        continue;
    ergo_steer_get(b.steer, &now_is);
    assert_int_equal(b.said[0].count, 20);
    assert_int_equal(now_is.met, 2);
    assert_int_equal(now_is.missed, 0);
    close_bench(&b);
}

static void requests_are_refused_before_they_are_fed_and_beyond_the_limit(void **state)
{
    (void)state;
    bench b;
    open_bench(&b, false, 0);
    const ergo_session_config config = session_config(&b.said[0], 1, 5);
    ergo_session *session = test_session_open(&b.e, &config);
    const ergo_request wants = {.output_tokens = 5};
    assert_int_equal(ergo_steer_request(b.steer, session, &wants), ERGO_E_STATE);
    assert_int_equal(ergo_steer_request(b.steer, session, NULL), ERGO_E_ARGUMENT);
    ergo_steer_close(b.steer);
    size_t size;
    const ergo_steer_config small = {
        .engine = b.e.engine, .max_requests = 1, .clock = {.now_ns = tell_time}};
    assert_int_equal(ergo_steer_size(&small, &size), ERGO_OK);
    assert_int_equal(ergo_steer_open(&small, b.blocks[1], &b.steer), ERGO_OK);
    feed(&b, 1, 5);
    feed(&b, 2, 5);
    assert_int_equal(ergo_steer_request(b.steer, b.session[1], &wants), ERGO_OK);
    assert_int_equal(ergo_steer_request(b.steer, b.session[2], &wants), ERGO_E_LIMIT);
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_engines_settings_come_after_the_boards_knobs),
        cmocka_unit_test(a_core_set_sets_the_threads_and_close_puts_back),
        cmocka_unit_test(without_core_sets_there_are_threads),
        cmocka_unit_test(words_are_the_same_whatever_is_turned_and_held),
        cmocka_unit_test(what_steps_took_and_cost_is_learnt),
        cmocka_unit_test(a_request_with_slack_waits_and_is_joined),
        cmocka_unit_test(who_waited_in_vain_is_still_in_time),
        cmocka_unit_test(requests_are_refused_before_they_are_fed_and_beyond_the_limit),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
