/* SPDX-License-Identifier: Apache-2.0 */
#include "ergo/hold.h"

#define PPM 1000000u
#define DEFAULT_MARGIN 100000u
#define DEFAULT_GAIN 30000u

/* ---- Costs --------------------------------------------------------------------------------- */

/* Between two known batches on a straight line; beyond the last as if a sequence cost its share. */
static uint64_t step_ns(const ergo_hold_costs *costs, uint32_t batch)
{
    const ergo_hold_batch *known = costs->batches;
    uint32_t i = 0;
    while (i < costs->batch_count && known[i].batch < batch)
        i++;
    if (i == costs->batch_count)
        return known[i - 1].step_ns * batch / known[i - 1].batch;
    if (i == 0 || known[i].batch == batch)
        return known[i].step_ns;
    const double part =
        (double)(batch - known[i - 1].batch) / (double)(known[i].batch - known[i - 1].batch);
    return (uint64_t)((double)known[i - 1].step_ns * (1 - part) + (double)known[i].step_ns * part);
}

/* Beyond what is known nothing is claimed: 0. */
static double token_nj(const ergo_hold_costs *costs, uint32_t batch)
{
    const ergo_hold_batch *known = costs->batches;
    for (uint32_t i = 0; i < costs->batch_count; i++) {
        if (known[i].batch == batch)
            return (double)known[i].token_nj;
        if (known[i].batch > batch && i > 0) {
            const double part = (double)(batch - known[i - 1].batch) /
                                (double)(known[i].batch - known[i - 1].batch);
            return (double)known[i - 1].token_nj * (1 - part) + (double)known[i].token_nj * part;
        }
    }
    return 0;
}

/* The fewest tokens still to generate of those that run and have more than `done`; 0 for none. */
static uint32_t next_end(const ergo_hold_request *requests, uint32_t count, uint32_t done,
                         uint32_t *running)
{
    uint32_t least = 0;
    *running = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t tokens = requests[i].output_tokens;
        if (!requests[i].start || tokens <= done)
            continue;
        ++*running;
        if (least == 0 || tokens < least)
            least = tokens;
    }
    return least;
}

void ergo_hold_foretell(const ergo_hold_costs *costs, uint64_t at_ns,
                        const ergo_hold_request *requests, uint32_t count, uint64_t *end_ns)
{
    uint64_t now = at_ns;
    for (uint32_t i = 0; i < count; i++) {
        end_ns[i] = UINT64_MAX;
        if (requests[i].start)
            now += requests[i].prompt_tokens * costs->prompt_ns;
    }
    for (uint32_t i = 0; i < count; i++)
        if (requests[i].start && requests[i].output_tokens == 0)
            end_ns[i] = now;
    uint32_t done = 0, running, next;
    while ((next = next_end(requests, count, done, &running)) > 0) {
        now += (uint64_t)(next - done) * step_ns(costs, running);
        for (uint32_t i = 0; i < count; i++)
            if (requests[i].start && requests[i].output_tokens == next)
                end_ns[i] = now;
        done = next;
    }
}

/* ---- Deciding ------------------------------------------------------------------------------ */

typedef struct decision {
    const ergo_hold_config *config;
    const ergo_hold_costs *costs;
    uint64_t now;
    ergo_hold_request *requests;
    uint32_t count;
} decision;

static uint64_t with_margin(const decision *d, uint64_t end)
{
    const uint32_t ppm = d->config->margin_ppm ? d->config->margin_ppm : DEFAULT_MARGIN;
    return end == UINT64_MAX ? end : end + (uint64_t)((double)(end - d->now) * ppm / PPM);
}

/* Whether it could be in time if it had everything to itself from now on. */
static bool attainable(const decision *d, const ergo_hold_request *r)
{
    const uint64_t alone =
        r->prompt_tokens * d->costs->prompt_ns + r->output_tokens * step_ns(d->costs, 1);
    return r->deadline_ns > 0 && d->now + alone <= r->deadline_ns;
}

/* Which of the started requests would be in time, as bits. */
static uint64_t in_time(const decision *d)
{
    uint64_t end[ERGO_HOLD_MAX];
    uint64_t bits = 0;
    ergo_hold_foretell(d->costs, d->now, d->requests, d->count, end);
    for (uint32_t i = 0; i < d->count; i++)
        if (d->requests[i].start && d->requests[i].deadline_ns > 0 &&
            with_margin(d, end[i]) <= d->requests[i].deadline_ns)
            bits |= UINT64_C(1) << i;
    return bits;
}

/* Attainable deadlines first, the earliest of them; the others as they came. */
static bool goes_before(const decision *d, const ergo_hold_request *a, const ergo_hold_request *b)
{
    const bool hopeful_a = attainable(d, a), hopeful_b = attainable(d, b);
    if (hopeful_a != hopeful_b)
        return hopeful_a;
    if (hopeful_a && a->deadline_ns != b->deadline_ns)
        return a->deadline_ns < b->deadline_ns;
    return a->arrived_ns < b->arrived_ns;
}

