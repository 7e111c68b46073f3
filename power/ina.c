/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "power/ina_state.h"
#include "runtime/base/arena.h"
#include "runtime/base/log.h"
#include "runtime/base/os.h"

#define SHUNT_PPM 10000u /* tolerance of a shunt of which nothing is known */

enum { DIETEMP = 0x06, ENERGY = 0x09 };

static uint64_t now_ns(const ergo_ina *ina)
{
    const ergo_clock *clock = &ina->config.clock;
    return clock->now_ns ? clock->now_ns(clock->user) : ergo__os_now_ns();
}

/* ---- Readings ------------------------------------------------------------------------------ */

/* Whether a conversion has ended since the last one was read. Where nobody says so within two
 * periods (somebody else reads the flag, an edge was lost), it is taken for granted. */
static ergo_status is_ready(ergo_ina *ina, uint64_t now, bool *out)
{
    const ergo__ina_chip *chip = ina->chip;
    const uint64_t age = now - ina->fresh_ns;
    const uint64_t period = (uint64_t)ina->period_us * 1000;
    *out = !ina->any || age > 2 * period;
    ina->end_ns = 0;
    if (!*out && age < period / 4)
        return ERGO_OK;
    if (ina->config.ready) {
        const ergo_status told = ina->config.ready(ina->config.ready_user, &ina->end_ns);
        if (told != ERGO_OK && told != ERGO_IDLE)
            return told;
        *out = *out || told == ERGO_OK;
        uint16_t clears = 0; /* reading the flags lets ALERT go */
        return *out ? ergo__ina_read16(ina, chip->flag > 0 ? chip->flag : ERGO__INA_DIAG_REGISTER,
                                       &clears)
                    : ERGO_OK;
    }
    uint16_t flags = 0;
    if (chip->flag == 0) {
        *out = true;
        return ERGO_OK;
    }
    const ergo_status status = ergo__ina_read16(ina, chip->flag, &flags);
    *out = *out || (flags & chip->flag_bit) != 0;
    return status;
}

static ergo_status read_channel(const ergo_ina *ina, uint32_t channel, int64_t *uw,
                                int32_t *bus_steps, bool *clipped)
{
    const ergo__ina_chip *chip = ina->chip;
    uint8_t shunt[3];
    uint8_t bus[3];
    ergo_status status = ergo__ina_read(ina, chip->shunt + 2 * channel, shunt, chip->bytes);
    if (status == ERGO_OK)
        status = ergo__ina_read(ina, chip->bus + 2 * channel, bus, chip->bytes);
    if (status != ERGO_OK)
        return status;
    const int32_t steps = ergo__ina_shunt_steps(chip, shunt);
    *bus_steps = ergo__ina_bus_steps(chip, bus);
    *uw = ergo__ina_power_uw(chip, ina->fine, ina->config.shunt_uohm[channel], steps, *bus_steps);
    *clipped = steps >= chip->shunt_end || steps <= -chip->shunt_end;
    return ERGO_OK;
}

/* All channels at once: they are of the same conversions, and one flag is for all of them. */
static ergo_status refresh(ergo_ina *ina)
{
    const uint64_t now = now_ns(ina);
    bool ready = false;
    ergo_status status = ina->doubted ? ergo__ina_set_up_again(ina) : ERGO_OK;
    if (status == ERGO_OK)
        status = is_ready(ina, now, &ready);
    for (uint32_t i = 0; status == ERGO_OK && ready && i < ina->powers; i++) {
        ergo__ina_result *r = &ina->results[i];
        int32_t bus;
        bool clipped = false;
        status = read_channel(ina, r->channel, &r->value, &bus, &clipped);
        r->status = clipped ? ERGO_E_LIMIT : ERGO_OK;
    }
    if (status == ERGO_OK && ready && ina->chip->clear > 0) {
        uint16_t ignored = 0;
        status = ergo__ina_read16(ina, ina->chip->clear, &ignored);
    }
    ina->doubted = status != ERGO_OK;
    if (ready && status == ERGO_OK) {
        ina->any = true;
        ina->fresh_ns = now;
    }
    return status;
}

