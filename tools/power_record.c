/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ergo/trace.h"
#include "tools/interrupt.h"
#include "tools/out_file.h"
#include "tools/power_cmd.h"

typedef struct record_options {
    common_options common;
    float seconds; /* 0: until Ctrl-C */
} record_options;

#define FIELD(name) offsetof(record_options, name)
static const args_option table[] = {
    {"seconds", 0, ARGS_FLOAT, FIELD(seconds), "SECONDS",
     "end after so long (default: on Ctrl-C, or with COMMAND)", 0.1, 1e6, NULL},
};

static const args_spec spec = {
    .command = "power record",
    .usage = "power record FILE [--seconds SECONDS] [--json]\n"
             "power record FILE [options] -- COMMAND [ARGUMENT...]",
    .about =
        "Writes every reading of every sensor to FILE, with what is known about the sensors: a "
        "trace\n"
        "that run-model power replay meters again, anywhere, to the same figures. For questions\n"
        "about a figure, for boards that somebody else has, for tests. It is text, a line a "
        "reading\n"
        "(include/ergo/trace.h has the format), and appears when the recording is complete. With "
        "a\n"
        "COMMAND that is what is recorded, and its exit code is passed on.\n"
        "JSON: {\"file\", \"readings\", \"rails\": [...], \"total\": {...}|null}.",
    .examples = "  run-model power record idle.trace --seconds 10\n"
                "  run-model power record run.trace -- run-model -m m.gguf -p Hi -n 200\n"
                "  run-model power replay run.trace",
    .groups = {{"Options", table, sizeof table / sizeof *table, 0}, COMMON_GROUP(record_options)},
    .rest = "FILE",
};

struct recorder;

/* A sensor of the board, and who writes down what it says. */
typedef struct tap {
    struct recorder *to;
    ergo_sensor inner;
    uint32_t number;
} tap;

/* The meter's clock stands while it asks, so that the trace has the very times that it saw. */
typedef struct recorder {
    energy e;
    ergo_clock real; /* what time it is; zeroed: the system's */
    uint64_t origin_ns, now_ns, slept_ns;
    out_file file;
    tap taps[ERGO_SENSORS_MAX];
    power_sums sums;
    uint64_t readings;
    bool ended;
} recorder;

