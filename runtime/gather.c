/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/engine_state.h"

static uint32_t pending(const ergo_session *session)
{
    return session->count - session->computed;
}

static bool has_work(const ergo_session *session)
{
    return ergo__session_works(session) && pending(session) > 0;
}

/* Prefixes are shared by sessions that want it, and not where every position must give logits. */
static bool shares(const ergo_session *session)
{
    return !session->config.no_sharing && !session->config.on_logits;
}

/* Serial that the page number `index` of the session has as its parent. */
static uint64_t parent_serial(const ergo_session *session, uint32_t index)
{
    return index == 0 ? ERGO__ROOT_SERIAL
                      : ergo__pages_serial(&session->engine->pages, session->table[index - 1]);
}

/*
 * Takes over the pages that others have computed for the session's next tokens. At least one token
 * stays pending, since its logits are wanted. Returns false when the next page is being computed in
 * this very batch: the session then waits one step for it.
 */
static bool share_prefix(ergo_session *session, ergo_step_report *report)
{
    ergo__pages *pages = &session->engine->pages;
    while (shares(session) && session->computed % ERGO__PAGE_POSITIONS == 0 &&
           pending(session) > ERGO__PAGE_POSITIONS) {
        const uint32_t index = session->computed / ERGO__PAGE_POSITIONS;
        const uint64_t parent = parent_serial(session, index);
        if (parent == ERGO__UNSEALED)
            return true;
        const uint32_t found = ergo__pages_find(pages, parent, session->tokens + session->computed);
        if (found == ERGO__NO_PAGE)
            return true;
        if (!pages->page[found].ready)
            return false;
        ergo__session_drop_pages(session, index); /* taken for a batch that failed */
        pages->page[found].references++;
        session->table[index] = found;
        session->page_count = index + 1;
        session->computed += ERGO__PAGE_POSITIONS;
        report->shared_tokens += ERGO__PAGE_POSITIONS;
    }
    return true;
}

/* Makes the page that holds the next position the session's own. */
static bool own_last_page(ergo_session *session)
{
    ergo_engine *engine = session->engine;
    const uint32_t index = session->computed / ERGO__PAGE_POSITIONS;
    if (index >= session->page_count)
        return true;
    const uint32_t old = session->table[index];
    if (engine->pages.page[old].references == 1) {
        engine->pages.page[old].serial = ERGO__UNSEALED;
        return true;
    }
    const uint32_t copy = ergo__pages_take(&engine->pages);
    const ergo_backend *backend = engine->device->backend;
    if (copy == ERGO__NO_PAGE)
        return false;
    if (backend->page_read(engine->program, old, engine->page.data) != ERGO_OK ||
        backend->page_write(engine->program, copy, engine->page.data) != ERGO_OK) {
        ergo__pages_release(&engine->pages, copy);
        return false;
    }
    ergo__pages_release(&engine->pages, old);
    session->table[index] = copy;
    return true;
}

/* Pages for the next `wanted` tokens; returns for how many there is room. */
static uint32_t make_room(ergo_session *session, uint32_t wanted)
{
    ergo_engine *engine = session->engine;
    if (!own_last_page(session))
        return 0;
    const uint32_t end = session->computed + wanted;
    while (session->page_count * ERGO__PAGE_POSITIONS < end) {
        const uint32_t page = ergo__pages_take(&engine->pages);
        if (page == ERGO__NO_PAGE)
            break;
        if (engine->device->backend->page_clear(engine->program, page) != ERGO_OK) {
            ergo__pages_release(&engine->pages, page);
            break;
        }
        session->table[session->page_count++] = page;
    }
    const uint32_t room = session->page_count * ERGO__PAGE_POSITIONS - session->computed;
    return room < wanted ? room : wanted;
}

/* Seals the pages that the batch fills, so that others can wait for them. */
static void seal_filled(ergo_session *session)
{
    ergo__pages *pages = &session->engine->pages;
    const uint32_t end = session->computed + session->taken;
    uint32_t index = session->computed / ERGO__PAGE_POSITIONS;
    for (; (index + 1) * ERGO__PAGE_POSITIONS <= end && shares(session); index++) {
        const uint64_t parent = parent_serial(session, index);
        if (parent == ERGO__UNSEALED)
            return;
        ergo__pages_seal(pages, session->table[index], parent,
                         session->tokens + (size_t)index * ERGO__PAGE_POSITIONS);
    }
}

