/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_PORTS_SIM_STATE_H
#define ERGO_PORTS_SIM_STATE_H

#include "ergo/sim.h"
#include "ports/sim/sim_physics.h"

/** A sensor of power at work. */
typedef struct ergo__sim_sensor {
    ergo_sim *sim;
    const ergo__sim_probe *probe;
    uint64_t edge_ns; /* when the present period ends */
    double joules;    /* since it began */
    int64_t value;    /* of the latest finished period */
    uint64_t value_ns;
    uint64_t random;
    uint64_t stuck_until_ns;
    uint64_t fails_until_ns;
} ergo__sim_sensor;

/** Nothing is on its way. */
#define ERGO__SIM_NEVER UINT64_MAX

/** A knob at work. */
typedef struct ergo__sim_knob {
    ergo_sim *sim;
    uint32_t *in_force; /* its place in ergo_sim.levels */
    uint32_t count;
    uint32_t asked;     /* last */
    uint64_t effect_ns; /* when that takes effect */
    uint64_t denied_until_ns;
    bool clock; /* of a cluster: throttled with the others */
} ergo__sim_knob;

struct ergo_sim {
    ergo__sim_board board;
    ergo__sim_levels levels; /* in force */
    ergo__sim_pace pace;     /* of what is being computed */
    uint64_t now_ns;
    double celsius;
    double ambient;
    bool throttled;
    bool changed; /* levels in force are not what they were */
    uint32_t next_fault;
    ergo_meter *meter;
    uint64_t poll_ns; /* when it wants to be polled */
    ergo_sim_ledger ledger;

    ergo__sim_sensor *probes; /* as many as the board has */
    ergo_sensor *sensors;     /* one more: the temperature */
    ergo__sim_knob *turns;
    ergo_knob *knobs;
    ergo_knob_level *knob_levels; /* ERGO_KNOB_LEVELS_MAX for each knob */
    uint32_t knob_count;
    uint64_t total;
};

/** ---- sim_sensors.c ---- */

/** Makes the list of sensors, each showing the board idle. */
void ergo__sim_sensors_begin(ergo_sim *sim, uint64_t seed);

/** Lets sensors see `seconds` of constant power, and those whose period is over show it. */
void ergo__sim_sensors_pass(ergo_sim *sim, const ergo__sim_watts *watts, double seconds);

/** When the next period of any sensor ends. */
uint64_t ergo__sim_sensors_next(const ergo_sim *sim);

/** ---- sim_knobs.c ---- */

/** Makes the list of knobs at the levels in force. */
void ergo__sim_knobs_begin(ergo_sim *sim);

/** Another program turns a knob. */
void ergo__sim_knob_ask(ergo__sim_knob *knob, uint32_t level);

/** Levels whose time has come are in force. */
void ergo__sim_knobs_settle(ergo_sim *sim);

/** When the next one comes. */
uint64_t ergo__sim_knobs_next(const ergo_sim *sim);

/** ---- sim_time.c ---- */

/** Everything that is due now happens. */
void ergo__sim_settle(ergo_sim *sim);

#endif
