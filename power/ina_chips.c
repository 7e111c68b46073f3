/* SPDX-License-Identifier: Apache-2.0 */
#include "power/ina_chips.h"

#include <string.h>

/*
 * Sources are TI's datasheets: SBOS448 (INA219), SBOS547 (INA226), SBOS601 (INA230), SBOS644
 * (INA231), SBOS656 (INA260), SLYS021 (INA228), SLYS025 (INA238), SBOS576 (INA3221).
 *
 * Settings. All convert continuously and average:
 *   INA219   32 V, 320 mV; 32 samples of the shunt (17.02 ms), then one of the bus (0.53 ms): the
 *            current is seen nearly all the time, and the bus of a supply hardly moves
 *   INA226   16 x (1.1 + 1.1 ms), what Linux sets it to
 *   INA228,  16 x (1.052 ms bus + 1.052 ms shunt + 0.05 ms temperature); the accumulator counts
 *   INA238   each of the 16 apart
 *   INA3221  16 x (0.332 + 0.332 ms) for each channel that is on (bits 14 to 12)
 */

#define FULL_226 UINT64_C(81920000)
#define FULL_228 UINT64_C(163840000)

#define LIKE_226                                                                                   \
    .channels = 1, .shunt = 0x01, .bus = 0x02, .bytes = 2, .shunt_end = 32767, .numerator = 3125,  \
    .denominator = 1, .full_nv = FULL_226, .config = 0x00, .settings = 0x4527, .period_us = 35200, \
    .flag = 0x06, .flag_bit = 1u << 3, .alert = ERGO__INA_MASK

#define LIKE_219                                                                                   \
    .channels = 1, .shunt = 0x01, .bus = 0x02, .bytes = 2, .bus_shift = 3, .shunt_end = 32000,     \
    .numerator = 40000, .denominator = 1, .full_nv = 320000000, .config = 0x00,                    \
    .settings = 0x39EF, .period_us = 17552, .flag = 0x02, .flag_bit = 1u << 1, .clear = 0x03,      \
    .gain_ppm = 5000

#define LIKE_238                                                                                   \
    .channels = 1, .shunt = 0x04, .bus = 0x05, .bytes = 2, .shunt_end = 32767, .numerator = 15625, \
    .denominator = 1, .full_nv = FULL_228, .config = 0x01, .settings = 0xFB42, .period_us = 34464, \
    .alert = ERGO__INA_DIAG, .thermometer = true, .ranges = true

static const ergo__ina_chip chips[] = {
    {.name = "ina219", LIKE_219},
    {.name = "ina220", LIKE_219},
    {.name = "ina226", LIKE_226, .id = 0xFE, .die = 0x2260, .gain_ppm = 1000},
    {.name = "ina230", LIKE_226, .gain_ppm = 3000},
    {.name = "ina231", LIKE_226, .gain_ppm = 3000},
    {.name = "ina260", /* register 01h is the current, 1.25 mA a step */
     .channels = 1,
     .shunt = 0x01,
     .bus = 0x02,
     .bytes = 2,
     .shunt_end = 32767,
     .numerator = 25,
     .denominator = 16,
     .id = 0xFE,
     .die = 0x2270,
     .config = 0x00,
     .settings = 0x6527,
     .period_us = 35200,
     .flag = 0x06,
     .flag_bit = 1u << 3,
     .alert = ERGO__INA_MASK,
     .gain_ppm = 5000},
    {.name = "ina237", LIKE_238, .gain_ppm = 3000},
    {.name = "ina238", LIKE_238, .id = 0x3E, .die = 0x2380, .gain_ppm = 1000},
    {.name = "ina228",
     .channels = 1,
     .shunt = 0x04,
     .bus = 0x05,
     .bytes = 3,
     .shunt_shift = 4,
     .bus_shift = 4,
     .shunt_end = 524287,
     .numerator = 15625,
     .denominator = 256,
     .full_nv = FULL_228,
     .id = 0x3E,
     .die = 0x2280,
     .config = 0x01,
     .settings = 0xFB42,
     .period_us = 34464,
     .alert = ERGO__INA_DIAG,
     .gain_ppm = 500,
     .counts = true,
     .thermometer = true,
     .ranges = true},
    {.name = "ina3221",
     .channels = 3,
     .shunt = 0x01,
     .bus = 0x02,
     .bytes = 2,
     .shunt_shift = 3,
     .bus_shift = 3,
     .bus_signed = true,
     .shunt_end = 4095,
     .numerator = 320000,
     .denominator = 1,
     .full_nv = 163800000,
     .id = 0xFE,
     .die = 0x3220,
     .config = 0x00,
     .settings = 0x0497,
     .period_us = 10624,
     .flag = 0x0F,
     .flag_bit = 1u << 0,
     .gain_ppm = 3300}, /* with half a step of 8 mV on a bus of 5 V, which no averaging removes */
};
#define CHIP_COUNT (sizeof chips / sizeof chips[0])

