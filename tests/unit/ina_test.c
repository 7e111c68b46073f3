/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/ina_fixture.h"

#define ASSERT_VALUE(got, want) assert_true((int64_t)(got) == (int64_t)(want))

/* ---- Chips --------------------------------------------------------------------------------- */

static const struct {
    const char *kind;
    double power_mw; /* of 20 mV over 10 mOhm (2 A) at 5 V, in whole steps of each */
} all[] = {{"ina219", 10000}, {"ina226", 10000}, {"ina228", 10000},
           {"ina238", 10000}, {"ina260", 10000}, {"ina3221", 10000}};
#define ALL (sizeof all / sizeof all[0])

static void feed(double shunt_uv, double bus_mv)
{
    for (int i = 0; i < 3; i++) {
        fake.shunt_uv[i] = shunt_uv;
        fake.bus_mv[i] = bus_mv;
    }
}

static void every_chip_measures_what_lies_at_its_inputs(void **state)
{
    (void)state;
    for (size_t i = 0; i < ALL; i++) {
        ergo_ina_config config = config_of(all[i].kind);
        config.both_ways = true;
        const bool inside = strcmp(all[i].kind, "ina260") == 0; /* 2 A are 4 mV there */
        feed(inside ? 4000 : 20000, 5000);
        assert_int_equal(open_as(&config), ERGO_OK);
        /* The settings have been changed: the next round of conversions is the first of ours. */
        pass_us(fake_ina_period_us(&fake));
        const double miss = (double)value_of(0) / 1000 - all[i].power_mw;
        assert_true(miss > -20 && miss < 20); /* 3.125 mV of an INA238's bus */
        feed(inside ? -4000 : -20000, 5000);
        pass_us(fake_ina_period_us(&fake) * 2);
        const double back = (double)value_of(0) / 1000 + all[i].power_mw;
        assert_true(back > -20 && back < 20);
        ergo_ina_close(ina);
    }
}

static void every_chip_averages_as_long_as_it_says_and_gets_its_registers_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < ALL; i++) {
        const ergo_ina_config config = config_of(all[i].kind);
        uint64_t before[256];
        memcpy(before, fake.reg, sizeof before);
        assert_int_equal(open_as(&config), ERGO_OK);
        const ergo_sensor_info *info = &sensor(0)->info;
        const bool counts = info->quantity == ERGO_QUANTITY_ENERGY;
        assert_int_equal(info->period_us * (counts ? 16 : 1), fake_ina_period_us(&fake));
        assert_true(info->averages != counts);
        assert_true(memcmp(before, fake.reg, sizeof before) != 0);
        ergo_ina_close(ina);
        assert_memory_equal(before, fake.reg, sizeof before);
    }
}

static void a_chip_that_can_tell_its_name_is_asked(void **state)
{
    (void)state;
    static const char *const tell[] = {"ina226", "ina260", "ina228", "ina238", "ina3221"};
    for (size_t i = 0; i < sizeof tell / sizeof tell[0]; i++) {
        ergo_ina_config config = config_of(tell[i]);
        config.chip = NULL;
        assert_int_equal(open_as(&config), ERGO_OK);
        assert_string_equal(sensor(0)->info.chip, tell[i]);
        ergo_ina_close(ina);
    }
    ergo_ina_config config = config_of("ina219");
    config.chip = NULL;
    assert_int_equal(open_as(&config), ERGO_E_NOT_FOUND);
    assert_null(ina);
    assert_non_null(strstr(keeper.text, "say which it is"));
}

static void another_chip_than_the_one_named_is_not_touched(void **state)
{
    (void)state;
    ergo_ina_config config = config_of("ina3221");
    config.chip = "ina226";
    assert_int_equal(open_as(&config), ERGO_E_NOT_FOUND);
    assert_non_null(strstr(keeper.text, "its id is 3220h, not 2260h"));
    config.chip = "ina999";
    assert_int_equal(open_as(&config), ERGO_E_UNSUPPORTED);
    assert_int_equal(fake.writes, 0);
}

