/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/kernels/kernel_checks.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/base/bits.h"
#include "tests/fakes/quant_model.h"

static uint64_t state;

void check_seed(uint64_t seed)
{
    state = seed | 1;
}

uint64_t check_random(void)
{
    return quant_model_random(&state) >> 16;
}

void *check_take(guarded *g, size_t bytes)
{
    *g = guarded_open(bytes);
    memset(g->data, 0xa5, bytes);
    return g->data;
}

void check_fill(float *x, size_t n, int kind)
{
    static const float special[] = {0.0f,       -0.0f,    0x1p-149f, -0x1p-130f, 0x1.fffffep+127f,
                                    -0x1p+120f, INFINITY, -INFINITY, NAN,        65504.0f,
                                    65520.0f,   -1e5f,    0x1p-25f,  0x1p-14f};
    for (size_t i = 0; i < n; i++) {
        const float unit = (float)(int32_t)(check_random() & 0xffffff) * 0x1p-23f - 1.0f;
        x[i] = kind == 0 ? 3.0f * unit : ldexpf(unit, (int)(check_random() % 80) - 40);
        if (kind == 2 && check_random() % 4 == 0)
            x[i] = special[check_random() % (sizeof special / sizeof *special)];
    }
}

void check_flush(const ergo__cpu_kernels *k, float *x, size_t n)
{
#if defined(ERGO__CPU_ARM32)
    for (size_t i = 0; k->scores_f16 == ergo__scores_f16_neon && i < n; i++)
        if (fpclassify(x[i]) == FP_SUBNORMAL)
            x[i] = 0.0f;
#else
    (void)k, (void)x, (void)n;
#endif
}

void check_same(const char *what, const float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (ergo__bits_of_f32(a[i]) != ergo__bits_of_f32(b[i]) && !(isnan(a[i]) && isnan(b[i])))
            fail_msg("%s: element %zu of %zu is %a, not %a", what, i, n, (double)a[i],
                     (double)b[i]);
}

float check_tree(const float v[16])
{
    const float a = (v[0] + v[8]) + (v[4] + v[12]), b = (v[2] + v[10]) + (v[6] + v[14]);
    const float c = (v[1] + v[9]) + (v[5] + v[13]), d = (v[3] + v[11]) + (v[7] + v[15]);
    return (a + b) + (c + d);
}
