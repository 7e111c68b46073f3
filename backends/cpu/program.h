/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_BACKENDS_CPU_PROGRAM_H
#define ERGO_BACKENDS_CPU_PROGRAM_H

#include "backends/cpu/packed.h"
#include "backends/cpu/pool.h"
#include "runtime/backend.h"
#include "runtime/kv.h"

typedef struct ergo__cpu_device {
    ergo_device common; /* first */
    ergo__cpu_kernels kernels;
    ergo__pool pool;
} ergo__cpu_device;

/** Most matrices of one step. */
#define ERGO__CPU_MATRICES 3

/** A matrix of a step as its kernel reads it: packed, here or in the file, or rows in the file. */
typedef struct ergo__cpu_matrix {
    ergo__matmul_fn *matmul; /* of a MATMUL step */
    const unsigned char *data;
    size_t row_bytes; /* or bytes of a strip */
    bool packed;
    bool copied; /* packed here, for this and all later steps that use the weight */
} ergo__cpu_matrix;

/**
 * The workers go through a plan phase by phase. A phase is a product of matrices, or attention, or
 * all steps in a row that work row by row, one row through all of them; at the end of the latter
 * two, activations for the product behind it are quantized. It is cut into independent units, which
 * the workers claim; between phases they meet.
 */
typedef struct ergo__cpu_phase ergo__cpu_phase;

typedef void ergo__cpu_unit_fn(ergo__program *program, const ergo__cpu_phase *phase, uint32_t unit,
                               uint32_t worker);

struct ergo__cpu_phase {
    ergo__cpu_unit_fn *run;
    /** Units for `rows` tokens or outputs. */
    uint32_t (*units)(const ergo__program *program, const ergo__cpu_phase *phase, uint32_t rows);
    const ergo__step *step; /* the first */
    size_t steps;           /* may be 0 where activations are quantized */
    bool quantizes;         /* the activations of step[steps] */
    uint32_t chunks;        /* rows: units that a row is cut into, ERGO__CPU_CHUNK columns each */
    size_t columns;         /* rows: of the values, where they are chunks or are quantized */
};

/** Whole blocks of activations. */
#define ERGO__CPU_CHUNK ((size_t)16 * ERGO__Q8_ELEMENTS)

/** A plan on the CPU: where its values, pages and packed weights lie. */
struct ergo__program {
    ergo__cpu_device *device;
    const ergo__plan *plan;
    ergo__limits limits;
    ergo__cpu_phase *phases;
    size_t phase_count;

    /* Values of tokens and of outputs, row after row: limits.tokens and limits.outputs rows. A row
     * has its own of each value, so that it can go from step to step while others are behind. */
    float *token_slab;
    float *output_slab;
    size_t token_stride; /* floats from row to row */
    size_t output_stride;

    ergo__cpu_matrix (*matrices)[ERGO__CPU_MATRICES]; /* of each step; data is NULL where it ends */
    unsigned char *packed;
    ergo_release release; /* of what was packed */

    unsigned char *pages;
    size_t page_bytes;
    size_t *layer_offset; /* of each layer's keys in a page; the values follow the keys */

    ergo__q8_block *activations; /* of the present step: limits.tokens rows */
    ergo__tile_block *tiles;     /* the same for packed matrices, tile after tile */
    size_t activation_blocks;    /* of one row */

    /* Attention, of each worker: room for `most_queries` of them. */
    size_t most_queries;
    size_t score_stride; /* floats from one query's scores to the next */
    float *scores;
    float *inverse;      /* of the sum of a query's weights */
    size_t query_blocks; /* of one query */
    float *vectors;      /* queries, or what is mixed from values: query_blocks x 32 each */
    ergo__q8_block *queries;

    const ergo__batch *batch; /* the present one */
};

/** Floats from one row of a value to the next. */
static inline size_t ergo__cpu_stride(const ergo__program *program, ergo__value_id id)
{
    return program->plan->values[id].outputs ? program->output_stride : program->token_stride;
}

