/* SPDX-License-Identifier: Apache-2.0 */
#include "ergo/policy.h"

#include <stdio.h>

/* From a policy and a frontier to a choice. */

static uint64_t stricter(uint64_t a, uint64_t b)
{
    return a == 0 ? b : b == 0 || a < b ? a : b;
}

/* What is left of a budget for each token that is left; at least 1, which nothing meets. */
static uint64_t share_of(const ergo_policy *policy, uint64_t spent_nj, uint64_t spent_tokens)
{
    const uint64_t left = spent_nj < policy->budget_nj ? policy->budget_nj - spent_nj : 0;
    const uint64_t tokens =
        spent_tokens < policy->budget_tokens ? policy->budget_tokens - spent_tokens : 1;
    return left / tokens > 0 ? left / tokens : 1;
}

ergo_limits ergo_policy_limits(const ergo_policy *policy, ergo_phase phase, uint64_t prompt_tokens,
                               uint64_t spent_nj, uint64_t spent_tokens, const ergo_limits *extra)
{
    ergo_limits limits = extra ? *extra : (ergo_limits){0};
    switch (policy->kind) {
    case ERGO_POLICY_MIN_ENERGY:
        if (phase == ERGO_PHASE_DECODE)
            limits.each_ns = stricter(limits.each_ns, policy->token_ns);
        else if (prompt_tokens > 0 && policy->first_ns > 0)
            limits.mean_ns = stricter(limits.mean_ns, policy->first_ns / prompt_tokens + 1);
        break;
    case ERGO_POLICY_JPT:
        limits.mean_nj = stricter(limits.mean_nj, policy->token_nj);
        break;
    case ERGO_POLICY_CAP:
        limits.cap_uw = stricter(limits.cap_uw, policy->cap_uw);
        break;
    case ERGO_POLICY_BUDGET:
        limits.mean_nj = stricter(limits.mean_nj, share_of(policy, spent_nj, spent_tokens));
        break;
    default:
        break;
    }
    return limits;
}

/* ---- Choosing ------------------------------------------------------------------------------ */

static bool cool_enough(const ergo_limits *limits, const ergo_point *p)
{
    return limits->cap_uw == 0 || ergo_point_uw(p) <= limits->cap_uw;
}

static bool in_time(const ergo_limits *limits, const ergo_point *p)
{
    return limits->each_ns == 0 || p->ns <= limits->each_ns;
}

static ergo_mix one(const ergo_point *points, uint32_t i)
{
    return (ergo_mix){i, i, 0, points[i].ns, points[i].nj};
}

static uint32_t coolest(const ergo_point *points, uint32_t count)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < count; i++)
        if (ergo_point_uw(&points[i]) < ergo_point_uw(&points[best]))
            best = i;
    return best;
}

/*
 * The best mix of two allowed points, with the mean time or the mean energy at a limit. What heat
 * and the time of every token forbid makes the hull of what is left another one than that of the
 * whole frontier; frontiers are short, so all pairs are looked at.
 */
typedef struct search {
    const ergo_limits *limits;
    const ergo_point *points;
    uint32_t count;
    ergo_mix best;
    bool found;
} search;

static bool allowed(const search *s, uint32_t i)
{
    return cool_enough(s->limits, &s->points[i]) && in_time(s->limits, &s->points[i]);
}

static void offer(search *s, ergo_mix mix, bool fastest)
{
    const bool better = fastest ? mix.ns < s->best.ns : mix.nj < s->best.nj;
    if (!s->found || better)
        s->best = mix;
    s->found = true;
}

/* So much of b in a mix of a and b. */
static ergo_mix mixed(const search *s, uint32_t a, uint32_t b, double part)
{
    const ergo_point *p = &s->points[a];
    const ergo_point *q = &s->points[b];
    const double ns = (double)p->ns + part * ((double)q->ns - (double)p->ns);
    const double nj = (double)p->nj + part * ((double)q->nj - (double)p->nj);
    return (ergo_mix){a, b, (uint32_t)(part * 1e6), (uint64_t)ns, (uint64_t)nj};
}

/* Least energy with the mean time within the limit. */
static void seek_cheapest(search *s)
{
    const uint64_t ns = s->limits->mean_ns;
    for (uint32_t a = 0; a < s->count; a++) {
        if (!allowed(s, a) || (ns != 0 && s->points[a].ns > ns))
            continue;
        offer(s, one(s->points, a), false);
        for (uint32_t b = 0; ns != 0 && b < s->count; b++)
            if (s->points[b].ns > ns && s->points[b].nj < s->points[a].nj && allowed(s, b)) {
                const double run = (double)(s->points[b].ns - s->points[a].ns);
                offer(s, mixed(s, a, b, (double)(ns - s->points[a].ns) / run), false);
            }
    }
}

