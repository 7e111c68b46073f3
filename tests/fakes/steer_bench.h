/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TESTS_STEER_BENCH_H
#define ERGO_TESTS_STEER_BENCH_H

#include "ergo/steer.h"
#include "tests/fakes/engine_fixture.h"

/*
 * An engine with the demo model, steered on a board of one clock and three core sets, in time that
 * only steps and tests let pass: a step takes 40 ms and 2 for every further sequence, at 5 W.
 */

#define BENCH_SESSIONS 4

typedef struct steer_bench {
    test_engine e;
    ergo_meter *meter;
    ergo_steer *steer;
    ergo_block blocks[2];
    test_transcript said[BENCH_SESSIONS];
    ergo_session *session[BENCH_SESSIONS];
} steer_bench;

extern uint64_t bench_now;
extern ergo_status bench_board_answer; /**< of the board's knobs to a set */

/** Setup and teardown of a group of cmocka tests. */
int bench_model_open(void **state);
int bench_model_close(void **state);

void bench_open(steer_bench *b, bool board_too, uint64_t longest_ns);
void bench_close(steer_bench *b);

/** What session i of a bench is opened with: it says `tokens` tokens. */
ergo_session_config bench_session(test_transcript *t, uint64_t seed, uint32_t tokens);

/** Opens session i and feeds it a prompt. */
void bench_feed(steer_bench *b, uint32_t i, uint32_t tokens);

/** The same, and tells the steer. */
void bench_request(steer_bench *b, uint32_t i, uint32_t tokens, uint64_t within_ms);
void bench_end_session(steer_bench *b, uint32_t i);

/** A step of the steer; the meter reads. */
ergo_status bench_step(steer_bench *b);

/** Computes one sequence and then two together, so that both costs are known. */
void bench_teach(steer_bench *b);

#endif
