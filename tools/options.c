/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/options.h"

#include <stdlib.h>
#include <string.h>

const char *const kv_names[] = {"f16", "q8_0", NULL};
static const char *const backend_names[] = {"cpu", "opencl", NULL};
static const char *const level_names[] = {"debug", "info", "warning", "error", "none", NULL};

#define COMMON(field) offsetof(common_options, field)
const args_option common_option_table[] = {
    {"threads", 0, ARGS_U32, COMMON(threads), "N",
     "workers (default: one for each CPU that the process may use)", 1, 1024, NULL},
    {"json", 0, ARGS_FLAG, COMMON(json), NULL,
     "print one JSON object on stdout; everything else goes to stderr", 0, 0, NULL},
    {"backend", 0, ARGS_CHOICE, COMMON(backend), "NAME", "cpu or opencl (default: cpu)", 0, 0,
     backend_names},
    {"cpu-flags", 0, ARGS_TEXT, COMMON(cpu_flags), "LIST",
     "use only these CPU features, separated by commas (default: all found)", 0, 0, NULL},
    {"board", 0, ARGS_TEXT, COMMON(board), "NAME",
     "the board, by name, as a file, or sim:FILE for a simulated one (default: the one this is)", 0,
     0, NULL},
    {"sysfs-root", 0, ARGS_TEXT, COMMON(sysfs_root), "DIR",
     "look for sensors in DIR/sys and DIR/proc (default: the system's own)", 0, 0, NULL},
    {"log-level", 0, ARGS_CHOICE, COMMON(log_level), "LEVEL",
     "debug, info, warning, error or none (default: warning)", 0, 0, level_names},
};
_Static_assert(sizeof common_option_table / sizeof *common_option_table == 7, "COMMON_GROUP");

#define SAMPLING(field) offsetof(sampling_options, field)
const args_option sampling_option_table[] = {
    {"temp", 0, ARGS_FLOAT, SAMPLING(temperature), "T",
     "temperature; 0 always takes the likeliest token (default: 0.8)", 0, 1000, NULL},
    {"top-k", 0, ARGS_U32, SAMPLING(top_k), "K",
     "draw among the K likeliest; 0 means all (default: 40)", 0, 4294967295.0, NULL},
    {"top-p", 0, ARGS_FLOAT, SAMPLING(top_p), "P",
     "keep the likeliest tokens that together have probability P (default: 0.95)", 0, 1, NULL},
    {"min-p", 0, ARGS_FLOAT, SAMPLING(min_p), "P",
     "drop tokens less than P times as probable as the likeliest (default: 0.05)", 0, 1, NULL},
    {"repeat-penalty", 0, ARGS_FLOAT, SAMPLING(repeat_penalty), "R",
     "divide the logits of the last 64 tokens by R (default: 1, which is off)", 0.01, 100, NULL},
    {"seed", 0, ARGS_U64, SAMPLING(seed), "S",
     "same seed, same text, on every machine (default: 0)", 0, 0, NULL},
    {"grammar", 0, ARGS_TEXT, SAMPLING(grammar_path), "FILE",
     "generate only what this GBNF grammar allows", 0, 0, NULL},
    {"json-schema", 0, ARGS_TEXT, SAMPLING(schema_path), "FILE",
     "generate only JSON that this schema allows", 0, 0, NULL},
    {"stop", 0, ARGS_TEXTS, SAMPLING(stops), "TEXT",
     "end before this text; may be given up to 8 times", 0, 0, NULL},
};
_Static_assert(sizeof sampling_option_table / sizeof *sampling_option_table == 9, "SAMPLING_GROUP");

tool_exit common_check(const common_options *options)
{
    if (options->backend != 0) {
        tool_error("--backend %s is not in this build; there is: cpu",
                   backend_names[options->backend]);
        return TOOL_DEVICE;
    }
    return TOOL_DONE;
}

static void write_line(void *user, ergo_log_level level, const char *message)
{
    (void)user;
    (void)level;
    tool_error("%s", message);
}

ergo_log common_log(const common_options *options)
{
    if (options->log_level > (uint32_t)ERGO_LOG_ERROR)
        return (ergo_log){.write = NULL};
    return (ergo_log){.write = write_line, .level = (ergo_log_level)options->log_level};
}

