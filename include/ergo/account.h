/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_ACCOUNT_H
#define ERGO_ACCOUNT_H

#include "meter.h"

/*
 * An account says what the joules of a meter were spent on: per phase, and per request. The
 * application tells it when what happened; it asks the meter once the readings are there.
 *
 *   - All time between open and the last entry belongs to exactly one phase; what nobody claims is
 *     idle. The phases' energies add up to the whole exactly.
 *   - A step's energy goes to its tokens in equal parts; what a division leaves over goes to the
 *     first shares. The requests' energies of a step add up to the step exactly.
 *   - Each figure is given twice: in all, and above idle: less the idle power times the time.
 *     (Of all that a board draws while it decodes, a third to a half is drawn idle too.)
 *
 * Threads: an account belongs to one thread at a time.
 */

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ergo_phase {
    ERGO_PHASE_IDLE = 0,
    ERGO_PHASE_LOAD,
    ERGO_PHASE_PREFILL,
    ERGO_PHASE_DECODE,
    ERGO_PHASE_COUNT,
} ergo_phase;

typedef struct ergo_account ergo_account;

typedef struct ergo_account_config {
    ergo_log log;
    ergo_meter *meter;     /**< must outlive the account */
    uint32_t sensor;       /**< whose energy; ERGO_METER_TOTAL for the total */
    uint32_t max_requests; /**< open at once; 0 means 1 */
    uint32_t max_pending;  /**< entries that wait for readings; 0 means 1024. When there are more,
                              the  oldest are settled with what is known */
    uint64_t idle_uw;      /**< power of the idle board; 0: measured where it was idle for half a
                                second or more */
} ergo_account_config;

ergo_status ergo_account_size(const ergo_account_config *config, size_t *size);
ergo_status ergo_account_open(const ergo_account_config *config, ergo_block memory,
                              ergo_account **out);

/** One request's part of a step. */
typedef struct ergo_account_share {
    uint32_t request;
    uint32_t prefill_tokens;
    uint32_t decode_tokens;
} ergo_account_share;

/** Begins a request and returns its number, 0 .. max_requests - 1. Error: ERGO_E_LIMIT. */
ergo_status ergo_account_request(ergo_account *account, uint32_t *request);

/** Ends a request: its number may be given away again. */
void ergo_account_release(ergo_account *account, uint32_t request);

/**
 * The engine ran a step from begin to end, on the meter's clock, not before the end of the entry
 * before. Its time and energy are split between prefill and decode as its tokens are.
 */
ergo_status ergo_account_step(ergo_account *account, uint64_t begin_ns, uint64_t end_ns,
                              const ergo_account_share *shares, size_t count);

/** Something else that is not idle: loading, mostly. Tokens are 0. */
ergo_status ergo_account_phase(ergo_account *account, ergo_phase phase, uint64_t begin_ns,
                               uint64_t end_ns);

/** Settles the entries whose readings are there; all of them when `all`. */
void ergo_account_settle(ergo_account *account, bool all);

/** What a phase or a request has cost. */
typedef struct ergo_account_entry {
    ergo_energy energy;
    int64_t above_idle_uj; /**< valid when idle_known */
    uint64_t prefill_tokens;
    uint64_t decode_tokens;
    bool idle_known;
} ergo_account_entry;

/** Of what has been settled. */
void ergo_account_get_phase(const ergo_account *account, ergo_phase phase, ergo_account_entry *out);
ergo_status ergo_account_get_request(const ergo_account *account, uint32_t request,
                                     ergo_account_entry *out);

/** Everything from open to the last settled entry: the exact sum of the phases. */
void ergo_account_get_total(const ergo_account *account, ergo_account_entry *out);

/** Idle power, in microwatts; false when it is not known. */
bool ergo_account_idle(const ergo_account *account, uint64_t *idle_uw);

#ifdef __cplusplus
}
#endif
#endif
