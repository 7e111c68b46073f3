/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ergo/account.h"
#include "tests/fakes/waveform.h"

#define MS UINT64_C(1000000)

/* A board that draws 2 W idle and 6 W in steps, with a perfect sensor every 10 ms. */
typedef struct bench {
    waveform load;
    waveform_sensor sensor;
    ergo_meter *meter;
    ergo_account *account;
    _Alignas(ERGO_BLOCK_ALIGN) unsigned char meter_memory[1 << 20];
    _Alignas(ERGO_BLOCK_ALIGN) unsigned char account_memory[1 << 20];
} bench;

static bench b;

static void open_bench(uint32_t max_requests, uint32_t max_pending, uint64_t idle_uw)
{
    waveform_begin(&b.load, 7, 2e6);
    b.load.now_ns = 100 * MS;
    b.sensor = (waveform_sensor){.load = &b.load, .period_ns = 10 * MS, .averages = true};
    const ergo_sensor sensor = waveform_power_sensor(&b.sensor, "VDD_IN");
    const ergo_meter_config meter = {.clock = waveform_clock(&b.load),
                                     .sensors = &sensor,
                                     .sensor_count = 1,
                                     .total = 1,
                                     .poll = true};
    assert_int_equal(
        ergo_meter_open(&meter, (ergo_block){b.meter_memory, sizeof b.meter_memory}, &b.meter),
        ERGO_OK);
    const ergo_account_config account = {.meter = b.meter,
                                         .sensor = ERGO_METER_TOTAL,
                                         .max_requests = max_requests,
                                         .max_pending = max_pending,
                                         .idle_uw = idle_uw};
    size_t size = 0;
    assert_int_equal(ergo_account_size(&account, &size), ERGO_OK);
    assert_true(size <= sizeof b.account_memory);
    assert_int_equal(ergo_account_open(&account, (ergo_block){b.account_memory, size}, &b.account),
                     ERGO_OK);
}

/* A step of 6 W. */
static void step(uint64_t ns, const ergo_account_share *shares, size_t count)
{
    const uint64_t begin = b.load.now_ns;
    waveform_add(&b.load, begin, 6e6);
    waveform_run(&b.load, b.meter, begin + ns);
    waveform_add(&b.load, begin + ns, 2e6);
    assert_int_equal(ergo_account_step(b.account, begin, begin + ns, shares, count), ERGO_OK);
}

static void rest(uint64_t ns)
{
    waveform_run(&b.load, b.meter, b.load.now_ns + ns);
}

static ergo_account_entry phase(ergo_phase p)
{
    ergo_account_entry e;
    ergo_account_get_phase(b.account, p, &e);
    return e;
}

static void assert_near(double is, double should, double within)
{
    if (!(fabs(is - should) <= within))
        fail_msg("%g is not %g +- %g", is, should, within);
}

static void phases_add_up_to_the_whole_to_the_microjoule(void **state)
{
    (void)state;
    open_bench(2, 0, 0);
    uint32_t a, c;
    assert_int_equal(ergo_account_request(b.account, &a), ERGO_OK);
    assert_int_equal(ergo_account_request(b.account, &c), ERGO_OK);
    const uint64_t begin = b.load.now_ns;
    rest(700 * MS);
    step(333 * MS, (ergo_account_share[]){{a, 100, 0}, {c, 0, 1}}, 2);
    for (int i = 0; i < 50; i++)
        step(17 * MS + (uint64_t)i * 1001, (ergo_account_share[]){{a, 0, 1}, {c, 0, 1}}, 2);
    const uint64_t end = b.load.now_ns;
    rest(100 * MS);
    ergo_account_settle(b.account, false);
    ergo_energy whole;
    assert_int_equal(ergo_meter_between(b.meter, ERGO_METER_TOTAL, begin, end, &whole), ERGO_OK);
    int64_t sum = 0;
    uint64_t ns = 0;
    for (int p = 0; p < ERGO_PHASE_COUNT; p++) {
        sum += phase((ergo_phase)p).energy.uj;
        ns += phase((ergo_phase)p).energy.ns;
    }
    assert_true(sum == whole.uj);
    assert_true(ns == end - begin);
    ergo_account_entry total, first, second;
    ergo_account_get_total(b.account, &total);
    assert_true(total.energy.uj == sum);
    assert_int_equal(ergo_account_get_request(b.account, a, &first), ERGO_OK);
    assert_int_equal(ergo_account_get_request(b.account, c, &second), ERGO_OK);
    assert_true(first.energy.uj + second.energy.uj ==
                phase(ERGO_PHASE_PREFILL).energy.uj + phase(ERGO_PHASE_DECODE).energy.uj);
    assert_int_equal(first.prefill_tokens, 100);
    assert_int_equal(first.decode_tokens, 50);
    assert_int_equal(second.decode_tokens, 51);
    assert_int_equal(phase(ERGO_PHASE_DECODE).decode_tokens, 101);
}

