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

/* Equal pulses, of a rate and width that are different each time. */
static void square(waveform *load)
{
    const double period = (10 + 400 * waveform_random(load)) * (double)MS;
    const double width = (0.1 + 0.8 * waveform_random(load)) * period;
    for (double at = 20 * (double)MS; at < 9000 * (double)MS; at += period) {
        waveform_add(load, (uint64_t)at, 6e6);
        waveform_add(load, (uint64_t)(at + width), 2e6);
    }
}

/* The same, seconds apart. */
static void pulses(waveform *load)
{
    const double period = (600 + 2000 * waveform_random(load)) * (double)MS;
    for (double at = 20 * (double)MS; at < 9000 * (double)MS; at += period) {
        waveform_add(load, (uint64_t)at, 6e6);
        waveform_add(load, (uint64_t)(at + 0.4 * period), 2e6);
    }
}

static void sine(waveform *load)
{
    const double period = (50 + 1500 * waveform_random(load)) * (double)MS;
    for (uint64_t at = 20 * MS; at < 9000 * MS; at += 3 * MS)
        waveform_add(load, at, 4e6 + 2e6 * sin(6.283185307179586 * (double)at / period));
}

static const struct {
    const char *name;
    shape_fn *shape;
} shapes[] = {
    {"constant", constant}, {"bursts", bursts}, {"one step", one_step}, {"wandering", wander},
    {"square", square},     {"sine", sine},     {"pulses", pulses},
};

typedef struct outcome {
    unsigned trials, inside;
    double worst;    /* |difference| / error */
    double relative; /* mean of error / energy */
} outcome;

#define LOADS (sizeof shapes / sizeof shapes[0])

/* Of each kind of sensor. */
#define TRIALS 1000u

typedef ergo_sensor make_fn(waveform_sensor *s, const char *name);

/* A kind of sensor, and how large its error may be at each load, in percent. */
typedef struct kind {
    const char *name;
    make_fn *make;
    waveform_sensor like;
    uint32_t gain_ppm;
    double most[LOADS]; /* 0: not tried */
} kind;

/* One sensor of the kind looks at one load of the shape. */
static void try_once(const kind *k, shape_fn *shape, unsigned trial, outcome *sum)
{
    static waveform load;
    waveform_begin(&load, trial, 2e6);
    shape(&load);
    waveform_sensor s = k->like;
    s.load = &load;
    s.phase_ns = (uint64_t)(waveform_random(&load) * (double)(s.period_ns + 1));
    s.gain = 1 + (2 * waveform_random(&load) - 1) * k->gain_ppm * 1e-6;
    load.now_ns = 100 * MS;
    ergo_sensor sensor = k->make(&s, "rail");
    sensor.info.gain_ppm += k->gain_ppm;
    ergo_meter *meter = open_meter(&load, &sensor, 1, 1);
    waveform_run(&load, meter, 9500 * MS);
    const uint64_t begin = 2000 * MS + (uint64_t)(waveform_random(&load) * 1e9);
    const uint64_t end = begin + (uint64_t)((1.0 + 4.0 * waveform_random(&load)) * 1e9);
    ergo_energy e;
    assert_int_equal(ergo_meter_between(meter, ERGO_METER_TOTAL, begin, end, &e), ERGO_OK);
    const double truth = waveform_energy_uj(&load, end) - waveform_energy_uj(&load, begin);
    const double off = fabs((double)e.uj - truth) / (double)e.error_uj;
    sum->inside += off <= 1.0;
    sum->worst = fmax(sum->worst, off);
    sum->relative += (double)e.error_uj / truth;
    sum->trials++;
    ergo_meter_close(meter);
}

/* A useful error is honest, and small. The trials take the loads in turn. */
static void check_honest(const kind *k)
{
    outcome of[LOADS] = {{0}};
    unsigned inside = 0;
    for (unsigned trial = 0, i = 0; trial < TRIALS; i = (i + 1) % LOADS)
        if (k->most[i] > 0)
            try_once(k, shapes[i].shape, trial++, &of[i]);
    for (size_t i = 0; i < LOADS; i++) {
        if (k->most[i] == 0)
            continue;
        const double relative = 100 * of[i].relative / of[i].trials;
        print_message("%-16s %-10s inside %u of %u, worst %.2f errors, mean error %.2f %%\n",
                      k->name, shapes[i].name, of[i].inside, of[i].trials, of[i].worst, relative);
        assert_true(of[i].inside >= of[i].trials * 9 / 10);
        assert_true(relative < k->most[i]);
        inside += of[i].inside;
    }
    assert_true(inside >= TRIALS * 95 / 100);
}

static void an_averaging_sensor_states_an_honest_error(void **state)
{
    (void)state;
    static const kind ina226 = {
        "ina226",
        waveform_power_sensor,
        {.period_ns = 35200000, .noise_uw = 20000, .lsb = 6250, .averages = true},
        0,
        {1, 3, 1, 2, 7, 7, 4}};
    check_honest(&ina226);
}

static void a_slow_sensor_states_an_honest_error(void **state)
{
    (void)state;
    static const kind slow = {
        "264 ms",
        waveform_power_sensor,
        {.period_ns = 264000000, .noise_uw = 5000, .lsb = 1000, .averages = true},
        0,
        /* Regular pulses faster than its period look constant to it: docs/ENERGY.md. */
        {1, 12, 2, 14, 0, 40, 35}};
    check_honest(&slow);
}

static void a_sensor_of_moments_states_an_honest_error(void **state)
{
    (void)state;
    static const kind ina219 = {"1 ms conversions",
                                waveform_power_sensor,
                                {.period_ns = 8500000, .noise_uw = 15000, .lsb = 5000},
                                0,
                                {2, 5, 2, 2, 5, 3, 3}};
    check_honest(&ina219);
}

static void volts_times_amperes_state_an_honest_error(void **state)
{
    (void)state;
    static const kind ina3221 = {"volts x amperes",
                                 waveform_product_sensor,
                                 {.period_ns = 6600000, .noise_uw = 15000, .lsb = 8000},
                                 0,
                                 {2, 5, 2, 2, 5, 3, 3}};
    check_honest(&ina3221);
}

/* It wraps every second or so. */
static void a_counter_that_wraps_states_an_honest_error(void **state)
{
    (void)state;
    static const kind rapl = {"counter",
                              waveform_counter,
                              {.period_ns = 1000000, .lsb = 61, .range = 4000003},
                              0,
                              {1, 1, 1, 1, 1, 1, 1}};
    check_honest(&rapl);
}

static void a_tolerance_of_the_scale_is_in_the_error(void **state)
{
    (void)state;
    static const kind tolerant = {
        "ina226 +- 1.1 %",
        waveform_power_sensor,
        {.period_ns = 35200000, .noise_uw = 20000, .lsb = 6250, .averages = true},
        11000,
        {2, 4, 2, 3, 8, 8, 5}};
    check_honest(&tolerant);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_averaging_sensor_states_an_honest_error),
        cmocka_unit_test(a_slow_sensor_states_an_honest_error),
        cmocka_unit_test(a_sensor_of_moments_states_an_honest_error),
        cmocka_unit_test(volts_times_amperes_state_an_honest_error),
        cmocka_unit_test(a_counter_that_wraps_states_an_honest_error),
        cmocka_unit_test(a_tolerance_of_the_scale_is_in_the_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
