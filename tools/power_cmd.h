/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_POWER_CMD_H
#define ERGO_TOOLS_POWER_CMD_H

#include "tools/energy.h"
#include "tools/energy_sum.h"
#include "tools/tool.h"

/* The subcommands of run-model power, and what they share. argv[0] is the subcommand's name. */

int power_list(int argc, char **argv);
int power_watch(int argc, char **argv);
int power_check(int argc, char **argv);
int power_record(int argc, char **argv);
int power_replay(int argc, char **argv);
int power_restore(int argc, char **argv);

/** Whether sensor i measures power or energy. */
bool power_measures(const energy *e, size_t i);

/** How many do. */
size_t power_count(const energy *e);

/** What the board says of sensor i: the rail that it is a part of; NULL for none. */
const char *power_part_of(const energy *e, size_t i);

/** TOOL_DONE, or TOOL_DEVICE after a message where no sensor measures power. */
tool_exit power_need_sensor(const energy *e);

/** TOOL_DONE, or TOOL_USAGE after a message: a simulated board runs no COMMAND. */
tool_exit power_need_real(const common_options *options);

/** Of a sensor, or ERGO_METER_TOTAL, what it is called. */
const char *power_name(const energy *e, uint32_t sensor);

/** Waits for the reading that ends a window: a second at most. */
void power_await(energy *e, uint64_t end_ns);

/** The energy of every rail, and of the total, since a moment. */
typedef struct power_sums {
    energy_sum rail[ERGO_SENSORS_MAX]; /**< by number of the sensor; unused for temperatures */
    energy_sum total;
} power_sums;

void power_sums_begin(power_sums *sums, const energy *e, uint64_t begin_ns);

/** To be called every second or so. */
void power_sums_keep(power_sums *sums, const energy *e);

/** Of sensor i, or ERGO_METER_TOTAL. False where there is none. */
bool power_sums_get(const power_sums *sums, const energy *e, uint32_t sensor, uint64_t end_ns,
                    ergo_energy *out);

/** All of them, a line each on stderr. */
void power_sums_print(const power_sums *sums, const energy *e, uint64_t end_ns);

/** The same as members "rails" and "total" of the JSON. */
void power_sums_json(const power_sums *sums, const energy *e, uint64_t end_ns, json_writer *json);

/**
 * Runs a command and waits for it; its standard output goes to standard error where `quiet`. After
 * Ctrl-C it has two seconds to end, then it is asked to. Returns its exit code, 128 and the signal
 * that ended it, or 127 after a message when it could not be started; TOOL_FAILED when there is
 * no process to be had. Until it ends `wait` is called again and again; it takes some 20 ms.
 */
int power_run(char **command, bool quiet, void (*wait)(void *user), void *user);

#endif
