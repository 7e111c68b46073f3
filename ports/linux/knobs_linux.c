/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "ports/linux/knobs_linux.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/arena.h"
#include "runtime/base/log.h"

static ergo_linux_knobs *lay(ergo__arena *arena)
{
    return ERGO__TAKE_LINE(arena, ergo_linux_knobs, 1);
}

ergo_status ergo_linux_knobs_size(const ergo_linux_knobs_config *config, size_t *size)
{
    (void)config;
    ergo__arena arena = ergo__arena_counting();
    lay(&arena);
    *size = arena.used;
    return ERGO_OK;
}

/* ---- Turning ------------------------------------------------------------------------------- */

static bool is_clock(const ergo_knob *knob)
{
    return knob->info.kind != ERGO_KNOB_CORES;
}

/* Whether the kernel is lowering clocks for heat. Async-signal-safe. */
static bool is_hot(const ergo_linux_knobs *knobs)
{
    for (uint32_t i = 0; i < knobs->cooler_count; i++) {
        char state = '0';
        if (pread(knobs->coolers[i], &state, 1, 0) == 1 && state > '0' && state <= '9')
            return true;
    }
    return false;
}

static ergo_status check_knob(ergo_linux_knobs *knobs, uint32_t index)
{
    ergo__linux_knob *knob = &knobs->state[index];
    if (knob->yielded)
        return ERGO_E_STATE;
    const bool hot = is_hot(knobs);
    for (uint32_t i = 0; i < knobs->clamp_count; i++) {
        const ergo__clamp *clamp = &knobs->clamps[i];
        ergo__clamp_change change;
        if (clamp->knob != index || !clamp->turned)
            continue;
        const ergo_status status = ergo__clamp_check(clamp, hot, &change);
        if (status == ERGO_E_STATE) {
            knob->yielded = true;
            ergo__log(&knobs->log, ERGO_LOG_WARNING,
                      "knob %s: somebody else wrote %" PRIu64 " to %s/%s where ergo had %" PRIu64
                      ": it yields",
                      knobs->list[index].info.name, change.theirs, clamp->folder,
                      clamp->kind->file[change.file], change.ours);
        }
        if (status != ERGO_OK)
            return status;
    }
    return ERGO_OK;
}

static ergo_status refuse(ergo__linux_knob *knob, const ergo__clamp *clamp)
{
    if (!knob->said_refused)
        ergo__log(&knob->owner->log, ERGO_LOG_WARNING,
                  "knob %s: %s/%s: %s; 70-ergo.rules grants it to the group ergo",
                  knob->owner->list[knob->index].info.name, clamp->folder,
                  clamp->kind->file[ERGO__CLAMP_MAX], ergo_status_text(clamp->access));
    knob->said_refused = true;
    return clamp->access;
}

/* What the files of the knob hold goes into the journal, unless it is there. */
static ergo_status keep_originals(ergo_linux_knobs *knobs, uint32_t index)
{
    bool missing = false;
    for (uint32_t i = 0; i < knobs->clamp_count; i++) {
        ergo__clamp *clamp = &knobs->clamps[i];
        if (clamp->knob != index || clamp->journalled)
            continue;
        const ergo_status status = ergo__clamp_read(clamp, clamp->original);
        if (status != ERGO_OK)
            return status;
        clamp->journalled = missing = true;
    }
    if (!missing)
        return ERGO_OK;
    const ergo_status status =
        ergo__journal_write(&knobs->journal, knobs->clamps, knobs->clamp_count);
    for (uint32_t i = 0; i < knobs->clamp_count && status != ERGO_OK; i++)
        if (knobs->clamps[i].knob == index && !knobs->clamps[i].turned)
            knobs->clamps[i].journalled = false;
    return status;
}

static void say_clamped(ergo__linux_knob *knob, const ergo__clamp *clamp)
{
    if (knob->said_clamped || ergo__clamp_obeyed(clamp))
        return;
    knob->said_clamped = true;
    ergo__log(&knob->owner->log, ERGO_LOG_INFO,
              "knob %s: asked for %" PRIu64 ", the driver made it %" PRIu64 " .. %" PRIu64,
              knob->owner->list[knob->index].info.name, (uint64_t)clamp->asked,
              (uint64_t)clamp->seen[0], (uint64_t)clamp->seen[1]);
}

