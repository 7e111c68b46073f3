/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "backends/cpu/program.h"

/* The steps that work row by row; a unit is a token, or an output. */

static void embed(ergo__program *program, const ergo__step *step, uint32_t unit, uint32_t worker)
{
    (void)worker;
    const ergo__weight *weight = &step->weight[0];
    const ergo__cpu_matrix *table = &program->matrices[step - program->plan->steps][0];
    float *out = ergo__cpu_row(program, step->out[0], unit);
    const size_t row = (size_t)program->batch->token[unit];
    /* The type and whole blocks were checked when the file was opened. */
    if (table->packed)
        ergo__cpu_unpack_row(weight->type, table->data + row / ERGO__STRIP_ROWS * table->row_bytes,
                             weight->columns, row % ERGO__STRIP_ROWS, out);
    else
        (void)ergo_dequantize(weight->type, table->data + row * table->row_bytes, out,
                              weight->columns);
    if (step->scale != 1.0f)
        program->device->kernels.scale(out, step->scale, weight->columns, out);
}

static void angles(ergo__program *program, const ergo__step *step, uint32_t unit, uint32_t worker)
{
    (void)worker;
    const ergo__rope *rope = step->rope;
    const bool far = rope->long_frequency && program->limits.context > rope->long_above;
    program->device->kernels.angles(far ? rope->long_frequency : rope->frequency,
                                    program->batch->position[unit], rope->magnitude,
                                    rope->rotated / 2, ergo__cpu_row(program, step->out[0], unit));
}

static void norm(ergo__program *program, const ergo__step *step, uint32_t unit, uint32_t worker)
{
    (void)worker;
    const float *in = ergo__cpu_row(program, step->in[0], unit);
    float *out = ergo__cpu_row(program, step->out[0], unit);
    const size_t columns = program->plan->values[step->out[0]].columns;
    for (size_t i = 0; i < columns; i += step->group)
        program->device->kernels.rms_norm(in + i, step->gain, step->epsilon, step->group, out + i);
}

static void rope(ergo__program *program, const ergo__step *step, uint32_t unit, uint32_t worker)
{
    (void)worker;
    const ergo__cpu_kernels *kernels = &program->device->kernels;
    const float *in = ergo__cpu_row(program, step->in[0], unit);
    const float *turns = ergo__cpu_row(program, step->in[1], unit);
    float *out = ergo__cpu_row(program, step->out[0], unit);
    for (size_t head = 0; head < step->heads; head++)
        (step->neox ? kernels->rope_halves : kernels->rope_pairs)(
            in + head * step->group, turns, step->rotated, step->group, out + head * step->group);
}

static void glu(ergo__program *program, const ergo__step *step, uint32_t unit, uint32_t worker)
{
    (void)worker;
    const ergo__cpu_kernels *kernels = &program->device->kernels;
    (step->activation == ERGO__SILU ? kernels->glu_silu : kernels->glu_gelu)(
        ergo__cpu_row(program, step->in[0], unit), ergo__cpu_row(program, step->in[1], unit),
        program->plan->values[step->out[0]].columns, ergo__cpu_row(program, step->out[0], unit));
}

static void add(ergo__program *program, const ergo__step *step, uint32_t unit, uint32_t worker)
{
    (void)worker;
    program->device->kernels.add_scaled(ergo__cpu_row(program, step->in[0], unit),
                                        ergo__cpu_row(program, step->in[1], unit), step->scale,
                                        program->plan->values[step->out[0]].columns,
                                        ergo__cpu_row(program, step->out[0], unit));
}

static void scale(ergo__program *program, const ergo__step *step, uint32_t unit, uint32_t worker)
{
    (void)worker;
    program->device->kernels.scale(ergo__cpu_row(program, step->in[0], unit), step->scale,
                                   program->plan->values[step->out[0]].columns,
                                   ergo__cpu_row(program, step->out[0], unit));
}

static void select_row(ergo__program *program, const ergo__step *step, uint32_t unit,
                       uint32_t worker)
{
    (void)worker;
    memcpy(ergo__cpu_row(program, step->out[0], unit),
           ergo__cpu_row(program, step->in[0], program->batch->output[unit]),
           program->plan->values[step->out[0]].columns * sizeof(float));
}

size_t ergo__cpu_phases(const ergo__program *program, const ergo__step *step,
                        ergo__cpu_phase phases[ERGO__CPU_PHASES_MAX])
{
    const ergo__batch *batch = program->batch;
    const bool outputs =
        step->out[0] != ERGO__NO_VALUE && program->plan->values[step->out[0]].outputs;
    const uint32_t rows = outputs ? batch->outputs : batch->tokens;
    size_t count = 0;
    if (rows == 0)
        return 0;
    switch (step->op) {
    case ERGO__OP_EMBED:
        phases[count++] = (ergo__cpu_phase){embed, rows};
        break;
    case ERGO__OP_ANGLES:
        phases[count++] = (ergo__cpu_phase){angles, rows};
        break;
    case ERGO__OP_NORM:
        phases[count++] = (ergo__cpu_phase){norm, rows};
        break;
    case ERGO__OP_MATMUL:
        if (ergo__cpu_matmul_quantizes(step))
            phases[count++] =
                (ergo__cpu_phase){ergo__cpu_unit_quantize, ergo__cpu_quantize_units(step, rows)};
        phases[count++] = (ergo__cpu_phase){ergo__cpu_unit_matmul, ergo__cpu_matmul_units(step)};
        break;
    case ERGO__OP_ROPE:
        phases[count++] = (ergo__cpu_phase){rope, rows};
        break;
    case ERGO__OP_STORE:
        phases[count++] = (ergo__cpu_phase){ergo__cpu_unit_store, rows};
        break;
    case ERGO__OP_ATTEND:
        phases[count++] = (ergo__cpu_phase){ergo__cpu_unit_attend, rows * step->kv_heads};
        break;
    case ERGO__OP_GLU:
        phases[count++] = (ergo__cpu_phase){glu, rows};
        break;
    case ERGO__OP_ADD:
        phases[count++] = (ergo__cpu_phase){add, rows};
        break;
    case ERGO__OP_SELECT:
        phases[count++] = (ergo__cpu_phase){select_row, rows};
        break;
    case ERGO__OP_SCALE:
        phases[count++] = (ergo__cpu_phase){scale, rows};
        break;
    }
    return count;
}
