/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/base/math.h"
#include "tests/kernels/kernel_checks.h"

#define SIZES 150

/* Three inputs and two outputs of n floats, all at the edge of what may be touched. */
typedef struct arrays {
    guarded memory[5];
    float *a, *b, *c, *out, *expected;
} arrays;

static arrays arrays_open(size_t n, int kind)
{
    arrays x;
    float **place[5] = {&x.a, &x.b, &x.c, &x.out, &x.expected};
    for (int i = 0; i < 5; i++) {
        *place[i] = CHECK_TAKE(&x.memory[i], float, n);
        check_fill(*place[i], n, kind);
    }
    return x;
}

static void arrays_close(arrays *x)
{
    for (int i = 0; i < 5; i++)
        guarded_close(&x->memory[i]);
}

void check_quantize_q8(const ergo__cpu_kernels *k)
{
    for (size_t n = 32; n <= 320; n += 32)
        for (int kind = 0; kind < CHECK_KINDS; kind++) {
            guarded in, out;
            float *x = CHECK_TAKE(&in, float, n);
            ergo__q8_block *q = CHECK_TAKE(&out, ergo__q8_block, n / 32);
            check_fill(x, n, kind);
            k->quantize_q8(x, q, n);
            for (size_t b = 0; b < n / 32; b++) {
                bool finite = true;
                float most = 0.0f;
                int sum[2] = {0, 0};
                for (size_t i = 0; i < 32; i++) {
                    finite = finite && isfinite(x[32 * b + i]);
                    most = fmaxf(most, fabsf(x[32 * b + i]));
                    sum[i / 16] += q[b].q[i];
                    assert_true(q[b].q[i] >= -127);
                }
                assert_int_equal(sum[0], q[b].sum[0]);
                assert_int_equal(sum[1], q[b].sum[1]);
                assert_true(finite ? isfinite(q[b].d) : isnan(q[b].d));
                for (size_t i = 0; i < 32 && finite && most < 1e30f; i++)
                    assert_true(fabsf(q[b].d * (float)q[b].q[i] - x[32 * b + i]) <=
                                most / 100.0f + 0x1p-100f);
            }
            guarded_close(&in);
            guarded_close(&out);
        }
}

void check_rms_norm(const ergo__cpu_kernels *k)
{
    for (size_t n = 1; n < SIZES; n++)
        for (int kind = 0; kind < CHECK_KINDS; kind++) {
            arrays x = arrays_open(n, kind);
            float lane[16] = {0};
            for (size_t i = 0; i < n; i++)
                lane[i % 16] = fmaf(x.a[i], x.a[i], lane[i % 16]);
            const float factor = 1.0f / sqrtf(check_tree(lane) / (float)n + 1e-5f);
            for (size_t i = 0; i < n; i++)
                x.expected[i] = x.a[i] * factor * x.b[i];
            k->rms_norm(x.a, x.b, 1e-5f, n, x.out);
            check_same("rms_norm", x.out, x.expected, n);
            arrays_close(&x);
        }
}

void check_angles(const ergo__cpu_kernels *k)
{
    static const uint32_t positions[] = {0, 1, 31, 4095, 131071, 1u << 28};
    for (size_t pairs = 1; pairs < 70; pairs++)
        for (size_t p = 0; p < sizeof positions / sizeof *positions; p++) {
            guarded in, out;
            double *frequency = CHECK_TAKE(&in, double, pairs);
            float *turns = CHECK_TAKE(&out, float, 2 * pairs);
            for (size_t i = 0; i < pairs; i++)
                frequency[i] = pow(10000.0, -(double)i / (double)pairs);
            k->angles(frequency, positions[p], 1.25f, pairs, turns);
            for (size_t i = 0; i < pairs; i++) {
                const double angle = (double)positions[p] * frequency[i];
                assert_true(fabs((double)turns[i] - 1.25 * cos(angle)) < 2e-7);
                assert_true(fabs((double)turns[pairs + i] - 1.25 * sin(angle)) < 2e-7);
                double s, c;
                ergo__sincos(angle, &s, &c);
                const float exact[2] = {(float)c * 1.25f, (float)s * 1.25f};
                const float got[2] = {turns[i], turns[pairs + i]};
                check_same("angles", got, exact, 2);
            }
            guarded_close(&in);
            guarded_close(&out);
        }
}