static void what_is_told_about_a_sensor_follows_from_shunt_and_voltage(void **state)
{
    (void)state;
    ergo_ina_config config = config_of("ina226");
    config.name[0] = "BATTERY";
    config.shunt_uohm[0] = 2000;
    feed(0, 5000);
    pass_us(100000);
    assert_int_equal(open_as(&config), ERGO_OK);
    const ergo_sensor_info *info = &sensor(0)->info;
    assert_string_equal(info->name, "BATTERY");
    assert_string_equal(info->device, "1-0040");
    assert_int_equal(info->channel, 1);
    assert_int_equal(info->shunt_uohm, 2000);
    assert_int_equal(info->lsb, 6250); /* 1.25 mA at 5 V */
    assert_int_equal(info->gain_ppm, 11000);
    ergo_ina_close(ina);

    config = config_of("ina228");
    assert_int_equal(open_as(&config), ERGO_OK);
    info = &sensor(0)->info;
    assert_int_equal(info->quantity, ERGO_QUANTITY_ENERGY);
    assert_int_equal(info->lsb, 1600);
    assert_true(info->range == (UINT64_C(1) << 40) * 1600);
    pass_us(fake_ina_period_us(&fake));
    ASSERT_VALUE(value_of(1), 25000);
    assert_int_equal(sensor(1)->info.quantity, ERGO_QUANTITY_TEMPERATURE);
    ergo_ina_close(ina);
}

static void an_ina3221_converts_only_what_is_wired(void **state)
{
    (void)state;
    ergo_ina_config config = config_of("ina3221");
    config.shunt_uohm[1] = 0;
    config.shunt_uohm[2] = 5000;
    config.name[2] = "CPU";
    feed(20000, 5000);
    fake.shunt_uv[2] = 8000;
    assert_int_equal(open_as(&config), ERGO_OK);
    pass_us(40000);
    size_t count;
    const ergo_sensor *list = ergo_ina_sensors(ina, &count);
    assert_int_equal(count, 2);
    assert_string_equal(list[0].info.name, "ina3221 1-0040");
    assert_string_equal(list[1].info.name, "CPU");
    assert_int_equal(list[1].info.channel, 3);
    assert_int_equal(list[0].info.period_us, 2 * 16 * 664);
    ASSERT_VALUE(value_of(0), 10000000);
    ASSERT_VALUE(value_of(1), 8000000);
    ergo_ina_close(ina);
}

/* ---- Time ---------------------------------------------------------------------------------- */

/* Four samples a period: one of them finds a new conversion, the others cost one transfer. */
static void registers_are_read_once_per_conversion(void **state)
{
    (void)state;
    static const struct {
        const char *kind;
        uint32_t transfers; /* of a new one: flag, channels twice, what clears the flag */
    } cases[] = {{"ina226", 3}, {"ina219", 4}, {"ina3221", 7}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const ergo_ina_config config = config_of(cases[i].kind);
        feed(20000, 5000);
        assert_int_equal(open_as(&config), ERGO_OK);
        const uint32_t period = sensor(0)->info.period_us;
        pass_us(period * 3);
        (void)value_of(0);
        uint32_t full = 0;
        uint32_t flags = 0;
        for (int sample = 0; sample < 40; sample++) {
            pass_us(period / 4 + 1);
            const uint32_t reads = fake.reads;
            (void)value_of(0);
            full += fake.reads - reads == cases[i].transfers;
            flags += fake.reads - reads == 1;
        }
        assert_in_range(full, 10, 11);
        assert_int_equal(full + flags, 40);
        ergo_ina_close(ina);
    }
}

