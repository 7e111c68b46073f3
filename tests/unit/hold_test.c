/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ergo/hold.h"

#define MS UINT64_C(1000000)

/* Memory-bound: a step of four takes little more than one of one, so its tokens cost a third. */
static const ergo_hold_batch shared[] = {
    {1, 40 * MS, 250000000}, {2, 42 * MS, 140000000}, {4, 48 * MS, 90000000}};
static const ergo_hold_costs costs = {2 * MS, shared, 3};
static const ergo_hold_config plain = {.most = 4};

static ergo_hold_request request(uint64_t arrived_ms, uint64_t deadline_ms)
{
    return (ergo_hold_request){.arrived_ns = arrived_ms * MS,
                               .deadline_ns = deadline_ms * MS,
                               .prompt_tokens = 10,
                               .output_tokens = 20};
}

static ergo_hold_reason decide(const ergo_hold_config *config, uint64_t now_ms, uint64_t gap_ms,
                               ergo_hold_request *requests, uint32_t count, uint64_t *until)
{
    return ergo_hold_decide(config, &costs, now_ms * MS, gap_ms * MS, requests, count, until);
}

static void ends_are_prompts_and_then_steps_that_shrink(void **state)
{
    (void)state;
    ergo_hold_request r[2] = {request(0, 0), request(0, 0)};
    uint64_t end[2];
    r[0].start = r[1].start = true;
    r[0].output_tokens = 5;
    ergo_hold_foretell(&costs, 100 * MS, r, 2, end);
    assert_true(end[0] == (100 + 40 + 5 * 42) * MS);
    assert_true(end[1] == (100 + 40 + 5 * 42 + 15 * 40) * MS);
}

static void who_has_slack_waits_for_company_that_is_expected(void **state)
{
    (void)state;
    ergo_hold_request r = request(0, 10000);
    uint64_t until;
    assert_int_equal(decide(&plain, 0, 500, &r, 1, &until), ERGO_HOLD_COMPANY);
    assert_false(r.start);
    /* Two prompts and 20 steps of two, and a tenth: 968 ms before 10 s, less the gap. */
    assert_true(until == (10000 - 968 - 500) * MS);
    assert_int_equal(decide(&plain, until / MS + 1, 500, &r, 1, &until), ERGO_HOLD_NONE);
    assert_true(r.start);
}

static void nobody_waits_for_company_that_is_not_expected_or_saves_nothing(void **state)
{
    (void)state;
    uint64_t until;
    ergo_hold_request r = request(0, 10000);
    assert_int_equal(decide(&plain, 0, 0, &r, 1, &until), ERGO_HOLD_NONE);
    assert_true(r.start && until == UINT64_MAX);
    assert_int_equal(decide(&plain, 0, 9500, &r, 1, &until), ERGO_HOLD_NONE);
    const ergo_hold_config picky = {.most = 4, .gain_ppm = 600000};
    assert_int_equal(decide(&picky, 0, 500, &r, 1, &until), ERGO_HOLD_NONE);
    const ergo_hold_config alone = {.most = 1};
    assert_int_equal(decide(&alone, 0, 500, &r, 1, &until), ERGO_HOLD_NONE);
    r = request(0, 0);
    assert_int_equal(decide(&plain, 0, 500, &r, 1, &until), ERGO_HOLD_NONE);
}

static void without_a_deadline_it_is_held_only_as_long_as_configured(void **state)
{
    (void)state;
    const ergo_hold_config patient = {.most = 4, .longest_ns = 3000 * MS};
    ergo_hold_request r = request(1000, 0);
    uint64_t until;
    assert_int_equal(decide(&patient, 1000, 500, &r, 1, &until), ERGO_HOLD_COMPANY);
    assert_true(until == 3500 * MS);
    assert_int_equal(decide(&patient, 3500, 500, &r, 1, &until), ERGO_HOLD_NONE);
    r = request(1000, 9000);
    assert_int_equal(decide(&patient, 1000, 500, &r, 1, &until), ERGO_HOLD_COMPANY);
    assert_true(until == 3500 * MS);
}

static void company_is_joined_at_once(void **state)
{
    (void)state;
    ergo_hold_request r[2] = {request(0, 10000), request(100, 10000)};
    r[0].running = true;
    uint64_t until;
    assert_int_equal(decide(&plain, 100, 500, r, 2, &until), ERGO_HOLD_NONE);
    assert_true(r[0].start && r[1].start);
}

static void one_without_slack_takes_the_others_along(void **state)
{
    (void)state;
    ergo_hold_request r[2] = {request(0, 1100), request(0, 60000)};
    uint64_t until;
    assert_int_equal(decide(&plain, 0, 500, r, 2, &until), ERGO_HOLD_NONE);
    assert_true(r[0].start && r[1].start);
}

