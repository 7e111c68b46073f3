/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_POWER_VERDICT_H
#define ERGO_TOOLS_POWER_VERDICT_H

#include "tools/power_cmd.h"

/* Whether a sensor is good enough, and for what. */

/** What reading a sensor was like. */
typedef struct probe_counts {
    uint64_t reads, failures, changes;
    double seconds, most_seconds; /**< that reads took, all together and one */
    uint64_t least_step;          /**< between two readings; 0: there was none */
    int64_t last;
    bool any;
} probe_counts;

/** The error of a window: what averages out with length, and what does not. Parts of the energy. */
typedef struct verdict_error {
    double random, scale;
} verdict_error;

#define VERDICT_TARGETS 3
#define VERDICT_SPEEDS 3

typedef struct verdict {
    const ergo_sensor_info *info;
    probe_counts counts;
    double watts;
    double coverage;
    double noise_watts;                    /**< NAN for counters */
    double period_ms;                      /**< detected; NAN where it is not known */
    double window_seconds;                 /**< that was looked at */
    verdict_error whole;                   /**< of it */
    double needs_seconds[VERDICT_TARGETS]; /**< for 1, 5, 10 %; INFINITY: never */
    double decode_percent[VERDICT_SPEEDS]; /**< of 64 tokens at 5, 20, 80 a second */
    const char *verdict;                   /**< "good", "coarse", "useless" */
    char reason[200];
} verdict;

/** Judges sensor i by what the meter knows of the window. */
void verdict_find(verdict *v, const energy *e, uint32_t i, const probe_counts *counts,
                  uint64_t begin_ns, uint64_t end_ns);

void verdict_json(const verdict *v, json_writer *json);
void verdict_print(const verdict *v);

#endif
