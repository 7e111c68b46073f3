/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/backend.h"
#include "runtime/base/bits.h"
#include "runtime/kv.h"
#include "tests/kernels/kernel_checks.h"

#define P ERGO__PAGE_POSITIONS

static const size_t head_dims[] = {1, 2, 8, 16, 24, 31, 32, 33, 48, 64, 80, 96, 100, 128};

#define HEAD_DIMS (sizeof head_dims / sizeof *head_dims)

/* ---- Stored elements, one at a time -------------------------------------------------------- */

static size_t f16_at(bool key, size_t head_dim, size_t position, size_t i)
{
    return 2 * (key ? i * P + position : position * head_dim + i);
}

static float get_f16(const unsigned char *page, bool key, size_t head_dim, size_t position,
                     size_t i)
{
    return ergo__f32_of_f16(ergo__load_u16(page + f16_at(key, head_dim, position, i)));
}

static const unsigned char *block_at(const unsigned char *page, size_t head_dim, size_t position,
                                     size_t i)
{
    return page + ((head_dim + 31) / 32 * position + i / 32) * 34;
}

/* ---- Stores -------------------------------------------------------------------------------- */

/* A key and a value go to one position and nothing else changes. */
void check_store_f16(const ergo__cpu_kernels *k)
{
    for (size_t d = 0; d < HEAD_DIMS; d++)
        for (size_t slot = 0; slot < P; slot += 1 + (size_t)(check_random() % 9)) {
            const size_t n = head_dims[d];
            guarded g[4];
            float *key = CHECK_TAKE(&g[0], float, n), *value = CHECK_TAKE(&g[1], float, n);
            unsigned char *keys = CHECK_TAKE(&g[2], unsigned char, 2 * P * n);
            unsigned char *values = CHECK_TAKE(&g[3], unsigned char, 2 * P * n);
            check_fill(key, n, 2);
            check_fill(value, n, 2);
            k->store_f16(key, value, n, slot, keys, values);
            for (size_t p = 0; p < P; p++)
                for (size_t i = 0; i < n; i++) {
                    const uint16_t a = ergo__load_u16(keys + f16_at(true, n, p, i));
                    const uint16_t b = ergo__load_u16(values + f16_at(false, n, p, i));
                    if (p != slot) {
                        assert_int_equal(a, 0xa5a5);
                        assert_int_equal(b, 0xa5a5);
                    } else if (!isnan(key[i]) && !isnan(value[i])) {
                        assert_int_equal(a, ergo__f16_of_f32(key[i]));
                        assert_int_equal(b, ergo__f16_of_f32(value[i]));
                    }
                }
            for (int i = 0; i < 4; i++)
                guarded_close(&g[i]);
        }
}

/* Scale max / 127 in binary16, elements rounded half to even and saturated, zeros behind. */
static void expect_q8_0(const float *x, size_t n, const unsigned char *row)
{
    for (size_t start = 0; start < n; start += 32, row += 34) {
        float most = 0.0f;
        for (size_t i = start; i < n && i < start + 32; i++)
            if (fabsf(x[i]) > most)
                most = fabsf(x[i]);
        const float wanted = most / 127.0f;
        const float d = ergo__f32_of_f16(ergo__f16_of_f32(wanted > 65504.0f ? 65504.0f : wanted));
        check_same("scale of Q8_0", &d, &(float){ergo__f32_of_f16(ergo__load_u16(row))}, 1);
        for (size_t i = 0; i < 32; i++) {
            const float scaled = start + i < n && d > 0.0f ? x[start + i] * (1.0f / d) : 0.0f;
            const float bounded = scaled > 127.0f ? 127.0f : scaled > -127.0f ? scaled : -127.0f;
            assert_int_equal((int8_t)row[2 + i], (int)nearbyintf(bounded));
        }
    }
}

