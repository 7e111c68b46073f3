/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ports/engine/steer_state.h"
#include "runtime/base/arena.h"
#include "runtime/base/log.h"
#include "runtime/base/os.h"

static ergo_steer *lay(ergo__arena *arena)
{
    return ERGO__TAKE_LINE(arena, ergo_steer, 1);
}

static ergo_status check(const ergo_steer_config *config)
{
    if (!config || !config->engine || (config->knob_count > 0 && !config->knobs))
        return ERGO_E_ARGUMENT;
    if (config->max_requests > ERGO_HOLD_MAX)
        return ergo__fail(&config->log, ERGO_E_ARGUMENT, "steer: max_requests is %u, not 0..%u",
                          (unsigned)config->max_requests, (unsigned)ERGO_HOLD_MAX);
    return ERGO_OK;
}

ergo_status ergo_steer_size(const ergo_steer_config *config, size_t *size)
{
    const ergo_status status = check(config);
    if (status != ERGO_OK)
        return status;
    ergo__arena arena = ergo__arena_counting();
    lay(&arena);
    *size = arena.used;
    return ERGO_OK;
}

/* The engine says its highest settings when asked for its defaults. */
static void read_engine(ergo_steer *steer)
{
    const ergo_engine_knobs defaults = {0};
    ergo_engine_get_knobs(steer->engine, &steer->before);
    (void)ergo_engine_set_knobs(steer->engine, &defaults);
    ergo_engine_get_knobs(steer->engine, &steer->most);
    (void)ergo_engine_set_knobs(steer->engine, &steer->before);
}

ergo_status ergo_steer_open(const ergo_steer_config *config, ergo_block memory, ergo_steer **out)
{
    ergo_status status = check(config);
    if (status != ERGO_OK || !out)
        return ERGO_E_ARGUMENT;
    ergo__arena arena = ergo__arena_over(memory);
    ergo_steer *steer = lay(&arena);
    if (arena.full)
        return ergo__fail(&config->log, ERGO_E_MEMORY, "steer: needs more than %zu bytes",
                          memory.size);
    memset(steer, 0, sizeof *steer);
    steer->log = config->log;
    steer->engine = config->engine;
    steer->meter = config->meter;
    steer->sensor = config->sensor;
    steer->clock = config->clock;
    steer->hold = config->hold;
    steer->max_requests = config->max_requests ? config->max_requests : ERGO_HOLD_MAX;
    steer->until_ns = UINT64_MAX;
    read_engine(steer);
    steer->hold.most = steer->most.batch_limit;
    status = ergo__steer_list(steer, config->knobs, config->knob_count);
    if (status == ERGO_OK)
        *out = steer;
    return status;
}

void ergo_steer_close(ergo_steer *steer)
{
    if (!steer)
        return;
    for (uint32_t i = 0; i < steer->max_requests; i++)
        if (steer->requests[i].session)
            ergo_session_hold(steer->requests[i].session, false);
    (void)ergo_engine_set_knobs(steer->engine, &steer->before);
    steer->count = steer->max_requests = 0;
}

const ergo_knob *ergo_steer_knobs(const ergo_steer *steer, size_t *count)
{
    *count = steer->count;
    return steer->list;
}

uint64_t ergo__steer_now(const ergo_steer *steer)
{
    if (steer->meter)
        return ergo_meter_now(steer->meter);
    return steer->clock.now_ns ? steer->clock.now_ns(steer->clock.user) : ergo__os_now_ns();
}

ergo_status ergo_steer_step(ergo_steer *steer, ergo_step_report *report)
{
    ergo_step_report own = {0};
    if (!steer)
        return ERGO_E_ARGUMENT;
    const uint64_t now = ergo__steer_now(steer);
    ergo__steer_end(steer, now);
    ergo__steer_hold(steer, now);
    if (steer->before_step)
        steer->before_step(steer, now);
    ergo__steer_note(steer);
    const uint64_t begin = ergo__steer_now(steer); /* turning knobs takes time */
    const ergo_status status = ergo_engine_step(steer->engine, &own);
    if (status == ERGO_IDLE && steer->idle_since_ns == 0)
        steer->idle_since_ns = begin;
    if (status != ERGO_OK)
        return status;
    const uint64_t end = ergo__steer_now(steer);
    if (steer->after_step)
        steer->after_step(steer, &own, begin, end);
    ergo__steer_learn(steer, &own, begin, end);
    steer->idle_since_ns = 0;
    ergo__steer_end(steer, end);
    if (report)
        *report = own;
    return ERGO_OK;
}

uint64_t ergo_steer_until(const ergo_steer *steer)
{
    return steer->until_ns;
}

void ergo_steer_get(const ergo_steer *steer, ergo_steer_state *out)
{
    *out = (ergo_steer_state){.reason = steer->reason,
                              .held = steer->held,
                              .held_ns = steer->held_ns,
                              .met = steer->met,
                              .missed = steer->missed,
                              .over_budget = steer->over_budget,
                              .prompt_ns = steer->prompt_ns};
    out->batch_count = ergo__steer_known(steer, out->batches);
}
