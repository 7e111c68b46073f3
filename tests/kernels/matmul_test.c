/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "backends/cpu/features.h"
#include "backends/cpu/packed.h"
#include "runtime/base/bits.h"
#include "tests/fakes/guarded.h"
#include "tests/fakes/quant_model.h"

/*
 * Every matmul of the kernel list, as the table hands it out with and without the features of this
 * CPU, against the definition in kernels.h computed one element at a time from the formats in
 * quant_model.c. Bits must be equal.
 */

typedef enum form { DENSE, SCALED, OFFSET, SUB, SUB_OFFSET } form;

typedef struct case_of_type {
    ergo_type type;
    const char *name;
    form form;
} case_of_type;

static const case_of_type cases[] = {
#define ERGO__MATMUL(TYPE, name, FORM) {ERGO_TYPE_##TYPE, #name, FORM},
#include "backends/cpu/kernels.inc"
};

#define CASES (sizeof cases / sizeof *cases)

static uint64_t seed;

static int start(void **state)
{
    (void)state;
    const char *given = getenv("ERGO_TEST_SEED");
    seed = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    seed |= 1;
    print_message("ERGO_TEST_SEED=%llu\n", (unsigned long long)seed);
    return 0;
}

/* The tables to test: plain C, and what each of the sets of features that this CPU has adds. */
#define TABLES 5

static size_t find_tables(ergo__cpu_kernels tables[TABLES])
{
    static const char *const sets[TABLES] = {"none", "avx2,fma,f16c,vfpv4",
                                             "avx2,fma,f16c,vfpv4,neon", "-avx512vnni,-i8mm", NULL};
    uint32_t found[TABLES];
    size_t count = 0;
    for (size_t i = 0; i < TABLES; i++) {
        assert_int_equal(ergo__cpu_features_detect(NULL, sets[i], &found[count]), ERGO_OK);
        if (count == 0 || found[count] != found[count - 1])
            ergo__cpu_kernels_fill(found[count], &tables[count]), count++;
    }
    if (count == 1)
        print_message("NOTE: this CPU has no features beyond plain C\n");
    return count;
}

static float dense_weight(ergo_type type, const unsigned char *row, size_t i)
{
    if (type == ERGO_TYPE_F32)
        return ergo__f32_of_bits(ergo__load_u32(row + 4 * i));
    const uint16_t bits = ergo__load_u16(row + 2 * i);
    return type == ERGO_TYPE_F16 ? ergo__f32_of_f16(bits) : ergo__f32_of_bf16(bits);
}

static float dense_product(ergo_type type, const unsigned char *row, const float *x, size_t k)
{
    float acc = 0.0f;
    for (size_t i = 0; i < k; i++)
        acc = fmaf(dense_weight(type, row, i), x[i], acc);
    return acc;
}

static float exact(int64_t sum)
{
    assert_true(sum < (1 << 24) && sum > -(1 << 24));
    return (float)sum;
}

static float quantized_product(const case_of_type *c, const unsigned char *row,
                               const ergo__q8_block *x, size_t k)
{
    float acc = 0.0f;
    for (size_t i = 0; i < k; i += 32, x++) {
        int64_t dot = 0;
        int64_t low = 0;
        for (size_t j = 0; j < 32; j++) {
            const quant_model_element e = quant_model_get(c->type, row, i + j);
            dot += (int64_t)e.sub * e.q * x->q[j];
            low += (int64_t)e.low * x->q[j];
        }
        const quant_model_element first = quant_model_get(c->type, row, i);
        acc = fmaf(first.scale * x->d, exact(dot), acc);
        if (c->form == OFFSET || c->form == SUB_OFFSET)
            acc = fmaf(first.offset * x->d, exact(low), acc);
    }
    return acc;
}

typedef enum bias { RANDOM, LARGEST, LEAST, ALTERNATING, ZEROS, BIASES } bias;

static int biased_code(bias how, size_t i)
{
    switch (how) {
    case LARGEST:
        return 127;
    case LEAST:
        return -127;
    case ALTERNATING:
        return i % 2 ? -127 : 127;
    case ZEROS:
        return 0;
    default:
        return (int)(quant_model_random(&seed) % 255) - 127;
    }
}

static float random_float(void)
{
    return ((float)(quant_model_random(&seed) >> 40) - 0x1p23f) * 0x1p-22f;
}

static void fill_blocks(ergo__q8_block *x, size_t count, bias how)
{
    for (size_t b = 0; b < count; b++) {
        x[b].d = how == ZEROS ? 0.0f : random_float();
        x[b].sum[0] = 0;
        x[b].sum[1] = 0;
        for (size_t i = 0; i < 32; i++) {
            x[b].q[i] = (int8_t)biased_code(how, i);
            x[b].sum[i / 16] = (int16_t)(x[b].sum[i / 16] + x[b].q[i]);
        }
    }
}

