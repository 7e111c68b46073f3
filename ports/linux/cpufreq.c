/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ports/linux/knobs_linux.h"
#include "ports/linux/small_file.h"

/* Policies of cpufreq: the clocks of the cores. */

#define RATES_MAX 256u
#define LADDER_STEPS 8u
#define MHZ 1000u

/* Where the driver does not know how long it takes: a slow regulator's time. */
#define UNKNOWN_SWITCH_US 10000u

typedef struct policy {
    char folder[ERGO__CLAMP_FOLDER];
    const char *name; /* "policy4" */
    uint64_t least, most, limit;
    uint32_t cpus[ERGO__KNOB_CPUS];
    uint32_t cpu_count;
} policy;

static bool number_in(const ergo_linux_knobs *knobs, const policy *p, const char *file,
                      uint64_t *out)
{
    char path[ERGO__SYSFS_PATH];
    int64_t value;
    if (!ergo__sysfs_path(path, knobs->root, "%s/%s", p->folder, file) ||
        ergo__sysfs_number(path, &value) != ERGO_OK || value < 0)
        return false;
    *out = (uint64_t)value;
    return true;
}

static bool text_in(ergo_linux_knobs *knobs, const policy *p, const char *file)
{
    char path[ERGO__SYSFS_PATH];
    return ergo__sysfs_path(path, knobs->root, "%s/%s", p->folder, file) &&
           ergo__linux_read_text(path, knobs->text, sizeof knobs->text);
}

static uint32_t rates_in(ergo_linux_knobs *knobs, const policy *p, const char *file,
                         uint64_t *rates, uint32_t count)
{
    if (!text_in(knobs, p, file))
        return count;
    char *end;
    for (const char *at = knobs->text; count < RATES_MAX; at = end) {
        const unsigned long long rate = strtoull(at, &end, 10);
        if (end == at)
            break;
        rates[count++] = rate;
    }
    return count;
}

/* Even steps where the driver takes any rate, of 100 MHz where the range is wide enough. */
static uint32_t ladder(const policy *p, uint64_t *rates)
{
    const uint64_t range = p->most - p->least;
    const uint64_t unit = range >= LADDER_STEPS * 100 * MHZ ? 100 * MHZ : MHZ;
    uint32_t count = 0;
    rates[count++] = p->least;
    for (uint32_t i = 1; i < LADDER_STEPS; i++) {
        const uint64_t rate = (p->least + range * i / LADDER_STEPS) / unit * unit;
        if (rate > p->least)
            rates[count++] = rate;
    }
    rates[count++] = p->most;
    return count;
}

/* What a driver lists leaves out boost, which counts where it is switched on. */
static uint32_t rates_of(ergo_linux_knobs *knobs, const policy *p, uint64_t *rates)
{
    char path[ERGO__SYSFS_PATH];
    int64_t boost = 0;
    uint32_t count = rates_in(knobs, p, "scaling_available_frequencies", rates, 0);
    if (count == 0)
        return ladder(p, rates);
    if (ergo__sysfs_path(path, knobs->root, "sys/devices/system/cpu/cpufreq/boost"))
        (void)ergo__sysfs_number(path, &boost);
    return boost == 1 ? rates_in(knobs, p, "scaling_boost_frequencies", rates, count) : count;
}

/* The clock of alike policies that this one can join; ERGO_KNOBS_MAX where there is none. */
static uint32_t alike(const ergo_linux_knobs *knobs)
{
    const ergo__linux_knob *own = &knobs->state[knobs->count];
    for (uint32_t i = 0; i < knobs->count; i++) {
        const ergo__linux_knob *other = &knobs->state[i];
        if (other->single && other->level_count == own->level_count &&
            memcmp(other->rate, own->rate, sizeof own->rate) == 0)
            return i;
    }
    return ERGO_KNOBS_MAX;
}

static uint32_t switch_us(const ergo_linux_knobs *knobs, const policy *p)
{
    uint64_t ns = 0;
    if (!number_in(knobs, p, "cpuinfo_transition_latency", &ns) || ns == 0 ||
        ns >= UINT32_MAX) /* "eternal" */
        return UNKNOWN_SWITCH_US;
    return (uint32_t)((ns + 999) / 1000);
}

