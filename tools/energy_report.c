/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "tools/energy.h"

static ergo_account_entry phase_of(const energy *e, ergo_phase phase)
{
    ergo_account_entry entry;
    ergo_account_get_phase(e->account, phase, &entry);
    return entry;
}

static uint64_t tokens_of(const ergo_account_entry *entry, ergo_phase phase)
{
    return phase == ERGO_PHASE_PREFILL ? entry->prefill_tokens : entry->decode_tokens;
}

double energy_per_token(const energy *e, ergo_phase phase)
{
    if (e->account == NULL)
        return NAN;
    const ergo_account_entry entry = phase_of(e, phase);
    const uint64_t tokens = tokens_of(&entry, phase);
    return tokens > 0 ? (double)entry.energy.uj / 1e6 / (double)tokens : NAN;
}

void energy_meter_text(const energy *e, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < e->count && used < size; i++) {
        if ((e->total >> i & 1) == 0)
            continue;
        const ergo_sensor_info *info = &e->list[i].info;
        const bool says_chip = strncmp(info->name, info->chip, strlen(info->chip)) == 0;
        const int more = snprintf(text + used, size - used, "%s%s%s%s", used > 0 ? " + " : "",
                                  says_chip ? "" : info->chip, says_chip ? "" : " ", info->name);
        used += more > 0 ? (size_t)more : 0;
    }
}

/* Members that the figures of phases and of requests have in common. */
static void entry_json(const ergo_account_entry *entry, json_writer *json)
{
    json_double(json, "joules", (double)entry->energy.uj / 1e6);
    json_double(json, "error_joules", (double)entry->energy.error_uj / 1e6);
    if (entry->idle_known)
        json_double(json, "above_idle_joules", (double)entry->above_idle_uj / 1e6);
    else
        json_null(json, "above_idle_joules");
}

static void phase_json(const energy *e, ergo_phase phase, const char *name, json_writer *json)
{
    const ergo_account_entry entry = phase_of(e, phase);
    json_object(json, name);
    entry_json(&entry, json);
    json_double(json, "joules_per_token", energy_per_token(e, phase));
    json_double(json, "seconds", (double)entry.energy.ns / 1e9);
    json_u64(json, "readings", entry.energy.readings);
    json_object_end(json);
}

double energy_coverage(const energy *e)
{
    ergo_account_entry entry;
    ergo_account_get_total(e->account, &entry);
    return entry.energy.ns > 0 ? (double)entry.energy.covered_ns / (double)entry.energy.ns : 0;
}

static uint32_t flags_of(const energy *e)
{
    return phase_of(e, ERGO_PHASE_PREFILL).energy.flags |
           phase_of(e, ERGO_PHASE_DECODE).energy.flags;
}

/* Why the figures are worth less than they look. */
static const struct {
    uint32_t flag;
    const char *text;
} warnings[] = {
    {ERGO_ENERGY_FEW, "too short for this sensor"},
    {ERGO_ENERGY_GAPS, "readings are missing"},
    {ERGO_ENERGY_STUCK, "the sensor repeated itself"},
    {ERGO_ENERGY_FAILED, "readings failed"},
    {ERGO_ENERGY_CLOCK, "the clock jumped or the system slept"},
    {ERGO_ENERGY_CLIPPED, "the run outlasted the meter's memory"},
};
#define WARNING_COUNT (sizeof warnings / sizeof *warnings)

void energy_warnings_json(uint32_t flags, json_writer *json)
{
    for (size_t i = 0; i < WARNING_COUNT; i++)
        if (flags & warnings[i].flag)
            json_text(json, NULL, warnings[i].text);
}

void energy_warnings_print(uint32_t flags)
{
    for (size_t i = 0; i < WARNING_COUNT; i++)
        if (flags & warnings[i].flag)
            (void)fprintf(stderr, "; %s", warnings[i].text);
}

void energy_json(const energy *e, json_writer *json)
{
    char text[256];
    uint64_t idle_uw;
    if (e->account == NULL) {
        json_null(json, "energy");
        return;
    }
    energy_meter_text(e, text, sizeof text);
    json_object(json, "energy");
    json_text(json, "meter", text);
    json_text(json, "scope", e->board->name);
    json_double(json, "coverage", energy_coverage(e));
    phase_json(e, ERGO_PHASE_LOAD, "load", json);
    phase_json(e, ERGO_PHASE_PREFILL, "prefill", json);
    phase_json(e, ERGO_PHASE_DECODE, "decode", json);
    phase_json(e, ERGO_PHASE_IDLE, "idle", json);
    if (ergo_account_idle(e->account, &idle_uw))
        json_double(json, "idle_watts", (double)idle_uw / 1e6);
    else
        json_null(json, "idle_watts");
    json_array(json, "warnings");
    energy_warnings_json(flags_of(e), json);
    json_array_end(json);
    json_object_end(json);
}

void energy_request_json(const energy *e, uint32_t request, json_writer *json)
{
    ergo_account_entry entry;
    if (e->account == NULL || ergo_account_get_request(e->account, request, &entry) != ERGO_OK) {
        json_null(json, "energy");
        return;
    }
    json_object(json, "energy");
    entry_json(&entry, json);
    json_u64(json, "prefill_tokens", entry.prefill_tokens);
    json_u64(json, "decode_tokens", entry.decode_tokens);
    json_object_end(json);
}

void energy_request_print(const energy *e, uint32_t request)
{
    ergo_account_entry entry;
    if (e->account == NULL || ergo_account_get_request(e->account, request, &entry) != ERGO_OK)
        return;
    (void)fflush(stdout);
    (void)fprintf(stderr, "run-model: %.3f +- %.3f J for %llu tokens read and %llu written\n",
                  (double)entry.energy.uj / 1e6, (double)entry.energy.error_uj / 1e6,
                  (unsigned long long)entry.prefill_tokens,
                  (unsigned long long)entry.decode_tokens);
}

void energy_print(const energy *e)
{
    char text[256];
    if (e->account == NULL)
        return;
    energy_meter_text(e, text, sizeof text);
    (void)fprintf(stderr, "run-model: energy");
    static const struct {
        ergo_phase phase;
        const char *name;
    } rows[] = {{ERGO_PHASE_PREFILL, "prefill"}, {ERGO_PHASE_DECODE, "decode"}};
    for (size_t i = 0; i < 2; i++) {
        const ergo_account_entry entry = phase_of(e, rows[i].phase);
        const uint64_t tokens = tokens_of(&entry, rows[i].phase);
        (void)fprintf(stderr, " %s %.3f +- %.3f J", rows[i].name, (double)entry.energy.uj / 1e6,
                      (double)entry.energy.error_uj / 1e6);
        if (tokens > 0)
            (void)fprintf(stderr, " (%.4f J/token)", energy_per_token(e, rows[i].phase));
        (void)fputc(i == 0 ? ',' : ';', stderr);
    }
    (void)fprintf(stderr, " %s, %.0f %% covered", text, 100 * energy_coverage(e));
    energy_warnings_print(flags_of(e));
    (void)fputc('\n', stderr);
}