/* The grammar of a JSON schema, allocated. */
static tool_exit grammar_of_schema(const char *path, ergo_str schema, const ergo_log *log,
                                   file_text *out)
{
    /* Generous: the scratch grows with the nodes, and a node takes at least two characters. */
    const ergo_block scratch = tool_block(65536 + 64 * schema.size);
    if (scratch.data == NULL)
        return TOOL_FAILED;
    size_t size = 0;
    ergo_status status = ergo_json_schema_grammar(schema, log, scratch, NULL, 0, &size);
    tool_exit code = TOOL_DONE;
    if (status == ERGO_E_MEMORY && size > 0) {
        char *text = tool_alloc(size + 1, 1);
        if (text == NULL)
            code = TOOL_FAILED;
        else
            status = ergo_json_schema_grammar(schema, log, scratch, text, size, &size);
        *out = (file_text){text, size};
    }
    free(scratch.data);
    if (code == TOOL_DONE && status != ERGO_OK) {
        file_text_free(out);
        (void)tool_status(status, path);
        code = TOOL_BAD_FILE;
    }
    return code;
}

static tool_exit open_grammar(const char *path, bool is_schema, const ergo_log *log, sampling *out)
{
    file_text source = {NULL, 0};
    file_text text = {NULL, 0};
    tool_exit code = file_text_read(path, &source);
    if (code != TOOL_DONE)
        return code;
    if (is_schema) {
        code = grammar_of_schema(path, (ergo_str){source.data, source.size}, log, &text);
        file_text_free(&source);
        if (code != TOOL_DONE)
            return code;
    } else {
        text = source;
    }
    const ergo_grammar_config config = {.log = *log, .name = path};
    const ergo_str grammar = {text.data, text.size};
    size_t size = 0;
    ergo_grammar *opened = NULL;
    ergo_status status = ergo_grammar_size(grammar, &config, &size);
    if (status == ERGO_OK) {
        const ergo_block block = tool_block(size);
        out->grammar_memory = block.data;
        status = block.data == NULL ? ERGO_E_SYSTEM
                                    : ergo_grammar_open(grammar, &config, block, &opened);
    }
    file_text_free(&text);
    out->session.grammar = opened;
    if (status == ERGO_OK)
        return TOOL_DONE;
    (void)tool_status(status, path);
    return status == ERGO_E_SYSTEM ? TOOL_FAILED : TOOL_BAD_FILE;
}

tool_exit sampling_open(const sampling_options *options, const ergo_log *log, sampling *out)
{
    memset(out, 0, sizeof *out);
    out->session.sampler = (ergo_sampler_config){
        .temperature = options->temperature,
        .top_k = options->top_k,
        .top_p = options->top_p,
        .min_p = options->min_p,
        .repeat_penalty = options->repeat_penalty,
        .seed = options->seed,
    };
    for (uint32_t i = 0; i < options->stops.count; i++) {
        out->stops[i] = tool_str(options->stops.item[i]);
        if (out->stops[i].size == 0 || out->stops[i].size > ERGO_STOP_BYTES_MAX) {
            tool_error("--stop \"%s\": must have 1 to %d bytes", options->stops.item[i],
                       ERGO_STOP_BYTES_MAX);
            return TOOL_USAGE;
        }
    }
    out->session.stops = out->stops;
    out->session.stop_count = options->stops.count;
    if (options->grammar_path != NULL && options->schema_path != NULL) {
        tool_error("--grammar and --json-schema exclude each other");
        return TOOL_USAGE;
    }
    if (options->grammar_path != NULL)
        return open_grammar(options->grammar_path, false, log, out);
    if (options->schema_path != NULL)
        return open_grammar(options->schema_path, true, log, out);
    return TOOL_DONE;
}

void sampling_close(sampling *state)
{
    free(state->grammar_memory);
    state->grammar_memory = NULL;
}

tool_exit sampling_session(const sampling *state, ergo_session_config *out, void **memory)
{
    *out = state->session;
    if (state->session.grammar == NULL)
        return TOOL_DONE;
    out->grammar_memory = tool_block(ergo_grammar_state_size(state->session.grammar));
    *memory = out->grammar_memory.data;
    return *memory == NULL ? TOOL_FAILED : TOOL_DONE;
}
