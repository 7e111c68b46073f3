/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "backends/cpu/program.h"
#include "runtime/base/checked.h"

#define P ERGO__PAGE_POSITIONS

/* Queries that a unit has where heads of one token are fewer: enough for kernels to convert keys
 * and values once for many, few enough for their scores to stay in a cache. */
#define QUERIES 16u

/* Floats between the scores of two queries, lest they fall on the same places of a cache. */
#define SCORES_APART 16u

/* ---- Layout -------------------------------------------------------------------------------- */

static size_t times(ergo__arena *arena, size_t a, size_t b)
{
    size_t product = 0;
    if (!ergo__mul_size(a, b, &product))
        arena->full = true;
    return product;
}

void ergo__cpu_attend_layout(ergo__program *program, ergo__arena *arena)
{
    const ergo__plan *plan = program->plan;
    size_t widest = 0, queries = QUERIES;
    for (size_t i = 0; i < plan->step_count; i++)
        if (plan->steps[i].op == ERGO__OP_ATTEND) {
            widest = ergo__max_size(widest, plan->steps[i].group);
            queries = ergo__max_size(queries, plan->steps[i].heads / plan->steps[i].kv_heads);
        }
    const size_t all = times(arena, queries, program->device->common.threads);
    program->most_queries = queries;
    program->score_stride = (size_t)program->limits.context + SCORES_APART;
    program->scores = ERGO__TAKE_LINE(arena, float, times(arena, all, program->score_stride));
    program->inverse = ERGO__TAKE_LINE(arena, float, all);
    program->query_blocks = ergo__ceil_div(widest, ERGO__Q8_ELEMENTS);
    program->queries =
        ERGO__TAKE_LINE(arena, ergo__q8_block, times(arena, all, program->query_blocks));
    program->vectors =
        ERGO__TAKE_LINE(arena, float, times(arena, all, program->query_blocks * ERGO__Q8_ELEMENTS));
}

/* ---- Storing ------------------------------------------------------------------------------- */

void ergo__cpu_store(ergo__program *program, const ergo__step *step, uint32_t token)
{
    const ergo__cpu_kernels *kernels = &program->device->kernels;
    const ergo__batch *batch = program->batch;
    const uint32_t position = batch->position[token];
    const uint32_t page = batch->table[token][position / P];
    const float *keys = ergo__cpu_row(program, step->in[0], token);
    const float *values = ergo__cpu_row(program, step->in[1], token);
    const size_t behind = ergo__cpu_values_behind_keys(program, step);
    for (uint32_t head = 0; head < step->kv_heads; head++) {
        unsigned char *to = ergo__cpu_keys(program, page, step, head);
        const size_t at = (size_t)head * step->group;
        if (program->limits.kv == ERGO_KV_Q8_0)
            kernels->store_q8_0(keys + at, values + at, step->group, position % P, to, to + behind);
        else
            kernels->store_f16(keys + at, values + at, step->group, position % P, to, to + behind);
    }
}

/* ---- Attending ----------------------------------------------------------------------------- */

/* Tokens of one sequence, one after the other, and the heads that share keys and values. */
typedef struct queries {
    ergo__program *program;
    const ergo__step *step;
    uint32_t token, tokens, heads, kv_head;
    uint32_t base;          /* the first position that any of them sees */
    float *scores;          /* of query 0, for position `base`; queries are token by token */
    float *inverse;         /* of each query's sum of weights */
    float *vectors;         /* the queries; then what is mixed from the values */
    ergo__q8_block *blocks; /* the queries for Q8_0 pages */
} queries;

/* Positions that one token sees. */
typedef struct span {
    uint32_t first, end;
} span;

static span seen_by(const queries *q, uint32_t token)
{
    const uint32_t end = q->program->batch->position[token] + 1;
    const uint32_t window = q->step->window;
    return (span){window && end > window ? end - window : 0, end};
}

/* A position, counted from the start of a page, within it. */
static uint32_t clamp(uint32_t position, uint32_t start)
{
    return position < start ? 0 : position - start < P ? position - start : P;
}

/* Those of them in a page. */
static span seen_in(const queries *q, uint32_t token, uint32_t page)
{
    const span all = seen_by(q, token);
    return (span){clamp(all.first, page * P), clamp(all.end, page * P)};
}

/* Lays the queries side by side, as the kernel of the keys wants them. */
static void gather(const queries *q)
{
    const size_t head_dim = q->step->group, count = (size_t)q->heads * head_dim;
    const bool q8 = q->program->limits.kv == ERGO_KV_Q8_0;
    const size_t width =
        q8 ? ergo__ceil_div(head_dim, ERGO__Q8_ELEMENTS) * ERGO__Q8_ELEMENTS : head_dim;
    float *to = q->vectors;
    for (uint32_t t = 0; t < q->tokens; t++) {
        const float *from =
            ergo__cpu_row(q->program, q->step->in[0], q->token + t) + q->kv_head * count;
        for (size_t i = 0; i < q->heads; i++, to += width, from += head_dim) {
            memcpy(to, from, head_dim * sizeof *to);
            memset(to + head_dim, 0, (width - head_dim) * sizeof *to);
        }
    }
    if (q8)
        q->program->device->kernels.quantize_q8(q->vectors, q->blocks, (size_t)(to - q->vectors));
}

/* What is done with a page for `count` queries from number `from` on, which all see `part` of it.
 */
typedef void page_fn(const queries *q, size_t from, size_t count, uint32_t page, span part);