static void the_channels_of_a_conversion_are_read_together(void **state)
{
    (void)state;
    const ergo_ina_config config = config_of("ina3221");
    feed(20000, 5000);
    assert_int_equal(open_as(&config), ERGO_OK);
    pass_us(sensor(0)->info.period_us * 3);
    (void)value_of(0);
    feed(40000, 5000); /* not converted yet */
    const uint32_t reads = fake.reads;
    ASSERT_VALUE(value_of(1), 10000000);
    ASSERT_VALUE(value_of(2), 10000000);
    assert_int_equal(fake.reads, reads); /* too early to ask again */
    ergo_ina_close(ina);
}

static void a_flag_that_somebody_else_clears_does_not_stop_the_readings(void **state)
{
    (void)state;
    const ergo_ina_config config = config_of("ina226");
    feed(20000, 5000);
    assert_int_equal(open_as(&config), ERGO_OK);
    const uint32_t period = sensor(0)->info.period_us;
    pass_us(period * 3);
    (void)value_of(0);
    feed(40000, 5000);
    for (int i = 0; i < 5; i++) {
        uint8_t stolen[2];
        pass_us(period / 2);
        assert_int_equal(config.i2c.read(config.i2c.self, 6, stolen, 2), ERGO_OK);
        (void)value_of(0);
    }
    ASSERT_VALUE(value_of(0), 20000000);
    ergo_ina_close(ina);
}

/* ---- Energy -------------------------------------------------------------------------------- */

static void an_ina228_counts_joules_in_either_range(void **state)
{
    (void)state;
    for (uint32_t max_ma = 0; max_ma <= 4000; max_ma += 4000) {
        ergo_ina_config config = config_of("ina228");
        config.max_ma = max_ma; /* 4 A are 40 mV: the fine range */
        feed(20000, 5000);      /* 10 W */
        assert_int_equal(open_as(&config), ERGO_OK);
        assert_int_equal(sensor(0)->info.lsb, max_ma > 0 ? 400 : 1600);
        const int64_t before = value_of(0);
        pass_us(UINT64_C(3600) * 1000000);
        const int64_t used = value_of(0) - before;
        assert_true(used > INT64_C(35999000000) && used <= INT64_C(36000000000));
        ergo_ina_close(ina);
    }
}

static void the_counter_wraps_at_its_range(void **state)
{
    (void)state;
    const ergo_ina_config config = config_of("ina228");
    feed(20000, 5000);
    assert_int_equal(open_as(&config), ERGO_OK);
    fake.energy_steps = 1099511627776.0 - 1000;
    pass_us(2200 * 16);
    const int64_t before = value_of(0);
    pass_us(UINT64_C(10) * 1000000);
    const int64_t after = value_of(0);
    assert_true(after < before);
    const int64_t used = after - before + (int64_t)sensor(0)->info.range;
    assert_true(used > 99900000 && used < 100100000);
    assert_int_equal(keeper.lines, 0);
    ergo_ina_close(ina);
}

static void a_chip_that_lost_its_supply_is_set_up_again_and_goes_on_counting(void **state)
{
    (void)state;
    ergo_ina_config config = config_of("ina228");
    feed(20000, 5000);
    assert_int_equal(open_as(&config), ERGO_OK);
    pass_us(UINT64_C(100) * 1000000);
    const int64_t before = value_of(0);
    const uint64_t settings = fake.reg[1];
    fake_ina_reset(&fake);
    pass_us(UINT64_C(10) * 1000000);
    const int64_t used = value_of(0) - before;
    assert_true(used > 99000000 && used <= 100000000);
    assert_true(fake.reg[1] == settings);
    assert_non_null(strstr(keeper.text, "has lost its settings"));
    ergo_ina_close(ina);

    config = config_of("ina226");
    assert_int_equal(open_as(&config), ERGO_OK);
    fake_ina_reset(&fake);
    fake.fail_next = 1;
    fake.fail_with = ERGO_E_IO;
    int64_t value;
    pass_us(100000);
    assert_int_equal(read_now(0, &value), ERGO_E_IO);
    (void)value_of(0);
    assert_true(fake.reg[0] == 0x4527);
    ergo_ina_close(ina);
}

