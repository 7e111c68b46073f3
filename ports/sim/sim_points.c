/* SPDX-License-Identifier: Apache-2.0 */
#include "ports/sim/sim_state.h"

/* Knobs in the order of ergo_sim_knobs: clusters, memory where it has several levels, core sets. */

static ergo__sim_levels levels_of(const ergo_sim *sim, const uint32_t *levels)
{
    ergo__sim_levels out = {.memory = 0, .cores = levels[sim->knob_count - 1]};
    for (uint32_t c = 0; c < sim->board.cluster_count; c++)
        out.clock[c] = levels[c];
    if (sim->board.memory.khz.count > 1)
        out.memory = levels[sim->board.cluster_count];
    return out;
}

ergo_status ergo_sim_predict(const ergo_sim *sim, const ergo_work *work, const uint32_t *levels,
                             double *seconds, double *joules)
{
    for (uint32_t i = 0; i < sim->knob_count; i++)
        if (levels[i] >= sim->knobs[i].info.level_count)
            return ERGO_E_ARGUMENT;
    const ergo__sim_levels at = levels_of(sim, levels);
    const ergo__sim_pace pace = ergo__sim_pace_of(&sim->board, &at, work);
    ergo__sim_watts watts;
    ergo__sim_power(&sim->board, &at, &pace, (double)sim->board.thermal.start_mc * 1e-3, &watts);
    *seconds = pace.seconds;
    *joules = watts.total * pace.seconds;
    return ERGO_OK;
}

uint32_t ergo_sim_memory_khz(const ergo_sim *sim, const uint32_t *levels)
{
    return (uint32_t)sim->board.memory.khz.item[levels_of(sim, levels).memory];
}

/* Levels of a knob that make a difference with a core set. */
static uint32_t choices(const ergo_sim *sim, uint32_t cores, uint32_t knob)
{
    const ergo_knob_info *sets = &sim->knobs[sim->knob_count - 1].info;
    return (sets->levels[cores].uses >> knob & 1) != 0 ? sim->knobs[knob].info.level_count : 1;
}

static uint64_t points_of(const ergo_sim *sim, uint32_t cores)
{
    uint64_t count = 1;
    for (uint32_t k = 0; k + 1 < sim->knob_count; k++)
        count *= choices(sim, cores, k);
    return count;
}

uint64_t ergo_sim_point_count(const ergo_sim *sim)
{
    uint64_t count = 0;
    for (uint32_t cores = 0; cores < sim->board.cores_count; cores++)
        count += points_of(sim, cores);
    return count;
}

void ergo_sim_point(const ergo_sim *sim, uint64_t i, uint32_t *levels)
{
    uint32_t cores = 0;
    while (cores + 1 < sim->board.cores_count && i >= points_of(sim, cores))
        i -= points_of(sim, cores++);
    for (uint32_t k = 0; k + 1 < sim->knob_count; k++) {
        levels[k] = (uint32_t)(i % choices(sim, cores, k));
        i /= choices(sim, cores, k);
    }
    levels[sim->knob_count - 1] = cores;
}
