/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TRACE_H
#define ERGO_TRACE_H

#include "meter.h"

/*
 * A trace is what sensors said, in a text: to be metered again elsewhere, to the same figures.
 * `run- model power record` writes one; a trace plays the sensors and the clock of a meter with
 * `poll`.
 *
 *     [trace]
 *     version = 1                     needed, first
 *     [sensor VDD_IN]                 one for each sensor, in their order; up to ERGO_SENSORS_MAX
 *     quantity = power                needed; energy, temperature, clock
 *     chip = ina3221                  these and the rest as in ergo_sensor_info, left out where 0
 *     device = 1-0040
 *     channel = 1
 *     range = 262143328850
 *     lsb = 40320
 *     gain_ppm = 12500
 *     period_us = 7000
 *     shunt_uohm = 5000
 *     true_shunt_uohm = 2500          as in ergo_sensor
 *     averages = yes
 *     total = yes                     it is part of the total
 *     [readings]                      times in ns, never before the line above
 *     1000 21 0 = 6088320             asked at 1000, answered 21 later, sensor 0, its value
 *     1021 19 1 = 47250 900           with the end of the conversion
 *     8000 500 0 = error io           or: permission, gone, off
 *     8500 = suspended 60000000000    how long the system has slept, all together
 *     8600 = begin                    the window of interest; else first to last answer
 *     9000 = end
 *
 * "#" starts a comment.
 */

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ergo_trace ergo_trace;

/** Bytes that ergo_trace_open will take, whatever the text. */
ergo_status ergo_trace_size(size_t *size);

/**
 * Checks the whole text and opens it at its first reading. `text`, `log` and `file` must outlive
 * the trace. Error: ERGO_E_FORMAT, with file name, line and value in the log.
 */
ergo_status ergo_trace_open(ergo_str text, const ergo_log *log, const char *file, ergo_block memory,
                            ergo_trace **out);

/**
 * Its sensors, and which of them make the total. Valid as long as the trace. May be changed by
 * ergo_board_apply.
 */
ergo_sensor *ergo_trace_sensors(ergo_trace *trace, size_t *count, uint64_t *total);

/** Its clock, for ergo_meter_config.clock: it stands where the trace has been played to. */
ergo_clock ergo_trace_clock(ergo_trace *trace);

/** The window between `begin` and `end`. */
void ergo_trace_window(const ergo_trace *trace, uint64_t *begin_ns, uint64_t *end_ns);

/**
 * Moves the clock to the next reading and has the meter, of this trace's sensors and clock, take
 * it. ERGO_IDLE when there is none left. A reading that failed is no error: the meter notes it.
 */
ergo_status ergo_trace_step(ergo_trace *trace, ergo_meter *meter);

#ifdef __cplusplus
}
#endif
#endif
