/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tools/inspect_file.h"
#include "tools/load.h"

typedef struct inspect_options {
    common_options common;
    const char *model;
    uint32_t context, batch, kv;
    bool plan;
} inspect_options;

#define FIELD(name) offsetof(inspect_options, name)
static const args_option table[] = {
    {"model", 'm', ARGS_TEXT, FIELD(model), "FILE", "a GGUF file", 0, 0, NULL},
    {"plan", 0, ARGS_FLAG, FIELD(plan), NULL, "list the steps that one batch runs", 0, 0, NULL},
    {"ctx", 0, ARGS_U32, FIELD(context), "N",
     "positions per sequence (default: the model's, at most 4096)", 1, CONTEXT_MOST, NULL},
    {"batch", 0, ARGS_U32, FIELD(batch), "N", "sequences at once (default: 1)", 1, 4096, NULL},
    {"kv", 0, ARGS_CHOICE, FIELD(kv), "TYPE", "keys and values as f16 or q8_0 (default: f16)", 0, 0,
     kv_names},
};

static const args_spec spec = {
    .command = "inspect",
    .usage = "inspect -m FILE [--plan] [--ctx N] [--batch N] [--kv TYPE] [--json]",
    .about =
        "Shows what a file holds, the memory that running it takes, whether that fits into what\n"
        "the machine has available, and the work of a step: decode of one token for each of "
        "--batch\n"
        "sequences at the full context, and prefill of a chunk of up to 256 tokens of one.\n"
        "A valid file that cannot be run is shown as far as it can be; the exit code is 3 then "
        "and\n"
        "the JSON has the \"reason\".",
    .examples = "  run-model inspect -m model.gguf --ctx 8192 --batch 4\n"
                "  run-model inspect -m model.gguf --plan | less\n"
                "  run-model inspect -m model.gguf --json | jq .memory.total",
    .groups = {{"Options", table, sizeof table / sizeof *table, 0}, COMMON_GROUP(inspect_options)},
};

/* What only a file that can be run has. */
typedef struct needs {
    ergo_engine_memory memory;
    uint64_t total;
    uint64_t available; /* 0: unknown */
    uint32_t context;
    uint32_t chunk;
    ergo_work decode;
    ergo_work prefill;
} needs;

/* Bytes that could be taken without swapping, as the kernel estimates; 0 where it does not. */
static uint64_t available_bytes(void)
{
    FILE *file = fopen("/proc/meminfo", "r");
    char line[128];
    uint64_t kib = 0;
    while (file != NULL && kib == 0 && fgets(line, sizeof line, file) != NULL)
        (void)sscanf(line, "MemAvailable: %" SCNu64, &kib);
    if (file != NULL)
        (void)fclose(file);
    return kib * 1024;
}

static tool_exit find_needs(const inspect_options *options, loaded *state, needs *out)
{
    const ergo_kv_type kv = (ergo_kv_type)options->kv;
    const ergo_engine_config config = {
        .log = state->log,
        .max_sessions = options->batch,
        .context = options->context,
        .kv = kv,
    };
    size_t size = 0;
    tool_exit code = load_device(state, &options->common);
    if (code == TOOL_DONE)
        code = tool_status(
            ergo_engine_size(state->model, state->device, &config, &size, &out->memory), "engine");
    if (code != TOOL_DONE)
        return code;
    /* What is neither weights nor cache is scratch: tables of the model and the device too. */
    out->memory.scratch += (uint64_t)state->model_bytes + state->device_bytes;
    out->total = out->memory.weights + out->memory.repacked + out->memory.kv + out->memory.scratch;
    out->available = available_bytes();
    out->context = options->context;
    if (out->context == 0)
        out->context = state->info.context < 4096 ? state->info.context : 4096;
    out->chunk = out->context < 256 ? out->context : 256;
    out->decode = ergo_model_work(state->model, options->batch, options->batch, out->context, kv);
    out->prefill = ergo_model_work(state->model, out->chunk, 1, out->chunk, kv);
    return TOOL_DONE;
}