/* All clamps of the knob, or, after an error, none: those before are put as they were. */
static ergo_status turn(ergo__linux_knob *knob, uint64_t rate)
{
    ergo_linux_knobs *knobs = knob->owner;
    uint64_t before[ERGO__CLAMPS_MAX];
    ergo_status status = ERGO_OK;
    for (uint32_t i = 0; i < knobs->clamp_count; i++) {
        ergo__clamp *clamp = &knobs->clamps[i];
        if (clamp->knob != knob->index)
            continue;
        before[i] = clamp->asked;
        status = ergo__clamp_set(clamp, rate);
        if (status == ERGO_OK) {
            say_clamped(knob, clamp);
            continue;
        }
        for (uint32_t k = 0; k < i; k++)
            if (knobs->clamps[k].knob == knob->index)
                (void)(before[k] ? ergo__clamp_set(&knobs->clamps[k], before[k])
                                 : ergo__clamp_put_back(&knobs->clamps[k], is_hot(knobs)));
        return ergo__fail(&knobs->log, status, "knob %s: %s: %s",
                          knobs->list[knob->index].info.name, clamp->folder,
                          ergo_status_text(status));
    }
    return status;
}

static ergo_status set_clock(void *self, uint32_t level)
{
    ergo__linux_knob *knob = self;
    ergo_linux_knobs *knobs = knob->owner;
    if (level >= knob->level_count)
        return ERGO_E_ARGUMENT;
    for (uint32_t i = 0; i < knobs->clamp_count; i++)
        if (knobs->clamps[i].knob == knob->index && knobs->clamps[i].access != ERGO_OK)
            return refuse(knob, &knobs->clamps[i]);
    ergo_status status = knobs->over ? ERGO_E_STATE : check_knob(knobs, knob->index);
    if (status == ERGO_OK)
        status = keep_originals(knobs, knob->index);
    if (status != ERGO_OK)
        return status;
    /* A handler of a signal that puts everything back waits for this, and then it is over. */
    atomic_store(&knobs->turning, 1);
    status = knobs->over ? ERGO_E_STATE : turn(knob, knob->rate[level]);
    atomic_store(&knobs->turning, 0);
    return status;
}

static uint32_t nearest(const ergo__linux_knob *knob, uint64_t rate)
{
    uint32_t best = 0;
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < knob->level_count; i++) {
        const uint64_t at = knob->rate[i];
        const uint64_t off = at > rate ? at - rate : rate - at;
        if (off < least) {
            least = off;
            best = i;
        }
    }
    return best;
}

/* Of several policies the slowest counts. */
static ergo_status get_clock(void *self, uint32_t *level)
{
    const ergo__linux_knob *knob = self;
    uint64_t slowest = UINT64_MAX;
    for (uint32_t i = 0; i < knob->owner->clamp_count; i++) {
        const ergo__clamp *clamp = &knob->owner->clamps[i];
        uint64_t rate;
        if (clamp->knob != knob->index)
            continue;
        const ergo_status status = ergo__clamp_rate(clamp, &rate);
        if (status != ERGO_OK)
            return status;
        slowest = rate < slowest ? rate : slowest;
    }
    *level = nearest(knob, slowest);
    return ERGO_OK;
}

static ergo_status set_cores(void *self, uint32_t level)
{
    ergo__linux_knob *knob = self;
    if (level >= knob->level_count)
        return ERGO_E_ARGUMENT;
    return knob->owner->over ? ERGO_E_STATE : ergo__core_set(knob->owner, level);
}

static ergo_status get_cores(void *self, uint32_t *level)
{
    const ergo__linux_knob *knob = self;
    return ergo__core_get(knob->owner, knob, level);
}

/* ---- Adding -------------------------------------------------------------------------------- */

void ergo__knob_found(ergo_linux_knobs *knobs, const char *path, ergo_status status,
                      const char *advice, const char *format, ...)
{
    if (knobs->finding_count == ERGO__KNOB_FINDINGS)
        return;
    ergo_linux_finding *f = &knobs->findings[knobs->finding_count++];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(f->what, sizeof f->what, format, arguments);
    va_end(arguments);
    (void)snprintf(f->path, sizeof f->path, "%.*s", (int)sizeof f->path - 1, path);
    (void)snprintf(f->advice, sizeof f->advice, "%s", advice);
    f->status = status;
}

/* "fb000000.gpu" is also "fb000000.gpu-mali": drivers add to the name. */
const char *ergo__knob_board_name(const ergo_linux_knobs *knobs, const char *device)
{
    for (size_t i = 0; i < knobs->board->clock_count; i++) {
        const ergo_board_clock *clock = &knobs->board->clocks[i];
        const size_t size = strlen(clock->device);
        if (size > 0 && strncmp(clock->device, device, size) == 0 &&
            (device[size] == '\0' || device[size] == '-'))
            return clock->name;
    }
    return NULL;
}

static bool has_name(const ergo_linux_knobs *knobs, const char *name)
{
    for (uint32_t i = 0; i < knobs->count; i++)
        if (strcmp(knobs->list[i].info.name, name) == 0)
            return true;
    return false;
}

