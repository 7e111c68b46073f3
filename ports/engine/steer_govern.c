/* SPDX-License-Identifier: Apache-2.0 */
#include "ports/engine/steer_state.h"

/* ---- What requests leave ------------------------------------------------------------------- */

/* The stricter of two limits, where 0 is none. */
static uint64_t stricter(uint64_t a, uint64_t b)
{
    if (a == 0 || b == 0)
        return a + b;
    return a < b ? a : b;
}

/* Of `have`, for each of `count`; at least 1, which says that there is nothing left. */
static uint64_t for_each(uint64_t have, uint64_t count)
{
    return have > count ? have / count : 1;
}

/*
 * A deadline leaves a token of decode what is left until then, without the prompts still to be
 * computed, over the tokens still to come; one of a prompt what is left without those. Who is late
 * already limits nobody. A budget is for what will be generated: its prompt costs what it costs.
 */
static ergo_limits limits_of(const ergo_steer *steer, ergo_phase phase, uint64_t now_ns,
                             const ergo_engine_outlook *look)
{
    ergo_hold_request requests[ERGO_HOLD_MAX];
    ergo_hold_batch batches[ERGO__STEER_BATCHES];
    uint32_t which[ERGO_HOLD_MAX];
    ergo_limits limits = {0};
    const uint32_t known = ergo__steer_known(steer, batches);
    const uint64_t step_ns = known > 0 ? batches[known - 1].step_ns : 0;
    const uint64_t prompts_ns = look->pending_prefill * steer->prompt_ns;
    const uint32_t count = ergo__steer_describe(steer, requests, which);
    for (uint32_t i = 0; i < count; i++) {
        const ergo_hold_request *r = &requests[i];
        if (!r->running || which[i] == ERGO__STEER_NOBODY)
            continue;
        const bool decodes = phase == ERGO_PHASE_DECODE;
        if (r->deadline_ns > now_ns && (decodes || r->prompt_tokens > 0)) {
            const uint64_t left = r->deadline_ns - now_ns;
            const uint64_t other = decodes ? prompts_ns : r->output_tokens * step_ns;
            const uint64_t tokens = decodes ? r->output_tokens : look->pending_prefill;
            limits.mean_ns =
                stricter(limits.mean_ns, for_each(left > other ? left - other : 0, tokens));
        }
        const ergo__steer_request *own = &steer->requests[which[i]];
        const uint64_t budget = own->wants.budget_uj * 1000;
        if (decodes && budget > 0)
            limits.mean_nj = stricter(
                limits.mean_nj,
                for_each(budget > own->spent_nj ? budget - own->spent_nj : 0, r->output_tokens));
    }
    return limits;
}

static uint64_t still_to_come(const ergo_steer *steer)
{
    ergo_hold_request requests[ERGO_HOLD_MAX];
    uint32_t which[ERGO_HOLD_MAX];
    uint64_t left = 0;
    const uint32_t count = ergo__steer_describe(steer, requests, which);
    for (uint32_t i = 0; i < count; i++) {
        if (which[i] == ERGO__STEER_NOBODY)
            return 0; /* who has not been told of may go on for ever */
        left += requests[i].output_tokens;
    }
    return left;
}

/* ---- Around a step ------------------------------------------------------------------------- */

/* The step as it would be if no knob of the engine limited it: that is for the governor to say. */
static void before(ergo_steer *steer, uint64_t now_ns)
{
    static const ergo_engine_knobs unlimited = {0};
    ergo_engine_outlook look;
    ergo_engine_look_ahead(steer->engine, &unlimited, &look);
    const uint32_t tokens = look.prefill_tokens + look.decode_tokens;
    steer->load = (ergo_load){.phase = ERGO_PHASE_IDLE};
    if (tokens == 0)
        return;
    const bool prefill = look.prefill_tokens > look.decode_tokens;
    const ergo_phase phase = prefill ? ERGO_PHASE_PREFILL : ERGO_PHASE_DECODE;
    steer->load = (ergo_load){.phase = phase,
                              .batch = look.working,
                              .context = (uint32_t)(look.context / tokens),
                              .tokens = tokens,
                              .work = look.work,
                              .left = prefill ? look.pending_prefill : still_to_come(steer),
                              .limits = limits_of(steer, phase, now_ns, &look)};
    (void)ergo_governor_before(steer->governor, &steer->load);
}

static void after(ergo_steer *steer, const ergo_step_report *report, uint64_t begin_ns,
                  uint64_t end_ns)
{
    const uint32_t tokens = report->prefill_tokens + report->decode_tokens;
    if (steer->load.phase == ERGO_PHASE_IDLE || tokens == 0)
        return;
    steer->load.tokens = tokens;
    steer->load.work = report->work;
    (void)ergo_governor_after(steer->governor, &steer->load, begin_ns, end_ns);
}

void ergo_steer_govern(ergo_steer *steer, ergo_governor *governor)
{
    steer->governor = governor;
    steer->before_step = governor ? before : NULL;
    steer->after_step = governor ? after : NULL;
}