void check_store_q8_0(const ergo__cpu_kernels *k)
{
    for (size_t d = 0; d < HEAD_DIMS; d++)
        for (int kind = 0; kind < CHECK_KINDS; kind++) {
            const size_t n = head_dims[d], slot = check_random() % P;
            const size_t row = (n + 31) / 32 * 34;
            guarded g[4];
            float *key = CHECK_TAKE(&g[0], float, n), *value = CHECK_TAKE(&g[1], float, n);
            unsigned char *keys = CHECK_TAKE(&g[2], unsigned char, P *row);
            unsigned char *values = CHECK_TAKE(&g[3], unsigned char, P *row);
            check_fill(key, n, kind);
            check_fill(value, n, kind);
            k->store_q8_0(key, value, n, slot, keys, values);
            expect_q8_0(key, n, keys + slot * row);
            expect_q8_0(value, n, values + slot * row);
            for (size_t i = 0; i < P * row; i++)
                if (i / row != slot) {
                    assert_int_equal(keys[i], 0xa5);
                    assert_int_equal(values[i], 0xa5);
                }
            for (int i = 0; i < 4; i++)
                guarded_close(&g[i]);
        }
}

/* ---- Scores and mixtures ------------------------------------------------------------------- */

/* A page of one head with random rows at the edge of what may be touched. */
static unsigned char *fill_page(const ergo__cpu_kernels *k, guarded *g, bool q8, bool key, size_t n,
                                int kind)
{
    const size_t bytes = P * (q8 ? (n + 31) / 32 * 34 : 2 * n);
    unsigned char *page = CHECK_TAKE(g, unsigned char, bytes);
    guarded scratch, rows;
    unsigned char *other = CHECK_TAKE(&scratch, unsigned char, bytes);
    float *row = CHECK_TAKE(&rows, float, n);
    for (size_t p = 0; p < P; p++) {
        check_fill(row, n, kind);
        (q8 ? k->store_q8_0 : k->store_f16)(row, row, n, p, key ? page : other, key ? other : page);
    }
    guarded_close(&scratch);
    guarded_close(&rows);
    return page;
}

/* Most queries of one call. */
#define QUERIES 19

/* The score of one key, written out. */
static float expected_score(const unsigned char *keys, bool q8, size_t n, size_t p,
                            const float *query, const ergo__q8_block *codes)
{
    float acc = 0.0f;
    for (size_t i = 0; !q8 && i < n; i++)
        acc = fmaf(query[i], get_f16(keys, true, n, p, i), acc);
    for (size_t b = 0; q8 && b < (n + 31) / 32; b++) {
        const unsigned char *block = block_at(keys, n, p, 32 * b);
        int sum = 0;
        for (size_t i = 0; i < 32; i++)
            sum += (int8_t)block[2 + i] * codes[b].q[i];
        acc = fmaf(ergo__f32_of_f16(ergo__load_u16(block)) * codes[b].d, (float)sum, acc);
    }
    return acc * 0.125f;
}

static void check_scores(const ergo__cpu_kernels *k, bool q8, size_t n, int kind, size_t first,
                         size_t last)
{
    const size_t queries = 1 + (size_t)(check_random() % QUERIES), positions = last - first;
    const size_t stride = positions + (size_t)(check_random() % 3);
    const size_t blocks = (n + 31) / 32, width = q8 ? 32 * blocks : n;
    guarded g[4];
    const unsigned char *keys = fill_page(k, &g[0], q8, true, n, kind);
    float *query = CHECK_TAKE(&g[1], float, queries *width);
    float *scores = CHECK_TAKE(&g[2], float, (queries - 1) * stride + positions);
    ergo__q8_block *codes = CHECK_TAKE(&g[3], ergo__q8_block, queries * blocks);
    memset(query, 0, queries * width * sizeof *query);
    for (size_t j = 0; j < queries; j++)
        check_fill(query + j * width, n, kind);
    check_flush(k, query, queries * width);
    if (q8)
        k->quantize_q8(query, codes, queries * width);
    (q8 ? k->scores_q8_0 : k->scores_f16)(keys, q8 ? (const void *)codes : query, queries, n,
                                          0.125f, first, last, scores, stride);
    for (size_t j = 0; j < queries; j++)
        for (size_t p = first; p < last; p++) {
            const float expected =
                expected_score(keys, q8, n, p, query + j * width, codes + j * blocks);
            check_same("scores", &scores[j * stride + p - first], &expected, 1);
        }
    for (size_t i = 0; i < (queries - 1) * stride; i++)
        if (i % stride >= positions) /* between two queries' scores */
            assert_int_equal(ergo__bits_of_f32(scores[i]), 0xa5a5a5a5u);
    for (int i = 0; i < 4; i++)
        guarded_close(&g[i]);
}

