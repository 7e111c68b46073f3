/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_RUNTIME_ENGINE_STATE_H
#define ERGO_RUNTIME_ENGINE_STATE_H

#include <stdatomic.h>

#include "ergo/engine.h"
#include "runtime/backend.h"
#include "runtime/grammar_filter.h"
#include "runtime/model_state.h"
#include "runtime/pages.h"
#include "runtime/sampler_state.h"
#include "runtime/stop.h"

/*
 * One sequence. `tokens` holds what was fed and generated; the keys and values of the first
 * `computed` of them are in `table`'s pages. What lies between is pending: a prompt, or the one
 * token generated last.
 */
struct ergo_session {
    ergo_engine *engine;
    bool open;
    bool held;                  /* left out of steps */
    ergo_status status;         /* ERGO_OK while there is work, ERGO_IDLE, or how it ended */
    atomic_uint cancelled;      /* a word: RISC-V exchanges bytes by a library of its own */
    ergo_session_config config; /* `stops` is not kept: see `stop` */

    ergo_token *tokens; /* room for limits.context + 1: the last one is never computed */
    uint32_t count;
    uint32_t computed;
    uint32_t prompt_end; /* count after the last feed */
    uint32_t *table;     /* pages held, in order */
    uint32_t page_count;

    ergo__sampler sampler;
    ergo__stop stop;
    ergo__grammar_state *grammar; /* where the grammar stands, if there is one */
    ergo_decoder decoder;

    uint32_t taken;                         /* tokens in the present batch */
    uint64_t prefill_tokens, decode_tokens; /* computed since it was opened */
    uint32_t logits_end; /* its logits of positions from here on are of a text that is gone */
};

/** A row of logits and whose it is. */
typedef struct ergo__output {
    ergo_session *session;
    uint32_t position;
} ergo__output;

struct ergo_engine {
    ergo_log log;
    const ergo_model *model;
    ergo_device *device;
    ergo__program *program;
    ergo__limits limits;
    uint32_t max_sessions;
    uint32_t table_size; /* pages of a session's context */
    ergo_engine_knobs knobs;

    ergo_session *sessions;
    bool stepping; /* in a step: callbacks must not begin another */
    uint32_t turn; /* the session to begin with: turns are taken */
    ergo__pages pages;

    /* The present batch. */
    ergo_token *batch_token;
    uint32_t *batch_position;
    const uint32_t **batch_table;
    uint32_t *batch_output;
    ergo__output *outputs;
    uint32_t batch_tokens;
    uint32_t batch_outputs;

    /* Of every token, for grammars; known from the first session on that has one. */
    uint8_t *begins;
    bool begins_known;

    /* Scratch of one token at a time. */
    ergo_block sampler_scratch;
    ergo_block piece; /* bytes of a token */
    ergo_block text;  /* what the stop strings let go */
    ergo_block page;  /* bytes of one page */
};

/** ---- gather.c ---- */

/** Fills the batch with what the sessions want next; takes the pages that it needs. */
void ergo__engine_gather(ergo_engine *engine, ergo_step_report *report);

/** Whether the session takes part in steps. */
static inline bool ergo__session_works(const ergo_session *session)
{
    return session->open && !session->held && session->status == ERGO_OK;
}

/** Gives back what a gather took, after a failed run. */
void ergo__engine_undo(ergo_engine *engine);

/** ---- generate.c ---- */

/** Chooses the session's next token from its logits, appends it and tells the callback. */
void ergo__session_generate(ergo_session *session, const float *logits);

/** Ends the session without a further token: what the stop strings held back is given out. */
void ergo__session_end(ergo_session *session, ergo_status how);

/** Prepares text, stop strings and grammar for what will be generated after the tokens so far. */
void ergo__session_begin_text(ergo_session *session);

/** ---- session.c ---- */

/** Lets go of the pages beyond the first `keep`. */
void ergo__session_drop_pages(ergo_session *session, uint32_t keep);

#endif
