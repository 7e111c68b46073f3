/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "tools/power_cmd.h"

typedef struct list_options {
    common_options common;
} list_options;

static const args_spec spec = {
    .command = "power list",
    .usage = "power list [--board NAME|FILE] [--json]",
    .about =
        "What there is to measure with: the board and how it was recognised, its sensors (which "
        "of\n"
        "them is the whole board, which are parts of it), its clocks, and what was found missing "
        "or\n"
        "not permitted, with the file that matters and how to grant it. Nothing is written.\n"
        "Rails overlap. Unless the board is known, or a board file says which rail is the whole\n"
        "(include/ergo/board.h has its format), the total is a guess or missing.\n"
        "JSON: {\"board\": {...}, \"total\": [NAME, ...], \"sensors\": [...], \"findings\": "
        "[...]}.",
    .examples = "  run-model power list\n"
                "  run-model power list --json | jq '.findings[] | select(.status != \"ok\")'\n"
                "  run-model power list --board my-robot.board",
    .groups = {COMMON_GROUP(list_options)},
};

/* ---- The board ----------------------------------------------------------------------------- */

/* The device tree's names of the system, separated by spaces; "" when there is none. */
static void read_compatible(const common_options *options, char *text, size_t size)
{
    char path[512];
    ssize_t got = 0;
    (void)snprintf(path, sizeof path, "%s/proc/device-tree/compatible",
                   options->sysfs_root != NULL ? options->sysfs_root : "");
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        got = read(fd, text, size - 1);
        (void)close(fd);
    }
    text[got > 0 ? got : 0] = '\0';
    for (ssize_t i = 0; i + 1 < got; i++)
        if (text[i] == '\0' || text[i] == '\n')
            text[i] = ' ';
    for (size_t end = strlen(text); end > 0 && (text[end - 1] == ' ' || text[end - 1] == '\n');)
        text[--end] = '\0';
}

/* The word of `names` that is one of `known` too, in `out`; false for none. */
static bool common_word(const char *names, const char *known, char *out, size_t room)
{
    while (*names != '\0') {
        const size_t size = strcspn(names, " ");
        for (const char *at = known; size > 0 && *at != '\0';) {
            const size_t other = strcspn(at, " ");
            if (other == size && memcmp(at, names, size) == 0) {
                (void)snprintf(out, room, "%.*s", (int)size, names);
                return true;
            }
            at += other + strspn(at + other, " ");
        }
        names += size + strspn(names + size, " ");
    }
    return false;
}

/* Why it is this board. */
static void why(const energy *e, const common_options *options, char *text, size_t size)
{
    char compatible[1024], word[128];
    read_compatible(options, compatible, sizeof compatible);
    if (options->board != NULL)
        (void)snprintf(text, size, "asked for by --board %s", options->board);
    else if (common_word(compatible, e->board->compatible, word, sizeof word))
        (void)snprintf(text, size, "found by its device tree: %s", word);
    else if (compatible[0] != '\0')
        (void)snprintf(text, size, "the device tree names none that is known: %s", compatible);
    else
        (void)snprintf(text, size, "there is no device tree to find it by");
}

/* ---- Sensors ------------------------------------------------------------------------------- */

static const struct {
    const char *name, *unit;
    double units; /* of a reading in one of these */
} quantities[] = {
    {"power", "W", 1e6}, {"energy", "J", 1e6}, {"temperature", "C", 1e3}, {"clock", "MHz", 1e3}};

/* The present reading, NAN when there is none. */
static double value_of(const ergo_sensor *sensor)
{
    ergo_reading reading = {0, 0};
    if (sensor->read(sensor->self, &reading) != ERGO_OK)
        return NAN;
    return (double)reading.value / quantities[sensor->info.quantity].units;
}

static void number_or_null(json_writer *json, const char *key, uint64_t value)
{
    if (value != 0)
        json_u64(json, key, value);
    else
        json_null(json, key);
}

static void sensor_json(const energy *e, size_t i, json_writer *json)
{
    const ergo_sensor *s = &e->list[i];
    json_object(json, NULL);
    json_text(json, "name", s->info.name);
    json_text(json, "chip", s->info.chip);
    json_text(json, "device", s->info.device);
    json_u64(json, "channel", s->info.channel);
    json_text(json, "path", s->info.path);
    json_text(json, "quantity", quantities[s->info.quantity].name);
    json_text(json, "unit", quantities[s->info.quantity].unit);
    json_double(json, "value", value_of(s));
    number_or_null(json, "period_us", s->info.period_us);
    if (s->info.lsb != 0)
        json_double(json, "step", s->info.lsb / quantities[s->info.quantity].units);
    else
        json_null(json, "step");
    number_or_null(json, "shunt_uohm", s->info.shunt_uohm);
    number_or_null(json, "true_shunt_uohm", s->true_shunt_uohm);
    json_u64(json, "tolerance_ppm", s->info.gain_ppm);
    json_bool(json, "averages", s->info.averages);
    json_bool(json, "in_total", (e->total >> i & 1) != 0);
    json_text(json, "part_of", power_part_of(e, i));
    json_object_end(json);
}

