/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/energy.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- Opening ------------------------------------------------------------------------------- */

static tool_exit read_board(energy *e, const common_options *options)
{
    const ergo_log log = common_log(options);
    file_text text = {NULL, 0};
    const tool_exit code = file_text_read(options->board, &text);
    if (code != TOOL_DONE)
        return code;
    const ergo_str str = {text.data, text.size};
    size_t size = 0;
    ergo_status status = ergo_board_size(str, &log, options->board, &size);
    if (status == ERGO_OK) {
        const ergo_block block = tool_block(size);
        e->board_memory = block.data;
        status = block.data == NULL ? ERGO_E_SYSTEM
                                    : ergo_board_parse(str, &log, options->board, block, &e->board);
    }
    file_text_free(&text);
    if (status != ERGO_OK)
        (void)tool_status(status, options->board);
    return status == ERGO_OK ? TOOL_DONE : TOOL_BAD_FILE;
}

tool_exit energy_board(energy *e, const common_options *options)
{
    const ergo_linux_config config = {.log = common_log(options), .root = options->sysfs_root};
    if (options->board == NULL) {
        e->board = ergo_linux_board(&config);
        return TOOL_DONE;
    }
    e->board = ergo_board_named(options->board);
    return e->board != NULL ? TOOL_DONE : read_board(e, options);
}

/* Finds the sensors of a simulated board. */
static tool_exit find_simulated(energy *e, const common_options *options)
{
    const tool_exit code = sim_file_open(options, &e->sim);
    if (code != TOOL_DONE)
        return code;
    const char *name = ergo_sim_name(e->sim.sim);
    e->sim_board = (ergo_board){.name = name, .title = name, .compatible = "", .note = ""};
    e->board = &e->sim_board;
    const ergo_sensor *list = ergo_sim_sensors(e->sim.sim, &e->count, &e->total);
    e->list = e->sensors_memory = tool_alloc(e->count, sizeof *list);
    if (e->list == NULL)
        return TOOL_FAILED;
    memcpy(e->list, list, e->count * sizeof *list);
    e->clock = ergo_sim_clock(e->sim.sim);
    e->poll = true;
    return TOOL_DONE;
}

tool_exit energy_find(energy *e, const common_options *options)
{
    ergo_linux_config config = {.log = common_log(options), .root = options->sysfs_root};
    tool_exit code = common_check(options);
    if (code == TOOL_DONE && sim_file_path(options) != NULL)
        return find_simulated(e, options);
    if (code == TOOL_DONE)
        code = energy_board(e, options);
    if (code != TOOL_DONE)
        return code;
    config.board = e->board;
    size_t size = 0;
    ergo_status status = ergo_linux_sensors_size(&config, &size);
    if (status == ERGO_OK) {
        const ergo_block block = tool_block(size);
        e->sensors_memory = block.data;
        status = block.data == NULL ? ERGO_E_SYSTEM
                                    : ergo_linux_sensors_open(&config, block, &e->sensors);
    }
    if (status != ERGO_OK)
        return tool_status(status, "sensors");
    e->list = ergo_linux_sensors_list(e->sensors, &e->count);
    e->total = ergo_board_apply(e->board, &config.log, e->list, e->count);
    return TOOL_DONE;
}

tool_exit energy_meter(energy *e, const common_options *options)
{
    if (e->count == 0)
        return TOOL_DONE;
    const ergo_meter_config config = {.log = common_log(options),
                                      .clock = e->clock,
                                      .poll = e->poll,
                                      .sensors = e->list,
                                      .sensor_count = (uint32_t)e->count,
                                      .total = e->total};
    size_t size = 0;
    ergo_status status = ergo_meter_size(&config, &size);
    if (status == ERGO_OK) {
        const ergo_block block = tool_block(size);
        e->meter_memory = block.data;
        status = block.data == NULL ? ERGO_E_SYSTEM : ergo_meter_open(&config, block, &e->meter);
    }
    if (status == ERGO_OK && e->sim.sim != NULL)
        ergo_sim_attach(e->sim.sim, e->meter);
    return status == ERGO_OK ? TOOL_DONE : tool_status(status, "meter");
}

