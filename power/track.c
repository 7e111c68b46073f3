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

void ergo__track_layout(ergo__track *track, ergo__arena *arena, uint32_t capacity)
{
    ergo__run *runs = ERGO__TAKE(arena, ergo__run, capacity);
    if (track) {
        track->runs = runs;
        track->capacity = capacity;
    }
}

void ergo__track_begin(ergo__track *track, const ergo_sensor *sensor)
{
    ergo__run *runs = track->runs;
    const uint32_t capacity = track->capacity;
    memset(track, 0, sizeof *track);
    track->runs = runs;
    track->capacity = capacity;
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

static uint64_t gap_limit_ns(const ergo__track *track)
{
    const uint32_t us = track->period_us > track->sample_us ? track->period_us : track->sample_us;
    return (uint64_t)us * NS_PER_US * ERGO_METER_GAP_PERIODS;
}

/* ---- Readings ------------------------------------------------------------------------------ */

/*
 * What a counter has counted since the last reading, in uJ. One that cannot wrap and runs backwards
 * has been set back: what it counted meanwhile is lost, and said.
 */
static int64_t counted(ergo__track *track, int64_t raw)
{
    int64_t delta = raw - track->raw;
    if (delta < 0 && track->info.range > 0) {
        delta += (int64_t)track->info.range;
    }
    if (delta < 0) {
        delta = 0;
        track->pending |= ERGO_ENERGY_FAILED;
    }
    return delta;
}

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

/* Scaled; counters unwrapped. After a suspension a counter holds what was spent asleep: left out.
 */
static int64_t value_of(ergo__track *track, int64_t raw, uint64_t slept_ns, uint64_t ns)
{
    if (!is_counter(track))
        return (int64_t)llround((double)raw * track->scale);
    const int64_t before = track->count > 0 ? last_run(track)->value : 0;
    int64_t delta = 0;
    if (track->count > 0)
        delta = slept_ns > 0 ? nanojoules(slope_uw(track), ns) / 1000
                             : (int64_t)llround((double)counted(track, raw) * track->scale);
    track->raw = raw;
    return before + delta;
}

static void begin_run(ergo__track *track, const ergo__run *run)
{
    track->runs[track->count % track->capacity] = *run;
    track->count++;
}

/* The line from the last run to the next: energy, and what is not known about it. */
static void join(ergo__track *track, ergo__run *next, bool gap)
{
    ergo__run *last = last_run(track);
    const double difference = (double)(next->value - last->value);
    if (!is_counter(track) && track->info.averages && !gap) {
        /* The change was somewhere between the two samples. */
        const double apart = (double)(next->begin_ns - last->end_ns) * 1e-9;
        next->variance = difference * difference * apart * apart / 12.0;
        next->begin_ns = last->end_ns + (next->begin_ns - last->end_ns) / 2;
        last->end_ns = next->begin_ns;
    }
    const uint64_t line_ns = next->begin_ns - last->end_ns;
    const double seconds = (double)line_ns * 1e-9;
    if (is_counter(track)) {
        next->begin_nj = last->begin_nj + (next->value - last->value) * 1000;
    } else {
        next->begin_nj = last->begin_nj +
                         nanojoules((double)last->value, last->end_ns - last->begin_ns) +
                         nanojoules(((double)last->value + (double)next->value) / 2, line_ns);
        if (!track->info.averages)
            next->variance = difference * difference * seconds * seconds / 2.0;
    }
    next->variance += last->variance;
    next->gap_ns = last->gap_ns;
    next->gap_uj = last->gap_uj;
    if (gap && !is_counter(track)) {
        const double largest = fmax(fabs((double)last->value), fabs((double)next->value));
        next->gap_ns += line_ns;
        next->gap_uj += seconds * fmax(largest / 2, fabs(difference));
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

static void first_reading(ergo__track *track, const ergo__run *run, int64_t raw)
{
    track->raw = raw;
    begin_run(track, run);
}

bool ergo__track_add(ergo__track *track, const ergo_reading *reading, uint64_t now_ns,
                     uint64_t suspended_ns)
{
    const uint64_t seen = reading->time_ns > 0 ? reading->time_ns : now_ns;
    const uint64_t slept = suspended_ns > track->suspended_ns + SUSPENSION_NS && track->count > 0
                               ? suspended_ns - track->suspended_ns
                               : 0;
    const bool first = track->count == 0;
    const bool backwards = !first && now_ns < track->seen_ns;
    const bool gap =
        !first && (slept > 0 || backwards || now_ns - track->seen_ns > gap_limit_ns(track));
    if (slept > 0 || backwards)
        track->pending |= ERGO_ENERGY_CLOCK;
    ergo__run run = {.begin_ns = belongs_to(track, seen)};
    run.value = value_of(track, reading->value, slept, first ? 0 : now_ns - track->seen_ns);
    if (!first && run.begin_ns < last_run(track)->end_ns)
        run.begin_ns = last_run(track)->end_ns;
    run.end_ns = run.begin_ns;
    const bool same = !first && run.value == last_run(track)->value;
    track->suspended_ns = suspended_ns;
    if (!backwards)
        track->seen_ns = now_ns;
    if (same && !gap) {
        if (!is_counter(track))
            last_run(track)->end_ns = run.end_ns;
        ergo__track_learn(track, 0, now_ns);
        return false;
    }
    if (first) {
        first_reading(track, &run, reading->value);
    } else {
        const int64_t before = last_run(track)->value;
        join(track, &run, gap);
        distrust_stuck(track, &run, now_ns);
        run.flags |= track->pending;
        begin_run(track, &run);
        if (!gap)
            ergo__track_learn(track, run.value - before, now_ns);
    }
    track->pending = 0;
    track->changed_ns = now_ns;
    return true;
}