/* Weight bytes that decode to the extremes of the type, the scales left as they are. */
static void bias_weights(ergo_type type, unsigned char *row, size_t n, unsigned char byte)
{
    const ergo_type_info *info = ergo_type_get((uint32_t)type);
    static const struct {
        ergo_type type;
        size_t from;
        size_t to;
    } codes[] = {
        {ERGO_TYPE_Q4_0, 2, 18},  {ERGO_TYPE_Q4_1, 4, 20},   {ERGO_TYPE_Q5_0, 2, 22},
        {ERGO_TYPE_Q5_1, 4, 24},  {ERGO_TYPE_Q8_0, 2, 34},   {ERGO_TYPE_Q2_K, 0, 80},
        {ERGO_TYPE_Q3_K, 0, 108}, {ERGO_TYPE_Q4_K, 4, 144},  {ERGO_TYPE_Q5_K, 4, 176},
        {ERGO_TYPE_Q6_K, 0, 208}, {ERGO_TYPE_IQ4_NL, 2, 18}, {ERGO_TYPE_IQ4_XS, 2, 136},
        {ERGO_TYPE_TQ1_0, 0, 52}, {ERGO_TYPE_TQ2_0, 0, 64},  {ERGO_TYPE_MXFP4, 1, 17},
    };
    for (size_t c = 0; c < sizeof codes / sizeof *codes; c++)
        for (size_t i = 0; codes[c].type == type && i < n / info->block_elements; i++)
            memset(row + i * info->block_bytes + codes[c].from, byte, codes[c].to - codes[c].from);
}

typedef struct problem {
    size_t k;
    size_t rows;
    size_t tokens;
    size_t row_bytes;
    size_t x_stride;
    guarded w;
    guarded x;
} problem;

static void open_problem(const case_of_type *c, problem *p, size_t k, size_t rows, size_t tokens,
                         bias how)
{
    const ergo_type_info *info = ergo_type_get((uint32_t)c->type);
    p->k = k;
    p->rows = rows;
    p->tokens = tokens;
    p->row_bytes = k / info->block_elements * info->block_bytes;
    p->x_stride = c->form == DENSE ? k * sizeof(float) : k / 32 * sizeof(ergo__q8_block);
    p->w = guarded_open(rows * p->row_bytes);
    p->x = guarded_open(tokens * p->x_stride);
    for (size_t r = 0; r < rows; r++) {
        unsigned char *row = p->w.data + r * p->row_bytes;
        quant_model_fill(c->type, row, k, 0.03f, &seed);
        if (how == LARGEST || how == ALTERNATING)
            bias_weights(c->type, row, k, 0xff);
        if (how == LEAST)
            bias_weights(c->type, row, k, 0x80);
        if (how == ZEROS)
            bias_weights(c->type, row, k, 0);
    }
    if (c->form == DENSE)
        for (size_t i = 0; i < tokens * k; i++)
            ((float *)(void *)p->x.data)[i] = how == ZEROS ? 0.0f : random_float();
    else
        fill_blocks((ergo__q8_block *)(void *)p->x.data, tokens * (k / 32), how);
}

static void close_problem(problem *p)
{
    guarded_close(&p->w);
    guarded_close(&p->x);
}

static float product(const case_of_type *c, const problem *p, size_t r, size_t t)
{
    const unsigned char *row = p->w.data + r * p->row_bytes;
    const void *x = p->x.data + t * p->x_stride;
    return c->form == DENSE ? dense_product(c->type, row, x, p->k)
                            : quantized_product(c, row, x, p->k);
}

#define UNTOUCHED 12345.678f

/* Outputs in a frame of floats that must stay as they are. */
typedef struct frame {
    size_t stride;
    size_t count;
    float *floats;
} frame;

static frame open_frame(const problem *p)
{
    frame f = {.stride = p->rows + 3, .count = (p->rows + 3) * p->tokens};
    f.floats = malloc(f.count * sizeof *f.floats);
    assert_non_null(f.floats);
    for (size_t i = 0; i < f.count; i++)
        f.floats[i] = UNTOUCHED;
    return f;
}

static void compare(const case_of_type *c, const problem *p, const char *what, size_t table,
                    const frame *out, const frame *expected)
{
    for (size_t i = 0; i < out->count; i++)
        if (ergo__bits_of_f32(out->floats[i]) != ergo__bits_of_f32(expected->floats[i]))
            fail_msg("%s %s table %zu k %zu row %zu of %zu token %zu of %zu: %a, not %a", what,
                     c->name, table, p->k, i % out->stride, p->rows, i / out->stride, p->tokens,
                     (double)out->floats[i], (double)expected->floats[i]);
}

