/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ergo/policy.h"
#include "tests/fakes/log_keeper.h"

static ergo_policy parsed(const char *text)
{
    ergo_policy policy;
    assert_int_equal(ergo_policy_parse((ergo_str){text, strlen(text)}, NULL, &policy), ERGO_OK);
    return policy;
}

static void every_policy_is_read(void **state)
{
    (void)state;
    assert_int_equal(parsed("measure").kind, ERGO_POLICY_MEASURE);
    assert_int_equal(parsed("race").kind, ERGO_POLICY_RACE);
    assert_int_equal(parsed("jpt:0.30").token_nj, 300000000);
    assert_int_equal(parsed("jpt:259.5mJ").token_nj, 259500000);
    assert_int_equal(parsed("min-energy").token_ns, 0);
    assert_int_equal(parsed("min-energy:tpot=50ms").token_ns, 50000000);
    assert_int_equal(parsed("min-energy:ttft=2s,tpot=0.5s").first_ns, 2000000000);
    assert_int_equal(parsed("cap:6.5W").cap_uw, 6500000);
    assert_int_equal(parsed("cap:900mW").cap_uw, 900000);
    const ergo_policy budget = parsed("budget:40J/256");
    assert_true(budget.budget_nj == 40000000000u && budget.budget_tokens == 256);
}

