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
            ERGO_OK) {
            const double idle = (double)steer->idle_uw * (double)e.ns * 1e-6; /* nanojoules */
            const double above = (double)e.uj * 1e3 - idle;
            ergo_hold_batch *b = entry(steer, step->batch);
            if (b && above > 0)
                b->token_nj = blend(b->token_nj, (uint64_t)(above / step->batch) + 1);
        }
        steer->pending_first = (steer->pending_first + 1) % ERGO__STEER_PENDING;
        steer->pending_count--;
    }
}

void ergo__steer_learn(ergo_steer *steer, const ergo_step_report *report, uint64_t begin_ns,
                       uint64_t end_ns)
{
    const uint64_t ns = end_ns - begin_ns;
    if (steer->meter) {
        learn_idle(steer, begin_ns);
        settle(steer);
    }
    if (report->prefill_tokens > 0 && report->decode_tokens == 0)
        steer->prompt_ns = blend(steer->prompt_ns, ns / report->prefill_tokens + 1);
    if (report->prefill_tokens > 0 || report->decode_tokens == 0)
        return;
    ergo_hold_batch *b = entry(steer, report->decode_tokens);
    if (b)
        b->step_ns = blend(b->step_ns, ns + 1);
    if (!steer->meter || steer->pending_count == ERGO__STEER_PENDING)
        return;
    const uint32_t at = (steer->pending_first + steer->pending_count++) % ERGO__STEER_PENDING;
    steer->pending[at] = (ergo__steer_step){begin_ns, end_ns, report->decode_tokens};
}

uint32_t ergo__steer_known(const ergo_steer *steer, ergo_hold_batch *batches)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < steer->batch_count; i++)
        if (steer->batches[i].step_ns > 0)
            batches[count++] = steer->batches[i];
    return count;
}