static uint64_t of_clock(clockid_t clock)
{
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t real_now(const recorder *r)
{
    const uint64_t now =
        r->real.now_ns != NULL ? r->real.now_ns(r->real.user) : of_clock(CLOCK_MONOTONIC);
    return now - r->origin_ns;
}

static uint64_t clock_now(void *user)
{
    return ((const recorder *)user)->now_ns;
}

static uint64_t clock_slept(void *user)
{
    return ((const recorder *)user)->slept_ns;
}

static void put(recorder *r, const char *format, ...) TOOL_PRINTF(2, 3);
static void put(recorder *r, const char *format, ...)
{
    char line[256];
    va_list args;
    va_start(args, format);
    const int size = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (size > 0)
        out_file_write(&r->file, line, (size_t)size);
}

/* ---- The head ------------------------------------------------------------------------------ */

static void put_number(recorder *r, const char *key, uint64_t value)
{
    if (value != 0)
        put(r, "%s = %" PRIu64 "\n", key, value);
}

/* What a comment or the end of a line would cut is left out of names. */
static void put_text(recorder *r, const char *before, const char *text, const char *after)
{
    put(r, "%s", before);
    for (; *text != '\0'; text++)
        put(r, "%c", *text == '#' || *text == ']' || (unsigned char)*text < ' ' ? '_' : *text);
    put(r, "%s", after);
}

static void put_sensor(recorder *r, size_t i)
{
    static const char *const quantities[] = {"power", "energy", "temperature", "clock"};
    const ergo_sensor *s = &r->e.list[i];
    put_text(r, "[sensor ", s->info.name, "]\n");
    put(r, "quantity = %s\n", quantities[s->info.quantity]);
    if (s->info.chip[0] != '\0')
        put_text(r, "chip = ", s->info.chip, "\n");
    if (s->info.device[0] != '\0')
        put_text(r, "device = ", s->info.device, "\n");
    put_number(r, "channel", s->info.channel);
    put_number(r, "range", s->info.range);
    put_number(r, "lsb", s->info.lsb);
    put_number(r, "gain_ppm", s->info.gain_ppm);
    put_number(r, "period_us", s->info.period_us);
    put_number(r, "shunt_uohm", s->info.shunt_uohm);
    put_number(r, "true_shunt_uohm", s->true_shunt_uohm);
    if (s->info.averages)
        put(r, "averages = yes\n");
    if (r->e.total >> i & 1)
        put(r, "total = yes\n");
}

/* ---- Readings ------------------------------------------------------------------------------ */

static const char *error_word(ergo_status status)
{
    switch (status) {
    case ERGO_E_PERMISSION:
        return "permission";
    case ERGO_E_NOT_FOUND:
        return "gone";
    case ERGO_E_UNSUPPORTED:
        return "off";
    default:
        return "io";
    }
}

static ergo_status read_tap(void *self, ergo_reading *out)
{
    const tap *t = self;
    recorder *r = t->to;
    const uint64_t asked = r->now_ns;
    const ergo_status status = t->inner.read(t->inner.self, out);
    r->now_ns = real_now(r);
    if (r->now_ns < asked)
        r->now_ns = asked;
    put(r, "%" PRIu64 " %" PRIu64 " %u = ", asked, r->now_ns - asked, t->number);
    if (status != ERGO_OK) {
        put(r, "error %s\n", error_word(status));
        return status;
    }
    r->readings++;
    put(r, "%" PRId64, out->value);
    if (out->time_ns > r->origin_ns) {
        out->time_ns -= r->origin_ns;
        put(r, " %" PRIu64, out->time_ns);
    } else {
        out->time_ns = 0;
    }
    put(r, "\n");
    return ERGO_OK;
}

#define SLEPT_LEAST_NS 1000000u /* less is the difference of two calls */

/* Sets the meter's clock, forwards. */
static void set_clock(recorder *r)
{
    const uint64_t now = real_now(r);
    uint64_t slept = r->real.suspended_ns != NULL ? r->real.suspended_ns(r->real.user) : 0;
    if (r->real.now_ns == NULL) {
        const uint64_t awake = of_clock(CLOCK_MONOTONIC); /* first, so that it is the smaller */
        slept = of_clock(CLOCK_BOOTTIME) - awake;
    }
    r->now_ns = now > r->now_ns ? now : r->now_ns;
    if (slept > r->slept_ns + SLEPT_LEAST_NS) {
        r->slept_ns = slept;
        put(r, "%" PRIu64 " = suspended %" PRIu64 "\n", r->now_ns, slept);
    }
}

/* Reads what is due until then. */
static void sample_until(recorder *r, uint64_t until_ns)
{
    while (real_now(r) < until_ns && !r->file.failed) {
        uint64_t next;
        set_clock(r);
        (void)ergo_meter_poll(r->e.meter, &next);
        if (!r->ended)
            power_sums_keep(&r->sums, &r->e);
        next = next < until_ns ? next : until_ns;
        const uint64_t now = real_now(r);
        const uint64_t left = next > now ? next - now : 0;
        if (r->e.sim.sim != NULL) {
            ergo_sim_sleep(r->e.sim.sim, left);
            continue;
        }
        const struct timespec pause = {.tv_sec = (time_t)(left / 1000000000),
                                       .tv_nsec = (long)(left % 1000000000)};
        if (left > 0 && nanosleep(&pause, NULL) != 0)
            return; /* a signal */
    }
}

static void while_running(void *user)
{
    recorder *r = user;
    sample_until(r, real_now(r) + UINT64_C(20000000));
}

/* Every sensor knows what was until the end: a second later at most. */
static void sample_the_rest(recorder *r, uint64_t end_ns)
{
    for (uint64_t until = end_ns; until < end_ns + UINT64_C(1000000000); until += 5000000) {
        bool known = true;
        for (size_t i = 0; i < r->e.count; i++)
            known = known && (!power_measures(&r->e, i) ||
                              ergo_meter_known_ns(r->e.meter, (uint32_t)i) == 0 ||
                              ergo_meter_known_ns(r->e.meter, (uint32_t)i) >= end_ns);
        if (known)
            return;
        sample_until(r, until);
    }
}

/* ---- All of it ----------------------------------------------------------------------------- */

static tool_exit open_recorder(recorder *r, const record_options *options, const char *path,
                               bool command)
{
    tool_exit code = command ? power_need_real(&options->common) : TOOL_DONE;
    if (code == TOOL_DONE)
        code = energy_find(&r->e, &options->common);
    if (code == TOOL_DONE)
        code = power_need_sensor(&r->e);
    if (code == TOOL_DONE)
        code = out_file_open(path, &r->file);
    if (code != TOOL_DONE)
        return code;
    put(r, "# ergo trace: %s\n[trace]\nversion = 1\n", r->e.board->name);
    for (uint32_t i = 0; i < r->e.count; i++) {
        put_sensor(r, i);
        r->taps[i] = (tap){r, r->e.list[i], i};
        r->e.list[i].read = read_tap;
        r->e.list[i].self = &r->taps[i];
    }
    put(r, "[readings]\n");
    r->real = r->e.clock;
    r->origin_ns = real_now(r);
    r->e.clock = (ergo_clock){.now_ns = clock_now, .suspended_ns = clock_slept, .user = r};
    r->e.poll = true;
    set_clock(r);
    code = energy_meter(&r->e, &options->common);
    if (r->e.sim.sim != NULL)
        ergo_sim_attach(r->e.sim.sim, NULL); /* it is this that polls */
    set_clock(r);
    return code;
}

static void report(const recorder *r, const record_options *options, const char *path,
                   uint64_t end_ns)
{
    if (!options->common.json) {
        (void)fprintf(stderr, "run-model: %" PRIu64 " readings in %s\n", r->readings, path);
        power_sums_print(&r->sums, &r->e, end_ns);
        return;
    }
    json_writer json = json_start(stdout);
    json_object(&json, NULL);
    json_text(&json, "file", path);
    json_u64(&json, "readings", r->readings);
    power_sums_json(&r->sums, &r->e, end_ns, &json);
    json_object_end(&json);
    json_finish(&json);
}

static tool_exit record(recorder *r, const record_options *options, char **words)
{
    const uint64_t begin_ns = r->now_ns;
    const uint64_t until_ns =
        options->seconds > 0 ? begin_ns + (uint64_t)((double)options->seconds * 1e9) : UINT64_MAX;
    int code = TOOL_DONE;
    put(r, "%" PRIu64 " = begin\n", begin_ns);
    power_sums_begin(&r->sums, &r->e, begin_ns);
    if (words[1] != NULL)
        code = power_run(words + 1, options->common.json, while_running, r);
    while (words[1] == NULL && !interrupt_requested() && !r->file.failed && real_now(r) < until_ns)
        sample_until(r, until_ns);
    set_clock(r);
    const uint64_t end_ns = r->now_ns;
    put(r, "%" PRIu64 " = end\n", end_ns);
    r->ended = true;
    sample_the_rest(r, end_ns);
    if (out_file_commit(&r->file) != TOOL_DONE)
        return TOOL_FAILED;
    report(r, options, words[0], end_ns);
    return interrupt_requested() ? TOOL_INTERRUPTED : code;
}

int power_record(int argc, char **argv)
{
    record_options options = {.common = COMMON_OPTIONS_DEFAULT};
    args_rest rest;
    int code = args_parse(&spec, argc, argv, &options, &rest);
    if (code != ARGS_GO_ON)
        return code;
    if (rest.count == 0)
        return args_wrong(&spec, "which FILE?");
    if (rest.count > 1 && options.seconds > 0)
        return args_wrong(&spec, "--seconds and a COMMAND exclude each other");
    recorder *r = tool_alloc(1, sizeof *r);
    if (r == NULL)
        return TOOL_FAILED;
    rest.item[rest.count] = NULL;
    code = open_recorder(r, &options, rest.item[0], rest.count > 1);
    if (code == TOOL_DONE)
        code = record(r, &options, rest.item);
    out_file_abandon(&r->file);
    energy_close(&r->e);
    free(r);
    return tool_flush(code);
}
