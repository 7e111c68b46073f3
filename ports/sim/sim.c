/* SPDX-License-Identifier: Apache-2.0 */
#include "ports/sim/sim_state.h"

/* ---- Opening ------------------------------------------------------------------------------- */

static ergo_sim *lay_sim(const ergo__sim_board *board, ergo__arena *arena)
{
    const uint32_t knobs = board->cluster_count + 2; /* memory and core sets */
    ergo_sim *sim = ERGO__TAKE_LINE(arena, ergo_sim, 1);
    ergo__sim_sensor *probes = ERGO__TAKE(arena, ergo__sim_sensor, board->probe_count);
    ergo_sensor *sensors = ERGO__TAKE(arena, ergo_sensor, board->probe_count + 1);
    ergo__sim_knob *turns = ERGO__TAKE(arena, ergo__sim_knob, knobs);
    ergo_knob *list = ERGO__TAKE(arena, ergo_knob, knobs);
    ergo_knob_level *levels =
        ERGO__TAKE(arena, ergo_knob_level, (size_t)knobs * ERGO_KNOB_LEVELS_MAX);
    if (sim && !arena->full)
        *sim = (ergo_sim){.board = *board,
                          .probes = probes,
                          .sensors = sensors,
                          .turns = turns,
                          .knobs = list,
                          .knob_levels = levels};
    return sim;
}

ergo_status ergo_sim_size(ergo_str text, const ergo_log *log, const char *file, size_t *size)
{
    const ergo__sections lines = ergo__sections_begin(text, log, file);
    ergo__arena arena = ergo__arena_counting();
    ergo__sim_board board;
    const ergo_status status = ergo__sim_count(&lines, &arena, &board);
    if (status != ERGO_OK)
        return status;
    lay_sim(&board, &arena);
    *size = arena.used;
    return arena.full ? ERGO_E_LIMIT : ERGO_OK;
}

/* Multiply-accumulates per second and kHz, at the highest clocks. */
static double rate_of(const ergo__sim_board *board, const ergo__sim_cores *set)
{
    double rate = 0;
    for (uint32_t c = 0; c < board->cluster_count; c++) {
        const ergo__sim_cluster *cluster = &board->clusters[c];
        rate += (double)set->threads[c] * (double)cluster->macs_per_kcycle *
                (double)cluster->khz.item[cluster->khz.count - 1];
    }
    return rate;
}

static ergo__sim_levels first_levels(const ergo__sim_board *board)
{
    ergo__sim_levels levels = {.memory = board->memory.khz.count - 1};
    for (uint32_t c = 0; c < board->cluster_count; c++)
        levels.clock[c] = board->clusters[c].khz.count - 1;
    for (uint32_t i = 1; i < board->cores_count; i++)
        if (rate_of(board, &board->cores[i]) > rate_of(board, &board->cores[levels.cores]))
            levels.cores = i;
    return levels;
}

ergo_status ergo_sim_open(ergo_str text, const ergo_log *log, const char *file, ergo_block memory,
                          ergo_sim **out)
{
    const ergo__sections lines = ergo__sections_begin(text, log, file);
    ergo__arena arena = ergo__arena_over(memory);
    ergo__sim_board board;
    ergo_status status = ergo__sim_count(&lines, &arena, &board);
    ergo_sim *sim = status == ERGO_OK ? lay_sim(&board, &arena) : NULL;
    if (status == ERGO_OK && arena.full)
        status = ergo__fail(log, ERGO_E_MEMORY, "%s: needs more than %zu bytes", file, memory.size);
    if (status == ERGO_OK)
        status = ergo__sim_parse(&lines, &sim->board);
    if (status != ERGO_OK)
        return status;
    sim->levels = first_levels(&sim->board);
    sim->celsius = (double)sim->board.thermal.start_mc * 1e-3;
    sim->ambient = (double)sim->board.thermal.ambient_mc * 1e-3;
    ergo__sim_sensors_begin(sim, (uint64_t)sim->board.seed);
    ergo__sim_knobs_begin(sim);
    ergo__sim_settle(sim);
    *out = sim;
    return ERGO_OK;
}

void ergo_sim_seed(ergo_sim *sim, uint64_t seed)
{
    ergo__sim_sensors_begin(sim, seed);
}

/* ---- Asking -------------------------------------------------------------------------------- */

const char *ergo_sim_name(const ergo_sim *sim)
{
    return sim->board.name;
}

static uint64_t now_ns(void *user)
{
    return ((const ergo_sim *)user)->now_ns;
}

ergo_clock ergo_sim_clock(ergo_sim *sim)
{
    return (ergo_clock){.now_ns = now_ns, .user = sim};
}

const ergo_sensor *ergo_sim_sensors(const ergo_sim *sim, size_t *count, uint64_t *total)
{
    *count = (size_t)sim->board.probe_count + 1;
    *total = sim->total;
    return sim->sensors;
}

const ergo_knob *ergo_sim_knobs(const ergo_sim *sim, size_t *count)
{
    *count = sim->knob_count;
    return sim->knobs;
}

void ergo_sim_get(const ergo_sim *sim, ergo_sim_ledger *out)
{
    *out = sim->ledger;
    out->temperature_mc = (int32_t)(sim->celsius * 1e3 + (sim->celsius < 0 ? -0.5 : 0.5));
    out->throttled = sim->throttled;
}
