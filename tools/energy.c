/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/energy.h"

#include <math.h>
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

static tool_exit choose_board(energy *e, const common_options *options,
                              const ergo_linux_config *config)
{
    if (options->board == NULL) {
        e->board = ergo_linux_board(config);
        return TOOL_DONE;
    }
    e->board = ergo_board_named(options->board);
    return e->board != NULL ? TOOL_DONE : read_board(e, options);
}

tool_exit energy_find(energy *e, const common_options *options)
{
    const ergo_linux_config config = {.log = common_log(options), .root = options->sysfs_root};
    tool_exit code = common_check(options);
    if (code == TOOL_DONE)
        code = choose_board(e, options, &config);
    if (code != TOOL_DONE)
        return code;
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
    size_t count;
    ergo_sensor *list = ergo_linux_sensors_list(e->sensors, &count);
    e->total = ergo_board_apply(e->board, &config.log, list, count);
    return TOOL_DONE;
}

tool_exit energy_meter(energy *e, const common_options *options)
{
    size_t count;
    const ergo_sensor *list = ergo_linux_sensors_list(e->sensors, &count);
    if (count == 0)
        return TOOL_DONE;
    const ergo_meter_config config = {.log = common_log(options),
                                      .sensors = list,
                                      .sensor_count = (uint32_t)count,
                                      .total = e->total};
    size_t size = 0;
    ergo_status status = ergo_meter_size(&config, &size);
    if (status == ERGO_OK) {
        const ergo_block block = tool_block(size);
        e->meter_memory = block.data;
        status = block.data == NULL ? ERGO_E_SYSTEM : ergo_meter_open(&config, block, &e->meter);
    }
    return status == ERGO_OK ? TOOL_DONE : tool_status(status, "meter");
}

tool_exit energy_open(energy *e, const common_options *options)
{
    tool_exit code = energy_find(e, options);
    if (code == TOOL_DONE && e->total != 0)
        code = energy_meter(e, options);
    if (code != TOOL_DONE || e->meter == NULL)
        return code;
    const ergo_account_config config = {
        .log = common_log(options), .meter = e->meter, .sensor = ERGO_METER_TOTAL};
    size_t size = 0;
    ergo_status status = ergo_account_size(&config, &size);
    if (status == ERGO_OK) {
        const ergo_block block = tool_block(size);
        e->account_memory = block.data;
        status =
            block.data == NULL ? ERGO_E_SYSTEM : ergo_account_open(&config, block, &e->account);
    }
    if (status == ERGO_OK)
        status = ergo_account_request(e->account, &e->request);
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
    memset(e, 0, sizeof *e);
}

/* ---- Accounting ---------------------------------------------------------------------------- */

uint64_t energy_now(const energy *e)
{
    return e->account != NULL ? ergo_meter_now(e->meter) : 0;
}

void energy_loaded(energy *e, uint64_t begin_ns)
{
    if (e->account != NULL)
        (void)ergo_account_phase(e->account, ERGO_PHASE_LOAD, begin_ns, energy_now(e));
}

void energy_step(energy *e, uint64_t begin_ns, uint32_t prefill_tokens, uint32_t decode_tokens)
{
    if (e->account == NULL)
        return;
    const ergo_account_share share = {e->request, prefill_tokens, decode_tokens};
    (void)ergo_account_step(e->account, begin_ns, energy_now(e), &share, 1);
    ergo_account_settle(e->account, false);
}

void energy_settle(energy *e)
{
    if (e->account == NULL)
        return;
    const uint64_t end = energy_now(e);
    const struct timespec pause = {.tv_nsec = 5000000};
    /* A sensor has a new reading within a second, or is too slow to wait for. */
    while (ergo_meter_known_ns(e->meter, ERGO_METER_TOTAL) < end &&
           energy_now(e) - end < UINT64_C(1000000000))
        (void)nanosleep(&pause, NULL);
    ergo_account_settle(e->account, true);
}

/* ---- Saying -------------------------------------------------------------------------------- */

static ergo_account_entry phase_of(const energy *e, ergo_phase phase)
{
    ergo_account_entry entry;
    ergo_account_get_phase(e->account, phase, &entry);
    return entry;
}

static uint64_t tokens_of(const ergo_account_entry *entry, ergo_phase phase)
{
    return phase == ERGO_PHASE_PREFILL ? entry->prefill_tokens : entry->decode_tokens;
}

double energy_per_token(const energy *e, ergo_phase phase)
{
    if (e->account == NULL)
        return NAN;
    const ergo_account_entry entry = phase_of(e, phase);
    const uint64_t tokens = tokens_of(&entry, phase);
    return tokens > 0 ? (double)entry.energy.uj * 1e-6 / (double)tokens : NAN;
}