const ergo__ina_chip *ergo__ina_named(const char *name)
{
    for (size_t i = 0; i < CHIP_COUNT; i++)
        if (strcmp(chips[i].name, name) == 0)
            return &chips[i];
    return NULL;
}

const ergo__ina_chip *ergo__ina_identified(uint8_t id, uint16_t die)
{
    for (size_t i = 0; i < CHIP_COUNT; i++)
        if (chips[i].id == id && chips[i].die == (die & 0xFFF0u))
            return &chips[i];
    return NULL;
}

/* ---- Registers ----------------------------------------------------------------------------- */

static int32_t steps_of(const ergo__ina_chip *chip, const uint8_t *bytes, unsigned shift,
                        bool is_signed)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < chip->bytes; i++)
        value = value << 8 | bytes[i];
    const unsigned bits = 8u * chip->bytes - shift;
    value >>= shift;
    if (is_signed && (value >> (bits - 1) & 1) != 0)
        return (int32_t)value - (int32_t)(UINT32_C(1) << bits);
    return (int32_t)value;
}

int32_t ergo__ina_shunt_steps(const ergo__ina_chip *chip, const uint8_t *bytes)
{
    return steps_of(chip, bytes, chip->shunt_shift, true);
}

int32_t ergo__ina_bus_steps(const ergo__ina_chip *chip, const uint8_t *bytes)
{
    return steps_of(chip, bytes, chip->bus_shift, chip->bus_signed);
}

/* An INA260 gives amperes: there is nothing to divide by. */
static uint64_t divisor(const ergo__ina_chip *chip, bool fine, uint32_t shunt_uohm)
{
    return (uint64_t)chip->denominator * (chip->full_nv > 0 ? shunt_uohm : 1u) * (fine ? 4u : 1u);
}

/* 2^19 x 2^19 steps x 15625 are below 2^52; the other chips are far from that. */
int64_t ergo__ina_power_uw(const ergo__ina_chip *chip, bool fine, uint32_t shunt_uohm,
                           int32_t shunt_steps, int32_t bus_steps)
{
    const int64_t product = (int64_t)shunt_steps * bus_steps * (int64_t)chip->numerator;
    const int64_t by = (int64_t)divisor(chip, fine, shunt_uohm);
    return (product + (product < 0 ? -by / 2 : by / 2)) / by;
}

/* At SHUNT_CAL = 4096 a step of current is 312.5 nV over the shunt (78.125 in the fine range), one
 * of power 3.2 of that per volt, one of energy 16 of that: 16 uW s per ohm. */
uint64_t ergo__ina_energy_uj(bool fine, uint32_t shunt_uohm, uint64_t steps)
{
    const uint64_t scale = fine ? 4000000u : 16000000u;
    return steps / shunt_uohm * scale + steps % shunt_uohm * scale / shunt_uohm;
}

/* 7.8125 millidegrees a step; the INA238 leaves the lowest four bits 0. */
int32_t ergo__ina_temperature_mc(const uint8_t *bytes)
{
    int32_t steps = bytes[0] << 8 | bytes[1];
    if (steps >= 0x8000)
        steps -= 0x10000;
    return steps * 125 / 16;
}

uint64_t ergo__ina_limit(const ergo__ina_chip *chip, bool fine, uint32_t shunt_uohm, uint64_t uw)
{
    if (chip->full_nv == 0)
        return uw / 10000;      /* INA260: 10 mW a step */
    if (uw / 1000 > UINT32_MAX) /* megawatts: no chip can limit that, and no product overflows */
        return UINT64_MAX;
    const uint64_t whole = uw / 1000 * shunt_uohm;
    if (chip->alert == ERGO__INA_MASK)
        return whole / 62500;                 /* 25 steps of 2.5 uV over the shunt */
    return whole / (fine ? 64000u : 256000u); /* 256 steps of power */
}
