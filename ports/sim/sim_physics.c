/* SPDX-License-Identifier: Apache-2.0 */
#include "ports/sim/sim_physics.h"

#include <math.h>

static double hertz(const ergo__sim_cluster *c, uint32_t level)
{
    return (double)c->khz.item[level] * 1e3;
}

static double volts(const ergo__sim_cluster *c, uint32_t level)
{
    return (double)c->uv.item[level] * 1e-6;
}

ergo__sim_pace ergo__sim_pace_of(const ergo__sim_board *board, const ergo__sim_levels *levels,
                                 const ergo_work *work)
{
    const uint32_t *threads = board->cores[levels->cores].threads;
    const double bandwidth = (double)board->memory.bandwidth_mb_s.item[levels->memory] * 1e6;
    const double macs = (double)work->macs;
    const double bytes =
        (double)work->weight_bytes + (double)work->kv_bytes + (double)work->activation_bytes;
    double rate_macs = 0;
    double rate_cores = 0;
    for (uint32_t c = 0; c < board->cluster_count; c++) {
        const ergo__sim_cluster *cluster = &board->clusters[c];
        const double cycles = (double)threads[c] * hertz(cluster, levels->clock[c]) * 1e-3;
        rate_macs += cycles * (double)cluster->macs_per_kcycle;
        rate_cores += cycles * (double)cluster->bytes_per_kcycle;
    }
    const double rate_bytes = 1 / sqrt(1 / (rate_cores * rate_cores) + 1 / (bandwidth * bandwidth));
    const double t_c = macs / rate_macs;
    const double t_m = bytes / rate_bytes;
    const double t = cbrt(t_c * t_c * t_c + t_m * t_m * t_m) + (double)board->launch_ns * 1e-9;
    if (!(t > 0))
        return (ergo__sim_pace){.computes = true};
    return (ergo__sim_pace){
        .seconds = t, .busy = t_c < t ? t_c / t : 1, .bytes_per_s = bytes / t, .computes = true};
}

void ergo__sim_power(const ergo__sim_board *board, const ergo__sim_levels *levels,
                     const ergo__sim_pace *pace, double celsius, ergo__sim_watts *out)
{
    const ergo__sim_memory *memory = &board->memory;
    const uint32_t *threads = board->cores[levels->cores].threads;
    const double warmth = 1 + (double)board->thermal.leak_ppm_per_mc * 1e-6 * 1000 * (celsius - 25);
    out->memory = (double)memory->static_uw.item[levels->memory] * 1e-6 +
                  (double)memory->fj_per_byte.item[levels->memory] * 1e-15 * pace->bytes_per_s;
    out->total = (double)board->board_uw * 1e-6 + out->memory;
    for (uint32_t c = 0; c < board->cluster_count; c++) {
        const ergo__sim_cluster *cluster = &board->clusters[c];
        const double v = volts(cluster, levels->clock[c]);
        const double stalled = (double)cluster->stall_percent * 1e-2;
        const double leak = (double)cluster->cores * (double)cluster->leak_uw_per_v2 * 1e-6;
        out->cluster[c] = leak * v * v * warmth;
        if (pace->computes)
            out->cluster[c] += (double)threads[c] * (double)cluster->cap_pf * 1e-12 * v * v *
                               hertz(cluster, levels->clock[c]) *
                               (pace->busy + stalled * (1 - pace->busy));
        out->total += out->cluster[c];
    }
}

/* ---- Heat ---------------------------------------------------------------------------------- */

static double tau(const ergo__sim_board *board)
{
    return (double)board->thermal.tau_ms * 1e-3;
}

double ergo__sim_celsius_at_last(const ergo__sim_board *board, double ambient, double watts)
{
    return ambient + (double)board->thermal.r_mc_per_w * 1e-3 * watts;
}

double ergo__sim_celsius_after(const ergo__sim_board *board, double celsius, double last,
                               double seconds)
{
    return last + (celsius - last) * exp(-seconds / tau(board));
}

double ergo__sim_seconds_to(const ergo__sim_board *board, double celsius, double last, double to)
{
    const bool between = (celsius < to && to < last) || (last < to && to < celsius);
    return between ? tau(board) * log((last - celsius) / (last - to)) : INFINITY;
}
