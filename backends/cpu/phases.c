/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "backends/cpu/program.h"
#include "runtime/base/checked.h"

/* The steps that work row by row: on one token's row of each value, or one output's. */

static void embed(ergo__program *program, const ergo__step *step, uint32_t row)
{
    const ergo__weight *weight = &step->weight[0];
    const ergo__cpu_matrix *table = &program->matrices[step - program->plan->steps][0];
    float *out = ergo__cpu_row(program, step->out[0], row);
    const size_t id = (size_t)program->batch->token[row];
    /* The type and whole blocks were checked when the file was opened. */
    if (table->packed)
        ergo__cpu_unpack_row(weight->type, table->data + id / ERGO__STRIP_ROWS * table->row_bytes,
                             weight->columns, id % ERGO__STRIP_ROWS, out);
    else
        (void)ergo_dequantize(weight->type, table->data + id * table->row_bytes, out,
                              weight->columns);
    if (step->scale != 1.0f)
        program->device->kernels.scale(out, step->scale, weight->columns, out);
}

static void angles(ergo__program *program, const ergo__step *step, uint32_t row)
{
    const ergo__rope *rope = step->rope;
    const bool far = rope->long_frequency && program->limits.context > rope->long_above;
    program->device->kernels.angles(far ? rope->long_frequency : rope->frequency,
                                    program->batch->position[row], rope->magnitude,
                                    rope->rotated / 2, ergo__cpu_row(program, step->out[0], row));
}

static void norm(ergo__program *program, const ergo__step *step, uint32_t row)
{
    const float *in = ergo__cpu_row(program, step->in[0], row);
    float *out = ergo__cpu_row(program, step->out[0], row);
    const size_t columns = program->plan->values[step->out[0]].columns;
    for (size_t i = 0; i < columns; i += step->group)
        program->device->kernels.rms_norm(in + i, step->gain, step->epsilon, step->group, out + i);
}

static void rope(ergo__program *program, const ergo__step *step, uint32_t row)
{
    const ergo__cpu_kernels *kernels = &program->device->kernels;
    const float *in = ergo__cpu_row(program, step->in[0], row);
    const float *turns = ergo__cpu_row(program, step->in[1], row);
    float *out = ergo__cpu_row(program, step->out[0], row);
    for (size_t head = 0; head < step->heads; head++)
        (step->neox ? kernels->rope_halves : kernels->rope_pairs)(
            in + head * step->group, turns, step->rotated, step->group, out + head * step->group);
}

/* Those that work element by element can do some columns only. */

typedef struct range {
    size_t first;
    size_t count;
} range;

static void glu(ergo__program *program, const ergo__step *step, uint32_t row, range columns)
{
    const ergo__cpu_kernels *kernels = &program->device->kernels;
    (step->activation == ERGO__SILU ? kernels->glu_silu : kernels->glu_gelu)(
        ergo__cpu_row(program, step->in[0], row) + columns.first,
        ergo__cpu_row(program, step->in[1], row) + columns.first, columns.count,
        ergo__cpu_row(program, step->out[0], row) + columns.first);
}

static void add(ergo__program *program, const ergo__step *step, uint32_t row, range columns)
{
    program->device->kernels.add_scaled(ergo__cpu_row(program, step->in[0], row) + columns.first,
                                        ergo__cpu_row(program, step->in[1], row) + columns.first,
                                        step->scale, columns.count,
                                        ergo__cpu_row(program, step->out[0], row) + columns.first);
}

static void scale(ergo__program *program, const ergo__step *step, uint32_t row, range columns)
{
    program->device->kernels.scale(ergo__cpu_row(program, step->in[0], row) + columns.first,
                                   step->scale, columns.count,
                                   ergo__cpu_row(program, step->out[0], row) + columns.first);
}

static void select_row(ergo__program *program, const ergo__step *step, uint32_t row)
{
    memcpy(ergo__cpu_row(program, step->out[0], row),
           ergo__cpu_row(program, step->in[0], program->batch->output[row]),
           program->plan->values[step->out[0]].columns * sizeof(float));
}

static void run_row(ergo__program *program, const ergo__step *step, uint32_t row, range columns)
{
    switch (step->op) {
    case ERGO__OP_EMBED:
        embed(program, step, row);
        break;
    case ERGO__OP_ANGLES:
        angles(program, step, row);
        break;
    case ERGO__OP_NORM:
        norm(program, step, row);
        break;
    case ERGO__OP_ROPE:
        rope(program, step, row);
        break;
    case ERGO__OP_STORE:
        ergo__cpu_store(program, step, row);
        break;
    case ERGO__OP_GLU:
        glu(program, step, row, columns);
        break;
    case ERGO__OP_ADD:
        add(program, step, row, columns);
        break;
    case ERGO__OP_SELECT:
        select_row(program, step, row);
        break;
    case ERGO__OP_SCALE:
        scale(program, step, row, columns);
        break;
    case ERGO__OP_MATMUL:
    case ERGO__OP_ATTEND:
        break; /* not of these */
    }
}

/* ---- Units of a phase ---------------------------------------------------------------------- */

/* Rows of one unit: as many as leave every worker several units, and no more than a tile. */
static uint32_t rows_together(const ergo__program *program, uint32_t rows)
{
    const uint32_t share = rows / (4 * program->device->common.threads);
    return share < 1 ? 1 : share < ERGO__TILE_TOKENS ? share : ERGO__TILE_TOKENS;
}

uint32_t ergo__cpu_row_units(const ergo__program *program, const ergo__cpu_phase *phase,
                             uint32_t rows)
{
    return (uint32_t)ergo__ceil_div(rows, rows_together(program, rows)) * phase->chunks;
}

void ergo__cpu_unit_rows(ergo__program *program, const ergo__cpu_phase *phase, uint32_t unit,
                         uint32_t worker)
{
    (void)worker;
    const uint32_t rows = ergo__cpu_rows(program, phase->step);
    const uint32_t together = rows_together(program, rows);
    const uint32_t first = unit / phase->chunks * together;
    const uint32_t end = rows - first < together ? rows : first + together;
    const size_t from = unit % phase->chunks * ERGO__CPU_CHUNK;
    const range columns = {from, phase->chunks > 1 && phase->columns - from > ERGO__CPU_CHUNK
                                     ? ERGO__CPU_CHUNK
                                     : phase->columns - from};
    for (uint32_t row = first; row < end; row++) {
        for (size_t i = 0; i < phase->steps; i++)
            run_row(program, &phase->step[i], row, columns);
        if (phase->quantizes)
            ergo__cpu_quantize(program, phase->step + phase->steps, row, columns.first,
                               columns.count);
    }
}