static void work_json(const char *name, const ergo_work *work, uint64_t tokens, json_writer *json)
{
    json_object(json, name);
    json_u64(json, "macs", work->macs);
    json_u64(json, "weight_bytes", work->weight_bytes);
    json_u64(json, "kv_bytes", work->kv_bytes);
    json_u64(json, "activation_bytes", work->activation_bytes);
    json_u64(json, "tokens", tokens);
    json_object_end(json);
}

static void needs_json(const inspect_options *options, const needs *n, json_writer *json)
{
    json_object(json, "memory");
    json_u64(json, "weights", n->memory.weights);
    json_u64(json, "repacked", n->memory.repacked);
    json_u64(json, "kv", n->memory.kv);
    json_u64(json, "scratch", n->memory.scratch);
    json_u64(json, "total", n->total);
    json_u64(json, "available", n->available);
    json_object_end(json);
    json_bool(json, "fits", n->total <= n->available);
    json_object(json, "work");
    work_json("decode", &n->decode, options->batch, json);
    work_json("prefill", &n->prefill, n->chunk, json);
    json_object_end(json);
}

/* Step i of the plan as text; cut where it is longer than the buffer. */
static ergo_str step_text(const ergo_model *model, size_t i, char *buffer, size_t capacity)
{
    size_t size = 0;
    const ergo_status status = ergo_model_step_text(model, i, buffer, capacity, &size);
    return status == ERGO_OK ? (ergo_str){buffer, size} : (ergo_str){"?", 1};
}

static void report_json(const inspect_options *options, const loaded *state, const needs *n,
                        const char *reason)
{
    char text[256];
    json_writer json = json_start(stdout);
    json_object(&json, NULL);
    json_str(&json, "arch", inspect_string(state->gguf, "general.architecture"));
    json_str(&json, "name", inspect_string(state->gguf, "general.name"));
    json_u64(&json, "parameters", inspect_parameters(state->gguf));
    json_u64(&json, "file_bytes", state->map.bytes.size);
    if (n != NULL) {
        json_u64(&json, "layers", state->info.layers);
        json_u64(&json, "embedding", state->info.embedding);
        json_u64(&json, "vocabulary", state->info.vocabulary);
        json_u64(&json, "trained_context", state->info.context);
        json_u64(&json, "context", n->context);
        needs_json(options, n, &json);
    } else {
        json_null(&json, "memory");
        json_bool(&json, "fits", false);
        json_null(&json, "work");
        json_text(&json, "reason", reason);
    }
    if (n != NULL && options->plan) {
        json_array(&json, "plan");
        for (size_t i = 0; i < ergo_model_step_count(state->model); i++)
            json_str(&json, NULL, step_text(state->model, i, text, sizeof text));
        json_array_end(&json);
    }
    inspect_metadata_json(state->gguf, &json);
    inspect_tensors_json(state->gguf, &json);
    json_object_end(&json);
    json_finish(&json);
}

static void print_needs(const inspect_options *options, const needs *n)
{
    char a[32], b[32], c[32], d[32], e[32], f[32];
    (void)printf("\nmemory for %u × %u positions: weights %s, repacked %s, keys and values %s, "
                 "scratch %s\n  total %s of %s available: %s\n",
                 options->batch, n->context, tool_bytes_text(n->memory.weights, a),
                 tool_bytes_text(n->memory.repacked, b), tool_bytes_text(n->memory.kv, c),
                 tool_bytes_text(n->memory.scratch, d), tool_bytes_text(n->total, e),
                 tool_bytes_text(n->available, f),
                 n->total <= n->available ? "it fits" : "it does NOT fit");
    (void)printf("work of a step\n  decode, %u at %u positions: %.4g multiply-adds, %s weights, "
                 "%s keys and values\n",
                 options->batch, n->context, (double)n->decode.macs,
                 tool_bytes_text(n->decode.weight_bytes, a),
                 tool_bytes_text(n->decode.kv_bytes, b));
    (void)printf("  prefill, %u tokens: %.4g multiply-adds, %s weights, %s keys and values\n",
                 n->chunk, (double)n->prefill.macs, tool_bytes_text(n->prefill.weight_bytes, a),
                 tool_bytes_text(n->prefill.kv_bytes, b));
}

