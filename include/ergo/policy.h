/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_POLICY_H
#define ERGO_POLICY_H

#include "account.h"
#include "frontier.h"

/*
 * A policy says what is wanted; a frontier says what there is; a choice is the answer. All of it is
 * pure: no clock, no input or output, any thread.
 */

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ergo_policy_kind {
    ERGO_POLICY_MEASURE = 0, /**< touches nothing */
    ERGO_POLICY_RACE,        /**< the fastest point */
    ERGO_POLICY_MIN_ENERGY,  /**< least energy at which every token is in time */
    ERGO_POLICY_JPT,         /**< the fastest mix whose tokens cost that much on average */
    ERGO_POLICY_CAP,         /**< the fastest point that draws at most that much */
    ERGO_POLICY_BUDGET,      /**< so many tokens within so many joules, as fast as that allows */
} ergo_policy_kind;

/** Zeroed: measure. */
typedef struct ergo_policy {
    ergo_policy_kind kind;
    uint64_t token_ns; /**< min-energy: longest time per output token; 0: any */
    uint64_t first_ns; /**< min-energy: longest time to the first token; 0: any */
    uint64_t token_nj; /**< jpt: nanojoules per token */
    uint64_t cap_uw;   /**< cap */
    uint64_t budget_nj;
    uint64_t budget_tokens;
} ergo_policy;

/**
 * Reads "measure", "race", "jpt:0.30" (joules per token), "min-energy" or
 * "min-energy:tpot=50ms,ttft=2s", "cap:6.5W", "budget:40J/256" (tokens). Numbers are decimal with
 * up to 9 digits behind the point; units: ns us ms s, uW mW W kW, uJ mJ J kJ. Joules and watts may
 * be left out. Error: ERGO_E_ARGUMENT, said in the log with what would have been right.
 */
ergo_status ergo_policy_parse(ergo_str text, const ergo_log *log, ergo_policy *out);

/** Writes it so that ergo_policy_parse reads the same; cut to `size` bytes with NUL. */
size_t ergo_policy_text(const ergo_policy *policy, char *text, size_t size);

/** What must hold, besides what is wanted. 0: no limit. In the order of their rank. */
typedef struct ergo_limits {
    uint64_t cap_uw;  /**< heat: every point draws at most this */
    uint64_t each_ns; /**< time of every token */
    uint64_t mean_ns; /**< time per token on average: what a deadline leaves */
    uint64_t mean_nj; /**< energy per token on average: what a budget leaves */
} ergo_limits;

/**
 * A policy as limits for one phase: tpot for tokens of decode, ttft over `prompt_tokens` (those
 * still to be computed) for prefill, what is left of a budget over what is left of its tokens.
 * `extra`, which may be NULL, is what requests and heat add; the stricter one counts.
 */
ergo_limits ergo_policy_limits(const ergo_policy *policy, ergo_phase phase, uint64_t prompt_tokens,
                               uint64_t spent_nj, uint64_t spent_tokens, const ergo_limits *extra);

/** Why a choice is what it is. */
typedef enum ergo_choice_reason {
    ERGO_CHOICE_NONE = 0,     /**< no policy, or nothing to choose from */
    ERGO_CHOICE_FASTEST,      /**< nothing limits it */
    ERGO_CHOICE_LEAST_ENERGY, /**< nothing limits it */
    ERGO_CHOICE_TIME,         /**< the least energy that is in time */
    ERGO_CHOICE_ENERGY,       /**< the fastest within the energy */
    ERGO_CHOICE_POWER,        /**< the fastest within the power */
    ERGO_CHOICE_TOO_SLOW,     /**< infeasible: nothing is in time; the fastest */
    ERGO_CHOICE_TOO_DEAR,     /**< infeasible: no point is that cheap; the cheapest in time */
    ERGO_CHOICE_TOO_HOT,      /**< infeasible: every point draws more; the one that draws least */
} ergo_choice_reason;

typedef struct ergo_choice {
    ergo_mix mix;
    bool feasible;
    ergo_choice_reason reason;
    uint64_t least_nj; /**< per token: the least that the limits of power and time leave */
    uint64_t least_ns; /**< per token: the least that the limit of power leaves */
} ergo_choice;

/**
 * Chooses from the first `count` of sorted points: the frontier, and the cooler points behind it
 * where power may be limited. Heat outranks deadlines, deadlines outrank energy: what cannot be
 * met is given up from the end of that list, and said. Without points: ERGO_CHOICE_NONE.
 */
void ergo_policy_choose(const ergo_policy *policy, const ergo_limits *limits,
                        const ergo_point *points, uint32_t count, ergo_choice *out);

/** A choice in words: "0.210 J/token is the least this board can do". Returns the length. */
size_t ergo_choice_text(const ergo_choice *choice, char *text, size_t size);

#ifdef __cplusplus
}
#endif
#endif
