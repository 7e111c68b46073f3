/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/what_if.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_MOST 256u
#define POINTS_MOST UINT64_C(4000000)

what_if_step what_if_decode(const ergo_model *model, uint32_t batch, uint32_t context)
{
    return (what_if_step){batch, batch, ergo_model_work(model, batch, batch, context, ERGO_KV_F16)};
}

what_if_step what_if_prefill(const ergo_model *model, uint32_t batch, uint32_t context)
{
    const uint32_t chunk = context < CHUNK_MOST ? context : CHUNK_MOST;
    const uint32_t tokens = chunk * batch;
    return (what_if_step){batch, tokens, ergo_model_work(model, tokens, batch, chunk, ERGO_KV_F16)};
}

uint64_t what_if_bytes(const ergo_work *work)
{
    return work->weight_bytes + work->kv_bytes + work->activation_bytes;
}

static int compare(const void *a, const void *b)
{
    const what_if_point *p = a, *q = b;
    if (p->ns_per_token < q->ns_per_token || p->ns_per_token > q->ns_per_token)
        return p->ns_per_token < q->ns_per_token ? -1 : 1;
    if (p->uj_per_token < q->uj_per_token || p->uj_per_token > q->uj_per_token)
        return p->uj_per_token < q->uj_per_token ? -1 : 1;
    if (p->batch != q->batch)
        return p->batch < q->batch ? -1 : 1;
    return memcmp(p->levels, q->levels, sizeof p->levels);
}

/* Sorted by time, a point is on the frontier when it is cheaper than all that are faster. Equals
 * are there together. */
static void mark_frontier(what_if_list *list)
{
    const what_if_point *last = NULL;
    for (size_t i = 0; i < list->count; i++) {
        what_if_point *p = &list->points[i];
        const bool equal = last != NULL && !(p->ns_per_token > last->ns_per_token) &&
                           !(p->uj_per_token > last->uj_per_token);
        p->on_frontier = last == NULL || equal || p->uj_per_token < last->uj_per_token;
        if (p->on_frontier)
            last = p;
    }
}

static tool_exit take_room(const ergo_sim *sim, uint32_t steps, what_if_list *out)
{
    const uint64_t points = ergo_sim_point_count(sim);
    if (points > POINTS_MOST / steps) {
        tool_error("%s has %" PRIu64 " operating points, with %u batches more than the %" PRIu64
                   " that can be listed",
                   ergo_sim_name(sim), points, steps, POINTS_MOST);
        return TOOL_FAILED;
    }
    out->points = tool_alloc((size_t)points * steps, sizeof *out->points);
    return out->points != NULL ? TOOL_DONE : TOOL_FAILED;
}

tool_exit what_if_all(const ergo_sim *sim, const what_if_step *steps, uint32_t count,
                      what_if_list *out)
{
    const uint64_t points = ergo_sim_point_count(sim);
    tool_exit code = take_room(sim, count, out);
    for (uint64_t i = 0; code == TOOL_DONE && i < points * count; i++) {
        const what_if_step *step = &steps[i / points];
        what_if_point *p = &out->points[i];
        double seconds = 0, joules = 0;
        ergo_sim_point(sim, i % points, p->levels);
        code = tool_status(ergo_sim_predict(sim, &step->work, p->levels, &seconds, &joules),
                           ergo_sim_name(sim));
        p->batch = step->batch;
        p->ns_per_token = seconds * 1e9 / (double)step->tokens;
        p->uj_per_token = joules * 1e6 / (double)step->tokens;
        p->watts = joules / seconds;
        out->count++;
    }
    if (code != TOOL_DONE)
        return code;
    qsort(out->points, out->count, sizeof *out->points, compare);
    mark_frontier(out);
    return TOOL_DONE;
}

void what_if_free(what_if_list *list)
{
    free(list->points);
    *list = (what_if_list){.points = NULL};
}
