/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_LINUX_H
#define ERGO_LINUX_H

#include "board.h"
#include "sensor.h"

/*
 * What a Linux system has to measure with: hwmon, IIO, powercap, power_supply, thermal zones and
 * the clocks of cpufreq and devfreq.
 * Files are opened once and stay open.
 */

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ergo_linux_config {
    ergo_log log;
    const char *root; /**< before every path (/sys, /proc, /dev); NULL or "": the system's own */
} ergo_linux_config;

/** Something that was found, or found missing: what `run-model power list` shows. */
typedef struct ergo_linux_finding {
    char what[64];                   /**< "ina3221 VDD_IN", "cpufreq policy4", "rapl package-0" */
    char path[ERGO_SENSOR_PATH_MAX]; /**< the file that matters */
    ergo_status status;              /**< ERGO_OK, ERGO_E_PERMISSION, ERGO_E_NOT_FOUND, ... */
    char advice[192];                /**< how to make it work, where it does not; else "" */
} ergo_linux_finding;

typedef struct ergo_linux_sensors ergo_linux_sensors;

/** Bytes for ergo_linux_sensors_open, whatever it finds. */
ergo_status ergo_linux_sensors_size(const ergo_linux_config *config, size_t *size);

/**
 * Looks for sensors and opens those that can be read. Finding none is no error. Error:
 * ERGO_E_MEMORY.
 */
ergo_status ergo_linux_sensors_open(const ergo_linux_config *config, ergo_block memory,
                                    ergo_linux_sensors **out);

/** Closes the files. Meters that use the sensors must be closed before. NULL is ignored. */
void ergo_linux_sensors_close(ergo_linux_sensors *sensors);

/** The sensors; valid until closed. Names are unique. May be changed by ergo_board_apply. */
ergo_sensor *ergo_linux_sensors_list(ergo_linux_sensors *sensors, size_t *count);

/** What was looked at, sensors and the rest. Valid until closed. */
const ergo_linux_finding *ergo_linux_sensors_findings(const ergo_linux_sensors *sensors,
                                                      size_t *count);

/** The linked-in board that this system is (ergo_board_matching). */
const ergo_board *ergo_linux_board(const ergo_linux_config *config);

#ifdef __cplusplus
}
#endif
#endif
