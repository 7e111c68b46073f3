/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/base/log.h"
#include "runtime/engine_state.h"

static ergo_session *free_slot(ergo_engine *engine)
{
    for (uint32_t i = 0; i < engine->max_sessions; i++)
        if (!engine->sessions[i].open)
            return &engine->sessions[i];
    return NULL;
}

static ergo_status check_config(const ergo_engine *engine, const ergo_session_config *config)
{
    const ergo_status status =
        ergo_sampler_validate(&config->sampler, engine->model->plan.vocabulary, &engine->log);
    if (status != ERGO_OK)
        return status;
    if (!engine->model->tokenizer && (config->grammar || config->stop_count > 0))
        return ergo__fail(&engine->log, ERGO_E_STATE,
                          "%s: no vocabulary, so neither grammar nor stop strings",
                          engine->model->name);
    if (config->stop_count > 0 && !config->stops)
        return ERGO_E_ARGUMENT;
    return ERGO_OK;
}

size_t ergo_grammar_state_size(const ergo_grammar *grammar)
{
    ergo__arena arena = ergo__arena_counting();
    (void)ergo__grammar_state_take(&arena, grammar);
    return arena.used;
}

static ergo_status open_grammar(const ergo_engine *engine, const ergo_session_config *config,
                                ergo__grammar_state **out)
{
    if (!config->grammar)
        return ERGO_OK;
    ergo__arena arena = ergo__arena_over(config->grammar_memory);
    ergo__grammar_state *state = ergo__grammar_state_take(&arena, config->grammar);
    if (!state || arena.full)
        return ergo__fail(&engine->log, ERGO_E_MEMORY, "session: grammar_memory needs %zu bytes",
                          ergo_grammar_state_size(config->grammar));
    *out = state;
    return ergo__grammar_reset(state);
}

ergo_status ergo_session_open(ergo_engine *engine, const ergo_session_config *config,
                              ergo_session **out)
{
    const ergo_session_config none = {.max_tokens = 0};
    if (!engine || !out)
        return ERGO_E_ARGUMENT;
    const ergo_session_config *c = config ? config : &none;
    ergo_status status = check_config(engine, c);
    if (status != ERGO_OK)
        return status;
    ergo_session *session = free_slot(engine);
    if (!session)
        return ergo__fail(&engine->log, ERGO_E_LIMIT, "all %u sessions are open",
                          engine->max_sessions);
    ergo__grammar_state *grammar = NULL;
    status = open_grammar(engine, c, &grammar);
    if (status != ERGO_OK)
        return status;
    ergo__stop stop;
    status = ergo__stop_set(&stop, c->stops, c->stop_count, &engine->log);
    if (status != ERGO_OK)
        return status;
    session->open = true;
    session->held = false;
    session->status = ERGO_IDLE;
    session->config = *c;
    session->config.stops = NULL;
    session->count = session->computed = session->prompt_end = 0;
    session->page_count = session->taken = session->logits_end = 0;
    session->prefill_tokens = session->decode_tokens = 0;
    session->sampler = ergo__sampler_start(&c->sampler);
    session->stop = stop;
    session->grammar = grammar;
    atomic_store(&session->cancelled, false);
    ergo__session_begin_text(session);
    *out = session;
    return ERGO_OK;
}

void ergo__session_drop_pages(ergo_session *session, uint32_t keep)
{
    while (session->page_count > keep)
        ergo__pages_release(&session->engine->pages, session->table[--session->page_count]);
}

void ergo_session_close(ergo_session *session)
{
    if (!session || !session->open)
        return;
    ergo__session_drop_pages(session, 0);
    session->open = false;
}

ergo_status ergo_session_feed(ergo_session *session, const ergo_token *tokens, size_t count)
{
    if (!session || !session->open || !tokens || count == 0)
        return ERGO_E_ARGUMENT;
    const ergo_engine *engine = session->engine;
    for (size_t i = 0; i < count; i++)
        if (tokens[i] < 0 || (uint32_t)tokens[i] >= engine->model->plan.vocabulary)
            return ergo__fail(&engine->log, ERGO_E_ARGUMENT,
                              "token %zu is %d, the vocabulary has %u", i, tokens[i],
                              engine->model->plan.vocabulary);
    if (session->count > engine->limits.context || count > engine->limits.context - session->count)
        return ergo__fail(&engine->log, ERGO_E_LIMIT,
                          "%zu tokens do not fit a context of %u of which %u are used", count,
                          engine->limits.context, session->count);
    memcpy(session->tokens + session->count, tokens, count * sizeof *tokens);
    session->count += (uint32_t)count;
    session->prompt_end = session->count;
    session->status = ERGO_OK;
    ergo__session_begin_text(session);
    return ERGO_OK;
}

ergo_status ergo_session_status(const ergo_session *session)
{
    return session->status;
}

void ergo_session_hold(ergo_session *session, bool held)
{
    if (session)
        session->held = held;
}

void ergo_session_cancel(ergo_session *session)
{
    if (session)
        atomic_store(&session->cancelled, true);
}

const ergo_token *ergo_session_tokens(const ergo_session *session, size_t *count)
{
    *count = session->count;
    return session->tokens;
}

void ergo_session_computed(const ergo_session *session, uint64_t *prefill_tokens,
                           uint64_t *decode_tokens)
{
    *prefill_tokens = session->prefill_tokens;
    *decode_tokens = session->decode_tokens;
}

ergo_status ergo_session_rewind(ergo_session *session, size_t count)
{
    if (!session || !session->open || count > session->count)
        return ERGO_E_ARGUMENT;
    session->count = session->prompt_end = (uint32_t)count;
    if (session->computed > session->count)
        session->computed = session->count;
    if (session->logits_end > session->count)
        session->logits_end = session->count;
    ergo__session_drop_pages(session,
                             (uint32_t)ergo__ceil_div(session->computed, ERGO__PAGE_POSITIONS));
    session->status = ERGO_IDLE;
    ergo__session_begin_text(session);
    return ERGO_OK;
}
