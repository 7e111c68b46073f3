/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_GOVERNOR_H
#define ERGO_GOVERNOR_H

#include "meter.h"
#include "policy.h"
#include "profile.h"

/*
 * A governor turns knobs so that work costs what a policy asks. It is told before each step what
 * will be computed and after it how long that took; joules it asks of a meter. It probes a few
 * points, holds a model of the board against them (docs/GOVERNOR.md has the formulas), goes where
 * the model and the policy point, and stops when no further probe would pay for itself. Then it
 * keeps the measured figure on target, mixing two points where that is needed, and watches for
 * change: heat, longer contexts, others who turn the same knobs, sensors that fail.
 *
 * It has no thread, takes no memory after open and does nothing but turn knobs, read them back and
 * ask the meter. A step costs it microseconds, a decision milliseconds.
 *
 * Threads: a governor belongs to one thread at a time.
 */

#ifdef __cplusplus
extern "C" {
#endif

/** What a step computes. */
typedef struct ergo_load {
    ergo_phase phase; /**< prefill or decode; steps of other phases are left alone */
    uint32_t batch;   /**< sequences that could be in the step if no knob limited it, at least 1 */
    uint32_t context; /**< positions, mean over the batch */
    uint32_t tokens;  /**< that the step computes, at least 1 */
    ergo_work work;   /**< of the step */
    uint64_t left;    /**< tokens of this phase still to come, as far as is known; 0: unknown */
    ergo_limits limits; /**< what the deadlines and budgets of the requests leave */
} ergo_load;

/** Kinds of decisions. */
typedef enum ergo_decision_kind {
    ERGO_DECISION_PROBE = 0,  /**< tries a point */
    ERGO_DECISION_CHOOSE,     /**< goes to the best known point or mix */
    ERGO_DECISION_CONVERGED,  /**< the same, and no further probe would pay for itself */
    ERGO_DECISION_INFEASIBLE, /**< says that what is asked cannot be had, and the least that can */
    ERGO_DECISION_DRIFT,      /**< measured figures left what was expected */
    ERGO_DECISION_YIELD,      /**< somebody else turned a knob: it is left alone */
    ERGO_DECISION_RESUME,     /**< a knob obeys again */
    ERGO_DECISION_BLIND,      /**< the sensor says nothing usable: holds what it has */
    ERGO_DECISION_SIGHTED,    /**< the sensor is back */
    ERGO_DECISION_HOT,        /**< lowers the power: the board throttles, or is about to */
    ERGO_DECISION_COOL,       /**< takes that back */
    ERGO_DECISION_RESTORE,    /**< puts the knobs back to where they were at open */
} ergo_decision_kind;

#define ERGO_DECISION_TEXT_MAX 160

typedef struct ergo_decision {
    uint64_t time_ns; /**< on the meter's clock */
    uint64_t token;   /**< tokens computed before, since open */
    ergo_decision_kind kind;
    ergo_phase phase; /**< of the load that it is about */
    uint32_t batch;
    uint32_t context;
    ergo_point a; /**< what runs from now on, with what is expected of it */
    ergo_point b; /**< the other point of a mix; a where there is none */
    uint32_t b_ppm;
    uint64_t measured_ns; /**< per token; 0: not measured */
    uint64_t measured_nj;
    char text[ERGO_DECISION_TEXT_MAX]; /**< the reason */
} ergo_decision;

typedef struct ergo_governor_config {
    ergo_log log;
    const ergo_knob *knobs; /**< copied; what they point to must outlive the governor */
    uint32_t knob_count;    /**< up to ERGO_KNOBS_MAX */
    ergo_meter *meter;      /**< must outlive the governor. NULL: times alone are known, so only
                                 `race` can be served */
    uint32_t sensor;        /**< whose energy; ERGO_METER_TOTAL for the total */
    uint32_t temperature;   /**< 1 + index of a sensor of temperature; 0: none */
    int32_t limit_mc;       /**< millidegrees above which power is lowered; needs `temperature` */
    ergo_policy policy;
    const ergo_profile *profile; /**< of an earlier run; read during open. NULL: none */
    ergo_profile_key key;        /**< what this run's profile will be of */
    uint32_t max_probes;         /**< in one round; 0 means 15 */
    uint32_t max_points;         /**< most points of the board that are weighed; 0 means 4096 */
    uint32_t decisions;          /**< remembered; 0 means 256 */
    void (*on_decision)(void *user, const ergo_decision *decision); /**< NULL: nobody is told */
    void *user;
} ergo_governor_config;

typedef struct ergo_governor ergo_governor;

ergo_status ergo_governor_size(const ergo_governor_config *config, size_t *size);

/**
 * Opens a governor: reads where every knob is, which is where `close` puts it. Turns nothing yet.
 * A knob that cannot be read is said in the log and left out. A profile of other knobs, or of
 * another key, is said and left out. Errors: ERGO_E_ARGUMENT for a field out of range,
 * ERGO_E_NOT_FOUND when the meter has no such sensor.
 */
ergo_status ergo_governor_open(const ergo_governor_config *config, ergo_block memory,
                               ergo_governor **out);

/**
 * Puts every knob back that is still where the governor left it; one that somebody else has turned
 * since is left to them. NULL is ignored.
 */
void ergo_governor_close(ergo_governor *governor);

/** Before a step: turns the knobs to where it should run. Error: ERGO_E_ARGUMENT. */
ergo_status ergo_governor_before(ergo_governor *governor, const ergo_load *load);

/**
 * After it: learns. `load` is what was really computed, which knobs of the engine may have made
 * less than announced; times are on the meter's clock. Error: ERGO_E_ARGUMENT.
 */
ergo_status ergo_governor_after(ergo_governor *governor, const ergo_load *load, uint64_t begin_ns,
                                uint64_t end_ns);

/** Changes what is wanted. What has been learnt stays. */
void ergo_governor_set_policy(ergo_governor *governor, const ergo_policy *policy);

/** How a governor is doing, for the load of the last step. */
typedef struct ergo_governor_state {
    bool converged;
    bool feasible;
    bool blind;            /**< the sensor says nothing usable */
    bool hot;              /**< power is lowered because of heat */
    uint32_t yielded;      /**< bit k: knob k is left to somebody else */
    uint32_t probes;       /**< since open */
    uint32_t round_probes; /**< of the last round */
    uint32_t switches;     /**< times that a knob was turned */
    uint64_t tokens;       /**< computed since open */
    uint64_t converged_at; /**< of those, before the last convergence */
    uint64_t least_nj;     /**< per token: the least that the limits leave; 0: not known yet */
    uint64_t least_ns;     /**< per token; 0: not known yet */
    ergo_choice choice;    /**< indices are those of ergo_governor_frontier */
    uint8_t level[ERGO_KNOBS_MAX]; /**< present */
    uint64_t measured_ns;          /**< per token, recent mean */
    uint64_t measured_nj;          /**< per token, recent mean; 0: not known yet */
} ergo_governor_state;

void ergo_governor_get(const ergo_governor *governor, ergo_governor_state *out);

/** The sorted frontier for the load of the last step; valid until the next call for a step. */
const ergo_point *ergo_governor_frontier(const ergo_governor *governor, uint32_t *count);

/** Decision number `i` since open, from 0. False when it is gone or has not been made yet. */
bool ergo_governor_decision(const ergo_governor *governor, uint64_t i, ergo_decision *out);

/** What has been measured, to be saved. It points into the governor; valid until the next step. */
void ergo_governor_profile(ergo_governor *governor, ergo_profile *out);

/** "probe", "choose", ...: static. */
const char *ergo_decision_name(ergo_decision_kind kind);

#ifdef __cplusplus
}
#endif
#endif
