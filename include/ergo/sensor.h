/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_SENSOR_H
#define ERGO_SENSOR_H

#include "base.h"

/*
 * A sensor gives one quantity of one rail, zone or battery. Ports find those of a system (linux.h);
 * an application may make its own: fill in an ergo_sensor whose `read` asks whatever it has.
 */

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ergo_quantity {
    ERGO_QUANTITY_POWER = 0,   /**< microwatts; negative where a battery is charged */
    ERGO_QUANTITY_ENERGY,      /**< microjoules since some start; only grows, wraps at `range` */
    ERGO_QUANTITY_TEMPERATURE, /**< millidegrees Celsius */
    ERGO_QUANTITY_CLOCK,       /**< kilohertz */
} ergo_quantity;

#define ERGO_SENSOR_NAME_MAX 48
#define ERGO_SENSOR_CHIP_MAX 24
#define ERGO_SENSOR_PATH_MAX 192

/** What is known about a sensor. 0 means unknown, or not so, everywhere. */
typedef struct ergo_sensor_info {
    char name[ERGO_SENSOR_NAME_MAX]; /**< rail or zone, unique in its list: "VDD_IN", "package-0" */
    char chip[ERGO_SENSOR_CHIP_MAX]; /**< "ina3221", "rapl", "battery", ... */
    char path[ERGO_SENSOR_PATH_MAX]; /**< where it was found */
    char device[24];                 /**< of its bus: "1-0040" */
    uint32_t channel;                /**< of the chip, from 1 */
    ergo_quantity quantity;
    uint64_t range;      /**< an energy counter counts 0 .. range - 1 and starts again */
    uint32_t lsb;        /**< least step of a reading, in the unit of the quantity */
    uint32_t gain_ppm;   /**< tolerance of its scale (shunt and chip), 95 %, parts per million */
    uint32_t period_us;  /**< time between new readings, as the chip is set up */
    uint32_t shunt_uohm; /**< shunt, in microohms, that the driver scales the readings with */
    bool averages;       /**< a reading is the mean over the period that ends with it */
} ergo_sensor_info;

/** One reading. */
typedef struct ergo_reading {
    int64_t value;    /**< in the unit of the quantity */
    uint64_t time_ns; /**< end of the conversion on the meter's clock; 0: unknown */
} ergo_reading;

/**
 * A sensor and how to read it. `read` is called by one thread at a time, may block for a conversion
 * and reports ERGO_E_PERMISSION, ERGO_E_IO (try again later), ERGO_E_NOT_FOUND (it is gone) or
 * ERGO_E_UNSUPPORTED (a channel that is switched off). Whoever made `self` releases it.
 */
typedef struct ergo_sensor {
    ergo_sensor_info info;
    ergo_status (*read)(void *self, ergo_reading *out);
    void *self;
    uint32_t true_shunt_uohm; /**< what the shunt really is: the meter multiplies readings by
                                   info.shunt_uohm / this. 0: the driver is right */
} ergo_sensor;

/** Most sensors that a meter or a board has. */
#define ERGO_SENSORS_MAX 64

#ifdef __cplusplus
}
#endif
#endif
