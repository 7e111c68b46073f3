/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/cpu/program.h"

#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/base/log.h"

/* ---- Layout -------------------------------------------------------------------------------- */

/* Blocks of the widest vector that a quantized matrix multiplies. */
static size_t widest_activation(const ergo__plan *plan)
{
    size_t widest = 0;
    for (size_t i = 0; i < plan->step_count; i++) {
        const ergo__step *step = &plan->steps[i];
        if (step->op == ERGO__OP_MATMUL && ergo__cpu_matmul_quantizes(step))
            widest = ergo__max_size(widest, step->weight[0].columns / ERGO__Q8_ELEMENTS);
    }
    return widest;
}

/*
 * Rows are an odd number of cache lines apart: the same columns of several rows, which kernels
 * write together, would else fall on the same few places of a cache.
 */
static size_t stride_of(size_t floats)
{
    const size_t line = ERGO_BLOCK_ALIGN / sizeof(float);
    return (ergo__ceil_div(floats, line) | 1u) * line;
}

/* count x rows objects; the arena notices what overflows. */
static size_t times(ergo__arena *arena, size_t count, size_t rows)
{
    size_t product = 0;
    if (!ergo__mul_size(count, rows, &product))
        arena->full = true;
    return product;
}

static void lay_program(ergo__program *p, ergo__arena *arena, ergo_engine_memory *memory)
{
    const ergo__limits *limits = &p->limits;
    p->phase_count = ergo__cpu_schedule(p->plan, NULL);
    p->phases = ERGO__TAKE(arena, ergo__cpu_phase, p->phase_count);
    p->token_stride = stride_of(p->plan->token_floats);
    p->token_slab = ERGO__TAKE_LINE(arena, float, times(arena, p->token_stride, limits->tokens));
    p->output_stride = stride_of(p->plan->output_floats);
    p->output_slab = ERGO__TAKE_LINE(arena, float, times(arena, p->output_stride, limits->outputs));
    p->activation_blocks = widest_activation(p->plan);
    p->activations =
        ERGO__TAKE_LINE(arena, ergo__q8_block, times(arena, p->activation_blocks, limits->tokens));
    p->tiles = ERGO__TAKE_LINE(
        arena, ergo__tile_block,
        times(arena, p->activation_blocks,
              ergo__ceil_div(limits->tokens, ERGO__TILE_TOKENS) * ERGO__TILE_TOKENS));
    ergo__cpu_attend_layout(p, arena);
    p->layer_offset = ERGO__TAKE(arena, size_t, p->plan->layers);
    memory->repacked = ergo__cpu_repack_layout(p, arena);
    p->pages = ERGO__TAKE_LINE(arena, unsigned char, times(arena, p->page_bytes, limits->pages));
}

ergo_status ergo__cpu_prepare(ergo_device *device, const ergo__plan *plan,
                              const ergo__limits *limits, ergo_release release, ergo__arena *arena,
                              ergo_engine_memory *memory, ergo__program **out)
{
    ergo__program program = {
        .device = (ergo__cpu_device *)device, .plan = plan, .limits = *limits, .release = release};
    if (!ergo__kv_page_bytes(limits->kv, plan, &program.page_bytes))
        return ergo__fail(&device->log, ERGO_E_LIMIT, "cpu: a page of keys and values overflows");
    ergo__program *real = ERGO__TAKE_LINE(arena, ergo__program, 1);
    lay_program(&program, arena, memory);
    memory->kv = (uint64_t)program.page_bytes * limits->pages;
    *out = NULL;
    if (!real || arena->full)
        return ERGO_OK; /* counting, or the engine says that the block is too small */
    size_t offset = 0;
    for (uint32_t layer = 0; layer < plan->layers; layer++) {
        program.layer_offset[layer] = offset;
        offset += 2 * ergo__kv_layer_bytes(limits->kv, plan->kv[layer]);
    }
    (void)ergo__cpu_schedule(plan, program.phases);
    *real = program;
    ergo__cpu_repack(real);
    *out = real;
    return ERGO_OK;
}

/* ---- Running ------------------------------------------------------------------------------- */

/* What every worker does: all phases, one after the other. */
static void work(void *user, uint32_t worker)
{
    ergo__program *program = user;
    ergo__pool *pool = &program->device->pool;
    for (size_t i = 0; i < program->phase_count; i++) {
        const ergo__cpu_phase *phase = &program->phases[i];
        const uint32_t rows = ergo__cpu_rows(program, phase->step);
        if (rows == 0)
            continue;
        const uint32_t units = phase->units(program, phase, rows);
        for (uint32_t unit; (unit = ergo__pool_claim_own(pool, worker, units)) < units;)
            phase->run(program, phase, unit, worker);
        ergo__pool_barrier(pool, worker);
    }
}

ergo_status ergo__cpu_run(ergo__program *program, const ergo__batch *batch)
{
    const uint32_t threads = program->device->common.threads;
    const uint32_t active =
        batch->threads > 0 && batch->threads < threads ? batch->threads : threads;
    program->batch = batch;
    ergo__pool_run(&program->device->pool, active, work, program);
    const ergo__pool_waits waits = ergo__pool_waited(&program->device->pool);
    program->device->common.waited_cpu_ns = waits.spun_ns;
    program->device->common.asleep_ns = waits.slept_ns;
    program->batch = NULL;
    return ERGO_OK;
}

const float *ergo__cpu_logits(ergo__program *program, uint32_t row)
{
    return ergo__cpu_row(program, program->plan->logits, row);
}

/* ---- Pages --------------------------------------------------------------------------------- */

size_t ergo__cpu_page_bytes(const ergo__program *program)
{
    return program->page_bytes;
}

ergo_status ergo__cpu_page_clear(ergo__program *program, uint32_t page)
{
    memset(program->pages + (size_t)page * program->page_bytes, 0, program->page_bytes);
    return ERGO_OK;
}

ergo_status ergo__cpu_page_read(ergo__program *program, uint32_t page, void *bytes)
{
    memcpy(bytes, program->pages + (size_t)page * program->page_bytes, program->page_bytes);
    return ERGO_OK;
}

ergo_status ergo__cpu_page_write(ergo__program *program, uint32_t page, const void *bytes)
{
    memcpy(program->pages + (size_t)page * program->page_bytes, bytes, program->page_bytes);
    return ERGO_OK;
}
