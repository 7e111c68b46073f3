/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/log_keeper.h"
#include "tests/fakes/waveform.h"

/* What goes wrong between a sensor and a figure: it is survived, and said. */

#define MS UINT64_C(1000000)

static _Alignas(ERGO_BLOCK_ALIGN) unsigned char memory[1 << 20];
static waveform load;
static waveform_sensor rail;
static log_keeper keeper;
static ergo_meter *meter;

static void open_with(const ergo_sensor *sensor, uint32_t period_us, uint32_t history)
{
    const ergo_meter_config config = {.log = log_keeper_log(&keeper),
                                      .clock = waveform_clock(&load),
                                      .sensors = sensor,
                                      .sensor_count = 1,
                                      .total = 1,
                                      .period_us = period_us,
                                      .history = history,
                                      .poll = true};
    assert_int_equal(ergo_meter_open(&config, (ergo_block){memory, sizeof memory}, &meter),
                     ERGO_OK);
}

/* 3 W, in front of an INA226 or a counter. */
static void open_power(uint32_t period_us, uint32_t history)
{
    keeper = (log_keeper){.lines = 0};
    waveform_begin(&load, 5, 3e6);
    load.now_ns = 5000 * MS;
    rail = (waveform_sensor){
        .load = &load, .period_ns = 35 * MS, .noise_uw = 20000, .lsb = 6250, .averages = true};
    const ergo_sensor sensor = waveform_power_sensor(&rail, "rail");
    open_with(&sensor, period_us, history);
}

static void open_counter(uint64_t range)
{
    keeper = (log_keeper){.lines = 0};
    waveform_begin(&load, 5, 3e6);
    load.now_ns = 5000 * MS;
    rail = (waveform_sensor){.load = &load, .period_ns = MS, .lsb = 61, .range = range};
    const ergo_sensor sensor = waveform_counter(&rail, "counter");
    open_with(&sensor, 0, 0);
}

static ergo_energy between(uint64_t begin_ns, uint64_t end_ns)
{
    ergo_energy e;
    assert_int_equal(ergo_meter_between(meter, 0, begin_ns, end_ns, &e), ERGO_OK);
    return e;
}

static void assert_within(const ergo_energy *e, double truth_uj)
{
    if (fabs((double)e->uj - truth_uj) > (double)e->error_uj)
        fail_msg("%lld +- %llu uJ, but it was %g", (long long)e->uj,
                 (unsigned long long)e->error_uj, truth_uj);
}

static void a_clock_that_runs_backwards_stands_still_and_is_flagged(void **state)
{
    (void)state;
    open_power(0, 0);
    waveform_run(&load, meter, 9000 * MS);
    const uint64_t before = ergo_meter_now(meter);
    load.jump_ns = -(int64_t)(4000 * MS);
    waveform_run(&load, meter, 12000 * MS);
    const uint64_t after = ergo_meter_now(meter);
    assert_true(after >= before + 2900 * MS && after <= before + 3000 * MS);
    const ergo_energy across = between(before - 1000 * MS, after - 1000 * MS);
    assert_true(across.flags & ERGO_ENERGY_CLOCK);
    const ergo_energy later = between(after - 1000 * MS, after - 100 * MS);
    assert_false(later.flags & ERGO_ENERGY_CLOCK);
    assert_within(&later, 2.7e6);
    assert_non_null(strstr(keeper.text, "backwards"));
}

static void a_clock_that_jumps_ahead_leaves_a_gap(void **state)
{
    (void)state;
    open_power(0, 0);
    waveform_run(&load, meter, 9000 * MS);
    const uint64_t before = ergo_meter_now(meter);
    load.jump_ns = (int64_t)(60000 * MS);
    waveform_run(&load, meter, 12000 * MS);
    const ergo_energy e = between(before, before + 62000 * MS);
    assert_true(e.flags & ERGO_ENERGY_GAPS);
    assert_true(e.covered_ns < 3000 * MS);
    assert_true(e.error_uj > 80000000); /* half of what the gap may have cost */
}

static void what_a_suspension_cost_is_left_out(void **state)
{
    (void)state;
    for (int counter = 0; counter < 2; counter++) {
        if (counter)
            open_counter(0);
        else
            open_power(0, 0);
        waveform_run(&load, meter, 9000 * MS);
        const uint64_t before = ergo_meter_now(meter);
        waveform_sleep(&load, 3600 * 1000 * MS);
        waveform_run(&load, meter, load.now_ns + 3000 * MS);
        const ergo_energy e = between(before - 1000 * MS, before + 2000 * MS);
        assert_true(e.flags & ERGO_ENERGY_CLOCK);
        assert_within(&e, 9e6);
        assert_true(e.uj < 10000000);
    }
}

static void a_counter_that_is_set_back_has_not_wrapped(void **state)
{
    (void)state;
    open_counter(UINT64_C(262143328851));
    waveform_run(&load, meter, 9000 * MS);
    waveform_begin(&load, 5, 3e6); /* counts from 0 again */
    load.now_ns = 9000 * MS;
    load.uj[0] = -26e6;
    waveform_run(&load, meter, 12000 * MS);
    const ergo_energy e = between(8000 * MS, 11000 * MS);
    assert_true(e.flags & ERGO_ENERGY_FAILED);
    assert_true(llabs(e.uj - 9000000) < 100000);
}

