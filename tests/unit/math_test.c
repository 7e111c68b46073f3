/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/base/math.h"

/* The system's functions in double are the judge; their own error is far below a float's ulp. */

/* Distance from the exact value in units of the float's last place. */
static double ulps(float got, double exact)
{
    const double magnitude = fabs(exact);
    const int exponent = magnitude >= 0x1p-126 ? ilogb(magnitude) : -126;
    return fabs((double)got - exact) / ldexp(1.0, exponent - 23);
}

static double relative(double got, double exact)
{
    return exact == got ? 0.0 : fabs((got - exact) / exact);
}

static void expf_is_within_two_ulps_and_monotone(void **state)
{
    (void)state;
    float last = INFINITY;
    for (uint32_t bits = 0; bits < 0x42d20000u; bits += 997) { /* 0 to -105 */
        const float x = -ergo__f32_of_bits(bits), y = ergo__expf(x);
        assert_true(y <= last && ulps(y, exp((double)x)) < 1.1);
        last = y;
    }
    last = 0;
    for (uint32_t bits = 0; bits <= 0x42b17217u; bits += 997) { /* 0 to ln FLT_MAX */
        const float x = ergo__f32_of_bits(bits), y = ergo__expf(x);
        assert_true(y >= last && ulps(y, exp((double)x)) < 1.1);
        last = y;
    }
}

static void expf_knows_its_ends(void **state)
{
    (void)state;
    assert_true(ergo__expf(0.0f) == 1.0f && ergo__expf(-0.0f) == 1.0f);
    assert_true(ergo__expf(-INFINITY) == 0.0f && ergo__expf(-1e30f) == 0.0f);
    assert_true(isinf(ergo__expf(INFINITY)) && isinf(ergo__expf(88.73f)));
    assert_true(isfinite(ergo__expf(0x1.62e42ep+6f)) && isnan(ergo__expf(NAN)));
    assert_true(ergo__exp(-INFINITY) == 0.0 && isinf(ergo__exp(INFINITY)) && isnan(ergo__exp(NAN)));
    assert_true(ergo__exp(0.0) == 1.0);
}

static void tanhf_is_within_two_ulps_and_odd(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 0x41a00000u; bits += 997) { /* 0 to 20 */
        const float x = ergo__f32_of_bits(bits), y = ergo__tanhf(x);
        assert_true(ulps(y, tanh((double)x)) < 1.5 && y <= 1.0f);
        assert_true(ergo__tanhf(-x) == -y);
    }
    assert_true(ergo__tanhf(INFINITY) == 1.0f && ergo__tanhf(-1e30f) == -1.0f);
    assert_true(isnan(ergo__tanhf(NAN)));
}

static void double_exp_and_log_are_within_1e15(void **state)
{
    (void)state;
    for (double x = -708; x < 709; x += 0.00137)
        assert_true(relative(ergo__exp(x), exp(x)) < 1e-15);
    for (double x = -1e-3; x < 1e-3; x += 1.37e-9)
        assert_true(relative(ergo__exp(x), exp(x)) < 1e-15);
    for (uint32_t bits = 1; bits < 0x7f800000u; bits += 997) {
        const double x = (double)ergo__f32_of_bits(bits);
        assert_true(relative(ergo__log(x), log(x)) < 1e-15);
        assert_true(ulps(ergo__logf((float)x), log(x)) < 0.51);
    }
    for (double x = 0.5; x < 2; x += 1.37e-6)
        assert_true(relative(ergo__log(x), log(x)) < 1e-15);
    assert_true(relative(ergo__log(0x1p-1074), log(0x1p-1074)) < 1e-15);
    assert_true(ergo__log(0.0) == -HUGE_VAL && ergo__log(HUGE_VAL) == HUGE_VAL);
    assert_true(isnan(ergo__log(-1.0)) && isnan(ergo__log(NAN)) && ergo__log(1.0) == 0.0);
}

static void sine_and_cosine_hold_up_to_long_contexts(void **state)
{
    (void)state;
    const double steps[] = {1.37e-5, 0.0173, 11.3, 1371.0};
    for (size_t k = 0; k < 4; k++)
        for (int i = -500000; i < 500000; i++) {
            const double x = i * steps[k];
            double s, c;
            ergo__sincos(x, &s, &c);
            assert_true(relative(s, sin(x)) < 1e-15 && relative(c, cos(x)) < 1e-15);
        }
    /* multiples of pi/2 to the nearest double: all the bits of the remainder count */
    for (int i = 1; i < 1000000; i += 2)
        assert_true(relative((double)ergo__cosf(i * 0x1.921fb54442d18p+0),
                             cos(i * 0x1.921fb54442d18p+0)) < 1e-7);
    assert_true(ergo__sinf(0.0) == 0.0f && ergo__cosf(0.0) == 1.0f);
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    return (hash ^ value) * UINT64_C(0x100000001b3);
}

/* FNV over many results: equal on every machine, or promise one is broken. */
static void results_are_the_same_bits_everywhere(void **state)
{
    (void)state;
    uint64_t f = UINT64_C(0xcbf29ce484222325), d = f;
    for (int i = -200000; i < 200000; i++) {
        const float x = (float)i * 0x1.3579bcp-11f;
        const double y = (double)i * 0x1.3579bdf1p-9, z = fabs(y) + 0x1p-30;
        double s, c;
        ergo__sincos(y * 64.0, &s, &c);
        f = mix(mix(f, ergo__bits_of_f32(ergo__expf(x))), ergo__bits_of_f32(ergo__tanhf(x)));
        d = mix(mix(d, ergo__bits_of_f64(ergo__exp(y))), ergo__bits_of_f64(ergo__log(z)));
        d = mix(mix(d, ergo__bits_of_f64(s)), ergo__bits_of_f64(c));
    }
    if (f != UINT64_C(0xa26f252732e8ca14) || d != UINT64_C(0x887fe4b7c8fdff42))
        fail_msg("hashes are 0x%llx and 0x%llx", (unsigned long long)f, (unsigned long long)d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expf_is_within_two_ulps_and_monotone),
        cmocka_unit_test(expf_knows_its_ends),
        cmocka_unit_test(tanhf_is_within_two_ulps_and_odd),
        cmocka_unit_test(double_exp_and_log_are_within_1e15),
        cmocka_unit_test(sine_and_cosine_hold_up_to_long_contexts),
        cmocka_unit_test(results_are_the_same_bits_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
