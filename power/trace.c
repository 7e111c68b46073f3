/* SPDX-License-Identifier: Apache-2.0 */
#include "ergo/trace.h"

#include <string.h>

#include "power/sections.h"

/*
 * The text is checked as a whole when it is opened and read again, line by line, as it is played:
 * however long it is, it takes no memory but its own.
 */

#define VERSION 1
#define MOST_NS (INT64_MAX - 1) /* INT64_MAX is what larger numbers are read as */

typedef enum event_kind {
    EVENT_READING,
    EVENT_SUSPENDED,
    EVENT_BEGIN,
    EVENT_END,
    EVENT_NONE, /* behind the last line */
} event_kind;

/* A line of [readings]. */
typedef struct event {
    event_kind kind;
    uint64_t at_ns;
    uint64_t took_ns;
    uint32_t sensor;
    ergo_status status;
    ergo_reading reading;
    uint64_t slept_ns;
} event;

/* One sensor's own: what its `read` is given. */
typedef struct player {
    ergo_trace *trace;
    event last; /* what it said last */
    bool any;
} player;

/* Where in the text somebody is. */
typedef struct cursor {
    ergo__sections text; /* behind the line that `next` is */
    event next;          /* a reading, or EVENT_NONE */
    uint64_t slept_ns;   /* before it */
} cursor;

struct ergo_trace {
    cursor at;
    uint64_t played; /* readings */
    uint64_t now_ns;
    uint64_t slept_ns;
    uint64_t begin_ns, end_ns;
    ergo_sensor sensors[ERGO_SENSORS_MAX];
    player players[ERGO_SENSORS_MAX];
    uint32_t count;
    uint64_t total;
    uint64_t readings;
};

/* ---- Sensors ------------------------------------------------------------------------------- */

static ergo_status set_text(const ergo__sections *s, char *out, size_t room)
{
    if (s->value.size >= room)
        return ergo__sections_bad(s, "too long:", s->value);
    memcpy(out, s->value.data, s->value.size);
    out[s->value.size] = '\0';
    return ERGO_OK;
}

static ergo_status set_u32(const ergo__sections *s, uint32_t *out)
{
    int64_t n = 0;
    const ergo_status status = ergo__sections_number(s, s->value, 0, UINT32_MAX, &n);
    *out = (uint32_t)n;
    return status;
}

static ergo_status set_yes(const ergo__sections *s, bool *out)
{
    *out = ergo__str_is(s->value, "yes");
    if (!*out && !ergo__str_is(s->value, "no"))
        return ergo__sections_bad(s, "must be yes or no, not", s->value);
    return ERGO_OK;
}

static const char *const quantities[] = {"power", "energy", "temperature", "clock"};

static ergo_status set_quantity(const ergo__sections *s, ergo_quantity *out)
{
    for (unsigned i = 0; i < sizeof quantities / sizeof *quantities; i++)
        if (ergo__str_is(s->value, quantities[i])) {
            *out = (ergo_quantity)i;
            return ERGO_OK;
        }
    return ergo__sections_bad(s, "unknown quantity", s->value);
}

static ergo_status set_sensor(const ergo__sections *s, ergo_sensor *sensor, bool *in_total)
{
    ergo_sensor_info *info = &sensor->info;
    int64_t range = 0;
    ergo_status status;
    if (ergo__str_is(s->key, "quantity"))
        return set_quantity(s, &info->quantity);
    if (ergo__str_is(s->key, "chip"))
        return set_text(s, info->chip, sizeof info->chip);
    if (ergo__str_is(s->key, "device"))
        return set_text(s, info->device, sizeof info->device);
    if (ergo__str_is(s->key, "channel"))
        return set_u32(s, &info->channel);
    if (ergo__str_is(s->key, "lsb"))
        return set_u32(s, &info->lsb);
    if (ergo__str_is(s->key, "gain_ppm"))
        return set_u32(s, &info->gain_ppm);
    if (ergo__str_is(s->key, "period_us"))
        return set_u32(s, &info->period_us);
    if (ergo__str_is(s->key, "shunt_uohm"))
        return set_u32(s, &info->shunt_uohm);
    if (ergo__str_is(s->key, "true_shunt_uohm"))
        return set_u32(s, &sensor->true_shunt_uohm);
    if (ergo__str_is(s->key, "averages"))
        return set_yes(s, &info->averages);
    if (ergo__str_is(s->key, "total"))
        return set_yes(s, in_total);
    if (!ergo__str_is(s->key, "range"))
        return ergo__sections_bad(s, "unknown key", s->key);
    status = ergo__sections_number(s, s->value, 0, INT64_MAX, &range);
    info->range = (uint64_t)range;
    return status;
}

