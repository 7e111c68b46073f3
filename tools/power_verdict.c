/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/power_verdict.h"

#include <math.h>
#include <stdarg.h>

static const double targets[VERDICT_TARGETS] = {1, 5, 10}; /* percent */
static const double speeds[VERDICT_SPEEDS] = {5, 20, 80};  /* tokens per second */
static const double good_seconds = 2, coarse_seconds = 30; /* for 5 and 10 % */
static const double decoded = 64;                          /* tokens */

#define POSITIONS 48     /* of a window, along what was looked at */
#define LEAST_PERIODS 20 /* of a window; below it the meter itself warns */
#define LEAST_COVERED 0.95

/* ---- Errors by length ---------------------------------------------------------------------- */

/*
 * The mean error of windows of that length, laid over what was looked at. Longer ones than that
 * are not there to be asked: of them the part that averages out falls with the root of the length.
 */
static verdict_error error_of(const verdict *v, const energy *e, uint32_t sensor, uint64_t begin_ns,
                              uint64_t end_ns, double seconds)
{
    const uint64_t all_ns = end_ns - begin_ns;
    verdict_error sum = {0, 0};
    if (seconds >= v->window_seconds) {
        sum = v->whole;
        sum.random *= sqrt(v->window_seconds / seconds);
        return sum;
    }
    const uint64_t length_ns = (uint64_t)(seconds * 1e9);
    double uj = 0;
    for (uint64_t k = 0; k < POSITIONS; k++) {
        const uint64_t from_ns = begin_ns + (all_ns - length_ns) * k / (POSITIONS - 1);
        ergo_energy w;
        if (ergo_meter_between(e->meter, sensor, from_ns, from_ns + length_ns, &w) != ERGO_OK)
            continue;
        sum.random += (double)(w.error_uj - w.gain_uj);
        sum.scale += (double)w.gain_uj;
        uj += fabs((double)w.uj);
    }
    return (verdict_error){sum.random / uj, sum.scale / uj};
}

static double percent(verdict_error e)
{
    return 100 * (e.random + e.scale);
}

/* The shortest window with an error of at most `target` percent. */
static double needed(const verdict *v, const energy *e, uint32_t sensor, uint64_t begin_ns,
                     uint64_t end_ns, double target)
{
    const double room = target / 100 - v->whole.scale;
    if (!(room > 0))
        return INFINITY;
    if (percent(v->whole) > target)
        return v->window_seconds * pow(v->whole.random / room, 2);
    double least = isnan(v->period_ms) ? 0.02 : LEAST_PERIODS * v->period_ms / 1e3;
    double most = v->window_seconds;
    if (least >= most || percent(error_of(v, e, sensor, begin_ns, end_ns, least)) <= target)
        return fmin(least, most);
    while (most / least > 1.02) { /* longer windows are known better */
        const double middle = sqrt(least * most);
        if (percent(error_of(v, e, sensor, begin_ns, end_ns, middle)) <= target)
            most = middle;
        else
            least = middle;
    }
    return most;
}

/* ---- The verdict --------------------------------------------------------------------------- */

static void judge(verdict *v, const char *name, const char *format, ...) TOOL_PRINTF(3, 4);
static void judge(verdict *v, const char *name, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(v->reason, sizeof v->reason, format, args);
    va_end(args);
    v->verdict = name;
}

static void decide(verdict *v)
{
    const double five = v->needs_seconds[1], ten = v->needs_seconds[2];
    if (!v->counts.any)
        judge(v, "useless", "it could not be read");
    else if (v->counts.changes == 0)
        judge(v, "useless",
              "it did not move in %.1f s: it is stuck, or its step is larger than what happened",
              v->window_seconds);
    else if (v->coverage < LEAST_COVERED)
        judge(v, "useless", "%.0f %% of the time is without readings (%llu of %llu failed)",
              100 * (1 - v->coverage), (unsigned long long)v->counts.failures,
              (unsigned long long)v->counts.reads);
    else if (isinf(ten))
        judge(v, "useless", "its scale alone may be wrong by %.1f %%", 100 * v->whole.scale);
    else if (five <= good_seconds)
        judge(v, "good", "5 %% needs a window of %.2f s", five);
    else if (ten <= coarse_seconds)
        judge(v, "coarse", "10 %% needs a window of %.1f s%s", ten,
              isinf(five) ? ", and its scale alone may be wrong by more than 5 %" : "");
    else
        judge(v, "useless", "10 %% would need a window of %.0f s", ten);
}

