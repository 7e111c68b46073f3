/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_PORTS_SIM_BOARD_H
#define ERGO_PORTS_SIM_BOARD_H

#include "ergo/knob.h"
#include "power/sections.h"
#include "runtime/base/arena.h"

/* What a board is, as its text says: sim_parse.c reads it, sim_check.c finds what names mean. */

/** Most parts of each kind. Every cluster, the memory and the core sets are knobs. */
#define ERGO__SIM_CLUSTERS 8u
#define ERGO__SIM_SENSORS 32u
#define ERGO__SIM_FAULTS 1024u

/** Numbers, one for each level. */
typedef struct ergo__sim_list {
    int64_t item[ERGO_KNOB_LEVELS_MAX];
    uint32_t count;
    unsigned line;
} ergo__sim_list;

/** A name or names, whose meaning is known once everything has been read. They lie in the text. */
typedef struct ergo__sim_word {
    ergo_str text;
    unsigned line;
} ergo__sim_word;

typedef struct ergo__sim_cluster {
    char name[ERGO_KNOB_NAME_MAX];
    unsigned line; /* where its section begins */
    ergo__sim_word kind;
    int64_t cores;
    ergo__sim_list khz;
    ergo__sim_list uv;
    int64_t macs_per_kcycle;
    int64_t bytes_per_kcycle;
    int64_t cap_pf;
    int64_t leak_uw_per_v2;
    int64_t stall_percent;
    bool gpu;
} ergo__sim_cluster;

typedef struct ergo__sim_memory {
    unsigned line; /* 0: there is no such section */
    ergo__sim_list khz;
    ergo__sim_list bandwidth_mb_s;
    ergo__sim_list static_uw;
    ergo__sim_list fj_per_byte;
} ergo__sim_memory;

typedef struct ergo__sim_thermal {
    unsigned line;
    int64_t ambient_mc;
    int64_t start_mc;
    int64_t r_mc_per_w;
    int64_t tau_ms;
    int64_t trip_mc;
    int64_t hysteresis_mc;
    int64_t leak_ppm_per_mc;
} ergo__sim_thermal;

typedef enum ergo__sim_scope {
    ERGO__SIM_TOTAL = 0,
    ERGO__SIM_MEMORY,
    ERGO__SIM_CLUSTER,
} ergo__sim_scope;

typedef struct ergo__sim_probe {
    char name[ERGO_SENSOR_NAME_MAX];
    unsigned line;
    ergo__sim_word scope_text;
    int64_t period_us;
    int64_t lsb_uw;
    int64_t noise_uw;
    ergo__sim_scope scope;
    uint32_t cluster; /* of ERGO__SIM_CLUSTER */
} ergo__sim_probe;

typedef struct ergo__sim_cores {
    char name[ERGO_KNOB_NAME_MAX];
    unsigned line;
    ergo__sim_word use;
    uint32_t threads[ERGO__SIM_CLUSTERS]; /* on each cluster */
} ergo__sim_cores;

typedef enum ergo__sim_trouble {
    ERGO__SIM_STUCK = 0, /* a sensor repeats its last reading */
    ERGO__SIM_ERROR,     /* a sensor cannot be read */
    ERGO__SIM_WRITER,    /* another program sets a clock */
    ERGO__SIM_DENIED,    /* a clock cannot be written */
    ERGO__SIM_AMBIENT,   /* the ambient temperature changes */
} ergo__sim_trouble;

typedef struct ergo__sim_fault {
    ergo__sim_word text;
    int64_t at_ms;
    ergo__sim_trouble trouble;
    uint32_t target; /* sensor or cluster */
    int64_t value;   /* ms, level of the clock, or millidegrees */
} ergo__sim_fault;

typedef struct ergo__sim_board {
    unsigned line;
    char name[ERGO_SENSOR_NAME_MAX];
    int64_t board_uw;
    int64_t launch_ns;
    int64_t switch_us;
    int64_t seed;
    ergo__sim_memory memory;
    ergo__sim_thermal thermal;
    ergo__sim_cluster *clusters;
    ergo__sim_probe *probes;
    ergo__sim_cores *cores;
    ergo__sim_fault *faults; /* in order of time once checked */
    uint32_t cluster_count;
    uint32_t probe_count;
    uint32_t cores_count;
    uint32_t fault_count;
} ergo__sim_board;

/** ---- sim_parse.c ---- */

/**
 * Counts the parts of the text and takes room for them. Its sections are looked at; what its keys
 * mean is not.
 */
ergo_status ergo__sim_count(const ergo__sections *text, ergo__arena *arena, ergo__sim_board *board);

/** Fills what was counted, and checks it. */
ergo_status ergo__sim_parse(const ergo__sections *text, ergo__sim_board *board);

/** ---- sim_check.c ---- */

/** Finds what names mean, and refuses what cannot be. */
ergo_status ergo__sim_check(const ergo__sections *text, ergo__sim_board *board);

#endif
