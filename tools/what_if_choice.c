/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/what_if_choice.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/*
 * Policies choose from frontiers of whole numbers whose points have levels. The number of
 * sequences is one more knob here; its level is stored behind those of the board.
 */

static size_t knobs_of(const ergo_sim *sim)
{
    size_t count = 0;
    (void)ergo_sim_knobs(sim, &count);
    return count;
}

static void set_figures(what_if_choice *out, double ns, double uj, double watts)
{
    out->ns_per_token = ns;
    out->uj_per_token = uj;
    out->watts = watts;
}

/* A number of sequences, at most 1024, takes two levels of eight bits. */
static ergo_point to_point(const what_if_point *p, size_t knobs)
{
    ergo_point out = {.ns = (uint64_t)llround(p->ns_per_token),
                      .nj = (uint64_t)llround(p->uj_per_token * 1e3)};
    for (size_t k = 0; k < knobs; k++)
        out.level[k] = (uint8_t)p->levels[k];
    out.level[knobs] = (uint8_t)(p->batch & 0xffu);
    out.level[knobs + 1] = (uint8_t)(p->batch >> 8);
    return out;
}

/* The point of the list that has these levels. */
static const what_if_point *find(const what_if_list *list, const ergo_point *point, size_t knobs)
{
    for (size_t i = 0; i < list->count; i++) {
        const ergo_point other = to_point(&list->points[i], knobs);
        if (memcmp(other.level, point->level, sizeof point->level) == 0)
            return &list->points[i];
    }
    return &list->points[0]; /* all of them came from the list */
}

tool_exit what_if_choose(const ergo_sim *sim, const ergo_policy *policy, ergo_phase phase,
                         uint32_t context, const what_if_list *list, what_if_choice *out)
{
    const size_t knobs = knobs_of(sim);
    const uint32_t count = (uint32_t)list->count;
    ergo_point *points = tool_alloc(count, sizeof *points);
    if (points == NULL)
        return TOOL_FAILED;
    for (uint32_t i = 0; i < count; i++)
        points[i] = to_point(&list->points[i], knobs);
    uint32_t cooler = 0;
    const uint32_t frontier = ergo_frontier_sort(points, count, &cooler);
    const ergo_limits limits = ergo_policy_limits(policy, phase, context, 0, 0, NULL);
    const uint32_t weighed = frontier + (limits.cap_uw > 0 ? cooler : 0);
    ergo_choice choice;
    ergo_policy_choose(policy, &limits, points, weighed, &choice);
    *out = (what_if_choice){.feasible = choice.feasible,
                            .other_part = choice.mix.b_ppm * 1e-6,
                            .point = *find(list, &points[choice.mix.a], knobs),
                            .other = *find(list, &points[choice.mix.b], knobs)};
    free(points);
    set_figures(out, out->point.ns_per_token, out->point.uj_per_token, out->point.watts);
    if (out->other_part > 0)
        set_figures(out, (double)choice.mix.ns, (double)choice.mix.nj * 1e-3,
                    (double)choice.mix.nj / (double)choice.mix.ns);
    (void)ergo_policy_text(policy, out->policy, sizeof out->policy);
    (void)ergo_choice_text(&choice, out->reason, sizeof out->reason);
    return TOOL_DONE;
}

tool_exit what_if_measure(const ergo_sim *sim, const what_if_step *step, what_if_choice *out)
{
    const ergo_policy measure = {.kind = ERGO_POLICY_MEASURE};
    size_t count = 0;
    const ergo_knob *knobs = ergo_sim_knobs(sim, &count);
    double seconds = 0, joules = 0;
    *out = (what_if_choice){.feasible = true, .reason = "the board is left as it opens"};
    out->point.batch = step->batch;
    for (size_t k = 0; k < count; k++)
        (void)knobs[k].get(knobs[k].self, &out->point.levels[k]); /* a simulated one can be read */
    const ergo_status status =
        ergo_sim_predict(sim, &step->work, out->point.levels, &seconds, &joules);
    if (status != ERGO_OK)
        return tool_status(status, ergo_sim_name(sim));
    set_figures(out, seconds * 1e9 / (double)step->tokens, joules * 1e6 / (double)step->tokens,
                joules / seconds);
    (void)ergo_policy_text(&measure, out->policy, sizeof out->policy);
    return TOOL_DONE;
}
