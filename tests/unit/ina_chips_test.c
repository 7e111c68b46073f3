/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "power/ina_chips.h"

#define ASSERT_VALUE(got, want) assert_true((int64_t)(got) == (int64_t)(want))

static int64_t power_of(const char *name, uint32_t shunt_uohm, const uint8_t *shunt,
                        const uint8_t *bus)
{
    const ergo__ina_chip *chip = ergo__ina_named(name);
    return ergo__ina_power_uw(chip, false, shunt_uohm, ergo__ina_shunt_steps(chip, shunt),
                              ergo__ina_bus_steps(chip, bus));
}

#define BYTES(...) ((const uint8_t[]){__VA_ARGS__})

static void the_worked_examples_of_the_datasheets_come_out(void **state)
{
    (void)state;
    /* SBOS547, "Configure/Measure/Calculate Example": 10 A through 2 mOhm at 11.98 V. */
    ASSERT_VALUE(power_of("ina226", 2000, BYTES(0x1F, 0x40), BYTES(0x25, 0x70)), 119800000);
    /* SBOS448, "Calibration Register and Scaling": the same load. 11.98 V are 2995 steps of 4 mV,
     * above the three lowest bits, of which bit 1 is CNVR. */
    ASSERT_VALUE(power_of("ina219", 2000, BYTES(0x07, 0xD0), BYTES(0x5D, 0x9A)), 119800000);
    /* SLYS021, section 8.2.2.5: 97.2 mV over 16.2 mOhm (6 A) at 48 V. */
    ASSERT_VALUE(power_of("ina228", 16200, BYTES(0x4B, 0xF0, 0x00), BYTES(0x3C, 0x00, 0x00)),
                 288000000);
    /* The same, negative: section 8.2.2.5 gives B4100h for -97.2 mV. */
    ASSERT_VALUE(power_of("ina228", 16200, BYTES(0xB4, 0x10, 0x00), BYTES(0x3C, 0x00, 0x00)),
                 -288000000);
    assert_int_equal(ergo__ina_temperature_mc(BYTES(0x0C, 0x80)), 25000);
    /* SLYS025, section 7.2.2: 19440 steps of 5 uV, 15360 of 3.125 mV, 200 of 125 mC above bit 4. */
    ASSERT_VALUE(power_of("ina238", 16200, BYTES(0x4B, 0xF0), BYTES(0x3C, 0x00)), 288000000);
    /* SBOS576, section 8.6.2.2: C180h is -80 mV. At 12 V (1500 steps of 8 mV) over 10 mOhm -96 W.
     */
    ASSERT_VALUE(power_of("ina3221", 10000, BYTES(0xC1, 0x80), BYTES(0x2E, 0xE0)), -96000000);
    /* SBOS656: 1.25 mA and 1.25 mV a step: 8 A at 12 V. */
    ASSERT_VALUE(power_of("ina260", 0, BYTES(0x19, 0x00), BYTES(0x25, 0x80)), 96000000);
}

static void registers_are_signed_to_the_last_step(void **state)
{
    (void)state;
    const ergo__ina_chip *ina226 = ergo__ina_named("ina226");
    const ergo__ina_chip *ina228 = ergo__ina_named("ina228");
    const ergo__ina_chip *ina3221 = ergo__ina_named("ina3221");
    const ergo__ina_chip *ina219 = ergo__ina_named("ina219");
    assert_int_equal(ergo__ina_shunt_steps(ina226, BYTES(0x83, 0x00)), -32000); /* -80 mV */
    assert_int_equal(ergo__ina_shunt_steps(ina226, BYTES(0x80, 0x00)), -32768);
    assert_int_equal(ergo__ina_shunt_steps(ina226, BYTES(0xFF, 0xFF)), -1);
    assert_int_equal(ergo__ina_shunt_steps(ina226, BYTES(0x7F, 0xFF)), 32767);
    assert_int_equal(ergo__ina_shunt_steps(ina228, BYTES(0xFF, 0xFF, 0xF0)), -1);
    assert_int_equal(ergo__ina_shunt_steps(ina228, BYTES(0x80, 0x00, 0x00)), -524288);
    assert_int_equal(ergo__ina_shunt_steps(ina3221, BYTES(0x7F, 0xF8)), 4095);
    assert_int_equal(ergo__ina_shunt_steps(ina3221, BYTES(0x80, 0x00)), -4096);
    assert_int_equal(ergo__ina_bus_steps(ina3221, BYTES(0xFF, 0xF8)), -1);
    /* The bus of an INA219 has no sign: its highest bit is worth 16.384 V. */
    assert_int_equal(ergo__ina_bus_steps(ina219, BYTES(0xFA, 0x02)), 8000);
}

static void products_of_full_scale_do_not_overflow_and_are_rounded(void **state)
{
    (void)state;
    const ergo__ina_chip *ina228 = ergo__ina_named("ina228");
    /* 163.84 mV and 102.4 V over 10 uOhm. */
    ASSERT_VALUE(ergo__ina_power_uw(ina228, false, 10, -524288, 524287),
                 -(INT64_C(524288) * 524287 * 15625 + 1280) / 2560);
    const ergo__ina_chip *ina226 = ergo__ina_named("ina226");
    ASSERT_VALUE(ergo__ina_power_uw(ina226, false, 2000, 1, 1), 2);   /* 1.5625 */
    ASSERT_VALUE(ergo__ina_power_uw(ina226, false, 2000, -1, 1), -2); /* and below 0 */
    ASSERT_VALUE(ergo__ina_power_uw(ina226, false, 10000, 1, 1), 0);  /* 0.3125 */
    /* A quarter of the range has a quarter of the step. */
    ASSERT_VALUE(ergo__ina_power_uw(ina228, true, 10000, 4000, 4096),
                 ergo__ina_power_uw(ina228, false, 10000, 1000, 4096));
}

/* SLYS021, section 8.2.2.5 has 288 W for an hour; at our calibration a step is 16 uWs per ohm. */
static void the_accumulator_is_exact_up_to_its_wrap(void **state)
{
    (void)state;
    ASSERT_VALUE(ergo__ina_energy_uj(false, 16200, 1049760000), INT64_C(1036800000000));
    ASSERT_VALUE(ergo__ina_energy_uj(false, 10000, 1), 1600);
    ASSERT_VALUE(ergo__ina_energy_uj(true, 10000, 1), 400);
    ASSERT_VALUE(ergo__ina_energy_uj(false, 10000, UINT64_C(1) << 40),
                 INT64_C(1099511627776) * 1600);
    /* The smallest shunt: 2^40 steps of 1.6 J are still a number of 64 bits with a sign. */
    ASSERT_VALUE(ergo__ina_energy_uj(false, 10, UINT64_C(1) << 40),
                 INT64_C(1099511627776) * 1600000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_worked_examples_of_the_datasheets_come_out),
        cmocka_unit_test(registers_are_signed_to_the_last_step),
        cmocka_unit_test(products_of_full_scale_do_not_overflow_and_are_rounded),
        cmocka_unit_test(the_accumulator_is_exact_up_to_its_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