static guarded pack_weights(const case_of_type *c, const problem *p)
{
    const size_t strip_bytes = ergo__packed_strip_bytes(c->type, p->k);
    guarded packed =
        guarded_open((p->rows + ERGO__STRIP_ROWS - 1) / ERGO__STRIP_ROWS * strip_bytes);
    for (size_t r = 0; r < p->rows; r += ERGO__STRIP_ROWS)
        ergo__cpu_pack(c->type, p->w.data + r * p->row_bytes, p->row_bytes, p->k,
                       p->rows - r < ERGO__STRIP_ROWS ? p->rows - r : ERGO__STRIP_ROWS,
                       packed.data + r / ERGO__STRIP_ROWS * strip_bytes);
    return packed;
}

/* `width` tokens from `first` on as the packed kernels take them. */
static guarded open_tile(const case_of_type *c, const problem *p, size_t first, size_t width)
{
    const size_t blocks = p->k / ERGO__Q8_ELEMENTS;
    guarded tile = guarded_open(c->form == DENSE ? width * p->x_stride
                                                 : width * blocks * sizeof(ergo__tile_block));
    if (c->form == DENSE) {
        memcpy(tile.data, p->x.data + first * p->x_stride, width * p->x_stride);
        return tile;
    }
    for (size_t t = 0; t < width; t++) {
        const ergo__q8_block *x = (const void *)(p->x.data + (first + t) * p->x_stride);
        for (size_t b = 0; b < blocks; b++)
            ((ergo__tile_block *)(void *)tile.data)[b * width + t] = ergo__tile_block_of(&x[b]);
    }
    return tile;
}

/* The packed kernel, tile by tile of any width. */
static void run_packed(const case_of_type *c, const problem *p, ergo__matmul_fn *matmul,
                       const frame *out)
{
    guarded w = pack_weights(c, p);
    for (size_t t = 0, width; t < p->tokens; t += width) {
        const size_t most = p->tokens - t < ERGO__TILE_TOKENS ? p->tokens - t : ERGO__TILE_TOKENS;
        width =
            quant_model_random(&seed) % 2 ? most : 1 + (size_t)(quant_model_random(&seed) % most);
        guarded tile = open_tile(c, p, t, width);
        matmul(w.data, ergo__packed_strip_bytes(c->type, p->k), p->k, tile.data,
               c->form == DENSE ? p->x_stride : width * sizeof(ergo__tile_block),
               out->floats + t * out->stride, out->stride, p->rows, width);
        guarded_close(&tile);
    }
    guarded_close(&w);
}

/* Runs the kernels and compares every output and the frame. */
static void check_problem(const case_of_type *c, const problem *p, const ergo__cpu_kernels *tables,
                          size_t table_count)
{
    frame expected = open_frame(p);
    for (size_t t = 0; t < p->tokens; t++)
        for (size_t r = 0; r < p->rows; r++)
            expected.floats[t * expected.stride + r] = product(c, p, r, t);
    for (size_t v = 0; v < table_count; v++) {
        frame out = open_frame(p);
        ergo__cpu_matmul(&tables[v], c->type)(p->w.data, p->row_bytes, p->k, p->x.data, p->x_stride,
                                              out.floats, out.stride, p->rows, p->tokens);
        compare(c, p, "matmul", v, &out, &expected);
        free(out.floats);
        assert_non_null(ergo__cpu_packed(&tables[v], c->type));
        out = open_frame(p);
        run_packed(c, p, ergo__cpu_packed(&tables[v], c->type), &out);
        compare(c, p, "packed", v, &out, &expected);
        free(out.floats);
    }
    free(expected.floats);
}

static void every_matmul_equals_the_definition_to_the_bit(void **state)
{
    (void)state;
    static const size_t shapes[][2] = {{1, 1},   {2, 3},  {7, 1},   {16, 16}, {17, 5},
                                       {33, 18}, {3, 37}, {48, 31}, {9, 14}};
    ergo__cpu_kernels tables[TABLES];
    const size_t table_count = find_tables(tables);
    for (size_t i = 0; i < CASES; i++) {
        const case_of_type *c = &cases[i];
        const size_t block = ergo_type_get((uint32_t)c->type)->block_elements;
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
            const size_t most = block == 1 ? 100 : block == 32 ? 20 : 4;
            const size_t blocks = 1 + (size_t)(quant_model_random(&seed) % most);
            problem p;
            open_problem(c, &p, blocks * block, shapes[s][0], shapes[s][1], RANDOM);
            check_problem(c, &p, tables, table_count);
            close_problem(&p);
        }
    }
}

static void extreme_codes_neither_overflow_nor_round(void **state)
{
    (void)state;
    ergo__cpu_kernels tables[TABLES];
    const size_t table_count = find_tables(tables);
    for (size_t i = 0; i < CASES; i++) {
        const case_of_type *c = &cases[i];
        for (bias how = LARGEST; how < BIASES; how++) {
            problem p;
            open_problem(c, &p, 512, 5, 3, how);
            check_problem(c, &p, tables, table_count);
            close_problem(&p);
        }
    }
}

