/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_POWER_INA_STATE_H
#define ERGO_POWER_INA_STATE_H

#include "ergo/ina.h"
#include "power/ina_chips.h"

/* An open chip: how it is set up (ina_setup.c), and what it reads (ina.c). */

#define ERGO__INA_RESULTS_MAX (ERGO_INA_CHANNELS + 1)
#define ERGO__INA_KEPT_MAX 5

/** Where an INA228's accumulator starts again. */
#define ERGO__INA_ACCUMULATOR (UINT64_C(1) << 40)

/** Register of an INA228's alerts, which is read to let ALERT go. */
#define ERGO__INA_DIAG_REGISTER 0x0Bu

/* One sensor. */
typedef struct ergo__ina_result {
    ergo_ina *ina;
    uint32_t channel;   /* from 0 */
    ergo_status status; /* of the value */
    int64_t value;
} ergo__ina_result;

/* A register that is not ours: what it was, and what we made of it. */
typedef struct ergo__ina_kept {
    uint8_t reg;
    uint16_t was, is;
} ergo__ina_kept;

struct ergo_ina {
    ergo_ina_config config;
    const ergo__ina_chip *chip;
    ergo_sensor sensors[ERGO__INA_RESULTS_MAX];
    ergo__ina_result results[ERGO__INA_RESULTS_MAX];
    uint32_t count;
    uint32_t powers; /* of them, products of volts and amperes: the first ones */
    uint32_t period_us;
    ergo__ina_kept kept[ERGO__INA_KEPT_MAX];
    uint32_t kept_count;
    bool fine;          /* ADCRANGE */
    bool any;           /* a conversion was read */
    bool doubted;       /* the bus failed: the chip may have lost its supply, and its settings */
    uint64_t fresh_ns;  /* when the last conversion was read */
    uint64_t end_ns;    /* when it ended, where ALERT tells; else 0 */
    uint64_t counted;   /* the accumulator, last time */
    uint64_t lost_base; /* what it had counted before it was reset */
};

/** Reads a register of `size` bytes, or of 16 bits. */
ergo_status ergo__ina_read(const ergo_ina *ina, unsigned reg, uint8_t *bytes, size_t size);
ergo_status ergo__ina_read16(const ergo_ina *ina, unsigned reg, uint16_t *out);

/** Finds out which chip it is, and holds what the application says of it against that. */
ergo_status ergo__ina_identify(ergo_ina *ina);
ergo_status ergo__ina_check(ergo_ina *ina);

/** Sets the chip up. After an error too, what was written is put back by ergo__ina_put_back. */
ergo_status ergo__ina_set_up(ergo_ina *ina);
void ergo__ina_put_back(ergo_ina *ina);

/** Sets a chip up again that lost its supply: it starts with other settings, and counts from 0. */
ergo_status ergo__ina_set_up_again(ergo_ina *ina);

#endif
