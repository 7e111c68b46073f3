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
#include "backends/cpu/kernels.h"
#include "runtime/base/bits.h"
#include "tests/fakes/guarded.h"
#include "tests/fakes/quant_model.h"

/* quantize_q8 of every table against the steps written in kernels.h, and what they promise. */

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

static float uniform(void)
{
    return (float)(quant_model_random(&seed) >> 40) * 0x1p-24f;
}

/* Sum of twelve: close enough to Gaussian, with unit variance. */
static float gaussian(void)
{
    float sum = -6.0f;
    for (int i = 0; i < 12; i++)
        sum += uniform();
    return sum;
}

static float tree(const float v[16])
{
    float a[8];
    float b[4];
    for (int l = 0; l < 8; l++)
        a[l] = v[l] + v[l + 8];
    for (int l = 0; l < 4; l++)
        b[l] = a[l] + a[l + 4];
    const float c0 = b[0] + b[2];
    const float c1 = b[1] + b[3];
    return c0 + c1;
}

/*
 * One block by the text: rounding through the C library, which the kernels do not use. `divisor`
 * gets the chosen candidate.
 */
static ergo__q8_block model_choice(const float *x, float *divisor)
{
    ergo__q8_block out = {0};
    float largest = 0.0f;
    *divisor = 0.0f;
    for (int i = 0; i < 32; i++) {
        if (!isfinite(x[i])) {
            out.d = NAN;
            return out;
        }
        largest = fmaxf(largest, fabsf(x[i]));
    }
    if (largest < 0x1p-100f)
        return out;
    float least = INFINITY;
    float chosen = 0.0f;
    for (int d = 127; d >= 120; d--) {
        float lane[16] = {0};
        for (int i = 0; i < 32; i++) {
            const float u = x[i] * ((float)d / largest);
            const float e = u - rintf(u);
            lane[i % 16] = fmaf(e, e, lane[i % 16]);
        }
        const float error = tree(lane) * (1.0f / (float)(d * d));
        if (error < least) {
            least = error;
            chosen = (float)d;
        }
    }
    float lane[16] = {0};
    int squares = 0;
    for (int i = 0; i < 32; i++) {
        const float u = x[i] * (chosen / largest);
        const float q = rintf(u);
        lane[i % 16] = fmaf(u - q, q, lane[i % 16]);
        squares += (int)q * (int)q;
        out.q[i] = (int8_t)q;
        out.sum[i / 16] = (int16_t)(out.sum[i / 16] + (int)q);
    }
    out.d = (largest / chosen) * (1.0f + tree(lane) / (float)squares);
    *divisor = chosen;
    return out;
}

static ergo__q8_block model(const float *x)
{
    float divisor;
    return model_choice(x, &divisor);
}

static size_t find_tables(ergo__cpu_kernels tables[2])
{
    uint32_t found = 0;
    assert_int_equal(ergo__cpu_features_detect(NULL, NULL, &found), ERGO_OK);
    ergo__cpu_kernels_fill(0, &tables[0]);
    ergo__cpu_kernels_fill(found, &tables[1]);
    return found == 0 ? 1 : 2;
}

static void assert_blocks_equal(const ergo__q8_block *a, const ergo__q8_block *b)
{
    if (isnan(b->d))
        assert_true(isnan(a->d));
    else
        assert_int_equal(ergo__bits_of_f32(a->d), ergo__bits_of_f32(b->d));
    assert_memory_equal(a->sum, b->sum, sizeof a->sum);
    assert_memory_equal(a->q, b->q, sizeof a->q);
}

static void check(const float *x, size_t n)
{
    ergo__cpu_kernels tables[2];
    const size_t count = find_tables(tables);
    guarded in = guarded_open(n * sizeof *x);
    guarded out = guarded_open(n / 32 * sizeof(ergo__q8_block));
    memcpy(in.data, x, n * sizeof *x);
    for (size_t v = 0; v < count; v++) {
        ergo__q8_block *blocks = (ergo__q8_block *)(void *)out.data;
        tables[v].quantize_q8((const float *)(const void *)in.data, blocks, n);
        for (size_t b = 0; b < n / 32; b++) {
            const ergo__q8_block expected = model(x + 32 * b);
            assert_blocks_equal(&blocks[b], &expected);
        }
    }
    guarded_close(&in);
    guarded_close(&out);
}

static void quantize_q8_equals_the_definition_to_the_bit(void **state)
{
    (void)state;
    static float x[32 * 100000];
    for (size_t i = 0; i < sizeof x / sizeof *x; i++) {
        const float g = gaussian(); /* every second block with a long tail */
        x[i] = (i / 32 % 2 ? g * g * g : g) * ldexpf(1.0f, (int)(i / 32 % 40) - 20);
    }
    check(x, sizeof x / sizeof *x);
    check(x, 32);
}

