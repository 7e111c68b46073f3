/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "ports/engine/steer_state.h"
#include "runtime/base/log.h"

#define SMALLEST_CHUNK 16u

static uint32_t value_of(const ergo__steer_knob *knob)
{
    ergo_engine_knobs now;
    ergo_engine_get_knobs(knob->steer->engine, &now);
    return knob->kind == ERGO_KNOB_BATCH   ? now.batch_limit
           : knob->kind == ERGO_KNOB_CHUNK ? now.prefill_chunk
                                           : now.threads;
}

static ergo_status set_value(const ergo__steer_knob *knob, uint32_t value)
{
    ergo_engine_knobs now;
    ergo_engine_get_knobs(knob->steer->engine, &now);
    if (knob->kind == ERGO_KNOB_BATCH)
        now.batch_limit = value;
    else if (knob->kind == ERGO_KNOB_CHUNK)
        now.prefill_chunk = value;
    else
        now.threads = value < knob->steer->most.threads ? value : knob->steer->most.threads;
    return ergo_engine_set_knobs(knob->steer->engine, &now);
}

/* Of a core set first the CPUs, so that no more threads than CPUs compute at any moment: the other
 * way round where there become fewer. */
static ergo_status set_knob(void *self, uint32_t level)
{
    const ergo__steer_knob *knob = self;
    if (level >= knob->level_count)
        return ERGO_E_ARGUMENT;
    const uint32_t value = knob->levels[level].value;
    if (!knob->board)
        return set_value(knob, value);
    const uint32_t before = value_of(knob);
    ergo_status status = value < before ? set_value(knob, value) : ERGO_OK;
    if (status == ERGO_OK)
        status = knob->board->set(knob->board->self, level);
    if (status != ERGO_OK) {
        (void)set_value(knob, before);
        return status;
    }
    return set_value(knob, value);
}

static ergo_status get_knob(void *self, uint32_t *level)
{
    const ergo__steer_knob *knob = self;
    if (knob->board)
        return knob->board->get(knob->board->self, level);
    const uint32_t value = value_of(knob);
    uint32_t best = 0;
    for (uint32_t i = 1; i < knob->level_count; i++)
        if (knob->levels[i].value <= value)
            best = i;
    *level = best;
    return ERGO_OK;
}

/* ---- The list ------------------------------------------------------------------------------ */

/* Doubles from `least` on, and ends at `most`. */
static void double_levels(ergo__steer_knob *knob, uint32_t least, uint32_t most)
{
    for (uint32_t value = least; value < most && knob->level_count + 1 < ERGO_KNOB_LEVELS_MAX;
         value *= 2)
        knob->levels[knob->level_count++].value = value;
    knob->levels[knob->level_count++].value = most;
}

static ergo__steer_knob *new_knob(ergo_steer *steer, ergo_knob_kind kind)
{
    ergo__steer_knob *knob = &steer->own[steer->own_count++];
    *knob = (ergo__steer_knob){.steer = steer, .kind = kind};
    return knob;
}

static void add_knob(ergo_steer *steer, ergo__steer_knob *knob, const char *name)
{
    ergo_knob *k = &steer->list[steer->count++];
    *k = (ergo_knob){
        .info = {.kind = knob->kind, .levels = knob->levels, .level_count = knob->level_count},
        .set = set_knob,
        .get = get_knob,
        .self = knob};
    (void)snprintf(k->info.name, sizeof k->info.name, "%s", name);
}

/* The board's knob of cores, from now on turned through this one, with the same levels. */
static void wrap_cores(ergo_steer *steer, uint32_t index, const ergo_knob *board)
{
    ergo__steer_knob *knob = new_knob(steer, ERGO_KNOB_CORES);
    knob->board = board;
    knob->level_count = board->info.level_count;
    memcpy(knob->levels, board->info.levels, knob->level_count * sizeof *knob->levels);
    ergo_knob *k = &steer->list[index];
    k->info.levels = knob->levels;
    k->set = set_knob;
    k->get = get_knob;
    k->self = knob;
}

/* Threads alone: nobody knows on which cores they run, so every clock counts. */
static void add_threads(ergo_steer *steer)
{
    uint32_t uses = 0;
    for (uint32_t i = 0; i < steer->count; i++)
        if (steer->list[i].info.kind == ERGO_KNOB_CLOCK ||
            steer->list[i].info.kind == ERGO_KNOB_MEMORY)
            uses |= UINT32_C(1) << i;
    ergo__steer_knob *knob = new_knob(steer, ERGO_KNOB_CORES);
    const uint32_t most = steer->most.threads;
    for (uint32_t n = 1; n <= most && knob->level_count < ERGO_KNOB_LEVELS_MAX; n++) {
        if (most > 8 && n != most && (n & (n - 1)) != 0)
            continue;
        ergo_knob_level *level = &knob->levels[knob->level_count++];
        level->value = n;
        level->uses = uses;
        (void)snprintf(level->name, sizeof level->name, "threads%u", (unsigned)n);
    }
    add_knob(steer, knob, "cores");
}

ergo_status ergo__steer_list(ergo_steer *steer, const ergo_knob *board, uint32_t count)
{
    bool has_cores = false;
    if (count + 3 > ERGO_KNOBS_MAX)
        return ergo__fail(&steer->log, ERGO_E_ARGUMENT,
                          "steer: %u knobs of the board leave no room for the engine's",
                          (unsigned)count);
    for (uint32_t i = 0; i < count; i++) {
        steer->list[steer->count++] = board[i];
        if (board[i].info.kind != ERGO_KNOB_CORES || has_cores)
            continue;
        has_cores = true;
        wrap_cores(steer, i, &board[i]);
    }
    if (!has_cores && steer->most.threads > 1)
        add_threads(steer);
    if (steer->most.batch_limit > 1) {
        ergo__steer_knob *knob = new_knob(steer, ERGO_KNOB_BATCH);
        double_levels(knob, 1, steer->most.batch_limit);
        add_knob(steer, knob, "batch");
    }
    if (steer->most.prefill_chunk > SMALLEST_CHUNK) {
        ergo__steer_knob *knob = new_knob(steer, ERGO_KNOB_CHUNK);
        double_levels(knob, SMALLEST_CHUNK, steer->most.prefill_chunk);
        add_knob(steer, knob, "chunk");
    }
    return ERGO_OK;
}
