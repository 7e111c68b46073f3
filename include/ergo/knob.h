/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_KNOB_H
#define ERGO_KNOB_H

#include "sensor.h"

/*
 * A knob is one setting of the board or of the engine that changes what work costs and how long it
 * takes, never what comes out: a clock, which cores compute, how many sequences a step takes. It
 * has discrete levels. Ports find those of a board (linux.h, sim.h); steer.h makes those of an
 * engine; an application may make its own.
 */

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ergo_knob_kind {
    ERGO_KNOB_CLOCK = 0, /**< of a cluster of cores or of a GPU; kHz */
    ERGO_KNOB_MEMORY,    /**< clock of the memory; kHz */
    ERGO_KNOB_CORES,     /**< which cores compute, by name; threads */
    ERGO_KNOB_BATCH,     /**< most sequences in one step */
    ERGO_KNOB_CHUNK,     /**< most tokens of one prompt in one step */
    ERGO_KNOB_BACKEND,   /**< which device computes, by name */
} ergo_knob_kind;

#define ERGO_KNOB_NAME_MAX 32

/** Most knobs that a board or a governor has, and most levels of one. */
#define ERGO_KNOBS_MAX 16
#define ERGO_KNOB_LEVELS_MAX 64

typedef struct ergo_knob_level {
    uint32_t value; /**< in the unit of the kind; of one knob strictly ascending where
                         it is a clock or a limit */
    uint32_t uses;  /**< of a core set or backend: bit k where its speed depends on
                         knob k of the same list. Other clocks only leak */
    char name[ERGO_KNOB_NAME_MAX]; /**< of a core set or backend; else "" */
} ergo_knob_level;

typedef struct ergo_knob_info {
    char name[ERGO_KNOB_NAME_MAX]; /**< unique in its list: "a76", "memory", "cores", "batch" */
    ergo_knob_kind kind;
    const ergo_knob_level *levels;   /**< belongs to who made the knob */
    uint32_t level_count;            /**< 1 .. ERGO_KNOB_LEVELS_MAX */
    uint32_t switch_us;              /**< until a write has taken effect; 0: at once */
    char path[ERGO_SENSOR_PATH_MAX]; /**< what is written to; "" for none */
} ergo_knob_info;

/**
 * A knob and how to turn it. Both calls are made by one thread at a time. What was in force before
 * is for who turns it to remember; a port may keep a journal of its own besides, so that it is put
 * back after a crash. Whoever made `self` releases it.
 */
typedef struct ergo_knob {
    ergo_knob_info info;
    /**
     * Asks for a level. That it was accepted does not mean that it is in force: drivers clamp and
     * round in silence. Errors: ERGO_E_PERMISSION, ERGO_E_IO, ERGO_E_NOT_FOUND (it is gone),
     * ERGO_E_STATE (somebody else holds it: another governor than the one that takes orders).
     */
    ergo_status (*set)(void *self, uint32_t level);
    /** Reads back: the level that is nearest to what is in force. Errors: as above. */
    ergo_status (*get)(void *self, uint32_t *level);
    void *self;
} ergo_knob;

#ifdef __cplusplus
}
#endif
#endif
