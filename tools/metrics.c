/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/metrics.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "ergo/version.h"
#include "tools/prometheus.h"
#include "tools/tally.h"

#define EVERY_SECONDS 1.0

/* ---- Writing ------------------------------------------------------------------------------- */

static void put_run(const metrics *m, const energy *e, out_file *out)
{
    char meter[256] = "";
    const char *slash = m->model != NULL ? strrchr(m->model, '/') : NULL;
    const char *model = m->model != NULL ? m->model : "";
    if (e->total != 0)
        energy_meter_text(e, meter, sizeof meter);
    const prometheus_label build[] = {{"version", ergo_version()}, {NULL, NULL}};
    const prometheus_label run[] = {{"command", m->command},
                                    {"model", slash != NULL ? slash + 1 : model},
                                    {"board", e->board != NULL ? e->board->name : ""},
                                    {"meter", meter},
                                    {NULL, NULL}};
    prometheus_metric(out, "ergo_build_info", "gauge", "The ergo that wrote this. Always 1.");
    prometheus_sample(out, "ergo_build_info", build, 1);
    prometheus_metric(out, "ergo_run_info", "gauge",
                      "What runs, and what measures the whole board. Always 1.");
    prometheus_sample(out, "ergo_run_info", run, 1);
    prometheus_metric(out, "ergo_peak_memory_bytes", "gauge", "Most memory that was resident.");
    prometheus_sample(out, "ergo_peak_memory_bytes", NULL, (double)tool_peak_bytes());
}

static void put_tally(const tally *sum, out_file *out)
{
    static const prometheus_label phases[2][2] = {{{"phase", "prefill"}, {NULL, NULL}},
                                                  {{"phase", "decode"}, {NULL, NULL}}};
    const tally_phase *const of[2] = {&sum->prefill, &sum->decode};
    prometheus_metric(out, "ergo_tokens_total", "counter", "Tokens computed.");
    for (int i = 0; i < 2; i++)
        prometheus_sample(out, "ergo_tokens_total", phases[i], (double)of[i]->tokens);
    prometheus_metric(out, "ergo_phase_seconds_total", "counter", "Time spent computing them.");
    for (int i = 0; i < 2; i++)
        prometheus_sample(out, "ergo_phase_seconds_total", phases[i], of[i]->seconds);
    prometheus_metric(out, "ergo_tokens_per_second", "gauge", "Tokens by that time.");
    for (int i = 0; i < 2; i++)
        prometheus_sample(out, "ergo_tokens_per_second", phases[i],
                          of[i]->seconds > 0 ? tally_rate(of[i]) : NAN);
}

/* Joules of the account's phases. */
static void put_phases(const energy *e, out_file *out)
{
    static const char *const names[ERGO_PHASE_COUNT] = {"idle", "load", "prefill", "decode"};
    ergo_account_entry entry[ERGO_PHASE_COUNT];
    prometheus_label label[] = {{"phase", ""}, {NULL, NULL}};
    uint64_t idle_uw;
    prometheus_metric(out, "ergo_energy_joules_total", "counter",
                      "Energy of the whole board, by what it was spent on.");
    for (int i = 0; i < ERGO_PHASE_COUNT; i++) {
        label[0].value = names[i];
        ergo_account_get_phase(e->account, (ergo_phase)i, &entry[i]);
        prometheus_sample(out, "ergo_energy_joules_total", label, (double)entry[i].energy.uj / 1e6);
    }
    prometheus_metric(out, "ergo_energy_error_joules", "gauge",
                      "The truth lies within this of it in 95 of 100 cases.");
    for (int i = 0; i < ERGO_PHASE_COUNT; i++) {
        label[0].value = names[i];
        prometheus_sample(out, "ergo_energy_error_joules", label,
                          (double)entry[i].energy.error_uj / 1e6);
    }
    prometheus_metric(out, "ergo_joules_per_token", "gauge", "Energy by tokens computed.");
    for (int i = ERGO_PHASE_PREFILL; i <= ERGO_PHASE_DECODE; i++) {
        label[0].value = names[i];
        prometheus_sample(out, "ergo_joules_per_token", label, energy_per_token(e, (ergo_phase)i));
    }
    prometheus_metric(out, "ergo_energy_coverage_ratio", "gauge",
                      "Part of the time that readings of the sensors cover.");
    prometheus_sample(out, "ergo_energy_coverage_ratio", NULL, energy_coverage(e));
    if (!ergo_account_idle(e->account, &idle_uw))
        return;
    prometheus_metric(out, "ergo_idle_watts", "gauge", "Power of the board while it was idle.");
    prometheus_sample(out, "ergo_idle_watts", NULL, (double)idle_uw / 1e6);
}