static void expect_mix(const unsigned char *values, bool q8, size_t n, size_t first, size_t last,
                       const float *weights, float *out)
{
    for (size_t p = first; p < last; p++)
        for (size_t i = 0; i < n; i++) {
            const unsigned char *block = block_at(values, n, p, i);
            if (q8)
                out[i] = fmaf(weights[p - first] * ergo__f32_of_f16(ergo__load_u16(block)),
                              (float)(int8_t)block[2 + i % 32], out[i]);
            else
                out[i] = fmaf(weights[p - first], get_f16(values, false, n, p, i), out[i]);
        }
}

static void check_mix(const ergo__cpu_kernels *k, bool q8, size_t n, int kind, size_t first,
                      size_t last)
{
    const size_t queries = 1 + (size_t)(check_random() % QUERIES), positions = last - first;
    const size_t stride = positions + (size_t)(check_random() % 3);
    guarded g[4];
    const unsigned char *values = fill_page(k, &g[0], q8, false, n, kind);
    float *weights = CHECK_TAKE(&g[1], float, (queries - 1) * stride + positions);
    float *out = CHECK_TAKE(&g[2], float, queries *n);
    float *expected = CHECK_TAKE(&g[3], float, queries *n);
    check_fill(weights, (queries - 1) * stride + positions, kind ? 1 : 0);
    check_fill(out, queries * n, 0);
    check_flush(k, weights, (queries - 1) * stride + positions);
    memcpy(expected, out, queries * n * sizeof *out);
    for (size_t j = 0; j < queries; j++)
        expect_mix(values, q8, n, first, last, weights + j * stride, expected + j * n);
    (q8 ? k->mix_q8_0 : k->mix_f16)(values, weights, stride, queries, n, first, last, out);
    check_same("mix", out, expected, queries * n);
    for (int i = 0; i < 4; i++)
        guarded_close(&g[i]);
}

/* Whole pages, single positions, and ranges anywhere. */
static void check_ranges(const ergo__cpu_kernels *k, bool q8,
                         void (*check)(const ergo__cpu_kernels *, bool, size_t, int, size_t,
                                       size_t))
{
    for (size_t d = 0; d < HEAD_DIMS; d++)
        for (int kind = 0; kind < CHECK_KINDS; kind++) {
            check(k, q8, head_dims[d], kind, 0, P);
            check(k, q8, head_dims[d], kind, 0, 1);
            check(k, q8, head_dims[d], kind, P - 1, P);
            for (int i = 0; i < 4; i++) {
                const size_t first = (size_t)(check_random() % P);
                const size_t count = 1 + (size_t)(check_random() % (P - first));
                check(k, q8, head_dims[d], kind, first, first + count);
            }
        }
}

void check_scores_f16(const ergo__cpu_kernels *k)
{
    check_ranges(k, false, check_scores);
}

void check_scores_q8_0(const ergo__cpu_kernels *k)
{
    check_ranges(k, true, check_scores);
}

void check_mix_f16(const ergo__cpu_kernels *k)
{
    check_ranges(k, false, check_mix);
}

void check_mix_q8_0(const ergo__cpu_kernels *k)
{
    check_ranges(k, true, check_mix);
}
