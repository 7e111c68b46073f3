/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_ENERGY_SUM_H
#define ERGO_TOOLS_ENERGY_SUM_H

#include "ergo/meter.h"

/**
 * The energy of one sensor, or the total, over a window of any length: a meter remembers some
 * seconds of a fast sensor, so what is behind is taken over while it is still known.
 */
typedef struct energy_sum {
    uint32_t sensor;
    uint64_t begin_ns;
    uint64_t from_ns; /**< all before has been taken over */
    ergo_energy kept;
    double random2; /**< of it: squares of the errors that average out, uJ^2 */
} energy_sum;

energy_sum energy_sum_begin(uint32_t sensor, uint64_t begin_ns);

/** Takes over what is old enough. To be called every second or so. */
void energy_sum_keep(energy_sum *sum, ergo_meter *meter);

/** From the beginning to `end_ns`, which is not before what was taken over. */
ergo_status energy_sum_get(const energy_sum *sum, ergo_meter *meter, uint64_t end_ns,
                           ergo_energy *out);

#endif