void verdict_find(verdict *v, const energy *e, uint32_t i, const probe_counts *counts,
                  uint64_t begin_ns, uint64_t end_ns)
{
    ergo_meter_state state;
    ergo_energy w;
    *v = (verdict){.info = &e->list[i].info,
                   .counts = *counts,
                   .watts = NAN,
                   .noise_watts = NAN,
                   .period_ms = NAN,
                   .window_seconds = (double)(end_ns - begin_ns) / 1e9,
                   .whole = {NAN, NAN}};
    for (int k = 0; k < VERDICT_TARGETS; k++)
        v->needs_seconds[k] = INFINITY;
    for (int k = 0; k < VERDICT_SPEEDS; k++)
        v->decode_percent[k] = NAN;
    if (ergo_meter_get(e->meter, i, &state) == ERGO_OK &&
        ergo_meter_between(e->meter, i, begin_ns, end_ns, &w) == ERGO_OK && w.ns > 0) {
        v->watts = (double)w.uj / 1e6 / v->window_seconds;
        v->coverage = (double)w.covered_ns / (double)w.ns;
        v->whole.random = (double)(w.error_uj - w.gain_uj) / fabs((double)w.uj);
        v->whole.scale = (double)w.gain_uj / fabs((double)w.uj);
        if (state.period_us > 0)
            v->period_ms = state.period_us / 1e3;
        if (v->info->quantity == ERGO_QUANTITY_POWER)
            v->noise_watts = state.noise / 1e6;
        for (int k = 0; k < VERDICT_TARGETS; k++)
            v->needs_seconds[k] = needed(v, e, i, begin_ns, end_ns, targets[k]);
        for (int k = 0; k < VERDICT_SPEEDS; k++)
            v->decode_percent[k] =
                percent(error_of(v, e, i, begin_ns, end_ns, decoded / speeds[k]));
    }
    decide(v);
}

/* ---- Both faces ---------------------------------------------------------------------------- */

void verdict_json(const verdict *v, json_writer *json)
{
    const bool power = v->info->quantity == ERGO_QUANTITY_POWER;
    json_object(json, NULL);
    json_text(json, "name", v->info->name);
    json_text(json, "chip", v->info->chip);
    json_text(json, "verdict", v->verdict);
    json_text(json, "reason", v->reason);
    json_double(json, "watts", v->watts);
    json_object(json, "period_ms");
    json_double(json, "stated", v->info->period_us > 0 ? v->info->period_us / 1e3 : NAN);
    json_double(json, "detected", v->period_ms);
    json_object_end(json);
    json_double(json, "noise_watts", v->noise_watts);
    json_object(json, "step_watts");
    json_double(json, "stated", power && v->info->lsb > 0 ? v->info->lsb / 1e6 : NAN);
    json_double(json, "seen",
                power && v->counts.least_step > 0 ? (double)v->counts.least_step / 1e6 : NAN);
    json_object_end(json);
    json_double(json, "scale_percent", v->info->gain_ppm / 1e4);
    json_double(json, "coverage", v->coverage);
    json_u64(json, "reads", v->counts.reads);
    json_u64(json, "failures", v->counts.failures);
    json_u64(json, "changes", v->counts.changes);
    json_object(json, "read_us");
    json_double(json, "mean", v->counts.seconds * 1e6 / (double)v->counts.reads);
    json_double(json, "most", v->counts.most_seconds * 1e6);
    json_object_end(json);
    json_array(json, "windows");
    for (int k = 0; k < VERDICT_TARGETS; k++) {
        json_object(json, NULL);
        json_double(json, "error_percent", targets[k]);
        json_double(json, "seconds", v->needs_seconds[k]);
        json_object_end(json);
    }
    json_array_end(json);
    json_array(json, "decode_64");
    for (int k = 0; k < VERDICT_SPEEDS; k++) {
        json_object(json, NULL);
        json_double(json, "tokens_per_s", speeds[k]);
        json_double(json, "seconds", decoded / speeds[k]);
        json_double(json, "error_percent", v->decode_percent[k]);
        json_object_end(json);
    }
    json_array_end(json);
    json_object_end(json);
}

void verdict_print(const verdict *v)
{
    (void)printf("%s (%s): %s: %s\n", v->info->name, v->info->chip, v->verdict, v->reason);
    if (!v->counts.any)
        return;
    (void)printf("  at %.3f W; new readings every %.1f ms", v->watts, v->period_ms);
    if (v->info->period_us > 0)
        (void)printf(" (stated: %.1f)", v->info->period_us / 1e3);
    if (!isnan(v->noise_watts))
        (void)printf(", trembling by %.1f mW in steps of %.1f mW", v->noise_watts * 1e3,
                     v->info->lsb > 0 ? v->info->lsb / 1e3 : (double)v->counts.least_step / 1e3);
    (void)printf("\n  %llu readings, %llu failed, %.0f us each (%.0f at most), %.0f %% covered\n",
                 (unsigned long long)v->counts.reads, (unsigned long long)v->counts.failures,
                 v->counts.seconds * 1e6 / (double)v->counts.reads, v->counts.most_seconds * 1e6,
                 100 * v->coverage);
    if (v->counts.changes == 0)
        return;
    (void)printf("  windows for");
    for (int k = 0; k < VERDICT_TARGETS; k++) {
        (void)printf("%s %.0f %%: ", k > 0 ? "," : "", targets[k]);
        if (isinf(v->needs_seconds[k]))
            (void)printf("none (its scale may be wrong by %.2f %%)", 100 * v->whole.scale);
        else
            (void)printf("%.2f s", v->needs_seconds[k]);
    }
    (void)printf("\n  %.0f decoded tokens would be known within", decoded);
    for (int k = 0; k < VERDICT_SPEEDS; k++)
        (void)printf("%s %.1f %% at %.0f/s", k > 0 ? "," : "", v->decode_percent[k], speeds[k]);
    (void)putchar('\n');
}