/* The promise behind batching and threading: a part of the work gives the bits of the whole. */
static void any_part_of_the_work_gives_the_same_bits(void **state)
{
    (void)state;
    enum { ROWS = 37, TOKENS = 21, K = 512 };
    ergo__cpu_kernels tables[TABLES];
    const size_t table_count = find_tables(tables);
    static float whole[ROWS * TOKENS];
    static float part[ROWS * TOKENS];
    for (size_t i = 0; i < CASES * table_count; i++) {
        const case_of_type *c = &cases[i % CASES];
        ergo__matmul_fn *matmul = ergo__cpu_matmul(&tables[i / CASES], c->type);
        problem p;
        open_problem(c, &p, K, ROWS, TOKENS, RANDOM);
        matmul(p.w.data, p.row_bytes, K, p.x.data, p.x_stride, whole, ROWS, ROWS, TOKENS);
        for (size_t r = 0, rows; r < ROWS; r += rows) {
            rows = 1 + (size_t)(quant_model_random(&seed) % (ROWS - r));
            for (size_t t = 0, tokens; t < TOKENS; t += tokens) {
                tokens = 1 + (size_t)(quant_model_random(&seed) % (TOKENS - t));
                matmul(p.w.data + r * p.row_bytes, p.row_bytes, K, p.x.data + t * p.x_stride,
                       p.x_stride, part + t * ROWS + r, ROWS, rows, tokens);
            }
        }
        assert_memory_equal(part, whole, sizeof whole);
        close_problem(&p);
    }
}

/* The definition itself: the product of the decoded weights with the given floats. */
static void every_matmul_is_close_to_the_exact_product(void **state)
{
    (void)state;
    enum { K = 1024, ROWS = 64 };
    ergo__cpu_kernels tables[TABLES];
    find_tables(tables);
    static float x[K];
    static float w[K];
    static float out[ROWS];
    static ergo__q8_block blocks[K / 32];
    for (size_t i = 0; i < K; i++)
        x[i] = random_float() + random_float() + random_float();
    tables[0].quantize_q8(x, blocks, K);
    for (size_t i = 0; i < CASES; i++) {
        const case_of_type *c = &cases[i];
        double error = 0.0;
        double power = 0.0;
        problem p;
        open_problem(c, &p, K, ROWS, 1, RANDOM);
        const void *input = c->form == DENSE ? (const void *)x : (const void *)blocks;
        ergo__cpu_matmul(&tables[0], c->type)(p.w.data, p.row_bytes, K, input, p.x_stride, out,
                                              ROWS, ROWS, 1);
        for (size_t r = 0; r < ROWS; r++) {
            double sum = 0.0;
            double squares = 0.0;
            assert_int_equal(ergo_dequantize(c->type, p.w.data + r * p.row_bytes, w, K), ERGO_OK);
            for (size_t j = 0; j < K; j++) {
                sum += (double)w[j] * (double)x[j];
                squares += (double)w[j] * (double)w[j] * (double)x[j] * (double)x[j];
            }
            error += (sum - (double)out[r]) * (sum - (double)out[r]);
            power += squares;
        }
        const double limit = c->form == DENSE ? 1e-5 : 0.008;
        if (!(sqrt(error / power) < limit))
            fail_msg("%s: normalised error %g", c->name, sqrt(error / power));
        close_problem(&p);
    }
}

static void a_damaged_block_shows_in_the_output(void **state)
{
    (void)state;
    ergo__cpu_kernels tables[TABLES];
    const size_t table_count = find_tables(tables);
    float x[256] = {0};
    ergo__q8_block blocks[8];
    x[100] = NAN;
    for (size_t i = 0; i < CASES * table_count; i++) {
        const case_of_type *c = &cases[i % CASES];
        problem p;
        float out;
        open_problem(c, &p, 256, 1, 1, RANDOM);
        tables[i / CASES].quantize_q8(x, blocks, 256);
        ergo__cpu_matmul(&tables[i / CASES], c->type)(p.w.data, p.row_bytes, 256,
                                                      c->form == DENSE ? (const void *)x : blocks,
                                                      p.x_stride, &out, 1, 1, 1);
        assert_true(isnan(out));
        close_problem(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_matmul_equals_the_definition_to_the_bit),
        cmocka_unit_test(extreme_codes_neither_overflow_nor_round),
        cmocka_unit_test(any_part_of_the_work_gives_the_same_bits),
        cmocka_unit_test(every_matmul_is_close_to_the_exact_product),
        cmocka_unit_test(a_damaged_block_shows_in_the_output),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