/*
 * The errors of the candidates are continuous in x: between two values of one element for which
 * different candidates win, bisection finds neighbours that a single rounding error would swap.
 */
static void nearly_equal_candidates_are_told_apart_the_same(void **state)
{
    (void)state;
    enum { BLOCKS = 2000 };
    static float x[32 * BLOCKS];
    for (size_t b = 0; b + 1 < BLOCKS;) {
        float *block = x + 32 * b;
        float low_divisor;
        float high_divisor;
        float high[32];
        for (size_t i = 0; i < 32; i++)
            block[i] = uniform() - 0.5f;
        block[7] = 0.75f;
        memcpy(high, block, sizeof high);
        high[20] = uniform() - 0.5f;
        model_choice(block, &low_divisor);
        model_choice(high, &high_divisor);
        if (low_divisor == high_divisor)
            continue;
        for (int step = 0; step < 40; step++) {
            float middle[32];
            float divisor;
            memcpy(middle, block, sizeof middle);
            middle[20] = 0.5f * (block[20] + high[20]);
            model_choice(middle, &divisor);
            float *side = divisor == low_divisor ? block : high;
            side[20] = middle[20];
            if (side == high)
                high_divisor = divisor;
        }
        memcpy(block + 32, high, sizeof high);
        b += 2;
    }
    check(x, sizeof x / sizeof *x);
}

static void ties_and_equal_elements_round_the_same_everywhere(void **state)
{
    (void)state;
    static float x[32 * 64];
    for (size_t i = 0; i < sizeof x / sizeof *x; i++)
        x[i] = (float)((int)(quant_model_random(&seed) % 509) - 254) * 0.5f; /* halves of 1/127 */
    for (size_t b = 0; b < 32; b++)
        x[32 * b] = b % 2 ? -127.0f : 127.0f;
    for (size_t i = 32 * 60; i < 32 * 61; i++)
        x[i] = -3.0f;
    check(x, sizeof x / sizeof *x);
}

static void blocks_that_are_no_numbers_or_too_small_are_defined(void **state)
{
    (void)state;
    static const float odd[] = {
        NAN,       INFINITY,  -INFINITY,        0.0f,     -0.0f,           0x1p-149f,
        0x1p-101f, 0x1p-100f, 0x1.fffffep-101f, 0x1p-90f, 0x1.fffffep127f, -0x1.fffffep127f,
        0x1p120f};
    enum { COUNT = sizeof odd / sizeof *odd };
    float x[32 * COUNT] = {0};
    for (size_t i = 0; i < COUNT; i++) {
        x[32 * i + 5] = odd[i];
        x[32 * i + 9] = odd[i] * 0.3f;
    }
    check(x, 32 * COUNT);
    ergo__cpu_kernels tables[2];
    ergo__q8_block blocks[COUNT];
    find_tables(tables);
    tables[0].quantize_q8(x, blocks, 32 * COUNT);
    assert_true(isnan(blocks[0].d) && isnan(blocks[1].d) && isnan(blocks[2].d));
    assert_true(blocks[5].d == 0.0f && blocks[6].d == 0.0f && blocks[7].d > 0.0f);
    assert_true(blocks[10].q[5] >= 120 && isfinite(blocks[10].d));
    assert_true(blocks[11].q[5] <= -120 && isfinite(blocks[11].d));
}

static void the_search_lowers_the_error_by_a_tenth(void **state)
{
    (void)state;
    ergo__cpu_kernels tables[2];
    find_tables(tables);
    double searched = 0.0;
    double usual = 0.0;
    for (size_t n = 0; n < 20000; n++) {
        float x[32];
        float largest = 0.0f;
        ergo__q8_block block;
        for (size_t i = 0; i < 32; i++) {
            x[i] = gaussian();
            largest = fmaxf(largest, fabsf(x[i]));
        }
        tables[0].quantize_q8(x, &block, 32);
        for (size_t i = 0; i < 32; i++) {
            const double step = (double)largest / 127.0;
            const double a = (double)x[i] - (double)block.d * block.q[i];
            const double b = (double)x[i] - step * rint((double)x[i] / step);
            searched += a * a;
            usual += b * b;
            assert_in_range(block.q[i] + 127, 0, 254);
        }
    }
    const double ratio = sqrt(searched / usual);
    print_message("RMS error against the single candidate 127: %.4f\n", ratio);
    assert_true(ratio < 0.90);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantize_q8_equals_the_definition_to_the_bit),
        cmocka_unit_test(nearly_equal_candidates_are_told_apart_the_same),
        cmocka_unit_test(ties_and_equal_elements_round_the_same_everywhere),
        cmocka_unit_test(blocks_that_are_no_numbers_or_too_small_are_defined),
        cmocka_unit_test(the_search_lowers_the_error_by_a_tenth),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
