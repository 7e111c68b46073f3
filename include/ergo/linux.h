/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_LINUX_H
#define ERGO_LINUX_H

#include "board.h"
#include "ina.h"
#include "knob.h"
#include "sensor.h"

/*
 * What a Linux system has to measure with (hwmon, IIO, powercap, power_supply, thermal zones,
 * clocks) and to steer with (cpufreq, devfreq and the CPUs that a process may use). Files are
 * opened once and stay open.
 */

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ergo_linux_config {
    ergo_log log;
    const char *root; /**< before every path (/sys, /proc, /dev); NULL or "": the system's own */
    const ergo_board *board; /**< NULL, or: whose rails with `i2c` are looked for too; must outlive
                                  the sensors */
} ergo_linux_config;

/** Something that was found, or found missing: what `run-model power list` shows. */
typedef struct ergo_linux_finding {
    char what[64];                   /**< "ina3221 VDD_IN", "cpufreq policy4", "rapl package-0" */
    char path[ERGO_SENSOR_PATH_MAX]; /**< the file that matters */
    ergo_status status;              /**< ERGO_OK, ERGO_E_PERMISSION, ERGO_E_NOT_FOUND, ... */
    char advice[192];                /**< how to make it work, where it does not; else "" */
} ergo_linux_finding;

/** ---- Sensors ----------------------------------------------------------------------------- */

typedef struct ergo_linux_sensors ergo_linux_sensors;

/** Bytes for ergo_linux_sensors_open, whatever it finds. */
ergo_status ergo_linux_sensors_size(const ergo_linux_config *config, size_t *size);

/**
 * Looks for sensors and opens those that can be read. Finding none is no error. Error:
 * ERGO_E_MEMORY.
 */
ergo_status ergo_linux_sensors_open(const ergo_linux_config *config, ergo_block memory,
                                    ergo_linux_sensors **out);

/** Closes the files. Meters that use the sensors must be closed before. NULL is ignored. */
void ergo_linux_sensors_close(ergo_linux_sensors *sensors);

/** The sensors; valid until closed. Names are unique. May be changed by ergo_board_apply. */
ergo_sensor *ergo_linux_sensors_list(ergo_linux_sensors *sensors, size_t *count);

/** What was looked at, sensors and the rest. Valid until closed. */
const ergo_linux_finding *ergo_linux_sensors_findings(const ergo_linux_sensors *sensors,
                                                      size_t *count);

/** The linked-in board that this system is (ergo_board_matching). */
const ergo_board *ergo_linux_board(const ergo_linux_config *config);

/** ---- Knobs ------------------------------------------------------------------------------- */

/*
 * Clocks are set by their limits, min = max, which every governor of the kernel obeys. Whatever is
 * turned is put back: by close, by ergo_linux_knobs_restore_now in the handler of a signal, and,
 * after a kill, by whoever opens knobs next. For that, what a file held is written to a journal,
 * and the journal to the disk, before the file is written for the first time. Without a journal
 * nothing is turned. The kernel itself forgets limits when it starts anew.
 *
 * One process turns at a time; for others `set` answers ERGO_E_STATE and the log names the process.
 */

typedef struct ergo_linux_knobs_config {
    ergo_log log;
    const char *root;        /**< before every path; NULL or "": the system's own */
    const ergo_board *board; /**< gives clocks their names; NULL: the board that this system is */
    const char *journal;     /**< folder of the journals, not below `root`. NULL: /run/ergo, or
                                  $XDG_RUNTIME_DIR/ergo where that cannot be written; below `root` */
} ergo_linux_knobs_config;

typedef struct ergo_linux_knobs ergo_linux_knobs;

/** Bytes for ergo_linux_knobs_open, whatever it finds. */
ergo_status ergo_linux_knobs_size(const ergo_linux_knobs_config *config, size_t *size);

