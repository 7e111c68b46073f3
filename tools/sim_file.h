/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_SIM_FILE_H
#define ERGO_TOOLS_SIM_FILE_H

#include "ergo/sim.h"
#include "tools/options.h"

/** The simulated board of a file. Zeroed is closed. */
typedef struct sim_file {
    void *memory;
    ergo_sim *sim;
} sim_file;

/** The file that --board names as sim:FILE; NULL where it names something else, or nothing. */
const char *sim_file_path(const common_options *options);

/** Opens that board. On failure prints why, and where in the file. */
tool_exit sim_file_open(const common_options *options, sim_file *out);
void sim_file_close(sim_file *file);

#endif
