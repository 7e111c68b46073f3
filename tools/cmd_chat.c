/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/chat_style.h"
#include "tools/interrupt.h"
#include "tools/load.h"
#include "tools/reply.h"
#include "tools/tally.h"

typedef struct chat_options {
    common_options common;
    sampling_options sampling;
    const char *model, *system, *format, *template_path, *metrics_path;
    uint32_t count, context, chunk, kv;
    bool render;
} chat_options;

#define FIELD(name) offsetof(chat_options, name)
static const args_option table[] = {
    {"model", 'm', ARGS_TEXT, FIELD(model), "FILE", "the model, a GGUF file", 0, 0, NULL},
    {"system", 0, ARGS_TEXT, FIELD(system), "TEXT", "what the model is told before all else", 0, 0,
     NULL},
    {"chat-format", 0, ARGS_TEXT, FIELD(format), "NAME",
     "how turns are written, instead of what the file's template says", 0, 0, NULL},
    {"template", 0, ARGS_TEXT, FIELD(template_path), "FILE",
     "a chat template (Jinja) to use instead of the file's", 0, 0, NULL},
    {"render", 0, ARGS_FLAG, FIELD(render), NULL,
     "print the exact prompt for a conversation, read as JSON from standard input", 0, 0, NULL},
    {"count", 'n', ARGS_U32, FIELD(count), "N",
     "most tokens of an answer (default: until it or the context ends)", 1, 4294967295.0, NULL},
    {"ctx", 0, ARGS_U32, FIELD(context), "N",
     "positions of the conversation (default: the model's, at most 4096)", 1, CONTEXT_MOST, NULL},
    {"chunk", 0, ARGS_U32, FIELD(chunk), "N",
     "most tokens of a prompt computed in one step (default: 256)", 1, 256, NULL},
    {"kv", 0, ARGS_CHOICE, FIELD(kv), "TYPE", "keys and values as f16 or q8_0 (default: f16)", 0, 0,
     kv_names},
    {"metrics-file", 0, ARGS_TEXT, FIELD(metrics_path), "FILE", METRICS_HELP, 0, 0, NULL},
};

static const args_spec spec = {
    .command = "chat",
    .usage = "chat -m FILE [--system TEXT] [--chat-format NAME] [options]\n"
             "chat -m FILE --render [--template FILE] < messages.json",
    .about =
        "Talks: each line you type is a turn. Ctrl-C ends an answer, at the prompt the chat;\n"
        "Ctrl-D ends it too. Where standard input is no terminal each line of it is a turn and\n"
        "the answers go to stdout, one after the other. When the context is full the oldest turns\n"
        "are forgotten. Where a sensor measures the whole board, a line on stderr says what each\n"
        "answer cost. --render takes [{\"role\": \"user\", \"content\": \"Hi\"}, ...] and runs "
        "nothing.\n"
        "JSON: {\"format\", \"turns\": [{\"user\", \"text\", \"ids\", \"stop\", ...}], ...}, with\n"
        "--render {\"format\", \"prompt\"}.",
    .examples = "  run-model chat -m chat.gguf --system \"Answer in one sentence.\"\n"
                "  echo \"What is a joule?\" | run-model chat -m chat.gguf --temp 0\n"
                "  echo '[{\"role\":\"user\",\"content\":\"Hi\"}]' | run-model chat -m chat.gguf "
                "--render",
    .groups = {{"Options", table, sizeof table / sizeof *table, 0},
               SAMPLING_GROUP(chat_options),
               COMMON_GROUP(chat_options)},
};

static tool_exit render(const chat_options *options, const chat_style *style)
{
    file_text text = {NULL, 0};
    conversation chat = {.messages = NULL};
    buffer prompt = {.data = NULL};
    tool_exit code = TOOL_DONE;
    if (options->system != NULL)
        code = conversation_add(&chat, tool_str("system"), tool_str(options->system));
    if (code == TOOL_DONE)
        code = file_text_choose(NULL, NULL, "messages as JSON", &text);
    if (code == TOOL_DONE)
        code = conversation_read_json(&chat, (ergo_str){text.data, text.size});
    if (code == TOOL_DONE)
        code = chat_style_render(style, &chat, &prompt);
    if (code == TOOL_DONE && options->common.json) {
        json_writer json = json_start(stdout);
        json_object(&json, NULL);
        json_text(&json, "format", chat_style_name(style));
        json_str(&json, "prompt", buffer_str(&prompt));
        json_object_end(&json);
        json_finish(&json);
    } else if (code == TOOL_DONE) {
        (void)fwrite(buffer_str(&prompt).data, 1, prompt.size, stdout);
    }
    buffer_free(&prompt);
    conversation_free(&chat);
    file_text_free(&text);
    return tool_flush(code);
}