static uint32_t order(const decision *d, uint32_t *waiting)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < d->count; i++) {
        if (d->requests[i].running)
            continue;
        uint32_t at = found++;
        for (; at > 0 && goes_before(d, &d->requests[i], &d->requests[waiting[at - 1]]); at--)
            waiting[at] = waiting[at - 1];
        waiting[at] = i;
    }
    return found;
}

/* Starts who can start without making late who would have been in time. */
static ergo_hold_reason admit(decision *d, uint32_t running)
{
    uint32_t waiting[ERGO_HOLD_MAX];
    const uint32_t count = order(d, waiting);
    ergo_hold_reason reason = ERGO_HOLD_NONE;
    uint64_t timely = in_time(d);
    for (uint32_t i = 0; i < count; i++) {
        if (running >= d->config->most)
            return reason == ERGO_HOLD_NONE ? ERGO_HOLD_FULL : reason;
        ergo_hold_request *r = &d->requests[waiting[i]];
        r->start = true;
        const uint64_t then = in_time(d);
        if ((timely & ~then) != 0) {
            r->start = false;
            reason = ERGO_HOLD_OTHERS;
            continue;
        }
        timely = then;
        running++;
    }
    return reason;
}

/* Whether one more of its kind would make the tokens of the group cheaper. */
static bool company_pays(const decision *d, uint32_t group)
{
    const uint32_t gain = d->config->gain_ppm ? d->config->gain_ppm : DEFAULT_GAIN;
    const double now = token_nj(d->costs, group), then = token_nj(d->costs, group + 1);
    return group < d->config->most && now > 0 && then > 0 && then < now * (1.0 - gain * 1e-6);
}

/* The latest start at which all of the group and a newcomer like them would be in time. */
static uint64_t latest_start(const decision *d, uint32_t group)
{
    ergo_hold_request with[ERGO_HOLD_MAX + 1];
    uint64_t end[ERGO_HOLD_MAX + 1];
    uint64_t prompts = 0, outputs = 0, latest = UINT64_MAX;
    for (uint32_t i = 0; i < d->count; i++) {
        with[i] = d->requests[i];
        prompts += with[i].start ? with[i].prompt_tokens : 0;
        outputs += with[i].start ? with[i].output_tokens : 0;
    }
    with[d->count] = (ergo_hold_request){.prompt_tokens = (uint32_t)(prompts / group),
                                         .output_tokens = (uint32_t)(outputs / group),
                                         .start = true};
    ergo_hold_foretell(d->costs, d->now, with, d->count + 1, end);
    for (uint32_t i = 0; i < d->count; i++) {
        const ergo_hold_request *r = &d->requests[i];
        if (!r->start)
            continue;
        const uint64_t needed = with_margin(d, end[i]) - d->now;
        uint64_t start = d->config->longest_ns > 0 ? r->arrived_ns + d->config->longest_ns
                         : r->deadline_ns > 0      ? UINT64_MAX
                                                   : 0;
        if (r->deadline_ns > 0) {
            const uint64_t by = r->deadline_ns > needed ? r->deadline_ns - needed : 0;
            start = by < start ? by : start;
        }
        latest = start < latest ? start : latest;
    }
    return latest;
}

ergo_hold_reason ergo_hold_decide(const ergo_hold_config *config, const ergo_hold_costs *costs,
                                  uint64_t now_ns, uint64_t gap_ns, ergo_hold_request *requests,
                                  uint32_t count, uint64_t *until_ns)
{
    uint32_t running = 0;
    for (uint32_t i = 0; i < count; i++) {
        requests[i].start = requests[i].running;
        running += requests[i].running;
    }
    decision d = {config, costs, now_ns, requests, count < ERGO_HOLD_MAX ? count : ERGO_HOLD_MAX};
    *until_ns = UINT64_MAX;
    if (costs->batch_count == 0) {
        for (uint32_t i = 0; i < d.count && running < config->most; i++) {
            running += !requests[i].start;
            requests[i].start = true;
        }
        return running >= config->most ? ERGO_HOLD_FULL : ERGO_HOLD_NONE;
    }
    const ergo_hold_reason reason = admit(&d, running);
    uint32_t group = 0;
    for (uint32_t i = 0; i < d.count; i++)
        group += requests[i].start;
    if (running > 0 || group == 0 || gap_ns == 0 || !company_pays(&d, group))
        return reason;
    const uint64_t latest = latest_start(&d, group);
    if (latest <= now_ns || latest - now_ns <= gap_ns)
        return reason;
    for (uint32_t i = 0; i < d.count; i++)
        requests[i].start = false;
    *until_ns = latest - gap_ns;
    return ERGO_HOLD_COMPANY;
}
