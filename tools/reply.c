/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/reply.h"

#include <stdlib.h>

bool reply_on_token(void *user, const ergo_token_event *event)
{
    reply *state = user;
    if (event->token != ERGO_TOKEN_NONE && event->ended != ERGO_END_OF_TEXT) {
        if (state->stream_ids)
            (void)printf("%s%d", state->ids.size == 0 ? "" : " ", (int)event->token);
        buffer_append(&state->ids, &event->token, sizeof event->token);
    }
    buffer_append(&state->text, event->text.data, event->text.size);
    if (state->stream_text)
        (void)fwrite(event->text.data, 1, event->text.size, stdout);
    if (state->stream_text || state->stream_ids)
        state->gone = fflush(stdout) != 0 || ferror(stdout);
    return !state->gone && !state->text.failed && !state->ids.failed;
}

tool_exit reply_exit(const reply *state, tool_exit code)
{
    const bool failed = ergo_session_status(state->session) < ERGO_OK;
    return failed && code == TOOL_DONE ? TOOL_FAILED : code;
}

size_t reply_count(const reply *state)
{
    return state->ids.size / sizeof(ergo_token);
}

static ergo_token id_at(const reply *state, size_t i)
{
    return ((const ergo_token *)(const void *)state->ids.data)[i];
}

void reply_print(const reply *state, bool ids)
{
    const bool streamed = ids ? state->stream_ids : state->stream_text;
    const ergo_str text = buffer_str(&state->text);
    for (size_t i = 0; ids && !streamed && i < reply_count(state); i++)
        (void)printf("%s%d", i == 0 ? "" : " ", (int)id_at(state, i));
    if (!ids && !streamed)
        (void)fwrite(text.data, 1, text.size, stdout);
    if (ids || text.size == 0 || text.data[text.size - 1] != '\n')
        (void)putchar('\n');
}

void reply_json(const reply *state, const char *user, const tally *sum, uint32_t member,
                json_writer *json)
{
    json_object(json, NULL);
    if (user != NULL)
        json_text(json, "user", user);
    json_str(json, "text", buffer_str(&state->text));
    json_array(json, "ids");
    for (size_t i = 0; i < reply_count(state); i++)
        json_i64(json, NULL, id_at(state, i));
    json_array_end(json);
    json_text(json, "stop", tally_stop_name(ergo_session_status(state->session)));
    json_u64(json, "prompt_tokens", state->prompt_tokens);
    json_u64(json, "generated_tokens", reply_count(state));
    energy_request_json(sum->energy, sum->members[member].request, json);
    json_object_end(json);
}

void reply_free(reply *state)
{
    buffer_free(&state->text);
    buffer_free(&state->ids);
    free(state->grammar_memory);
    state->grammar_memory = NULL;
}
