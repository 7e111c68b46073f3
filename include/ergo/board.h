/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_BOARD_H
#define ERGO_BOARD_H

#include "sensor.h"

/*
 * What a sensor list cannot tell: which rail is the whole board, which are parts of others, how
 * large the shunts really are, and which clocks there are. Descriptions of known boards are linked
 * in; a user's own comes from a text file in the same terms.
 */

#ifdef __cplusplus
extern "C" {
#endif

/** One rail of a board. Strings are matched exactly; empty ones match anything. */
typedef struct ergo_board_rail {
    const char *name;    /**< what it is called here, and the label that its driver gives */
    const char *chip;    /**< "ina3221"; "" for any */
    const char *address; /**< its device ends so: "1-0040"; "" for any */
    uint32_t channel;    /**< of the chip, from 1; 0: told by the label, or the only one */
    uint32_t
        shunt_uohm;     /**< the true shunt, where the driver may have a wrong one; 0: as it says */
    const char *within; /**< the rail that this one is a part of; "" when of none */
    bool total;         /**< part of the sum that is the whole board */
    bool i2c; /**< read register by register where no driver has the chip, which needs chip, an
                   address such as "1-0040" and the shunt */
} ergo_board_rail;

/** A clock that may be set: a cpufreq policy or a devfreq device. */
typedef struct ergo_board_clock {
    const char *name;   /**< "a76", "gpu", "memory" */
    const char *device; /**< "policy4", "fb000000.gpu" */
} ergo_board_clock;

typedef struct ergo_board {
    const char *name;  /**< "raspberry-pi-5" */
    const char *title; /**< "Raspberry Pi 5 Model B" */
    const char
        *compatible; /**< of the device tree, any of these, separated by spaces; "" for none */
    const ergo_board_rail *rails;
    size_t rail_count;
    const ergo_board_clock *clocks;
    size_t clock_count;
    const char *note; /**< what is not measured there, and what one can do about it */
} ergo_board;

/** The boards that are linked in, the generic one last. Static. */
const ergo_board *const *ergo_boards(size_t *count);

/** The board of that name, or NULL. */
const ergo_board *ergo_board_named(const char *name);

/**
 * The board whose device tree this is: `compatible` are the bytes of /proc/device-tree/compatible,
 * strings that end in NUL, most specific first. The generic board when none fits.
 */
const ergo_board *ergo_board_matching(ergo_bytes compatible);

/**
 * Bytes for ergo_board_parse. Reads a description:
 *
 *     # comment
 *     [board]
 *     name = my-robot
 *     compatible = acme,robot-v2        optional
 *     [rail BATTERY]
 *     chip = ina226                     optional, as are address, channel, shunt_uohm, within
 *     address = 1-0041
 *     shunt_uohm = 2000
 *     i2c = yes                         optional: for a chip that the kernel has no driver for
 *     total = yes
 *     [clock big]
 *     device = policy4
 *
 * Errors: ERGO_E_FORMAT, with file name, line, key and value in the log.
 */
ergo_status ergo_board_size(ergo_str text, const ergo_log *log, const char *file, size_t *size);
ergo_status ergo_board_parse(ergo_str text, const ergo_log *log, const char *file,
                             ergo_block memory, const ergo_board **out);

/**
 * Applies a board to the sensors of a system: gives them the names of its rails, sets
 * true_shunt_uohm where the board knows better, and returns which make the total, as a bit mask. 0
 * when a rail of the total is missing: the log names it.
 */
uint64_t ergo_board_apply(const ergo_board *board, const ergo_log *log, ergo_sensor *sensors,
                          size_t count);

#ifdef __cplusplus
}
#endif
#endif