static void add_token(ergo_engine *engine, ergo_session *session, uint32_t position, bool output)
{
    const uint32_t t = engine->batch_tokens++;
    engine->batch_token[t] = session->tokens[position];
    engine->batch_position[t] = position;
    engine->batch_table[t] = session->table;
    if (!output)
        return;
    engine->batch_output[engine->batch_outputs] = t;
    engine->outputs[engine->batch_outputs++] = (ergo__output){session, position};
}

/* Puts the session's next tokens into the batch; false when there was no room for even one. */
static bool gather_session(ergo_engine *engine, ergo_session *session, ergo_step_report *report)
{
    if (!share_prefix(session, report))
        return true;
    const bool all_outputs = session->config.on_logits != NULL;
    const uint32_t outputs_left = engine->limits.outputs - engine->batch_outputs;
    uint32_t wanted = engine->limits.tokens - engine->batch_tokens;
    if (wanted > engine->knobs.prefill_chunk)
        wanted = engine->knobs.prefill_chunk;
    if (wanted > pending(session))
        wanted = pending(session);
    if (all_outputs && wanted > outputs_left)
        wanted = outputs_left;
    if (outputs_left == 0 && wanted == pending(session))
        wanted--;
    if (wanted == 0)
        return true;
    const uint32_t taken = make_room(session, wanted);
    session->taken = taken;
    const bool last_gives_logits = taken == pending(session) && !session->config.score_only;
    for (uint32_t i = 0; i < taken; i++)
        add_token(engine, session, session->computed + i,
                  all_outputs || (last_gives_logits && i + 1 == taken));
    if (taken == 0)
        return false;
    if (session->count == session->prompt_end)
        report->prefill_tokens += taken;
    else
        report->decode_tokens += taken;
    seal_filled(session);
    report->sessions++;
    return true;
}

static uint32_t working(const ergo_engine *engine)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < engine->max_sessions; i++)
        count += has_work(&engine->sessions[i]);
    return count;
}

void ergo__engine_gather(ergo_engine *engine, ergo_step_report *report)
{
    engine->batch_tokens = engine->batch_outputs = 0;
    for (uint32_t i = 0; i < engine->max_sessions; i++)
        engine->sessions[i].taken = 0;
    /*
     * Single tokens before prompts: who generates waits for nobody's prompt. Where the batch limit
     * leaves sessions out, they simply take turns, so that prompts are not left out for ever.
     */
    const bool in_turn = working(engine) > engine->knobs.batch_limit;
    ergo_session *starved = NULL;
    for (int pass = in_turn ? 1 : 0; pass < 2; pass++)
        for (uint32_t i = 0; i < engine->max_sessions; i++) {
            ergo_session *session = &engine->sessions[(engine->turn + i) % engine->max_sessions];
            const bool comes_later = pass == 0 && pending(session) > 1;
            if (!has_work(session) || comes_later || session->taken > 0 ||
                report->sessions >= engine->knobs.batch_limit)
                continue;
            if (!gather_session(engine, session, report))
                starved = session;
        }
    engine->turn = (engine->turn + 1) % engine->max_sessions;
    /* Nobody can go on before somebody lets go of pages: one must. Its text can be computed anew.
     */
    if (engine->batch_tokens == 0 && starved) {
        starved->computed = 0;
        ergo__session_drop_pages(starved, 0);
        ergo__session_end(starved, ERGO_CONTEXT_FULL);
    }
}

void ergo__engine_undo(ergo_engine *engine)
{
    for (uint32_t i = 0; i < engine->max_sessions; i++) {
        ergo_session *session = &engine->sessions[i];
        if (session->taken == 0)
            continue;
        const uint32_t first = session->computed / ERGO__PAGE_POSITIONS;
        for (uint32_t k = first; k < session->page_count; k++)
            engine->pages.page[session->table[k]].serial = ERGO__UNSEALED;
        ergo__session_drop_pages(session,
                                 (uint32_t)ergo__ceil_div(session->computed, ERGO__PAGE_POSITIONS));
        session->taken = 0;
    }
}