/* 10 J and 3 W: it wraps every 3.3 s, and nobody looks for 12. */
static void a_counter_that_may_have_wrapped_twice_is_not_believed(void **state)
{
    (void)state;
    open_counter(10000000);
    waveform_run(&load, meter, 9000 * MS);
    load.now_ns += 12000 * MS;
    waveform_run(&load, meter, load.now_ns + 2000 * MS);
    const ergo_energy e = between(8000 * MS, 22000 * MS);
    assert_true(e.flags & ERGO_ENERGY_GAPS);
    assert_within(&e, 42e6);
}

static void one_failed_reading_is_flagged_where_it_was(void **state)
{
    (void)state;
    open_power(0, 0);
    waveform_run(&load, meter, 9000 * MS);
    rail.fails = ERGO_E_IO;
    waveform_run(&load, meter, 9020 * MS);
    rail.fails = ERGO_OK;
    waveform_run(&load, meter, 14000 * MS);
    assert_true(between(8500 * MS, 10000 * MS).flags & ERGO_ENERGY_FAILED);
    assert_false(between(10000 * MS, 13000 * MS).flags & ERGO_ENERGY_FAILED);
    const ergo_energy e = between(7000 * MS, 13000 * MS);
    assert_within(&e, 18e6);
    assert_true(e.covered_ns > 5800 * MS);
    assert_int_equal(keeper.lines, 1);
}

static void a_sensor_that_is_gone_gives_a_wide_error_and_one_line(void **state)
{
    (void)state;
    open_power(0, 0);
    waveform_run(&load, meter, 9000 * MS);
    rail.fails = ERGO_E_NOT_FOUND;
    waveform_run(&load, meter, 39000 * MS);
    ergo_meter_state now;
    assert_int_equal(ergo_meter_get(meter, 0, &now), ERGO_OK);
    assert_int_equal(now.status, ERGO_E_NOT_FOUND);
    assert_true(now.age_ns > 29000 * MS);
    const ergo_energy e = between(9000 * MS, 39000 * MS);
    assert_true((e.flags & (ERGO_ENERGY_GAPS | ERGO_ENERGY_FAILED)) ==
                (ERGO_ENERGY_GAPS | ERGO_ENERGY_FAILED));
    assert_true(e.error_uj > 40000000); /* of 90 J */
    assert_int_equal(keeper.lines, 1);
}

static void a_stuck_sensor_is_said_and_a_coarse_quiet_one_is_not_stuck(void **state)
{
    (void)state;
    open_power(0, 0);
    waveform_run(&load, meter, 9000 * MS);
    rail.stuck = true;
    waveform_run(&load, meter, 12000 * MS);
    assert_true(between(9000 * MS, 12000 * MS).flags & ERGO_ENERGY_STUCK);
    waveform_begin(&load, 5, 3e6);
    load.now_ns = 5000 * MS;
    rail = (waveform_sensor){.load = &load, .period_ns = 7 * MS, .noise_uw = 4000, .lsb = 40000};
    const ergo_sensor coarse = waveform_power_sensor(&rail, "coarse");
    open_with(&coarse, 0, 0);
    for (uint64_t at = 7100; at < 8000; at += 10) /* it has been quiet before */
        waveform_add(&load, at * MS, at % 20 == 0 ? 5e6 : 3e6);
    waveform_run(&load, meter, 11000 * MS);
    assert_false(between(8500 * MS, 11000 * MS).flags & ERGO_ENERGY_STUCK);
}

static void averages_that_nobody_saw_are_not_covered(void **state)
{
    (void)state;
    open_power(350000, 0);
    waveform_run(&load, meter, 25000 * MS);
    const ergo_energy e = between(6000 * MS, 24000 * MS);
    assert_true(e.covered_ns < e.ns / 5);
    assert_true(e.flags & ERGO_ENERGY_GAPS);
    assert_within(&e, 54e6);
}

static void what_lies_before_the_history_is_still_known(void **state)
{
    (void)state;
    open_power(0, 64); /* some two seconds */
    waveform_add(&load, 20000 * MS, 6e6);
    waveform_run(&load, meter, 60000 * MS);
    const ergo_energy e = between(10000 * MS, 50000 * MS);
    assert_false(e.flags & ERGO_ENERGY_CLIPPED);
    assert_within(&e, 30e6 + 180e6);
    assert_true(e.error_uj < 3000000);
    assert_true(between(1000 * MS, 50000 * MS).flags & ERGO_ENERGY_CLIPPED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_that_runs_backwards_stands_still_and_is_flagged),
        cmocka_unit_test(a_clock_that_jumps_ahead_leaves_a_gap),
        cmocka_unit_test(what_a_suspension_cost_is_left_out),
        cmocka_unit_test(a_counter_that_is_set_back_has_not_wrapped),
        cmocka_unit_test(a_counter_that_may_have_wrapped_twice_is_not_believed),
        cmocka_unit_test(one_failed_reading_is_flagged_where_it_was),
        cmocka_unit_test(a_sensor_that_is_gone_gives_a_wide_error_and_one_line),
        cmocka_unit_test(a_stuck_sensor_is_said_and_a_coarse_quiet_one_is_not_stuck),
        cmocka_unit_test(averages_that_nobody_saw_are_not_covered),
        cmocka_unit_test(what_lies_before_the_history_is_still_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
