/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_SIM_H
#define ERGO_SIM_H

#include "knob.h"
#include "meter.h"
#include "work.h"

/*
 * A board that does not exist: sensors, knobs and a clock in virtual time, from a text that says
 * what a board is like (docs/SIMULATOR.md has format and physics). It is told what work was done
 * and answers how long that took and what it cost; time passes in ergo_sim_run and ergo_sim_sleep
 * alone. The same text, seed and calls give the same readings.
 *
 *     ergo_sim_open(text, &log, "pi5.board", block, &sim);
 *     const ergo_sensor *sensors = ergo_sim_sensors(sim, &count, &total);
 *     ergo_meter_open(&(ergo_meter_config){.clock = ergo_sim_clock(sim), .poll = true,
 *                     .sensors = sensors, .sensor_count = count, .total = total}, block, &meter);
 *     ergo_sim_attach(sim, meter);
 *     while (ergo_engine_step(engine, &report) == ERGO_OK)
 *         ergo_sim_run(sim, &report.work);
 *
 * Threads: a simulated board, its sensors and its knobs belong to one thread at a time.
 */

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ergo_sim ergo_sim;

/**
 * Bytes for ergo_sim_open. `file` is what messages call the text. Errors: ERGO_E_FORMAT, with file,
 * line, key and value in the log; ERGO_E_LIMIT for more parts than a board may have.
 */
ergo_status ergo_sim_size(ergo_str text, const ergo_log *log, const char *file, size_t *size);

/**
 * Opens a board at time 0: at its start temperature, every clock at its highest level, computing on
 * the core set that multiplies fastest, idle until now. Neither text nor file name is kept. Errors
 * as of ergo_sim_size.
 */
ergo_status ergo_sim_open(ergo_str text, const ergo_log *log, const char *file, ergo_block memory,
                          ergo_sim **out);

/** The board's own name. */
const char *ergo_sim_name(const ergo_sim *sim);

/** Seed of the sensors' noise, instead of the text's. Before time passes. */
void ergo_sim_seed(ergo_sim *sim, uint64_t seed);

/** ---- What a meter and a governor use ----------------------------------------------------- */

/** Virtual time, from 0. A meter with this clock needs `poll`. */
ergo_clock ergo_sim_clock(ergo_sim *sim);

/**
 * The sensors in the order of the text, and last one of the temperature, "temperature". Those of
 * power average, know when each reading ended, and show the latest finished period; until the first
 * has passed, that of the board idle. `*total` has the bit of the one that measures the whole
 * board. The list belongs to the board.
 */
const ergo_sensor *ergo_sim_sensors(const ergo_sim *sim, size_t *count, uint64_t *total);

/**
 * The knobs: the clock of each cluster, in the order of the text and by its name; "memory" where
 * it has several levels; "cores", the core sets. A write takes effect after info.switch_us; reading
 * back shows what was asked for last, by whomever, and of clusters the lowest level while the board
 * is throttled. The list belongs to the board.
 */
const ergo_knob *ergo_sim_knobs(const ergo_sim *sim, size_t *count);

/** From now on `meter` is polled at its deadlines as time passes. NULL: no longer. */
void ergo_sim_attach(ergo_sim *sim, ergo_meter *meter);

/** ---- Time ---------------------------------------------------------------------------------- */

/** One batch step at the levels that are in force; those may change meanwhile. */
void ergo_sim_run(ergo_sim *sim, const ergo_work *work);

/** Nothing is computed for so long. */
void ergo_sim_sleep(ergo_sim *sim, uint64_t ns);

/** What really happened since open: no sensor is asked. */
typedef struct ergo_sim_ledger {
    uint64_t ns;
    double joules;
    uint64_t busy_ns; /**< of it, in steps */
    double busy_joules;
    uint64_t steps;
    uint64_t throttled_ns;  /**< of all time */
    double watts;           /**< at the last moment */
    int32_t temperature_mc; /**< now */
    bool throttled;         /**< now */
} ergo_sim_ledger;

void ergo_sim_get(const ergo_sim *sim, ergo_sim_ledger *out);

/** ---- Oracle -------------------------------------------------------------------------------- */

/**
 * Noise-free time and energy of one step at an operating point, at the start temperature and
 * without throttling: `levels` has a level for each knob of ergo_sim_knobs. Nothing passes or
 * changes. Error: ERGO_E_ARGUMENT for a level that a knob does not have.
 */
ergo_status ergo_sim_predict(const ergo_sim *sim, const ergo_work *work, const uint32_t *levels,
                             double *seconds, double *joules);

/**
 * Number of operating points that differ: every core set with every level of the clusters that it
 * uses and of the memory. Clusters that it does not use are at their lowest level, since a higher
 * one only leaks.
 */
uint64_t ergo_sim_point_count(const ergo_sim *sim);

/** Writes the levels of point i < ergo_sim_point_count, one for each knob. */
void ergo_sim_point(const ergo_sim *sim, uint64_t i, uint32_t *levels);

/** Clock of the memory at these levels, in kHz, also where it is no knob. */
uint32_t ergo_sim_memory_khz(const ergo_sim *sim, const uint32_t *levels);

#ifdef __cplusplus
}
#endif
#endif
