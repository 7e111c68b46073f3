/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ports/engine/steer_state.h"
#include "runtime/base/log.h"

/* Of a request that does not say how much it will generate. */
#define UNKNOWN_OUTPUT 256u

static ergo__steer_request *find(ergo_steer *steer, const ergo_session *session)
{
    for (uint32_t i = 0; i < steer->max_requests; i++)
        if (steer->requests[i].session == session)
            return &steer->requests[i];
    return NULL;
}

/* Arrivals far apart say nothing of the next one: as the mean grows, nobody is held. */
static void note_arrival(ergo_steer *steer, uint64_t now)
{
    if (steer->last_arrival_ns > 0) {
        const uint64_t gap = now - steer->last_arrival_ns + 1;
        steer->gap_ns = steer->gap_ns == 0 ? gap : steer->gap_ns - steer->gap_ns / 4 + gap / 4;
    }
    steer->last_arrival_ns = now;
}

ergo_status ergo_steer_request(ergo_steer *steer, ergo_session *session,
                               const ergo_request *request)
{
    if (!steer || !session || !request)
        return ERGO_E_ARGUMENT;
    if (ergo_session_status(session) != ERGO_OK)
        return ergo__fail(&steer->log, ERGO_E_STATE, "steer: a request has not been fed");
    ergo__steer_request *r = find(steer, session);
    if (!r)
        r = find(steer, NULL);
    if (!r)
        return ergo__fail(&steer->log, ERGO_E_LIMIT, "steer: %u requests are open",
                          (unsigned)steer->max_requests);
    const uint64_t now = ergo__steer_now(steer);
    size_t tokens;
    (void)ergo_session_tokens(session, &tokens);
    *r = (ergo__steer_request){.session = session, .wants = *request, .arrived_ns = now};
    ergo_session_computed(session, &r->prefill_before, &r->decode_before);
    r->serial = ++steer->serial;
    r->prompt_tokens = (uint32_t)tokens;
    r->output_tokens = request->output_tokens ? request->output_tokens : UNKNOWN_OUTPUT;
    note_arrival(steer, now);
    return ERGO_OK;
}

void ergo_steer_forget(ergo_steer *steer, ergo_session *session)
{
    ergo__steer_request *r = session ? find(steer, session) : NULL;
    if (!r)
        return;
    ergo_session_hold(session, false);
    *r = (ergo__steer_request){.session = NULL};
}

void ergo__steer_end(ergo_steer *steer, uint64_t now_ns)
{
    for (uint32_t i = 0; i < steer->max_requests; i++) {
        ergo__steer_request *r = &steer->requests[i];
        if (!r->session || ergo_session_status(r->session) == ERGO_OK)
            continue;
        if (r->wants.deadline_ns > 0) {
            steer->met += now_ns <= r->wants.deadline_ns;
            steer->missed += now_ns > r->wants.deadline_ns;
        }
        ergo_session_hold(r->session, false);
        *r = (ergo__steer_request){.session = NULL};
    }
}

static uint64_t computed(const ergo_session *session)
{
    uint64_t prefill, decode;
    ergo_session_computed(session, &prefill, &decode);
    return prefill + decode;
}

void ergo__steer_note(ergo_steer *steer)
{
    for (uint32_t i = 0; i < steer->max_requests; i++)
        if (steer->requests[i].session)
            steer->requests[i].computed = computed(steer->requests[i].session);
}

void ergo__steer_share(const ergo_steer *steer, ergo__steer_step *step)
{
    for (uint32_t i = 0; i < steer->max_requests; i++) {
        const ergo__steer_request *r = &steer->requests[i];
        step->serial[i] = r->session ? r->serial : 0;
        step->share[i] = r->session ? (uint32_t)(computed(r->session) - r->computed) : 0;
    }
}

static uint32_t less(uint32_t all, uint64_t done)
{
    return done < all ? all - (uint32_t)done : 0;
}

/* Sessions that nobody told of run too: they are company, and take their time. */
static uint32_t others(const ergo_steer *steer)
{
    ergo_engine_outlook look;
    uint32_t known = 0;
    ergo_engine_look_ahead(steer->engine, NULL, &look);
    for (uint32_t i = 0; i < steer->max_requests; i++)
        known += steer->requests[i].session && !steer->requests[i].held;
    return look.working > known ? look.working - known : 0;
}

uint32_t ergo__steer_describe(const ergo_steer *steer, ergo_hold_request *out, uint32_t *which)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < steer->max_requests; i++) {
        const ergo__steer_request *r = &steer->requests[i];
        uint64_t prefill, decode;
        if (!r->session)
            continue;
        ergo_session_computed(r->session, &prefill, &decode);
        out[count] = (ergo_hold_request){
            .arrived_ns = r->arrived_ns,
            .deadline_ns = r->wants.deadline_ns,
            .prompt_tokens = less(r->prompt_tokens, prefill - r->prefill_before),
            .output_tokens = less(r->output_tokens, decode - r->decode_before),
            .running = r->running};
        if (out[count].output_tokens == 0)
            out[count].output_tokens = 1; /* it goes on, whatever was expected */
        which[count++] = i;
    }
    for (uint32_t left = others(steer); left > 0 && count < ERGO_HOLD_MAX; left--) {
        out[count] = (ergo_hold_request){.output_tokens = UNKNOWN_OUTPUT, .running = true};
        which[count++] = ERGO__STEER_NOBODY;
    }
    return count;
}

/* Joules decide about company; where they are unknown, times alone tell who makes whom late. */
void ergo__steer_hold(ergo_steer *steer, uint64_t now_ns)
{
    ergo_hold_request requests[ERGO_HOLD_MAX];
    ergo_hold_batch batches[ERGO__STEER_BATCHES];
    uint32_t which[ERGO_HOLD_MAX];
    const uint32_t count = ergo__steer_describe(steer, requests, which);
    const ergo_hold_costs costs = {.prompt_ns = steer->prompt_ns,
                                   .batches = batches,
                                   .batch_count = ergo__steer_known(steer, batches)};
    if (steer->held > 0)
        steer->held_ns += (now_ns - steer->held_since_ns) * steer->held;
    steer->held_since_ns = now_ns;
    steer->held = 0;
    steer->reason = ergo_hold_decide(&steer->hold, &costs, now_ns, steer->gap_ns, requests, count,
                                     &steer->until_ns);
    for (uint32_t i = 0; i < count; i++) {
        if (which[i] == ERGO__STEER_NOBODY)
            continue;
        ergo__steer_request *r = &steer->requests[which[i]];
        r->running = requests[i].start;
        r->held = !r->running;
        ergo_session_hold(r->session, r->held);
        steer->held += r->held;
    }
}
