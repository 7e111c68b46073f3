/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/kernels/kernel_speeds.h"

#include <string.h>

#include "backends/cpu/packed.h"
#include "runtime/backend.h"
#include "tests/fakes/quant_model.h"
#include "tests/kernels/kernel_checks.h"

#define N 2048u    /* elements of a vector */
#define HEAD 64u   /* elements of a head */
#define QUERIES 4u /* heads that share a key */
#define MATRIX_ROWS 64u
#define P ERGO__PAGE_POSITIONS

/* Most bytes of a page of one head: binary16. */
#define PAGE_BYTES (2 * P * HEAD)

typedef struct vectors {
    float a[N], b[N], out[N];
    ergo__q8_block blocks[N / ERGO__Q8_ELEMENTS];
    unsigned char keys[PAGE_BYTES], values[PAGE_BYTES];
    float scores[QUERIES * P];
} vectors;

/* Filled anew for each kernel: some work in place. */
static vectors *fresh(void)
{
    static _Alignas(ERGO_BLOCK_ALIGN) vectors v;
    check_fill(v.a, N, 0);
    check_fill(v.b, N, 0);
    memset(v.out, 0, sizeof v.out);
    memset(v.blocks, 0, sizeof v.blocks);
    memset(v.keys, 0, sizeof v.keys);
    memset(v.values, 0, sizeof v.values);
    check_fill(v.scores, QUERIES * P, 0);
    return &v;
}

/* ---- Vectors ------------------------------------------------------------------------------- */

#define TIMES(rounds, call)                                                                        \
    for (uint64_t round = 0; round < (rounds); round++)                                            \
    (call)

kernel_call speed_quantize_q8(const ergo__cpu_kernels *k, uint64_t rounds)
{
    vectors *v = fresh();
    TIMES(rounds, k->quantize_q8(v->a, v->blocks, N));
    return (kernel_call){sizeof v->a + sizeof v->blocks, 0};
}

kernel_call speed_rms_norm(const ergo__cpu_kernels *k, uint64_t rounds)
{
    vectors *v = fresh();
    TIMES(rounds, k->rms_norm(v->a, v->b, 1e-5f, N, v->out));
    return (kernel_call){3 * sizeof v->a, 4 * N};
}

kernel_call speed_angles(const ergo__cpu_kernels *k, uint64_t rounds)
{
    double frequency[HEAD / 2];
    vectors *v = fresh();
    for (size_t i = 0; i < HEAD / 2; i++)
        frequency[i] = 1.0 / (double)(1 + i * i);
    TIMES(rounds, k->angles(frequency, (uint32_t)round & 4095, 1.0f, HEAD / 2, v->out));
    return (kernel_call){sizeof frequency + HEAD * sizeof(float), 0};
}

kernel_call speed_rope_pairs(const ergo__cpu_kernels *k, uint64_t rounds)
{
    vectors *v = fresh();
    TIMES(rounds, k->rope_pairs(v->a, v->b, HEAD, HEAD, v->out));
    return (kernel_call){3 * HEAD * sizeof(float), 3 * HEAD};
}

kernel_call speed_rope_halves(const ergo__cpu_kernels *k, uint64_t rounds)
{
    vectors *v = fresh();
    TIMES(rounds, k->rope_halves(v->a, v->b, HEAD, HEAD, v->out));
    return (kernel_call){3 * HEAD * sizeof(float), 3 * HEAD};
}

kernel_call speed_glu_silu(const ergo__cpu_kernels *k, uint64_t rounds)
{
    vectors *v = fresh();
    TIMES(rounds, k->glu_silu(v->a, v->b, N, v->out));
    return (kernel_call){3 * sizeof v->a, 0};
}

kernel_call speed_glu_gelu(const ergo__cpu_kernels *k, uint64_t rounds)
{
    vectors *v = fresh();
    TIMES(rounds, k->glu_gelu(v->a, v->b, N, v->out));
    return (kernel_call){3 * sizeof v->a, 0};
}

kernel_call speed_add_scaled(const ergo__cpu_kernels *k, uint64_t rounds)
{
    vectors *v = fresh();
    TIMES(rounds, k->add_scaled(v->a, v->b, 0.5f, N, v->out));
    return (kernel_call){3 * sizeof v->a, 2 * N};
}

kernel_call speed_scale(const ergo__cpu_kernels *k, uint64_t rounds)
{
    vectors *v = fresh();
    TIMES(rounds, k->scale(v->a, 0.5f, N, v->out));
    return (kernel_call){2 * sizeof v->a, N};
}

kernel_call speed_softmax(const ergo__cpu_kernels *k, uint64_t rounds)
{
    vectors *v = fresh();
    float sum = 0.0f;
    TIMES(rounds, sum += k->softmax(v->a, 0, N));
    v->out[0] = sum;
    return (kernel_call){2 * sizeof v->a, 0};
}

/* ---- Attention ----------------------------------------------------------------------------- */

kernel_call speed_store_f16(const ergo__cpu_kernels *k, uint64_t rounds)
{
    vectors *v = fresh();
    TIMES(rounds, k->store_f16(v->a, v->b, HEAD, round % P, v->keys, v->values));
    return (kernel_call){2 * HEAD * (sizeof(float) + 2), 0};
}

