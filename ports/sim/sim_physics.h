/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_PORTS_SIM_PHYSICS_H
#define ERGO_PORTS_SIM_PHYSICS_H

#include "ergo/work.h"
#include "ports/sim/sim_board.h"

/*
 * What a board does at given levels: pure functions, in SI units and degrees Celsius. Each sum is
 * taken in the order of the text, in double.
 */

/** The levels in force. */
typedef struct ergo__sim_levels {
    uint32_t clock[ERGO__SIM_CLUSTERS];
    uint32_t memory;
    uint32_t cores;
} ergo__sim_levels;

/** A step, or idleness: zeroed. */
typedef struct ergo__sim_pace {
    double seconds;     /**< of the whole step */
    double busy;        /**< part of it that the cores multiply; the rest they wait for memory */
    double bytes_per_s; /**< read from and written to memory */
    bool computes;
} ergo__sim_pace;

/**
 * How a step of this work goes:
 *     t = cbrt(t_c^3 + t_m^3) + launch, busy = min(1, t_c / t),
 * with t_c = macs / rate of the cores and t_m = bytes / (rate_cores^-2 + bandwidth^-2)^-1/2.
 */
ergo__sim_pace ergo__sim_pace_of(const ergo__sim_board *board, const ergo__sim_levels *levels,
                                 const ergo_work *work);

/** Watts at a moment. */
typedef struct ergo__sim_watts {
    double total;
    double cluster[ERGO__SIM_CLUSTERS]; /**< leakage and switching of all its cores */
    double memory;                      /**< at rest, and for what is transferred */
} ergo__sim_watts;

/** Power at a temperature. */
void ergo__sim_power(const ergo__sim_board *board, const ergo__sim_levels *levels,
                     const ergo__sim_pace *pace, double celsius, ergo__sim_watts *out);

/** Where the temperature goes in the end, at constant power. */
double ergo__sim_celsius_at_last(const ergo__sim_board *board, double ambient, double watts);

/** The temperature so many seconds later, with `last` from ergo__sim_celsius_at_last. */
double ergo__sim_celsius_after(const ergo__sim_board *board, double celsius, double last,
                               double seconds);

/** Seconds until the temperature reaches `to` on its way to `last`; INFINITY when never. */
double ergo__sim_seconds_to(const ergo__sim_board *board, double celsius, double last, double to);

#endif
