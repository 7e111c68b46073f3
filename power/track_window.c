/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "power/track.h"

/* Windows of a track. */

/* A moment in a track. */
typedef struct moment {
    const ergo__run *run;  /* the last one that begins at or before it */
    const ergo__run *next; /* NULL after the last */
    double nj;
    double covered_ns; /* cumulative time that readings cover */
    double variance;
    double gap_uj;
    double edge_uj;   /* error of cutting here */
    double beyond_uj; /* error of what lies before the first or behind the last reading */
    uint32_t flags;
} moment;

static const ergo__run *run_at(const ergo__track *track, uint64_t i)
{
    return &track->runs[i % track->capacity];
}

static uint64_t oldest(const ergo__track *track)
{
    return track->count > track->capacity ? track->count - track->capacity : 0;
}

/* Number of the last run that begins at or before t; the oldest when none does. */
static uint64_t find(const ergo__track *track, uint64_t t)
{
    uint64_t low = oldest(track);
    uint64_t high = track->count;
    while (high - low > 1) {
        const uint64_t middle = low + (high - low) / 2;
        if (run_at(track, middle)->begin_ns <= t)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Whether runs that have been forgotten left marks. */
static bool has_marks(const ergo__track *track)
{
    return track->mark_count > 0;
}

static bool is_counter(const ergo__track *track)
{
    return track->info.quantity == ERGO_QUANTITY_ENERGY;
}

/* Mean power of the line that ends with run i. */
static double line_uw(const ergo__track *track, uint64_t i)
{
    if (i <= oldest(track) || i >= track->count)
        return 0.0;
    const ergo__run *a = run_at(track, i - 1);
    const ergo__run *b = run_at(track, i);
    const double ns = (double)(b->begin_ns - a->begin_ns);
    return ns > 0 ? (double)(b->begin_nj - a->begin_nj) * 1e6 / ns : 0.0;
}

/* Power during run i, or the line after it for counters. */
static double power_uw(const ergo__track *track, uint64_t i)
{
    if (!is_counter(track))
        return (double)run_at(track, i)->value;
    return i + 1 < track->count ? line_uw(track, i + 1) : line_uw(track, i);
}

int64_t ergo__track_power_uw(const ergo__track *track)
{
    return track->count > 0 ? (int64_t)llround(power_uw(track, track->count - 1)) : 0;
}

/* How far the power may be from its present reading, where nothing tells. */
static double spread_uw(const ergo__track *track)
{
    const uint64_t first = oldest(track);
    const uint64_t from =
        track->count - first > ERGO__TRACK_RECENT ? track->count - ERGO__TRACK_RECENT : first;
    double least = power_uw(track, track->count - 1);
    double most = least;
    if (track->count - first < 3)
        return fabs(least);
    for (uint64_t i = from; i < track->count; i++) {
        least = fmin(least, power_uw(track, i));
        most = fmax(most, power_uw(track, i));
    }
    return most - least;
}

/*
 * A quarter of the time over which a reading speaks, times what its neighbours differ by. Of an
 * average a half: the load may have stepped within its period, from one neighbour to the other.
 */
static double edge_uj(const ergo__track *track, uint64_t i, uint64_t t)
{
    const ergo__run *run = run_at(track, i);
    const uint64_t period_ns = (uint64_t)track->period_us * 1000;
    const double here = power_uw(track, i);
    double difference = 0;
    if (i > oldest(track) && t - run->begin_ns < period_ns)
        difference = fabs(here - power_uw(track, i - 1));
    uint64_t speaks_ns = period_ns;
    if (i + 1 < track->count) {
        const uint64_t to_next = run_at(track, i + 1)->begin_ns - t;
        const uint64_t line = run_at(track, i + 1)->begin_ns - run->end_ns;
        speaks_ns = line > period_ns ? line : period_ns;
        if (to_next <= speaks_ns)
            difference = fmax(difference, fabs(power_uw(track, i + 1) - here));
    }
    const double part = track->info.averages ? 0.5 : 0.25;
    double uj = part * difference * (double)speaks_ns * 1e-9;
    if (is_counter(track)) {
        /* Where a long line is cut, nothing tells how much was drawn before. */
        if (i + 1 < track->count && speaks_ns > ergo__track_gap_ns(track)) {
            const uint64_t next_ns = run_at(track, i + 1)->begin_ns;
            const uint64_t before = t - run->begin_ns;
            const uint64_t behind = next_ns > t ? next_ns - t : 0;
            uj = fmax(uj, fabs(here) * (double)(before < behind ? before : behind) * 1e-9);
        }
        /* When it last counted, and by how much of a step. */
        const double stale = 0.475 * fabs(here) * (double)period_ns * 1e-9;
        uj = hypot(hypot(uj, stale), 0.475 * track->info.lsb * track->scale);
    }
    return uj;
}

/* Behind the last run: its power goes on; for long, that is worth as little as a gap. */
static void go_on(const ergo__track *track, uint64_t t, moment *m)
{
    const uint64_t behind = t - m->run->end_ns;
    const double uw = power_uw(track, track->count - 1);
    m->nj += uw * (double)behind * 1e-6;
    const double gap = behind > ergo__track_gap_ns(track) ? fabs(uw) / 2 : 0.0;
    m->beyond_uj = fmax(spread_uw(track), gap) * (double)behind * 1e-9;
    m->flags = track->pending;
}

/* Number of the last mark that begins at or before t. */
static uint32_t find_mark(const ergo__track *track, uint64_t t)
{
    uint32_t low = 0;
    uint32_t high = track->mark_count;
    while (high - low > 1) {
        const uint32_t middle = (low + high) / 2;
        if (track->marks[middle].begin_ns <= t)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Before all that is remembered in full: on the straight line between two marks. */
static moment marked_moment(const ergo__track *track, uint64_t t)
{
    const uint32_t i = find_mark(track, t);
    const ergo__run *a = &track->marks[i];
    const ergo__run *b = i + 1 < track->mark_count ? a + 1 : run_at(track, oldest(track));
    const double line = (double)(b->begin_ns - a->begin_ns);
    const double before = (double)(t - a->begin_ns);
    const double part = line > 0 ? before / line : 0.0;
    const double uj = (double)(b->begin_nj - a->begin_nj) * 1e-3;
    const double covered = (double)(b->begin_ns - b->gap_ns) - (double)(a->begin_ns - a->gap_ns);
    return (moment){
        .run = a,
        .nj = (double)a->begin_nj + uj * 1e3 * part,
        .covered_ns = (double)a->begin_ns - (double)a->gap_ns + covered * part,
        .variance = a->variance + (b->variance - a->variance) * part,
        .gap_uj = a->gap_uj + (b->gap_uj - a->gap_uj) * part,
        .edge_uj = fabs(uj) * fmin(part, 1 - part),
    };
}

/* Before the first reading ever. */
static moment moment_before(const ergo__track *track, const ergo__run *first, uint64_t t)
{
    const double before = (double)(first->begin_ns - t);
    const double uw = is_counter(track) ? power_uw(track, oldest(track)) : (double)first->value;
    return (moment){
        .run = first,
        .nj = (double)first->begin_nj - uw * before * 1e-6,
        .covered_ns = (double)first->begin_ns - (double)first->gap_ns,
        .variance = first->variance,
        .gap_uj = first->gap_uj,
        .beyond_uj = fabs(uw) * before * 1e-9,
        .flags = ERGO_ENERGY_CLIPPED,
    };
}

static moment moment_at(const ergo__track *track, uint64_t t)
{
    const ergo__run *known = run_at(track, oldest(track));
    const ergo__run *first = has_marks(track) ? &track->marks[0] : known;
    if (t < first->begin_ns)
        return moment_before(track, first, t);
    if (t < known->begin_ns)
        return marked_moment(track, t);
    const uint64_t i = find(track, t);
    moment m = {.run = run_at(track, i),
                .next = i + 1 < track->count ? run_at(track, i + 1) : NULL};
    const ergo__run *run = m.run;
    m.nj = (double)run->begin_nj;
    m.variance = run->variance;
    m.gap_uj = run->gap_uj;
    m.covered_ns = (double)run->begin_ns - (double)run->gap_ns;
    const uint64_t held = (t < run->end_ns ? t : run->end_ns) - run->begin_ns;
    if (!is_counter(track))
        m.nj += (double)run->value * (double)held * 1e-6;
    m.covered_ns += (double)held;
    m.edge_uj = edge_uj(track, i, t);
    if (t <= run->end_ns)
        return m;
    if (!m.next) {
        go_on(track, t, &m);
        return m;
    }
    const double line = (double)(m.next->begin_ns - run->end_ns);
    const double part = (double)(t - run->end_ns) / line;
    const double slope = is_counter(track) ? 0.0 : (double)(m.next->value - run->value);
    const double start = is_counter(track) ? line_uw(track, i + 1) : (double)run->value;
    m.nj += (start + slope * part / 2) * part * line * 1e-6;
    m.variance += (m.next->variance - run->variance) * part;
    m.gap_uj += (m.next->gap_uj - run->gap_uj) * part;
    if (m.next->gap_ns == run->gap_ns)
        m.covered_ns += part * line;
    return m;
}

static uint32_t flags_between(const ergo__track *track, uint64_t begin_ns, uint64_t end_ns)
{
    uint32_t flags = 0;
    if (has_marks(track) && begin_ns < run_at(track, oldest(track))->begin_ns) {
        for (uint32_t i = find_mark(track, begin_ns) + 1; i < track->mark_count; i++)
            flags |= track->marks[i].begin_ns < end_ns ? track->marks[i].flags : 0;
        flags |= track->mark_flags;
    }
    for (uint64_t i = find(track, begin_ns) + 1; i < track->count; i++) {
        const ergo__run *run = run_at(track, i);
        flags |= run->flags;
        if (run->begin_ns >= end_ns)
            break;
    }
    if (ergo__track_is_stuck(track, track->seen_ns) &&
        end_ns > run_at(track, track->count - 1)->begin_ns)
        flags |= ERGO_ENERGY_STUCK;
    return flags;
}

/* 95 % of noise and resolution over `seconds`. */
static double noise_uj(const ergo__track *track, double seconds)
{
    if (is_counter(track))
        return 0.0; /* at the edges only */
    const double lsb = track->info.lsb * track->scale;
    const uint32_t us = track->period_us > track->sample_us ? track->period_us : track->sample_us;
    const double noise = fmax(track->noise, lsb / sqrt(12.0));
    const double averaged =
        track->info.averages ? 1.96 * noise * sqrt(seconds * (double)us * 1e-6) : 0.0;
    /* Readings that hardly move are all wrong by the same part of a step. */
    const double standing = track->noise < 0.45 * lsb ? 0.475 * lsb * seconds : 0.0;
    return hypot(averaged, standing);
}

void ergo__track_between(const ergo__track *track, uint64_t begin_ns, uint64_t end_ns,
                         ergo__window *out)
{
    const moment a = moment_at(track, begin_ns);
    const moment b = moment_at(track, end_ns);
    const uint64_t ns = end_ns - begin_ns;
    const double seconds = (double)ns * 1e-9;
    const uint32_t us = track->period_us > track->sample_us ? track->period_us : track->sample_us;
    const double covered = fmin(fmax(b.covered_ns - a.covered_ns, 0.0), (double)ns);
    ergo_energy *e = &out->energy;
    *e = (ergo_energy){.ns = ns, .covered_ns = (uint64_t)covered};
    e->uj = (int64_t)floor(b.nj / 1000) - (int64_t)floor(a.nj / 1000);
    e->readings = us > 0 ? (uint32_t)fmin(covered / 1000 / us, UINT32_MAX) : 0;
    e->flags = a.flags | b.flags | flags_between(track, begin_ns, end_ns);
    if ((double)ns / 1000 < 20.0 * us)
        e->flags |= ERGO_ENERGY_FEW;
    if (covered < 0.95 * (double)ns)
        e->flags |= ERGO_ENERGY_GAPS;
    const double between = 1.96 * sqrt(fmax(b.variance - a.variance, 0.0));
    const double edges = hypot(a.edge_uj, b.edge_uj);
    const double beyond = fabs(b.beyond_uj - a.beyond_uj);
    const double gaps = fmax(b.gap_uj - a.gap_uj, 0.0);
    out->random_uj =
        hypot(hypot(noise_uj(track, seconds), between), hypot(edges, hypot(beyond, gaps)));
    out->gain_uj = fabs((double)e->uj) * track->info.gain_ppm * 1e-6;
}
