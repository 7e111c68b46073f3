/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_TALLY_H
#define ERGO_TOOLS_TALLY_H

#include "ergo/engine.h"
#include "tools/energy.h"
#include "tools/metrics.h"
#include "tools/tool.h"

/** One phase of a run. */
typedef struct tally_phase {
    uint64_t tokens;
    double seconds;
} tally_phase;

/** A session of the run, whose costs are a request of their own. */
typedef struct tally_member {
    ergo_session *session;
    uint32_t request;
    uint64_t prefill_tokens, decode_tokens; /**< computed up to the last step */
} tally_member;

/** What the steps of a run add up to. */
typedef struct tally {
    tally_phase prefill;
    tally_phase decode;
    uint64_t shared_tokens; /**< of prompts, found computed by another session */
    energy *energy;         /**< where the steps are accounted for */
    tally_member *members;
    ergo_account_share *shares; /**< of a step; room for all members */
    uint32_t member_count;
    metrics kept; /**< to be filled in after tally_open, for commands with --metrics-file */
} tally;

/** Begins with nothing, for at most so many sessions. `e` has been opened for as many. */
tool_exit tally_open(tally *sum, energy *e, uint32_t sessions);
void tally_close(tally *sum);

/** Makes a session the next member. */
void tally_join(tally *sum, ergo_session *session);

/** Begins a new request of a member: the next answer of a chat. */
void tally_renew(tally *sum, uint32_t member);

void tally_add(tally *sum, const ergo_step_report *report);

double tally_rate(const tally_phase *phase); /**< tokens per second; 0 for nothing */

/** Steps until no session has work or Ctrl-C. Failures are reported. */
tool_exit tally_run(tally *sum, ergo_engine *engine);

/** Members of the JSON: "prefill", "decode", "shared_tokens", "load_seconds", "peak_bytes" and
 *  "energy". */
void tally_json(const tally *sum, double load_seconds, json_writer *json);

/** The same for people, one line on stderr. */
void tally_print(const tally *sum, double load_seconds);

/** What the JSON calls the way a session ended. */
const char *tally_stop_name(ergo_status ended);

#endif
