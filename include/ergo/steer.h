/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_STEER_H
#define ERGO_STEER_H

#include "engine.h"
#include "governor.h"
#include "hold.h"
#include "knob.h"
#include "meter.h"

/*
 * Where the two halves meet: an engine that is steered. libergo_steer.a sees both; neither sees it.
 *
 *   - The engine's own settings become knobs beside those of the board: which cores compute (and
 *     how many threads), how many sequences a step takes, how much of a prompt.
 *   - Requests tell by when they want to be done and what they may cost. Those that can wait are
 *     held back and grouped where that makes a token cheaper (hold.h).
 *   - ergo_steer_step takes the place of ergo_engine_step. What is generated is the same, to the
 *     bit, whatever is turned or held.
 *
 * Threads: a steer and its engine belong to one thread at a time. Nothing is allocated after open.
 */

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ergo_steer_config {
    ergo_log log;
    ergo_engine *engine;    /**< must outlive the steer */
    const ergo_knob *knobs; /**< of the board; copied, what they point to must outlive the steer */
    uint32_t knob_count;
    ergo_meter *meter;     /**< NULL: nothing is known of joules, and nobody is held for company */
    uint32_t sensor;       /**< whose energy; ERGO_METER_TOTAL for the total */
    ergo_clock clock;      /**< without a meter; that of the meter otherwise */
    uint32_t max_requests; /**< told of at once, up to ERGO_HOLD_MAX; 0 means that many */
    ergo_hold_config hold; /**< `most` is filled in by the steer */
} ergo_steer_config;

typedef struct ergo_steer ergo_steer;

ergo_status ergo_steer_size(const ergo_steer_config *config, size_t *size);

/**
 * Opens a steer. The engine's settings at this moment are what close puts back. Errors:
 * ERGO_E_ARGUMENT without an engine or for too many knobs or requests, ERGO_E_MEMORY.
 */
ergo_status ergo_steer_open(const ergo_steer_config *config, ergo_block memory, ergo_steer **out);

/** Puts the engine's settings back and lets go who is held. NULL is ignored. */
void ergo_steer_close(ergo_steer *steer);

/**
 * What can be turned: the board's knobs in their order, then those of the engine. A knob of the
 * board that chooses cores also sets the engine's threads, as many as the level says and the device
 * has; where the board has none, "cores" chooses threads alone. "batch" and "chunk" are there when
 * the engine leaves a choice. Valid until closed.
 */
const ergo_knob *ergo_steer_knobs(const ergo_steer *steer, size_t *count);

/**
 * From now on a governor turns the knobs between steps: it must have been opened over those of
 * ergo_steer_knobs and the same meter, has the policy of the engine, and is told what the deadlines
 * and budgets of requests leave. NULL takes it away. Close it after the last step and before the
 * steer: what it puts back are the steer's knobs.
 */
void ergo_steer_govern(ergo_steer *steer, ergo_governor *governor);

/** What a request wants. Zeroed: it is served as it comes. */
typedef struct ergo_request {
    uint64_t deadline_ns;   /**< of its last token, on the meter's clock; 0: none */
    uint64_t budget_uj;     /**< that its tokens may cost, prompt included; 0: any. Only a governor
                                 can do something about it */
    uint32_t output_tokens; /**< that it may become; 0: 256 are expected */
} ergo_request;

/**
 * Tells what a session's text wants, once it has been fed. Told again, it is a new request.
 * Sessions that nobody tells of are never held. Errors: ERGO_E_STATE before it has been fed,
 * ERGO_E_LIMIT when there are too many.
 */
ergo_status ergo_steer_request(ergo_steer *steer, ergo_session *session,
                               const ergo_request *request);

/** Forgets a session; call it before the session is closed. */
void ergo_steer_forget(ergo_steer *steer, ergo_session *session);

/**
 * Decides who is held, then runs a step of the engine. ERGO_IDLE: nobody has work, or all who have
 * are held: ergo_steer_until says when to call again.
 */
ergo_status ergo_steer_step(ergo_steer *steer, ergo_step_report *report);

/** When held requests are to be looked at again; UINT64_MAX: not before something arrives. */
uint64_t ergo_steer_until(const ergo_steer *steer);

/** How it went so far. */
typedef struct ergo_steer_state {
    ergo_hold_reason reason; /**< of the last decision */
    uint32_t held;           /**< at the moment */
    uint64_t held_ns;        /**< that requests have waited, in all */
    uint64_t met, missed;    /**< deadlines of requests that have ended */
    uint64_t over_budget;    /**< requests that have cost more than they may */
    uint64_t prompt_ns;      /**< per token of a prompt, recently; 0: not known */
    uint32_t batch_count;
    ergo_hold_batch batches[16]; /**< what steps of decode took and cost, as measured */
} ergo_steer_state;

void ergo_steer_get(const ergo_steer *steer, ergo_steer_state *out);

#ifdef __cplusplus
}
#endif
#endif
