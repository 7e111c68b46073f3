/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TESTS_SIM_FIXTURE_H
#define ERGO_TESTS_SIM_FIXTURE_H

#include "ergo/sim.h"

/*
 * A simulated board of round figures: one thread at 1 GHz does 1e9 multiply-accumulates a second
 * and moves 4e9 bytes a second, the memory 3e9, both together 2.4e9 (3, 4, 5).
 */

typedef struct sim_fixture {
    _Alignas(ERGO_BLOCK_ALIGN) unsigned char memory[64 * 1024];
    _Alignas(ERGO_BLOCK_ALIGN) unsigned char meter_memory[1024 * 1024];
    ergo_sim *sim;
    ergo_meter *meter;
    const ergo_sensor *sensors;
    const ergo_knob *knobs;
    size_t sensor_count;
    size_t knob_count;
    uint64_t total;
} sim_fixture;

/** The text of the board with its line "KEY = ..." replaced by "KEY = VALUE" for each of the pairs
 *  of `changes`, which NULL ends; a value of NULL drops the line. Static, until the next call. */
const char *sim_fixture_text(const char *const *changes);

/** Opens a board; fails the test when that fails. */
void sim_fixture_open(sim_fixture *f, const char *text);

/** Then a meter of all its sensors, polled as time passes. */
void sim_fixture_meter(sim_fixture *f);

/** Present reading of a sensor. */
int64_t sim_fixture_read(const sim_fixture *f, const char *sensor);

/** A knob by name. */
const ergo_knob *sim_fixture_knob(const sim_fixture *f, const char *name);

ergo_sim_ledger sim_fixture_ledger(const sim_fixture *f);

#endif
