/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_LINUX_KNOBS_LINUX_H
#define ERGO_LINUX_KNOBS_LINUX_H

#include <sched.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "ergo/linux.h"
#include "ports/linux/clamp.h"
#include "ports/linux/journal.h"
#include "ports/linux/sysfs.h"

/*
 * What the sources of knobs share. cpufreq.c and devfreq.c add clamps and the clocks that turn
 * them, core_sets.c adds the sets of CPUs; knobs_linux.c opens, turns and puts back.
 */

#define ERGO__KNOB_FINDINGS 64u
#define ERGO__KNOB_CPUS CPU_SETSIZE
#define ERGO__NO_KNOB 255u
#define ERGO__KNOB_THREADS 128u
#define ERGO__COOLERS_MAX 16u

typedef struct ergo__linux_knob {
    ergo_linux_knobs *owner;
    uint32_t index;
    uint32_t level_count;
    ergo_knob_level levels[ERGO_KNOB_LEVELS_MAX];
    uint64_t rate[ERGO_KNOB_LEVELS_MAX]; /* of a clock, in the unit of its files */
    bool single;                         /* of alike policies of one CPU each: more may join */
    bool yielded;                        /* somebody else has turned it */
    bool said_refused, said_clamped;     /* in the log, once each */
} ergo__linux_knob;

/** A thread of the process and where it was allowed to run before the first core set. */
typedef struct ergo__linux_thread {
    pid_t id;
    cpu_set_t cpus;
} ergo__linux_thread;

struct ergo_linux_knobs {
    ergo_log log;
    const char *root;
    const ergo_board *board;
    ergo_knob list[ERGO_KNOBS_MAX];
    ergo__linux_knob state[ERGO_KNOBS_MAX];
    uint32_t count;
    ergo__clamp clamps[ERGO__CLAMPS_MAX];
    uint32_t clamp_count;
    uint8_t knob_of_cpu[ERGO__KNOB_CPUS]; /* the clock of a CPU, or ERGO__NO_KNOB */
    ergo__journal journal;
    int coolers[ERGO__COOLERS_MAX]; /* states of what cools by lowering clocks: above 0, it does */
    uint32_t cooler_count;
    _Atomic uint32_t turning; /* a set is writing */
    _Atomic uint32_t over;    /* put back for good */

    cpu_set_t sets[ERGO_KNOB_LEVELS_MAX]; /* of the levels of "cores" */
    ergo__linux_thread threads[ERGO__KNOB_THREADS];
    uint32_t thread_count;

    ergo_linux_finding findings[ERGO__KNOB_FINDINGS];
    uint32_t finding_count;
    ergo__sysfs_names names; /* scratch of the sources */
    char text[4096];
};

/** ---- knobs_linux.c ---- */

/** Adds a finding. `advice` may be "". */
void ergo__knob_found(ergo_linux_knobs *knobs, const char *path, ergo_status status,
                      const char *advice, const char *format, ...)
    __attribute__((__format__(__printf__, 5, 6)));

/** The name that the board gives to a device, or NULL. */
const char *ergo__knob_board_name(const ergo_linux_knobs *knobs, const char *device);

/**
 * Adds a knob with the levels that lie at its end of the list (`state[count].levels`), its name
 * made unique; false, with a finding, when there are too many.
 */
bool ergo__knob_add(ergo_linux_knobs *knobs, ergo_knob_kind kind, const char *name,
                    const char *path, uint32_t switch_us);

/**
 * Sorts `count` rates, keeps those up to `most` (at least the lowest), at most
 * ERGO_KNOB_LEVELS_MAX, evenly, and makes them the levels of the knob that comes next.
 */
void ergo__knob_clock_levels(ergo_linux_knobs *knobs, uint64_t *rates, uint32_t count,
                             uint64_t most, uint32_t per_khz);

/** Opens the clamp at the end of the list and adds it to the knob; adds the finding too. */
void ergo__knob_clamp(ergo_linux_knobs *knobs, const char *what, uint32_t knob);

/** ---- The sources ---- */

void ergo__linux_find_cpufreq(ergo_linux_knobs *knobs);
void ergo__linux_find_devfreq(ergo_linux_knobs *knobs);
void ergo__linux_find_core_sets(ergo_linux_knobs *knobs);

/** ---- core_sets.c ---- */

ergo_status ergo__core_set(ergo_linux_knobs *knobs, uint32_t level);
ergo_status ergo__core_get(const ergo_linux_knobs *knobs, const ergo__linux_knob *knob,
                           uint32_t *level);
void ergo__core_put_back(ergo_linux_knobs *knobs);

/**
 * Reads numbers such as "0-3,7" or "0 1 2" and returns how many there are; the first `most` are
 * stored.
 */
uint32_t ergo__cpu_list(const char *text, uint32_t *cpus, uint32_t most);

#endif