#define IDLE_MS 5000

/* A running chat. */
typedef struct talk {
    const chat_options *options;
    const chat_style *style;
    loaded *state;
    conversation chat;
    reply answer;
    tally sum;
    json_writer json;
    size_t context;
    bool interactive;
} talk;

/* The whole conversation as ids. Forgets the oldest turns until an answer has room. */
static tool_exit prepare(talk *t, token_list *out)
{
    for (;;) {
        buffer prompt = {.data = NULL};
        tool_exit code = chat_style_render(t->style, &t->chat, &prompt);
        if (code == TOOL_DONE)
            code = load_tokenize(t->state->words, buffer_str(&prompt),
                                 ERGO_TOKENIZE_BOS | ERGO_TOKENIZE_SPECIAL, out);
        buffer_free(&prompt);
        if (code != TOOL_DONE || out->count < t->context)
            return code;
        const size_t needed = out->count;
        free(out->ids);
        out->ids = NULL;
        const size_t oldest = t->options->system != NULL ? 1 : 0;
        if (t->chat.count < oldest + 3) {
            tool_error("%zu tokens do not fit the context of %zu; see --ctx", needed, t->context);
            return TOOL_FAILED;
        }
        tool_error("the context is full: the oldest turn is forgotten");
        conversation_remove(&t->chat, oldest);
        conversation_remove(&t->chat, oldest);
    }
}

/* Feeds what differs from what the session has computed already. */
static tool_exit feed(talk *t, const token_list *prompt)
{
    size_t have = 0;
    const ergo_token *old = ergo_session_tokens(t->answer.session, &have);
    size_t same = 0;
    while (same < have && same + 1 < prompt->count && old[same] == prompt->ids[same])
        same++;
    ergo_status status = ergo_session_rewind(t->answer.session, same);
    if (status == ERGO_OK)
        status = ergo_session_feed(t->answer.session, prompt->ids + same, prompt->count - same);
    return status == ERGO_OK ? TOOL_DONE : tool_status(status, "chat");
}

/* Answers one turn. TOOL_INTERRUPTED when Ctrl-C ended the answer. */
static tool_exit answer(talk *t, ergo_str user)
{
    token_list prompt = {NULL, 0};
    tool_exit code = conversation_add(&t->chat, tool_str("user"), user);
    if (code == TOOL_DONE)
        code = prepare(t, &prompt);
    t->answer.text.size = 0;
    t->answer.ids.size = 0;
    t->answer.prompt_tokens = (uint32_t)prompt.count;
    if (code == TOOL_DONE)
        code = feed(t, &prompt);
    free(prompt.ids);
    if (code != TOOL_DONE)
        return code;
    tally_renew(&t->sum, 0);
    code = tally_run(&t->sum, t->state->engine);
    energy_settle(&t->state->energy);
    if (t->options->common.json) {
        reply_json(&t->answer, t->chat.messages[t->chat.count - 1].content.data, &t->sum, 0,
                   &t->json);
    } else {
        reply_print(&t->answer, false);
        energy_request_print(&t->state->energy, t->sum.members[0].request);
    }
    if (code == TOOL_INTERRUPTED) {
        ergo_session_cancel(t->answer.session);
        (void)ergo_engine_step(t->state->engine, NULL);
    }
    if (t->answer.gone)
        return TOOL_FAILED;
    if (code != TOOL_DONE && code != TOOL_INTERRUPTED)
        return code;
    const tool_exit added =
        conversation_add(&t->chat, tool_str("assistant"), buffer_str(&t->answer.text));
    return added != TOOL_DONE ? added : code;
}

/* While a person thinks, the board is idle, and that is accounted for. */
static void await_line(talk *t)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    while (t->interactive && poll(&input, 1, IDLE_MS) == 0) {
        energy_idle(&t->state->energy);
        metrics_update(&t->sum.kept, &t->state->energy, &t->sum);
    }
}

/* Turns, line by line, until the end of the input. */
static tool_exit converse(talk *t)
{
    char *line = NULL;
    size_t capacity = 0;
    tool_exit code = TOOL_DONE;
    while (code == TOOL_DONE) {
        if (t->interactive)
            (void)fputs("> ", stderr);
        await_line(t);
        errno = 0;
        const ssize_t size = getline(&line, &capacity, stdin);
        if (size < 0) {
            code = interrupt_requested() ? TOOL_INTERRUPTED : TOOL_DONE;
            if (t->interactive)
                (void)fputc('\n', stderr);
            break;
        }
        const size_t length = (size_t)size - (line[size - 1] == '\n');
        line[length] = '\0';
        if (length == 0)
            continue;
        code = answer(t, (ergo_str){line, length});
        if (code == TOOL_INTERRUPTED && t->interactive) {
            interrupt_clear();
            code = TOOL_DONE;
        }
    }
    free(line);
    return code;
}

