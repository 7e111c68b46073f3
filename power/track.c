/* SPDX-License-Identifier: Apache-2.0 */
#include "power/track.h"

#include <math.h>
#include <string.h>

/*
 * Readings become runs; the cumulative energy, variance and gaps up to each run are kept with it,
 * so that a window costs two searches. What has been said about the past never changes: windows
 * that touch add up.
 */

#define NS_PER_US 1000u
#define SUSPENSION_NS 1000000u /* less is the clocks' own difference */
#define MARK_NS UINT64_C(1000000000)

void ergo__track_layout(ergo__track *track, ergo__arena *arena, uint32_t capacity)
{
    ergo__run *runs = ERGO__TAKE(arena, ergo__run, capacity);
    ergo__run *marks = ERGO__TAKE(arena, ergo__run, capacity > 0 ? ERGO__TRACK_MARKS : 0);
    if (track) {
        track->runs = runs;
        track->marks = marks;
        track->capacity = capacity;
    }
}

void ergo__track_begin(ergo__track *track, const ergo_sensor *sensor)
{
    ergo__run *runs = track->runs;
    ergo__run *marks = track->marks;
    const uint32_t capacity = track->capacity;
    memset(track, 0, sizeof *track);
    track->runs = runs;
    track->marks = marks;
    track->capacity = capacity;
    track->mark_ns = MARK_NS;
    track->info = sensor->info;
    track->scale = sensor->true_shunt_uohm > 0 && sensor->info.shunt_uohm > 0
                       ? (double)sensor->info.shunt_uohm / sensor->true_shunt_uohm
                       : 1.0;
    track->period_us = sensor->info.period_us;
}

bool ergo__track_any(const ergo__track *track)
{
    return track->count > 0;
}

void ergo__track_fail(ergo__track *track)
{
    track->pending |= ERGO_ENERGY_FAILED;
}

void ergo__track_jump(ergo__track *track)
{
    track->pending |= ERGO_ENERGY_CLOCK;
    track->jumped = true;
}

static ergo__run *last_run(const ergo__track *track)
{
    return &track->runs[(track->count - 1) % track->capacity];
}

uint64_t ergo__track_known_ns(const ergo__track *track)
{
    return track->count > 0 ? last_run(track)->end_ns : 0;
}

static bool is_counter(const ergo__track *track)
{
    return track->info.quantity == ERGO_QUANTITY_ENERGY;
}

/* uW over ns, in nJ. */
static int64_t nanojoules(double uw, uint64_t ns)
{
    return (int64_t)llround(uw * (double)ns * 1e-6);
}

/*
 * When a reading seen at `t` was true: sensors that average show the period before; of others the
 * reading is up to a period old.
 */
static uint64_t belongs_to(const ergo__track *track, uint64_t t)
{
    const uint64_t period = (uint64_t)track->period_us * NS_PER_US;
    const uint64_t shift = track->info.averages ? period : period / 2;
    return t > shift ? t - shift : 0;
}

uint64_t ergo__track_gap_ns(const ergo__track *track)
{
    const uint32_t us = track->period_us > track->sample_us ? track->period_us : track->sample_us;
    return (uint64_t)us * NS_PER_US * ERGO_METER_GAP_PERIODS;
}

/* ---- Readings ------------------------------------------------------------------------------ */

/* Power over the line that ends with the last run; for counters. */
static double slope_uw(const ergo__track *track)
{
    if (track->count < 2)
        return 0.0;
    const ergo__run *b = last_run(track);
    const ergo__run *a = &track->runs[(track->count - 2) % track->capacity];
    return b->begin_ns > a->end_ns
               ? (double)(b->begin_nj - a->begin_nj) * 1e6 / (double)(b->begin_ns - a->end_ns)
               : 0.0;
}

/*
 * What a counter has counted in the `ns` since the last reading, in its own uJ. False when it does
 * not tell: it was set back (wrapped, it would have come round by more than half its range), or
 * may have wrapped more than once, as the power went.
 */
