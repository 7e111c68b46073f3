/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ports/linux/sensors_linux.h"

/* Counters of processors (powercap), batteries and USB supplies (power_supply), and temperatures.
 */

/* ---- Powercap ------------------------------------------------------------------------------ */

static bool seen_zone(const ergo_linux_sensors *sensors, const char *name)
{
    for (uint32_t i = 0; i < sensors->count; i++)
        if (strcmp(sensors->list[i].info.chip, "rapl") == 0 &&
            strcmp(sensors->list[i].info.name, name) == 0)
            return true;
    return false;
}

/* "package-0", and "package-0/core" for a part of it. */
static bool name_zone(const char *class_folder, const char *zone, char *name, size_t size)
{
    char path[ERGO__SYSFS_PATH], own[24], parent[20] = "";
    if (!ergo__sysfs_path(path, class_folder, "%s/name", zone) ||
        ergo__sysfs_text(path, own, sizeof own) != ERGO_OK)
        return false;
    const char *last = strrchr(zone, ':');
    if (last && last != strchr(zone, ':') &&
        ergo__sysfs_path(path, class_folder, "%.*s/name", (int)(last - zone), zone))
        (void)ergo__sysfs_text(path, parent, sizeof parent);
    (void)snprintf(name, size, "%s%s%s", parent, parent[0] ? "/" : "", own);
    return true;
}

static void add_zone(ergo_linux_sensors *sensors, const char *class_folder, const char *zone)
{
    static const ergo__linux_reader counter = {
        .rule = ERGO__LINUX_SCALED, .fd = {-1, -1}, .status_fd = -1, .scale = 1000000};
    /* RAPL counts every millisecond, in steps of 61 uJ on most processors. */
    ergo_sensor_info info = {
        .quantity = ERGO_QUANTITY_ENERGY, .lsb = 61, .period_us = 1000, .chip = "rapl"};
    char file[ERGO__SYSFS_PATH];
    int64_t range = 0;
    if (!name_zone(class_folder, zone, info.name, sizeof info.name) ||
        seen_zone(sensors, info.name))
        return;
    if (ergo__sysfs_path(file, class_folder, "%s/max_energy_range_uj", zone) &&
        ergo__sysfs_number(file, &range) == ERGO_OK && range > 0)
        info.range = (uint64_t)range + 1;
    (void)ergo__sysfs_path(file, class_folder, "%s", zone);
    (void)snprintf(info.path, sizeof info.path, "%.*s", ERGO_SENSOR_PATH_MAX - 1, file);
    if (ergo__sysfs_path(file, class_folder, "%s/energy_uj", zone))
        (void)ergo__linux_add(sensors, &info, &counter, file, NULL);
}

/* What is read through registers in memory is the same again: only where the other is missing. */
void ergo__linux_find_powercap(ergo_linux_sensors *sensors)
{
    char path[ERGO__SYSFS_PATH];
    if (!ergo__sysfs_path(path, sensors->root, "sys/class/powercap") ||
        ergo__sysfs_list(path, "", &sensors->names[0]) != ERGO_OK)
        return;
    for (int in_memory = 0; in_memory < 2; in_memory++)
        for (uint32_t i = 0; i < sensors->names[0].count; i++) {
            const char *zone = sensors->names[0].name[i];
            if (strchr(zone, ':') && (strstr(zone, "mmio") != NULL) == in_memory)
                add_zone(sensors, path, zone);
        }
}

/* ---- Batteries and USB --------------------------------------------------------------------- */

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* power_now in uW where there is one, else voltage_now (uV) times current_now (uA). */
static void add_supply(ergo_linux_sensors *sensors, const char *folder, const char *name,
                       bool battery)
{
    ergo_sensor_info info = {.quantity = ERGO_QUANTITY_POWER};
    ergo__linux_reader reader = {.rule = ERGO__LINUX_SCALED, .fd = {-1, -1}, .status_fd = -1};
    char power[ERGO__SYSFS_PATH], current[ERGO__SYSFS_PATH], voltage[ERGO__SYSFS_PATH];
    char status[ERGO__SYSFS_PATH];
    (void)snprintf(info.name, sizeof info.name, "%.*s", ERGO_SENSOR_NAME_MAX - 1, name);
    (void)snprintf(info.chip, sizeof info.chip, "%s", battery ? "battery" : "usb");
    (void)snprintf(info.path, sizeof info.path, "%.*s", ERGO_SENSOR_PATH_MAX - 1, folder);
    if (!ergo__sysfs_path(power, folder, "power_now") ||
        !ergo__sysfs_path(current, folder, "current_now") ||
        !ergo__sysfs_path(voltage, folder, "voltage_now") ||
        !ergo__sysfs_path(status, folder, "status"))
        return;
    const bool has_power = exists(power);
    if (!has_power && (!exists(current) || !exists(voltage))) {
        ergo__linux_found(sensors, folder, ERGO_E_NOT_FOUND,
                          "its driver tells neither power nor current", "%s %s", info.chip, name);
        return;
    }
    reader.scale = has_power ? 1000000 : 1; /* uA x uV = pW */
    if (battery)
        reader.status_fd = open(status, O_RDONLY | O_CLOEXEC);
    (void)ergo__linux_add(sensors, &info, &reader, has_power ? power : current,
                          has_power ? NULL : voltage);
}

void ergo__linux_find_batteries(ergo_linux_sensors *sensors)
{
    char path[ERGO__SYSFS_PATH], folder[ERGO__SYSFS_PATH], file[ERGO__SYSFS_PATH], type[24];
    if (!ergo__sysfs_path(path, sensors->root, "sys/class/power_supply") ||
        ergo__sysfs_list(path, "", &sensors->names[0]) != ERGO_OK)
        return;
    for (uint32_t i = 0; i < sensors->names[0].count; i++) {
        const char *name = sensors->names[0].name[i];
        if (!ergo__sysfs_path(folder, path, "%s", name) ||
            !ergo__sysfs_path(file, folder, "type") ||
            ergo__sysfs_text(file, type, sizeof type) != ERGO_OK)
            continue;
        const bool battery = strcmp(type, "Battery") == 0;
        if (battery || strncmp(type, "USB", 3) == 0)
            add_supply(sensors, folder, name, battery);
    }
}

/* ---- Temperatures -------------------------------------------------------------------------- */

void ergo__linux_find_zones(ergo_linux_sensors *sensors)
{
    static const ergo__linux_reader millidegrees = {
        .rule = ERGO__LINUX_SCALED, .fd = {-1, -1}, .status_fd = -1, .scale = 1000000};
    char path[ERGO__SYSFS_PATH], file[ERGO__SYSFS_PATH];
    if (!ergo__sysfs_path(path, sensors->root, "sys/class/thermal") ||
        ergo__sysfs_list(path, "thermal_zone", &sensors->names[0]) != ERGO_OK)
        return;
    for (uint32_t i = 0; i < sensors->names[0].count; i++) {
        const char *zone = sensors->names[0].name[i];
        ergo_sensor_info info = {.quantity = ERGO_QUANTITY_TEMPERATURE, .chip = "thermal"};
        if (!ergo__sysfs_path(file, path, "%s/type", zone) ||
            ergo__sysfs_text(file, info.name, sizeof info.name) != ERGO_OK ||
            !ergo__sysfs_path(file, path, "%s/temp", zone))
            continue;
        (void)snprintf(info.path, sizeof info.path, "%.*s", ERGO_SENSOR_PATH_MAX - 1, file);
        (void)ergo__linux_add(sensors, &info, &millidegrees, file, NULL);
    }
}