static void a_newcomer_waits_where_it_would_make_another_late(void **state)
{
    (void)state;
    ergo_hold_request r[2] = {request(0, 1000), request(100, 60000)};
    r[0].running = true;
    r[0].prompt_tokens = 0;
    r[1].prompt_tokens = 200;
    uint64_t until;
    assert_int_equal(decide(&plain, 100, 0, r, 2, &until), ERGO_HOLD_OTHERS);
    assert_false(r[1].start);
    r[1].prompt_tokens = 1;
    r[1].output_tokens = 1;
    assert_int_equal(decide(&plain, 100, 0, r, 2, &until), ERGO_HOLD_NONE);
    assert_true(r[1].start);
}

static void the_earliest_deadline_that_can_be_met_goes_first(void **state)
{
    (void)state;
    const ergo_hold_config one = {.most = 1};
    ergo_hold_request r[3] = {request(0, 5000), request(1, 3000), request(2, 100)};
    uint64_t until;
    assert_int_equal(decide(&one, 10, 0, r, 3, &until), ERGO_HOLD_FULL);
    assert_false(r[0].start);
    assert_true(r[1].start);
    assert_false(r[2].start); /* 100 ms cannot be met by anybody */
}

static void what_is_late_anyway_is_not_held(void **state)
{
    (void)state;
    ergo_hold_request r = request(0, 100);
    uint64_t until;
    assert_int_equal(decide(&plain, 50, 10, &r, 1, &until), ERGO_HOLD_NONE);
    assert_true(r.start);
}

static void without_known_costs_all_start_that_fit(void **state)
{
    (void)state;
    const ergo_hold_costs none = {0};
    ergo_hold_request r[6];
    for (int i = 0; i < 6; i++)
        r[i] = request(0, 10000);
    uint64_t until;
    assert_int_equal(ergo_hold_decide(&plain, &none, 0, MS, r, 6, &until), ERGO_HOLD_FULL);
    for (int i = 0; i < 6; i++)
        assert_int_equal(r[i].start, i < 4);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

/*
 * Requests arrive at random and the foretold costs come true. A deadline counts as one that could
 * be met where it is, in the order of admission, by starting at once whatever came before: nobody
 * who would have been in time with a margin may be late because he was held.
 */
static void no_deadline_is_missed_by_holding(void **state)
{
    (void)state;
    uint32_t held = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        uint64_t random = seed, now = 0, until, end[4];
        ergo_hold_request r[4];
        uint32_t count = 0;
        const uint32_t arriving = 1 + (uint32_t)(next_random(&random) % 4);
        uint64_t arrivals[4];
        for (uint32_t i = 0; i < arriving; i++)
            arrivals[i] = next_random(&random) % 4000;
        for (uint32_t i = 1; i < arriving; i++)
            arrivals[i] += arrivals[i - 1];
        for (;;) {
            while (count < arriving && arrivals[count] * MS <= now) {
                r[count] = request(arrivals[count], 0);
                /* Alone it takes 820 ms, four together 1,040 and their margin. */
                r[count].deadline_ns = (arrivals[count] + 1400 + next_random(&random) % 9000) * MS;
                count++;
            }
            const ergo_hold_reason reason = decide(&plain, now / MS, 700, r, count, &until);
            if (count > 0 && reason != ERGO_HOLD_COMPANY)
                break;
            held += count > 0;
            const uint64_t next = count < arriving ? arrivals[count] * MS : UINT64_MAX;
            now = next < until ? next : until;
            assert_true(now != UINT64_MAX);
        }
        ergo_hold_foretell(&costs, now, r, count, end);
        for (uint32_t i = 0; i < count; i++) {
            assert_true(r[i].start);
            assert_true(end[i] <= r[i].deadline_ns);
        }
    }
    assert_true(held > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_are_prompts_and_then_steps_that_shrink),
        cmocka_unit_test(who_has_slack_waits_for_company_that_is_expected),
        cmocka_unit_test(nobody_waits_for_company_that_is_not_expected_or_saves_nothing),
        cmocka_unit_test(without_a_deadline_it_is_held_only_as_long_as_configured),
        cmocka_unit_test(company_is_joined_at_once),
        cmocka_unit_test(one_without_slack_takes_the_others_along),
        cmocka_unit_test(a_newcomer_waits_where_it_would_make_another_late),
        cmocka_unit_test(the_earliest_deadline_that_can_be_met_goes_first),
        cmocka_unit_test(what_is_late_anyway_is_not_held),
        cmocka_unit_test(without_known_costs_all_start_that_fit),
        cmocka_unit_test(no_deadline_is_missed_by_holding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
