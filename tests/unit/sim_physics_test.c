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

/* The formulas, against figures computed by hand for the board of sim_fixture.h. */

static sim_fixture fixture;

static bool near_to(double value, double expected)
{
    if (fabs(value - expected) <= 1e-12 * fabs(expected))
        return true;
    print_error("%.17g, expected %.17g\n", value, expected);
    return false;
}

/* Levels: clock, memory, core set. */
static void predict(const ergo_work *work, uint32_t clock, uint32_t memory, uint32_t cores,
                    double *seconds, double *joules)
{
    const uint32_t levels[] = {clock, memory, cores};
    assert_int_equal(ergo_sim_predict(fixture.sim, work, levels, seconds, joules), ERGO_OK);
}

static void a_step_of_arithmetic_takes_its_cycles(void **state)
{
    (void)state;
    const ergo_work work = {.macs = 1000000000};
    double seconds, joules;
    sim_fixture_open(&fixture, sim_fixture_text(NULL));
    predict(&work, 1, 1, 0, &seconds, &joules);
    /* 1e9 / 1e9 + 100 us */
    assert_true(near_to(seconds, 1.0001));
    /* board 1 + memory 0.5 + leakage 2 x 0.1 x 1.1 at 35 degrees, + 0.5 W x (u + (1 - u) / 2) */
    const double u = 1 / 1.0001;
    assert_true(near_to(joules, 1.0001 * (1.72 + 0.5 * (u + 0.5 * (1 - u)))));
}

static void a_step_of_transfers_waits_for_cores_and_memory(void **state)
{
    (void)state;
    const ergo_work work = {
        .weight_bytes = 2000000000, .kv_bytes = 300000000, .activation_bytes = 100000000};
    double seconds, joules;
    sim_fixture_open(&fixture, sim_fixture_text(NULL));
    predict(&work, 1, 1, 0, &seconds, &joules);
    assert_true(near_to(seconds, 1.0001)); /* 2.4e9 bytes at (4e9^-2 + 3e9^-2)^-1/2 = 2.4e9 */
    /* the cores stall all the time; each byte costs 0.1 nJ */
    assert_true(near_to(joules, 1.0001 * (1.72 + 0.25) + 0.24));
}

static void arithmetic_and_transfers_overlap_in_part(void **state)
{
    (void)state;
    const ergo_work work = {.macs = 1000000000, .weight_bytes = 2400000000};
    double seconds, joules;
    sim_fixture_open(&fixture, sim_fixture_text(NULL));
    predict(&work, 1, 1, 0, &seconds, &joules);
    const double t = 1.2599210498948732 + 1e-4; /* cube root of 1 + 1 */
    assert_true(near_to(seconds, t));
    assert_true(near_to(joules, t * (1.72 + 0.25 + 0.25 / t) + 0.24));
}

static void levels_threads_and_memory_count(void **state)
{
    (void)state;
    const ergo_work work = {.macs = 1000000000};
    double seconds, joules;
    sim_fixture_open(&fixture, sim_fixture_text(NULL));
    predict(&work, 2, 0, 1, &seconds, &joules);
    assert_true(near_to(seconds, 0.2501)); /* two threads at 2 GHz */
    /* 1.2 V: leakage 0.22 x 1.44; two cores of 500 pF x 1.44 x 2e9; slow memory rests at 0.3 W */
    const double u = 0.25 / 0.2501;
    assert_true(near_to(joules, 0.2501 * (1.3 + 0.3168 + 2.88 * (u + 0.5 * (1 - u)))));
    predict(&work, 0, 0, 0, &seconds, &joules);
    assert_true(near_to(seconds, 2.0001));
}

