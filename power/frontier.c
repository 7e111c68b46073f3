/* SPDX-License-Identifier: Apache-2.0 */
#include "ergo/frontier.h"

/*
 * Sorting is a heap sort: it needs no memory, and qsort of some C libraries takes some. The hull is
 * found by one walk over the frontier (Andrew's monotone chain).
 */

uint64_t ergo_point_uw(const ergo_point *point)
{
    if (point->ns == 0)
        return 0;
    return (uint64_t)((double)point->nj * 1e6 / (double)point->ns + 0.5);
}

/* ---- Order --------------------------------------------------------------------------------- */

/* Frontier first, then what is cooler; by time, then energy, then trust. */
static int rank(const ergo_point *p)
{
    return p->place >= ERGO_PLACE_FRONTIER ? 0 : p->place == ERGO_PLACE_COOLER ? 1 : 2;
}

static bool before(const ergo_point *a, const ergo_point *b)
{
    if (rank(a) != rank(b))
        return rank(a) < rank(b);
    if (a->ns != b->ns)
        return a->ns < b->ns;
    if (a->nj != b->nj)
        return a->nj < b->nj;
    return a->windows > b->windows;
}

static void swap(ergo_point *a, ergo_point *b)
{
    const ergo_point kept = *a;
    *a = *b;
    *b = kept;
}

static void sink(ergo_point *points, uint32_t at, uint32_t count)
{
    for (uint32_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && before(&points[child], &points[child + 1]))
            child++;
        if (!before(&points[at], &points[child]))
            return;
        swap(&points[at], &points[child]);
    }
}

static void sort(ergo_point *points, uint32_t count)
{
    for (uint32_t i = count / 2; i-- > 0;)
        sink(points, i, count);
    for (uint32_t last = count; last-- > 1;) {
        swap(&points[0], &points[last]);
        sink(points, 0, last);
    }
}

/* ---- Hull ---------------------------------------------------------------------------------- */

/* Whether b lies on or above the line from a to c: times ascend from a to c. */
static bool above(const ergo_point *a, const ergo_point *b, const ergo_point *c)
{
    const double run = (double)(c->ns - a->ns);
    const double part = (double)(b->ns - a->ns);
    const double line = (double)a->nj + ((double)c->nj - (double)a->nj) * part / run;
    return (double)b->nj >= line;
}

static uint32_t next_on_hull(const ergo_point *frontier, uint32_t count, uint32_t i)
{
    do
        i++;
    while (i < count && frontier[i].place != ERGO_PLACE_HULL);
    return i;
}

/* Marks the hull; the chain so far is what is marked. */
static void mark_hull(ergo_point *frontier, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        frontier[i].place = ERGO_PLACE_HULL;
        for (;;) {
            uint32_t last = i;
            while (last > 0 && frontier[--last].place != ERGO_PLACE_HULL)
                ;
            uint32_t first = last;
            while (first > 0 && frontier[--first].place != ERGO_PLACE_HULL)
                ;
            if (first == last || !above(&frontier[first], &frontier[last], &frontier[i]))
                break;
            frontier[last].place = ERGO_PLACE_FRONTIER;
        }
    }
}

uint32_t ergo_frontier_sort(ergo_point *points, uint32_t count, uint32_t *cooler)
{
    for (uint32_t i = 0; i < count; i++)
        points[i].place =
            points[i].ns == 0 || points[i].nj == 0 ? ERGO_PLACE_BEATEN : ERGO_PLACE_FRONTIER;
    sort(points, count);
    uint64_t least_nj = UINT64_MAX, least_uw = UINT64_MAX;
    uint32_t kept = 0, cool = 0;
    for (uint32_t i = 0; i < count && points[i].place != ERGO_PLACE_BEATEN; i++) {
        const uint64_t uw = ergo_point_uw(&points[i]);
        if (points[i].nj < least_nj) {
            least_nj = points[i].nj;
            kept++;
        } else if (uw < least_uw) {
            points[i].place = ERGO_PLACE_COOLER;
            cool++;
        } else {
            points[i].place = ERGO_PLACE_BEATEN;
        }
        least_uw = uw < least_uw ? uw : least_uw;
    }
    sort(points, count);
    mark_hull(points, kept);
    if (cooler)
        *cooler = cool;
    return kept;
}

/* ---- Mixes --------------------------------------------------------------------------------- */

static ergo_mix one(const ergo_point *frontier, uint32_t i)
{
    return (ergo_mix){i, i, 0, frontier[i].ns, frontier[i].nj};
}

static ergo_mix mixed(const ergo_point *frontier, uint32_t a, uint32_t b, double part)
{
    if (part <= 0.0)
        return one(frontier, a);
    if (part >= 1.0)
        return one(frontier, b);
    const ergo_point *p = &frontier[a];
    const ergo_point *q = &frontier[b];
    const double ns = (double)p->ns + part * (double)(q->ns - p->ns);
    const double nj = (double)p->nj - part * (double)(p->nj - q->nj);
    return (ergo_mix){a, b, (uint32_t)(part * 1e6), (uint64_t)ns, (uint64_t)nj};
}

bool ergo_frontier_at_ns(const ergo_point *frontier, uint32_t count, uint64_t ns, ergo_mix *out)
{
    if (count == 0)
        return false;
    *out = one(frontier, 0);
    if (frontier[0].ns > ns)
        return false;
    uint32_t a = 0;
    for (uint32_t b; (b = next_on_hull(frontier, count, a)) < count; a = b)
        if (frontier[b].ns > ns) {
            const double run = (double)(frontier[b].ns - frontier[a].ns);
            *out = mixed(frontier, a, b, (double)(ns - frontier[a].ns) / run);
            return true;
        }
    *out = one(frontier, a);
    return true;
}

bool ergo_frontier_at_nj(const ergo_point *frontier, uint32_t count, uint64_t nj, ergo_mix *out)
{
    if (count == 0)
        return false;
    *out = one(frontier, 0);
    if (frontier[0].nj <= nj)
        return true;
    uint32_t a = 0;
    for (uint32_t b; (b = next_on_hull(frontier, count, a)) < count; a = b)
        if (frontier[b].nj <= nj) {
            const double run = (double)(frontier[a].nj - frontier[b].nj);
            *out = mixed(frontier, a, b, (double)(frontier[a].nj - nj) / run);
            return true;
        }
    *out = one(frontier, a);
    return false;
}
