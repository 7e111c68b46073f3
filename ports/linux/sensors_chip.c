/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ports/linux/sensors_linux.h"

/* INA chips without a driver, which only a board can tell of: probing a bus may upset what is on
 * it. */

static bool is_taken(const ergo_linux_sensors *sensors, const char *address)
{
    for (uint32_t i = 0; i < sensors->count; i++)
        if (strcmp(sensors->list[i].info.device, address) == 0)
            return true;
    return false;
}

/* "1-0040" */
static bool split_address(const char *text, ergo_linux_i2c_config *config)
{
    char *end;
    const unsigned long bus = strtoul(text, &end, 10);
    if (end == text || *end != '-' || bus > UINT32_MAX)
        return false;
    const char *rest = end + 1;
    const unsigned long address = strtoul(rest, &end, 16);
    config->bus = (uint32_t)bus;
    config->address = (uint8_t)address;
    return end != rest && *end == '\0' && address <= UINT8_MAX;
}

/* What all rails of the board on this chip say of it. */
static ergo_ina_config config_of(const ergo_linux_sensors *sensors, const ergo_board *board,
                                 const ergo_board_rail *first)
{
    ergo_ina_config config = {.log = sensors->log, .chip = first->chip, .device = first->address};
    for (size_t i = 0; i < board->rail_count; i++) {
        const ergo_board_rail *rail = &board->rails[i];
        const uint32_t channel = rail->channel > 0 ? rail->channel - 1 : 0;
        if (!rail->i2c || strcmp(rail->address, first->address) != 0 ||
            channel >= ERGO_INA_CHANNELS)
            continue;
        config.name[channel] = rail->name;
        config.shunt_uohm[channel] = rail->shunt_uohm;
    }
    return config;
}

static ergo_status open_chip(const ergo_linux_sensors *sensors, ergo__linux_chip *chip,
                             const ergo_board *board, const ergo_board_rail *rail)
{
    ergo_linux_i2c_config bus = {.log = sensors->log, .root = sensors->root};
    if (!split_address(rail->address, &bus))
        return ERGO_E_ARGUMENT;
    ergo_status status = ergo_linux_i2c_open(&bus, chip->i2c_memory, &chip->i2c);
    if (status != ERGO_OK)
        return status;
    ergo_ina_config config = config_of(sensors, board, rail);
    config.i2c = ergo_linux_i2c_device(chip->i2c);
    status = ergo_ina_open(&config, chip->ina_memory, &chip->ina);
    if (status != ERGO_OK)
        ergo_linux_i2c_close(chip->i2c);
    return status;
}

static const char *advice_for(ergo_status status)
{
    switch (status) {
    case ERGO_OK:
        return "";
    case ERGO_E_PERMISSION:
        return "join the group that owns the bus, mostly i2c";
    case ERGO_E_STATE:
        return "a driver of the kernel owns the chip: read its sensors instead";
    default:
        return "the board's description of it does not fit: see the log";
    }
}

static void add_sensors(ergo_linux_sensors *sensors, const ergo__linux_chip *chip)
{
    size_t count;
    const ergo_sensor *list = ergo_ina_sensors(chip->ina, &count);
    for (size_t i = 0; i < count && sensors->count < ERGO_SENSORS_MAX; i++) {
        ergo_sensor *sensor = &sensors->list[sensors->count];
        *sensor = list[i];
        ergo__linux_make_unique(sensors, sensor->info.name);
        sensors->count++;
    }
}

void ergo__linux_find_chips(ergo_linux_sensors *sensors, const ergo_board *board)
{
    for (size_t i = 0; board && i < board->rail_count; i++) {
        const ergo_board_rail *rail = &board->rails[i];
        bool tried = is_taken(sensors, rail->address);
        for (size_t k = 0; k < i; k++)
            tried = tried ||
                    (board->rails[k].i2c && strcmp(board->rails[k].address, rail->address) == 0);
        if (!rail->i2c || tried)
            continue;
        ergo_status status = ERGO_E_LIMIT;
        if (sensors->chip_count < ERGO__LINUX_CHIPS) {
            ergo__linux_chip *chip = &sensors->chips[sensors->chip_count];
            status = open_chip(sensors, chip, board, rail);
            if (status == ERGO_OK) {
                sensors->chip_count++;
                add_sensors(sensors, chip);
            }
        }
        ergo__linux_found(sensors, rail->address, status, advice_for(status), "%s %s", rail->chip,
                          rail->name);
    }
}

void ergo__linux_close_chips(ergo_linux_sensors *sensors)
{
    for (uint32_t i = 0; i < sensors->chip_count; i++) {
        ergo_ina_close(sensors->chips[i].ina);
        ergo_linux_i2c_close(sensors->chips[i].i2c);
    }
    sensors->chip_count = 0;
}
