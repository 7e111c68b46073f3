/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "power/track.h"

/*
 * What the readings tell about their sensor: how often it has a new one, and how much neighbours
 * differ without anything having happened. Both from the last ERGO__TRACK_RECENT changes and by
 * order statistics, so that a step of the load does not count as noise.
 */

/* Changes that must have been seen before they are believed. */
#define ENOUGH 12u
/* Changes within the stated period that prove it is no longer. */
#define PROMPT 4u
/* Sorting is not for every reading. */
#define JUDGE_EVERY 4u
/* Conversions after which only less noise is believed. */
#define QUIET 32u
/* A counter is stuck when it stands still for so many of its mean intervals. Power is when it
 * repeats itself more often than a noisy sensor does once in a million, but not more often than
 * this allows or demands. */
#define STUCK_TIMES 16u
#define MOST_REPEATS 1024.0
#define ONCE_IN_A_MILLION 13.8 /* -ln(1e-6) */
/* The least of many estimates, each with its own error of a tenth, is too small by about as much.
 */
#define OF_THE_QUIETEST 1.35

static int compare_u32(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static int compare_i64(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static uint32_t recent(uint64_t ever)
{
    return ever < ERGO__TRACK_RECENT ? (uint32_t)ever : ERGO__TRACK_RECENT;
}

/*
 * Changes lie a whole number of periods apart, give or take one sample. The lower quartile is one
 * period, unless most conversions repeat the one before; the mean of those near it is better than
 * any of them.
 */
static uint32_t period_of(const ergo__track *track)
{
    uint32_t sorted[ERGO__TRACK_RECENT];
    const uint32_t count = recent(track->changes);
    memcpy(sorted, track->interval, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_u32);
    const uint32_t quartile = sorted[count / 4];
    uint64_t sum = 0;
    uint32_t near = 0;
    for (uint32_t i = 0; i < count; i++)
        if (sorted[i] >= quartile / 2 && sorted[i] <= quartile + quartile / 2) {
            sum += sorted[i];
            near++;
        }
    return near > 0 ? (uint32_t)(sum / near) : quartile;
}

/*
 * The mean of the lower three quarters of the differences: of Gaussian noise s, whose differences
 * have sqrt(2) s, it is 0.5149 sqrt(2) s.
 */
static double noise_of(const ergo__track *track)
{
    int64_t sorted[ERGO__TRACK_RECENT];
    const uint32_t count = recent(track->steps);
    memcpy(sorted, track->step, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_i64);
    const uint32_t kept = count - count / 4;
    double sum = 0;
    for (uint32_t i = 0; i < kept; i++)
        sum += (double)sorted[i];
    return sum / kept / (0.5149 * 1.41421356);
}

/* Noise belongs to the sensor, not to the load: the quietest stretch tells it. */
static void learn_noise(ergo__track *track, int64_t difference, uint64_t now_ns)
{
    track->step[track->steps % ERGO__TRACK_RECENT] = llabs(difference);
    track->steps++;
    track->stepped_ns = now_ns;
    if (track->steps < ENOUGH || track->steps % JUDGE_EVERY != 0)
        return;
    const double noise = noise_of(track) * OF_THE_QUIETEST;
    if (track->steps <= QUIET || noise < track->noise)
        track->noise = noise;
}

static void learn_period(ergo__track *track, uint64_t interval_ns)
{
    const uint64_t us = interval_ns / 1000;
    track->interval[track->changes % ERGO__TRACK_RECENT] =
        us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
    track->changes++;
    if (us * 2 <= (uint64_t)track->info.period_us * 3)
        track->prompt++;
    if (track->changes < ENOUGH || track->changes % JUDGE_EVERY != 0)
        return;
    const uint32_t period = period_of(track);
    /* A quiet load changes rarely: what came as fast as stated cannot be slower. */
    if (track->prompt >= PROMPT && period > track->info.period_us)
        return;
    /* Where every sample is new, the period is shorter than can be seen: what was stated stands. */
    if (period > track->sample_us + track->sample_us / 2 || track->period_us == 0)
        track->period_us = period;
}

void ergo__track_learn(ergo__track *track, int64_t difference, uint64_t now_ns)
{
    const uint64_t since_step = now_ns - track->stepped_ns;
    if (difference != 0) {
        learn_noise(track, difference, now_ns);
        learn_period(track, now_ns - track->changed_ns);
    } else if (since_step / 1000 * 2 >= (uint64_t)track->period_us * 3 &&
               !ergo__track_is_stuck(track, now_ns)) {
        /* It converted again, to the same. */
        learn_noise(track, 0, track->stepped_ns + (uint64_t)track->period_us * 1000);
    }
}

/* Equal readings in a row that are suspicious. Where noise is small against the step of the sensor,
 * a constant load repeats itself for long. */
static double most_repeats(const ergo__track *track)
{
    const double step = fmax(track->info.lsb * track->scale, 1.0);
    const double noise = track->noise / OF_THE_QUIETEST;
    if (noise <= 0)
        return MOST_REPEATS;
    const double again = erf(step / (2 * sqrt(2.0) * noise)); /* the next reading is the same */
    return fmin(fmax(-ONCE_IN_A_MILLION / log(again), STUCK_TIMES), MOST_REPEATS);
}

bool ergo__track_is_stuck(const ergo__track *track, uint64_t now_ns)
{
    if (track->count == 0 || now_ns < track->changed_ns)
        return false;
    const uint32_t us = track->period_us > track->sample_us ? track->period_us : track->sample_us;
    double longest_us = us * most_repeats(track);
    const uint32_t count = recent(track->changes);
    if (track->info.quantity == ERGO_QUANTITY_ENERGY && count >= ENOUGH) {
        double sum = 0;
        for (uint32_t i = 0; i < count; i++)
            sum += track->interval[i];
        longest_us = STUCK_TIMES * fmax(sum / count, us);
    }
    return (double)(now_ns - track->changed_ns) / 1000 > longest_us;
}
