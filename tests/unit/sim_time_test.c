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

/* Time, heat, knobs and faults of a simulated board. */

#define MS UINT64_C(1000000)
#define S (1000 * MS)

static sim_fixture fixture;

/* One second at 1 GHz and one thread, without launch. */
static const ergo_work second_at_1ghz = {.macs = 1000000000};
static const char *const no_launch[] = {"launch_ns", "0", NULL};

static void turn(const char *name, uint32_t level)
{
    const ergo_knob *knob = sim_fixture_knob(&fixture, name);
    assert_int_equal(knob->set(knob->self, level), ERGO_OK);
}

static uint32_t shown(const char *name)
{
    uint32_t level = 99;
    const ergo_knob *knob = sim_fixture_knob(&fixture, name);
    assert_int_equal(knob->get(knob->self, &level), ERGO_OK);
    return level;
}

static void settle_at(uint32_t clock, uint32_t cores)
{
    turn("big", clock);
    turn("cores", cores);
    ergo_sim_sleep(fixture.sim, MS);
}

static void a_board_opens_at_its_fastest(void **state)
{
    (void)state;
    sim_fixture_open(&fixture, sim_fixture_text(NULL));
    assert_string_equal(ergo_sim_name(fixture.sim), "round");
    assert_int_equal(shown("big"), 2);
    assert_int_equal(shown("memory"), 1);
    assert_int_equal(shown("cores"), 1);
    assert_int_equal(fixture.knobs[0].info.levels[2].value, 2000000);
    assert_int_equal(sim_fixture_ledger(&fixture).temperature_mc, 35000);
}

static void a_step_costs_what_the_oracle_says(void **state)
{
    (void)state;
    static const char *const still[] = {"r_mc_per_w", "0", "ambient_mc", "35000", NULL};
    const ergo_work work = {.macs = 5000000, .weight_bytes = 70000000, .kv_bytes = 123456};
    sim_fixture_open(&fixture, sim_fixture_text(still));
    const uint32_t levels[] = {2, 1, 1};
    double seconds, joules;
    assert_int_equal(ergo_sim_predict(fixture.sim, &work, levels, &seconds, &joules), ERGO_OK);
    for (int i = 0; i < 100; i++)
        ergo_sim_run(fixture.sim, &work);
    const ergo_sim_ledger ledger = sim_fixture_ledger(&fixture);
    assert_true(fabs((double)ledger.ns * 1e-9 - 100 * seconds) < 100e-9);
    assert_true(fabs(ledger.joules - 100 * joules) < 1e-6 * ledger.joules);
    assert_int_equal(ledger.steps, 100);
    assert_int_equal(ledger.busy_ns, ledger.ns);
}

static void heat_follows_the_closed_form(void **state)
{
    (void)state;
    static const char *const no_leak[] = {"leak_uw_per_v2", "0", NULL};
    sim_fixture_open(&fixture, sim_fixture_text(no_leak));
    /* idle: 1.5 W, so from 35 towards 25 + 5 x 1.5 */
    for (int i = 1; i <= 30; i++) {
        ergo_sim_sleep(fixture.sim, 1234567890);
        const double t = i * 1.23456789;
        const double celsius = 32.5 + 2.5 * exp(-t / 20);
        assert_true(fabs(sim_fixture_ledger(&fixture).temperature_mc - celsius * 1e3) <= 0.51);
    }
}

static void leakage_follows_the_temperature(void **state)
{
    (void)state;
    /* P = A + B T: dT/dt = (25 + 5 A - (1 - 5 B) T) / 20 has an exponential of its own. */
    static const char *const leaky[] = {"leak_uw_per_v2", "500000", "start_mc", "25000",
                                        "trip_mc",        "900000", NULL};
    sim_fixture_open(&fixture, sim_fixture_text(leaky));
    ergo_sim_sleep(fixture.sim, 40 * S);
    const double b = 1.44 * 0.01;
    const double a = 1.5 + 1.44 - 25 * b;
    const double last = (25 + 5 * a) / (1 - 5 * b);
    const double celsius = last + (25 - last) * exp(-40 * (1 - 5 * b) / 20);
    assert_true(fabs(sim_fixture_ledger(&fixture).temperature_mc - celsius * 1e3) < 5);
}

static void heat_throttles_every_cluster_until_it_is_gone(void **state)
{
    (void)state;
    /* at full speed 1.5 + 2.88 W and no leakage: towards 25 + 10 x 4.38 = 68.8 degrees */
    static const char *const hot[] = {
        "leak_uw_per_v2", "0", "r_mc_per_w", "10000", "trip_mc", "60000", "launch_ns", "0", NULL};
    const ergo_work work = {.macs = 40000000}; /* 10 ms at full speed */
    sim_fixture_open(&fixture, sim_fixture_text(hot));
    while (!sim_fixture_ledger(&fixture).throttled)
        ergo_sim_run(fixture.sim, &work);
    const ergo_sim_ledger at_trip = sim_fixture_ledger(&fixture);
    /* 20 s x ln((68.8 - 35) / (68.8 - 60)), within the step */
    assert_true(fabs((double)at_trip.ns * 1e-9 - 20 * log(33.8 / 8.8)) < 0.05);
    assert_int_equal(shown("big"), 0);
    turn("big", 1); /* accepted */
    assert_int_equal(shown("big"), 0);
    const uint64_t before = at_trip.ns;
    ergo_sim_run(fixture.sim, &work);
    /* two threads at 500 MHz */
    assert_true(fabs((double)(sim_fixture_ledger(&fixture).ns - before) - 40e6) < 2);
    while (sim_fixture_ledger(&fixture).throttled)
        ergo_sim_sleep(fixture.sim, 10 * MS);
    assert_true(sim_fixture_ledger(&fixture).temperature_mc <= 55000);
    assert_true(sim_fixture_ledger(&fixture).temperature_mc > 54950);
    assert_int_equal(shown("big"), 1); /* what was written meanwhile */
    assert_true(sim_fixture_ledger(&fixture).throttled_ns > 0);
}