kernel_call speed_store_q8_0(const ergo__cpu_kernels *k, uint64_t rounds)
{
    vectors *v = fresh();
    TIMES(rounds, k->store_q8_0(v->a, v->b, HEAD, round % P, v->keys, v->values));
    return (kernel_call){2 * HEAD * sizeof(float) + 2 * HEAD / 32 * 34, 0};
}

/* A page of keys and values, all positions stored. */
static vectors *fresh_page(const ergo__cpu_kernels *k, bool q8)
{
    vectors *v = fresh();
    for (size_t p = 0; p < P; p++)
        (q8 ? k->store_q8_0 : k->store_f16)(v->a + p, v->b + p, HEAD, p, v->keys, v->values);
    k->quantize_q8(v->a, v->blocks, N);
    return v;
}

#define PAGE_OPS (2.0 * QUERIES * P * HEAD)

kernel_call speed_scores_f16(const ergo__cpu_kernels *k, uint64_t rounds)
{
    vectors *v = fresh_page(k, false);
    TIMES(rounds, k->scores_f16(v->keys, v->a, QUERIES, HEAD, 0.125f, 0, P, v->scores, P));
    return (kernel_call){2 * P * HEAD, PAGE_OPS};
}

kernel_call speed_scores_q8_0(const ergo__cpu_kernels *k, uint64_t rounds)
{
    vectors *v = fresh_page(k, true);
    TIMES(rounds, k->scores_q8_0(v->keys, v->blocks, QUERIES, HEAD, 0.125f, 0, P, v->scores, P));
    return (kernel_call){P * HEAD / 32 * 34, PAGE_OPS};
}

kernel_call speed_mix_f16(const ergo__cpu_kernels *k, uint64_t rounds)
{
    vectors *v = fresh_page(k, false);
    TIMES(rounds, k->mix_f16(v->values, v->scores, P, QUERIES, HEAD, 0, P, v->out));
    return (kernel_call){2 * P * HEAD, PAGE_OPS};
}

kernel_call speed_mix_q8_0(const ergo__cpu_kernels *k, uint64_t rounds)
{
    vectors *v = fresh_page(k, true);
    TIMES(rounds, k->mix_q8_0(v->values, v->scores, P, QUERIES, HEAD, 0, P, v->out));
    return (kernel_call){P * HEAD / 32 * 34, PAGE_OPS};
}

/* ---- Matrices ------------------------------------------------------------------------------ */

/* The longest rows are of floats. */
static _Alignas(ERGO_BLOCK_ALIGN) unsigned char matrix[MATRIX_ROWS * N * sizeof(float)];
static _Alignas(ERGO_BLOCK_ALIGN) unsigned char strips[sizeof matrix + sizeof matrix / 16];
static float floats[ERGO__TILE_TOKENS * N];
static ergo__q8_block rows_of_blocks[ERGO__TILE_TOKENS * N / ERGO__Q8_ELEMENTS];
static _Alignas(ERGO_BLOCK_ALIGN) ergo__tile_block tile[ERGO__TILE_TOKENS * N / ERGO__Q8_ELEMENTS];

static void fill_activations(const ergo__cpu_kernels *k, size_t tokens)
{
    const size_t blocks = N / ERGO__Q8_ELEMENTS;
    check_fill(floats, tokens * N, 0);
    k->quantize_q8(floats, rows_of_blocks, tokens * N);
    for (size_t t = 0; t < tokens; t++)
        for (size_t b = 0; b < blocks; b++)
            tile[b * tokens + t] = ergo__tile_block_of(&rows_of_blocks[t * blocks + b]);
}

kernel_call speed_matmul(const ergo__cpu_kernels *k, ergo_type type, bool packed, size_t tokens,
                         uint64_t rounds)
{
    static float out[ERGO__TILE_TOKENS * MATRIX_ROWS];
    const ergo_type_info *info = ergo_type_get((uint32_t)type);
    const size_t row_bytes = N / info->block_elements * info->block_bytes;
    const size_t strip_bytes = packed ? ergo__packed_strip_bytes(type, N) : 0;
    const bool q8 = ergo__cpu_takes_q8(type);
    uint64_t seed = check_random() | 1;
    for (size_t r = 0; r < MATRIX_ROWS; r++)
        quant_model_fill(type, matrix + r * row_bytes, N, 0.03f, &seed);
    for (size_t r = 0; packed && r < MATRIX_ROWS; r += ERGO__STRIP_ROWS)
        ergo__cpu_pack(type, matrix + r * row_bytes, row_bytes, N, ERGO__STRIP_ROWS,
                       strips + r / ERGO__STRIP_ROWS * strip_bytes);
    fill_activations(k, tokens);
    const void *x = q8 ? (packed ? (const void *)tile : rows_of_blocks) : (const void *)floats;
    const size_t blocks_bytes =
        packed ? tokens * sizeof *tile : N / ERGO__Q8_ELEMENTS * sizeof *rows_of_blocks;
    ergo__matmul_fn *matmul = packed ? ergo__cpu_packed(k, type) : ergo__cpu_matmul(k, type);
    TIMES(rounds,
          matmul(packed ? strips : matrix, packed ? strip_bytes : row_bytes, N, x,
                 q8 ? blocks_bytes : N * sizeof(float), out, MATRIX_ROWS, MATRIX_ROWS, tokens));
    return (kernel_call){
        (double)(packed ? strip_bytes * MATRIX_ROWS / ERGO__STRIP_ROWS : row_bytes * MATRIX_ROWS),
        2.0 * MATRIX_ROWS * N * (double)tokens};
}