static ergo_status begin_sensor(ergo_trace *trace, const ergo__sections *s)
{
    if (trace->count == ERGO_SENSORS_MAX)
        return ergo__sections_bad(s, "too many sensors:", s->name);
    if (s->name.size == 0 || s->name.size >= ERGO_SENSOR_NAME_MAX)
        return ergo__sections_bad(s, "a sensor's name has 1 to 47 bytes:", s->name);
    ergo_sensor *sensor = &trace->sensors[trace->count++];
    *sensor = (ergo_sensor){.info = {.quantity = ERGO_QUANTITY_POWER}};
    memcpy(sensor->info.name, s->name.data, s->name.size);
    return ERGO_OK;
}

/* ---- Readings ------------------------------------------------------------------------------ */

static const struct {
    const char *word;
    ergo_status status;
} errors[] = {{"io", ERGO_E_IO},
              {"permission", ERGO_E_PERMISSION},
              {"gone", ERGO_E_NOT_FOUND},
              {"off", ERGO_E_UNSUPPORTED}};

static ergo_status word_number(const ergo__sections *s, ergo_str *rest, int64_t least, int64_t most,
                               int64_t *out)
{
    ergo_str word;
    if (!ergo__sections_word(rest, &word))
        return ergo__sections_bad(s, "a number is missing:", s->key);
    return ergo__sections_number(s, word, least, most, out);
}

/* "error WORD", after the first word. */
static ergo_status parse_error(const ergo__sections *s, ergo_str rest, event *out)
{
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (ergo__str_is(rest, errors[i].word)) {
            out->status = errors[i].status;
            return ERGO_OK;
        }
    return ergo__sections_bad(s, "unknown error", rest);
}

static ergo_status parse_value(const ergo__sections *s, event *out)
{
    ergo_str rest = s->value;
    ergo_str word;
    int64_t converted = 0;
    (void)ergo__sections_word(&rest, &word);
    if (ergo__str_is(word, "error"))
        return parse_error(s, rest, out);
    ergo_status status = ergo__sections_number(s, word, -INT64_MAX, INT64_MAX, &out->reading.value);
    if (status == ERGO_OK && rest.size > 0)
        status = ergo__sections_number(s, rest, 0, MOST_NS, &converted);
    out->reading.time_ns = (uint64_t)converted;
    return status;
}

/* "AT = begin" and the like. */
static ergo_status parse_mark(const ergo__sections *s, event *out)
{
    ergo_str rest = s->value;
    ergo_str word;
    int64_t slept = 0;
    (void)ergo__sections_word(&rest, &word);
    out->kind = ergo__str_is(word, "begin") ? EVENT_BEGIN
                : ergo__str_is(word, "end") ? EVENT_END
                                            : EVENT_SUSPENDED;
    if (out->kind != EVENT_SUSPENDED)
        return rest.size == 0 ? ERGO_OK : ergo__sections_bad(s, "unexpected", rest);
    if (!ergo__str_is(word, "suspended"))
        return ergo__sections_bad(s, "unknown mark", word);
    const ergo_status status = word_number(s, &rest, 0, MOST_NS, &slept);
    out->slept_ns = (uint64_t)slept;
    return status;
}

static ergo_status parse_event(const ergo_trace *trace, const ergo__sections *s, event *out)
{
    ergo_str rest = s->key;
    int64_t at = 0, took = 0, sensor = 0;
    *out = (event){.kind = EVENT_READING};
    ergo_status status = word_number(s, &rest, 0, MOST_NS, &at);
    out->at_ns = (uint64_t)at;
    if (status == ERGO_OK && rest.size == 0)
        return parse_mark(s, out);
    if (status == ERGO_OK)
        status = word_number(s, &rest, 0, MOST_NS - at, &took);
    if (status == ERGO_OK)
        status = word_number(s, &rest, 0, (int64_t)trace->count - 1, &sensor);
    if (status == ERGO_OK && rest.size > 0)
        status = ergo__sections_bad(s, "unexpected", rest);
    if (status != ERGO_OK)
        return status;
    out->took_ns = (uint64_t)took;
    out->sensor = (uint32_t)sensor;
    return parse_value(s, out);
}

