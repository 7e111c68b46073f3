/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TESTS_FAKE_INA_H
#define ERGO_TESTS_FAKE_INA_H

#include "ergo/ina.h"

/**
 * One of TI's power monitors on an I2C bus, from its datasheet: registers with their reset values,
 * conversions that take the time that its settings say, the ready flag and what clears it, the
 * accumulator, the alert. Time is the test's.
 */
typedef struct fake_ina {
    const char *kind;
    uint64_t reg[256];     /**< as wide as each is, in its low bits */
    uint64_t now_ns;       /**< the test moves it */
    uint64_t converted_ns; /**< when the last conversion ended */
    double shunt_uv[3];    /**< what lies at the inputs */
    double bus_mv[3];
    double celsius;
    double shunt_ohm;       /**< of channel 1, for the accumulator alone */
    double energy_steps;    /**< of it, with what does not make a step yet */
    bool alert;             /**< ALERT is pulled */
    uint32_t alerts;        /**< how often it was pulled since the test set this */
    uint32_t reads, writes; /**< transfers that worked */
    uint32_t fail_next;     /**< so many transfers fail ... */
    uint32_t fail_after;    /**< ... after so many that do not */
    ergo_status fail_with;
} fake_ina;

/** A chip after its supply came up: "ina219", "ina226", "ina260", "ina228", "ina238", "ina3221". */
void fake_ina_begin(fake_ina *fake, const char *kind);

/** Its supply fails for a moment: registers as after a reset; time and inputs stay. */
void fake_ina_reset(fake_ina *fake);

ergo_i2c fake_ina_bus(fake_ina *fake);
ergo_clock fake_ina_clock(fake_ina *fake);

/** What one round of conversions takes, as the registers say. */
uint32_t fake_ina_period_us(const fake_ina *fake);

#endif
