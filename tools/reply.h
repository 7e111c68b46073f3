/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_REPLY_H
#define ERGO_TOOLS_REPLY_H

#include "ergo/engine.h"
#include "tools/buffer.h"
#include "tools/json_write.h"
#include "tools/tally.h"
#include "tools/tool.h"

/** Where the tokens of one session go: kept, and written to stdout as they come where asked. */
typedef struct reply {
    ergo_session *session;
    void *grammar_memory; /**< of the session, allocated; NULL without a grammar */
    buffer text;          /**< bytes generated */
    buffer ids;           /**< ergo_token, generated; the end-of-text token is not among them */
    uint32_t prompt_tokens;
    bool stream_text;
    bool stream_ids; /**< print ids, one space between, instead of the text */
    bool gone;       /**< stdout takes no more */
} reply;

/** An ergo_session_config.on_token for `user` = reply. */
bool reply_on_token(void *user, const ergo_token_event *event);

/** `code`, or TOOL_FAILED where the session ended with an error that ergo has logged. */
tool_exit reply_exit(const reply *state, tool_exit code);

size_t reply_count(const reply *state); /**< of generated tokens */

/** Writes text or ids to stdout, and the line break that ends them where none is there. */
void reply_print(const reply *state, bool ids);

/**
 * One of the JSON's "sequences"; `member` of the tally is its session. `user` is the turn of a chat
 * that was answered, or NULL.
 */
void reply_json(const reply *state, const char *user, const tally *sum, uint32_t member,
                json_writer *json);

/** Only after the session is closed. */
void reply_free(reply *state);

#endif