/* Where the last line of its kind ended. */
typedef struct check {
    uint64_t answered_ns;
    bool begun, ended;
} check;

static ergo_status check_event(ergo_trace *trace, const ergo__sections *s, check *c)
{
    event e;
    const ergo_status status = parse_event(trace, s, &e);
    if (status != ERGO_OK)
        return status;
    if (e.at_ns < c->answered_ns)
        return ergo__sections_bad(s, "before the end of the line above:", s->key);
    c->answered_ns = e.at_ns + e.took_ns;
    if (e.kind == EVENT_READING && trace->readings++ == 0 && !c->begun)
        trace->begin_ns = e.at_ns;
    if (!c->ended)
        trace->end_ns = c->answered_ns;
    if (e.kind == EVENT_BEGIN)
        trace->begin_ns = e.at_ns;
    c->begun = c->begun || e.kind == EVENT_BEGIN;
    c->ended = c->ended || e.kind == EVENT_END;
    return ERGO_OK;
}

/* ---- Open ---------------------------------------------------------------------------------- */

typedef enum section { IN_TRACE, IN_SENSOR, IN_READINGS, BEFORE_ALL } section;

static ergo_status begin_section(ergo_trace *trace, ergo__sections *s, section *in)
{
    if (*in == IN_READINGS)
        return ergo__sections_bad(s, "nothing may follow the readings:", s->kind);
    if (*in == BEFORE_ALL && !ergo__str_is(s->kind, "trace"))
        return ergo__sections_bad(s, "a trace begins with [trace], not", s->kind);
    if (*in == BEFORE_ALL) {
        *in = IN_TRACE;
        return ERGO_OK;
    }
    if (ergo__str_is(s->kind, "sensor")) {
        *in = IN_SENSOR;
        return begin_sensor(trace, s);
    }
    if (!ergo__str_is(s->kind, "readings"))
        return ergo__sections_bad(s, "unknown section", s->kind);
    if (trace->count == 0)
        return ergo__sections_bad(s, "no sensor before the", s->kind);
    *in = IN_READINGS;
    trace->at.text = *s; /* to be played from here */
    return ERGO_OK;
}

static ergo_status set_key(ergo_trace *trace, const ergo__sections *s, section in, bool *version)
{
    int64_t n = 0;
    bool in_total = false;
    ergo_status status;
    if (in == IN_TRACE) {
        if (!ergo__str_is(s->key, "version"))
            return ergo__sections_bad(s, "unknown key", s->key);
        *version = true;
        return ergo__sections_number(s, s->value, VERSION, VERSION, &n);
    }
    status = set_sensor(s, &trace->sensors[trace->count - 1], &in_total);
    if (status == ERGO_OK && in_total)
        trace->total |= UINT64_C(1) << (trace->count - 1);
    return status;
}

static ergo_status parse(ergo_trace *trace, ergo_str text, const ergo_log *log, const char *file)
{
    ergo__sections s = ergo__sections_begin(text, log, file);
    ergo__line line = ERGO__LINE_END;
    section in = BEFORE_ALL;
    check c = {0};
    bool version = false;
    ergo_status status;
    *trace = (ergo_trace){.count = 0};
    while ((status = ergo__sections_next(&s, &line)) == ERGO_OK && line != ERGO__LINE_END) {
        if (line == ERGO__LINE_SECTION)
            status = begin_section(trace, &s, &in);
        else if (in == IN_READINGS)
            status = check_event(trace, &s, &c);
        else
            status = set_key(trace, &s, in, &version);
        if (status != ERGO_OK)
            return status;
    }
    if (status != ERGO_OK)
        return status;
    if (!version)
        return ergo__fail(log, ERGO_E_FORMAT, "%s: this is no trace: it tells no version", file);
    if (trace->readings == 0)
        return ergo__fail(log, ERGO_E_FORMAT, "%s: there are no readings", file);
    if (trace->end_ns < trace->begin_ns)
        return ergo__fail(log, ERGO_E_FORMAT, "%s: the window ends before it begins", file);
    return ERGO_OK;
}

