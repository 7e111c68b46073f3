/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "backends/cpu/packed.h"
#include "tests/fakes/quant_model.h"
#include "tests/kernels/kernel_checks.h"

/* The layout of packed weights: nothing is lost on the way there and back, for every type. */

static const ergo_type types[] = {
#define ERGO__MATMUL(TYPE, name, FORM) ERGO_TYPE_##TYPE,
#include "backends/cpu/kernels.inc"
};

#define TYPES (sizeof types / sizeof *types)

static uint64_t seed;

static int start(void **state)
{
    (void)state;
    const char *given = getenv("ERGO_TEST_SEED");
    seed = (given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL)) | 1;
    print_message("ERGO_TEST_SEED=%llu\n", (unsigned long long)seed);
    return 0;
}

/* Rows of the file and their strip, both with a guard behind them. */
typedef struct packed_rows {
    size_t k;
    size_t rows;
    size_t row_bytes;
    guarded w;
    guarded strip;
} packed_rows;

/* Random bits in everything but the scales, or in these too: every byte that a file may hold. */
static packed_rows open_rows(ergo_type type, size_t blocks, size_t rows, bool any_scale)
{
    const ergo_type_info *info = ergo_type_get((uint32_t)type);
    packed_rows p = {
        .k = blocks * info->block_elements, .rows = rows, .row_bytes = blocks * info->block_bytes};
    p.w = guarded_open(rows * p.row_bytes);
    p.strip = guarded_open(ergo__packed_strip_bytes(type, p.k));
    for (size_t r = 0; r < rows; r++)
        quant_model_fill(type, p.w.data + r * p.row_bytes, p.k, 0.03f, &seed);
    for (size_t i = 0; any_scale && i < rows * p.row_bytes; i++)
        p.w.data[i] = (unsigned char)(quant_model_random(&seed) >> 24);
    memset(p.strip.data, 0xa5, ergo__packed_strip_bytes(type, p.k));
    ergo__cpu_pack(type, p.w.data, p.row_bytes, p.k, rows, p.strip.data);
    return p;
}

static void close_rows(packed_rows *p)
{
    guarded_close(&p->w);
    guarded_close(&p->strip);
}

static void packed_rows_decode_to_the_bits_of_the_file(void **state)
{
    (void)state;
    for (size_t i = 0; i < 40 * TYPES; i++) {
        const ergo_type type = types[i % TYPES];
        const size_t block = ergo_type_get((uint32_t)type)->block_elements;
        const size_t blocks = block == 1 ? 1 + i : 1 + i / TYPES % 5;
        packed_rows p = open_rows(type, blocks, 1 + i / TYPES % ERGO__STRIP_ROWS, i / TYPES % 2);
        guarded expected = guarded_open(p.k * sizeof(float));
        guarded decoded = guarded_open(p.k * sizeof(float));
        for (size_t r = 0; r < p.rows; r++) {
            assert_int_equal(ergo_dequantize(type, p.w.data + r * p.row_bytes,
                                             (float *)(void *)expected.data, p.k),
                             ERGO_OK);
            ergo__cpu_unpack_row(type, p.strip.data, p.k, r, (float *)(void *)decoded.data);
            check_same("row", (const float *)(void *)decoded.data,
                       (const float *)(void *)expected.data, p.k);
        }
        guarded_close(&expected);
        guarded_close(&decoded);
        close_rows(&p);
    }
}

/* A file of packed weights must not depend on what was in memory before. */
static void every_byte_of_a_strip_is_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < ERGO__STRIP_ROWS * TYPES; i++) {
        const ergo_type type = types[i % TYPES];
        packed_rows p = open_rows(type, 1, 1 + i / TYPES, true);
        const size_t bytes = ergo__packed_strip_bytes(type, p.k);
        guarded again = guarded_open(bytes);
        memset(again.data, 0x5a, bytes);
        ergo__cpu_pack(type, p.w.data, p.row_bytes, p.k, p.rows, again.data);
        assert_memory_equal(again.data, p.strip.data, bytes);
        guarded_close(&again);
        close_rows(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packed_rows_decode_to_the_bits_of_the_file),
        cmocka_unit_test(every_byte_of_a_strip_is_written),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
