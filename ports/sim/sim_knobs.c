/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ports/sim/sim_state.h"

/* While the board is throttled, clocks that are written come into force when that is over. */

static ergo_status set_level(void *self, uint32_t level)
{
    ergo__sim_knob *knob = self;
    if (level >= knob->count)
        return ERGO_E_ARGUMENT;
    if (knob->sim->now_ns < knob->denied_until_ns)
        return ERGO_E_PERMISSION;
    ergo__sim_knob_ask(knob, level);
    ergo__sim_knobs_settle(knob->sim);
    return ERGO_OK;
}

static ergo_status get_level(void *self, uint32_t *level)
{
    const ergo__sim_knob *knob = self;
    *level = knob->clock && knob->sim->throttled ? 0 : knob->asked;
    return ERGO_OK;
}

void ergo__sim_knob_ask(ergo__sim_knob *knob, uint32_t level)
{
    const ergo_sim *sim = knob->sim;
    if (level == knob->asked)
        return; /* it is in force, or on its way */
    knob->asked = level;
    knob->effect_ns = sim->now_ns + (uint64_t)sim->board.switch_us * 1000;
}

void ergo__sim_knobs_settle(ergo_sim *sim)
{
    for (uint32_t i = 0; i < sim->knob_count; i++) {
        ergo__sim_knob *knob = &sim->turns[i];
        const bool held = knob->clock && sim->throttled;
        if (knob->effect_ns > sim->now_ns && !held)
            continue;
        const uint32_t level = held ? 0 : knob->asked;
        sim->changed = sim->changed || *knob->in_force != level;
        *knob->in_force = level;
        /* What is held back is due again as soon as it is let go. */
        knob->effect_ns = held ? 0 : ERGO__SIM_NEVER;
    }
}

uint64_t ergo__sim_knobs_next(const ergo_sim *sim)
{
    uint64_t next = ERGO__SIM_NEVER;
    for (uint32_t i = 0; i < sim->knob_count; i++) {
        const ergo__sim_knob *knob = &sim->turns[i];
        const bool held = knob->clock && sim->throttled;
        if (!held && knob->effect_ns < next)
            next = knob->effect_ns;
    }
    return next;
}

/* ---- The list ------------------------------------------------------------------------------ */

static ergo_knob_level *add(ergo_sim *sim, const char *name, ergo_knob_kind kind,
                            uint32_t *in_force, uint32_t count)
{
    const uint32_t i = sim->knob_count++;
    ergo_knob_level *levels = &sim->knob_levels[i * ERGO_KNOB_LEVELS_MAX];
    sim->turns[i] = (ergo__sim_knob){.sim = sim,
                                     .in_force = in_force,
                                     .count = count,
                                     .asked = *in_force,
                                     .effect_ns = ERGO__SIM_NEVER,
                                     .clock = kind == ERGO_KNOB_CLOCK};
    sim->knobs[i] = (ergo_knob){.info = {.kind = kind,
                                         .levels = levels,
                                         .level_count = count,
                                         .switch_us = (uint32_t)sim->board.switch_us},
                                .set = set_level,
                                .get = get_level,
                                .self = &sim->turns[i]};
    memcpy(sim->knobs[i].info.name, name, strlen(name) + 1);
    return levels;
}

static void add_clock(ergo_sim *sim, const char *name, ergo_knob_kind kind, uint32_t *in_force,
                      const ergo__sim_list *khz)
{
    ergo_knob_level *levels = add(sim, name, kind, in_force, khz->count);
    for (uint32_t i = 0; i < khz->count; i++)
        levels[i] = (ergo_knob_level){.value = (uint32_t)khz->item[i]};
}

static void add_cores(ergo_sim *sim)
{
    const ergo__sim_board *board = &sim->board;
    const uint32_t clocks = sim->knob_count;
    ergo_knob_level *levels =
        add(sim, "cores", ERGO_KNOB_CORES, &sim->levels.cores, board->cores_count);
    for (uint32_t i = 0; i < board->cores_count; i++) {
        levels[i] = (ergo_knob_level){.value = 0};
        memcpy(levels[i].name, board->cores[i].name, sizeof levels[i].name);
        for (uint32_t c = 0; c < board->cluster_count; c++) {
            levels[i].value += board->cores[i].threads[c];
            levels[i].uses |= board->cores[i].threads[c] > 0 ? 1u << c : 0;
        }
        for (uint32_t k = board->cluster_count; k < clocks; k++)
            levels[i].uses |= 1u << k; /* the memory, by all */
    }
}

void ergo__sim_knobs_begin(ergo_sim *sim)
{
    const ergo__sim_board *board = &sim->board;
    sim->knob_count = 0;
    for (uint32_t c = 0; c < board->cluster_count; c++)
        add_clock(sim, board->clusters[c].name, ERGO_KNOB_CLOCK, &sim->levels.clock[c],
                  &board->clusters[c].khz);
    if (board->memory.khz.count > 1)
        add_clock(sim, "memory", ERGO_KNOB_MEMORY, &sim->levels.memory, &board->memory.khz);
    add_cores(sim);
}