/* ---- Errors -------------------------------------------------------------------------------- */

static void beyond_its_range_a_shunt_gives_no_reading(void **state)
{
    (void)state;
    for (size_t i = 0; i < ALL; i++) {
        ergo_ina_config config = config_of(all[i].kind);
        config.both_ways = true;
        feed(20000, 5000);
        assert_int_equal(open_as(&config), ERGO_OK);
        pass_us(200000);
        (void)value_of(0);
        feed(100e6, 5000);
        pass_us(200000);
        int64_t value;
        assert_int_equal(read_now(0, &value), ERGO_E_LIMIT);
        feed(20000, 5000);
        pass_us(200000);
        (void)value_of(0);
        ergo_ina_close(ina);
    }
}

static void fields_out_of_range_are_refused_before_anything_is_written(void **state)
{
    (void)state;
    ergo_ina_config config = config_of("ina226");
    config.shunt_uohm[0] = 0;
    assert_int_equal(open_as(&config), ERGO_E_ARGUMENT);
    config.shunt_uohm[0] = 9;
    assert_int_equal(open_as(&config), ERGO_E_ARGUMENT);
    config.shunt_uohm[0] = 100000; /* 1 A is more than its 81.92 mV */
    config.max_ma = 1000;
    assert_int_equal(open_as(&config), ERGO_E_ARGUMENT);
    assert_non_null(strstr(keeper.text, "81920 uV"));
    config = config_of("ina3221");
    config.over_uw = 1000000;
    assert_int_equal(open_as(&config), ERGO_E_UNSUPPORTED);
    assert_int_equal(ergo_ina_open(&config, (ergo_block){memory, 64}, &ina), ERGO_E_MEMORY);
    assert_int_equal(fake.writes, 0);
    assert_null(ina);
}

/* Whichever transfer fails: the error comes through, nothing is opened, registers are put back. */
static void a_failure_at_any_transfer_of_opening_leaves_the_chip_as_it_was(void **state)
{
    (void)state;
    for (size_t i = 0; i < ALL; i++) {
        for (uint32_t after = 0;; after++) {
            const ergo_ina_config config = config_of(all[i].kind);
            uint64_t before[256];
            memcpy(before, fake.reg, sizeof before);
            fake.fail_next = 1;
            fake.fail_after = after;
            fake.fail_with = ERGO_E_IO;
            const ergo_status status = open_as(&config);
            if (fake.fail_next > 0) { /* it did not take so many */
                assert_int_equal(status, ERGO_OK);
                ergo_ina_close(ina);
                assert_true(after > 4);
                break;
            }
            assert_int_not_equal(status, ERGO_OK);
            assert_null(ina);
            assert_memory_equal(before, fake.reg, sizeof before);
        }
    }
}

static ergo_status forgets(void *self, uint8_t reg, uint16_t value)
{
    (void)self;
    (void)reg;
    (void)value;
    return ERGO_OK;
}

static void a_chip_that_keeps_no_settings_is_not_believed(void **state)
{
    (void)state;
    ergo_ina_config config = config_of("ina219");
    config.i2c.write = forgets;
    assert_int_equal(open_as(&config), ERGO_E_DEVICE);
    assert_non_null(strstr(keeper.text, "39EFh became 399Fh"));
}

/* ---- Alert --------------------------------------------------------------------------------- */

/* A line at ALERT that remembers the edge, as a GPIO does. */
static ergo_status edge(void *user, uint64_t *time_ns)
{
    fake_ina *chip = user;
    uint8_t nothing[2];
    (void)fake_ina_bus(chip).read(chip, 0, nothing, 2); /* lets the fake convert */
    if (chip->alerts == 0)
        return ERGO_IDLE;
    chip->alerts = 0;
    *time_ns = chip->converted_ns;
    return ERGO_OK;
}

