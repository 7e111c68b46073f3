/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "tools/interrupt.h"
#include "tools/watch_view.h"

typedef struct watch_options {
    common_options common;
    float interval; /* seconds */
    uint32_t count;
    bool csv;
    const char *metrics, *metrics_path;
} watch_options;

#define FIELD(name) offsetof(watch_options, name)
static const args_option table[] = {
    {"interval", 0, ARGS_FLOAT, FIELD(interval), "SECONDS",
     "time between two rows (default: 1). The sensors are read as often as they have something "
     "new, "
     "whatever this is",
     0.05, 3600, NULL},
    {"count", 0, ARGS_U32, FIELD(count), "N", "end after N rows (default: on Ctrl-C)", 1,
     4294967295.0, NULL},
    {"csv", 0, ARGS_FLAG, FIELD(csv), NULL, "comma-separated rows, under a line of names", 0, 0,
     NULL},
    {"metrics", 0, ARGS_TEXT, FIELD(metrics), "FILE",
     "show tokens/s and J/token too, from the --metrics-file of another run-model", 0, 0, NULL},
    {"metrics-file", 0, ARGS_TEXT, FIELD(metrics_path), "FILE", METRICS_HELP, 0, 0, NULL},
};

static const args_spec spec = {
    .command = "power watch",
    .usage = "power watch [--interval SECONDS] [--count N] [--csv] [--metrics FILE] [--json]\n"
             "power watch [options] -- COMMAND [ARGUMENT...]",
    .about =
        "Shows what the board draws: power of each rail, energy since the start with its error "
        "(95\n"
        "of 100 truths lie within it), temperatures and clocks. On a terminal the table renews\n"
        "itself; elsewhere each moment is a line. It ends on Ctrl-C with the energy of each rail.\n"
        "With a COMMAND it meters that from its start to its end, says nothing meanwhile and ends\n"
        "with its exit code. For what each token costs let run-model itself say it: generate, "
        "chat\n"
        "and bench account for every step; with --metrics-file they can be watched from here.\n"
        "JSON: {\"samples\": [{\"seconds\", \"rails\": {NAME: {\"watts\", \"joules\", ...}}, "
        "...}],\n"
        "\"rails\": [...], \"total\": {...}|null, \"command\": {\"exit\"}|null}, one object, which "
        "is\n"
        "complete when the command ends. With --json or --csv COMMAND's output goes to stderr.",
    .examples =
        "  run-model power watch\n"
        "  run-model power watch --interval 0.2 --csv > idle.csv\n"
        "  run-model power watch -- make -j4\n"
        "  run-model -m m.gguf -p Hi --metrics-file m.prom & run-model power watch --metrics "
        "m.prom",
    .groups = {{"Options", table, sizeof table / sizeof *table, 0}, COMMON_GROUP(watch_options)},
    .rest = "COMMAND",
};

typedef struct watch {
    const watch_options *options;
    energy e;
    watch_view view;
    metrics kept;
} watch;

static void show(watch *w, uint64_t now_ns)
{
    if (w->options->common.json)
        watch_view_json(&w->view, now_ns);
    else if (w->options->csv)
        watch_view_csv(&w->view, now_ns);
    else if (isatty(STDOUT_FILENO))
        watch_view_table(&w->view, now_ns);
    else
        watch_view_line(&w->view, now_ns);
}

/* Sleeps until then, at most for a second: sums and metrics want to be kept. */
static void wait_at_most(watch *w, uint64_t until_ns)
{
    const uint64_t second = energy_now(&w->e) + UINT64_C(1000000000);
    energy_wait(&w->e, until_ns < second ? until_ns : second);
    power_sums_keep(&w->view.sums, &w->e);
    metrics_update(&w->kept, &w->e, NULL);
}