bool ergo__knob_add(ergo_linux_knobs *knobs, ergo_knob_kind kind, const char *name,
                    const char *path, uint32_t switch_us)
{
    if (knobs->count == ERGO_KNOBS_MAX) {
        ergo__knob_found(knobs, path, ERGO_E_LIMIT, "ergo turns 16 knobs at most", "%s", name);
        return false;
    }
    ergo__linux_knob *state = &knobs->state[knobs->count];
    ergo_knob *knob = &knobs->list[knobs->count];
    state->owner = knobs;
    state->index = knobs->count;
    *knob = (ergo_knob){.info = {.kind = kind,
                                 .levels = state->levels,
                                 .level_count = state->level_count,
                                 .switch_us = switch_us},
                        .set = kind == ERGO_KNOB_CORES ? set_cores : set_clock,
                        .get = kind == ERGO_KNOB_CORES ? get_cores : get_clock,
                        .self = state};
    (void)snprintf(knob->info.path, sizeof knob->info.path, "%.*s", ERGO_SENSOR_PATH_MAX - 1, path);
    (void)snprintf(knob->info.name, sizeof knob->info.name, "%.*s", ERGO_KNOB_NAME_MAX - 1, name);
    for (uint32_t i = 2; has_name(knobs, knob->info.name); i++)
        (void)snprintf(knob->info.name, sizeof knob->info.name, "%.*s#%" PRIu32,
                       ERGO_KNOB_NAME_MAX - 12, name, i);
    knobs->count++;
    return true;
}

static void sort_rates(uint64_t *rates, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        const uint64_t rate = rates[i];
        uint32_t at = i;
        for (; at > 0 && rates[at - 1] > rate; at--)
            rates[at] = rates[at - 1];
        rates[at] = rate;
    }
}

void ergo__knob_clock_levels(ergo_linux_knobs *knobs, uint64_t *rates, uint32_t count,
                             uint64_t most, uint32_t per_khz)
{
    ergo__linux_knob *knob = &knobs->state[knobs->count];
    uint32_t kept = 0;
    memset(knob, 0, sizeof *knob);
    sort_rates(rates, count);
    for (uint32_t i = 0; i < count; i++) {
        const bool again = kept > 0 && rates[i] / per_khz == rates[kept - 1] / per_khz;
        const bool fits = rates[i] / per_khz > 0 && rates[i] / per_khz <= UINT32_MAX;
        if (fits && !again && (kept == 0 || rates[i] <= most))
            rates[kept++] = rates[i];
    }
    knob->level_count = kept < ERGO_KNOB_LEVELS_MAX ? kept : ERGO_KNOB_LEVELS_MAX;
    for (uint32_t i = 0; i < knob->level_count; i++) {
        const uint32_t at =
            knob->level_count == kept ? i : i * (kept - 1) / (knob->level_count - 1);
        knob->rate[i] = rates[at];
        knob->levels[i].value = (uint32_t)(rates[at] / per_khz);
    }
}

void ergo__knob_clamp(ergo_linux_knobs *knobs, const char *what, uint32_t knob)
{
    ergo__clamp *clamp = &knobs->clamps[knobs->clamp_count++];
    char path[ERGO__SYSFS_PATH];
    clamp->knob = knob;
    ergo__clamp_open(clamp, knobs->root);
    if (!ergo__sysfs_path(path, knobs->root, "%s/%s", clamp->folder,
                          clamp->kind->file[ERGO__CLAMP_MAX]))
        path[0] = '\0';
    ergo__knob_found(knobs, path, clamp->access,
                     clamp->access == ERGO_OK
                         ? ""
                         : "install 70-ergo.rules for udev and join the group ergo, or run as root",
                     "%s", what);
}

/* ---- Open and close ------------------------------------------------------------------------ */

static void find_coolers(ergo_linux_knobs *knobs)
{
    char folder[ERGO__SYSFS_PATH], path[ERGO__SYSFS_PATH], type[48];
    if (!ergo__sysfs_path(folder, knobs->root, "sys/class/thermal") ||
        ergo__sysfs_list(folder, "cooling_device", &knobs->names) != ERGO_OK)
        return;
    for (uint32_t i = 0; i < knobs->names.count && knobs->cooler_count < ERGO__COOLERS_MAX; i++) {
        const char *name = knobs->names.name[i];
        if (!ergo__sysfs_path(path, folder, "%s/type", name) ||
            ergo__sysfs_text(path, type, sizeof type) != ERGO_OK ||
            (!strstr(type, "freq") && strcmp(type, "Processor") != 0) ||
            !ergo__sysfs_path(path, folder, "%s/cur_state", name))
            continue;
        const int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0)
            knobs->coolers[knobs->cooler_count++] = fd;
    }
}

static ergo__journal journal_of(const ergo_linux_knobs_config *config)
{
    return (ergo__journal){
        .log = &config->log, .root = config->root, .folder = config->journal, .held = false};
}

