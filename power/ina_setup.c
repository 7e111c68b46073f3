/* SPDX-License-Identifier: Apache-2.0 */
#include "power/ina_state.h"
#include "runtime/base/log.h"

#define LEAST_SHUNT_UOHM 10u
#define ID_INA226 0xFE
#define ID_INA228 0x3E

enum { CONFIG_228 = 0x00, SHUNT_CAL_228 = 0x02 };
enum { CALIBRATION_226 = 0x05, MASK = 0x06, LIMIT = 0x07, POWER_LIMIT = 0x11 };
enum {
    ADCRANGE = 1 << 4,
    RESETS = 3 << 14, /* RST and RSTACC of an INA228's CONFIG */
    MASK_POWER = 1 << 11,
    MASK_READY = 1 << 10,
    DIAG_READY = 1 << 14,
    DIAG_SLOW = 1 << 13, /* limits are compared with averages */
};

/* ---- Registers ----------------------------------------------------------------------------- */

ergo_status ergo__ina_read(const ergo_ina *ina, unsigned reg, uint8_t *bytes, size_t size)
{
    return ina->config.i2c.read(ina->config.i2c.self, (uint8_t)reg, bytes, size);
}

ergo_status ergo__ina_read16(const ergo_ina *ina, unsigned reg, uint16_t *out)
{
    uint8_t bytes[2];
    const ergo_status status = ergo__ina_read(ina, reg, bytes, sizeof bytes);
    if (status == ERGO_OK)
        *out = (uint16_t)(bytes[0] << 8 | bytes[1]);
    return status;
}

static ergo_status write16(const ergo_ina *ina, unsigned reg, uint16_t value)
{
    return ina->config.i2c.write(ina->config.i2c.self, (uint8_t)reg, value);
}

/* Sets the bits of `mask`; remembers what the register was. */
static ergo_status change(ergo_ina *ina, unsigned reg, uint16_t mask, uint16_t value)
{
    uint16_t was = 0;
    const ergo_status status = ergo__ina_read16(ina, reg, &was);
    if (status != ERGO_OK)
        return status;
    ina->kept[ina->kept_count++] =
        (ergo__ina_kept){(uint8_t)reg, was, (uint16_t)((was & ~mask) | (value & mask))};
    return write16(ina, reg, ina->kept[ina->kept_count - 1].is);
}

void ergo__ina_put_back(ergo_ina *ina)
{
    while (ina->kept_count > 0) {
        const ergo__ina_kept *k = &ina->kept[--ina->kept_count];
        const ergo_status status = write16(ina, k->reg, k->was);
        if (status != ERGO_OK)
            ergo__log(&ina->config.log, ERGO_LOG_WARNING,
                      "%s %s: register %02Xh stays %04Xh, was %04Xh: %s", ina->chip->name,
                      ina->config.device, k->reg, k->is, k->was, ergo_status_text(status));
    }
}

/* ---- Which chip ---------------------------------------------------------------------------- */

static const ergo__ina_chip *ask(const ergo_ina *ina, unsigned id, uint16_t *die)
{
    uint16_t maker = 0;
    *die = 0;
    if (ergo__ina_read16(ina, id, &maker) != ERGO_OK || maker != ERGO__INA_MANUFACTURER ||
        ergo__ina_read16(ina, id + 1, die) != ERGO_OK)
        return NULL;
    return ergo__ina_identified((uint8_t)id, *die);
}

ergo_status ergo__ina_identify(ergo_ina *ina)
{
    const ergo_ina_config *config = &ina->config;
    uint16_t die;
    uint16_t settings;
    ergo_status status = ergo__ina_read16(ina, 0, &settings);
    if (status != ERGO_OK)
        return ergo__fail(&config->log, status, "%s: does not answer: %s", config->device,
                          ergo_status_text(status));
    if (config->chip[0] == '\0') {
        ina->chip = ask(ina, ID_INA226, &die);
        if (!ina->chip)
            ina->chip = ask(ina, ID_INA228, &die);
        return ina->chip ? ERGO_OK
                         : ergo__fail(&config->log, ERGO_E_NOT_FOUND,
                                      "%s: the chip does not tell its name: say which it is",
                                      config->device);
    }
    ina->chip = ergo__ina_named(config->chip);
    if (!ina->chip)
        return ergo__fail(&config->log, ERGO_E_UNSUPPORTED, "%s: chip '%s' is not known",
                          config->device, config->chip);
    if (ina->chip->id != 0 && ask(ina, ina->chip->id, &die) != ina->chip)
        return ergo__fail(&config->log, ERGO_E_NOT_FOUND,
                          "%s: is no %s: its id is %04Xh, not %04Xh", config->device,
                          ina->chip->name, die, ina->chip->die);
    return ERGO_OK;
}

/* ---- Settings ------------------------------------------------------------------------------ */

