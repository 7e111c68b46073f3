/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "ergo/trace.h"
#include "tools/power_cmd.h"

typedef struct replay_options {
    common_options common;
} replay_options;

static const args_spec spec = {
    .command = "power replay",
    .usage = "power replay FILE [--board FILE] [--json]",
    .about =
        "Meters a trace that run-model power record wrote, with the clock of the trace: the same\n"
        "figures as when it was recorded, for each rail and the total, with their error. A board\n"
        "file (--board) may say anew what the total is and how large the shunts are, as\n"
        "if it had been known then.\n"
        "JSON: {\"file\", \"rails\": [{\"name\", \"joules\", \"error_joules\", "
        "\"seconds\",\n"
        "\"watts\", \"coverage\", \"readings\", \"warnings\"}, ...], \"total\": {...}|null}.",
    .examples = "  run-model power replay run.trace\n"
                "  run-model power replay run.trace --json | jq .total.joules",
    .groups = {COMMON_GROUP(replay_options)},
    .rest = "FILE",
};

/* A trace stands where the sensors and the clock of a board would. */
static tool_exit open_trace(energy *e, const replay_options *options, const char *path,
                            const file_text *text, const ergo_log *log, ergo_trace **out)
{
    size_t size = 0;
    ergo_status status = ergo_trace_size(&size);
    const ergo_block block = tool_block(size);
    e->sensors_memory = block.data;
    if (block.data == NULL)
        return TOOL_FAILED;
    if (status == ERGO_OK)
        status = ergo_trace_open((ergo_str){text->data, text->size}, log, path, block, out);
    if (status != ERGO_OK) {
        (void)tool_status(status, path);
        return TOOL_BAD_FILE;
    }
    e->list = ergo_trace_sensors(*out, &e->count, &e->total);
    e->clock = ergo_trace_clock(*out);
    e->poll = true;
    e->board = ergo_board_named("generic");
    if (options->common.board == NULL)
        return TOOL_DONE;
    const tool_exit code = energy_board(e, &options->common);
    if (code == TOOL_DONE)
        e->total = ergo_board_apply(e->board, log, e->list, e->count);
    return code;
}

static void report(const energy *e, const power_sums *sums, const char *path, uint64_t end_ns,
                   bool as_json)
{
    if (!as_json) {
        power_sums_print(sums, e, end_ns);
        return;
    }
    json_writer json = json_start(stdout);
    json_object(&json, NULL);
    json_text(&json, "file", path);
    power_sums_json(sums, e, end_ns, &json);
    json_object_end(&json);
    json_finish(&json);
}

static tool_exit replay(energy *e, const replay_options *options, const char *path)
{
    const ergo_log log = common_log(&options->common);
    file_text text = {NULL, 0};
    ergo_trace *trace = NULL;
    power_sums sums;
    uint64_t begin_ns, end_ns;
    tool_exit code = file_text_read(path, &text);
    if (code == TOOL_DONE)
        code = open_trace(e, options, path, &text, &log, &trace);
    if (code == TOOL_DONE)
        code = power_need_sensor(e);
    if (code == TOOL_DONE)
        code = energy_meter(e, &options->common);
    if (code == TOOL_DONE) {
        ergo_trace_window(trace, &begin_ns, &end_ns);
        power_sums_begin(&sums, e, begin_ns);
        while (ergo_trace_step(trace, e->meter) == ERGO_OK)
            if (energy_now(e) < end_ns)
                power_sums_keep(&sums, e);
        report(e, &sums, path, end_ns, options->common.json);
    }
    ergo_meter_close(e->meter);
    e->meter = NULL;
    file_text_free(&text);
    return code;
}

int power_replay(int argc, char **argv)
{
    replay_options options = {.common = COMMON_OPTIONS_DEFAULT};
    args_rest rest;
    int code = args_parse(&spec, argc, argv, &options, &rest);
    if (code != ARGS_GO_ON)
        return code;
    if (rest.count != 1)
        return args_wrong(&spec, rest.count == 0 ? "which FILE?" : "one FILE at a time");
    energy e = {.count = 0};
    code = replay(&e, &options, rest.item[0]);
    energy_close(&e);
    return tool_flush(code);
}
