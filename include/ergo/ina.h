/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_INA_H
#define ERGO_INA_H

#include "meter.h"
#include "sensor.h"

/*
 * TI's power monitors, read register by register over any I2C bus: for systems whose kernel has no
 * driver for them, or that have no kernel. A port gives the bus (linux.h has /dev/i2c-N), the
 * application says what is wired to it, and gets sensors for a meter.
 *
 * Chips: ina219, ina220; ina226, ina230, ina231; ina260 (its shunt is inside); ina228; ina237,
 * ina238; ina3221 (three channels). Power is the product of the shunt's and the bus's voltage, both
 * of the same conversion, in integers and with its sign; an INA228 counts energy itself.
 *
 * Opening sets the chip to continuous conversion with averaging, so that a reading is the mean of
 * the time since the one before; closing puts its registers back.
 */

#ifdef __cplusplus
extern "C" {
#endif

/**
 * One chip on an I2C bus. Both calls are made by one thread at a time, may block, and report
 * ERGO_E_IO (try again), ERGO_E_NOT_FOUND (nothing answers) or another error.
 */
typedef struct ergo_i2c {
    /** Reads register `reg` of `size` (2, 3 or 5) bytes, most significant first. */
    ergo_status (*read)(void *self, uint8_t reg, uint8_t *bytes, size_t size);
    /** Writes a register of 16 bits, most significant byte first. */
    ergo_status (*write)(void *self, uint8_t reg, uint16_t value);
    void *self;
} ergo_i2c;

#define ERGO_INA_CHANNELS 3

typedef struct ergo_ina_config {
    ergo_log log;
    ergo_clock clock;   /**< of the meter. With a caller's clock the first conversion after opening
                             is not waited for */
    ergo_i2c i2c;       /**< copied; what `self` points to must outlive the chip */
    const char *chip;   /**< "ina226"; NULL or "": asks the chip; an INA219, 220, 230, 231 or 237
                             cannot answer */
    const char *device; /**< for names and messages: "1-0040" */
    const char *name[ERGO_INA_CHANNELS];    /**< of the rails; NULL or "": "ina226 1-0040" */
    uint32_t shunt_uohm[ERGO_INA_CHANNELS]; /**< microohms, at least 10; 0: not wired. An INA260
                                                 needs none */
    uint32_t max_ma; /**< largest current expected: an INA228, 237 or 238 then takes its finer range
                          where that holds it. 0: as much as the shunt allows */
    bool both_ways;  /**< current flows both ways: an INA228 then measures power, as it counts
                          energy without a sign */
    /**
     * NULL, or: where ALERT is wired, whether it was pulled since the last call, and when on the
     * meter's clock. ERGO_OK when it was, ERGO_IDLE when not. The chip is told to pull it at the
     * end of each conversion, and readings carry that time. Not on an INA219, 220 or 3221.
     */
    ergo_status (*ready)(void *user, uint64_t *time_ns);
    void *ready_user;
    uint64_t over_uw; /**< microwatts above which the chip pulls ALERT; 0: never. On the chips that
                           `ready` works on, and not together with it */
} ergo_ina_config;

typedef struct ergo_ina ergo_ina;

/** Bytes for ergo_ina_open, whatever the chip. */
size_t ergo_ina_size(void);

/**
 * Identifies the chip, sets it up and waits for its first conversion (at most 40 ms). Errors:
 * ERGO_E_ARGUMENT for a field out of range, ERGO_E_UNSUPPORTED for a chip that is not known or an
 * alert that it does not have, ERGO_E_NOT_FOUND when another chip or none answers, ERGO_E_DEVICE
 * when it does not keep its settings, ERGO_E_LIMIT when `over_uw` is beyond its range, and those of
 * the bus. Registers that were written by then are put back.
 */
ergo_status ergo_ina_open(const ergo_ina_config *config, ergo_block memory, ergo_ina **out);

/** Puts the registers back. Meters that use its sensors must be closed before. NULL is ignored. */
void ergo_ina_close(ergo_ina *ina);

/**
 * Its sensors, valid until closed: power or energy of each channel that is wired, then the
 * temperature of an INA228, 237 or 238. Besides the errors of the bus they report ERGO_E_LIMIT
 * while a shunt's voltage is beyond the chip's range. A chip that has lost its settings, as after a
 * loss of supply, is set up again.
 */
const ergo_sensor *ergo_ina_sensors(const ergo_ina *ina, size_t *count);

#ifdef __cplusplus
}
#endif
#endif