static bool counted(ergo__track *track, int64_t raw, uint64_t ns, int64_t *delta)
{
    const int64_t range = (int64_t)track->info.range;
    const double usual = slope_uw(track) * (double)ns * 1e-9 / track->scale;
    *delta = raw - track->raw;
    const bool back = *delta < 0;
    *delta += back ? range : 0;
    if (back && *delta > range / 2) {
        track->pending |= ERGO_ENERGY_FAILED;
        return false;
    }
    return range == 0 || usual < (double)range / 4;
}

/* Scaled. */
static int64_t power_of(const ergo__track *track, int64_t raw)
{
    return (int64_t)llround((double)raw * track->scale);
}

/*
 * A counter unwrapped and scaled. Where what it counted is not known, or was counted while the
 * clock did not run, the power before goes on.
 */
static int64_t count_of(ergo__track *track, int64_t raw, uint64_t ns, bool *lost)
{
    int64_t value = 0;
    if (track->count > 0) {
        int64_t delta;
        *lost = !counted(track, raw, ns, &delta) || *lost;
        value = last_run(track)->value + (*lost ? nanojoules(slope_uw(track), ns) / 1000
                                                : (int64_t)llround((double)delta * track->scale));
    }
    track->raw = raw;
    return value;
}

/* What the ring is about to forget. When there is no room for a mark, every second one goes. */
static void mark(ergo__track *track, const ergo__run *run)
{
    uint32_t *count = &track->mark_count;
    track->mark_flags |= run->flags;
    if (*count > 0 && run->begin_ns < track->marks[*count - 1].begin_ns + track->mark_ns)
        return;
    if (*count == ERGO__TRACK_MARKS) {
        for (uint32_t i = 2; i < *count; i += 2) {
            const uint32_t flags = track->marks[i - 1].flags;
            track->marks[i / 2] = track->marks[i];
            track->marks[i / 2].flags |= flags;
        }
        track->mark_flags |= track->marks[*count - 1].flags;
        *count /= 2;
        track->mark_ns *= 2;
    }
    track->marks[*count] = *run;
    track->marks[*count].flags = track->mark_flags;
    track->mark_flags = 0;
    (*count)++;
}

static void begin_run(ergo__track *track, const ergo__run *run)
{
    ergo__run *place = &track->runs[track->count % track->capacity];
    if (track->count >= track->capacity)
        mark(track, place);
    *place = *run;
    track->count++;
}

/* What the line from the last run to the next says, and what not. Of a sensor that averages, a
 * line of more than a period and a half has conversions in it that nobody saw. */
typedef enum line_kind {
    LINE_STEP,   /* an average after the other */
    LINE_MISSED, /* the same, with averages between that were not seen */
    LINE_STRAIGHT,
    LINE_GAP,
} line_kind;

static line_kind kind_of(const ergo__track *track, const ergo__run *next, bool lost)
{
    const uint64_t period = (uint64_t)track->period_us * NS_PER_US;
    if (lost)
        return LINE_GAP;
    if (is_counter(track) || !track->info.averages)
        return LINE_STRAIGHT;
    if (period == 0 || next->begin_ns - last_run(track)->end_ns <= period + period / 2)
        return LINE_STEP;
    return LINE_MISSED;
}

/* For how long one conversion has shown as equal readings before the line that follows. */
static uint64_t held_ns(const ergo__track *track, const ergo__run *run)
{
    const uint64_t period = (uint64_t)track->period_us * NS_PER_US;
    const uint64_t held = run->end_ns - run->begin_ns;
    return held < period ? held : period;
}

