/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "ports/linux/sensors_linux.h"

/*
 * /sys/class/hwmon: found by the name of the chip and the path of its device, as the numbers of
 * hwmon folders change from start to start. Energy counters are preferred to power, power to volts
 * times amperes, which only the INA3221 needs.
 */

/* Gains: largest gain errors of the datasheets. Steps: the fixed calibration of the kernel's
 * drivers, whose current step is 2.5 uV (INA226: a power step is 25 of them) or 10 uV (INA219, 20)
 * over the shunt. */
static const ergo__ina_facts facts[] = {
    {"ina219", 200000000, 0, 5000, false}, {"ina220", 200000000, 0, 5000, false},
    {"ina226", 62500000, 0, 1000, true},   {"ina230", 62500000, 0, 3000, true},
    {"ina231", 62500000, 0, 3000, true},   {"ina260", 0, 10000, 5000, true},
    {"ina237", 0, 0, 3000, true},          {"ina238", 0, 0, 1000, true},
    {"ina228", 0, 0, 500, true},           {"ina3221", 0, 0, 2500, false},
};

const ergo__ina_facts *ergo__ina_facts_of(const char *chip)
{
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++)
        if (strcmp(facts[i].chip, chip) == 0)
            return &facts[i];
    return NULL;
}

/* The folder of one chip. */
typedef struct hwmon {
    char folder[ERGO__SYSFS_PATH]; /* /sys/class/hwmon/hwmonN */
    char chip[ERGO_SENSOR_CHIP_MAX];
    char device[64]; /* 1-0040 */
    const ergo__ina_facts *facts;
} hwmon;

/* in1_label, or "" */
static void label_of(const hwmon *h, const char *kind, int number, char *label, size_t size)
{
    char path[ERGO__SYSFS_PATH];
    label[0] = '\0';
    if (ergo__sysfs_path(path, h->folder, "%s%d_label", kind, number))
        (void)ergo__sysfs_text(path, label, size);
}

static int64_t number_or(const hwmon *h, const char *name, int64_t otherwise)
{
    char path[ERGO__SYSFS_PATH];
    int64_t value;
    if (ergo__sysfs_path(path, h->folder, "%s", name) &&
        ergo__sysfs_number(path, &value) == ERGO_OK)
        return value;
    return otherwise;
}

