/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ports/linux/sensors_linux.h"

/* Clocks, which are shown beside the power, whether they could be set, and what sensors could be
 * attached to. */

static const char may_not_set[] =
    "to have it steered install 70-ergo.rules for udev and join the group ergo, or run as root";

/* A finding about whether a file that sets a clock may be written. */
static void find_limit(ergo_linux_sensors *sensors, const char *folder, const char *file,
                       const char *chip, const char *name)
{
    char path[ERGO__SYSFS_PATH];
    if (!ergo__sysfs_path(path, folder, "%s", file))
        return;
    const bool may = access(path, W_OK) == 0;
    const ergo_status status = may ? ERGO_OK : ergo__sysfs_status(errno);
    ergo__linux_found(sensors, path, status, status == ERGO_E_PERMISSION ? may_not_set : "",
                      "set %s %s", chip, name);
}

/* `scale` as of a reader. What cannot be read cannot be set either. */
static void add_clock(ergo_linux_sensors *sensors, const char *folder, const char *chip,
                      const char *name, const char *file, int64_t scale)
{
    const ergo__linux_reader reader = {
        .rule = ERGO__LINUX_SCALED, .fd = {-1, -1}, .status_fd = -1, .scale = scale};
    ergo_sensor_info info = {.quantity = ERGO_QUANTITY_CLOCK};
    char path[ERGO__SYSFS_PATH];
    if (!ergo__sysfs_path(path, folder, "%s", file))
        return;
    (void)snprintf(info.name, sizeof info.name, "%.*s", ERGO_SENSOR_NAME_MAX - 1, name);
    (void)snprintf(info.chip, sizeof info.chip, "%s", chip);
    (void)snprintf(info.path, sizeof info.path, "%.*s", ERGO_SENSOR_PATH_MAX - 1, folder);
    (void)ergo__linux_add(sensors, &info, &reader, path, NULL);
}

static void find_class(ergo_linux_sensors *sensors, const char *class_folder, const char *prefix,
                       const char *chip, const char *now, int64_t scale, const char *limit)
{
    char path[ERGO__SYSFS_PATH], folder[ERGO__SYSFS_PATH];
    if (!ergo__sysfs_path(path, sensors->root, "%s", class_folder) ||
        ergo__sysfs_list(path, prefix, &sensors->names[0]) != ERGO_OK)
        return;
    for (uint32_t i = 0; i < sensors->names[0].count; i++) {
        const char *name = sensors->names[0].name[i];
        if (!ergo__sysfs_path(folder, path, "%s", name))
            continue;
        add_clock(sensors, folder, chip, name, now, scale);
        find_limit(sensors, folder, limit, chip, name);
    }
}

void ergo__linux_find_clocks(ergo_linux_sensors *sensors)
{
    find_class(sensors, "sys/devices/system/cpu/cpufreq", "policy", "cpufreq", "scaling_cur_freq",
               1000000, "scaling_max_freq");                                               /* kHz */
    find_class(sensors, "sys/class/devfreq", "", "devfreq", "cur_freq", 1000, "max_freq"); /* Hz */
}

/* Devices in /dev that a program must be allowed to read and write. */
static void find_devices(ergo_linux_sensors *sensors, const char *prefix, const char *what,
                         const char *advice)
{
    char folder[ERGO__SYSFS_PATH], path[ERGO__SYSFS_PATH];
    if (!ergo__sysfs_path(folder, sensors->root, "dev") ||
        ergo__sysfs_list(folder, prefix, &sensors->names[0]) != ERGO_OK)
        return;
    for (uint32_t i = 0; i < sensors->names[0].count; i++) {
        const char *name = sensors->names[0].name[i];
        if (!ergo__sysfs_path(path, folder, "%s", name))
            continue;
        const bool may = access(path, R_OK | W_OK) == 0;
        const ergo_status status = may ? ERGO_OK : ergo__sysfs_status(errno);
        ergo__linux_found(sensors, path, status, may ? "" : advice, "%s %s", what, name);
    }
}

void ergo__linux_find_buses(ergo_linux_sensors *sensors)
{
    char path[ERGO__SYSFS_PATH];
    find_devices(sensors, "i2c-", "bus",
                 "for chips without a driver: add your user to the group i2c (and log in again)");
    const bool any_device = sensors->names[0].count > 0;
    if (ergo__sysfs_path(path, sensors->root, "sys/bus/i2c/devices") &&
        ergo__sysfs_list(path, "i2c-", &sensors->names[0]) == ERGO_OK &&
        sensors->names[0].count > 0 && !any_device)
        ergo__linux_found(sensors, path, ERGO_E_NOT_FOUND,
                          "for chips without a driver: modprobe i2c-dev", "bus i2c-dev");
    find_devices(sensors, "gpiochip", "lines",
                 "for markers and alerts: add your user to the group gpio (and log in again)");
}