static tool_exit open_session(talk *t, const sampling *settings)
{
    const chat_options *options = t->options;
    ergo_engine_config config = {.context = options->context, .kv = (ergo_kv_type)options->kv};
    const ergo_engine_knobs knobs = {.prefill_chunk = options->chunk};
    ergo_session_config session;
    if (sampling_session(settings, &session, &t->answer.grammar_memory) != TOOL_DONE)
        return TOOL_FAILED;
    session.max_tokens = options->count;
    session.user = &t->answer;
    session.on_token = reply_on_token;
    tool_exit code = load_device(t->state, &options->common);
    if (code == TOOL_DONE)
        code = load_engine(t->state, &config);
    if (code == TOOL_DONE)
        code = tool_status(ergo_engine_set_knobs(t->state->engine, &knobs), "--chunk");
    if (code == TOOL_DONE)
        code = tool_status(ergo_session_open(t->state->engine, &session, &t->answer.session),
                           "session");
    if (code == TOOL_DONE)
        code = tally_open(&t->sum, &t->state->energy, 1);
    t->sum.kept = (metrics){options->metrics_path, "chat", options->model, 0, false};
    if (code == TOOL_DONE)
        code = metrics_open(&t->sum.kept, t->sum.energy);
    if (code == TOOL_DONE)
        tally_join(&t->sum, t->answer.session);
    energy_loaded(&t->state->energy, t->state->energy.opened_ns);
    t->context = options->context;
    if (t->context == 0)
        t->context = t->state->info.context < 4096 ? t->state->info.context : 4096;
    if (code == TOOL_DONE && options->system != NULL)
        code = conversation_add(&t->chat, tool_str("system"), tool_str(options->system));
    return code;
}

static tool_exit talk_all(talk *t)
{
    const bool json = t->options->common.json;
    t->interactive = !json && isatty(STDIN_FILENO) != 0;
    t->answer.stream_text = !json;
    if (json) {
        t->json = json_start(stdout);
        json_object(&t->json, NULL);
        json_text(&t->json, "format", chat_style_name(t->style));
        json_array(&t->json, "turns");
    }
    tool_exit code = converse(t);
    code = metrics_close(&t->sum.kept, t->sum.energy, &t->sum, code);
    if (json) {
        json_array_end(&t->json);
        tally_json(&t->sum, t->state->seconds, &t->json);
        json_object_end(&t->json);
        json_finish(&t->json);
    } else if (!t->answer.gone) {
        tally_print(&t->sum, t->state->seconds);
    }
    return tool_flush(code);
}

static tool_exit run_talk(const chat_options *options, const chat_style *style, loaded *state)
{
    talk t = {.options = options, .style = style, .state = state};
    sampling settings;
    const ergo_log log = common_log(&options->common);
    tool_exit code = sampling_open(&options->sampling, &log, &settings);
    if (code == TOOL_DONE)
        code = energy_open(&state->energy, &options->common, 1);
    if (code == TOOL_DONE)
        code = load_model(state, options->model, &options->common);
    if (code == TOOL_DONE && state->words == NULL) {
        tool_error("%s has no vocabulary", options->model);
        code = TOOL_BAD_FILE;
    }
    if (code == TOOL_DONE)
        code = open_session(&t, &settings);
    if (code == TOOL_DONE)
        code = talk_all(&t);
    ergo_engine_close(state->engine); /* with the session, which uses what is freed next */
    state->engine = NULL;
    conversation_free(&t.chat);
    reply_free(&t.answer);
    tally_close(&t.sum);
    sampling_close(&settings);
    return code;
}

int cmd_chat(int argc, char **argv)
{
    chat_options options = {.common = COMMON_OPTIONS_DEFAULT, .sampling = SAMPLING_OPTIONS_DEFAULT};
    int code = args_parse(&spec, argc, argv, &options, NULL);
    if (code != ARGS_GO_ON)
        return code;
    if (options.format != NULL && options.template_path != NULL)
        return args_wrong(&spec, "--chat-format and --template exclude each other");
    loaded state = {.path = NULL};
    chat_style style;
    const ergo_log log = common_log(&options.common);
    const bool needs_file =
        !options.render || (options.format == NULL && options.template_path == NULL);
    code = TOOL_DONE;
    if (needs_file || options.model != NULL)
        code = load_gguf(&state, options.model, &options.common);
    if (code == TOOL_DONE)
        code = chat_style_open(options.format, options.template_path, state.gguf, &log, &style);
    if (code == TOOL_DONE) {
        code = options.render ? render(&options, &style) : run_talk(&options, &style, &state);
        chat_style_close(&style);
    }
    load_close(&state);
    return code;
}