/* The energy of the line, and what is not known about it. */
static void join(ergo__track *track, ergo__run *next, bool lost)
{
    ergo__run *last = last_run(track);
    const line_kind kind = kind_of(track, next, lost);
    const double difference = (double)(next->value - last->value);
    next->variance = last->variance;
    if (kind == LINE_STEP) {
        /* The change was somewhere between the two samples. A step within a conversion makes two
         * changes, both late by the same time: twice the variance of independent ones. */
        const double apart = (double)(next->begin_ns - last->end_ns) * 1e-9;
        next->variance += difference * difference * apart * apart / 6.0;
        next->begin_ns = last->end_ns + (next->begin_ns - last->end_ns) / 2;
        last->end_ns = next->begin_ns;
    }
    const uint64_t line_ns = next->begin_ns - last->end_ns;
    const double seconds = (double)line_ns * 1e-9;
    double most_uj = fabs(difference); /* of the line, for counters */
    if (is_counter(track)) {
        next->begin_nj = last->begin_nj + (next->value - last->value) * 1000;
    } else {
        next->begin_nj = last->begin_nj +
                         nanojoules((double)last->value, last->end_ns - last->begin_ns) +
                         nanojoules(((double)last->value + (double)next->value) / 2, line_ns);
        if (kind == LINE_STRAIGHT || kind == LINE_MISSED) {
            const double speaks = seconds + (double)held_ns(track, last) * 1e-9;
            next->variance += difference * difference * speaks * speaks / 2.0;
        }
        most_uj = seconds * fmax(fmax(fabs((double)last->value), fabs((double)next->value)),
                                 2 * fabs(difference));
    }
    next->gap_ns = last->gap_ns;
    next->gap_uj = last->gap_uj;
    if (kind == LINE_MISSED)
        next->gap_ns += line_ns - (uint64_t)track->period_us * NS_PER_US;
    if (kind == LINE_GAP) {
        next->gap_ns += line_ns;
        next->gap_uj += most_uj / 2;
    }
}

/* A run that lasted suspiciously long is not believed either. */
static void distrust_stuck(const ergo__track *track, ergo__run *next, uint64_t now_ns)
{
    const ergo__run *last = last_run(track);
    if (!ergo__track_is_stuck(track, now_ns))
        return;
    const uint64_t span = last->end_ns - last->begin_ns;
    next->flags |= ERGO_ENERGY_STUCK;
    next->gap_ns += span;
    next->gap_uj += (double)span * 1e-9 * fabs((double)(next->value - last->value));
}

/* The first one begins; later ones are joined to those before. */
static void begin_next(ergo__track *track, ergo__run *run, bool lost, uint64_t now_ns)
{
    if (track->count > 0) {
        const int64_t before = last_run(track)->value;
        join(track, run, lost);
        distrust_stuck(track, run, now_ns);
        run->flags |= track->pending;
        begin_run(track, run);
        if (!lost)
            ergo__track_learn(track, run->value - before, now_ns);
        if (!lost && run->value == before)
            return; /* as old as before */
    } else {
        begin_run(track, run);
    }
    track->changed_ns = now_ns;
}

bool ergo__track_add(ergo__track *track, const ergo_reading *reading, uint64_t now_ns,
                     uint64_t suspended_ns)
{
    const bool first = track->count == 0;
    const uint64_t ns = first ? 0 : now_ns - track->seen_ns;
    if (!first && suspended_ns > track->suspended_ns + SUSPENSION_NS)
        ergo__track_jump(track);
    bool lost = !first && track->jumped;
    ergo__run run = {.begin_ns =
                         belongs_to(track, reading->time_ns > 0 ? reading->time_ns : now_ns)};
    if (is_counter(track)) {
        run.value = count_of(track, reading->value, ns, &lost);
    } else {
        run.value = power_of(track, reading->value);
        lost = lost || ns > ergo__track_gap_ns(track);
    }
    if (!first && run.begin_ns < last_run(track)->end_ns)
        run.begin_ns = last_run(track)->end_ns;
    run.end_ns = run.begin_ns;
    track->suspended_ns = suspended_ns;
    track->seen_ns = now_ns;
    track->jumped = false;
    /* What failed before an equal reading of power is noted where it was. */
    const bool noted = track->pending == 0 || is_counter(track);
    if (!first && run.value == last_run(track)->value && !lost && noted &&
        kind_of(track, &run, lost) != LINE_MISSED) {
        if (!is_counter(track))
            last_run(track)->end_ns = run.end_ns;
        ergo__track_learn(track, 0, now_ns);
        return false;
    }
    begin_next(track, &run, lost, now_ns);
    track->pending = 0;
    return true;
}
