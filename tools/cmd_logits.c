/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "tools/id_list.h"
#include "tools/json_write.h"
#include "tools/out_file.h"
#include "tools/progress.h"
#include "tools/tally.h"

typedef struct logits_options {
    common_options common;
    const char *model, *ids, *out;
    uint32_t batch, kv;
} logits_options;

#define FIELD(name) offsetof(logits_options, name)
static const args_option table[] = {
    {"model", 'm', ARGS_TEXT, FIELD(model), "FILE", "the model, a GGUF file", 0, 0, NULL},
    {"ids", 0, ARGS_TEXT, FIELD(ids), "LIST",
     "the tokens, separated by spaces or commas; nothing is put before them", 0, 0, NULL},
    {"out", 'o', ARGS_TEXT, FIELD(out), "FILE", "where the logits go", 0, 0, NULL},
    {"batch", 0, ARGS_U32, FIELD(batch), "N",
     "tokens computed in one step (default: 32); it changes no bit", 1, 65536, NULL},
    {"kv", 0, ARGS_CHOICE, FIELD(kv), "TYPE", "keys and values as f16 or q8_0 (default: f16)", 0, 0,
     kv_names},
};

static const args_spec spec = {
    .command = "logits",
    .usage = "logits -m FILE --ids \"1 15 27\" -o OUT [--batch N] [--kv TYPE]",
    .about =
        "Writes the logits after each token as float32, little-endian: positions × vocabulary.\n"
        "For comparing engines, and one setting of this one with another.\n"
        "JSON: {\"positions\", \"vocabulary\", \"bytes\", \"prefill\", ...}.",
    .examples =
        "  run-model logits -m model.gguf --ids \"1 15 27\" -o a.f32\n"
        "  run-model logits -m model.gguf --ids \"1 15 27\" -o b.f32 --batch 1 --threads 1\n"
        "  cmp a.f32 b.f32",
    .groups = {{"Options", table, sizeof table / sizeof *table, 0}, COMMON_GROUP(logits_options)},
};

/* What the callback needs to write positions in their order. */
typedef struct sink {
    out_file file;
    progress shown;
    ergo_session *session;
    uint32_t vocabulary;
    uint32_t next;
    size_t positions;
    bool out_of_order;
} sink;

static void on_logits(void *user, ergo_session *session, uint32_t position, const float *logits)
{
    sink *to = user;
    to->out_of_order |= position != to->next++;
    out_file_write(&to->file, logits, to->vocabulary * sizeof *logits);
    if (to->file.failed)
        ergo_session_cancel(session);
    progress_show(&to->shown, (double)to->next / (double)to->positions, NULL);
}

static tool_exit open_all(const logits_options *options, const token_list *list, loaded *state)
{
    const uint32_t count = (uint32_t)list->count;
    const uint32_t batch = options->batch < count ? options->batch : count;
    ergo_engine_config config = {
        .context = count,
        .batch_tokens = batch,
        .batch_outputs = batch,
        .kv = (ergo_kv_type)options->kv,
    };
    const tool_exit code = load_device(state, &options->common);
    return code == TOOL_DONE ? load_engine(state, &config) : code;
}

static void report(const logits_options *options, const loaded *state, const sink *to,
                   const tally *sum)
{
    if (!options->common.json) {
        (void)fprintf(stderr, "run-model: %u positions × %u logits in %s\n", to->next,
                      to->vocabulary, options->out);
        energy_print(sum->energy);
        return;
    }
    json_writer json = json_start(stdout);
    json_object(&json, NULL);
    json_u64(&json, "positions", to->next);
    json_u64(&json, "vocabulary", to->vocabulary);
    json_u64(&json, "bytes", (uint64_t)to->next * to->vocabulary * sizeof(float));
    tally_json(sum, state->seconds, &json);
    json_object_end(&json);
    json_finish(&json);
}

/* Opens what is needed, the session fed and the file. */
static tool_exit prepare(const logits_options *options, const token_list *list, loaded *state,
                         sink *to, tally *sum)
{
    const ergo_session_config config = {
        .score_only = true, .user = to, .on_logits = on_logits, .no_sharing = true};
    tool_exit code = open_all(options, list, state);
    if (code == TOOL_DONE)
        code = tool_status(ergo_session_open(state->engine, &config, &to->session), "session");
    if (code == TOOL_DONE)
        code = tool_status(ergo_session_feed(to->session, list->ids, list->count), "--ids");
    if (code == TOOL_DONE)
        code = tally_open(sum, &state->energy, 1);
    if (code == TOOL_DONE)
        code = out_file_open(options->out, &to->file);
    if (code == TOOL_DONE)
        tally_join(sum, to->session);
    return code;
}

static tool_exit run(const logits_options *options, const token_list *list, loaded *state)
{
    sink to = {.vocabulary = state->info.vocabulary, .positions = list->count};
    tally sum = {.energy = NULL};
    tool_exit code = prepare(options, list, state, &to, &sum);
    if (code != TOOL_DONE) {
        tally_close(&sum);
        return code;
    }
    to.shown = progress_start("logits");
    energy_loaded(&state->energy, state->energy.opened_ns);
    code = tally_run(&sum, state->engine);
    energy_settle(&state->energy);
    progress_end(&to.shown);
    if (to.out_of_order || (code == TOOL_DONE && !to.file.failed && to.next != list->count)) {
        tool_error("the engine gave logits for %u of %zu positions", to.next, list->count);
        code = TOOL_FAILED;
    }
    if (code == TOOL_DONE)
        code = out_file_commit(&to.file);
    else
        out_file_abandon(&to.file);
    if (code == TOOL_DONE || (code == TOOL_INTERRUPTED && options->common.json))
        report(options, state, &to, &sum);
    if (code == TOOL_INTERRUPTED)
        tool_error("interrupted at %u of %zu positions; %s is not written", to.next, list->count,
                   options->out);
    tally_close(&sum);
    return tool_flush(code);
}

int cmd_logits(int argc, char **argv)
{
    logits_options options = {.common = COMMON_OPTIONS_DEFAULT, .batch = 32};
    int code = args_parse(&spec, argc, argv, &options, NULL);
    if (code != ARGS_GO_ON)
        return code;
    if (options.ids == NULL || options.out == NULL)
        return args_wrong(&spec, "--ids and -o are needed");
    loaded state = {.path = NULL};
    token_list list = {NULL, 0};
    code = energy_open(&state.energy, &options.common, 1);
    if (code == TOOL_DONE)
        code = load_model(&state, options.model, &options.common);
    if (code == TOOL_DONE)
        code = id_list_parse(tool_str(options.ids), state.info.vocabulary, "--ids", &list);
    if (code == TOOL_DONE && list.count == 0)
        code = args_wrong(&spec, "--ids \"%s\" holds no id", options.ids);
    if (code == TOOL_DONE)
        code = run(&options, &list, &state);
    free(list.ids);
    load_close(&state);
    return code;
}
