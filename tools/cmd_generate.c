/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "tools/load.h"
#include "tools/reply.h"
#include "tools/tally.h"

typedef struct generate_options {
    common_options common;
    sampling_options sampling;
    const char *model, *prompt, *prompt_path, *metrics_path;
    uint32_t count, context, batch, chunk, kv, sequences;
    bool no_bos, ids, special;
} generate_options;

/* The count where none was given. */
#define NO_COUNT UINT32_MAX

#define FIELD(name) offsetof(generate_options, name)
static const args_option table[] = {
    {"model", 'm', ARGS_TEXT, FIELD(model), "FILE", "the model, a GGUF file", 0, 0, NULL},
    {"prompt", 'p', ARGS_TEXT, FIELD(prompt), "TEXT",
     "the text to continue; control tokens such as <|im_start|> are read as such", 0, 0, NULL},
    {"file", 'f', ARGS_TEXT, FIELD(prompt_path), "FILE",
     "read the prompt from a file (- and default: standard input)", 0, 0, NULL},
    {"count", 'n', ARGS_U32, FIELD(count), "N",
     "most tokens to generate; 0 computes the prompt alone (default: until the text or the context "
     "ends)",
     0, 4294967294.0, NULL},
    {"ctx", 0, ARGS_U32, FIELD(context), "N",
     "positions per sequence (default: the model's, at most 4096)", 1, CONTEXT_MOST, NULL},
    {"batch", 0, ARGS_U32, FIELD(batch), "N", "most sequences computed in one step (default: all)",
     1, 4096, NULL},
    {"chunk", 0, ARGS_U32, FIELD(chunk), "N",
     "most tokens of a prompt computed in one step (default: 256)", 1, 65536, NULL},
    {"kv", 0, ARGS_CHOICE, FIELD(kv), "TYPE", "keys and values as f16 or q8_0 (default: f16)", 0, 0,
     kv_names},
    {"sequences", 0, ARGS_U32, FIELD(sequences), "K",
     "run the prompt K times in one batch, with seeds S, S+1, ... (default: 1)", 1, 1024, NULL},
    {"no-bos", 0, ARGS_FLAG, FIELD(no_bos), NULL,
     "do not put the beginning-of-text token first where the file asks for it", 0, 0, NULL},
    {"ids", 0, ARGS_FLAG, FIELD(ids), NULL, "print the generated ids instead of text", 0, 0, NULL},
    {"special", 0, ARGS_FLAG, FIELD(special), NULL, "show control tokens by name", 0, 0, NULL},
    {"metrics-file", 0, ARGS_TEXT, FIELD(metrics_path), "FILE", METRICS_HELP, 0, 0, NULL},
};

static const args_spec spec = {
    .command = "generate",
    .usage = "[generate] -m FILE (-p TEXT | -f FILE) [options]\n"
             "[generate] -m FILE [options] < PROMPT",
    .about =
        "Continues a text. The text streams to stdout as it is generated and ends with a line\n"
        "break; a summary goes to stderr. Neither --batch, --chunk, --threads nor other sequences\n"
        "change what is generated: they are knobs for speed and energy. Where a sensor measures\n"
        "the whole board (run-model power list) the summary says what it cost, in joules.",
    .examples = "  run-model -m story.gguf -p \"Once upon a time\" -n 64\n"
                "  run-model -m story.gguf -p \"Once\" --temp 0 --json | jq -r .sequences[0].text\n"
                "  run-model -m chat.gguf -f question.txt --json-schema answer.schema.json\n"
                "  run-model -m story.gguf -p \"Once\" --sequences 4 --seed 7",
    .groups = {{"Options", table, sizeof table / sizeof *table, 0},
               SAMPLING_GROUP(generate_options),
               COMMON_GROUP(generate_options)},
};

/* The prompt as ids. */
static tool_exit read_prompt(const generate_options *options, const ergo_tokenizer *words,
                             token_list *out)
{
    file_text text = {NULL, 0};
    if (options->prompt != NULL && options->prompt_path != NULL)
        return args_wrong(&spec, "-p and -f exclude each other");
    tool_exit code = file_text_choose(options->prompt, options->prompt_path, "prompt", &text);
    if (code != TOOL_DONE)
        return code;
    const unsigned flags = ERGO_TOKENIZE_SPECIAL | (options->no_bos ? 0u : ERGO_TOKENIZE_BOS);
    code = load_tokenize(words, (ergo_str){text.data, text.size}, flags, out);
    file_text_free(&text);
    if (code == TOOL_DONE && out->count == 0) {
        tool_error("the prompt is empty, and no beginning-of-text token is put first");
        code = TOOL_USAGE;
    }
    return code;
}

static tool_exit open_engine(const generate_options *options, loaded *state)
{
    const uint32_t default_batch_tokens = 256;
    ergo_engine_config config = {
        .max_sessions = options->sequences,
        .context = options->context,
        .kv = (ergo_kv_type)options->kv,
    };
    if (options->chunk > default_batch_tokens)
        config.batch_tokens = options->chunk;
    tool_exit code = load_device(state, &options->common);
    if (code == TOOL_DONE)
        code = load_engine(state, &config);
    if (code != TOOL_DONE)
        return code;
    const ergo_engine_knobs knobs = {
        .batch_limit = options->batch < options->sequences ? options->batch : 0,
        .prefill_chunk = options->chunk,
    };
    return tool_status(ergo_engine_set_knobs(state->engine, &knobs), "--batch, --chunk");
}