static void a_step_costs_its_power_times_its_time_within_the_error(void **state)
{
    (void)state;
    open_bench(1, 0, 0);
    uint32_t a;
    assert_int_equal(ergo_account_request(b.account, &a), ERGO_OK);
    rest(2000 * MS);
    for (int i = 0; i < 100; i++)
        step(20 * MS, &(ergo_account_share){a, 0, 1}, 1);
    rest(2000 * MS);
    ergo_account_settle(b.account, true);
    const ergo_account_entry decode = phase(ERGO_PHASE_DECODE);
    assert_near((double)decode.energy.uj, 12e6, (double)decode.energy.error_uj);
    assert_true(decode.energy.error_uj < 200000);
    uint64_t idle_uw;
    assert_true(ergo_account_idle(b.account, &idle_uw));
    assert_near((double)idle_uw, 2e6, 20000);
    assert_true(decode.idle_known);
    assert_near((double)decode.above_idle_uj, 8e6, (double)decode.energy.error_uj + 40000);
}

static void idleness_that_is_said_is_as_good_as_idleness_that_is_not(void **state)
{
    (void)state;
    int64_t uj[2];
    for (int said = 0; said < 2; said++) {
        open_bench(1, 0, 0);
        uint64_t begin = b.load.now_ns, idle_uw = 0;
        for (int i = 0; i < 4; i++) {
            rest(1000 * MS);
            if (said)
                assert_int_equal(
                    ergo_account_phase(b.account, ERGO_PHASE_IDLE, begin, b.load.now_ns), ERGO_OK);
            begin = b.load.now_ns;
        }
        assert_int_equal(ergo_account_phase(b.account, ERGO_PHASE_LOAD, begin, begin), ERGO_OK);
        rest(100 * MS);
        ergo_account_settle(b.account, false);
        assert_true(ergo_account_idle(b.account, &idle_uw));
        assert_near((double)idle_uw, 2e6, 20000);
        uj[said] = phase(ERGO_PHASE_IDLE).energy.uj;
        assert_near((double)uj[said], 8e6, (double)phase(ERGO_PHASE_IDLE).energy.error_uj);
    }
    assert_true(uj[0] == uj[1]);
}

static void what_a_division_leaves_over_is_not_lost(void **state)
{
    (void)state;
    open_bench(3, 0, 1000000);
    uint32_t r[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(ergo_account_request(b.account, &r[i]), ERGO_OK);
    uint32_t none;
    assert_int_equal(ergo_account_request(b.account, &none), ERGO_E_LIMIT);
    step(1000003, (ergo_account_share[]){{r[0], 0, 1}, {r[1], 0, 1}, {r[2], 5, 0}}, 3);
    rest(100 * MS);
    ergo_account_settle(b.account, false);
    int64_t sum = 0;
    for (int i = 0; i < 3; i++) {
        ergo_account_entry e;
        assert_int_equal(ergo_account_get_request(b.account, r[i], &e), ERGO_OK);
        sum += e.energy.uj;
    }
    assert_true(sum == phase(ERGO_PHASE_PREFILL).energy.uj + phase(ERGO_PHASE_DECODE).energy.uj);
}

static void entries_wait_for_their_readings_and_never_get_lost(void **state)
{
    (void)state;
    open_bench(1, 4, 0);
    uint32_t a;
    assert_int_equal(ergo_account_request(b.account, &a), ERGO_OK);
    step(2 * MS, &(ergo_account_share){a, 0, 1}, 1);
    ergo_account_settle(b.account, false);
    assert_int_equal(phase(ERGO_PHASE_DECODE).decode_tokens, 0); /* no reading behind it yet */
    for (int i = 0; i < 9; i++)                                  /* more than may wait */
        step(1 * MS, &(ergo_account_share){a, 0, 1}, 1);
    ergo_account_settle(b.account, true);
    assert_int_equal(phase(ERGO_PHASE_DECODE).decode_tokens, 10);
    assert_true(phase(ERGO_PHASE_DECODE).energy.ns == 11 * MS);
}

static void entries_out_of_order_or_for_nobody_are_refused(void **state)
{
    (void)state;
    open_bench(1, 0, 0);
    uint32_t a;
    assert_int_equal(ergo_account_request(b.account, &a), ERGO_OK);
    const uint64_t now = b.load.now_ns;
    assert_int_equal(ergo_account_phase(b.account, ERGO_PHASE_LOAD, now, now + 5), ERGO_OK);
    assert_int_equal(ergo_account_phase(b.account, ERGO_PHASE_LOAD, now + 4, now + 9),
                     ERGO_E_ARGUMENT);
    assert_int_equal(ergo_account_phase(b.account, ERGO_PHASE_LOAD, now + 9, now + 8),
                     ERGO_E_ARGUMENT);
    assert_int_equal(ergo_account_phase(b.account, ERGO_PHASE_COUNT, now + 9, now + 9),
                     ERGO_E_ARGUMENT);
    const ergo_account_share nobody = {a + 1, 0, 1};
    assert_int_equal(ergo_account_step(b.account, now + 9, now + 9, &nobody, 1), ERGO_E_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(phases_add_up_to_the_whole_to_the_microjoule),
        cmocka_unit_test(a_step_costs_its_power_times_its_time_within_the_error),
        cmocka_unit_test(idleness_that_is_said_is_as_good_as_idleness_that_is_not),
        cmocka_unit_test(what_a_division_leaves_over_is_not_lost),
        cmocka_unit_test(entries_wait_for_their_readings_and_never_get_lost),
        cmocka_unit_test(entries_out_of_order_or_for_nobody_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