ergo_status ergo__ina_check(ergo_ina *ina)
{
    const ergo_ina_config *config = &ina->config;
    const ergo__ina_chip *chip = ina->chip;
    if (chip->full_nv == 0)
        ina->config.shunt_uohm[0] = 2000; /* what an INA260 has inside */
    uint32_t wired = 0;
    for (uint32_t i = 0; i < chip->channels; i++) {
        const uint32_t shunt = config->shunt_uohm[i];
        wired += shunt > 0;
        if (shunt > 0 && shunt < LEAST_SHUNT_UOHM)
            return ergo__fail(&config->log, ERGO_E_ARGUMENT, "%s: shunt %u of %u uOhm is below %u",
                              config->device, i + 1, shunt, LEAST_SHUNT_UOHM);
        if (chip->full_nv > 0 && (uint64_t)config->max_ma * shunt > chip->full_nv)
            return ergo__fail(&config->log, ERGO_E_ARGUMENT,
                              "%s: %u mA over %u uOhm are more than the %llu uV of an %s",
                              config->device, config->max_ma, shunt,
                              (unsigned long long)(chip->full_nv / 1000), chip->name);
    }
    if (wired == 0)
        return ergo__fail(&config->log, ERGO_E_ARGUMENT, "%s: no shunt_uohm is given",
                          config->device);
    if ((config->ready || config->over_uw > 0) && chip->alert == ERGO__INA_NO_ALERT)
        return ergo__fail(&config->log, ERGO_E_UNSUPPORTED, "%s: an %s has no such alert",
                          config->device, chip->name);
    if (config->ready && config->over_uw > 0)
        return ergo__fail(&config->log, ERGO_E_ARGUMENT,
                          "%s: ALERT tells either that a conversion is ready or that there is too "
                          "much power",
                          config->device);
    ina->fine = chip->ranges && config->max_ma > 0 &&
                (uint64_t)config->max_ma * config->shunt_uohm[0] <= chip->full_nv / 4;
    ina->period_us = chip->channels > 1 ? chip->period_us * wired : chip->period_us;
    return ERGO_OK;
}

static ergo_status set_alert(ergo_ina *ina)
{
    const ergo_ina_config *config = &ina->config;
    const bool mask = ina->chip->alert == ERGO__INA_MASK;
    if (config->ready)
        return mask ? change(ina, MASK, 0xFFFF, MASK_READY)
                    : change(ina, ERGO__INA_DIAG_REGISTER, 0xF000, DIAG_READY);
    if (config->over_uw == 0)
        return ERGO_OK;
    const uint64_t limit =
        ergo__ina_limit(ina->chip, ina->fine, config->shunt_uohm[0], config->over_uw);
    if (limit == 0 || limit > 0x7FFF)
        return ergo__fail(&config->log, ERGO_E_LIMIT,
                          "%s: an alert at %llu uW is out of the range of an %s with this shunt",
                          config->device, (unsigned long long)config->over_uw, ina->chip->name);
    if (!mask) {
        const ergo_status status = change(ina, POWER_LIMIT, 0xFFFF, (uint16_t)limit);
        return status == ERGO_OK ? change(ina, ERGO__INA_DIAG_REGISTER, 0xF000, DIAG_SLOW) : status;
    }
    /* The limit is compared with the power register, which needs a calibration. */
    ergo_status status = ERGO_OK;
    if (ina->chip->full_nv > 0)
        status = change(ina, CALIBRATION_226, 0xFFFF, ERGO__INA_CALIBRATION_226);
    if (status == ERGO_OK)
        status = change(ina, LIMIT, 0xFFFF, (uint16_t)limit);
    return status == ERGO_OK ? change(ina, MASK, 0xFFFF, MASK_POWER) : status;
}

ergo_status ergo__ina_set_up(ergo_ina *ina)
{
    const ergo__ina_chip *chip = ina->chip;
    uint16_t settings = chip->settings;
    for (unsigned i = 0; chip->channels > 1 && i < chip->channels; i++)
        if (ina->config.shunt_uohm[i] > 0)
            settings = (uint16_t)(settings | 1u << (14 - i));
    ergo_status status = ERGO_OK;
    if (chip->ranges) {
        status = change(ina, CONFIG_228, RESETS | ADCRANGE, ina->fine ? ADCRANGE : 0);
        if (status == ERGO_OK)
            status = change(ina, SHUNT_CAL_228, 0xFFFF, ERGO__INA_CALIBRATION_228);
    }
    if (status == ERGO_OK)
        status = set_alert(ina);
    if (status == ERGO_OK)
        status = change(ina, chip->config, 0xFFFF, settings);
    uint16_t now = 0;
    if (status == ERGO_OK)
        status = ergo__ina_read16(ina, chip->config, &now);
    if (status == ERGO_OK && now != settings)
        return ergo__fail(&ina->config.log, ERGO_E_DEVICE,
                          "%s: does not keep its settings as an %s does: %04Xh became %04Xh",
                          ina->config.device, chip->name, settings, now);
    return status;
}

ergo_status ergo__ina_set_up_again(ergo_ina *ina)
{
    const ergo__ina_kept *last = &ina->kept[ina->kept_count - 1];
    uint16_t now = 0;
    ergo_status status = ergo__ina_read16(ina, last->reg, &now);
    if (status != ERGO_OK || now == last->is)
        return status;
    ergo__log(&ina->config.log, ERGO_LOG_WARNING,
              "%s %s: has lost its settings, and gets them again: did its supply fail?",
              ina->chip->name, ina->config.device);
    for (uint32_t i = 0; i < ina->kept_count && status == ERGO_OK; i++)
        status = write16(ina, ina->kept[i].reg, ina->kept[i].is);
    ina->lost_base = (ina->lost_base + ina->counted) % ERGO__INA_ACCUMULATOR;
    ina->counted = 0;
    return status;
}