static ergo_status read_power(void *self, ergo_reading *out)
{
    const ergo__ina_result *r = self;
    const ergo_status status = refresh(r->ina);
    if (status != ERGO_OK || r->status != ERGO_OK)
        return status != ERGO_OK ? status : r->status;
    *out = (ergo_reading){.value = r->value, .time_ns = r->ina->end_ns};
    return ERGO_OK;
}

static ergo_status read_energy(void *self, ergo_reading *out)
{
    ergo_ina *ina = ((const ergo__ina_result *)self)->ina;
    uint8_t bytes[5];
    uint64_t steps = 0;
    ergo_status status = ina->doubted ? ergo__ina_set_up_again(ina) : ERGO_OK;
    if (status == ERGO_OK)
        status = ergo__ina_read(ina, ENERGY, bytes, sizeof bytes);
    for (size_t i = 0; status == ERGO_OK && i < sizeof bytes; i++)
        steps = steps << 8 | bytes[i];
    /* Running backwards it has wrapped, or was reset. */
    if (status == ERGO_OK && steps < ina->counted)
        status = ergo__ina_set_up_again(ina);
    ina->doubted = status != ERGO_OK;
    if (status != ERGO_OK)
        return status;
    ina->counted = steps;
    const uint64_t all = (ina->lost_base + steps) % ERGO__INA_ACCUMULATOR;
    *out = (ergo_reading){
        .value = (int64_t)ergo__ina_energy_uj(ina->fine, ina->config.shunt_uohm[0], all)};
    return ERGO_OK;
}

static ergo_status read_temperature(void *self, ergo_reading *out)
{
    const ergo_ina *ina = ((const ergo__ina_result *)self)->ina;
    uint8_t bytes[2];
    const ergo_status status = ergo__ina_read(ina, DIETEMP, bytes, sizeof bytes);
    if (status == ERGO_OK)
        *out = (ergo_reading){.value = ergo__ina_temperature_mc(bytes)};
    return status;
}

/* ---- Sensors ------------------------------------------------------------------------------- */

static ergo_sensor *add(ergo_ina *ina, uint32_t channel, ergo_quantity quantity)
{
    ergo_sensor *sensor = &ina->sensors[ina->count];
    ergo__ina_result *r = &ina->results[ina->count++];
    *r = (ergo__ina_result){.ina = ina, .channel = channel, .status = ERGO_OK};
    *sensor = (ergo_sensor){.self = r};
    ergo_sensor_info *info = &sensor->info;
    info->quantity = quantity;
    info->channel = channel + 1;
    info->period_us = ina->period_us;
    info->averages = true;
    (void)snprintf(info->chip, sizeof info->chip, "%s", ina->chip->name);
    (void)snprintf(info->device, sizeof info->device, "%s", ina->config.device);
    return sensor;
}

static void name_rail(const ergo_ina *ina, ergo_sensor_info *info)
{
    const char *name = ina->config.name[info->channel - 1];
    if (name && name[0] != '\0')
        (void)snprintf(info->name, sizeof info->name, "%s", name);
    else if (info->channel > 1)
        (void)snprintf(info->name, sizeof info->name, "%s %s.%u", ina->chip->name,
                       ina->config.device, info->channel);
    else
        (void)snprintf(info->name, sizeof info->name, "%s %s", ina->chip->name, ina->config.device);
}

static void scale_of(const ergo_ina *ina, ergo_sensor_info *info)
{
    info->gain_ppm = ina->chip->gain_ppm;
    if (ina->chip->full_nv > 0) {
        info->gain_ppm += SHUNT_PPM;
        info->shunt_uohm = ina->config.shunt_uohm[info->channel - 1];
    }
}

/* What a step of current is worth at the present voltage. */
static ergo_status add_power(ergo_ina *ina, uint32_t channel)
{
    int64_t uw;
    int32_t bus = 0;
    bool clipped;
    const ergo_status status = read_channel(ina, channel, &uw, &bus, &clipped);
    if (status != ERGO_OK)
        return status;
    ergo_sensor *sensor = add(ina, channel, ERGO_QUANTITY_POWER);
    sensor->read = read_power;
    scale_of(ina, &sensor->info);
    name_rail(ina, &sensor->info);
    const int64_t step =
        ergo__ina_power_uw(ina->chip, ina->fine, ina->config.shunt_uohm[channel], 1, bus);
    sensor->info.lsb = step > 1 ? (uint32_t)step : 1;
    ina->powers = ina->count;
    return ERGO_OK;
}

