/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/tally.h"

#include <stdlib.h>

#include "tools/interrupt.h"

tool_exit tally_open(tally *sum, energy *e, uint32_t sessions)
{
    *sum = (tally){.energy = e};
    sum->members = tool_alloc(sessions, sizeof *sum->members);
    sum->shares = tool_alloc(sessions, sizeof *sum->shares);
    return sum->members != NULL && sum->shares != NULL ? TOOL_DONE : TOOL_FAILED;
}

void tally_close(tally *sum)
{
    free(sum->members);
    free(sum->shares);
    sum->members = NULL;
    sum->shares = NULL;
}

void tally_join(tally *sum, ergo_session *session)
{
    tally_member *member = &sum->members[sum->member_count++];
    *member = (tally_member){.session = session, .request = energy_request(sum->energy)};
    ergo_session_computed(session, &member->prefill_tokens, &member->decode_tokens);
}

void tally_renew(tally *sum, uint32_t member)
{
    energy_release(sum->energy, sum->members[member].request);
    sum->members[member].request = energy_request(sum->energy);
}

/* Accounts for a step that began at `begin_ns`: to each member what it has computed since. */
static void share_step(tally *sum, uint64_t begin_ns)
{
    size_t count = 0;
    for (uint32_t i = 0; i < sum->member_count; i++) {
        tally_member *member = &sum->members[i];
        const tally_member before = *member;
        ergo_session_computed(member->session, &member->prefill_tokens, &member->decode_tokens);
        const ergo_account_share share = {
            .request = member->request,
            .prefill_tokens = (uint32_t)(member->prefill_tokens - before.prefill_tokens),
            .decode_tokens = (uint32_t)(member->decode_tokens - before.decode_tokens)};
        if (share.prefill_tokens + share.decode_tokens > 0)
            sum->shares[count++] = share;
    }
    if (count > 0)
        energy_step(sum->energy, begin_ns, sum->shares, count);
}

void tally_add(tally *sum, const ergo_step_report *report)
{
    const double seconds = (double)report->elapsed_ns * 1e-9;
    const uint64_t tokens = (uint64_t)report->prefill_tokens + report->decode_tokens;
    sum->shared_tokens += report->shared_tokens;
    if (tokens == 0)
        return;
    /* A step that served both phases is split by tokens: within one batch each costs the same
     * multiply-accumulates, and the weights that are read once serve all of them. */
    const double each = seconds / (double)tokens;
    sum->prefill.tokens += report->prefill_tokens;
    sum->prefill.seconds += each * (double)report->prefill_tokens;
    sum->decode.tokens += report->decode_tokens;
    sum->decode.seconds += each * (double)report->decode_tokens;
}

double tally_rate(const tally_phase *phase)
{
    return phase->seconds > 0 ? (double)phase->tokens / phase->seconds : 0;
}

tool_exit tally_run(tally *sum, ergo_engine *engine)
{
    for (;;) {
        ergo_step_report report = {.sessions = 0};
        if (interrupt_requested())
            return TOOL_INTERRUPTED;
        const uint64_t begin_ns = energy_now(sum->energy);
        const ergo_status status = ergo_engine_step(engine, &report);
        if (status == ERGO_IDLE)
            return TOOL_DONE;
        if (status != ERGO_OK) {
            const tool_exit code = tool_status(status, "the run failed");
            return code == TOOL_DEVICE ? code : TOOL_FAILED;
        }
        energy_play(sum->energy, &report);
        tally_add(sum, &report);
        share_step(sum, begin_ns);
        metrics_update(&sum->kept, sum->energy, sum);
    }
}

static void phase_json(const tally_phase *phase, const char *name, json_writer *json)
{
    json_object(json, name);
    json_u64(json, "tokens", phase->tokens);
    json_double(json, "seconds", phase->seconds);
    json_double(json, "tokens_per_s", tally_rate(phase));
    json_object_end(json);
}

void tally_json(const tally *sum, double load_seconds, json_writer *json)
{
    phase_json(&sum->prefill, "prefill", json);
    phase_json(&sum->decode, "decode", json);
    json_u64(json, "shared_tokens", sum->shared_tokens);
    json_double(json, "load_seconds", load_seconds);
    json_u64(json, "peak_bytes", tool_peak_bytes());
    energy_json(sum->energy, json);
}

void tally_print(const tally *sum, double load_seconds)
{
    char peak[32];
    (void)fflush(stdout);
    (void)fprintf(stderr,
                  "run-model: prefill %llu tokens, %.1f/s; decode %llu tokens, %.1f/s; "
                  "loaded in %.2f s; peak memory %s\n",
                  (unsigned long long)sum->prefill.tokens, tally_rate(&sum->prefill),
                  (unsigned long long)sum->decode.tokens, tally_rate(&sum->decode), load_seconds,
                  tool_bytes_text(tool_peak_bytes(), peak));
    energy_print(sum->energy);
}

const char *tally_stop_name(ergo_status ended)
{
    switch (ended) {
    case ERGO_END_OF_TEXT:
        return "eog";
    case ERGO_LENGTH:
        return "length";
    case ERGO_STOPPED:
        return "stop";
    case ERGO_CONTEXT_FULL:
        return "context";
    case ERGO_OK: /* it was still going on when the run was interrupted */
    case ERGO_CANCELLED:
        return "interrupted";
    default:
        return "error";
    }
}
