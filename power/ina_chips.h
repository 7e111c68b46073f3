/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_POWER_INA_CHIPS_H
#define ERGO_POWER_INA_CHIPS_H

#include "ergo/base.h"

/* What TI's power monitors differ in, and what their registers mean. No bus, no state. */

/** How ALERT is told what to do. */
typedef enum ergo__ina_alert {
    ERGO__INA_NO_ALERT,
    ERGO__INA_MASK, /* Mask/Enable 06h and Alert Limit 07h: INA226 and its like */
    ERGO__INA_DIAG, /* DIAG_ALRT 0Bh and PWR_LIMIT 11h: INA228 and its like */
} ergo__ina_alert;

typedef struct ergo__ina_chip {
    const char *name;
    uint8_t channels;
    uint8_t shunt, bus;             /* registers of channel 1; those of the next are 2 further */
    uint8_t bytes;                  /* of those registers */
    uint8_t shunt_shift, bus_shift; /* bits below the value */
    bool bus_signed;
    int32_t shunt_end; /* readings from here on are clipped */
    /* uW = shunt x bus x numerator / (denominator x shunt in uOhm) */
    uint32_t numerator, denominator;
    uint64_t full_nv; /* largest voltage at the shunt */
    uint8_t id;       /* register of the manufacturer's id, the die's is the next; 0: none */
    uint16_t die;     /* the upper 12 bits, which all revisions have */
    uint8_t config;   /* register of the conversion settings, and our value for it */
    uint16_t settings;
    uint32_t period_us; /* between results with it; of an INA3221 for each channel */
    uint8_t flag;       /* register of the conversion-ready flag; 0: none */
    uint16_t flag_bit;
    uint8_t clear; /* register to read so that the flag falls; 0: reading the flag does */
    ergo__ina_alert alert;
    uint32_t gain_ppm; /* largest gain error of shunt and bus, from the datasheet */
    bool counts;       /* has an energy accumulator */
    bool thermometer;
    bool ranges; /* ADCRANGE: a range of a quarter, with steps of a quarter */
} ergo__ina_chip;

/** The chip of that name, or NULL. */
const ergo__ina_chip *ergo__ina_named(const char *name);

/** The chip whose manufacturer's id is at `id` and which says `die` for itself, or NULL. */
const ergo__ina_chip *ergo__ina_identified(uint8_t id, uint16_t die);

/** The manufacturer's id of all that have one: "TI". */
#define ERGO__INA_MANUFACTURER 0x5449u

/** What the shunt's register says, in steps, of its `bytes` most significant first. */
int32_t ergo__ina_shunt_steps(const ergo__ina_chip *chip, const uint8_t *bytes);

/** The same of the bus. */
int32_t ergo__ina_bus_steps(const ergo__ina_chip *chip, const uint8_t *bytes);

/** Microwatts, rounded to the nearest. `fine`: ADCRANGE is 1. An INA260 ignores the shunt. */
int64_t ergo__ina_power_uw(const ergo__ina_chip *chip, bool fine, uint32_t shunt_uohm,
                           int32_t shunt_steps, int32_t bus_steps);

/** Microjoules of the accumulator's 40 bits, or of 2^40, where it starts again. */
uint64_t ergo__ina_energy_uj(bool fine, uint32_t shunt_uohm, uint64_t steps);

/** Millidegrees of DIETEMP. */
int32_t ergo__ina_temperature_mc(const uint8_t *bytes);

/** The register that limits power to `uw`; more than 0xffff when the chip cannot. */
uint64_t ergo__ina_limit(const ergo__ina_chip *chip, bool fine, uint32_t shunt_uohm, uint64_t uw);

/** Calibrations at which a step of current is a step of the shunt's voltage over the shunt. */
#define ERGO__INA_CALIBRATION_226 2048u
#define ERGO__INA_CALIBRATION_228 4096u

#endif
