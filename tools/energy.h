/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_ENERGY_H
#define ERGO_TOOLS_ENERGY_H

#include "ergo/linux.h"
#include "ergo/power.h"
#include "tools/json_write.h"
#include "tools/options.h"
#include "tools/sim_file.h"

/**
 * The sensors of the board, their meter, and the account of one run. Zeroed is closed. Where no
 * sensor measures the whole board, `account` is NULL and a run has no energy: that is no failure.
 */
typedef struct energy {
    void *sensors_memory, *board_memory, *meter_memory, *account_memory;
    ergo_linux_sensors *sensors;
    const ergo_board *board;
    sim_file sim;         /**< the board, where it is a simulated one */
    ergo_board sim_board; /**< what is told of it */
    ergo_sensor *list;    /**< the board's sensors */
    size_t count;
    uint64_t total;   /**< which of them make the total, as bits */
    ergo_clock clock; /**< of the meter; zeroed: the system's */
    bool poll;        /**< the meter has no thread */
    ergo_meter *meter;
    ergo_account *account;
    uint64_t opened_ns; /**< when, on the meter's clock */
    uint64_t last_ns;   /**< end of what was accounted for last */
} energy;

/** Chooses the board: as --board says, else as the system does. */
tool_exit energy_board(energy *e, const common_options *options);

/** Finds sensors and board as --board and --sysfs-root say. Failures are reported. */
tool_exit energy_find(energy *e, const common_options *options);

/** Then opens the meter of all sensors, with its thread. Without sensors nothing is opened. */
tool_exit energy_meter(energy *e, const common_options *options);

/** Both, and an account of the total where there is one, for so many requests at once. */
tool_exit energy_open(energy *e, const common_options *options, uint32_t requests);

void energy_close(energy *e);

/** The time now on the meter's clock; 0 without a meter. */
uint64_t energy_now(const energy *e);

/** Sleeps until a moment on the meter's clock; a signal ends it early. */
void energy_wait(energy *e, uint64_t until_ns);

/** Begins a request: what one sequence or answer costs. 0 without an account. */
uint32_t energy_request(energy *e);

/** Ends it: its figures are gone. */
void energy_release(energy *e, uint32_t request);

/**
 * A simulated board does what the engine has just done, and the report then has the time that it
 * took there. Others have done it already. Before energy_step.
 */
void energy_play(energy *e, ergo_step_report *report);

/** What was done since `begin_ns`: loading and the like, or a step for some requests. */
void energy_loaded(energy *e, uint64_t begin_ns);
void energy_step(energy *e, uint64_t begin_ns, const ergo_account_share *shares, size_t count);

/** Nothing was done since then. To be said every few seconds: a meter forgets. */
void energy_idle(energy *e);

/** Waits for the readings of what was done, and settles the account. */
void energy_settle(energy *e);

/** ---- energy_report.c ---- */

/** Member "energy" of the JSON: null without an account. */
void energy_json(const energy *e, json_writer *json);

/** Member "energy" of a request; null without an account. */
void energy_request_json(const energy *e, uint32_t request, json_writer *json);

/** One line on stderr about a request; nothing without an account. */
void energy_request_print(const energy *e, uint32_t request);

/** One line on stderr; nothing without an account. */
void energy_print(const energy *e);

/** Part of the time of the run that readings cover. With an account only. */
double energy_coverage(const energy *e);

/** What ERGO_ENERGY_... flags mean: items of an array, or "; ..." on stderr. */
void energy_warnings_json(uint32_t flags, json_writer *json);
void energy_warnings_print(uint32_t flags);

/** What measures the whole: "ina3221 VDD_IN", or several joined by " + ". */
void energy_meter_text(const energy *e, char *text, size_t size);

/** Joules per token of a phase; NAN when it is not known. */
double energy_per_token(const energy *e, ergo_phase phase);

#endif
