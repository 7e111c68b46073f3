/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "backends/cpu/program.h"
#include "runtime/base/checked.h"

/* Rows of one unit of work: small enough that a slow core never holds up the others for long. */
#define ROWS (2 * ERGO__STRIP_ROWS)

static uint32_t units_of(const ergo__weight *weight)
{
    return (weight->rows + ROWS - 1) / ROWS;
}

uint32_t ergo__cpu_matmul_units(const ergo__program *program, const ergo__cpu_phase *phase,
                                uint32_t rows)
{
    (void)program;
    (void)rows;
    const ergo__step *step = phase->step;
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

/* ---- Quantizing ---------------------------------------------------------------------------- */

/* The tile that starts at token `first`. */
static ergo__tile_block *tile_at(const ergo__program *program, size_t first)
{
    return program->tiles + first * program->activation_blocks;
}

static uint32_t tile_width(uint32_t rows, uint32_t first)
{
    return rows - first < ERGO__TILE_TOKENS ? rows - first : ERGO__TILE_TOKENS;
}

/* Whether matrices of the step read quantized activations that are in tiles, or that are not. */
static bool reads(const ergo__program *program, const ergo__step *step, bool tiles)
{
    for (int i = 0; i < 3 && step->out[i] != ERGO__NO_VALUE; i++)
        if (ergo__cpu_takes_q8(step->weight[i].type) &&
            program->matrices[step - program->plan->steps][i].packed == tiles)
            return true;
    return false;
}

/* Blocks that are quantized at a time. */
#define CHUNK 16u

void ergo__cpu_quantize(ergo__program *program, const ergo__step *step, uint32_t row,
                        size_t first_column, size_t columns)
{
    const uint32_t t = row % ERGO__TILE_TOKENS;
    const uint32_t width = tile_width(ergo__cpu_rows(program, step), row - t);
    const size_t end = (first_column + columns) / ERGO__Q8_ELEMENTS;
    const float *in = ergo__cpu_row(program, step->in[0], row);
    const bool in_rows = reads(program, step, false), in_tiles = reads(program, step, true);
    for (size_t from = first_column / ERGO__Q8_ELEMENTS, blocks; from < end; from += blocks) {
        ergo__q8_block chunk[CHUNK];
        blocks = end - from < CHUNK ? end - from : CHUNK;
        program->device->kernels.quantize_q8(in + from * ERGO__Q8_ELEMENTS, chunk,
                                             blocks * ERGO__Q8_ELEMENTS);
        if (in_rows)
            memcpy(program->activations + row * program->activation_blocks + from, chunk,
                   blocks * sizeof *chunk);
        for (size_t b = 0; in_tiles && b < blocks; b++)
            tile_at(program, row - t)[(from + b) * width + t] = ergo__tile_block_of(&chunk[b]);
    }
}

/* ---- Multiplying --------------------------------------------------------------------------- */

static void add_bias(float *out, size_t stride, const float *bias, size_t rows, size_t tokens)
{
    for (size_t t = 0; t < tokens; t++)
        for (size_t r = 0; r < rows; r++)
            out[t * stride + r] += bias[r];
}

static void multiply_packed(ergo__program *program, const ergo__step *step, size_t i,
                            uint32_t first, uint32_t rows)
{
    const ergo__weight *weight = &step->weight[i];
    const ergo__cpu_matrix *matrix = &program->matrices[step - program->plan->steps][i];
    const unsigned char *w = matrix->data + first / ERGO__STRIP_ROWS * matrix->row_bytes;
    const uint32_t tokens = ergo__cpu_rows(program, step);
    const bool q8 = ergo__cpu_takes_q8(weight->type);
    const size_t stride = ergo__cpu_stride(program, step->out[i]);
    for (uint32_t t = 0; t < tokens; t += ERGO__TILE_TOKENS) {
        const uint32_t width = tile_width(tokens, t);
        const void *x = q8 ? (const void *)tile_at(program, t)
                           : (const void *)ergo__cpu_row(program, step->in[0], t);
        const size_t x_stride = q8 ? width * sizeof(ergo__tile_block) : stride * sizeof(float);
        matrix->matmul(w, matrix->row_bytes, weight->columns, x, x_stride,
                       ergo__cpu_row(program, step->out[i], t) + first, stride, rows, width);
    }
}

static void multiply_in_place(ergo__program *program, const ergo__step *step, size_t i,
                              uint32_t first, uint32_t rows)
{
    const ergo__weight *weight = &step->weight[i];
    const ergo__cpu_matrix *matrix = &program->matrices[step - program->plan->steps][i];
    const size_t stride = ergo__cpu_stride(program, step->out[i]); /* of the input too */
    const void *x = ergo__cpu_row(program, step->in[0], 0);
    size_t x_stride = stride * sizeof(float);
    if (ergo__cpu_takes_q8(weight->type)) {
        x = program->activations;
        x_stride = program->activation_blocks * sizeof(ergo__q8_block);
    }
    matrix->matmul(matrix->data + (size_t)first * matrix->row_bytes, matrix->row_bytes,
                   weight->columns, x, x_stride, ergo__cpu_row(program, step->out[i], 0) + first,
                   stride, rows, ergo__cpu_rows(program, step));
}

void ergo__cpu_unit_matmul(ergo__program *program, const ergo__cpu_phase *phase, uint32_t unit,
                           uint32_t worker)
{
    (void)worker;
    const ergo__step *step = phase->step;
    size_t i = 0;
    for (; unit >= units_of(&step->weight[i]); i++)
        unit -= units_of(&step->weight[i]);
    const ergo__weight *weight = &step->weight[i];
    const ergo__cpu_matrix *matrix = &program->matrices[step - program->plan->steps][i];
    const uint32_t first = unit * ROWS;
    const uint32_t rows = weight->rows - first < ROWS ? weight->rows - first : ROWS;
    const uint32_t tokens = ergo__cpu_rows(program, step);
    float *out = ergo__cpu_row(program, step->out[i], 0) + first;
    if (matrix->packed)
        multiply_packed(program, step, i, first, rows);
    else
        multiply_in_place(program, step, i, first, rows);
    if (step->bias[i])
        add_bias(out, ergo__cpu_stride(program, step->out[i]), step->bias[i] + first, rows, tokens);
}
