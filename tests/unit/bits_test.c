/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <math.h>

#include <cmocka.h>

#include "runtime/base/bits.h"

/* A 16-bit float format, valued from its definition with ldexp: nothing here shares a trick with
 * the code under test. Every finite value and every midpoint is exact in binary32. */
typedef struct format {
    int exponent_bits, mantissa_bits;
    float (*decode)(uint16_t);
    uint16_t (*encode)(float);
} format;

static const format binary16 = {5, 10, ergo__f32_of_f16, ergo__f16_of_f32};
static const format bfloat16 = {8, 7, ergo__f32_of_bf16, ergo__bf16_of_f32};

static uint16_t infinity_of(const format *f)
{
    return (uint16_t)(((1u << f->exponent_bits) - 1) << f->mantissa_bits);
}

/* The value of a magnitude; the infinity's code gets the value that would come next. */
static double value_of(const format *f, uint16_t magnitude)
{
    const int bias = (1 << (f->exponent_bits - 1)) - 1;
    const int exponent = magnitude >> f->mantissa_bits;
    const int mantissa = magnitude & ((1 << f->mantissa_bits) - 1);
    if (exponent == 0)
        return ldexp(mantissa, 1 - bias - f->mantissa_bits);
    return ldexp(mantissa + (1 << f->mantissa_bits), exponent - bias - f->mantissa_bits);
}

static void check_decoding(const format *f)
{
    for (unsigned code = 0; code <= 0xffff; code++) {
        const uint16_t magnitude = code & 0x7fff;
        const float got = f->decode((uint16_t)code);
        assert_int_equal(!!signbit(got), code >> 15);
        if (magnitude > infinity_of(f))
            assert_true(isnan(got));
        else if (magnitude == infinity_of(f))
            assert_true(isinf(got));
        else
            assert_true(fabs((double)got) == value_of(f, magnitude));
    }
}

static void assert_encodes(const format *f, float magnitude, unsigned code)
{
    assert_int_equal(f->encode(magnitude), code);
    assert_int_equal(f->encode(-magnitude), code | 0x8000u);
}

/* Rounding changes its mind only at midpoints, so both sides of each and the midpoint itself prove
 * it for every float between. */
static void check_rounding(const format *f)
{
    for (uint16_t low = 0; low < infinity_of(f); low++) {
        const float at = (float)value_of(f, low);
        assert_encodes(f, at, low);
        const double middle = (value_of(f, low) + value_of(f, (uint16_t)(low + 1))) / 2;
        if (middle > 3.4028234663852886e38) /* a bfloat16 beyond every finite float */
            continue;
        assert_encodes(f, nextafterf((float)middle, 0), low);
        assert_encodes(f, (float)middle, low + (low & 1u));
        assert_encodes(f, nextafterf((float)middle, INFINITY), low + 1u);
    }
}

/* A NaN must not round to infinity, whichever of its payload bits are set. */
static void check_not_a_number(const format *f)
{
    assert_encodes(f, INFINITY, infinity_of(f));
    for (int bit = 0; bit < 23; bit++) {
        const float nan = ergo__f32_of_bits(0x7f800000u | 1u << bit);
        assert_true((f->encode(nan) & 0x7fff) > infinity_of(f));
        assert_true(isnan(f->decode(f->encode(nan))));
    }
    assert_true(isnan(f->decode(f->encode(ergo__f32_of_bits(0xffffffffu)))));
}

static void every_binary16_decodes_to_its_definition(void **state)
{
    (void)state;
    check_decoding(&binary16);
}

static void binary16_rounds_to_nearest_even_at_every_midpoint(void **state)
{
    (void)state;
    check_rounding(&binary16);
    assert_encodes(&binary16, 65519.996f, 0x7bff);
    assert_encodes(&binary16, 65520.0f, 0x7c00);
    assert_encodes(&binary16, 3.4028235e38f, 0x7c00);
    assert_encodes(&binary16, 1e-45f, 0);
}

static void every_bfloat16_decodes_to_its_definition(void **state)
{
    (void)state;
    check_decoding(&bfloat16);
}

static void bfloat16_rounds_to_nearest_even_at_every_midpoint(void **state)
{
    (void)state;
    check_rounding(&bfloat16);
    assert_encodes(&bfloat16, ergo__f32_of_bits(0x7f7f7fffu), 0x7f7f);
    assert_encodes(&bfloat16, ergo__f32_of_bits(0x7f7f8000u), 0x7f80);
    assert_encodes(&bfloat16, 1e-45f, 0);
}

static void a_nan_stays_a_nan(void **state)
{
    (void)state;
    check_not_a_number(&binary16);
    check_not_a_number(&bfloat16);
}

static void loads_are_little_endian_at_any_address(void **state)
{
    (void)state;
    const unsigned char bytes[] = {0xaa, 0xf1, 0xe2, 0xd3, 0xc4, 0xb5, 0xa6, 0x97, 0x88};
    assert_int_equal(ergo__load_u16(bytes + 1), 0xe2f1);
    assert_int_equal(ergo__load_u32(bytes + 1), 0xc4d3e2f1);
    assert_true(ergo__load_u64(bytes + 1) == UINT64_C(0x8897a6b5c4d3e2f1));
}

static void stores_write_what_loads_read_and_nothing_beside_it(void **state)
{
    (void)state;
    unsigned char bytes[10];
    memset(bytes, 0x55, sizeof bytes);
    ergo__store_u64(bytes + 1, UINT64_C(0x8897a6b5c4d3e2f1));
    const unsigned char expected[] = {0x55, 0xf1, 0xe2, 0xd3, 0xc4, 0xb5, 0xa6, 0x97, 0x88, 0x55};
    assert_memory_equal(bytes, expected, sizeof bytes);
    ergo__store_u32(bytes + 3, 0xffffffffu);
    ergo__store_u16(bytes + 5, 0x0102);
    const unsigned char patched[] = {0x55, 0xf1, 0xe2, 0xff, 0xff, 0x02, 0x01, 0x97, 0x88, 0x55};
    assert_memory_equal(bytes, patched, sizeof bytes);
}

static void floats_and_their_bits_are_the_same(void **state)
{
    (void)state;
    assert_int_equal(ergo__bits_of_f32(1.0f), 0x3f800000);
    assert_int_equal(ergo__bits_of_f32(-0.0f), 0x80000000);
    assert_true(ergo__f32_of_bits(0xc0490fdbu) == -3.14159274f);
    assert_true(ergo__f64_of_bits(UINT64_C(0x3fb999999999999a)) == 0.1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_binary16_decodes_to_its_definition),
        cmocka_unit_test(binary16_rounds_to_nearest_even_at_every_midpoint),
        cmocka_unit_test(every_bfloat16_decodes_to_its_definition),
        cmocka_unit_test(bfloat16_rounds_to_nearest_even_at_every_midpoint),
        cmocka_unit_test(a_nan_stays_a_nan),
        cmocka_unit_test(loads_are_little_endian_at_any_address),
        cmocka_unit_test(stores_write_what_loads_read_and_nothing_beside_it),
        cmocka_unit_test(floats_and_their_bits_are_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