static void score_page(const queries *q, size_t from, size_t count, uint32_t page, span part)
{
    const ergo__program *program = q->program;
    const ergo__step *step = q->step;
    const ergo__cpu_kernels *kernels = &program->device->kernels;
    const void *keys =
        ergo__cpu_keys(program, program->batch->table[q->token][page], step, q->kv_head);
    float *scores = q->scores + from * program->score_stride + (page * P + part.first - q->base);
    if (program->limits.kv == ERGO_KV_Q8_0)
        kernels->scores_q8_0(
            keys, q->blocks + from * ergo__ceil_div(step->group, ERGO__Q8_ELEMENTS), count,
            step->group, step->scale, part.first, part.end, scores, program->score_stride);
    else
        kernels->scores_f16(keys, q->vectors + from * step->group, count, step->group, step->scale,
                            part.first, part.end, scores, program->score_stride);
}

static void mix_page(const queries *q, size_t from, size_t count, uint32_t page, span part)
{
    const ergo__program *program = q->program;
    const ergo__step *step = q->step;
    const ergo__cpu_kernels *kernels = &program->device->kernels;
    const void *values =
        ergo__cpu_keys(program, program->batch->table[q->token][page], step, q->kv_head) +
        ergo__cpu_values_behind_keys(program, step);
    const float *weights =
        q->scores + from * program->score_stride + (page * P + part.first - q->base);
    (program->limits.kv == ERGO_KV_Q8_0 ? kernels->mix_q8_0 : kernels->mix_f16)(
        values, weights, program->score_stride, count, step->group, part.first, part.end,
        q->vectors + from * step->group);
}

/* Page by page; tokens that see the same part of a page go together. */
static void over_pages(const queries *q, page_fn *visit)
{
    const uint32_t end = seen_by(q, q->token + q->tokens - 1).end;
    for (uint32_t page = q->base / P; page * P < end; page++)
        for (uint32_t t = 0, same; t < q->tokens; t += same) {
            const span part = seen_in(q, q->token + t, page);
            for (same = 1; t + same < q->tokens; same++) {
                const span next = seen_in(q, q->token + t + same, page);
                if (next.first != part.first || next.end != part.end)
                    break;
            }
            if (part.first < part.end)
                visit(q, (size_t)t * q->heads, (size_t)same * q->heads, page, part);
        }
}

/* The weights of each query's scores; its `inverse` is 1 / their sum. */
static void weigh(const queries *q)
{
    const ergo__program *program = q->program;
    for (size_t i = 0; i < (size_t)q->tokens * q->heads; i++) {
        const span seen = seen_by(q, q->token + (uint32_t)(i / q->heads));
        q->inverse[i] = program->device->kernels.softmax(q->scores + i * program->score_stride +
                                                             (seen.first - q->base),
                                                         seen.first, seen.end - seen.first);
    }
}

static void attend(const queries *q)
{
    ergo__program *program = q->program;
    const ergo__step *step = q->step;
    const size_t count = (size_t)q->tokens * q->heads;
    gather(q);
    over_pages(q, score_page);
    weigh(q);
    memset(q->vectors, 0, count * step->group * sizeof *q->vectors);
    over_pages(q, mix_page);
    for (size_t i = 0; i < count; i++)
        program->device->kernels.scale(
            q->vectors + i * step->group, q->inverse[i], step->group,
            ergo__cpu_row(program, step->out[0], q->token + i / q->heads) +
                (q->kv_head * q->heads + i % q->heads) * step->group);
}

/* Tokens of one unit. */
static uint32_t tokens_together(const ergo__step *step)
{
    const uint32_t heads = step->heads / step->kv_heads;
    return heads < QUERIES ? QUERIES / heads : 1;
}

uint32_t ergo__cpu_attend_units(const ergo__program *program, const ergo__cpu_phase *phase,
                                uint32_t rows)
{
    (void)program;
    const ergo__step *step = phase->step;
    return (uint32_t)ergo__ceil_div(rows, tokens_together(step)) * step->kv_heads;
}

/* A unit is some tokens and the heads that share keys and values. */
void ergo__cpu_unit_attend(ergo__program *program, const ergo__cpu_phase *phase, uint32_t unit,
                           uint32_t worker)
{
    const ergo__step *step = phase->step;
    const ergo__batch *batch = program->batch;
    const uint32_t together = tokens_together(step), first = unit / step->kv_heads * together;
    const uint32_t end = batch->tokens - first < together ? batch->tokens : first + together;
    const size_t slot = worker * program->most_queries;
    queries q = {.program = program,
                 .step = step,
                 .heads = step->heads / step->kv_heads,
                 .kv_head = unit % step->kv_heads,
                 .scores = program->scores + slot * program->score_stride,
                 .inverse = program->inverse + slot,
                 .vectors = program->vectors + slot * program->query_blocks * ERGO__Q8_ELEMENTS,
                 .blocks = program->queries + slot * program->query_blocks};
    for (q.token = first; q.token < end; q.token += q.tokens) {
        q.base = seen_by(&q, q.token).first;
        q.tokens = 1;
        while (q.token + q.tokens < end &&
               batch->table[q.token + q.tokens] == batch->table[q.token])
            q.tokens++;
        attend(&q);
    }
    const size_t columns = (size_t)q.heads * step->group;
    for (uint32_t row = first; phase->quantizes && row < end; row++)
        ergo__cpu_quantize(program, step + 1, row, q.kv_head * columns, columns);
}
