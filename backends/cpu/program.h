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

/** A plan on the CPU: where its values, pages and packed weights lie. */
struct ergo__program {
    ergo__cpu_device *device;
    const ergo__plan *plan;
    ergo__limits limits;
    float *token_slab;  /* values of tokens: limits.tokens rows each */
    float *output_slab; /* values of outputs: limits.outputs rows each */

    ergo__cpu_matrix (*matrices)[ERGO__CPU_MATRICES]; /* of each step; data is NULL where it ends */
    unsigned char *packed;
    ergo_release release; /* of what was packed */

    unsigned char *pages;
    size_t page_bytes;
    size_t *layer_offset; /* of each layer's keys in a page; the values follow the keys */

    ergo__q8_block *activations; /* of the present step: limits.tokens rows */
    ergo__tile_block *tiles;     /* the same for packed matrices, tile after tile */
    size_t activation_blocks;    /* of one row */
    float *scores;               /* limits.context of each worker */
    ergo__q8_block *queries;     /* query_blocks of each worker */
    float *padded_query;         /* query_blocks x 32 of each worker */
    size_t query_blocks;

    const ergo__batch *batch; /* the present one */
};

/** Row `row` of a value. */
static inline float *ergo__cpu_row(const ergo__program *program, ergo__value_id id, size_t row)
{
    const ergo__value *value = &program->plan->values[id];
    float *slab = value->outputs ? program->output_slab : program->token_slab;
    const size_t rows = value->outputs ? program->limits.outputs : program->limits.tokens;
    return slab + value->offset * rows + row * value->columns;
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

/**
 * A step is one or two phases of independent units (tokens, heads or groups of rows), which the
 * workers claim; between phases they meet.
 */
typedef void ergo__cpu_unit_fn(ergo__program *program, const ergo__step *step, uint32_t unit,
                               uint32_t worker);

typedef struct ergo__cpu_phase {
    ergo__cpu_unit_fn *run;
    uint32_t units; /* in the present batch */
} ergo__cpu_phase;

#define ERGO__CPU_PHASES_MAX 2

/** Fills in the phases of a step for the present batch and returns their number. */
size_t ergo__cpu_phases(const ergo__program *program, const ergo__step *step,
                        ergo__cpu_phase phases[ERGO__CPU_PHASES_MAX]);

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

/** ---- units_matmul.c, units_attention.c ---- */

ergo__cpu_unit_fn ergo__cpu_unit_quantize, ergo__cpu_unit_matmul;
ergo__cpu_unit_fn ergo__cpu_unit_store, ergo__cpu_unit_attend;

/** Parts of the activations that are quantized, for `rows` tokens or outputs. */
uint32_t ergo__cpu_quantize_units(const ergo__step *step, uint32_t rows);

/** Groups of rows that the matrices of a step have. */
uint32_t ergo__cpu_matmul_units(const ergo__step *step);

/** Whether a matrix of the step takes quantized activations. */
bool ergo__cpu_matmul_quantizes(const ergo__step *step);

#endif
