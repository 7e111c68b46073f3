/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_PORTS_ENGINE_STEER_STATE_H
#define ERGO_PORTS_ENGINE_STEER_STATE_H

#include "ergo/steer.h"

/* What the parts of a steer share: knobs (steer_knobs.c), requests (steer_requests.c) and what
 * steps have cost (steer_costs.c). */

#define ERGO__STEER_BATCHES 16u
#define ERGO__STEER_PENDING 64u

/** A setting of the engine, or a wrapped knob of the board, as a knob. */
typedef struct ergo__steer_knob {
    ergo_steer *steer;
    const ergo_knob *board; /* that chooses cores, or NULL */
    ergo_knob_kind kind;
    ergo_knob_level levels[ERGO_KNOB_LEVELS_MAX];
    uint32_t level_count;
} ergo__steer_knob;

typedef struct ergo__steer_request {
    ergo_session *session; /* NULL: free */
    ergo_request wants;
    uint64_t arrived_ns;
    uint64_t prefill_before, decode_before; /* computed for the session before this request */
    uint32_t prompt_tokens, output_tokens;
    bool running, held;
    uint32_t serial;   /* tells it from who had its place before */
    uint64_t computed; /* tokens of the session, before the present step */
    uint64_t spent_nj; /* as far as readings are there */
    bool over;         /* it has cost more than it may */
} ergo__steer_request;

/** A step whose joules are not known yet, and whose tokens it computed. */
typedef struct ergo__steer_step {
    uint64_t begin_ns, end_ns;
    uint32_t batch; /* of decode; 0 where prompts were in it */
    uint32_t tokens;
    uint32_t serial[ERGO_HOLD_MAX];
    uint32_t share[ERGO_HOLD_MAX];
} ergo__steer_step;

struct ergo_steer {
    ergo_log log;
    ergo_engine *engine;
    ergo_meter *meter;
    uint32_t sensor;
    ergo_clock clock;
    ergo_hold_config hold;

    ergo_engine_knobs before, most; /* settings at open, and the highest */
    ergo_knob list[ERGO_KNOBS_MAX];
    uint32_t count;
    ergo__steer_knob own[3]; /* cores, batch, chunk */
    uint32_t own_count;

    ergo__steer_request requests[ERGO_HOLD_MAX];
    uint32_t max_requests;
    uint64_t last_arrival_ns, gap_ns;
    uint64_t until_ns;
    ergo_hold_reason reason;
    uint32_t held;
    uint64_t held_ns, held_since_ns;
    uint64_t met, missed, over_budget;
    uint32_t serial;

    /* A governor is only linked where one is named: steer_govern.c sets these. */
    ergo_governor *governor;
    void (*before_step)(ergo_steer *steer, uint64_t now_ns);
    void (*after_step)(ergo_steer *steer, const ergo_step_report *report, uint64_t begin_ns,
                       uint64_t end_ns);
    ergo_load load; /* of the present step */

    uint64_t prompt_ns;
    ergo_hold_batch batches[ERGO__STEER_BATCHES]; /* ascending; token_nj 0: not known */
    uint32_t batch_count;
    ergo__steer_step pending[ERGO__STEER_PENDING];
    uint32_t pending_first, pending_count;
    uint64_t idle_uw; /* least power seen while nothing ran; 0: not seen */
    uint64_t idle_since_ns;
};

/** ---- steer_knobs.c ---- */

/** Makes the list: the board's knobs, then the engine's. Error: ERGO_E_ARGUMENT. */
ergo_status ergo__steer_list(ergo_steer *steer, const ergo_knob *board, uint32_t count);

/** ---- steer_requests.c ---- */

uint64_t ergo__steer_now(const ergo_steer *steer);

/** Decides who is held and tells the engine. */
void ergo__steer_hold(ergo_steer *steer, uint64_t now_ns);

/** The requests as hold.h sees them, and which of `requests` each is; then all other sessions. */
#define ERGO__STEER_NOBODY UINT32_MAX
uint32_t ergo__steer_describe(const ergo_steer *steer, ergo_hold_request *out, uint32_t *which);

/** Notes how much of each session is computed, and then how much a step added. */
void ergo__steer_note(ergo_steer *steer);
void ergo__steer_share(const ergo_steer *steer, ergo__steer_step *step);

/** Counts the deadlines of those that have ended. */
void ergo__steer_end(ergo_steer *steer, uint64_t now_ns);

/** ---- steer_costs.c ---- */

/** A step took that long. */
void ergo__steer_learn(ergo_steer *steer, const ergo_step_report *report, uint64_t begin_ns,
                       uint64_t end_ns);

/** What is known for sure: batches with their joules. Returns how many. */
uint32_t ergo__steer_known(const ergo_steer *steer, ergo_hold_batch *batches);

#endif
