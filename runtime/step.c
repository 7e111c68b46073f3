/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/log.h"
#include "runtime/base/os.h"
#include "runtime/engine_state.h"
#include "runtime/step_work.h"

static void end_cancelled(ergo_engine *engine)
{
    for (uint32_t i = 0; i < engine->max_sessions; i++) {
        ergo_session *session = &engine->sessions[i];
        if (!session->open || !atomic_exchange(&session->cancelled, false))
            continue;
        if (session->status == ERGO_OK)
            ergo__session_end(session, ERGO_CANCELLED);
    }
}

static bool has_work(const ergo_engine *engine)
{
    for (uint32_t i = 0; i < engine->max_sessions; i++)
        if (ergo__session_works(&engine->sessions[i]))
            return true;
    return false;
}

static ergo_work batch_work(const ergo_engine *engine)
{
    ergo__load load = {
        .tokens = engine->batch_tokens, .outputs = engine->batch_outputs, .kv = engine->limits.kv};
    for (uint32_t t = 0; t < engine->batch_tokens; t++)
        load.context += engine->batch_position[t] + 1u;
    return ergo__plan_work(&engine->model->plan, &load);
}

static ergo_status run_batch(ergo_engine *engine)
{
    const ergo__batch batch = {.token = engine->batch_token,
                               .position = engine->batch_position,
                               .table = engine->batch_table,
                               .output = engine->batch_output,
                               .tokens = engine->batch_tokens,
                               .outputs = engine->batch_outputs,
                               .threads = engine->knobs.threads};
    return engine->device->backend->run(engine->program, &batch);
}

/* What the sessions took is computed now, and may be shared. */
static void advance(ergo_engine *engine)
{
    for (uint32_t i = 0; i < engine->max_sessions; i++) {
        ergo_session *session = &engine->sessions[i];
        for (uint32_t k = session->computed / ERGO__PAGE_POSITIONS;
             session->taken > 0 && k < session->page_count; k++)
            engine->pages.page[session->table[k]].ready = true;
        session->computed += session->taken;
        if (session->count == session->prompt_end)
            session->prefill_tokens += session->taken;
        else
            session->decode_tokens += session->taken;
        session->logits_end = session->computed;
        session->taken = 0;
        if (session->config.score_only && session->computed == session->count &&
            session->status == ERGO_OK)
            session->status = ERGO_LENGTH;
    }
}

/* Hands out the logits, row by row. A callback may close, feed or rewind any session. */
static ergo_status deliver(ergo_engine *engine)
{
    for (uint32_t row = 0; row < engine->batch_outputs; row++) {
        const ergo__output *output = &engine->outputs[row];
        ergo_session *session = output->session;
        if (!session->open || output->position >= session->logits_end)
            continue;
        const float *logits = engine->device->backend->logits(engine->program, row);
        if (!logits)
            return ergo__fail(&engine->log, ERGO_E_DEVICE, "%s: the device lost the logits",
                              engine->model->name);
        if (session->config.on_logits)
            session->config.on_logits(session->config.user, session, output->position, logits);
        if (session->open && session->status == ERGO_OK && !session->config.score_only &&
            output->position < session->logits_end && output->position + 1 == session->count)
            ergo__session_generate(session, logits);
    }
    return ERGO_OK;
}

static ergo_status step(ergo_engine *engine, ergo_step_report *report)
{
    const uint64_t start = ergo__os_now_ns();
    end_cancelled(engine);
    if (!has_work(engine))
        return ERGO_IDLE;
    ergo__engine_gather(engine, report);
    if (engine->batch_tokens > 0) {
        const uint64_t device_start = ergo__os_now_ns();
        const uint64_t waited = engine->device->waited_cpu_ns, asleep = engine->device->asleep_ns;
        ergo_status status = run_batch(engine);
        if (status != ERGO_OK) {
            ergo__engine_undo(engine);
            return ergo__fail(&engine->log, status, "%s: the device failed in a step",
                              engine->model->name);
        }
        report->device_ns = ergo__os_now_ns() - device_start;
        report->waited_cpu_ns = engine->device->waited_cpu_ns - waited;
        report->asleep_ns = engine->device->asleep_ns - asleep;
        report->work = batch_work(engine);
        advance(engine);
        status = deliver(engine);
        if (status != ERGO_OK)
            return status;
    }
    report->elapsed_ns = ergo__os_now_ns() - start;
    return ERGO_OK;
}

ergo_status ergo_engine_step(ergo_engine *engine, ergo_step_report *report)
{
    if (!engine)
        return ERGO_E_ARGUMENT;
    if (engine->stepping)
        return ergo__fail(&engine->log, ERGO_E_STATE, "a callback must not begin another step");
    ergo_step_report own = {0};
    engine->stepping = true;
    const ergo_status status = step(engine, &own);
    engine->stepping = false;
    if (status == ERGO_OK && report)
        *report = own;
    return status;
}
