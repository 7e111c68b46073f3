/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/cpu/program.h"

/* Rows of one unit of work: small enough that a slow core never holds up the others for long. */
#define ROWS 32u

static uint32_t units_of(const ergo__weight *weight)
{
    return (weight->rows + ROWS - 1) / ROWS;
}

uint32_t ergo__cpu_matmul_units(const ergo__step *step)
{
    uint32_t units = 0;
    for (int i = 0; i < 3 && step->out[i] != ERGO__NO_VALUE; i++)
        units += units_of(&step->weight[i]);
    return units;
}

bool ergo__cpu_matmul_quantizes(const ergo__step *step)
{
    for (int i = 0; i < 3 && step->out[i] != ERGO__NO_VALUE; i++)
        if (ergo__cpu_takes_q8(step->weight[i].type))
            return true;
    return false;
}

void ergo__cpu_unit_quantize(ergo__program *program, const ergo__step *step, uint32_t unit,
                             uint32_t worker)
{
    (void)worker;
    program->device->kernels.quantize_q8(ergo__cpu_row(program, step->in[0], unit),
                                         program->activations + unit * program->activation_blocks,
                                         step->weight[0].columns);
}

static void add_bias(float *out, size_t stride, const float *bias, size_t rows, size_t tokens)
{
    for (size_t t = 0; t < tokens; t++)
        for (size_t r = 0; r < rows; r++)
            out[t * stride + r] += bias[r];
}

void ergo__cpu_unit_matmul(ergo__program *program, const ergo__step *step, uint32_t unit,
                           uint32_t worker)
{
    (void)worker;
    size_t i = 0;
    for (; unit >= units_of(&step->weight[i]); i++)
        unit -= units_of(&step->weight[i]);
    const ergo__weight *weight = &step->weight[i];
    const uint32_t first = unit * ROWS;
    const uint32_t rows = weight->rows - first < ROWS ? weight->rows - first : ROWS;
    const bool outputs = program->plan->values[step->in[0]].outputs;
    const uint32_t tokens = outputs ? program->batch->outputs : program->batch->tokens;
    const void *x = ergo__cpu_row(program, step->in[0], 0);
    size_t x_stride = weight->columns * sizeof(float);
    if (ergo__cpu_takes_q8(weight->type)) {
        x = program->activations;
        x_stride = program->activation_blocks * sizeof(ergo__q8_block);
    }
    float *out = ergo__cpu_row(program, step->out[i], 0) + first;
    ergo__cpu_matmul(&program->device->kernels, weight->type)(
        weight->data + (size_t)first * weight->row_bytes, weight->row_bytes, weight->columns, x,
        x_stride, out, weight->rows, rows, tokens);
    if (step->bias[i])
        add_bias(out, weight->rows, step->bias[i] + first, rows, tokens);
}
