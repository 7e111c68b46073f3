/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/steer_bench.h"

#define MS UINT64_C(1000000)

static test_model model;
static ergo_token prompt[120];

int bench_model_open(void **state)
{
    (void)state;
    if (!test_model_open_file(&model, ERGO_SOURCE_DIR "/models/demo/ergo-demo-Q8_0.gguf"))
        return -1;
    test_prompt(prompt, 120, model.info.vocabulary, 5);
    return 0;
}

int bench_model_close(void **state)
{
    (void)state;
    test_model_close(&model);
    return 0;
}

static void open_engine(test_engine *e)
{
    const test_engine_options options = {
        .config = {.max_sessions = BENCH_SESSIONS, .context = 256, .batch_tokens = 96}};
    test_engine_open(e, &model, &options);
}

/* ---- A board of one clock and three core sets ---------------------------------------------- */

static uint32_t board_level[2];
ergo_status bench_board_answer;

static ergo_status set_board(void *self, uint32_t level)
{
    if (bench_board_answer == ERGO_OK)
        *(uint32_t *)self = level;
    return bench_board_answer;
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

uint64_t bench_now;
static uint32_t in_step;

static uint64_t tell_time(void *user)
{
    (void)user;
    return bench_now;
}

static ergo_status five_watts(void *self, ergo_reading *out)
{
    (void)self;
    *out = (ergo_reading){.value = 5000000, .time_ns = bench_now};
    return ERGO_OK;
}

static bool take_time(void *user, const ergo_token_event *event)
{
    bench_now += in_step++ == 0 ? 40 * MS : 2 * MS;
    return test_transcript_token(user, event);
}

void bench_open(steer_bench *b, bool board_too, uint64_t longest_ns)
{
    const ergo_sensor sensor = {.info = {.name = "total"}, .read = five_watts};
    memset(b, 0, sizeof *b);
    memset(board_level, 0, sizeof board_level);
    bench_board_answer = ERGO_OK;
    bench_now = 1000 * MS;
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

void bench_close(steer_bench *b)
{
    ergo_steer_close(b->steer);
    ergo_meter_close(b->meter);
    test_block_close(&b->blocks[0]);
    test_block_close(&b->blocks[1]);
    test_engine_close(&b->e);
}

ergo_session_config bench_session(test_transcript *t, uint64_t seed, uint32_t tokens)
{
    *t = (test_transcript){.count = 0};
    return (ergo_session_config){.sampler = {.temperature = 1.0f, .seed = seed},
                                 .max_tokens = tokens,
                                 .ignore_eog = true,
                                 .user = t,
                                 .on_token = take_time};
}

void bench_feed(steer_bench *b, uint32_t i, uint32_t tokens)
{
    const ergo_session_config config = bench_session(&b->said[i], i + 1, tokens);
    b->session[i] = test_session_open(&b->e, &config);
    assert_int_equal(ergo_session_feed(b->session[i], prompt, 10 + 20 * i), ERGO_OK);
}

ergo_status bench_step(steer_bench *b)
{
    in_step = 0;
    const ergo_status status = ergo_steer_step(b->steer, NULL);
    assert_int_equal(ergo_meter_poll(b->meter, NULL), ERGO_OK);
    return status;
}

void bench_request(steer_bench *b, uint32_t i, uint32_t tokens, uint64_t within_ms)
{
    bench_feed(b, i, tokens);
    const ergo_request wants = {.deadline_ns = bench_now + within_ms * MS, .output_tokens = tokens};
    assert_int_equal(ergo_steer_request(b->steer, b->session[i], &wants), ERGO_OK);
}

void bench_end_session(steer_bench *b, uint32_t i)
{
    ergo_steer_forget(b->steer, b->session[i]);
    ergo_session_close(b->session[i]);
}

/* One alone, then two together: so that both costs are known. */
void bench_teach(steer_bench *b)
{
    for (uint32_t many = 1; many <= 2; many++) {
        for (uint32_t i = 0; i < many; i++)
            bench_feed(b, i, 20);
        while (bench_step(b) == ERGO_OK)
            continue;
        for (uint32_t i = 0; i < many; i++)
            bench_end_session(b, i);
    }
}
