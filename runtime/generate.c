/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/engine_state.h"

/* ---- Text ---------------------------------------------------------------------------------- */

/* Bytes of a token in the engine's scratch, as `text` or by `special` name. */
static ergo_str bytes_of(const ergo_engine *engine, ergo_token token)
{
    size_t size = 0;
    const ergo_tokenizer *tokenizer = engine->model->tokenizer;
    if (tokenizer && (size_t)token < ergo_tokenizer_count(tokenizer))
        (void)ergo_token_bytes(tokenizer, token, false, engine->piece.data, engine->piece.size,
                               &size);
    return (ergo_str){engine->piece.data, size};
}

static ergo_str decode(ergo_session *session, ergo_token token)
{
    size_t size = 0;
    const ergo_engine *engine = session->engine;
    const ergo_tokenizer *tokenizer = engine->model->tokenizer;
    if (tokenizer && (size_t)token < ergo_tokenizer_count(tokenizer))
        (void)ergo_decode(tokenizer, &session->decoder, token, session->config.special,
                          engine->piece.data, engine->piece.size, &size);
    return (ergo_str){engine->piece.data, size};
}

/* ---- The vocabulary ------------------------------------------------------------------------- */

static bool is_eog(const ergo_engine *engine, ergo_token token)
{
    const ergo_tokenizer *tokenizer = engine->model->tokenizer;
    return tokenizer && (size_t)token < ergo_tokenizer_count(tokenizer) &&
           ergo_token_is_eog(tokenizer, token);
}

static ergo_str vocab_bytes(const void *user, int32_t token)
{
    return bytes_of(user, token);
}

static bool vocab_is_eog(const void *user, int32_t token)
{
    return is_eog(user, token);
}

static ergo__vocab_view view_of(const ergo_engine *engine)
{
    return (ergo__vocab_view){vocab_bytes, vocab_is_eog, engine, engine->begins};
}

static void learn_begins(ergo_engine *engine)
{
    if (engine->begins_known)
        return;
    const ergo__vocab_view vocab = view_of(engine);
    for (uint32_t i = 0; i < engine->model->plan.vocabulary; i++)
        engine->begins[i] = ergo__vocab_begins(&vocab, (ergo_token)i);
    engine->begins_known = true;
}

void ergo__session_begin_text(ergo_session *session)
{
    session->decoder = (ergo_decoder){.started = false};
    for (uint32_t i = 0; i < session->count && !session->decoder.started; i++)
        (void)decode(session, session->tokens[i]);
    ergo__stop_reset(&session->stop);
    if (session->grammar) {
        learn_begins(session->engine);
        (void)ergo__grammar_reset(session->grammar); /* did not fail when it was opened */
    }
}

/* ---- Ending -------------------------------------------------------------------------------- */

/* Tells the callback; it may close the session, which is not touched after that. */
static void tell(ergo_session *session, ergo_token token, ergo_str text)
{
    if (!session->config.on_token)
        return;
    const uint32_t generated = session->count - session->prompt_end;
    const ergo_token_event event = {.session = session,
                                    .token = token,
                                    .index = generated > 0 ? generated - 1 : 0,
                                    .text = text,
                                    .ended = session->status};
    const uint32_t count = session->count;
    if (session->config.on_token(session->config.user, &event) || !session->open)
        return;
    if (session->status == ERGO_OK && session->count == count)
        session->status = ERGO_STOPPED;
}

/* Appends bytes to the `size` bytes of text that are ready to be told; returns the new size. */
static size_t append(const ergo_engine *engine, size_t size, ergo_str bytes)
{
    if (bytes.size > 0)
        memcpy((char *)engine->text.data + size, bytes.data, bytes.size);
    return size + bytes.size;
}

/* Appends what the stop strings still hold back, which is certain once the text has ended. */
static size_t flush(ergo_session *session, size_t size)
{
    return append(session->engine, size, ergo__stop_flush(&session->stop));
}

void ergo__session_end(ergo_session *session, ergo_status how)
{
    session->status = how;
    const size_t size = flush(session, 0);
    tell(session, ERGO_TOKEN_NONE, (ergo_str){session->engine->text.data, size});
}

/* ---- Choosing ------------------------------------------------------------------------------ */

static ergo_status choose(ergo_session *session, const float *logits, ergo_token *token)
{
    const ergo_engine *engine = session->engine;
    const ergo__vocab_view vocab = view_of(engine);
    ergo__grammar_filter grammar = {session->grammar, &vocab};
    const ergo__token_filter filter = ergo__grammar_token_filter(&grammar);
    /* The draw goes with the position, so that a text that is rewound comes out the same again. */
    session->sampler.draws = session->count;
    ergo_status status = ergo__sampler_pick(
        &session->sampler, logits, engine->model->plan.vocabulary, session->tokens, session->count,
        session->grammar ? &filter : NULL, engine->sampler_scratch, token);
    if (status == ERGO_E_STATE && session->grammar && ergo__grammar_limited(session->grammar))
        status = ERGO_E_LIMIT;
    if (status == ERGO_OK && session->grammar)
        status = ergo__grammar_take_token(&grammar, *token);
    if (status != ERGO_OK)
        return ergo__fail(&engine->log, status, "session: no token can follow: %s",
                          status == ERGO_E_LIMIT ? "the grammar has too many readings"
                                                 : "all are banned or no numbers");
    return ERGO_OK;
}

/* How the session ends with the token that was just appended; ERGO_OK while it goes on. */
static ergo_status ending(const ergo_session *session, ergo_token token, bool stopped)
{
    const uint32_t most = session->config.max_tokens;
    if (is_eog(session->engine, token) && !session->config.ignore_eog)
        return ERGO_END_OF_TEXT;
    if (stopped)
        return ERGO_STOPPED;
    if (most > 0 && session->count - session->prompt_end >= most)
        return ERGO_LENGTH;
    if (session->count > session->engine->limits.context)
        return ERGO_CONTEXT_FULL;
    return ERGO_OK;
}

void ergo__session_generate(ergo_session *session, const float *logits)
{
    ergo_token token;
    const ergo_status status = choose(session, logits, &token);
    if (status != ERGO_OK) {
        ergo__session_end(session, status);
        return;
    }
    session->tokens[session->count++] = token;
    const bool ends_text = is_eog(session->engine, token) && !session->config.ignore_eog;
    const ergo_str piece = ends_text ? (ergo_str){NULL, 0} : decode(session, token);
    const ergo__stop_release release = ergo__stop_feed(&session->stop, piece);
    size_t size = append(session->engine, 0, release.held);
    size = append(session->engine, size, release.fed);
    session->status = ending(session, token, release.stopped);
    if (session->status != ERGO_OK && !release.stopped)
        size = flush(session, size);
    tell(session, token, (ergo_str){session->engine->text.data, size});
}
