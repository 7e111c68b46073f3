/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/watch_view.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Energy since the beginning, and the present reading. */
typedef struct sight {
    bool measures; /* power or energy */
    const char *name;
    const char *unit;
    double value; /* in the unit; NAN where it cannot be read */
    double joules, error_joules;
    double age_seconds;
} sight;

static bool look(const watch_view *view, uint32_t sensor, uint64_t now_ns, sight *out)
{
    const energy *e = view->e;
    ergo_meter_state state;
    ergo_energy since;
    if (ergo_meter_get(e->meter, sensor, &state) != ERGO_OK)
        return false;
    *out = (sight){.name = power_name(e, sensor),
                   .measures = sensor == ERGO_METER_TOTAL || power_measures(e, sensor),
                   .unit = "W",
                   .value = (double)state.value / 1e6,
                   .joules = NAN,
                   .error_joules = NAN,
                   .age_seconds = (double)state.age_ns / 1e9};
    if (!out->measures) {
        const bool clock = e->list[sensor].info.quantity == ERGO_QUANTITY_CLOCK;
        out->unit = clock ? "MHz" : "C";
        out->value = (double)state.value / 1e3;
    } else if (power_sums_get(&view->sums, e, sensor, now_ns, &since)) {
        out->joules = (double)since.uj / 1e6;
        out->error_joules = (double)since.error_uj / 1e6;
    }
    if (state.status != ERGO_OK)
        out->value = NAN;
    return true;
}

/* The sensors, then the total where it is a sum; false after the last. */
static bool next_sight(const watch_view *view, uint32_t *at, uint64_t now_ns, sight *out)
{
    const energy *e = view->e;
    while (*at < e->count)
        if (look(view, (*at)++, now_ns, out))
            return true;
    const bool is_sum = (e->total & (e->total - 1)) != 0;
    return is_sum && (*at)++ == e->count && look(view, ERGO_METER_TOTAL, now_ns, out);
}

static double seconds_of(const watch_view *view, uint64_t now_ns)
{
    return (double)(now_ns - view->begin_ns) / 1e9;
}

/* ---- For people ---------------------------------------------------------------------------- */

static uint32_t columns(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 80;
    return size.ws_col;
}

/* A line that is cut where the terminal ends: a line that wraps would spoil the next drawing. */
static void draw(watch_view *view, const char *format, ...) TOOL_PRINTF(2, 3);
static void draw(watch_view *view, const char *format, ...)
{
    char line[256];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    (void)printf("%.*s\x1b[K\n", (int)columns(), line);
    view->lines++;
}

void watch_view_table(watch_view *view, uint64_t now_ns)
{
    sight s;
    if (view->lines > 0)
        (void)printf("\x1b[%uA\r", view->lines);
    view->lines = 0;
    draw(view, "%-22s %12s %4s %14s %12s   after %.1f s", "", "now", "", "joules", "+-",
         seconds_of(view, now_ns));
    for (uint32_t at = 0; next_sight(view, &at, now_ns, &s);) {
        if (s.measures)
            draw(view, "%-22s %12.3f %-4s %14.3f %12.3f", s.name, s.value, s.unit, s.joules,
                 s.error_joules);
        else
            draw(view, "%-22s %12.1f %-4s", s.name, s.value, s.unit);
    }
    if (view->metrics_path != NULL && isnan(view->seen.age_seconds))
        draw(view, "waiting for %s", view->metrics_path);
    else if (view->metrics_path != NULL)
        draw(view, "%-22s %12.2f /s   %14.4f J/token, %.0f s ago", "tokens",
             view->seen.tokens_per_s, view->seen.joules_per_token, view->seen.age_seconds);
    (void)fflush(stdout);
}

void watch_view_line(const watch_view *view, uint64_t now_ns)
{
    sight s;
    (void)printf("%.1f s", seconds_of(view, now_ns));
    for (uint32_t at = 0; next_sight(view, &at, now_ns, &s);) {
        (void)printf("; %s %.3f %s", s.name, s.value, s.unit);
        if (s.measures)
            (void)printf(", %.3f +- %.3f J", s.joules, s.error_joules);
    }
    if (view->metrics_path != NULL)
        (void)printf("; %.2f tokens/s, %.4f J/token", view->seen.tokens_per_s,
                     view->seen.joules_per_token);
    (void)putchar('\n');
    (void)fflush(stdout);
}

/* ---- For programs -------------------------------------------------------------------------- */

static void csv_name(const char *name, const char *unit)
{
    (void)fputs(",\"", stdout);
    for (; *name != '\0'; name++) {
        if (*name == '"')
            (void)putchar('"');
        (void)putchar(*name);
    }
    (void)printf(" %s\"", unit);
}

static void csv_number(double value)
{
    if (isnan(value))
        (void)putchar(',');
    else
        (void)printf(",%.6g", value);
}

void watch_view_csv_head(const watch_view *view)
{
    sight s;
    (void)printf("seconds");
    for (uint32_t at = 0; next_sight(view, &at, view->begin_ns, &s);) {
        csv_name(s.name, s.unit);
        if (s.measures) {
            csv_name(s.name, "J");
            csv_name(s.name, "+-J");
        }
    }
    if (view->metrics_path != NULL)
        (void)printf(",tokens_per_s,joules_per_token");
    (void)putchar('\n');
    (void)fflush(stdout);
}

void watch_view_csv(const watch_view *view, uint64_t now_ns)
{
    sight s;
    (void)printf("%.3f", seconds_of(view, now_ns));
    for (uint32_t at = 0; next_sight(view, &at, now_ns, &s);) {
        csv_number(s.value);
        if (s.measures) {
            csv_number(s.joules);
            csv_number(s.error_joules);
        }
    }
    if (view->metrics_path != NULL) {
        csv_number(view->seen.tokens_per_s);
        csv_number(view->seen.joules_per_token);
    }
    (void)putchar('\n');
    (void)fflush(stdout);
}

/* Sensors of one unit as members of an object. */
static void unit_json(watch_view *view, uint64_t now_ns, const char *key, const char *unit)
{
    sight s;
    json_object(&view->json, key);
    for (uint32_t at = 0; next_sight(view, &at, now_ns, &s);) {
        if (strcmp(s.unit, unit) != 0)
            continue;
        if (!s.measures) {
            json_double(&view->json, s.name, s.value);
            continue;
        }
        json_object(&view->json, s.name);
        json_double(&view->json, "watts", s.value);
        json_double(&view->json, "joules", s.joules);
        json_double(&view->json, "error_joules", s.error_joules);
        json_double(&view->json, "age_seconds", s.age_seconds);
        json_object_end(&view->json);
    }
    json_object_end(&view->json);
}

void watch_view_json(watch_view *view, uint64_t now_ns)
{
    json_object(&view->json, NULL);
    json_double(&view->json, "seconds", seconds_of(view, now_ns));
    unit_json(view, now_ns, "rails", "W");
    unit_json(view, now_ns, "temperatures_c", "C");
    unit_json(view, now_ns, "clocks_mhz", "MHz");
    if (view->metrics_path != NULL) {
        json_double(&view->json, "tokens_per_s", view->seen.tokens_per_s);
        json_double(&view->json, "joules_per_token", view->seen.joules_per_token);
    }
    json_object_end(&view->json);
    (void)fflush(stdout);
}
