/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_LINUX_JOURNAL_H
#define ERGO_LINUX_JOURNAL_H

#include "ergo/linux.h"
#include "ports/linux/clamp.h"
#include "ports/linux/sysfs.h"

/*
 * What files of the kernel held before they were written, so that somebody else can put it back.
 * A journal is a small text, PID.knobs in a folder that all processes share:
 *
 *     ergo-knobs 1 4711 88123 0c9f...            version, process, when it started, boot   sum
 *     sys/devices/.../policy0/scaling_max_freq 1800000                                     sum
 *
 * It is replaced as a whole, and on the disk, before what it names is written. Every line ends in a
 * sum of itself: what is damaged is refused. Nobody but this file's functions writes to a path out
 * of a journal, and they only to limits of cpufreq and devfreq.
 */

#define ERGO__JOURNAL_END ".knobs"

typedef struct ergo__journal {
    const ergo_log *log;
    const char *root;
    const char *folder;          /* as configured, or NULL */
    char path[ERGO__SYSFS_PATH]; /* its own, once held */
    bool held;
    bool said; /* that somebody else holds the knobs */
} ergo__journal;

/**
 * Writes the original limits of all clamps that are `journalled`. The first time it looks for other
 * processes: ERGO_E_STATE when one that lives has a journal, ERGO_E_PERMISSION when there is no
 * folder that can be written.
 */
ergo_status ergo__journal_write(ergo__journal *journal, const ergo__clamp *clamps, uint32_t count);

/** Removes the journal. Async-signal-safe. */
void ergo__journal_remove(ergo__journal *journal);

/** Looks at all journals: see ergo_linux_knobs_recover. */
ergo_status ergo__journals_recover(const ergo__journal *journal, ergo_linux_recovery *out);

/** ---- journal_folder.c: where journals are, and whose they are ---- */

typedef struct ergo__journal_owner {
    int32_t pid;
    uint64_t start; /* when the process started, in ticks since boot */
    char boot[40];
} ergo__journal_owner;

/** Number `which` of the folders that may hold journals; false when there is none. */
bool ergo__journal_folder(const ergo__journal *journal, int which, char path[ERGO__SYSFS_PATH]);

/** The folder to write to, made when need be, or an error. */
ergo_status ergo__journal_make_folder(const ergo__journal *journal, char path[ERGO__SYSFS_PATH]);

/** Holds the folder's lock: a descriptor to close, or -1. Waits a second at most. */
int ergo__journal_lock(const char *folder);

/** This process. */
void ergo__journal_self(const char *root, ergo__journal_owner *owner);

/** Whether the owner still runs, on this boot. */
bool ergo__journal_lives(const ergo__journal_owner *owner);

/** ---- journal_read.c ---- */

/**
 * Reads the owner from the first line. ERGO_E_FORMAT when it is damaged.
 */
ergo_status ergo__journal_head(int fd, ergo__journal_owner *owner);

/** Puts back what the journal says; counts in `out`. ERGO_E_PERMISSION: something was not. */
ergo_status ergo__journal_put_back(const ergo__journal *journal, const char *path, int fd,
                                   ergo_linux_recovery *out);

/** Ends a line of `size` bytes with its sum and a line break; 0 when it does not fit. */
size_t ergo__journal_seal(char *line, size_t size, size_t capacity);

#endif
