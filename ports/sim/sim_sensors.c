/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "ports/sim/sim_state.h"

/* ---- Noise --------------------------------------------------------------------------------- */

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t random_bits(uint64_t *state)
{
    *state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* In (0, 1]. */
static double random_unit(uint64_t *state)
{
    return (double)((random_bits(state) >> 11) + 1) * 0x1p-53;
}

/* Of standard deviation 1 (Box and Muller 1958). */
static double random_gaussian(uint64_t *state)
{
    const double radius = sqrt(-2 * log(random_unit(state)));
    return radius * cos(6.283185307179586 * random_unit(state));
}

/* ---- Readings ------------------------------------------------------------------------------ */

static double watts_of(const ergo__sim_probe *probe, const ergo__sim_watts *watts)
{
    switch (probe->scope) {
    case ERGO__SIM_CLUSTER:
        return watts->cluster[probe->cluster];
    case ERGO__SIM_MEMORY:
        return watts->memory;
    case ERGO__SIM_TOTAL:
        break;
    }
    return watts->total;
}

static void show(ergo__sim_sensor *s, double mean_watts)
{
    const double lsb = (double)s->probe->lsb_uw;
    const double noise = (double)s->probe->noise_uw * random_gaussian(&s->random);
    const double uw = fmin(fmax(mean_watts * 1e6 + noise, -1e15), 1e15);
    s->value = (int64_t)llround(uw / lsb) * s->probe->lsb_uw;
}

static uint64_t period_ns(const ergo__sim_sensor *s)
{
    return (uint64_t)s->probe->period_us * 1000;
}

uint64_t ergo__sim_sensors_next(const ergo_sim *sim)
{
    uint64_t next = ERGO__SIM_NEVER;
    for (uint32_t i = 0; i < sim->board.probe_count; i++)
        next = sim->probes[i].edge_ns < next ? sim->probes[i].edge_ns : next;
    return next;
}

void ergo__sim_sensors_pass(ergo_sim *sim, const ergo__sim_watts *watts, double seconds)
{
    for (uint32_t i = 0; i < sim->board.probe_count; i++) {
        ergo__sim_sensor *s = &sim->probes[i];
        s->joules += watts_of(s->probe, watts) * seconds;
        if (sim->now_ns < s->edge_ns)
            continue;
        if (sim->now_ns >= s->stuck_until_ns)
            show(s, s->joules / ((double)period_ns(s) * 1e-9));
        s->value_ns = s->edge_ns;
        s->edge_ns += period_ns(s);
        s->joules = 0;
    }
}

static ergo_status read_power(void *self, ergo_reading *out)
{
    const ergo__sim_sensor *s = self;
    if (s->sim->now_ns < s->fails_until_ns)
        return ERGO_E_IO;
    *out = (ergo_reading){.value = s->value, .time_ns = s->value_ns};
    return ERGO_OK;
}

static ergo_status read_temperature(void *self, ergo_reading *out)
{
    const ergo_sim *sim = self;
    *out = (ergo_reading){.value = llround(sim->celsius * 1e3), .time_ns = sim->now_ns};
    return ERGO_OK;
}

void ergo__sim_sensors_begin(ergo_sim *sim, uint64_t seed)
{
    const ergo__sim_pace idle = {.seconds = 0};
    ergo__sim_watts watts;
    ergo__sim_power(&sim->board, &sim->levels, &idle, sim->celsius, &watts);
    sim->total = 0;
    for (uint32_t i = 0; i < sim->board.probe_count; i++) {
        const ergo__sim_probe *probe = &sim->board.probes[i];
        ergo__sim_sensor *s = &sim->probes[i];
        *s = (ergo__sim_sensor){.sim = sim, .probe = probe, .random = seed};
        /* Streams of their own, so that one sensor more changes no other. */
        for (uint32_t k = 0; k <= i; k++)
            s->random = random_bits(&s->random);
        s->edge_ns = period_ns(s);
        show(s, watts_of(probe, &watts));
        ergo_sensor *sensor = &sim->sensors[i];
        *sensor = (ergo_sensor){.read = read_power, .self = s};
        memcpy(sensor->info.name, probe->name, sizeof sensor->info.name);
        memcpy(sensor->info.chip, "sim", 4);
        sensor->info.channel = i + 1;
        sensor->info.lsb = (uint32_t)probe->lsb_uw;
        sensor->info.period_us = (uint32_t)probe->period_us;
        sensor->info.averages = true;
        if (probe->scope == ERGO__SIM_TOTAL)
            sim->total |= UINT64_C(1) << i;
    }
    ergo_sensor *warmth = &sim->sensors[sim->board.probe_count];
    *warmth = (ergo_sensor){.read = read_temperature, .self = sim};
    memcpy(warmth->info.name, "temperature", 12);
    memcpy(warmth->info.chip, "sim", 4);
    warmth->info.quantity = ERGO_QUANTITY_TEMPERATURE;
    warmth->info.lsb = 1;
}