ergo_status ergo_linux_knobs_recover(const ergo_linux_knobs_config *config,
                                     ergo_linux_recovery *out)
{
    const ergo__journal journal = journal_of(config);
    return ergo__journals_recover(&journal, out);
}

ergo_status ergo_linux_knobs_open(const ergo_linux_knobs_config *config, ergo_block memory,
                                  ergo_linux_knobs **out)
{
    ergo__arena arena = ergo__arena_over(memory);
    ergo_linux_knobs *knobs = lay(&arena);
    if (arena.full)
        return ergo__fail(&config->log, ERGO_E_MEMORY, "knobs: need more than %zu bytes",
                          memory.size);
    memset(knobs, 0, sizeof *knobs);
    memset(knobs->knob_of_cpu, ERGO__NO_KNOB, sizeof knobs->knob_of_cpu);
    const ergo_linux_config system = {.log = config->log, .root = config->root};
    knobs->log = config->log;
    knobs->root = config->root;
    knobs->board = config->board ? config->board : ergo_linux_board(&system);
    knobs->journal = journal_of(config);
    knobs->journal.log = &knobs->log;
    ergo_linux_recovery recovery = {0};
    (void)ergo__journals_recover(&knobs->journal, &recovery); /* it has been logged */
    if (recovery.holder != 0)
        ergo__knob_found(knobs, "", ERGO_E_STATE, "it ends, or puts them back",
                         "knobs held by process %" PRId32, recovery.holder);
    find_coolers(knobs);
    ergo__linux_find_cpufreq(knobs);
    ergo__linux_find_devfreq(knobs);
    ergo__linux_find_core_sets(knobs);
    *out = knobs;
    return ERGO_OK;
}

/* In turn, whatever fails; only what all could do ends the journal. Async-signal-safe. */
static ergo_status put_back_clocks(ergo_linux_knobs *knobs)
{
    ergo_status status = ERGO_OK;
    const bool hot = is_hot(knobs);
    for (uint32_t i = 0; i < knobs->clamp_count; i++) {
        const ergo_status put = ergo__clamp_put_back(&knobs->clamps[i], hot);
        if (put != ERGO_OK && put != ERGO_E_NOT_FOUND)
            status = put;
    }
    if (status == ERGO_OK)
        ergo__journal_remove(&knobs->journal);
    return status;
}

void ergo_linux_knobs_restore_now(ergo_linux_knobs *knobs)
{
    if (!knobs)
        return;
    atomic_store(&knobs->over, 1);
    /* A write of another thread ends soon; one of this very thread never does. */
    const struct timespec pause = {.tv_nsec = 1000000};
    for (int i = 0; i < 20 && atomic_load(&knobs->turning); i++)
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
    (void)put_back_clocks(knobs);
}

void ergo_linux_knobs_close(ergo_linux_knobs *knobs)
{
    if (!knobs)
        return;
    const ergo_status status = put_back_clocks(knobs);
    if (status != ERGO_OK)
        ergo__log(&knobs->log, ERGO_LOG_ERROR, "knobs: not everything could be put back: %s",
                  ergo_status_text(status));
    ergo__core_put_back(knobs);
    for (uint32_t i = 0; i < knobs->clamp_count; i++)
        ergo__clamp_close(&knobs->clamps[i]);
    for (uint32_t i = 0; i < knobs->cooler_count; i++)
        (void)close(knobs->coolers[i]);
    knobs->count = knobs->clamp_count = knobs->cooler_count = 0;
}

const ergo_knob *ergo_linux_knobs_list(const ergo_linux_knobs *knobs, size_t *count)
{
    *count = knobs->count;
    return knobs->list;
}

const ergo_linux_finding *ergo_linux_knobs_findings(const ergo_linux_knobs *knobs, size_t *count)
{
    *count = knobs->finding_count;
    return knobs->findings;
}

ergo_status ergo_linux_knobs_check(ergo_linux_knobs *knobs, size_t index)
{
    return index < knobs->count ? check_knob(knobs, (uint32_t)index) : ERGO_E_ARGUMENT;
}

ergo_status ergo_linux_knobs_take(ergo_linux_knobs *knobs, size_t index)
{
    if (index >= knobs->count || !is_clock(&knobs->list[index]))
        return ERGO_E_ARGUMENT;
    ergo__linux_knob *knob = &knobs->state[index];
    if (!knob->yielded)
        return ERGO_OK;
    for (uint32_t i = 0; i < knobs->clamp_count; i++) {
        ergo__clamp *clamp = &knobs->clamps[i];
        if (clamp->knob != index)
            continue;
        clamp->journalled = false;
        clamp->turned = 0;
    }
    knob->yielded = false;
    return ERGO_OK;
}