/* Entries that wait for readings: some seconds of steps, with the shares of all requests. */
#define PENDING 1024u
#define PENDING_PER_REQUEST 32u

tool_exit energy_open(energy *e, const common_options *options, uint32_t requests)
{
    tool_exit code = energy_find(e, options);
    if (code == TOOL_DONE && e->total != 0)
        code = energy_meter(e, options);
    if (code != TOOL_DONE || e->meter == NULL)
        return code;
    const ergo_account_config config = {.log = common_log(options),
                                        .meter = e->meter,
                                        .sensor = ERGO_METER_TOTAL,
                                        .max_requests = requests,
                                        .max_pending = PENDING + PENDING_PER_REQUEST * requests};
    size_t size = 0;
    ergo_status status = ergo_account_size(&config, &size);
    if (status == ERGO_OK) {
        const ergo_block block = tool_block(size);
        e->account_memory = block.data;
        status =
            block.data == NULL ? ERGO_E_SYSTEM : ergo_account_open(&config, block, &e->account);
    }
    e->opened_ns = energy_now(e);
    return status == ERGO_OK ? TOOL_DONE : tool_status(status, "account");
}

void energy_close(energy *e)
{
    ergo_meter_close(e->meter);
    ergo_linux_sensors_close(e->sensors);
    free(e->account_memory);
    free(e->meter_memory);
    free(e->board_memory);
    free(e->sensors_memory);
    sim_file_close(&e->sim);
    memset(e, 0, sizeof *e);
}

/* ---- Accounting ---------------------------------------------------------------------------- */

uint64_t energy_now(const energy *e)
{
    return e->meter != NULL ? ergo_meter_now(e->meter) : 0;
}

void energy_wait(energy *e, uint64_t until_ns)
{
    const uint64_t now = energy_now(e);
    if (now >= until_ns)
        return;
    const uint64_t ns = until_ns - now;
    if (e->sim.sim != NULL) {
        ergo_sim_sleep(e->sim.sim, ns);
        return;
    }
    const struct timespec pause = {.tv_sec = (time_t)(ns / 1000000000),
                                   .tv_nsec = (long)(ns % 1000000000)};
    (void)nanosleep(&pause, NULL);
}

uint32_t energy_request(energy *e)
{
    uint32_t request = 0;
    if (e->account != NULL)
        (void)ergo_account_request(e->account, &request); /* as many as energy_open was told */
    return request;
}

void energy_release(energy *e, uint32_t request)
{
    if (e->account != NULL)
        ergo_account_release(e->account, request);
}

static void add_phase(energy *e, ergo_phase phase, uint64_t begin_ns)
{
    if (e->account == NULL)
        return;
    e->last_ns = energy_now(e);
    (void)ergo_account_phase(e->account, phase, begin_ns, e->last_ns);
    ergo_account_settle(e->account, false);
}

void energy_loaded(energy *e, uint64_t begin_ns)
{
    add_phase(e, ERGO_PHASE_LOAD, begin_ns);
}

void energy_idle(energy *e)
{
    add_phase(e, ERGO_PHASE_IDLE, e->last_ns > e->opened_ns ? e->last_ns : e->opened_ns);
}

void energy_play(energy *e, ergo_step_report *report)
{
    if (e->sim.sim == NULL)
        return;
    const uint64_t begin = energy_now(e);
    ergo_sim_run(e->sim.sim, &report->work);
    report->elapsed_ns = energy_now(e) - begin;
}

void energy_step(energy *e, uint64_t begin_ns, const ergo_account_share *shares, size_t count)
{
    if (e->account == NULL)
        return;
    e->last_ns = energy_now(e);
    (void)ergo_account_step(e->account, begin_ns, e->last_ns, shares, count);
    ergo_account_settle(e->account, false);
}

void energy_settle(energy *e)
{
    if (e->account == NULL)
        return;
    const uint64_t end = energy_now(e);
    /* A sensor has a new reading within a second, or is too slow to wait for. */
    while (ergo_meter_known_ns(e->meter, ERGO_METER_TOTAL) < end &&
           energy_now(e) - end < UINT64_C(1000000000))
        energy_wait(e, energy_now(e) + UINT64_C(5000000));
    ergo_account_settle(e->account, true);
}
