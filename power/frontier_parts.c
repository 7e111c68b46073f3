/* SPDX-License-Identifier: Apache-2.0 */
#include "ergo/frontier.h"

/*
 * Work made of parts. All parts start at their fastest points; what leads from a point of a hull to
 * the next saves so many joules for so many seconds. The hull of the sum is made of these segments,
 * best rate first (the Minkowski sum of convex chains).
 */

/* Where every part has got to. */
typedef struct walk {
    const ergo_part *parts;
    uint32_t count;
    uint32_t at[ERGO_PARTS_MAX]; /* index into the part's frontier */
} walk;

static uint32_t next_on_hull(const ergo_part *part, uint32_t i)
{
    do
        i++;
    while (i < part->count && part->frontier[i].place != ERGO_PLACE_HULL);
    return i;
}

static bool begin(walk *w, const ergo_part *parts, uint32_t count)
{
    *w = (walk){.parts = parts, .count = count};
    if (count == 0 || count > ERGO_PARTS_MAX)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (parts[i].count == 0)
            return false;
    return true;
}

/* The part whose next segment saves most joules per second; count when none has one left. */
static uint32_t best_segment(const walk *w, uint32_t *next)
{
    uint32_t best = w->count;
    double best_rate = 0.0;
    for (uint32_t i = 0; i < w->count; i++) {
        const ergo_part *part = &w->parts[i];
        const uint32_t to = next_on_hull(part, w->at[i]);
        if (to >= part->count || part->tokens == 0)
            continue;
        const ergo_point *p = &part->frontier[w->at[i]];
        const ergo_point *q = &part->frontier[to];
        const double rate = (double)(p->nj - q->nj) / (double)(q->ns - p->ns);
        if (rate > best_rate) {
            best = i;
            best_rate = rate;
            *next = to;
        }
    }
    return best;
}

static void take_one(ergo_part *part, uint32_t i)
{
    part->mix = (ergo_mix){i, i, 0, part->frontier[i].ns, part->frontier[i].nj};
}

static double total_ns_of(const ergo_part *parts, uint32_t count)
{
    double sum = 0.0;
    for (uint32_t i = 0; i < count; i++)
        sum += (double)parts[i].mix.ns * (double)parts[i].tokens;
    return sum;
}

static void add_up(const ergo_part *parts, uint32_t count, uint64_t *total_ns, uint64_t *total_nj)
{
    *total_ns = *total_nj = 0;
    for (uint32_t i = 0; i < count; i++) {
        *total_ns += parts[i].mix.ns * parts[i].tokens;
        *total_nj += parts[i].mix.nj * parts[i].tokens;
    }
}

/* The part of a segment for which the time is enough. */
static void take_some(ergo_part *part, uint32_t from, uint32_t to, double left_ns)
{
    const ergo_point *p = &part->frontier[from];
    const double slower = (double)(part->frontier[to].ns - p->ns);
    const double share = left_ns / (slower * (double)part->tokens);
    const double saved = (double)(p->nj - part->frontier[to].nj);
    part->mix = (ergo_mix){from, to, (uint32_t)(share * 1e6), p->ns + (uint64_t)(slower * share),
                           (uint64_t)((double)p->nj - saved * share)};
}

bool ergo_parts_split(ergo_part *parts, uint32_t count, uint64_t limit_ns, uint64_t *total_ns,
                      uint64_t *total_nj)
{
    walk w;
    if (!begin(&w, parts, count))
        return false;
    for (uint32_t i = 0; i < count; i++)
        take_one(&parts[i], 0);
    double left = (double)limit_ns - total_ns_of(parts, count);
    const bool in_time = left >= 0.0;
    uint32_t i, to;
    while (left > 0.0 && (i = best_segment(&w, &to)) < count) {
        const ergo_part *part = &parts[i];
        const double needed =
            (double)(part->frontier[to].ns - part->frontier[w.at[i]].ns) * (double)part->tokens;
        if (needed > left)
            take_some(&parts[i], w.at[i], to, left);
        else
            take_one(&parts[i], to);
        w.at[i] = to;
        left -= needed;
    }
    add_up(parts, count, total_ns, total_nj);
    return in_time;
}

uint32_t ergo_parts_hull(const ergo_part *parts, uint32_t count, ergo_whole *out, uint32_t room)
{
    walk w;
    if (!begin(&w, parts, count))
        return 0;
    ergo_whole whole = {0, 0};
    for (uint32_t i = 0; i < count; i++) {
        whole.ns += parts[i].frontier[0].ns * parts[i].tokens;
        whole.nj += parts[i].frontier[0].nj * parts[i].tokens;
    }
    uint32_t written = 0;
    for (uint32_t i = 0, to = 0; i < count; w.at[i] = to) {
        if (written < room)
            out[written] = whole;
        written++;
        i = best_segment(&w, &to);
        if (i == count)
            break;
        const ergo_point *p = &parts[i].frontier[w.at[i]];
        const ergo_point *q = &parts[i].frontier[to];
        whole.ns += (q->ns - p->ns) * parts[i].tokens;
        whole.nj -= (p->nj - q->nj) * parts[i].tokens;
    }
    return written;
}