static void throttling_at_once_without_hysteresis_ends(void **state)
{
    (void)state;
    static const char *const edge[] = {"hysteresis_mc", "0",    "trip_mc", "35000",
                                       "r_mc_per_w",    "6700", NULL};
    sim_fixture_open(&fixture, sim_fixture_text(edge));
    assert_true(sim_fixture_ledger(&fixture).throttled);
    ergo_sim_sleep(fixture.sim, 100 * S);
    assert_int_equal(sim_fixture_ledger(&fixture).ns, 100 * S);
}

static void a_clock_takes_effect_after_a_while_and_splits_the_step(void **state)
{
    (void)state;
    static const char *const slow_switch[] = {"launch_ns", "0", "switch_us", "250000", NULL};
    sim_fixture_open(&fixture, sim_fixture_text(slow_switch));
    turn("big", 1);
    turn("cores", 0);
    assert_int_equal(shown("big"), 1); /* what was asked for */
    ergo_sim_sleep(fixture.sim, 250 * MS);
    turn("big", 2);
    const uint64_t begin = sim_fixture_ledger(&fixture).ns;
    ergo_sim_run(fixture.sim, &second_at_1ghz);
    /* a quarter at 1 GHz, then three quarters at 2 GHz */
    assert_int_equal(sim_fixture_ledger(&fixture).ns - begin, 250 * MS + 375 * MS);
    const uint64_t again = sim_fixture_ledger(&fixture).ns;
    ergo_sim_run(fixture.sim, &second_at_1ghz);
    assert_int_equal(sim_fixture_ledger(&fixture).ns - again, 500 * MS);
}

static void writing_again_does_not_put_off_what_is_on_its_way(void **state)
{
    (void)state;
    sim_fixture_open(&fixture, sim_fixture_text(no_launch));
    settle_at(1, 0);
    turn("big", 2);
    ergo_sim_sleep(fixture.sim, 400000);
    turn("big", 2);
    ergo_sim_sleep(fixture.sim, 100000);
    const uint64_t begin = sim_fixture_ledger(&fixture).ns;
    ergo_sim_run(fixture.sim, &second_at_1ghz);
    assert_int_equal(sim_fixture_ledger(&fixture).ns - begin, 500 * MS);
}

static void another_writer_turns_a_clock(void **state)
{
    (void)state;
    static const char *const writer[] = {"launch_ns", "0", "at_ms", "500 cluster big writer 500000",
                                         NULL};
    sim_fixture_open(&fixture, sim_fixture_text(writer));
    ergo_sim_sleep(fixture.sim, 499 * MS);
    assert_int_equal(shown("big"), 2);
    ergo_sim_sleep(fixture.sim, 2 * MS);
    assert_int_equal(shown("big"), 0);
    turn("big", 1);
    assert_int_equal(shown("big"), 1);
}

static void a_denied_knob_cannot_be_written_for_a_while(void **state)
{
    (void)state;
    static const char *const denied[] = {"at_ms", "500 cluster big denied 1000", NULL};
    sim_fixture_open(&fixture, sim_fixture_text(denied));
    const ergo_knob *knob = sim_fixture_knob(&fixture, "big");
    assert_int_equal(knob->set(knob->self, 1), ERGO_OK);
    ergo_sim_sleep(fixture.sim, 501 * MS);
    assert_int_equal(knob->set(knob->self, 0), ERGO_E_PERMISSION);
    assert_int_equal(shown("big"), 1);
    turn("cores", 0); /* another knob */
    ergo_sim_sleep(fixture.sim, 1000 * MS);
    assert_int_equal(knob->set(knob->self, 0), ERGO_OK);
}

static void the_ambient_temperature_changes(void **state)
{
    (void)state;
    static const char *const warm[] = {"leak_uw_per_v2", "0", "at_ms", "20000 ambient 60000", NULL};
    sim_fixture_open(&fixture, sim_fixture_text(warm));
    ergo_sim_sleep(fixture.sim, 40 * S);
    const double then = 32.5 + 2.5 * exp(-1);
    const double celsius = 67.5 + (then - 67.5) * exp(-1);
    assert_true(fabs(sim_fixture_ledger(&fixture).temperature_mc - celsius * 1e3) <= 0.51);
    assert_int_equal(sim_fixture_read(&fixture, "temperature"),
                     sim_fixture_ledger(&fixture).temperature_mc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_board_opens_at_its_fastest),
        cmocka_unit_test(a_step_costs_what_the_oracle_says),
        cmocka_unit_test(heat_follows_the_closed_form),
        cmocka_unit_test(leakage_follows_the_temperature),
        cmocka_unit_test(heat_throttles_every_cluster_until_it_is_gone),
        cmocka_unit_test(throttling_at_once_without_hysteresis_ends),
        cmocka_unit_test(a_clock_takes_effect_after_a_while_and_splits_the_step),
        cmocka_unit_test(writing_again_does_not_put_off_what_is_on_its_way),
        cmocka_unit_test(another_writer_turns_a_clock),
        cmocka_unit_test(a_denied_knob_cannot_be_written_for_a_while),
        cmocka_unit_test(the_ambient_temperature_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
