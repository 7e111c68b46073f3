/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_LINUX_CLAMP_H
#define ERGO_LINUX_CLAMP_H

#include <stdatomic.h>

#include "ergo/base.h"

/*
 * A clock between two limits, both in files of the kernel: a cpufreq policy (kHz) or a devfreq
 * device (Hz). It is held at one rate by making both limits that rate. Kernels refuse a minimum
 * above the maximum, so the limit goes first that makes room for the other.
 */

#define ERGO__CLAMPS_MAX 128u
#define ERGO__CLAMP_FOLDER 112u

enum { ERGO__CLAMP_MIN, ERGO__CLAMP_MAX, ERGO__CLAMP_NOW, ERGO__CLAMP_FILES };

typedef struct ergo__clamp_kind {
    const char *file[ERGO__CLAMP_FILES];
    uint32_t per_khz; /* units of the files in a kHz: how far kernels round */
} ergo__clamp_kind;

extern const ergo__clamp_kind ergo__clamp_cpufreq, ergo__clamp_devfreq;

typedef struct ergo__clamp {
    char folder[ERGO__CLAMP_FOLDER]; /* below the root */
    const ergo__clamp_kind *kind;
    int fd[ERGO__CLAMP_FILES]; /* or -1 */
    ergo_status access;        /* of the limits, for writing */
    uint32_t knob;
    bool journalled;          /* `original` is in the journal */
    _Atomic uint32_t turned;  /* written since it was last put back */
    uint64_t original[2];     /* limits before the first write */
    _Atomic uint64_t asked;   /* what both limits were last set to */
    _Atomic uint64_t seen[2]; /* what they read after that */
} ergo__clamp;

/** What somebody else wrote over. */
typedef struct ergo__clamp_change {
    uint32_t file;
    uint64_t ours, theirs;
} ergo__clamp_change;

/** Opens the files, for writing where that is allowed. */
void ergo__clamp_open(ergo__clamp *clamp, const char *root);
void ergo__clamp_close(ergo__clamp *clamp);

/** Reads both limits. */
ergo_status ergo__clamp_read(const ergo__clamp *clamp, uint64_t limits[2]);

/** The rate in force: where the limits leave a choice, what the driver says. */
ergo_status ergo__clamp_rate(const ergo__clamp *clamp, uint64_t *rate);

/** Holds the clock at a rate and reads back what came of it, into `seen`. */
ergo_status ergo__clamp_set(ergo__clamp *clamp, uint64_t rate);

/** Whether the limits are near what was asked for. */
bool ergo__clamp_obeyed(const ergo__clamp *clamp);

/**
 * Compares the limits with what was last seen. ERGO_E_STATE when somebody else wrote one, which
 * `change` then tells. `hot`: the kernel may be lowering clocks for heat.
 */
ergo_status ergo__clamp_check(const ergo__clamp *clamp, bool hot, ergo__clamp_change *change);

/**
 * Writes the original limits, but not over what somebody else has written. Async-signal-safe.
 */
ergo_status ergo__clamp_put_back(ergo__clamp *clamp, bool hot);

#endif
