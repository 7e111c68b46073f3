/* SPDX-License-Identifier: Apache-2.0 */
#include "ports/engine/steer_state.h"

/* What steps took and cost, as recent means: an eighth of each new figure. */
#define SHARE 8

/* Idle shorter than that says nothing of the idle power. */
#define IDLE_NS UINT64_C(300000000)

static uint64_t blend(uint64_t mean, uint64_t value)
{
    return mean == 0 ? value : mean - mean / SHARE + value / SHARE;
}

/* The entry of a batch, made where there is room; NULL without. */
static ergo_hold_batch *entry(ergo_steer *steer, uint32_t batch)
{
    uint32_t at = 0;
    while (at < steer->batch_count && steer->batches[at].batch < batch)
        at++;
    if (at < steer->batch_count && steer->batches[at].batch == batch)
        return &steer->batches[at];
    if (steer->batch_count == ERGO__STEER_BATCHES)
        return NULL;
    for (uint32_t i = steer->batch_count++; i > at; i--)
        steer->batches[i] = steer->batches[i - 1];
    steer->batches[at] = (ergo_hold_batch){.batch = batch};
    return &steer->batches[at];
}

static void learn_idle(ergo_steer *steer, uint64_t until_ns)
{
    const uint64_t known = ergo_meter_known_ns(steer->meter, steer->sensor);
    ergo_energy e;
    if (known < until_ns)
        until_ns = known;
    if (steer->idle_since_ns == 0 || until_ns < steer->idle_since_ns + IDLE_NS ||
        ergo_meter_between(steer->meter, steer->sensor, steer->idle_since_ns, until_ns, &e) !=
            ERGO_OK ||
        e.uj <= 0)
        return;
    const uint64_t uw = (uint64_t)((double)e.uj * 1e9 / (double)e.ns);
    if (steer->idle_uw == 0 || uw < steer->idle_uw)
        steer->idle_uw = uw;
}

static void spend(ergo_steer *steer, const ergo__steer_step *step, double nj)
{
    for (uint32_t i = 0; i < steer->max_requests; i++) {
        ergo__steer_request *r = &steer->requests[i];
        if (!r->session || r->serial != step->serial[i] || step->share[i] == 0)
            continue;
        r->spent_nj += (uint64_t)(nj * step->share[i] / step->tokens);
        if (r->wants.budget_uj > 0 && !r->over && r->spent_nj / 1000 > r->wants.budget_uj) {
            r->over = true;
            steer->over_budget++;
        }
    }
}

/* The joules of steps whose readings are there by now. */
static void settle(ergo_steer *steer)
{
    const uint64_t known = ergo_meter_known_ns(steer->meter, steer->sensor);
    while (steer->pending_count > 0) {
        const ergo__steer_step *step = &steer->pending[steer->pending_first];
        ergo_energy e;
        if (step->end_ns > known)
            return;
        if (ergo_meter_between(steer->meter, steer->sensor, step->begin_ns, step->end_ns, &e) ==
                ERGO_OK &&
            e.uj > 0) {
            const double nj = (double)e.uj * 1e3;
            const double above = nj - (double)steer->idle_uw * (double)e.ns * 1e-6;
            ergo_hold_batch *b = step->batch > 0 ? entry(steer, step->batch) : NULL;
            spend(steer, step, nj);
            if (b && above > 0)
                b->token_nj = blend(b->token_nj, (uint64_t)(above / step->batch) + 1);
        }
        steer->pending_first = (steer->pending_first + 1) % ERGO__STEER_PENDING;
        steer->pending_count--;
    }
}

/* When the readings lag by more steps than are remembered, the newest go without. */
static void remember(ergo_steer *steer, const ergo_step_report *report, uint64_t begin_ns,
                     uint64_t end_ns)
{
    if (steer->pending_count == ERGO__STEER_PENDING)
        return;
    ergo__steer_step *step =
        &steer->pending[(steer->pending_first + steer->pending_count++) % ERGO__STEER_PENDING];
    step->begin_ns = begin_ns;
    step->end_ns = end_ns;
    step->batch = report->prefill_tokens == 0 ? report->decode_tokens : 0;
    step->tokens = report->prefill_tokens + report->decode_tokens;
    ergo__steer_share(steer, step);
}

void ergo__steer_learn(ergo_steer *steer, const ergo_step_report *report, uint64_t begin_ns,
                       uint64_t end_ns)
{
    const uint64_t ns = end_ns - begin_ns;
    const uint32_t decode = report->decode_tokens, prefill = report->prefill_tokens;
    if (decode + prefill == 0)
        return;
    if (steer->meter) {
        learn_idle(steer, begin_ns);
        settle(steer);
        remember(steer, report, begin_ns, end_ns);
    }
    ergo_hold_batch *b = prefill == 0 ? entry(steer, decode) : NULL;
    if (b)
        b->step_ns = blend(b->step_ns, ns + 1);
    if (decode == 0)
        steer->prompt_ns = blend(steer->prompt_ns, ns / prefill + 1);
}

uint32_t ergo__steer_known(const ergo_steer *steer, ergo_hold_batch *batches)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < steer->batch_count; i++)
        if (steer->batches[i].step_ns > 0)
            batches[count++] = steer->batches[i];
    return count;
}