static bool read_policy(ergo_linux_knobs *knobs, policy *p)
{
    if (!number_in(knobs, p, "cpuinfo_min_freq", &p->least) ||
        !number_in(knobs, p, "cpuinfo_max_freq", &p->most) || p->most < p->least || p->most == 0)
        return false;
    if (!number_in(knobs, p, "scaling_max_freq", &p->limit))
        p->limit = p->most;
    p->cpu_count = 0;
    if (text_in(knobs, p, "related_cpus") || text_in(knobs, p, "affected_cpus"))
        p->cpu_count = ergo__cpu_list(knobs->text, p->cpus, ERGO__KNOB_CPUS);
    return true;
}

static void add_policy(ergo_linux_knobs *knobs, const policy *p)
{
    uint64_t rates[RATES_MAX * 2];
    char what[64], name[ERGO_KNOB_NAME_MAX], path[ERGO__SYSFS_PATH];
    (void)snprintf(what, sizeof what, "cpufreq %s", p->name);
    if (knobs->clamp_count == ERGO__CLAMPS_MAX || knobs->count == ERGO_KNOBS_MAX ||
        !ergo__sysfs_path(path, knobs->root, "%s", p->folder)) {
        ergo__knob_found(knobs, p->folder, ERGO_E_LIMIT, "there are more clocks than ergo turns",
                         "%s", what);
        return;
    }
    ergo__knob_clock_levels(knobs, rates, rates_of(knobs, p, rates), p->limit, 1);
    const char *given = ergo__knob_board_name(knobs, p->name);
    const bool single = p->cpu_count == 1 && !given;
    uint32_t knob = single ? alike(knobs) : ERGO_KNOBS_MAX;
    if (knob == ERGO_KNOBS_MAX) {
        knob = knobs->count;
        (void)snprintf(name, sizeof name, "cpu%" PRIu32, p->cpu_count > 0 ? p->cpus[0] : 0);
        if (!ergo__knob_add(knobs, ERGO_KNOB_CLOCK, given ? given : name, path,
                            switch_us(knobs, p)))
            return;
        knobs->state[knob].single = single;
    }
    ergo__clamp *clamp = &knobs->clamps[knobs->clamp_count];
    *clamp = (ergo__clamp){.kind = &ergo__clamp_cpufreq};
    memcpy(clamp->folder, p->folder, sizeof clamp->folder);
    ergo__knob_clamp(knobs, what, knob);
    for (uint32_t i = 0; i < p->cpu_count; i++)
        if (p->cpus[i] < ERGO__KNOB_CPUS)
            knobs->knob_of_cpu[p->cpus[i]] = (uint8_t)knob;
}

void ergo__linux_find_cpufreq(ergo_linux_knobs *knobs)
{
    static const char folder[] = "sys/devices/system/cpu/cpufreq";
    char path[ERGO__SYSFS_PATH];
    if (!ergo__sysfs_path(path, knobs->root, "%s", folder) ||
        ergo__sysfs_list(path, "policy", &knobs->names) != ERGO_OK || knobs->names.count == 0) {
        ergo__knob_found(knobs, path, ERGO_E_NOT_FOUND,
                         "no driver sets the clocks of the cores: a virtual machine, or no "
                         "cpufreq driver is loaded",
                         "cpufreq");
        return;
    }
    for (uint32_t i = 0; i < knobs->names.count; i++) {
        policy p = {.name = knobs->names.name[i]};
        const int size = snprintf(p.folder, sizeof p.folder, "%s/%s", folder, p.name);
        if (size >= (int)sizeof p.folder)
            continue;
        if (read_policy(knobs, &p))
            add_policy(knobs, &p);
        else
            ergo__knob_found(knobs, p.folder, ERGO_E_UNSUPPORTED, "its limits cannot be read",
                             "cpufreq %s", p.name);
    }
    if (knobs->count == 1 && strncmp(knobs->list[0].info.name, "cpu", 3) == 0)
        memcpy(knobs->list[0].info.name, "cpu", sizeof "cpu");
}
