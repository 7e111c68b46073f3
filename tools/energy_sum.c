/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/energy_sum.h"

#include <math.h>

#define PIECE_NS UINT64_C(10000000000) /* the fastest sensors are remembered for 20 s */
#define FEW_READINGS 20u
#define ENOUGH_COVERED 0.95

energy_sum energy_sum_begin(uint32_t sensor, uint64_t begin_ns)
{
    return (energy_sum){.sensor = sensor, .begin_ns = begin_ns, .from_ns = begin_ns};
}

/* Errors of pieces are independent but for the tolerance of the scale. */
static void add(energy_sum *sum, const ergo_energy *piece)
{
    const double random = (double)(piece->error_uj - piece->gain_uj);
    ergo_energy *kept = &sum->kept;
    sum->random2 += random * random;
    kept->uj += piece->uj;
    kept->gain_uj += piece->gain_uj;
    kept->ns += piece->ns;
    kept->covered_ns += piece->covered_ns;
    kept->readings += piece->readings;
    kept->flags |= piece->flags & ~(ERGO_ENERGY_FEW | ERGO_ENERGY_GAPS);
}

void energy_sum_keep(energy_sum *sum, ergo_meter *meter)
{
    const uint64_t known = ergo_meter_known_ns(meter, sum->sensor);
    ergo_energy piece;
    /* Pieces of fixed length: a trace that is played is cut where it was when it was recorded. */
    while (known >= sum->from_ns + PIECE_NS &&
           ergo_meter_between(meter, sum->sensor, sum->from_ns, sum->from_ns + PIECE_NS, &piece) ==
               ERGO_OK) {
        add(sum, &piece);
        sum->from_ns += PIECE_NS;
    }
}

ergo_status energy_sum_get(const energy_sum *sum, ergo_meter *meter, uint64_t end_ns,
                           ergo_energy *out)
{
    energy_sum all = *sum;
    ergo_energy rest;
    const uint64_t end = end_ns > sum->from_ns ? end_ns : sum->from_ns;
    const ergo_status status = ergo_meter_between(meter, sum->sensor, sum->from_ns, end, &rest);
    if (status != ERGO_OK)
        return status;
    add(&all, &rest);
    ergo_energy *e = &all.kept;
    e->error_uj = (uint64_t)ceil(sqrt(all.random2)) + e->gain_uj;
    /* Judged of the whole: a short piece among long ones harms nothing. */
    if (e->readings < FEW_READINGS)
        e->flags |= ERGO_ENERGY_FEW;
    if ((double)e->covered_ns < ENOUGH_COVERED * (double)e->ns)
        e->flags |= ERGO_ENERGY_GAPS;
    *out = *e;
    return ERGO_OK;
}
