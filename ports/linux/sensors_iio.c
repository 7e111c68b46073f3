/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "ports/linux/sensors_linux.h"

/*
 * /sys/bus/iio: the driver ina2xx-adc, which is what Debian's kernels have for INA219 and INA226,
 * and the one of NVIDIA's older kernels for the INA3221 of Jetson modules.
 */

/* File `name` of the folder as a decimal, in millionths. */
static int64_t micro_or(const char *folder, const char *name, int64_t otherwise)
{
    char path[ERGO__SYSFS_PATH];
    int64_t value;
    if (ergo__sysfs_path(path, folder, "%s", name) && ergo__sysfs_micro(path, &value) == ERGO_OK)
        return value;
    return otherwise;
}

/*
 * A conversion of power takes one of the bus voltage and one of the shunt, each the integration
 * time (in seconds) times the oversampling.
 */
static uint32_t period_us(const char *folder)
{
    const int64_t bus = micro_or(folder, "in_voltage1_integration_time",
                                 micro_or(folder, "in_integration_time", 0));
    const int64_t shunt = micro_or(folder, "in_voltage0_integration_time", bus);
    const int64_t times = micro_or(folder, "in_oversampling_ratio", 1000000) / 1000000;
    const int64_t us = (bus + shunt) * (times > 0 ? times : 1);
    return us > 0 && us < UINT32_MAX ? (uint32_t)us : 0;
}

static void add_ina2xx(ergo_linux_sensors *sensors, const char *folder, const char *device,
                       const char *chip)
{
    const ergo__ina_facts *facts = ergo__ina_facts_of(chip);
    ergo_sensor_info info = {.quantity = ERGO_QUANTITY_POWER};
    char power[ERGO__SYSFS_PATH] = "";
    /* The number of the channel differs between kernels. */
    for (uint32_t i = 0; i < sensors->names[1].count; i++) {
        const char *name = sensors->names[1].name[i];
        int number;
        char end[16];
        if (sscanf(name, "in_power%d_%15s", &number, end) == 2 && strcmp(end, "raw") == 0) {
            (void)ergo__sysfs_path(power, folder, "%s", name);
            char scale[48];
            (void)snprintf(scale, sizeof scale, "in_power%d_scale", number);
            const int64_t mw = micro_or(folder, scale, micro_or(folder, "in_power_scale", 0));
            info.lsb = (uint32_t)(mw / 1000);
        }
    }
    if (power[0] == '\0' || info.lsb == 0)
        return;
    (void)snprintf(info.name, sizeof info.name, "%s %s", chip, device);
    (void)snprintf(info.chip, sizeof info.chip, "%s", chip);
    (void)snprintf(info.path, sizeof info.path, "%.*s", ERGO_SENSOR_PATH_MAX - 1, folder);
    info.shunt_uohm = (uint32_t)micro_or(folder, "in_shunt_resistor", 0);
    info.gain_ppm = facts->gain_ppm + ERGO__SHUNT_PPM;
    info.averages = facts->averages;
    info.period_us = period_us(folder);
    const ergo__linux_reader reader = {.rule = ERGO__LINUX_SCALED,
                                       .fd = {-1, -1},
                                       .status_fd = -1,
                                       .scale = (int64_t)info.lsb * 1000000};
    (void)ergo__linux_add(sensors, &info, &reader, power, NULL);
}

void ergo__linux_find_iio(ergo_linux_sensors *sensors)
{
    char path[ERGO__SYSFS_PATH];
    if (!ergo__sysfs_path(path, sensors->root, "sys/bus/iio/devices") ||
        ergo__sysfs_list(path, "iio:device", &sensors->names[0]) != ERGO_OK)
        return; /* the list of hwmon says what is missing */
    for (uint32_t i = 0; i < sensors->names[0].count; i++) {
        const char *device = sensors->names[0].name[i];
        char folder[ERGO__SYSFS_PATH], name[ERGO__SYSFS_PATH], chip[ERGO_SENSOR_CHIP_MAX];
        if (ergo__sysfs_path(folder, path, "%s", device) &&
            ergo__sysfs_path(name, folder, "name") &&
            ergo__sysfs_text(name, chip, sizeof chip) == ERGO_OK && ergo__ina_facts_of(chip) &&
            ergo__sysfs_list(folder, "in_power", &sensors->names[1]) == ERGO_OK)
            add_ina2xx(sensors, folder, device, chip);
    }
}

/* ---- Jetson, before its INA3221 had a driver for hwmon -------------------------------------- */

static void add_jetson(ergo_linux_sensors *sensors, const char *folder)
{
    static const ergo__linux_reader milliwatts = {
        .rule = ERGO__LINUX_SCALED, .fd = {-1, -1}, .status_fd = -1, .scale = INT64_C(1000000000)};
    for (int channel = 0; channel < 3; channel++) {
        ergo_sensor_info info = {.quantity = ERGO_QUANTITY_POWER,
                                 .lsb = 1000,
                                 .gain_ppm =
                                     ergo__ina_facts_of("ina3221")->gain_ppm + ERGO__SHUNT_PPM,
                                 .chip = "ina3221x"};
        char path[ERGO__SYSFS_PATH];
        if (!ergo__sysfs_path(path, folder, "rail_name_%d", channel) ||
            ergo__sysfs_text(path, info.name, sizeof info.name) != ERGO_OK ||
            strcmp(info.name, "NC") == 0)
            continue;
        (void)snprintf(info.path, sizeof info.path, "%.*s", ERGO_SENSOR_PATH_MAX - 1, folder);
        if (ergo__sysfs_path(path, folder, "in_power%d_input", channel))
            (void)ergo__linux_add(sensors, &info, &milliwatts, path, NULL);
    }
}

void ergo__linux_find_jetson(ergo_linux_sensors *sensors)
{
    char drivers[ERGO__SYSFS_PATH];
    if (!ergo__sysfs_path(drivers, sensors->root, "sys/bus/i2c/drivers/ina3221x") ||
        ergo__sysfs_list(drivers, "", &sensors->names[0]) != ERGO_OK)
        return;
    for (uint32_t i = 0; i < sensors->names[0].count; i++) {
        char device[ERGO__SYSFS_PATH], folder[ERGO__SYSFS_PATH];
        if (!ergo__sysfs_path(device, drivers, "%s", sensors->names[0].name[i]) ||
            ergo__sysfs_list(device, "iio:device", &sensors->names[1]) != ERGO_OK)
            continue;
        for (uint32_t k = 0; k < sensors->names[1].count; k++)
            if (ergo__sysfs_path(folder, device, "%s", sensors->names[1].name[k]))
                add_jetson(sensors, folder);
    }
}