/* Rows, on a grid of times, until their count or Ctrl-C. */
static tool_exit watch_rows(watch *w)
{
    const uint64_t interval_ns = (uint64_t)((double)w->options->interval * 1e9);
    uint64_t next_ns = w->view.begin_ns;
    for (uint32_t row = 0; w->options->count == 0 || row < w->options->count; row++) {
        next_ns += interval_ns;
        while (!interrupt_requested() && energy_now(&w->e) < next_ns)
            wait_at_most(w, next_ns);
        if (interrupt_requested())
            return TOOL_INTERRUPTED;
        if (w->view.metrics_path != NULL &&
            metrics_read(w->view.metrics_path, &w->view.seen) != TOOL_DONE)
            return TOOL_BAD_FILE;
        show(w, energy_now(&w->e));
        if (ferror(stdout))
            return TOOL_FAILED;
    }
    return TOOL_DONE;
}

static void while_running(void *user)
{
    watch *w = user;
    wait_at_most(w, energy_now(&w->e) + UINT64_C(20000000));
}

/* Rows or a command, and what it came to. */
static tool_exit watch_all(watch *w, char **command)
{
    const bool json = w->options->common.json;
    int code = TOOL_DONE;
    if (json) {
        w->view.json = json_start(stdout);
        json_object(&w->view.json, NULL);
        json_array(&w->view.json, "samples");
    }
    w->view.begin_ns = energy_now(&w->e);
    power_sums_begin(&w->view.sums, &w->e, w->view.begin_ns);
    if (!json && w->options->csv && command == NULL)
        watch_view_csv_head(&w->view);
    if (command != NULL)
        code = power_run(command, json || w->options->csv, while_running, w);
    else
        code = watch_rows(w);
    const uint64_t end_ns = energy_now(&w->e);
    power_await(&w->e, end_ns);
    if (json) {
        json_array_end(&w->view.json);
        power_sums_json(&w->view.sums, &w->e, end_ns, &w->view.json);
        if (command != NULL) {
            json_object(&w->view.json, "command");
            json_i64(&w->view.json, "exit", code);
            json_object_end(&w->view.json);
        } else {
            json_null(&w->view.json, "command");
        }
        json_object_end(&w->view.json);
        json_finish(&w->view.json);
    } else {
        power_sums_print(&w->view.sums, &w->e, end_ns);
    }
    if (interrupt_requested())
        code = TOOL_INTERRUPTED;
    return metrics_close(&w->kept, &w->e, NULL, code);
}

int power_watch(int argc, char **argv)
{
    watch_options options = {.common = COMMON_OPTIONS_DEFAULT, .interval = 1};
    args_rest rest;
    int code = args_parse(&spec, argc, argv, &options, &rest);
    if (code != ARGS_GO_ON)
        return code;
    if (options.csv && options.common.json)
        return args_wrong(&spec, "--csv and --json exclude each other");
    if (rest.count > 0 && (options.count != 0 || options.metrics != NULL))
        return args_wrong(&spec, "--count and --metrics are for watching without a COMMAND");
    watch w = {.options = &options,
               .view = {.e = &w.e, .metrics_path = options.metrics},
               .kept = {options.metrics_path, "power watch", NULL, 0, false}};
    code = rest.count > 0 ? power_need_real(&options.common) : TOOL_DONE;
    if (code == TOOL_DONE)
        code = energy_find(&w.e, &options.common);
    if (code == TOOL_DONE)
        code = power_need_sensor(&w.e);
    if (code == TOOL_DONE)
        code = energy_meter(&w.e, &options.common);
    if (code == TOOL_DONE && options.metrics != NULL)
        code = metrics_read(options.metrics, &w.view.seen);
    if (code == TOOL_DONE)
        code = metrics_open(&w.kept, &w.e);
    if (code == TOOL_DONE) {
        rest.item[rest.count] = NULL; /* argv has room: it ended with NULL itself */
        code = watch_all(&w, rest.count > 0 ? rest.item : NULL);
    }
    energy_close(&w.e);
    return tool_flush(code);
}
