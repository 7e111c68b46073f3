/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/interrupt.h"
#include "tools/power_cmd.h"
#include "tools/power_verdict.h"

typedef struct check_options {
    common_options common;
    float seconds;
} check_options;

#define FIELD(name) offsetof(check_options, name)
static const args_option table[] = {
    {"seconds", 0, ARGS_FLOAT, FIELD(seconds), "SECONDS", "how long to look (default: 5)", 1, 600,
     NULL},
};

static const args_spec spec = {
    .command = "power check",
    .usage = "power check [--seconds SECONDS] [--json]",
    .about =
        "Is this sensor good enough to say anything? Reads all of them for some seconds and says "
        "how\n"
        "often each really has something new, how much it trembles, in what steps, how long a\n"
        "reading takes and what all of it costs; then how long a window must be for its energy to\n"
        "be known within 1, 5 and 10 %, at the load of this moment, and what decoding 64 tokens\n"
        "would be known to. Let the work run beside it that you want to measure: a load that\n"
        "changes a lot is harder than one that stands.\n"
        "good: 5 % within 2 s. coarse: 10 % within 30 s. useless: neither, or it does not move.\n"
        "JSON: {\"seconds\", \"sampling\": {\"cpu_percent\"}, \"sensors\": [{\"name\", "
        "\"verdict\", "
        "\"reason\",\n\"period_ms\", \"noise_watts\", \"step_watts\", \"coverage\", \"windows\", "
        "\"decode_64\", ...}]}.",
    .examples = "  run-model power check\n"
                "  run-model power check --seconds 20 --json | jq '.sensors[] | {name, verdict}'",
    .groups = {{"Options", table, sizeof table / sizeof *table, 0}, COMMON_GROUP(check_options)},
};

/* A sensor of the board and how it was to read. */
typedef struct probe {
    ergo_sensor inner;
    probe_counts counts;
} probe;

static ergo_status read_probe(void *self, ergo_reading *out)
{
    probe *p = self;
    probe_counts *c = &p->counts;
    const double start = tool_seconds();
    const ergo_status status = p->inner.read(p->inner.self, out);
    const double seconds = tool_seconds() - start;
    c->reads++;
    c->seconds += seconds;
    c->most_seconds = fmax(c->most_seconds, seconds);
    if (status != ERGO_OK) {
        c->failures++;
        return status;
    }
    if (c->any && out->value != c->last) {
        const uint64_t step = (uint64_t)llabs(out->value - c->last);
        c->changes++;
        c->least_step = c->least_step == 0 || step < c->least_step ? step : c->least_step;
    }
    c->any = true;
    c->last = out->value;
    return status;
}

static void print_json(const energy *e, const verdict *verdicts, double seconds, double cpu_percent)
{
    json_writer json = json_start(stdout);
    json_object(&json, NULL);
    json_double(&json, "seconds", seconds);
    json_object(&json, "sampling");
    json_double(&json, "cpu_percent", cpu_percent);
    json_object_end(&json);
    json_array(&json, "sensors");
    for (size_t i = 0; i < e->count; i++)
        if (power_measures(e, i))
            verdict_json(&verdicts[i], &json);
    json_array_end(&json);
    json_object_end(&json);
    json_finish(&json);
}

static tool_exit look(energy *e, const check_options *options, probe *probes, verdict *verdicts)
{
    for (size_t i = 0; i < e->count; i++) {
        probes[i].inner = e->list[i];
        e->list[i].read = read_probe;
        e->list[i].self = &probes[i];
    }
    const tool_exit code = energy_meter(e, &options->common);
    if (code != TOOL_DONE)
        return code;
    const uint64_t begin_ns = energy_now(e);
    const uint64_t until_ns = begin_ns + (uint64_t)((double)options->seconds * 1e9);
    while (energy_now(e) < until_ns && !interrupt_requested())
        energy_wait(e, until_ns);
    const uint64_t end_ns = energy_now(e);
    power_await(e, end_ns);
    ergo_meter_close(e->meter); /* so that nobody counts any more; what it knows can be asked */
    const double seconds = (double)(end_ns - begin_ns) / 1e9;
    const double cpu_percent = (double)ergo_meter_cpu_ns(e->meter) / 1e7 / seconds;
    for (size_t i = 0; i < e->count; i++)
        if (power_measures(e, i))
            verdict_find(&verdicts[i], e, (uint32_t)i, &probes[i].counts, begin_ns, end_ns);
    if (options->common.json) {
        print_json(e, verdicts, seconds, cpu_percent);
    } else {
        for (size_t i = 0; i < e->count; i++)
            if (power_measures(e, i))
                verdict_print(&verdicts[i]);
        (void)printf("reading all of them took %.2f %% of one core\n", cpu_percent);
    }
    return interrupt_requested() ? TOOL_INTERRUPTED : TOOL_DONE;
}

int power_check(int argc, char **argv)
{
    check_options options = {.common = COMMON_OPTIONS_DEFAULT, .seconds = 5};
    int code = args_parse(&spec, argc, argv, &options, NULL);
    if (code != ARGS_GO_ON)
        return code;
    energy e = {.count = 0};
    code = energy_find(&e, &options.common);
    if (code == TOOL_DONE)
        code = power_need_sensor(&e);
    if (code == TOOL_DONE) {
        probe *probes = tool_alloc(e.count, sizeof *probes);
        verdict *verdicts = tool_alloc(e.count, sizeof *verdicts);
        code = TOOL_FAILED;
        if (probes != NULL && verdicts != NULL)
            code = look(&e, &options, probes, verdicts);
        energy_close(&e);
        free(probes);
        free(verdicts);
    }
    energy_close(&e);
    return tool_flush(code);
}
