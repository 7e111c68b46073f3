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

/* ---- Quantizing ---------------------------------------------------------------------------- */

/* Blocks of each token of a tile in one unit of work. */
#define CHUNK 16u

static uint32_t chunks_of(const ergo__step *step)
{
    return (uint32_t)ergo__ceil_div(step->weight[0].columns / ERGO__Q8_ELEMENTS, CHUNK);
}

uint32_t ergo__cpu_quantize_units(const ergo__step *step, uint32_t rows)
{
    return (uint32_t)ergo__ceil_div(rows, ERGO__TILE_TOKENS) * chunks_of(step);
}

static uint32_t rows_of(const ergo__program *program, const ergo__step *step)
{
    const bool outputs = program->plan->values[step->in[0]].outputs;
    return outputs ? program->batch->outputs : program->batch->tokens;
}

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

/* A unit is some blocks of every token of a tile. */
void ergo__cpu_unit_quantize(ergo__program *program, const ergo__step *step, uint32_t unit,
                             uint32_t worker)
{
    (void)worker;
    const uint32_t rows = rows_of(program, step);
    const uint32_t first = unit / chunks_of(step) * ERGO__TILE_TOKENS;
    const uint32_t width = tile_width(rows, first);
    const size_t from = unit % chunks_of(step) * CHUNK;
    const size_t end = step->weight[0].columns / ERGO__Q8_ELEMENTS;
    const size_t blocks = end - from < CHUNK ? end - from : CHUNK;
    const bool in_rows = reads(program, step, false), in_tiles = reads(program, step, true);
    for (uint32_t t = 0; t < width; t++) {
        ergo__q8_block chunk[CHUNK];
        program->device->kernels.quantize_q8(ergo__cpu_row(program, step->in[0], first + t) +
                                                 from * ERGO__Q8_ELEMENTS,
                                             chunk, blocks * ERGO__Q8_ELEMENTS);
        if (in_rows)
            memcpy(program->activations + (first + t) * program->activation_blocks + from, chunk,
                   blocks * sizeof *chunk);
        for (size_t b = 0; in_tiles && b < blocks; b++)
            tile_at(program, first)[(from + b) * width + t] = ergo__tile_block_of(&chunk[b]);
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
    const uint32_t tokens = rows_of(program, step);
    const bool q8 = ergo__cpu_takes_q8(weight->type);
    for (uint32_t t = 0; t < tokens; t += ERGO__TILE_TOKENS) {
        const uint32_t width = tile_width(tokens, t);
        const void *x = q8 ? (const void *)tile_at(program, t)
                           : (const void *)ergo__cpu_row(program, step->in[0], t);
        const size_t x_stride =
            q8 ? width * sizeof(ergo__tile_block) : weight->columns * sizeof(float);
        matrix->matmul(w, matrix->row_bytes, weight->columns, x, x_stride,
                       ergo__cpu_row(program, step->out[i], t) + first, weight->rows, rows, width);
    }
}

static void multiply_in_place(ergo__program *program, const ergo__step *step, size_t i,
                              uint32_t first, uint32_t rows)
{
    const ergo__weight *weight = &step->weight[i];
    const ergo__cpu_matrix *matrix = &program->matrices[step - program->plan->steps][i];
    const void *x = ergo__cpu_row(program, step->in[0], 0);
    size_t x_stride = weight->columns * sizeof(float);
    if (ergo__cpu_takes_q8(weight->type)) {
        x = program->activations;
        x_stride = program->activation_blocks * sizeof(ergo__q8_block);
    }
    matrix->matmul(matrix->data + (size_t)first * matrix->row_bytes, matrix->row_bytes,
                   weight->columns, x, x_stride, ergo__cpu_row(program, step->out[i], 0) + first,
                   weight->rows, rows, rows_of(program, step));
}

void ergo__cpu_unit_matmul(ergo__program *program, const ergo__step *step, uint32_t unit,
                           uint32_t worker)
{
    (void)worker;
    size_t i = 0;
    for (; unit >= units_of(&step->weight[i]); i++)
        unit -= units_of(&step->weight[i]);
    const ergo__weight *weight = &step->weight[i];
    const ergo__cpu_matrix *matrix = &program->matrices[step - program->plan->steps][i];
    const uint32_t first = unit * ROWS;
    const uint32_t rows = weight->rows - first < ROWS ? weight->rows - first : ROWS;
    const uint32_t tokens = rows_of(program, step);
    float *out = ergo__cpu_row(program, step->out[i], 0) + first;
    if (matrix->packed)
        multiply_packed(program, step, i, first, rows);
    else
        multiply_in_place(program, step, i, first, rows);
    if (step->bias[i])
        add_bias(out, weight->rows, step->bias[i] + first, rows, tokens);
}