/* One value of each sensor of these quantities (a mask), of the meter's present state. */
static void put_sensors(const energy *e, out_file *out, const char *name, const char *type,
                        const char *help, unsigned quantities, double units, bool joules)
{
    bool begun = false;
    for (uint32_t i = 0; i < e->count; i++) {
        const ergo_sensor_info *info = &e->list[i].info;
        const bool power_rail =
            info->quantity == ERGO_QUANTITY_POWER || info->quantity == ERGO_QUANTITY_ENERGY;
        ergo_meter_state state;
        if ((quantities >> info->quantity & 1u) == 0 ||
            ergo_meter_get(e->meter, i, &state) != ERGO_OK || state.status != ERGO_OK)
            continue;
        const prometheus_label labels[] = {
            {"sensor", info->name},
            {"chip", info->chip},
            {power_rail ? "in_total" : NULL, e->total >> i & 1 ? "1" : "0"},
            {NULL, NULL}};
        if (!begun)
            prometheus_metric(out, name, type, help);
        begun = true;
        prometheus_sample(out, name, labels,
                          (double)(joules ? state.since_open.uj : state.value) / units);
    }
}

static void put_meter(const energy *e, out_file *out)
{
    const unsigned rails = 1u << ERGO_QUANTITY_POWER | 1u << ERGO_QUANTITY_ENERGY;
    put_sensors(e, out, "ergo_rail_watts", "gauge", "Power of a rail. Rails may overlap.", rails,
                1e6, false);
    put_sensors(e, out, "ergo_rail_joules_total", "counter", "Energy of a rail. Rails may overlap.",
                rails, 1e6, true);
    put_sensors(e, out, "ergo_temperature_celsius", "gauge", "Temperature of a zone.",
                1u << ERGO_QUANTITY_TEMPERATURE, 1e3, false);
    put_sensors(e, out, "ergo_clock_hertz", "gauge", "Frequency of a clock, as the driver says.",
                1u << ERGO_QUANTITY_CLOCK, 1e-3, false);
}

static tool_exit write_file(metrics *m, const energy *e, const tally *sum)
{
    out_file out;
    m->written = tool_seconds();
    if (m->failed)
        return TOOL_FAILED;
    tool_exit code = out_file_open(m->path, &out);
    if (code == TOOL_DONE) {
        put_run(m, e, &out);
        if (sum != NULL)
            put_tally(sum, &out);
        if (e->account != NULL)
            put_phases(e, &out);
        if (e->meter != NULL)
            put_meter(e, &out);
        code = out_file_commit(&out);
    }
    m->failed = code != TOOL_DONE;
    return code;
}

tool_exit metrics_open(metrics *m, const energy *e)
{
    return m->path != NULL ? write_file(m, e, NULL) : TOOL_DONE;
}

void metrics_update(metrics *m, const energy *e, const tally *sum)
{
    if (m->path != NULL && tool_seconds() - m->written >= EVERY_SECONDS)
        (void)write_file(m, e, sum);
}

tool_exit metrics_close(metrics *m, const energy *e, const tally *sum, tool_exit code)
{
    if (m->path == NULL || write_file(m, e, sum) == TOOL_DONE)
        return code;
    return code == TOOL_DONE ? TOOL_FAILED : code;
}

/* ---- Reading ------------------------------------------------------------------------------- */

/* The value of the line that begins with `sample`, as run-model writes it; NAN for none. */
static double find(const char *text, const char *sample)
{
    const size_t size = strlen(sample);
    for (const char *line = text; line != NULL && *line != '\0';) {
        if (strncmp(line, sample, size) == 0 && line[size] == ' ')
            return strtod(line + size + 1, NULL);
        line = strchr(line, '\n');
        line += line != NULL;
    }
    return NAN;
}

tool_exit metrics_read(const char *path, metrics_seen *out)
{
    struct stat info;
    file_text text = {NULL, 0};
    *out = (metrics_seen){NAN, NAN, NAN, NAN};
    if (stat(path, &info) != 0 && errno == ENOENT)
        return TOOL_DONE;
    tool_exit code = file_text_read(path, &text);
    if (code != TOOL_DONE)
        return code;
    if (isnan(find(text.data, "# TYPE ergo_build_info")) ||
        memchr(text.data, '\0', text.size) != NULL) {
        tool_error("%s: these are no metrics of run-model (--metrics-file)", path);
        code = TOOL_BAD_FILE;
    } else {
        struct timespec now;
        (void)clock_gettime(CLOCK_REALTIME, &now);
        out->tokens_per_s = find(text.data, "ergo_tokens_per_second{phase=\"decode\"}");
        out->joules_per_token = find(text.data, "ergo_joules_per_token{phase=\"decode\"}");
        out->tokens = find(text.data, "ergo_tokens_total{phase=\"decode\"}");
        out->age_seconds = (double)(now.tv_sec - info.st_mtim.tv_sec) +
                           (double)(now.tv_nsec - info.st_mtim.tv_nsec) / 1e9;
    }
    file_text_free(&text);
    return code;
}
