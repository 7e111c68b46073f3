/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/engine_state.h"
#include "runtime/step_work.h"

/* What gather.c will do, without pages and sharing: a look that costs microseconds. */

typedef struct look {
    const ergo_engine *engine;
    ergo_engine_knobs knobs;
    ergo_engine_outlook *out;
    uint32_t outputs;
} look;

static uint32_t pending(const ergo_session *session)
{
    return session->count - session->computed;
}

static bool has_work(const ergo_session *session)
{
    return ergo__session_works(session) && pending(session) > 0;
}

static void add(look *l, const ergo_session *session)
{
    ergo_engine_outlook *out = l->out;
    const uint32_t used = out->prefill_tokens + out->decode_tokens;
    uint32_t taken = l->engine->limits.tokens - used;
    if (taken > l->knobs.prefill_chunk)
        taken = l->knobs.prefill_chunk;
    if (taken > pending(session))
        taken = pending(session);
    if (taken == 0)
        return;
    out->sessions++;
    if (session->count == session->prompt_end)
        out->prefill_tokens += taken;
    else
        out->decode_tokens += taken;
    /* Positions computed + 1 .. computed + taken. */
    out->context += (uint64_t)taken * session->computed + (uint64_t)taken * (taken + 1) / 2;
    l->outputs += session->config.on_logits ? taken : taken == pending(session);
}

void ergo_engine_look_ahead(const ergo_engine *engine, const ergo_engine_knobs *knobs,
                            ergo_engine_outlook *out)
{
    look l = {.engine = engine, .knobs = knobs ? *knobs : engine->knobs, .out = out};
    *out = (ergo_engine_outlook){0};
    if (l.knobs.batch_limit == 0)
        l.knobs.batch_limit = engine->max_sessions;
    if (l.knobs.prefill_chunk == 0)
        l.knobs.prefill_chunk = engine->limits.tokens;
    for (uint32_t i = 0; i < engine->max_sessions; i++) {
        const ergo_session *session = &engine->sessions[i];
        if (!has_work(session))
            continue;
        out->working++;
        if (session->count == session->prompt_end)
            out->pending_prefill += pending(session);
    }
    const bool in_turn = out->working > l.knobs.batch_limit;
    for (int pass = in_turn ? 1 : 0; pass < 2; pass++)
        for (uint32_t i = 0; i < engine->max_sessions; i++) {
            const ergo_session *session =
                &engine->sessions[(engine->turn + i) % engine->max_sessions];
            const bool single = pending(session) == 1;
            if (has_work(session) && (in_turn || (pass == 0) == single) &&
                out->sessions < l.knobs.batch_limit)
                add(&l, session);
        }
    if (out->sessions == 0)
        return;
    const ergo__load load = {.tokens = out->prefill_tokens + out->decode_tokens,
                             .outputs = l.outputs,
                             .context = out->context,
                             .kv = engine->limits.kv};
    out->work = ergo__plan_work(&engine->model->plan, &load);
}