static tool_exit open_sessions(const generate_options *options, const loaded *state,
                               const sampling *settings, const token_list *prompt, reply *replies,
                               tally *sum)
{
    for (uint32_t k = 0; k < options->sequences; k++) {
        reply *one = &replies[k];
        const bool streamed = options->sequences == 1 && !options->common.json;
        one->stream_ids = streamed && options->ids;
        one->stream_text = streamed && !options->ids;
        one->prompt_tokens = (uint32_t)prompt->count;

        ergo_session_config config;
        if (sampling_session(settings, &config, &one->grammar_memory) != TOOL_DONE)
            return TOOL_FAILED;
        config.sampler.seed += k;
        config.max_tokens = options->count == NO_COUNT ? 0 : options->count;
        config.score_only = options->count == 0;
        config.special = options->special;
        config.user = one;
        config.on_token = reply_on_token;
        ergo_status status = ergo_session_open(state->engine, &config, &one->session);
        if (status != ERGO_OK)
            return tool_status(status, "session");
        tally_join(sum, one->session);
        status = ergo_session_feed(one->session, prompt->ids, prompt->count);
        if (status == ERGO_E_LIMIT) {
            tool_error("a prompt of %zu tokens does not fit the context; see --ctx", prompt->count);
            return TOOL_FAILED;
        }
        if (status != ERGO_OK)
            return tool_status(status, "session");
    }
    return TOOL_DONE;
}

static void print_json(const loaded *state, const tally *sum, const reply *replies, uint32_t count)
{
    json_writer json = json_start(stdout);
    json_object(&json, NULL);
    json_array(&json, "sequences");
    for (uint32_t k = 0; k < count; k++)
        reply_json(&replies[k], NULL, sum, k, &json);
    json_array_end(&json);
    tally_json(sum, state->seconds, &json);
    json_object_end(&json);
    json_finish(&json);
}

static void print_plain(const generate_options *options, const reply *replies)
{
    for (uint32_t k = 0; k < options->sequences; k++) {
        if (k > 0)
            (void)printf("--- %u\n", k);
        reply_print(&replies[k], options->ids);
    }
}

static tool_exit generate(const generate_options *options, loaded *state, const sampling *settings,
                          reply *replies, tally *sum)
{
    token_list prompt = {NULL, 0};
    tool_exit code = read_prompt(options, state->words, &prompt);
    if (code == TOOL_DONE)
        code = open_engine(options, state);
    if (code == TOOL_DONE)
        code = open_sessions(options, state, settings, &prompt, replies, sum);
    free(prompt.ids);
    if (code != TOOL_DONE)
        return code;

    energy_loaded(&state->energy, state->energy.opened_ns);
    code = tally_run(sum, state->engine);
    energy_settle(&state->energy);
    for (uint32_t k = 0; k < options->sequences; k++)
        code = reply_exit(&replies[k], code);
    code = metrics_close(&sum->kept, sum->energy, sum, code);
    if (options->common.json)
        print_json(state, sum, replies, options->sequences);
    else
        print_plain(options, replies);
    if (!options->common.json && !replies[0].gone)
        tally_print(sum, state->seconds);
    return tool_flush(code);
}

int cmd_generate(int argc, char **argv)
{
    generate_options options = {.common = COMMON_OPTIONS_DEFAULT,
                                .sampling = SAMPLING_OPTIONS_DEFAULT,
                                .count = NO_COUNT,
                                .sequences = 1};
    int code = args_parse(&spec, argc, argv, &options, NULL);
    if (code != ARGS_GO_ON)
        return code;
    loaded state = {.path = NULL};
    sampling settings;
    const ergo_log log = common_log(&options.common);
    reply *replies = NULL;
    tally sum = {.energy = NULL};
    code = sampling_open(&options.sampling, &log, &settings);
    if (code == TOOL_DONE)
        code = energy_open(&state.energy, &options.common, options.sequences);
    if (code == TOOL_DONE)
        code = load_model(&state, options.model, &options.common);
    if (code == TOOL_DONE && state.words == NULL) {
        tool_error("%s has no vocabulary: it can only be run by ids (run-model logits)",
                   options.model);
        code = TOOL_BAD_FILE;
    }
    if (code == TOOL_DONE) {
        replies = tool_alloc(options.sequences, sizeof *replies);
        code = tally_open(&sum, &state.energy, options.sequences);
        sum.kept = (metrics){options.metrics_path, "generate", options.model, 0, false};
        if (code == TOOL_DONE)
            code = metrics_open(&sum.kept, sum.energy);
        if (replies == NULL)
            code = TOOL_FAILED;
        if (code == TOOL_DONE)
            code = generate(&options, &state, &settings, replies, &sum);
    }
    load_close(&state); /* with the sessions, which use what is freed next */
    for (uint32_t k = 0; replies != NULL && k < options.sequences; k++)
        reply_free(&replies[k]);
    free(replies);
    tally_close(&sum);
    sampling_close(&settings);
    return code;
}
