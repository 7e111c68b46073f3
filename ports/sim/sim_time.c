/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "ports/sim/sim_state.h"

/*
 * Time passes in intervals of constant power: none goes beyond the end of a sensor's period, a
 * level that comes into force, a fault, a deadline of the meter, the moment at which throttling
 * begins or ends, or the end of a step. Leakage follows the temperature: that at the beginning of
 * an interval counts, and none is longer than a thousandth of tau, in which the temperature covers
 * a thousandth of the way it has to go.
 */

#define INTERVALS_PER_TAU 1000
/* A board cannot be hotter, whatever its text says: then leakage feeds itself. */
#define HOTTEST 1000.0
/* With less hysteresis the throttle would switch without time passing. */
#define LEAST_HYSTERESIS_MC 1
/* Of one step: some thirty years. */
#define LONGEST_NS 1e18

/* ---- What happens at a moment -------------------------------------------------------------- */

static void begin_fault(ergo_sim *sim, const ergo__sim_fault *fault)
{
    const uint64_t until = sim->now_ns + (uint64_t)fault->value * 1000000;
    switch (fault->trouble) {
    case ERGO__SIM_STUCK:
        sim->probes[fault->target].stuck_until_ns = until;
        break;
    case ERGO__SIM_ERROR:
        sim->probes[fault->target].fails_until_ns = until;
        break;
    case ERGO__SIM_WRITER:
        ergo__sim_knob_ask(&sim->turns[fault->target], (uint32_t)fault->value);
        break;
    case ERGO__SIM_DENIED:
        sim->turns[fault->target].denied_until_ns = until;
        break;
    case ERGO__SIM_AMBIENT:
        sim->ambient = (double)fault->value * 1e-3;
        break;
    }
}

static uint64_t fault_ns(const ergo_sim *sim)
{
    return sim->next_fault < sim->board.fault_count
               ? (uint64_t)sim->board.faults[sim->next_fault].at_ms * 1000000
               : ERGO__SIM_NEVER;
}

/* The temperature at which the throttle changes its mind. */
static double threshold(const ergo_sim *sim)
{
    const ergo__sim_thermal *thermal = &sim->board.thermal;
    const int64_t hysteresis =
        thermal->hysteresis_mc > LEAST_HYSTERESIS_MC ? thermal->hysteresis_mc : LEAST_HYSTERESIS_MC;
    return (double)(thermal->trip_mc - (sim->throttled ? hysteresis : 0)) * 1e-3;
}

static void settle_throttle(ergo_sim *sim)
{
    const double rounding = 1e-9; /* of a moment in whole nanoseconds */
    if (sim->throttled ? sim->celsius <= threshold(sim) + rounding
                       : sim->celsius >= threshold(sim) - rounding)
        sim->throttled = !sim->throttled;
}

void ergo__sim_settle(ergo_sim *sim)
{
    while (fault_ns(sim) <= sim->now_ns)
        begin_fault(sim, &sim->board.faults[sim->next_fault++]);
    settle_throttle(sim);
    ergo__sim_knobs_settle(sim);
    if (sim->meter && sim->poll_ns <= sim->now_ns)
        (void)ergo_meter_poll(sim->meter, &sim->poll_ns);
}

/* ---- What happens between ------------------------------------------------------------------ */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t next_moment(const ergo_sim *sim)
{
    uint64_t next = sim->now_ns + (uint64_t)sim->board.thermal.tau_ms * 1000000 / INTERVALS_PER_TAU;
    next = earlier(next, ergo__sim_sensors_next(sim));
    next = earlier(next, ergo__sim_knobs_next(sim));
    next = earlier(next, fault_ns(sim));
    return sim->meter ? earlier(next, sim->poll_ns) : next;
}

static void write_ledger(ergo_sim *sim, uint64_t ns, double watts, double joules)
{
    ergo_sim_ledger *ledger = &sim->ledger;
    ledger->ns += ns;
    ledger->joules += joules;
    ledger->watts = watts;
    if (sim->pace.computes) {
        ledger->busy_ns += ns;
        ledger->busy_joules += joules;
    }
    if (sim->throttled)
        ledger->throttled_ns += ns;
}

/* One interval, at most `most_ns` long. Returns how long it was. */
static uint64_t pass(ergo_sim *sim, uint64_t most_ns)
{
    ergo__sim_watts watts;
    ergo__sim_power(&sim->board, &sim->levels, &sim->pace, sim->celsius, &watts);
    const double last = ergo__sim_celsius_at_last(&sim->board, sim->ambient, watts.total);
    const double to = ergo__sim_seconds_to(&sim->board, sim->celsius, last, threshold(sim));
    uint64_t ns = earlier(next_moment(sim) - sim->now_ns, most_ns);
    if (to * 1e9 < (double)ns)
        ns = earlier(ns, (uint64_t)ceil(to * 1e9));
    ns = ns > 0 ? ns : 1;
    const double seconds = (double)ns * 1e-9;
    sim->celsius = fmin(ergo__sim_celsius_after(&sim->board, sim->celsius, last, seconds), HOTTEST);
    sim->now_ns += ns;
    write_ledger(sim, ns, watts.total, watts.total * seconds);
    ergo__sim_sensors_pass(sim, &watts, seconds);
    ergo__sim_settle(sim);
    return ns;
}

void ergo_sim_sleep(ergo_sim *sim, uint64_t ns)
{
    while (ns > 0)
        ns -= pass(sim, ns);
}

void ergo_sim_run(ergo_sim *sim, const ergo_work *work)
{
    double left = 1; /* of the step */
    do {
        sim->changed = false;
        sim->pace = ergo__sim_pace_of(&sim->board, &sim->levels, work);
        const double whole_ns = sim->pace.seconds * 1e9;
        const double left_ns = fmin(left * whole_ns, LONGEST_NS);
        uint64_t ns = (uint64_t)llround(left_ns);
        while (ns > 0 && !sim->changed)
            ns -= pass(sim, ns);
        left = ns > 0 ? (double)ns / whole_ns : 0;
    } while (left > 0);
    sim->pace = (ergo__sim_pace){.seconds = 0};
    sim->ledger.steps++;
}

void ergo_sim_attach(ergo_sim *sim, ergo_meter *meter)
{
    sim->meter = meter;
    sim->poll_ns = sim->now_ns;
    if (meter)
        (void)ergo_meter_poll(meter, &sim->poll_ns);
}
