/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_LINUX_SENSORS_LINUX_H
#define ERGO_LINUX_SENSORS_LINUX_H

#include "ergo/linux.h"
#include "ports/linux/sysfs.h"

/*
 * What the sources of sensors share. Each source looks at one part of /sys and adds what it finds;
 * sensors_linux.c calls them one after the other.
 */

#define ERGO__LINUX_FINDINGS 160

/** How a reading is made of one or two files. */
typedef enum ergo__linux_rule {
    ERGO__LINUX_SCALED,  /* file 0 x scale / 1000000 */
    ERGO__LINUX_PRODUCT, /* file 0 x file 1 x scale / 1000000 */
    ERGO__LINUX_BATTERY, /* the same, with the sign that the file `status` tells */
} ergo__linux_rule;

typedef struct ergo__linux_reader {
    ergo__linux_rule rule;
    int fd[2];     /* or -1 */
    int status_fd; /* of a battery */
    int64_t scale; /* millionths */
} ergo__linux_reader;

/** Most chips that are read register by register. */
#define ERGO__LINUX_CHIPS 4

typedef struct ergo__linux_chip {
    ergo_block i2c_memory, ina_memory;
    ergo_linux_i2c *i2c;
    ergo_ina *ina;
} ergo__linux_chip;

struct ergo_linux_sensors {
    ergo_log log;
    const char *root;
    ergo_sensor list[ERGO_SENSORS_MAX];
    ergo__linux_reader readers[ERGO_SENSORS_MAX];
    uint32_t count;
    ergo__linux_chip chips[ERGO__LINUX_CHIPS];
    uint32_t chip_count;
    ergo_linux_finding findings[ERGO__LINUX_FINDINGS];
    uint32_t finding_count;
    ergo__sysfs_names names[2]; /* scratch of the sources: folders, and files in one */
};

/** Adds a finding. `advice` may be "". */
void ergo__linux_found(ergo_linux_sensors *sensors, const char *path, ergo_status status,
                       const char *advice, const char *format, ...)
    __attribute__((__format__(__printf__, 5, 6)));

/**
 * Adds a sensor that reads `file` (and `second`, unless NULL), opens them and tries a reading; adds
 * the finding too. Its name is made unique. Returns whether it was added.
 */
bool ergo__linux_add(ergo_linux_sensors *sensors, const ergo_sensor_info *info,
                     const ergo__linux_reader *reader, const char *file, const char *second);

/** The sources. */
void ergo__linux_find_hwmon(ergo_linux_sensors *sensors);
void ergo__linux_find_jetson(ergo_linux_sensors *sensors);
void ergo__linux_find_iio(ergo_linux_sensors *sensors);
void ergo__linux_find_powercap(ergo_linux_sensors *sensors);
void ergo__linux_find_batteries(ergo_linux_sensors *sensors);
void ergo__linux_find_zones(ergo_linux_sensors *sensors);
void ergo__linux_find_clocks(ergo_linux_sensors *sensors);

/** Chips of the board's rails with `i2c` that nothing else gave a sensor for. */
void ergo__linux_find_chips(ergo_linux_sensors *sensors, const ergo_board *board);
void ergo__linux_close_chips(ergo_linux_sensors *sensors);

/** Makes a name unique among those of the list. */
void ergo__linux_make_unique(const ergo_linux_sensors *sensors, char name[ERGO_SENSOR_NAME_MAX]);

/** What a sensor or a marker could be attached to: findings alone. */
void ergo__linux_find_buses(ergo_linux_sensors *sensors);

/** What a chip of TI's INA family is like; NULL for others. */
typedef struct ergo__ina_facts {
    const char *chip;
    uint32_t power_step; /* lsb of power in uW x shunt in uOhm; 0: not scaled by a shunt */
    uint32_t fixed_step; /* lsb in uW where the shunt is inside */
    uint32_t gain_ppm;   /* of the chip, from its datasheet, at most */
    bool averages;
} ergo__ina_facts;

const ergo__ina_facts *ergo__ina_facts_of(const char *chip);

/** Tolerance of a shunt of which nothing is known, ppm: the usual 1 %. */
#define ERGO__SHUNT_PPM 10000u

#endif
