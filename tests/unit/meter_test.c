/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/fakes/waveform.h"

#define MS UINT64_C(1000000)

static _Alignas(ERGO_BLOCK_ALIGN) unsigned char memory[4 << 20];

static ergo_meter *open_meter(waveform *load, const ergo_sensor *sensors, uint32_t count,
                              uint64_t total)
{
    const ergo_meter_config config = {.clock = waveform_clock(load),
                                      .sensors = sensors,
                                      .sensor_count = count,
                                      .total = total,
                                      .poll = true};
    size_t size = 0;
    assert_int_equal(ergo_meter_size(&config, &size), ERGO_OK);
    assert_true(size <= sizeof memory);
    ergo_meter *meter = NULL;
    assert_int_equal(ergo_meter_open(&config, (ergo_block){memory, size}, &meter), ERGO_OK);
    return meter;
}

/* ---- Honest errors: seeded trials ---------------------------------------------------------- */

typedef void shape_fn(waveform *load);

static void constant(waveform *load)
{
    load->uw[0] = 3e6 + 2e6 * waveform_random(load);
}

/* What an engine does: idle, then bursts of some milliseconds with pauses. */
static void bursts(waveform *load)
{
    uint64_t at = (uint64_t)(1500 * MS) + (uint64_t)(waveform_random(load) * 50.0 * (double)MS);
    while (at < 9000 * MS) {
        waveform_add(load, at, 5e6 + 1e6 * waveform_random(load));
        at += (uint64_t)((10 + 120 * waveform_random(load)) * (double)MS);
        waveform_add(load, at, 2e6 + 0.5e6 * waveform_random(load));
        at += (uint64_t)((5 + 60 * waveform_random(load)) * (double)MS);
    }
}

static void one_step(waveform *load)
{
    waveform_add(load, 2000 * MS + (uint64_t)(waveform_random(load) * 70.0 * (double)MS), 6e6);
    waveform_add(load, 7000 * MS + (uint64_t)(waveform_random(load) * 70.0 * (double)MS), 1.5e6);
}

static void wander(waveform *load)
{
    double uw = 4e6;
    for (uint64_t at = 20 * MS; at < 9000 * MS; at += 7 * MS) {
        uw += 1e5 * waveform_gaussian(load);
        uw = fmin(fmax(uw, 1e6), 8e6);
        waveform_add(load, at, uw);
    }
}

typedef struct outcome {
    unsigned inside;
    double worst;    /* |difference| / error */
    double relative; /* mean of error / energy */
} outcome;

#define TRIALS 1000u

/* A sensor of each kind looks at the same sort of load again and again. */
static outcome trials(shape_fn *shape, const waveform_sensor *like, bool counter)
{
    static waveform load;
    outcome sum = {0};
    for (unsigned trial = 0; trial < TRIALS; trial++) {
        waveform_begin(&load, trial, 2e6);
        shape(&load);
        waveform_sensor s = *like;
        s.load = &load;
        s.phase_ns = (uint64_t)(waveform_random(&load) * (double)(s.period_ns + 1));
        load.now_ns = 100 * MS;
        const ergo_sensor sensor =
            counter ? waveform_counter(&s, "counter") : waveform_power_sensor(&s, "rail");
        ergo_meter *meter = open_meter(&load, &sensor, 1, 1);
        waveform_run(&load, meter, 9500 * MS);
        const uint64_t begin = 2000 * MS + (uint64_t)(waveform_random(&load) * 1e9);
        const uint64_t end = begin + (uint64_t)((1.0 + 4.0 * waveform_random(&load)) * 1e9);
        ergo_energy e;
        assert_int_equal(ergo_meter_between(meter, ERGO_METER_TOTAL, begin, end, &e), ERGO_OK);
        const double truth = waveform_energy_uj(&load, end) - waveform_energy_uj(&load, begin);
        const double off = fabs((double)e.uj - truth) / (double)e.error_uj;
        sum.inside += off <= 1.0;
        sum.worst = fmax(sum.worst, off);
        sum.relative += (double)e.error_uj / truth / TRIALS;
        ergo_meter_close(meter);
    }
    return sum;
}

/* A useful error is honest, and small. */
static void check_honest(const char *what, outcome o, double most_relative)
{
    print_message("%-28s inside %u of %u, worst %.2f errors, mean error %.2f %%\n", what, o.inside,
                  TRIALS, o.worst, 100 * o.relative);
    assert_true(o.inside >= TRIALS * 95 / 100);
    assert_true(o.relative < most_relative);
}

static const waveform_sensor ina226 = {
    .period_ns = 35200000, .noise_uw = 20000, .lsb = 6250, .averages = true};
static const waveform_sensor ina3221 = {.period_ns = 6600000, .noise_uw = 15000, .lsb = 40000};
static const waveform_sensor rapl = {.period_ns = 1000000, .lsb = 61};
static const waveform_sensor slow = {
    .period_ns = 264 * 1000000u, .noise_uw = 5000, .lsb = 1000, .averages = true};

static void an_averaging_sensor_states_an_honest_error(void **state)
{
    (void)state;
    check_honest("ina226, constant", trials(constant, &ina226, false), 0.01);
    check_honest("ina226, bursts", trials(bursts, &ina226, false), 0.03);
    check_honest("ina226, one step", trials(one_step, &ina226, false), 0.02);
    check_honest("ina226, wandering", trials(wander, &ina226, false), 0.02);
    check_honest("264 ms, bursts", trials(bursts, &slow, false), 0.10);
    check_honest("264 ms, one step", trials(one_step, &slow, false), 0.10);
}

static void an_instantaneous_sensor_states_an_honest_error(void **state)
{
    (void)state;
    check_honest("ina3221, constant", trials(constant, &ina3221, false), 0.02);
    check_honest("ina3221, bursts", trials(bursts, &ina3221, false), 0.05);
    check_honest("ina3221, one step", trials(one_step, &ina3221, false), 0.02);
    check_honest("ina3221, wandering", trials(wander, &ina3221, false), 0.02);
}

static void a_counter_states_an_honest_error(void **state)
{
    (void)state;
    check_honest("rapl, constant", trials(constant, &rapl, true), 0.01);
    check_honest("rapl, bursts", trials(bursts, &rapl, true), 0.01);
    check_honest("rapl, one step", trials(one_step, &rapl, true), 0.01);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_averaging_sensor_states_an_honest_error),
        cmocka_unit_test(an_instantaneous_sensor_states_an_honest_error),
        cmocka_unit_test(a_counter_states_an_honest_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