static void clusters_of_a_core_set_add_up_and_others_leak(void **state)
{
    (void)state;
    static const char *const two[] = {"[cores one]",
                                      "x\n[cluster little]\nkind = cpu\ncores = 4\n"
                                      "opp_khz = 500000 1000000\nopp_uv = 500000 1000000\n"
                                      "macs_per_kcycle = 250\nbytes_per_kcycle = 1000\n"
                                      "cap_pf = 100\nleak_uw_per_v2 = 50000\nstall_percent = 0\n"
                                      "[cores both]\nuse = big:1 little:4\n[cores one]",
                                      NULL};
    static char text[8192];
    /* the replaced line becomes "[cores one] = x": cut it out */
    (void)snprintf(text, sizeof text, "%s", sim_fixture_text(two));
    char *junk = strstr(text, "[cores one] = x\n");
    assert_non_null(junk);
    memmove(junk, junk + 16, strlen(junk + 16) + 1);
    sim_fixture_open(&fixture, text);
    const ergo_work work = {.macs = 2000000000};
    double seconds, joules;
    const uint32_t both[] = {1, 1, 1, 0};
    assert_int_equal(ergo_sim_predict(fixture.sim, &work, both, &seconds, &joules), ERGO_OK);
    assert_true(near_to(seconds, 1.0001)); /* 1e9 + 4 x 0.25e9 */
    const double u = 1 / 1.0001;
    /* little leaks 4 x 0.05 x 1.1 and switches 4 x 0.1 W, but not while it stalls */
    const double power = 1.72 + 0.22 + 0.5 * (u + 0.5 * (1 - u)) + 0.4 * u;
    assert_true(near_to(joules, 1.0001 * power));
    const uint32_t one[] = {1, 0, 1, 1};
    assert_int_equal(ergo_sim_predict(fixture.sim, &work, one, &seconds, &joules), ERGO_OK);
    assert_true(near_to(seconds, 2.0001));
    const double v = 2 / 2.0001;
    assert_true(near_to(joules, 2.0001 * (1.72 + 0.22 * 0.25 + 0.5 * (v + 0.5 * (1 - v)))));

    /* 3 x 2 x 2 of both, 3 x 2 of each that leaves little alone */
    assert_int_equal(ergo_sim_point_count(fixture.sim), 12 + 6 + 6);
    assert_int_equal(fixture.knobs[3].info.levels[0].uses, 7);
    assert_int_equal(fixture.knobs[3].info.levels[1].uses, 5);
    assert_int_equal(fixture.knobs[3].info.levels[0].value, 5);
    for (uint64_t i = 0; i < 24; i++) {
        uint32_t levels[4], other[4];
        ergo_sim_point(fixture.sim, i, levels);
        assert_true(levels[3] == 0 || levels[1] == 0);
        assert_int_equal(ergo_sim_predict(fixture.sim, &work, levels, &seconds, &joules), ERGO_OK);
        for (uint64_t k = 0; k < i; k++) {
            ergo_sim_point(fixture.sim, k, other);
            assert_memory_not_equal(levels, other, sizeof levels);
        }
    }
}

static void levels_that_are_none_are_refused(void **state)
{
    (void)state;
    const ergo_work work = {.macs = 1};
    const uint32_t levels[] = {3, 0, 0};
    double seconds = -1, joules = -1;
    sim_fixture_open(&fixture, sim_fixture_text(NULL));
    assert_int_equal(ergo_sim_predict(fixture.sim, &work, levels, &seconds, &joules),
                     ERGO_E_ARGUMENT);
    assert_true(seconds < 0 && joules < 0);
    assert_int_equal(fixture.knobs[0].set(fixture.knobs[0].self, 3), ERGO_E_ARGUMENT);
}

static void no_work_at_all_takes_the_launch(void **state)
{
    (void)state;
    static const char *const instant[] = {"launch_ns", "0", NULL};
    const ergo_work none = {.macs = 0};
    double seconds, joules;
    sim_fixture_open(&fixture, sim_fixture_text(NULL));
    predict(&none, 1, 1, 0, &seconds, &joules);
    assert_true(near_to(seconds, 1e-4));
    sim_fixture_open(&fixture, sim_fixture_text(instant));
    predict(&none, 1, 1, 0, &seconds, &joules);
    assert_true(seconds == 0 && joules == 0);
    ergo_sim_run(fixture.sim, &none);
    assert_int_equal(sim_fixture_ledger(&fixture).ns, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_of_arithmetic_takes_its_cycles),
        cmocka_unit_test(a_step_of_transfers_waits_for_cores_and_memory),
        cmocka_unit_test(arithmetic_and_transfers_overlap_in_part),
        cmocka_unit_test(levels_threads_and_memory_count),
        cmocka_unit_test(clusters_of_a_core_set_add_up_and_others_leak),
        cmocka_unit_test(levels_that_are_none_are_refused),
        cmocka_unit_test(no_work_at_all_takes_the_launch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
