/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_METER_H
#define ERGO_METER_H

#include "sensor.h"

/*
 * A meter turns readings into energy: for each sensor of power or energy a cumulative count that
 * only the meter writes and that can be asked for any recent moment, with its error.
 *
 * How a joule is computed. A sensor that averages (info.averages) shows the mean of the period
 * that has just ended: its readings are steps, each of which belongs one update period before it is
 * seen. Readings of other sensors of power are joined by straight lines (trapezoid), as are those
 * of counters, which are unwrapped. A reading belongs to the middle of the time between asking and
 * being answered, unless the sensor tells the time. Equal readings in a row are one: whether the
 * sensor converted again does not matter. The update period is detected from the changes and
 * overrules what the sensor states. Where readings of power are further apart than
 * ERGO_METER_GAP_PERIODS periods or planned samples (the sensor failed, the sampler did not run),
 * the time between is not covered: its energy is that of a straight line, its error half of it or
 * more. Nor are the averages that were missed between two samples covered, and what a counter
 * counted while it was set back or may have wrapped twice.
 *
 * The error of a window is the root of the sum of squares of independent parts, each 95 %:
 *   - noise and resolution: 1.96 s sqrt(n) periods, for n conversions in the window, with s from
 * the median difference of neighbouring readings, and at least a step of the sensor / sqrt(12);
 *   - what the power did between readings: for trapezoids half the squared difference of neighbours
 *     per interval (which is the variance of a mean of independent samples), for steps the time of
 *     each change, known to within one sample;
 *   - both edges of the window: a quarter of a period times the difference of the readings around;
 *   - gaps, and what lies beyond the last reading.
 * To it the tolerance of the scale (gain_ppm) is added, as it does not average out. What no error
 * can show is a load in lockstep with the sampling.
 *
 * Threads: the meter's own thread samples on absolute deadlines; any thread may ask. With
 * `poll` there is no thread and the application calls ergo_meter_poll often enough.
 */

#ifdef __cplusplus
extern "C" {
#endif

/** A clock. Zeroed: the system's monotonic one. */
typedef struct ergo_clock {
    uint64_t (*now_ns)(void *user);       /**< where it runs backwards, the meter's time stands
                                               still, goes on from there, and it is flagged */
    uint64_t (*suspended_ns)(void *user); /**< time that the system slept, which now_ns does not
                                               count; NULL: never */
    void *user;
} ergo_clock;

/** Energy over a window of time. Windows that touch add up exactly. */
typedef struct ergo_energy {
    int64_t uj;          /**< microjoules */
    uint64_t error_uj;   /**< the truth lies within +- this in 95 of 100 cases */
    uint64_t gain_uj;    /**< of error_uj, what comes from the tolerance of the scale: the same in
                              every window, where the rest averages out */
    uint64_t ns;         /**< length of the window */
    uint64_t covered_ns; /**< of it, between readings close enough to each other */
    uint32_t readings;   /**< conversions that fell into it */
    uint32_t flags;      /**< ERGO_ENERGY_... */
} ergo_energy;

/** Why an energy is worth less than it looks. */
#define ERGO_ENERGY_FEW 1u      /**< fewer than 20 update periods: too short for the sensor */
#define ERGO_ENERGY_GAPS 2u     /**< less than 95 % of the time is covered */
#define ERGO_ENERGY_STUCK 4u    /**< the sensor repeated itself for suspiciously long */
#define ERGO_ENERGY_FAILED 8u   /**< readings failed */
#define ERGO_ENERGY_CLOCK 16u   /**< the clock jumped, or the system was suspended */
#define ERGO_ENERGY_CLIPPED 32u /**< it began before the first reading */

/** Readings further apart than this many update periods leave a gap. */
#define ERGO_METER_GAP_PERIODS 4u

/** Stands for the sum of the sensors that make the total. */
#define ERGO_METER_TOTAL UINT32_MAX

typedef struct ergo_meter_config {
    ergo_log log;
    ergo_clock clock;
    const ergo_sensor *sensors; /**< copied; what they point to must outlive the meter */
    uint32_t
        sensor_count; /**< 1 .. ERGO_SENSORS_MAX; those of temperature and clocks are only shown */
    uint64_t total;   /**< bit i: sensor i is part of the total. Rails that overlap must not
                           both be in it: a board knows (board.h). 0: there is no total */
    uint32_t period_us; /**< between samples; 0: half the update period of each sensor, at
                             least 5 ms, at most 1 s */
    uint32_t history;   /**< readings remembered per sensor; 0 means 4096. Of what was before, 256
                             moments are kept: a second apart at first, rarer as time goes on */
    bool poll;          /**< no thread of its own */
} ergo_meter_config;

typedef struct ergo_meter ergo_meter;

ergo_status ergo_meter_size(const ergo_meter_config *config, size_t *size);

/**
 * Opens a meter and takes a first reading of every sensor. A sensor that cannot be read is said in
 * the log and left out, unless it is part of the total: then its status is returned. Errors:
 * ERGO_E_ARGUMENT for a field out of range, ERGO_E_SYSTEM when the thread cannot be started.
 */
ergo_status ergo_meter_open(const ergo_meter_config *config, ergo_block memory, ergo_meter **out);

/** Stops the thread. NULL is ignored. */
void ergo_meter_close(ergo_meter *meter);

/**
 * Reads what is due, and says when the next reading is: for meters with `poll`, or to have the
 * newest readings at once. Any thread.
 */
ergo_status ergo_meter_poll(ergo_meter *meter, uint64_t *next_ns);

/**
 * Reads one sensor now, due or not: for who knows that it has something new, such as a line that it
 * pulls when it has converted, or a trace (trace.h). Any thread. Returns the status of the
 * sensor; ERGO_E_ARGUMENT when there is none of that number, ERGO_E_NOT_FOUND when it was left out.
 */
ergo_status ergo_meter_read(ergo_meter *meter, uint32_t sensor);

/** The present time on the meter's clock. */
uint64_t ergo_meter_now(const ergo_meter *meter);

/** What a sensor, or the total, says now. */
typedef struct ergo_meter_state {
    int64_t value;      /**< last reading; for counters the power between the last two, in uW */
    uint64_t age_ns;    /**< of it */
    uint32_t period_us; /**< detected time between new readings; 0: not known yet */
    uint32_t noise;     /**< standard deviation between neighbouring readings, in their unit */
    ergo_status status; /**< of the last attempt to read */
    ergo_energy since_open;
} ergo_meter_state;

ergo_status ergo_meter_get(ergo_meter *meter, uint32_t sensor, ergo_meter_state *out);

/** Up to when the energy of a sensor, or of the total, is known: the time of its last reading. */
uint64_t ergo_meter_known_ns(ergo_meter *meter, uint32_t sensor);

/**
 * Energy of a sensor, or of the total, between two moments. A moment later than the last reading
 * is answered as if that reading went on, with the error that this means; ask again when
 * ergo_meter_known_ns has passed it. Errors: ERGO_E_ARGUMENT when end < begin or there is no such
 * sensor, ERGO_E_NOT_FOUND when there is no total.
 */
ergo_status ergo_meter_between(ergo_meter *meter, uint32_t sensor, uint64_t begin_ns,
                               uint64_t end_ns, ergo_energy *out);

/** CPU time that sampling has taken, in nanoseconds, since the meter was opened. */
uint64_t ergo_meter_cpu_ns(const ergo_meter *meter);

#ifdef __cplusplus
}
#endif
#endif
