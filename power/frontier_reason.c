/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "ergo/frontier.h"

/* Why a point of the frontier is worth choosing, in words: what its neighbours would cost. */

static double percent(uint64_t now, uint64_t then)
{
    return ((double)then / (double)now - 1.0) * 100.0;
}

/* The knobs that differ between two points, by their kinds. */
static const char *difference(const ergo_point *p, const ergo_point *q, const ergo_knob *knobs,
                              uint32_t count)
{
    unsigned kinds = 0;
    for (uint32_t k = 0; knobs && k < count; k++)
        if (p->level[k] != q->level[k])
            kinds |= 1u << knobs[k].info.kind;
    if (kinds & 1u << ERGO_KNOB_BACKEND)
        return "the other backend";
    if (kinds & 1u << ERGO_KNOB_CORES)
        return "another core set";
    if (kinds == 1u << ERGO_KNOB_MEMORY)
        return "a higher memory clock";
    if (kinds == 1u << ERGO_KNOB_CLOCK)
        return "a higher clock";
    if (kinds & 1u << ERGO_KNOB_BATCH)
        return "another batch";
    return "the next faster point";
}

/* Clocks rise much more than speed where something else is waited for. */
static bool is_bound(const ergo_point *p, const ergo_point *q, const ergo_knob *knobs,
                     uint32_t count)
{
    double clock = 1.0;
    for (uint32_t k = 0; knobs && k < count; k++) {
        const ergo_knob_info *info = &knobs[k].info;
        if (p->level[k] == q->level[k])
            continue;
        if (info->kind != ERGO_KNOB_CLOCK || p->level[k] >= info->level_count ||
            q->level[k] >= info->level_count)
            return false;
        const double ratio =
            (double)info->levels[q->level[k]].value / (double)info->levels[p->level[k]].value;
        clock = ratio > clock ? ratio : clock;
    }
    return clock > 1.0 && (double)p->ns / (double)q->ns - 1.0 < 0.35 * (clock - 1.0);
}

size_t ergo_frontier_reason(const ergo_point *frontier, uint32_t count, uint32_t i,
                            const ergo_knob *knobs, uint32_t knob_count, char *text, size_t size)
{
    if (size == 0)
        return 0;
    text[0] = '\0';
    if (i >= count)
        return 0;
    const ergo_point *p = &frontier[i];
    int n;
    if (i == 0) {
        n = count == 1 ? snprintf(text, size, "fastest and least energy")
                       : snprintf(text, size, "fastest; the next slower point saves %.1f %% energy",
                                  -percent(p->nj, frontier[1].nj));
    } else {
        const ergo_point *q = &frontier[i - 1];
        n = snprintf(text, size, "%s%s%s gains %.1f %% speed for %.1f %% energy",
                     i + 1 == count ? "least energy: " : "",
                     is_bound(p, q, knobs, knob_count) ? "memory-bound: " : "",
                     difference(p, q, knobs, knob_count), percent(q->ns, p->ns),
                     percent(p->nj, q->nj));
    }
    return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}