/* The accumulator takes every conversion of the 16 that make a reading of the other registers. */
static void add_energy(ergo_ina *ina)
{
    ergo_sensor *sensor = add(ina, 0, ERGO_QUANTITY_ENERGY);
    const uint32_t shunt = ina->config.shunt_uohm[0];
    sensor->read = read_energy;
    sensor->info.averages = false;
    sensor->info.period_us /= 16;
    sensor->info.range = ergo__ina_energy_uj(ina->fine, shunt, ERGO__INA_ACCUMULATOR);
    const uint64_t step = ergo__ina_energy_uj(ina->fine, shunt, 1);
    sensor->info.lsb = step > 1 ? (uint32_t)step : 1;
    scale_of(ina, &sensor->info);
    name_rail(ina, &sensor->info);
}

static ergo_status add_sensors(ergo_ina *ina)
{
    ergo_status status = ERGO_OK;
    if (ina->chip->counts && !ina->config.both_ways)
        add_energy(ina);
    else
        for (uint32_t i = 0; i < ina->chip->channels && status == ERGO_OK; i++)
            if (ina->config.shunt_uohm[i] > 0)
                status = add_power(ina, i);
    if (status == ERGO_OK && ina->chip->thermometer) {
        ergo_sensor *sensor = add(ina, 0, ERGO_QUANTITY_TEMPERATURE);
        sensor->read = read_temperature;
        sensor->info.lsb = ina->chip->counts ? 8 : 125;
        (void)snprintf(sensor->info.name, sizeof sensor->info.name, "%s %s die", ina->chip->name,
                       ina->config.device);
    }
    return status;
}

/* ---- Open and close ------------------------------------------------------------------------ */

static ergo_ina *lay(ergo__arena *arena)
{
    return ERGO__TAKE_LINE(arena, ergo_ina, 1);
}

size_t ergo_ina_size(void)
{
    ergo__arena arena = ergo__arena_counting();
    lay(&arena);
    return arena.used;
}

/* Before the first conversion with our settings the registers hold one with others. */
static void wait_for_conversion(const ergo_ina *ina)
{
    if (ina->config.clock.now_ns)
        return;
    const uint64_t end = ergo__os_now_ns() + (uint64_t)ina->period_us * 1100;
    const _Atomic uint32_t nobody = 0;
    while (ergo__os_now_ns() < end)
        ergo__os_wait_until(&nobody, 0, end);
}

ergo_status ergo_ina_open(const ergo_ina_config *config, ergo_block memory, ergo_ina **out)
{
    ergo__arena arena = ergo__arena_over(memory);
    ergo_ina *ina = lay(&arena);
    if (!ina)
        return ergo__fail(&config->log, ERGO_E_MEMORY, "ina: needs more than %zu bytes",
                          memory.size);
    memset(ina, 0, sizeof *ina);
    ina->config = *config;
    ina->config.device = config->device ? config->device : "i2c";
    ina->config.chip = config->chip ? config->chip : "";
    ergo_status status = ergo__ina_identify(ina);
    if (status == ERGO_OK)
        status = ergo__ina_check(ina);
    if (status != ERGO_OK)
        return status;
    status = ergo__ina_set_up(ina);
    if (status == ERGO_OK) {
        wait_for_conversion(ina);
        status = add_sensors(ina);
    }
    if (status != ERGO_OK)
        ergo__ina_put_back(ina);
    else
        *out = ina;
    return status;
}

void ergo_ina_close(ergo_ina *ina)
{
    if (ina)
        ergo__ina_put_back(ina);
}

const ergo_sensor *ergo_ina_sensors(const ergo_ina *ina, size_t *count)
{
    *count = ina->count;
    return ina->sensors;
}