static uint32_t clamp_u32(int64_t value)
{
    return value < 0 ? 0 : value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

/* Everything but the name that a rail has of its chip. */
static ergo_sensor_info info_of(const hwmon *h, ergo_quantity quantity, int channel)
{
    ergo_sensor_info info = {.quantity = quantity, .channel = (uint32_t)channel};
    (void)snprintf(info.device, sizeof info.device, "%.23s", h->device);
    (void)snprintf(info.chip, sizeof info.chip, "%s", h->chip);
    (void)snprintf(info.path, sizeof info.path, "%.*s", ERGO_SENSOR_PATH_MAX - 1, h->folder);
    info.period_us = clamp_u32(number_or(h, "update_interval", 0) * 1000);
    if (!h->facts)
        return info;
    info.averages = h->facts->averages;
    info.gain_ppm = h->facts->gain_ppm;
    info.shunt_uohm = clamp_u32(number_or(h, "shunt_resistor", 0));
    if (h->facts->fixed_step > 0) {
        info.lsb = h->facts->fixed_step;
    } else {
        info.gain_ppm += ERGO__SHUNT_PPM;
        if (info.shunt_uohm > 0)
            info.lsb = h->facts->power_step / info.shunt_uohm;
    }
    return info;
}

/* A rail is called as its label says, else by chip and device. */
static void name_rail(const hwmon *h, ergo_sensor_info *info, const char *label, int number)
{
    if (label[0] != '\0')
        (void)snprintf(info->name, sizeof info->name, "%.*s", ERGO_SENSOR_NAME_MAX - 1, label);
    else if (number > 1)
        (void)snprintf(info->name, sizeof info->name, "%.16s %.16s.%d", h->chip,
                       h->device[0] ? h->device : "-", number);
    else
        (void)snprintf(info->name, sizeof info->name, "%.16s %.24s", h->chip,
                       h->device[0] ? h->device : "-");
}

static const ergo__linux_reader plain = {
    .rule = ERGO__LINUX_SCALED, .fd = {-1, -1}, .status_fd = -1, .scale = 1000000};

/* energyN_input and powerN_input or powerN_average; whether there was any. */
static bool add_measured(ergo_linux_sensors *sensors, const hwmon *h, const char *kind,
                         const char *file, ergo_quantity quantity)
{
    bool any = false;
    for (uint32_t i = 0; i < sensors->names[1].count; i++) {
        const char *name = sensors->names[1].name[i];
        int number;
        char end[24];
        char path[ERGO__SYSFS_PATH];
        char path_of_label[ERGO__SYSFS_PATH];
        char label[ERGO_SENSOR_NAME_MAX];
        if (strncmp(name, kind, strlen(kind)) != 0 ||
            sscanf(name + strlen(kind), "%d_%23s", &number, end) != 2 || strcmp(end, file) != 0 ||
            !ergo__sysfs_path(path, h->folder, "%s", name))
            continue;
        ergo_sensor_info info = info_of(h, quantity, number);
        if (quantity == ERGO_QUANTITY_ENERGY) {
            info.lsb = 1;
            info.averages = false;
        }
        if (strcmp(file, "average") == 0)
            info.averages = true;
        label_of(h, kind, number, label, sizeof label);
        if (label[0] == '\0') /* the chip's own label, from its device tree node */
            label_of(h, "in", number, label, sizeof label);
        if (label[0] == '\0' && ergo__sysfs_path(path_of_label, h->folder, "label"))
            (void)ergo__sysfs_text(path_of_label, label, sizeof label);
        name_rail(h, &info, label, number);
        (void)ergo__linux_add(sensors, &info, &plain, path, NULL);
        any = true;
    }
    return any;
}

/* ---- INA3221 ------------------------------------------------------------------------------- */

/* Sysfs rounds to mA; the converter's step is 40 uV over the shunt. The rest is what a step of
 * current is worth at the present voltage. */
static uint32_t product_step(const hwmon *h, int channel, uint32_t shunt_uohm)
{
    char name[24];
    (void)snprintf(name, sizeof name, "in%d_input", channel);
    const int64_t mv = number_or(h, name, 5000);
    const int64_t step_ua = shunt_uohm > 0 ? INT64_C(40000000) / shunt_uohm : 1000;
    return clamp_u32((step_ua > 1000 ? step_ua : 1000) * (mv > 0 ? mv : 1) / 1000);
}

static void add_channel(ergo_linux_sensors *sensors, const hwmon *h, int channel)
{
    static const ergo__linux_reader product = {
        .rule = ERGO__LINUX_PRODUCT, .fd = {-1, -1}, .status_fd = -1, .scale = 1000000};
    char volts[ERGO__SYSFS_PATH], amperes[ERGO__SYSFS_PATH];
    char label[ERGO_SENSOR_NAME_MAX];
    char name[32];
    label_of(h, "in", channel, label, sizeof label);
    (void)snprintf(name, sizeof name, "in%d_enable", channel);
    if (strcmp(label, "NC") == 0 || number_or(h, name, 1) == 0)
        return;
    if (!ergo__sysfs_path(volts, h->folder, "in%d_input", channel) ||
        !ergo__sysfs_path(amperes, h->folder, "curr%d_input", channel))
        return;
    ergo_sensor_info info = info_of(h, ERGO_QUANTITY_POWER, channel);
    (void)snprintf(name, sizeof name, "shunt%d_resistor", channel);
    info.shunt_uohm = clamp_u32(number_or(h, name, 0));
    info.lsb = product_step(h, channel, info.shunt_uohm);
    info.averages = number_or(h, "samples", 1) > 1;
    name_rail(h, &info, label, channel);
    (void)ergo__linux_add(sensors, &info, &product, amperes, volts);
}

/* ---- All chips ----------------------------------------------------------------------------- */

static void add_chip(ergo_linux_sensors *sensors, const hwmon *h)
{
    if (ergo__sysfs_list(h->folder, "", &sensors->names[1]) != ERGO_OK)
        return;
    if (strcmp(h->chip, "ina3221") == 0) {
        for (int channel = 1; channel <= 3; channel++)
            add_channel(sensors, h, channel);
        return;
    }
    if (add_measured(sensors, h, "energy", "input", ERGO_QUANTITY_ENERGY))
        return;
    if (!add_measured(sensors, h, "power", "input", ERGO_QUANTITY_POWER))
        (void)add_measured(sensors, h, "power", "average", ERGO_QUANTITY_POWER);
}

void ergo__linux_find_hwmon(ergo_linux_sensors *sensors)
{
    char path[ERGO__SYSFS_PATH];
    if (!ergo__sysfs_path(path, sensors->root, "sys/class/hwmon"))
        return;
    const ergo_status status = ergo__sysfs_list(path, "hwmon", &sensors->names[0]);
    if (status != ERGO_OK) {
        ergo__linux_found(sensors, path, status, "no driver of a hardware monitor is loaded",
                          "hwmon");
        return;
    }
    for (uint32_t i = 0; i < sensors->names[0].count; i++) {
        hwmon h = {.chip = ""};
        char link[ERGO__SYSFS_PATH];
        if (!ergo__sysfs_path(h.folder, path, "%s", sensors->names[0].name[i]) ||
            !ergo__sysfs_path(link, h.folder, "name") ||
            ergo__sysfs_text(link, h.chip, sizeof h.chip) != ERGO_OK)
            continue;
        if (ergo__sysfs_path(link, h.folder, "device"))
            ergo__sysfs_link(link, h.device, sizeof h.device);
        h.facts = ergo__ina_facts_of(h.chip);
        add_chip(sensors, &h);
    }
}