static void sensor_print(const energy *e, size_t i)
{
    const ergo_sensor *s = &e->list[i];
    const char *part_of = power_part_of(e, i);
    (void)printf("  %-22s %-9s %-9s %12.3f %s", s->info.name, s->info.chip, s->info.device,
                 value_of(s), quantities[s->info.quantity].unit);
    if (s->info.period_us != 0)
        (void)printf(", every %.1f ms", s->info.period_us / 1e3);
    if (s->info.lsb != 0 && s->info.quantity == ERGO_QUANTITY_POWER)
        (void)printf(", in steps of %.3f mW", s->info.lsb / 1e3);
    if (s->info.shunt_uohm != 0)
        (void)printf(", shunt %.3f mOhm", s->info.shunt_uohm / 1e3);
    if (s->true_shunt_uohm != 0 && s->true_shunt_uohm != s->info.shunt_uohm)
        (void)printf(" (really %.3f)", s->true_shunt_uohm / 1e3);
    if (e->total >> i & 1)
        (void)printf("; in the total");
    if (part_of != NULL)
        (void)printf("; a part of %s", part_of);
    (void)putchar('\n');
}

/* ---- Both faces ---------------------------------------------------------------------------- */

/* "ok", "permission denied", ... */
static const char *finding_text(const ergo_linux_finding *f)
{
    return f->status == ERGO_OK ? "ok" : ergo_status_text(f->status);
}

static const ergo_linux_finding *findings_of(const energy *e, size_t *count)
{
    *count = 0;
    return e->sensors != NULL ? ergo_linux_sensors_findings(e->sensors, count) : NULL;
}

static void print_json(const energy *e, const char *reason)
{
    size_t count;
    const ergo_linux_finding *found = findings_of(e, &count);
    json_writer json = json_start(stdout);
    json_object(&json, NULL);
    json_object(&json, "board");
    json_text(&json, "name", e->board->name);
    json_text(&json, "title", e->board->title);
    json_text(&json, "why", reason);
    json_text(&json, "note", e->board->note);
    json_object_end(&json);
    json_array(&json, "total");
    for (size_t i = 0; i < e->count; i++)
        if (e->total >> i & 1)
            json_text(&json, NULL, e->list[i].info.name);
    json_array_end(&json);
    json_array(&json, "sensors");
    for (size_t i = 0; i < e->count; i++)
        sensor_json(e, i, &json);
    json_array_end(&json);
    json_array(&json, "findings");
    for (size_t i = 0; i < count; i++) {
        json_object(&json, NULL);
        json_text(&json, "what", found[i].what);
        json_text(&json, "path", found[i].path);
        json_text(&json, "status", finding_text(&found[i]));
        json_text(&json, "advice", found[i].advice);
        json_object_end(&json);
    }
    json_array_end(&json);
    json_object_end(&json);
    json_finish(&json);
}

static void print_plain(const energy *e, const char *reason)
{
    size_t count;
    const ergo_linux_finding *found = findings_of(e, &count);
    char meter[256];
    energy_meter_text(e, meter, sizeof meter);
    (void)printf("board    %s: %s\n         %s\n", e->board->name, e->board->title, reason);
    if (e->board->note != NULL && e->board->note[0] != '\0')
        (void)printf("note     %s\n", e->board->note);
    (void)printf("total    %s\n", e->total != 0 ? meter : "no sensor measures the whole board");
    (void)printf("sensors%s\n", e->count > 0 ? "" : "  none");
    for (size_t i = 0; i < e->count; i++)
        sensor_print(e, i);
    (void)printf("found%s\n", count > 0 ? "" : "    nothing");
    for (size_t i = 0; i < count; i++) {
        (void)printf("  %-28s %-18s %s\n", found[i].what, finding_text(&found[i]), found[i].path);
        if (found[i].advice[0] != '\0')
            (void)printf("      %s\n", found[i].advice);
    }
}

int power_list(int argc, char **argv)
{
    list_options options = {.common = COMMON_OPTIONS_DEFAULT};
    int code = args_parse(&spec, argc, argv, &options, NULL);
    if (code != ARGS_GO_ON)
        return code;
    energy e = {.count = 0};
    code = energy_find(&e, &options.common);
    if (code == TOOL_DONE) {
        char reason[1200];
        why(&e, &options.common, reason, sizeof reason);
        if (options.common.json)
            print_json(&e, reason);
        else
            print_plain(&e, reason);
    }
    energy_close(&e);
    return tool_flush(code);
}