static ergo_trace *lay_trace(ergo__arena *arena)
{
    return ERGO__TAKE_LINE(arena, ergo_trace, 1);
}

ergo_status ergo_trace_size(size_t *size)
{
    ergo__arena arena = ergo__arena_counting();
    lay_trace(&arena);
    *size = arena.used;
    return ERGO_OK;
}

/* ---- Play ---------------------------------------------------------------------------------- */

/* The next line; marks pass, readings stop. */
static void advance(const ergo_trace *trace, cursor *at)
{
    ergo__line line = ERGO__LINE_END;
    for (;;) {
        /* The text has been checked: nothing can be wrong with it any more. */
        (void)ergo__sections_next(&at->text, &line);
        at->next = (event){.kind = EVENT_NONE};
        if (line == ERGO__LINE_END)
            return;
        (void)parse_event(trace, &at->text, &at->next);
        if (at->next.kind == EVENT_READING)
            return;
        if (at->next.kind == EVENT_SUSPENDED)
            at->slept_ns = at->next.slept_ns;
    }
}

/* The first reading of a sensor that is asked before its turn. */
static void look_ahead(player *p, uint32_t sensor)
{
    cursor ahead = p->trace->at;
    while (ahead.next.kind == EVENT_READING && ahead.next.sensor != sensor)
        advance(p->trace, &ahead);
    p->last = ahead.next;
    p->any = true;
}

static ergo_status read_player(void *self, ergo_reading *out)
{
    player *p = self;
    ergo_trace *trace = p->trace;
    const uint32_t sensor = (uint32_t)(p - trace->players);
    if (trace->at.next.kind == EVENT_READING && trace->at.next.sensor == sensor) {
        p->last = trace->at.next;
        p->any = true;
        trace->played++;
        trace->now_ns = p->last.at_ns + p->last.took_ns;
        trace->slept_ns = trace->at.slept_ns;
        advance(trace, &trace->at);
    } else if (!p->any) {
        look_ahead(p, sensor);
    }
    if (p->last.kind == EVENT_NONE)
        return ERGO_E_NOT_FOUND;
    *out = p->last.reading;
    return p->last.status;
}

ergo_status ergo_trace_open(ergo_str text, const ergo_log *log, const char *file, ergo_block memory,
                            ergo_trace **out)
{
    ergo__arena arena = ergo__arena_over(memory);
    ergo_trace *trace = lay_trace(&arena);
    if (arena.full)
        return ergo__fail(log, ERGO_E_MEMORY, "%s: needs more than %zu bytes", file, memory.size);
    const ergo_status status = parse(trace, text, log, file);
    if (status != ERGO_OK)
        return status;
    for (uint32_t i = 0; i < trace->count; i++) {
        trace->players[i] = (player){.trace = trace};
        trace->sensors[i].read = read_player;
        trace->sensors[i].self = &trace->players[i];
    }
    advance(trace, &trace->at);
    trace->now_ns = trace->at.next.at_ns;
    trace->slept_ns = trace->at.slept_ns;
    *out = trace;
    return ERGO_OK;
}

ergo_sensor *ergo_trace_sensors(ergo_trace *trace, size_t *count, uint64_t *total)
{
    *count = trace->count;
    *total = trace->total;
    return trace->sensors;
}

static uint64_t now_ns(void *user)
{
    return ((const ergo_trace *)user)->now_ns;
}

static uint64_t slept_ns(void *user)
{
    return ((const ergo_trace *)user)->slept_ns;
}

ergo_clock ergo_trace_clock(ergo_trace *trace)
{
    return (ergo_clock){.now_ns = now_ns, .suspended_ns = slept_ns, .user = trace};
}

void ergo_trace_window(const ergo_trace *trace, uint64_t *begin_ns, uint64_t *end_ns)
{
    *begin_ns = trace->begin_ns;
    *end_ns = trace->end_ns;
}

ergo_status ergo_trace_step(ergo_trace *trace, ergo_meter *meter)
{
    const uint64_t played = trace->played;
    if (trace->at.next.kind != EVENT_READING)
        return ERGO_IDLE;
    trace->now_ns = trace->at.next.at_ns;
    (void)ergo_meter_read(meter, trace->at.next.sensor);
    if (trace->played == played) { /* the meter has left the sensor out */
        trace->played++;
        advance(trace, &trace->at);
    }
    return ERGO_OK;
}