static void what_is_wrong_is_said_with_what_is_right(void **state)
{
    (void)state;
    const char *const wrong[][2] = {
        {"", "unknown policy ''"},
        {"fast", "unknown policy 'fast'; write measure, race"},
        {"race:1", "has no settings"},
        {"jpt:", "not a quantity: ''; write 0.30J"},
        {"jpt:0.3W", "not a quantity: '0.3W'"},
        {"jpt:0", "not above zero"},
        {"jpt:-1", "not a quantity"},
        {"jpt:.", "not a quantity"},
        {"jpt:99999999999kJ", "too large"},
        {"min-energy:", "unknown setting ''"},
        {"min-energy:tpot=50", "not a quantity: '50'; write 50ms"},
        {"min-energy:tpot=50ms,", "unknown setting ''"},
        {"min-energy:tpot=50ms,tpot=1s", "given twice: 'tpot'"},
        {"cap:1J", "not a quantity: '1J'; write 6.5W"},
        {"budget:40J", "no number of tokens"},
        {"budget:40J/", "not a number of tokens"},
        {"budget:40J/1.5", "not a number of tokens"},
        {"budget:40J/0", "not a number of tokens"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        log_keeper keeper = {0};
        const ergo_log log = log_keeper_log(&keeper);
        ergo_policy policy = {.kind = ERGO_POLICY_CAP, .cap_uw = 7};
        assert_int_equal(
            ergo_policy_parse((ergo_str){wrong[i][0], strlen(wrong[i][0])}, &log, &policy),
            ERGO_E_ARGUMENT);
        if (!strstr(keeper.text, wrong[i][1]))
            fail_msg("'%s': %s", wrong[i][0], keeper.text);
        assert_int_equal(keeper.lines, 1);
        assert_int_equal(policy.cap_uw, 7);
    }
}

static void what_is_written_reads_the_same(void **state)
{
    (void)state;
    const char *const texts[] = {"measure",
                                 "race",
                                 "min-energy",
                                 "min-energy:tpot=50ms",
                                 "min-energy:ttft=2000ms",
                                 "min-energy:tpot=0.000001ms,ttft=9ms",
                                 "jpt:0.300000001",
                                 "jpt:12",
                                 "cap:6.5W",
                                 "budget:40J/256"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char text[96];
        const ergo_policy policy = parsed(texts[i]);
        ergo_policy_text(&policy, text, sizeof text);
        assert_string_equal(text, texts[i]);
    }
}

/* 1: 10 ns, 100 nJ, 10 uW per the unit; 2: 20, 60; 3: 40, 50; 4: only cooler. */
static uint32_t four(ergo_point p[4])
{
    p[0] = (ergo_point){.ns = 10000, .nj = 100000};
    p[1] = (ergo_point){.ns = 20000, .nj = 60000};
    p[2] = (ergo_point){.ns = 40000, .nj = 50000};
    p[3] = (ergo_point){.ns = 90000, .nj = 55000};
    uint32_t cooler;
    return ergo_frontier_sort(p, 4, &cooler) + cooler;
}

static ergo_choice choose(const char *text, ergo_limits extra)
{
    ergo_point p[4];
    const uint32_t count = four(p);
    const ergo_policy policy = parsed(text);
    const ergo_limits limits = ergo_policy_limits(&policy, ERGO_PHASE_DECODE, 0, 0, 0, &extra);
    ergo_choice choice;
    ergo_policy_choose(&policy, &limits, p, count, &choice);
    return choice;
}

static void each_policy_chooses_what_it_means(void **state)
{
    (void)state;
    const ergo_limits none = {0};
    ergo_choice c = choose("measure", none);
    assert_int_equal(c.reason, ERGO_CHOICE_NONE);
    c = choose("race", none);
    assert_true(c.mix.a == 0 && c.feasible && c.reason == ERGO_CHOICE_FASTEST);
    c = choose("min-energy", none);
    assert_true(c.mix.a == 2 && c.reason == ERGO_CHOICE_LEAST_ENERGY);
    c = choose("min-energy:tpot=30us", none); /* each token, so no mix */
    assert_true(c.mix.a == 1 && c.mix.b_ppm == 0 && c.reason == ERGO_CHOICE_TIME);
    c = choose("min-energy:tpot=5us", none);
    assert_true(c.mix.a == 0 && !c.feasible && c.reason == ERGO_CHOICE_TOO_SLOW);
    assert_int_equal(c.least_ns, 10000);
    c = choose("jpt:80uJ", none);
    assert_true(c.mix.a == 0 && c.mix.b == 1 && c.mix.b_ppm == 500000 && c.feasible);
    assert_true(c.mix.ns == 15000 && c.reason == ERGO_CHOICE_ENERGY);
    c = choose("jpt:200uJ", none);
    assert_true(c.mix.a == 0 && c.feasible && c.reason == ERGO_CHOICE_FASTEST);
    c = choose("jpt:49uJ", none);
    assert_true(c.mix.a == 2 && !c.feasible && c.reason == ERGO_CHOICE_TOO_DEAR);
    assert_int_equal(c.least_nj, 50000);
    c = choose("cap:4W", none); /* 10, 3, 1.25 and 0.61 W */
    assert_true(c.mix.a == 1 && c.reason == ERGO_CHOICE_POWER);
    c = choose("cap:0.7W", none);
    assert_true(c.mix.a == 3 && c.feasible);
    c = choose("cap:0.5W", none);
    assert_true(c.mix.a == 3 && !c.feasible && c.reason == ERGO_CHOICE_TOO_HOT);
}

static void heat_outranks_deadlines_and_those_outrank_energy(void **state)
{
    (void)state;
    ergo_choice c = choose("min-energy", (ergo_limits){.mean_ns = 15000});
    assert_true(c.mix.a == 0 && c.mix.b == 1 && c.mix.b_ppm == 500000 && c.feasible);
    c = choose("jpt:55uJ", (ergo_limits){.mean_ns = 20000}); /* in time costs 60 */
    assert_true(c.mix.a == 1 && !c.feasible && c.reason == ERGO_CHOICE_TOO_DEAR);
    assert_int_equal(c.least_nj, 60000);
    c = choose("race", (ergo_limits){.cap_uw = 2000000});
    assert_int_equal(c.mix.a, 2);
    c = choose("min-energy", (ergo_limits){.cap_uw = 2000000, .each_ns = 30000});
    assert_true(c.mix.a == 2 && !c.feasible && c.reason == ERGO_CHOICE_TOO_SLOW);
}

static void a_budget_is_what_is_left_for_what_is_left(void **state)
{
    (void)state;
    const ergo_policy budget = parsed("budget:100J/100");
    ergo_limits l = ergo_policy_limits(&budget, ERGO_PHASE_DECODE, 0, 0, 0, NULL);
    assert_int_equal(l.mean_nj, 1000000000);
    l = ergo_policy_limits(&budget, ERGO_PHASE_DECODE, 0, 75000000000u, 50, NULL);
    assert_int_equal(l.mean_nj, 500000000);
    l = ergo_policy_limits(&budget, ERGO_PHASE_DECODE, 0, 200000000000u, 50, NULL);
    assert_int_equal(l.mean_nj, 1);
    const ergo_policy first = parsed("min-energy:ttft=1s,tpot=50ms");
    l = ergo_policy_limits(&first, ERGO_PHASE_PREFILL, 100, 0, 0, NULL);
    assert_true(l.mean_ns == 10000001 && l.each_ns == 0);
    l = ergo_policy_limits(&first, ERGO_PHASE_DECODE, 0, 0, 0, &(ergo_limits){.each_ns = 7});
    assert_true(l.each_ns == 7 && l.mean_ns == 0);
}

static void a_verdict_names_the_least_figure(void **state)
{
    (void)state;
    char text[160];
    const ergo_choice c = {.reason = ERGO_CHOICE_TOO_DEAR, .least_nj = 210000000};
    ergo_choice_text(&c, text, sizeof text);
    assert_string_equal(text, "0.21 J/token is the least this board can do");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_policy_is_read),
        cmocka_unit_test(what_is_wrong_is_said_with_what_is_right),
        cmocka_unit_test(what_is_written_reads_the_same),
        cmocka_unit_test(each_policy_chooses_what_it_means),
        cmocka_unit_test(heat_outranks_deadlines_and_those_outrank_energy),
        cmocka_unit_test(a_budget_is_what_is_left_for_what_is_left),
        cmocka_unit_test(a_verdict_names_the_least_figure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
