/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TESTS_WAVEFORM_H
#define ERGO_TESTS_WAVEFORM_H

#include "ergo/meter.h"

/*
 * A load whose power and energy are known, and sensors that look at it in virtual time. The power
 * is a piecewise constant signal, so that its energy is exact.
 */

#define WAVEFORM_STEPS 4096

typedef struct waveform {
    uint64_t now_ns;                   /* of the world */
    int64_t jump_ns;                   /* the clock shows so much more */
    uint64_t slept_ns;                 /* and says that the system was suspended for so long */
    uint64_t begin_ns[WAVEFORM_STEPS]; /* ascending from 0 */
    double uw[WAVEFORM_STEPS];
    double uj[WAVEFORM_STEPS]; /* energy up to begin_ns */
    size_t count;
    uint64_t random;
} waveform;

/** From the same seed the same numbers, in [0, 1). */
double waveform_random(waveform *w);
double waveform_gaussian(waveform *w);

void waveform_begin(waveform *w, uint64_t seed, double uw);
/** From `begin_ns` on, which is later than all before. */
void waveform_add(waveform *w, uint64_t begin_ns, double uw);
double waveform_power_uw(const waveform *w, uint64_t ns);
double waveform_energy_uj(const waveform *w, uint64_t ns);

/** The clock of a meter on it. */
ergo_clock waveform_clock(waveform *w);

/** The system sleeps: time passes, but not on the clock. */
void waveform_sleep(waveform *w, uint64_t ns);

/** What a sensor is like. */
typedef struct waveform_sensor {
    waveform *load;
    uint64_t period_ns; /* a new reading this often; 0: at each read */
    uint64_t phase_ns;  /* of its periods */
    double noise_uw;    /* standard deviation */
    uint32_t lsb;       /* uW or uJ; of a product, uA */
    double gain;        /* what it reads 1 as */
    uint64_t range;     /* of a counter */
    ergo_status fails;  /* what reads return */
    bool stuck;
    bool averages;
    uint64_t shown; /* number of the period shown, for which value was drawn */
    int64_t value;
} waveform_sensor;

/**
 * A sensor of power, one that multiplies volts with amperes of different moments, or a counter of
 * energy. Its info says what `s` says.
 */
ergo_sensor waveform_power_sensor(waveform_sensor *s, const char *name);
ergo_sensor waveform_product_sensor(waveform_sensor *s, const char *name);
ergo_sensor waveform_counter(waveform_sensor *s, const char *name);

/** Lets time pass until `until_ns`, polling the meter when it wants. */
void waveform_run(waveform *w, ergo_meter *meter, uint64_t until_ns);

#endif