static void check_rope(const ergo__cpu_kernels *k, bool halves)
{
    for (size_t n = 2; n < 140; n++)
        for (size_t rotated = 2; rotated <= n; rotated += 2 + (size_t)(check_random() % 30) * 2)
            for (int kind = 0; kind < CHECK_KINDS; kind++) {
                arrays x = arrays_open(n, kind);
                guarded g;
                float *turns = CHECK_TAKE(&g, float, rotated);
                check_fill(turns, rotated, kind ? 1 : 0);
                for (size_t i = 0; i < n; i++) {
                    const size_t pair = halves ? i % (rotated / 2) : i / 2;
                    const bool second = halves ? i >= rotated / 2 : i % 2;
                    const size_t other = halves ? (second ? pair : pair + rotated / 2) : i ^ 1;
                    const float c = turns[pair % (rotated / 2)];
                    const float s = turns[rotated / 2 + pair % (rotated / 2)];
                    if (i >= rotated)
                        x.expected[i] = x.a[i];
                    else if (second)
                        x.expected[i] = x.a[other] * s + x.a[i] * c;
                    else
                        x.expected[i] = x.a[i] * c - x.a[other] * s;
                }
                (halves ? k->rope_halves : k->rope_pairs)(x.a, turns, rotated, n, x.out);
                check_same("rope", x.out, x.expected, n);
                guarded_close(&g);
                arrays_close(&x);
            }
}

void check_rope_pairs(const ergo__cpu_kernels *k)
{
    check_rope(k, false);
}

void check_rope_halves(const ergo__cpu_kernels *k)
{
    check_rope(k, true);
}

static float silu(float g)
{
    return g / (1.0f + ergo__expf(-g));
}

static float gelu(float g)
{
    const float cube = 0.044715f * g * g;
    return 0.5f * g * (1.0f + ergo__tanhf(0.7978845608f * fmaf(cube, g, g)));
}

static void check_glu(const ergo__cpu_kernels *k, bool is_silu)
{
    for (size_t n = 1; n < SIZES; n++)
        for (int kind = 0; kind < CHECK_KINDS; kind++) {
            arrays x = arrays_open(n, kind);
            for (size_t i = 0; i < n; i++) {
                const double g = (double)x.a[i];
                x.expected[i] = (is_silu ? silu(x.a[i]) : gelu(x.a[i])) * x.b[i];
                const double truth = is_silu ? g / (1.0 + exp(-g))
                                             : 0.5 * g *
                                                   (1.0 + tanh(sqrt(2.0 / 3.14159265358979323846) *
                                                               (g + 0.044715 * g * g * g)));
                if (kind == 0) /* the definition means what its name says */
                    assert_true(fabs(truth * (double)x.b[i] - (double)x.expected[i]) < 1e-5);
            }
            (is_silu ? k->glu_silu : k->glu_gelu)(x.a, x.b, n, x.out);
            check_same("glu", x.out, x.expected, n);
            arrays_close(&x);
        }
}

void check_glu_silu(const ergo__cpu_kernels *k)
{
    check_glu(k, true);
}

void check_glu_gelu(const ergo__cpu_kernels *k)
{
    check_glu(k, false);
}

void check_add_scaled(const ergo__cpu_kernels *k)
{
    for (size_t n = 1; n < SIZES; n++)
        for (int kind = 0; kind < CHECK_KINDS; kind++) {
            arrays x = arrays_open(n, kind);
            for (size_t i = 0; i < n; i++)
                x.expected[i] = fmaf(0.22f, x.b[i], x.a[i]);
            k->add_scaled(x.a, x.b, 0.22f, n, x.out);
            check_same("add_scaled", x.out, x.expected, n);
            arrays_close(&x);
        }
}

void check_scale(const ergo__cpu_kernels *k)
{
    for (size_t n = 1; n < SIZES; n++)
        for (int kind = 0; kind < CHECK_KINDS; kind++) {
            arrays x = arrays_open(n, kind);
            for (size_t i = 0; i < n; i++)
                x.expected[i] = x.a[i] * -1.7f;
            k->scale(x.a, -1.7f, n, x.out);
            check_same("scale", x.out, x.expected, n);
            k->scale(x.a, -1.7f, n, x.a); /* in place, as the engine calls it */
            check_same("scale", x.a, x.expected, n);
            arrays_close(&x);
        }
}

void check_softmax(const ergo__cpu_kernels *k)
{
    for (size_t n = 1; n < SIZES; n++)
        for (int kind = 0; kind < 2; kind++) {
            const size_t first = (size_t)(check_random() % 40);
            arrays x = arrays_open(n, kind);
            if (n > 3 && check_random() % 3 == 0)
                x.a[check_random() % n] = -INFINITY;
            float most = -INFINITY, lane[16] = {0};
            for (size_t i = 0; i < n; i++)
                most = x.a[i] > most ? x.a[i] : most;
            for (size_t i = 0; i < n; i++) {
                x.expected[i] = ergo__expf(x.a[i] - most);
                lane[(first + i) % 16] += x.expected[i];
            }
            const float sum = 1.0f / check_tree(lane), got = k->softmax(x.a, first, n);
            check_same("softmax", x.a, x.expected, n);
            check_same("softmax's sum", &got, &sum, 1);
            arrays_close(&x);
        }
}
