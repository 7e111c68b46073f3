/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "backends/cpu/program.h"

#define P ERGO__PAGE_POSITIONS

void ergo__cpu_unit_store(ergo__program *program, const ergo__step *step, uint32_t unit,
                          uint32_t worker)
{
    (void)worker;
    const ergo__cpu_kernels *kernels = &program->device->kernels;
    const ergo__batch *batch = program->batch;
    const uint32_t position = batch->position[unit];
    const uint32_t page = batch->table[unit][position / P];
    const float *keys = ergo__cpu_row(program, step->in[0], unit);
    const float *values = ergo__cpu_row(program, step->in[1], unit);
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

/* The query as the kernel of the keys wants it: floats, or blocks padded with zeros. */
static const void *prepare_query(ergo__program *program, const float *query, size_t head_dim,
                                 uint32_t worker)
{
    if (program->limits.kv != ERGO_KV_Q8_0)
        return query;
    const size_t blocks = (head_dim + ERGO__Q8_ELEMENTS - 1) / ERGO__Q8_ELEMENTS;
    float *padded = program->padded_query + worker * program->query_blocks * ERGO__Q8_ELEMENTS;
    ergo__q8_block *out = program->queries + worker * program->query_blocks;
    memcpy(padded, query, head_dim * sizeof *query);
    memset(padded + head_dim, 0, (blocks * ERGO__Q8_ELEMENTS - head_dim) * sizeof *padded);
    program->device->kernels.quantize_q8(padded, out, blocks * ERGO__Q8_ELEMENTS);
    return out;
}

/* One head of one token: scores of all positions it sees, softmax, and the mixed values. */
static void attend_head(ergo__program *program, const ergo__step *step, uint32_t token,
                        uint32_t head, uint32_t worker)
{
    const ergo__cpu_kernels *kernels = &program->device->kernels;
    const bool q8 = program->limits.kv == ERGO_KV_Q8_0;
    const uint32_t end = program->batch->position[token] + 1;
    const uint32_t first = step->window && end > step->window ? end - step->window : 0;
    const uint32_t kv_head = head / (step->heads / step->kv_heads);
    const uint32_t *table = program->batch->table[token];
    const size_t behind = ergo__cpu_values_behind_keys(program, step);
    float *scores = program->scores + (size_t)worker * program->limits.context;
    const size_t at = (size_t)head * step->group;
    const void *query = prepare_query(program, ergo__cpu_row(program, step->in[0], token) + at,
                                      step->group, worker);
    for (uint32_t start = first; start < end; start = (start / P + 1) * P) {
        const uint32_t page_end = (start / P + 1) * P;
        const uint32_t last = page_end < end ? P : (end - 1) % P + 1;
        const void *keys = ergo__cpu_keys(program, table[start / P], step, kv_head);
        (q8 ? kernels->scores_q8_0 : kernels->scores_f16)(
            keys, query, 1, step->group, step->scale, start % P, last, scores + (start - first), 0);
    }
    const float inverse = kernels->softmax(scores, first, end - first);
    float *out = ergo__cpu_row(program, step->out[0], token) + at;
    memset(out, 0, step->group * sizeof *out);
    for (uint32_t start = first; start < end; start = (start / P + 1) * P) {
        const uint32_t page_end = (start / P + 1) * P;
        const uint32_t last = page_end < end ? P : (end - 1) % P + 1;
        const void *values = ergo__cpu_keys(program, table[start / P], step, kv_head) + behind;
        (q8 ? kernels->mix_q8_0 : kernels->mix_f16)(values, scores + (start - first), 0, 1,
                                                    step->group, start % P, last, out);
    }
    kernels->scale(out, inverse, step->group, out);
}

/* A unit is the heads of one token that share keys and values. */
void ergo__cpu_unit_attend(ergo__program *program, const ergo__step *step, uint32_t unit,
                           uint32_t worker)
{
    const uint32_t group = step->heads / step->kv_heads;
    const uint32_t token = unit / step->kv_heads, kv_head = unit % step->kv_heads;
    for (uint32_t i = 0; i < group; i++)
        attend_head(program, step, token, kv_head * group + i, worker);
}