/* Fastest with the mean energy within the limit. */
static void seek_fastest(search *s)
{
    const uint64_t nj = s->limits->mean_nj;
    for (uint32_t b = 0; b < s->count; b++) {
        if (!allowed(s, b) || (nj != 0 && s->points[b].nj > nj))
            continue;
        offer(s, one(s->points, b), true);
        for (uint32_t a = 0; nj != 0 && a < s->count; a++)
            if (s->points[a].nj > nj && s->points[a].ns < s->points[b].ns && allowed(s, a)) {
                const double run = (double)(s->points[a].nj - s->points[b].nj);
                offer(s, mixed(s, a, b, (double)(s->points[a].nj - nj) / run), true);
            }
    }
}

/* The fastest that is cool enough; count when none is. */
static uint32_t fastest_of(const ergo_limits *limits, const ergo_point *points, uint32_t count)
{
    uint32_t best = count;
    for (uint32_t i = 0; i < count; i++)
        if (cool_enough(limits, &points[i]) && (best == count || points[i].ns < points[best].ns))
            best = i;
    return best;
}

static void settle(ergo_choice *out, ergo_mix mix, bool feasible, ergo_choice_reason reason)
{
    out->mix = mix;
    out->feasible = feasible;
    out->reason = reason;
}

/* Once something is cool enough and in time. */
static void choose_energy(const ergo_policy *policy, const search *cheap, ergo_choice *out)
{
    const ergo_limits *limits = cheap->limits;
    const uint64_t nj = limits->mean_nj;
    out->least_nj = cheap->best.nj;
    if (nj != 0 && cheap->best.nj > nj) {
        settle(out, cheap->best, false, ERGO_CHOICE_TOO_DEAR);
        return;
    }
    if (policy->kind == ERGO_POLICY_MIN_ENERGY) {
        const bool limited = limits->each_ns != 0 || limits->mean_ns != 0;
        settle(out, cheap->best, true, limited ? ERGO_CHOICE_TIME : ERGO_CHOICE_LEAST_ENERGY);
        return;
    }
    search fast = {.limits = limits, .points = cheap->points, .count = cheap->count};
    seek_fastest(&fast);
    settle(out, fast.best, true,
           nj != 0 && fast.best.nj + 1 >= nj ? ERGO_CHOICE_ENERGY
           : limits->cap_uw != 0             ? ERGO_CHOICE_POWER
                                             : ERGO_CHOICE_FASTEST);
}

void ergo_policy_choose(const ergo_policy *policy, const ergo_limits *limits,
                        const ergo_point *points, uint32_t count, ergo_choice *out)
{
    *out = (ergo_choice){.feasible = true};
    if (policy->kind == ERGO_POLICY_MEASURE || count == 0)
        return;
    const uint32_t first = fastest_of(limits, points, count);
    if (first == count) {
        settle(out, one(points, coolest(points, count)), false, ERGO_CHOICE_TOO_HOT);
        out->least_nj = out->mix.nj;
        out->least_ns = out->mix.ns;
        return;
    }
    out->least_ns = points[first].ns;
    search cheap = {.limits = limits, .points = points, .count = count};
    seek_cheapest(&cheap);
    if (cheap.found) {
        choose_energy(policy, &cheap, out);
        return;
    }
    settle(out, one(points, first), false, ERGO_CHOICE_TOO_SLOW);
    out->least_nj = points[first].nj;
}

/* ---- In words ------------------------------------------------------------------------------ */

size_t ergo_choice_text(const ergo_choice *choice, char *text, size_t size)
{
    const double joules = (double)choice->mix.nj * 1e-9;
    const double least = (double)choice->least_nj * 1e-9;
    const double ms = (double)choice->mix.ns * 1e-6;
    int n = 0;
    if (size == 0)
        return 0;
    switch (choice->reason) {
    case ERGO_CHOICE_NONE:
        n = snprintf(text, size, "nothing to choose");
        break;
    case ERGO_CHOICE_FASTEST:
        n = snprintf(text, size, "the fastest: %.4g ms and %.4g J per token", ms, joules);
        break;
    case ERGO_CHOICE_LEAST_ENERGY:
        n = snprintf(text, size, "the least energy: %.4g J and %.4g ms per token", joules, ms);
        break;
    case ERGO_CHOICE_TIME:
        n = snprintf(text, size, "the least energy in time: %.4g J and %.4g ms per token", joules,
                     ms);
        break;
    case ERGO_CHOICE_ENERGY:
        n = snprintf(text, size, "the fastest within the energy: %.4g ms and %.4g J per token", ms,
                     joules);
        break;
    case ERGO_CHOICE_POWER:
        n = snprintf(text, size, "the fastest within the power: %.4g ms and %.4g J per token", ms,
                     joules);
        break;
    case ERGO_CHOICE_TOO_SLOW:
        n = snprintf(text, size, "not in time: %.4g ms per token is the least this board can do",
                     (double)choice->least_ns * 1e-6);
        break;
    case ERGO_CHOICE_TOO_DEAR:
        n = snprintf(text, size, "%.4g J/token is the least this board can do", least);
        break;
    case ERGO_CHOICE_TOO_HOT:
        n = snprintf(text, size,
                     "every point draws more: the coolest, %.4g ms and %.4g J per token", ms,
                     joules);
        break;
    }
    return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}