static void report_plain(const inspect_options *options, const loaded *state, const needs *n,
                         const char *reason)
{
    char size[32];
    char text[256];
    const ergo_str arch = inspect_string(state->gguf, "general.architecture");
    (void)printf("%s: GGUF version %u, %s, %.4g parameters, architecture ", options->model,
                 ergo_gguf_version(state->gguf), tool_bytes_text(state->map.bytes.size, size),
                 (double)inspect_parameters(state->gguf));
    inspect_text_print(arch, true);
    (void)putchar('\n');
    if (n != NULL)
        (void)printf("%u layers of width %u (feed-forward %u), %u heads of %u (%u for keys and "
                     "values), %u tokens, trained for %u positions\n",
                     state->info.layers, state->info.embedding, state->info.feed_forward,
                     state->info.heads, state->info.head_dim, state->info.kv_heads,
                     state->info.vocabulary, state->info.context);
    (void)printf("\nmetadata\n");
    inspect_metadata_print(state->gguf);
    (void)printf("\ntensors\n");
    inspect_tensors_print(state->gguf);
    if (n == NULL) {
        (void)printf("\nthis build cannot run it: %s\n", reason);
        return;
    }
    if (options->plan)
        (void)printf("\nplan\n");
    for (size_t i = 0; options->plan && i < ergo_model_step_count(state->model); i++) {
        const ergo_str step = step_text(state->model, i, text, sizeof text);
        (void)printf("  %4zu  %.*s\n", i, (int)step.size, step.data);
    }
    print_needs(options, n);
}

#define REASON_BYTES 512

/* Why a file cannot be run: the last error that ergo logs on its way to stderr. */
typedef struct reason {
    ergo_log log;
    char text[REASON_BYTES];
} reason;

static void keep_reason(void *user, ergo_log_level level, const char *message)
{
    reason *why = user;
    if (level >= ERGO_LOG_ERROR)
        (void)snprintf(why->text, sizeof why->text, "%s", message);
    if (why->log.write != NULL && level >= why->log.level)
        why->log.write(why->log.user, level, message);
}

int cmd_inspect(int argc, char **argv)
{
    inspect_options options = {.common = COMMON_OPTIONS_DEFAULT, .batch = 1};
    int code = args_parse(&spec, argc, argv, &options, NULL);
    if (code != ARGS_GO_ON)
        return code;
    loaded state = {.path = NULL};
    needs n;
    reason why = {.log = common_log(&options.common), .text = ""};
    memset(&n, 0, sizeof n);
    code = load_gguf(&state, options.model, &options.common);
    if (code != TOOL_DONE) {
        load_close(&state);
        return code;
    }
    state.log = (ergo_log){.write = keep_reason, .user = &why, .level = why.log.level};
    code = load_model(&state, options.model, &options.common);
    if (code == TOOL_DONE) {
        state.log = why.log;
        code = find_needs(&options, &state, &n);
        if (code == TOOL_DONE && options.common.json)
            report_json(&options, &state, &n, NULL);
        else if (code == TOOL_DONE)
            report_plain(&options, &state, &n, NULL);
    } else if (code == TOOL_BAD_FILE) {
        const char *text = why.text[0] != '\0' ? why.text : "unsupported";
        if (options.common.json)
            report_json(&options, &state, NULL, text);
        else
            report_plain(&options, &state, NULL, text);
    }
    load_close(&state);
    return tool_flush(code);
}