/** Row `row` of a value. */
static inline float *ergo__cpu_row(const ergo__program *program, ergo__value_id id, size_t row)
{
    const ergo__value *value = &program->plan->values[id];
    float *slab = value->outputs ? program->output_slab : program->token_slab;
    return slab + row * ergo__cpu_stride(program, id) + value->offset;
}

/** Keys of a head of a layer in a page; the values of the head lie `layer bytes` behind. */
static inline unsigned char *ergo__cpu_keys(const ergo__program *program, uint32_t page,
                                            const ergo__step *step, uint32_t head)
{
    const size_t head_bytes =
        ERGO__PAGE_POSITIONS * ergo__kv_head_bytes(program->limits.kv, step->group);
    return program->pages + (size_t)page * program->page_bytes +
           program->layer_offset[step->layer] + head * head_bytes;
}

static inline size_t ergo__cpu_values_behind_keys(const ergo__program *program,
                                                  const ergo__step *step)
{
    return ergo__kv_layer_bytes(program->limits.kv, program->plan->kv[step->layer]);
}

/** Rows of the present batch that a step works on: tokens or outputs. */
static inline uint32_t ergo__cpu_rows(const ergo__program *program, const ergo__step *step)
{
    const ergo__value_id id = step->out[0] == ERGO__NO_VALUE ? step->in[0] : step->out[0];
    return program->plan->values[id].outputs ? program->batch->outputs : program->batch->tokens;
}

/** ---- program.c: what the backend's functions do, see runtime/backend.h ---- */

ergo_status ergo__cpu_prepare(ergo_device *device, const ergo__plan *plan,
                              const ergo__limits *limits, ergo_release release, ergo__arena *arena,
                              ergo_engine_memory *memory, ergo__program **out);
ergo_status ergo__cpu_run(ergo__program *program, const ergo__batch *batch);
const float *ergo__cpu_logits(ergo__program *program, uint32_t row);
size_t ergo__cpu_page_bytes(const ergo__program *program);
ergo_status ergo__cpu_page_clear(ergo__program *program, uint32_t page);
ergo_status ergo__cpu_page_read(ergo__program *program, uint32_t page, void *bytes);
ergo_status ergo__cpu_page_write(ergo__program *program, uint32_t page, const void *bytes);

/** ---- repack.c ---- */

/** Takes room for the matrices of every step and for their packed weights, whose bytes it returns.
 */
size_t ergo__cpu_repack_layout(ergo__program *program, ergo__arena *arena);

/** Fills them, with all workers. */
void ergo__cpu_repack(ergo__program *program);

/** ---- units_attention.c ---- */

/** Takes room for what workers need for attention. */
void ergo__cpu_attend_layout(ergo__program *program, ergo__arena *arena);

/** ---- schedule.c ---- */

/** The phases of a plan: returns their number, and writes them if `phases` is not NULL. */
size_t ergo__cpu_schedule(const ergo__plan *plan, ergo__cpu_phase *phases);

/** ---- phases.c, units_matmul.c, units_attention.c: units of a phase and their number ---- */

ergo__cpu_unit_fn ergo__cpu_unit_rows, ergo__cpu_unit_matmul, ergo__cpu_unit_attend;

uint32_t ergo__cpu_row_units(const ergo__program *program, const ergo__cpu_phase *phase,
                             uint32_t rows);
uint32_t ergo__cpu_matmul_units(const ergo__program *program, const ergo__cpu_phase *phase,
                                uint32_t rows);
uint32_t ergo__cpu_attend_units(const ergo__program *program, const ergo__cpu_phase *phase,
                                uint32_t rows);

/** Whether a matrix of the step takes quantized activations. */
bool ergo__cpu_matmul_quantizes(const ergo__step *step);

/** Quantizes columns of a row of the input of a MATMUL step: whole blocks. */
void ergo__cpu_quantize(ergo__program *program, const ergo__step *step, uint32_t row,
                        size_t first_column, size_t columns);

/** Stores the keys and values of one token. */
void ergo__cpu_store(ergo__program *program, const ergo__step *step, uint32_t token);

#endif
