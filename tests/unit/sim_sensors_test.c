/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/sim_fixture.h"

/* What the sensors of a simulated board show, and what a meter makes of it. */

#define MS UINT64_C(1000000)

static sim_fixture fixture;

/* Without leakage the board of sim_fixture.h draws 1.5 W idle, and 4.38 W multiplying. */
static const char *const cold[] = {"leak_uw_per_v2", "0", "launch_ns", "0", NULL};
static const ergo_work ten_ms = {.macs = 40000000};

static void a_reader_sees_the_mean_of_the_last_whole_period(void **state)
{
    (void)state;
    sim_fixture_open(&fixture, sim_fixture_text(cold));
    assert_int_equal(sim_fixture_read(&fixture, "VIN"), 1500000);
    ergo_sim_sleep(fixture.sim, 5 * MS);
    ergo_sim_run(fixture.sim, &ten_ms); /* half in this period, half in the next */
    assert_int_equal(sim_fixture_read(&fixture, "VIN"), (1500000 + 4380000) / 2);
    ergo_sim_sleep(fixture.sim, 4 * MS); /* the second is not over */
    assert_int_equal(sim_fixture_read(&fixture, "VIN"), (1500000 + 4380000) / 2);
    ergo_sim_run(fixture.sim, &ten_ms);
    assert_int_equal(sim_fixture_read(&fixture, "VIN"), 4380000 * 6 / 10 + 1500000 * 4 / 10);
}

static void readings_are_rounded_to_the_lsb(void **state)
{
    (void)state;
    static const char *const coarse[] = {"leak_uw_per_v2", "0",      "launch_ns", "0",
                                         "lsb_uw",         "400000", NULL};
    sim_fixture_open(&fixture, sim_fixture_text(coarse));
    ergo_sim_run(fixture.sim, &ten_ms);
    assert_int_equal(sim_fixture_read(&fixture, "VIN"), 4400000);
}

static void the_noise_has_its_deviation_and_its_seed(void **state)
{
    (void)state;
    static const char *const noisy[] = {"leak_uw_per_v2", "0", "noise_uw", "20000", NULL};
    int64_t first[2] = {0, 0};
    for (int again = 0; again < 2; again++) {
        double sum = 0, squares = 0;
        sim_fixture_open(&fixture, sim_fixture_text(noisy));
        for (int i = 0; i < 2000; i++) {
            ergo_sim_sleep(fixture.sim, 10 * MS);
            const double off = (double)sim_fixture_read(&fixture, "VIN") - 1500000;
            first[again] = i == 0 ? (int64_t)off : first[again];
            sum += off;
            squares += off * off;
        }
        assert_true(fabs(sum / 2000) < 4 * 20000 / sqrt(2000));
        assert_true(fabs(sqrt(squares / 2000) / 20000 - 1) < 0.08);
    }
    assert_int_equal(first[0], first[1]);
}

static void a_stuck_sensor_repeats_itself(void **state)
{
    (void)state;
    static const char *const stuck[] = {"leak_uw_per_v2",         "0", "launch_ns", "0", "at_ms",
                                        "15 sensor VIN stuck 20", NULL};
    sim_fixture_open(&fixture, sim_fixture_text(stuck));
    ergo_sim_sleep(fixture.sim, 20 * MS);
    ergo_sim_run(fixture.sim, &ten_ms);
    assert_int_equal(sim_fixture_read(&fixture, "VIN"), 1500000);
    ergo_sim_run(fixture.sim, &ten_ms);
    assert_int_equal(sim_fixture_read(&fixture, "VIN"), 4380000);
}

static void a_sensor_that_fails_says_so(void **state)
{
    (void)state;
    static const char *const failing[] = {"at_ms", "15 sensor VIN error 20", NULL};
    ergo_reading reading = {0, 0};
    sim_fixture_open(&fixture, sim_fixture_text(failing));
    const ergo_sensor *sensor = &fixture.sensors[0];
    ergo_sim_sleep(fixture.sim, 20 * MS);
    assert_true(sensor->read(sensor->self, &reading) < 0);
    ergo_sim_sleep(fixture.sim, 20 * MS);
    assert_int_equal(sensor->read(sensor->self, &reading), ERGO_OK);
}

static void a_meter_finds_what_the_ledger_says(void **state)
{
    (void)state;
    sim_fixture_open(&fixture, sim_fixture_text(NULL));
    sim_fixture_meter(&fixture);
    ergo_sim_sleep(fixture.sim, 500 * MS);
    const uint64_t begin = sim_fixture_ledger(&fixture).ns;
    const double before = sim_fixture_ledger(&fixture).joules;
    for (int i = 0; i < 100; i++) {
        ergo_sim_run(fixture.sim, &ten_ms);
        ergo_sim_sleep(fixture.sim, 30 * MS);
    }
    const uint64_t end = sim_fixture_ledger(&fixture).ns;
    const double joules = sim_fixture_ledger(&fixture).joules - before;
    ergo_sim_sleep(fixture.sim, 500 * MS);
    ergo_energy energy;
    assert_int_equal(ergo_meter_between(fixture.meter, ERGO_METER_TOTAL, begin, end, &energy),
                     ERGO_OK);
    const double off_uj = fabs((double)energy.uj - joules * 1e6);
    assert_true(off_uj < 0.02 * joules * 1e6);
    assert_true(off_uj <= (double)energy.error_uj);
    ergo_sim_attach(fixture.sim, NULL);
    ergo_meter_close(fixture.meter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_sees_the_mean_of_the_last_whole_period),
        cmocka_unit_test(readings_are_rounded_to_the_lsb),
        cmocka_unit_test(the_noise_has_its_deviation_and_its_seed),
        cmocka_unit_test(a_stuck_sensor_repeats_itself),
        cmocka_unit_test(a_sensor_that_fails_says_so),
        cmocka_unit_test(a_meter_finds_what_the_ledger_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