/* "ina3221 VDD_IN", or several joined by " + ". */
static void meter_text(const energy *e, char *text, size_t size)
{
    size_t count;
    const ergo_sensor *list = ergo_linux_sensors_list(e->sensors, &count);
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < count && used < size; i++) {
        if ((e->total >> i & 1) == 0)
            continue;
        const ergo_sensor_info *info = &list[i].info;
        const bool says_chip = strncmp(info->name, info->chip, strlen(info->chip)) == 0;
        const int more = snprintf(text + used, size - used, "%s%s%s%s", used > 0 ? " + " : "",
                                  says_chip ? "" : info->chip, says_chip ? "" : " ", info->name);
        used += more > 0 ? (size_t)more : 0;
    }
}

static void phase_json(const energy *e, ergo_phase phase, const char *name, json_writer *json)
{
    const ergo_account_entry entry = phase_of(e, phase);
    const uint64_t tokens = tokens_of(&entry, phase);
    json_object(json, name);
    json_double(json, "joules", (double)entry.energy.uj * 1e-6);
    json_double(json, "error_joules", (double)entry.energy.error_uj * 1e-6);
    if (tokens > 0)
        json_double(json, "joules_per_token", energy_per_token(e, phase));
    else
        json_null(json, "joules_per_token");
    if (entry.idle_known)
        json_double(json, "above_idle_joules", (double)entry.above_idle_uj * 1e-6);
    else
        json_null(json, "above_idle_joules");
    json_double(json, "seconds", (double)entry.energy.ns * 1e-9);
    json_u64(json, "readings", entry.energy.readings);
    json_object_end(json);
}

/* Part of the time of the run that readings cover. */
static double coverage(const energy *e)
{
    ergo_account_entry entry;
    ergo_account_get_total(e->account, &entry);
    return entry.energy.ns > 0 ? (double)entry.energy.covered_ns / (double)entry.energy.ns : 0;
}

static uint32_t flags_of(const energy *e)
{
    return phase_of(e, ERGO_PHASE_PREFILL).energy.flags |
           phase_of(e, ERGO_PHASE_DECODE).energy.flags;
}

/* Why the figures are worth less than they look. */
static const struct {
    uint32_t flag;
    const char *text;
} warnings[] = {
    {ERGO_ENERGY_FEW, "too short for this sensor"},
    {ERGO_ENERGY_GAPS, "readings are missing"},
    {ERGO_ENERGY_STUCK, "the sensor repeated itself"},
    {ERGO_ENERGY_FAILED, "readings failed"},
    {ERGO_ENERGY_CLOCK, "the clock jumped or the system slept"},
    {ERGO_ENERGY_CLIPPED, "the run outlasted the meter's memory"},
};
#define WARNING_COUNT (sizeof warnings / sizeof *warnings)

void energy_json(const energy *e, json_writer *json)
{
    char text[256];
    uint64_t idle_uw;
    if (e->account == NULL) {
        json_null(json, "energy");
        return;
    }
    meter_text(e, text, sizeof text);
    json_object(json, "energy");
    json_text(json, "meter", text);
    json_text(json, "scope", e->board->name);
    json_double(json, "coverage", coverage(e));
    phase_json(e, ERGO_PHASE_LOAD, "load", json);
    phase_json(e, ERGO_PHASE_PREFILL, "prefill", json);
    phase_json(e, ERGO_PHASE_DECODE, "decode", json);
    phase_json(e, ERGO_PHASE_IDLE, "idle", json);
    if (ergo_account_idle(e->account, &idle_uw))
        json_double(json, "idle_watts", (double)idle_uw * 1e-6);
    else
        json_null(json, "idle_watts");
    json_array(json, "warnings");
    for (size_t i = 0; i < WARNING_COUNT; i++)
        if (flags_of(e) & warnings[i].flag)
            json_text(json, NULL, warnings[i].text);
    json_array_end(json);
    json_object_end(json);
}

void energy_print(const energy *e)
{
    char text[256];
    if (e->account == NULL)
        return;
    meter_text(e, text, sizeof text);
    (void)fprintf(stderr, "run-model: energy");
    static const struct {
        ergo_phase phase;
        const char *name;
    } rows[] = {{ERGO_PHASE_PREFILL, "prefill"}, {ERGO_PHASE_DECODE, "decode"}};
    for (size_t i = 0; i < 2; i++) {
        const ergo_account_entry entry = phase_of(e, rows[i].phase);
        const uint64_t tokens = tokens_of(&entry, rows[i].phase);
        (void)fprintf(stderr, " %s %.3f +- %.3f J", rows[i].name, (double)entry.energy.uj * 1e-6,
                      (double)entry.energy.error_uj * 1e-6);
        if (tokens > 0)
            (void)fprintf(stderr, " (%.4f J/token)", energy_per_token(e, rows[i].phase));
        (void)fputc(i == 0 ? ',' : ';', stderr);
    }
    (void)fprintf(stderr, " %s, %.0f %% covered", text, 100 * coverage(e));
    for (size_t i = 0; i < WARNING_COUNT; i++)
        if (flags_of(e) & warnings[i].flag)
            (void)fprintf(stderr, "; %s", warnings[i].text);
    (void)fputc('\n', stderr);
}
