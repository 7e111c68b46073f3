/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_HOLD_H
#define ERGO_HOLD_H

#include "base.h"

/*
 * Whether requests that wait should start now. Sequences in one step share the reading of the
 * weights, so a token costs less in company: where deadlines leave time, a request may wait for
 * others, and a newcomer may wait where it would make another one late. Pure: no clock, no memory,
 * any thread. The engine (steer.h) and the simulation (run-model govern) ask the same function.
 *
 * What cannot be in time any more is not held: it starts at once, unless it would make one late
 * that still can be.
 */

#ifdef __cplusplus
extern "C" {
#endif

/** What steps of decode cost with so many sequences in them, measured or predicted. */
typedef struct ergo_hold_batch {
    uint32_t batch;
    uint64_t step_ns;  /**< of a step */
    uint64_t token_nj; /**< above idle, per token */
} ergo_hold_batch;

typedef struct ergo_hold_costs {
    uint64_t prompt_ns; /**< per token of a prompt */
    const ergo_hold_batch *batches;
    uint32_t batch_count; /**< ascending by batch; 0: nothing is known, and nobody is held */
} ergo_hold_costs;

typedef struct ergo_hold_config {
    uint32_t most;       /**< sequences that can run at once, at least 1 */
    uint64_t longest_ns; /**< that a request may be held, whatever its deadline leaves; also of
                              those without a deadline. 0: as long as the deadline leaves, and those
                              without one are not held for company */
    uint32_t margin_ppm; /**< added to every time that is foretold; 0 means 100000, a tenth */
    uint32_t gain_ppm;   /**< least part of a token's energy that company must save; 0 means
                              30000 */
} ergo_hold_config;

/** A request. */
typedef struct ergo_hold_request {
    uint64_t arrived_ns;
    uint64_t deadline_ns;   /**< of its last token; 0: none */
    uint32_t prompt_tokens; /**< still to compute */
    uint32_t output_tokens; /**< still to generate, as many as it may become */
    bool running;           /**< has started; stays so */
    bool start;             /**< the answer: starts now. True where it runs */
} ergo_hold_request;

/** Why somebody waits, or why nobody does. */
typedef enum ergo_hold_reason {
    ERGO_HOLD_NONE = 0, /**< all start that can run */
    ERGO_HOLD_FULL,     /**< as many run as can */
    ERGO_HOLD_OTHERS,   /**< somebody would make another one late */
    ERGO_HOLD_COMPANY,  /**< they wait for more, since together they cost less */
} ergo_hold_reason;

/**
 * Decides for all requests, `count` of them up to ERGO_HOLD_MAX (those beyond wait).
 * `gap_ns`: mean time between arrivals lately; 0: not known, so nobody waits for company.
 * `*until_ns`: when to ask again at the latest, should nothing arrive or end before; UINT64_MAX:
 * not before then.
 */
#define ERGO_HOLD_MAX 64
ergo_hold_reason ergo_hold_decide(const ergo_hold_config *config, const ergo_hold_costs *costs,
                                  uint64_t now_ns, uint64_t gap_ns, ergo_hold_request *requests,
                                  uint32_t count, uint64_t *until_ns);

/**
 * When the last token of each request would be there if those with `start` ran from `at_ns` on:
 * prompts first, in their order, then all together. Those without it get UINT64_MAX.
 */
void ergo_hold_foretell(const ergo_hold_costs *costs, uint64_t at_ns,
                        const ergo_hold_request *requests, uint32_t count, uint64_t *end_ns);

#ifdef __cplusplus
}
#endif
#endif
