/* SPDX-License-Identifier: Apache-2.0 */
#include "ergo/board.h"

#include <string.h>

#include "runtime/base/log.h"

/* ---- Finding ------------------------------------------------------------------------------- */

static const ergo_board *last_board(void)
{
    size_t count;
    const ergo_board *const *boards = ergo_boards(&count);
    return boards[count - 1];
}

const ergo_board *ergo_board_named(const char *name)
{
    size_t count;
    const ergo_board *const *boards = ergo_boards(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(boards[i]->name, name) == 0)
            return boards[i];
    return NULL;
}

/* Whether `word` is one of the words of `list`. */
static bool lists(const char *list, const char *word, size_t size)
{
    for (const char *at = list; *at != '\0';) {
        const size_t length = strcspn(at, " ");
        if (length == size && memcmp(at, word, size) == 0)
            return true;
        at += length + (at[length] == ' ');
    }
    return false;
}

const ergo_board *ergo_board_matching(ergo_bytes compatible)
{
    size_t count;
    const ergo_board *const *boards = ergo_boards(&count);
    const char *text = compatible.data;
    for (size_t at = 0; at < compatible.size;) {
        const char *end = memchr(text + at, '\0', compatible.size - at);
        const size_t size = end ? (size_t)(end - (text + at)) : compatible.size - at;
        for (size_t i = 0; i < count; i++)
            if (size > 0 && lists(boards[i]->compatible, text + at, size))
                return boards[i];
        at += size + 1;
    }
    return last_board();
}

/* ---- Applying ------------------------------------------------------------------------------ */

static bool ends_with(const char *text, const char *end)
{
    const size_t size = strlen(text);
    const size_t tail = strlen(end);
    return tail <= size && strcmp(text + size - tail, end) == 0;
}

static bool measures_power(const ergo_sensor *sensor)
{
    return sensor->info.quantity == ERGO_QUANTITY_POWER ||
           sensor->info.quantity == ERGO_QUANTITY_ENERGY;
}

/* A sensor is a rail when it has its label, or sits at its address and channel. */
static bool is_rail(const ergo_board_rail *rail, const ergo_sensor *sensor)
{
    const ergo_sensor_info *info = &sensor->info;
    if (!measures_power(sensor) || (rail->chip[0] && strcmp(rail->chip, info->chip) != 0))
        return false;
    if (strcmp(rail->name, info->name) == 0)
        return true;
    const bool there = rail->address[0] == '\0' || ends_with(info->device, rail->address);
    return there && (rail->address[0] || rail->chip[0]) &&
           (rail->channel == 0 || rail->channel == info->channel);
}

static ergo_sensor *find_rail(const ergo_board_rail *rail, ergo_sensor *sensors, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(sensors[i].info.name, rail->name) == 0 && is_rail(rail, &sensors[i]))
            return &sensors[i];
    for (size_t i = 0; i < count; i++)
        if (is_rail(rail, &sensors[i]))
            return &sensors[i];
    return NULL;
}

/* What can only be the whole: one sensor of power, or the psys or only package of a processor. */
static uint64_t guess_total(const ergo_log *log, const ergo_sensor *sensors, size_t count)
{
    size_t found = 0;
    size_t which = 0;
    for (size_t i = 0; i < count; i++) {
        const char *name = sensors[i].info.name;
        if (!measures_power(&sensors[i]) || strchr(name, '/'))
            continue; /* no power, or a part of a package */
        if (strcmp(name, "psys") == 0 || strcmp(name, "VDD_IN") == 0)
            return UINT64_C(1) << i;
        found++;
        which = i;
    }
    if (found == 1)
        return UINT64_C(1) << which;
    if (found > 1)
        ergo__log(log, ERGO_LOG_WARNING,
                  "board: %zu sensors of power and no board file that says which is the whole",
                  found);
    return 0;
}

uint64_t ergo_board_apply(const ergo_board *board, const ergo_log *log, ergo_sensor *sensors,
                          size_t count)
{
    uint64_t total = 0;
    bool missing = false;
    if (count > ERGO_SENSORS_MAX)
        count = ERGO_SENSORS_MAX;
    for (size_t i = 0; i < board->rail_count; i++) {
        const ergo_board_rail *rail = &board->rails[i];
        ergo_sensor *sensor = find_rail(rail, sensors, count);
        if (!sensor) {
            missing = missing || rail->total;
            if (rail->total)
                ergo__log(log, ERGO_LOG_WARNING,
                          "board %s: rail %s, part of the total, was not found", board->name,
                          rail->name);
            continue;
        }
        const size_t size = strlen(rail->name);
        if (size < sizeof sensor->info.name)
            memcpy(sensor->info.name, rail->name, size + 1);
        sensor->true_shunt_uohm = rail->shunt_uohm;
        if (rail->shunt_uohm > 0 && sensor->info.shunt_uohm == 0)
            ergo__log(log, ERGO_LOG_WARNING,
                      "board %s: the shunt of rail %s stays as its driver has it, which does not "
                      "tell what that is",
                      board->name, rail->name);
        if (rail->total)
            total |= UINT64_C(1) << (sensor - sensors);
    }
    if (missing)
        return 0;
    return total != 0 ? total : guess_total(log, sensors, count);
}