/**
 * Puts back what processes that have died left turned (ergo_linux_knobs_recover), then looks for
 * knobs; turns none. Finding none is no error. The knobs are
 *
 *   - a clock for each cpufreq policy, named by the board, else "cpu4" by its first CPU, or "cpu"
 *     where there is one. Alike policies of one CPU each are one clock. Levels are what the driver
 *     lists, or steps between its limits, up to the limit in force: that of the administrator;
 *   - "memory" and "gpu" among the devfreq devices; others, such as NPUs, where the board names
 * them;
 *   - "cores": sets of CPUs, the most capable first ("big2", "little4", "all8"), with the number of
 *     threads to use. It moves every thread of the process.
 *
 * What cannot be written is listed too: `set` answers ERGO_E_PERMISSION. Error: ERGO_E_MEMORY.
 */
ergo_status ergo_linux_knobs_open(const ergo_linux_knobs_config *config, ergo_block memory,
                                  ergo_linux_knobs **out);

/** Puts back what was turned, removes the journal and closes the files. NULL is ignored. */
void ergo_linux_knobs_close(ergo_linux_knobs *knobs);

/** The knobs; valid until closed. */
const ergo_knob *ergo_linux_knobs_list(const ergo_linux_knobs *knobs, size_t *count);

/** What was looked at, found or missing, and how to grant it. Valid until closed. */
const ergo_linux_finding *ergo_linux_knobs_findings(const ergo_linux_knobs *knobs, size_t *count);

/**
 * Whether knob `index` of the list is as it was last turned. ERGO_E_STATE when somebody else has
 * turned it since (the log names file and values, once): from then on the knob yields, its `set`
 * answers ERGO_E_STATE and what the other wrote stays. That the kernel lowers a clock for heat is
 * nobody else. `set` checks the same first.
 */
ergo_status ergo_linux_knobs_check(ergo_linux_knobs *knobs, size_t index);

/** Takes back a knob that has yielded; what is in force now is what will be put back. */
ergo_status ergo_linux_knobs_take(ergo_linux_knobs *knobs, size_t index);

/**
 * Puts back what was turned and removes the journal, for the handler of a signal that ends the
 * process: async-signal-safe, from any thread. Afterwards `set` answers ERGO_E_STATE. NULL is
 * ignored.
 */
void ergo_linux_knobs_restore_now(ergo_linux_knobs *knobs);

/** What ergo_linux_knobs_recover found. */
typedef struct ergo_linux_recovery {
    uint32_t journals; /**< of processes that died since the system started, now removed */
    uint32_t restored; /**< files whose content was put back */
    uint32_t
        refused;    /**< lines that are damaged or name another file, and what cannot be written */
    uint32_t stale; /**< journals from before the system started: removed */
    int32_t holder; /**< a living process that has knobs turned; 0: none */
} ergo_linux_recovery;

/**
 * Puts back what processes left turned that have died without doing so. `out` may be NULL. Error:
 * ERGO_E_PERMISSION when a file or the journal cannot be written: the journal then stays.
 */
ergo_status ergo_linux_knobs_recover(const ergo_linux_knobs_config *config,
                                     ergo_linux_recovery *out);

/** ---- I2C --------------------------------------------------------------------------------- */

/** A chip on a bus that the kernel has no driver for, or none bound. */
typedef struct ergo_linux_i2c_config {
    ergo_log log;
    const char *root; /**< before every path; NULL or "": the system's own */
    uint32_t bus;     /**< N of /dev/i2c-N */
    uint8_t address;  /**< of 7 bits, 0x08 .. 0x77 */
} ergo_linux_i2c_config;

typedef struct ergo_linux_i2c ergo_linux_i2c;

size_t ergo_linux_i2c_size(void);

/**
 * Opens the chip; whether one answers shows at its first register. An address that a driver of the
 * kernel owns is not touched. Errors: ERGO_E_NOT_FOUND (no such bus), ERGO_E_PERMISSION,
 * ERGO_E_STATE (a driver owns it: named in the log), ERGO_E_ARGUMENT, ERGO_E_MEMORY.
 */
ergo_status ergo_linux_i2c_open(const ergo_linux_i2c_config *config, ergo_block memory,
                                ergo_linux_i2c **out);

/** What ergo_ina_config wants of it. Valid until closed. */
ergo_i2c ergo_linux_i2c_device(ergo_linux_i2c *i2c);

/** Those who use the chip must be closed before. NULL is ignored. */
void ergo_linux_i2c_close(ergo_linux_i2c *i2c);

#ifdef __cplusplus
}
#endif
#endif
