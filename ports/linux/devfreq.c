/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ports/linux/knobs_linux.h"
#include "ports/linux/small_file.h"

/* Devices of devfreq: memory controllers and GPUs. Files are in Hz. */

#define RATES_MAX 256u
#define PER_KHZ 1000u

/* Devfreq does not say: memory is retrained, which takes milliseconds. */
#define MEMORY_SWITCH_US 10000u
#define DEVICE_SWITCH_US 2000u

static bool has_any(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strstr(text, *words))
            return true;
    return false;
}

/* What a device is by its name; NULL for those that are left alone. */
static const char *known(const char *device)
{
    static const char *const memories[] = {"dmc", "emc", "ddr", "dram", "memory", NULL};
    static const char *const gpus[] = {"gpu",   "mali",  "panfrost", "panthor",
                                       "gv11b", "ga10b", NULL};
    if (has_any(device, memories))
        return "memory";
    return has_any(device, gpus) ? "gpu" : NULL;
}

static ergo_knob_kind kind_of(const char *name, const char *device)
{
    const char *is = known(device);
    return strncmp(name, "mem", 3) == 0 || (is && strcmp(is, "memory") == 0) ? ERGO_KNOB_MEMORY
                                                                             : ERGO_KNOB_CLOCK;
}

static uint32_t read_rates(ergo_linux_knobs *knobs, const char *folder, uint64_t *rates)
{
    char path[ERGO__SYSFS_PATH];
    uint32_t count = 0;
    if (!ergo__sysfs_path(path, knobs->root, "%s/available_frequencies", folder) ||
        !ergo__linux_read_text(path, knobs->text, sizeof knobs->text))
        return 0;
    char *end;
    for (const char *at = knobs->text; count < RATES_MAX; at = end) {
        const unsigned long long rate = strtoull(at, &end, 10);
        if (end == at)
            break;
        rates[count++] = rate;
    }
    return count;
}

static void add_device(ergo_linux_knobs *knobs, const char *device)
{
    uint64_t rates[RATES_MAX];
    char folder[ERGO__CLAMP_FOLDER], path[ERGO__SYSFS_PATH], what[80];
    (void)snprintf(what, sizeof what, "devfreq %s", device);
    const char *name = ergo__knob_board_name(knobs, device);
    if (!name)
        name = known(device);
    const int size = snprintf(folder, sizeof folder, "sys/class/devfreq/%s", device);
    if (size >= (int)sizeof folder || !ergo__sysfs_path(path, knobs->root, "%s", folder))
        return;
    if (!name) {
        ergo__knob_found(knobs, path, ERGO_E_UNSUPPORTED,
                         "left alone: name it in a board file to have it turned", "%s", what);
        return;
    }
    const uint32_t count = read_rates(knobs, folder, rates);
    if (count == 0 || knobs->clamp_count == ERGO__CLAMPS_MAX || knobs->count == ERGO_KNOBS_MAX) {
        ergo__knob_found(knobs, path, count == 0 ? ERGO_E_UNSUPPORTED : ERGO_E_LIMIT,
                         count == 0 ? "its driver lists no frequencies" : "", "%s", what);
        return;
    }
    ergo__clamp *clamp = &knobs->clamps[knobs->clamp_count];
    *clamp = (ergo__clamp){.kind = &ergo__clamp_devfreq};
    memcpy(clamp->folder, folder, sizeof clamp->folder);
    int64_t limit = 0;
    char file[ERGO__SYSFS_PATH];
    if (!ergo__sysfs_path(file, path, "max_freq") || ergo__sysfs_number(file, &limit) != ERGO_OK ||
        limit <= 0)
        limit = INT64_MAX - PER_KHZ;
    /* The limit may be rounded down to a kHz. */
    ergo__knob_clock_levels(knobs, rates, count, (uint64_t)limit + PER_KHZ - 1, PER_KHZ);
    const ergo_knob_kind kind = kind_of(name, device);
    const uint32_t knob = knobs->count;
    if (ergo__knob_add(knobs, kind, name, path,
                       kind == ERGO_KNOB_MEMORY ? MEMORY_SWITCH_US : DEVICE_SWITCH_US))
        ergo__knob_clamp(knobs, what, knob);
}

void ergo__linux_find_devfreq(ergo_linux_knobs *knobs)
{
    char path[ERGO__SYSFS_PATH];
    if (!ergo__sysfs_path(path, knobs->root, "sys/class/devfreq") ||
        ergo__sysfs_list(path, "", &knobs->names) != ERGO_OK)
        return;
    for (uint32_t i = 0; i < knobs->names.count; i++)
        add_device(knobs, knobs->names.name[i]);
}
