/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fakes/waveform.h"

#include <math.h>
#include <stdio.h>

double waveform_random(waveform *w)
{
    w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(w->random >> 11) * 0x1p-53;
}

double waveform_gaussian(waveform *w)
{
    const double radius = sqrt(-2.0 * log(1.0 - waveform_random(w)));
    return radius * cos(6.283185307179586 * waveform_random(w));
}

void waveform_begin(waveform *w, uint64_t seed, double uw)
{
    *w = (waveform){.random = seed * 2 + 1, .count = 1};
    w->uw[0] = uw;
    for (int i = 0; i < 8; i++)
        (void)waveform_random(w);
}

void waveform_add(waveform *w, uint64_t begin_ns, double uw)
{
    if (w->count == WAVEFORM_STEPS)
        return;
    w->uj[w->count] = waveform_energy_uj(w, begin_ns);
    w->begin_ns[w->count] = begin_ns;
    w->uw[w->count] = uw;
    w->count++;
}

static size_t step_at(const waveform *w, uint64_t ns)
{
    size_t low = 0;
    size_t high = w->count;
    while (high - low > 1) {
        const size_t middle = (low + high) / 2;
        if (w->begin_ns[middle] <= ns)
            low = middle;
        else
            high = middle;
    }
    return low;
}

double waveform_power_uw(const waveform *w, uint64_t ns)
{
    return w->uw[step_at(w, ns)];
}

double waveform_energy_uj(const waveform *w, uint64_t ns)
{
    const size_t i = step_at(w, ns);
    return w->uj[i] + w->uw[i] * (double)(ns - w->begin_ns[i]) * 1e-9;
}

static uint64_t clock_now(void *user)
{
    const waveform *w = user;
    return w->now_ns + (uint64_t)w->jump_ns;
}

static uint64_t clock_suspended(void *user)
{
    return ((const waveform *)user)->slept_ns;
}

ergo_clock waveform_clock(waveform *w)
{
    return (ergo_clock){.now_ns = clock_now, .suspended_ns = clock_suspended, .user = w};
}

void waveform_sleep(waveform *w, uint64_t ns)
{
    w->now_ns += ns;
    w->jump_ns -= (int64_t)ns;
    w->slept_ns += ns;
}

static int64_t to_lsb(double value, uint32_t lsb)
{
    return lsb > 0 ? (int64_t)llround(value / lsb) * (int64_t)lsb : (int64_t)llround(value);
}

typedef struct supply {
    double mv;
    double ua;
} supply;

/* 5 V behind 50 mOhm, so that a load of some watts pulls it down by some steps of the sensor. */
static supply volts_amperes(double uw)
{
    const double volts = 2.5 + sqrt(6.25 - 0.05 * uw * 1e-6);
    return (supply){volts * 1e3, uw / volts};
}

static ergo_status read_power(void *self, ergo_reading *out)
{
    waveform_sensor *s = self;
    const waveform *w = s->load;
    if (s->fails != ERGO_OK)
        return s->fails;
    const uint64_t now = w->now_ns;
    const uint64_t period = s->period_ns > 0 ? s->period_ns : 1;
    const uint64_t number = (now + s->phase_ns) / period;
    if (number != s->shown && !s->stuck) {
        const uint64_t end = number * period > s->phase_ns ? number * period - s->phase_ns : 0;
        const uint64_t begin = end > period ? end - period : 0;
        double uw = waveform_power_uw(w, end);
        if (s->averages && end > begin)
            uw = (waveform_energy_uj(w, end) - waveform_energy_uj(w, begin)) * 1e9 /
                 (double)(end - begin);
        uw = uw * s->gain + s->noise_uw * waveform_gaussian(s->load);
        s->value = to_lsb(uw, s->lsb);
        s->shown = number;
    }
    *out = (ergo_reading){.value = s->value};
    return ERGO_OK;
}

/*
 * An INA3221: amperes at the end of its period, volts half a period before,
 * in steps of 8 mV, multiplied as the port does.
 */
static ergo_status read_product(void *self, ergo_reading *out)
{
    waveform_sensor *s = self;
    const waveform *w = s->load;
    if (s->fails != ERGO_OK)
        return s->fails;
    const uint64_t period = s->period_ns > 0 ? s->period_ns : 1;
    const uint64_t number = (w->now_ns + s->phase_ns) / period;
    if (number != s->shown && !s->stuck) {
        const uint64_t end = number * period > s->phase_ns ? number * period - s->phase_ns : 0;
        const uint64_t before = end > period / 2 ? end - period / 2 : 0;
        const double noise = s->noise_uw * waveform_gaussian(s->load);
        const int64_t ua = to_lsb(volts_amperes(waveform_power_uw(w, end) + noise).ua, s->lsb);
        const int64_t mv = to_lsb(volts_amperes(waveform_power_uw(w, before)).mv, 8);
        s->value = (int64_t)((double)(ua * mv / 1000) * s->gain);
        s->shown = number;
    }
    *out = (ergo_reading){.value = s->value};
    return ERGO_OK;
}

static ergo_status read_counter(void *self, ergo_reading *out)
{
    waveform_sensor *s = self;
    if (s->fails != ERGO_OK)
        return s->fails;
    const uint64_t period = s->period_ns > 0 ? s->period_ns : 1;
    const uint64_t end = s->load->now_ns / period * period;
    const uint64_t lsb = s->lsb > 0 ? s->lsb : 1;
    const uint64_t counted = (uint64_t)(waveform_energy_uj(s->load, end) * s->gain) / lsb * lsb;
    *out = (ergo_reading){.value = (int64_t)(s->range > 0 ? counted % s->range : counted)};
    return ERGO_OK;
}

static ergo_sensor sensor_of(waveform_sensor *s, const char *name, ergo_quantity quantity)
{
    ergo_sensor sensor = {.self = s,
                          .read = quantity == ERGO_QUANTITY_POWER ? read_power : read_counter};
    s->shown = UINT64_MAX;
    if (s->gain == 0)
        s->gain = 1;
    (void)snprintf(sensor.info.name, sizeof sensor.info.name, "%s", name);
    sensor.info.quantity = quantity;
    sensor.info.lsb = s->lsb;
    sensor.info.range = s->range;
    sensor.info.period_us = (uint32_t)(s->period_ns / 1000);
    sensor.info.averages = s->averages;
    return sensor;
}

ergo_sensor waveform_power_sensor(waveform_sensor *s, const char *name)
{
    return sensor_of(s, name, ERGO_QUANTITY_POWER);
}

ergo_sensor waveform_product_sensor(waveform_sensor *s, const char *name)
{
    ergo_sensor sensor = sensor_of(s, name, ERGO_QUANTITY_POWER);
    sensor.read = read_product;
    sensor.info.lsb = s->lsb * 5;
    sensor.info.gain_ppm = 800; /* half a step of the volts */
    return sensor;
}

ergo_sensor waveform_counter(waveform_sensor *s, const char *name)
{
    return sensor_of(s, name, ERGO_QUANTITY_ENERGY);
}

void waveform_run(waveform *w, ergo_meter *meter, uint64_t until_ns)
{
    uint64_t next = 0;
    while (w->now_ns <= until_ns) {
        (void)ergo_meter_poll(meter, &next);
        const uint64_t now = ergo_meter_now(meter);
        /* A sampler is woken a little late. */
        w->now_ns += (next > now ? next - now : 0) + (uint64_t)(waveform_random(w) * 200000.0);
    }
    w->now_ns = until_ns;
}