static void alert_tells_when_a_conversion_ended(void **state)
{
    (void)state;
    ergo_ina_config config = config_of("ina226");
    config.ready = edge;
    config.ready_user = &fake;
    feed(20000, 5000);
    assert_int_equal(open_as(&config), ERGO_OK);
    assert_true((fake.reg[6] & 0x0400) != 0);
    const uint32_t period = sensor(0)->info.period_us;
    uint32_t timed = 0;
    for (int i = 0; i < 40; i++) {
        ergo_reading reading;
        pass_us(period / 4 + 7);
        assert_int_equal(sensor(0)->read(sensor(0)->self, &reading), ERGO_OK);
        timed += reading.time_ns > 0;
        if (reading.time_ns > 0) {
            assert_true(reading.time_ns == fake.converted_ns);
            assert_false(fake.alert); /* let go, for the next edge */
        }
    }
    assert_in_range(timed, 9, 11);
    ergo_ina_close(ina);
    assert_int_equal(fake.reg[6] & 0xFFF0, 0);
}

static void alert_is_pulled_above_a_power_and_its_registers_are_put_back(void **state)
{
    (void)state;
    static const char *const kinds[] = {"ina226", "ina260"};
    for (size_t i = 0; i < 2; i++) {
        ergo_ina_config config = config_of(kinds[i]);
        const double per_watt = i == 0 ? 2000 : 400; /* uV for 1 W at 5 V */
        config.over_uw = 8000000;
        fake.reg[7] = 0x1234;
        assert_int_equal(open_as(&config), ERGO_OK);
        feed(7.9 * per_watt, 5000);
        pass_us(100000);
        (void)value_of(0);
        assert_false(fake.alert);
        feed(8.1 * per_watt, 5000);
        pass_us(100000);
        (void)value_of(0);
        assert_true(fake.alert);
        ergo_ina_close(ina);
        assert_int_equal(fake.reg[7], 0x1234);
        assert_int_equal(fake.reg[5], 0);
    }
    /* SLYS021, section 7.6.1.17: a step of PWR_LIMIT is 256 of POWER. */
    ergo_ina_config config = config_of("ina228");
    config.over_uw = 256000000;
    assert_int_equal(open_as(&config), ERGO_OK);
    assert_int_equal(fake.reg[0x11], 10000);
    ergo_ina_close(ina);
    config.over_uw = UINT64_MAX;
    assert_int_equal(open_as(&config), ERGO_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_chip_measures_what_lies_at_its_inputs),
        cmocka_unit_test(every_chip_averages_as_long_as_it_says_and_gets_its_registers_back),
        cmocka_unit_test(a_chip_that_can_tell_its_name_is_asked),
        cmocka_unit_test(another_chip_than_the_one_named_is_not_touched),
        cmocka_unit_test(what_is_told_about_a_sensor_follows_from_shunt_and_voltage),
        cmocka_unit_test(an_ina3221_converts_only_what_is_wired),
        cmocka_unit_test(registers_are_read_once_per_conversion),
        cmocka_unit_test(the_channels_of_a_conversion_are_read_together),
        cmocka_unit_test(a_flag_that_somebody_else_clears_does_not_stop_the_readings),
        cmocka_unit_test(an_ina228_counts_joules_in_either_range),
        cmocka_unit_test(the_counter_wraps_at_its_range),
        cmocka_unit_test(a_chip_that_lost_its_supply_is_set_up_again_and_goes_on_counting),
        cmocka_unit_test(beyond_its_range_a_shunt_gives_no_reading),
        cmocka_unit_test(fields_out_of_range_are_refused_before_anything_is_written),
        cmocka_unit_test(a_failure_at_any_transfer_of_opening_leaves_the_chip_as_it_was),
        cmocka_unit_test(a_chip_that_keeps_no_settings_is_not_believed),
        cmocka_unit_test(alert_tells_when_a_conversion_ended),
        cmocka_unit_test(alert_is_pulled_above_a_power_and_its_registers_are_put_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
