/* SPDX-License-Identifier: Apache-2.0 */
#include "ergo/profile.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "power/profile_text.h"
#include "runtime/base/log.h"

/* A profile as text. */

const char *ergo__knob_kind_name(ergo_knob_kind kind)
{
    static const char *const names[ERGO__KNOB_KINDS] = {"clock", "memory", "cores",
                                                        "batch", "chunk",  "backend"};
    return (unsigned)kind < ERGO__KNOB_KINDS ? names[kind] : "";
}

uint32_t ergo_bucket(uint32_t value)
{
    uint32_t bucket = 1;
    while (bucket < value && bucket < 1u << 31)
        bucket <<= 1;
    return bucket;
}

typedef struct writer {
    char *text;
    size_t size;
    size_t used; /* may be more than size: then only counted */
} writer;

static void put(writer *w, const char *format, ...) ERGO__PRINTF(2, 3);

static void put(writer *w, const char *format, ...)
{
    char line[256];
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    const size_t size = n > 0 && (size_t)n < sizeof line ? (size_t)n : 0;
    if (w->used <= w->size && size <= w->size - w->used)
        memcpy(w->text + w->used, line, size);
    else if (w->used < w->size)
        memcpy(w->text + w->used, line, w->size - w->used);
    w->used += size;
}

/* What a line of text can hold. */
static bool is_plain(const char *s)
{
    const size_t size = strlen(s);
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)s[i] < 0x20 || s[i] == '#' || s[i] == 0x7f)
            return false;
    return size == 0 || (s[0] != ' ' && s[size - 1] != ' ');
}

static void put_text(writer *w, const char *key, const char *value)
{
    if (value[0] != '\0')
        put(w, "%s = %s\n", key, value);
}

static bool check_knob(const ergo_profile_knob *knob)
{
    if (!is_plain(knob->name) || knob->name[0] == '\0' || knob->level_count == 0 ||
        knob->level_count > ERGO_KNOB_LEVELS_MAX || (unsigned)knob->kind >= ERGO__KNOB_KINDS ||
        strchr(knob->name, ']'))
        return false;
    for (uint32_t i = 0; i < knob->level_count; i++)
        if (!is_plain(knob->levels[i].name))
            return false;
    return true;
}

static bool check_work(const ergo_profile *profile, const ergo_profile_work *work)
{
    if (work->phase != ERGO_PHASE_PREFILL && work->phase != ERGO_PHASE_DECODE)
        return false;
    uint64_t most = work->work.macs | work->work.weight_bytes | work->work.kv_bytes |
                    work->work.activation_bytes;
    for (uint32_t i = 0; i < work->point_count; i++) {
        const ergo_point *point = &work->points[i];
        most |= point->ns | point->nj | point->ns_error | point->nj_error;
        for (uint32_t k = 0; k < profile->knob_count; k++)
            if (point->level[k] >= profile->knobs[k].level_count)
                return false;
    }
    return most <= INT64_MAX;
}

static bool check(const ergo_profile *profile)
{
    const ergo_profile_key *key = &profile->key;
    bool good = is_plain(key->board) && is_plain(key->model) && is_plain(key->quant) &&
                is_plain(key->backend) && profile->knob_count <= ERGO_KNOBS_MAX;
    for (uint32_t i = 0; good && i < profile->knob_count; i++)
        good = check_knob(&profile->knobs[i]);
    for (uint32_t i = 0; good && i < profile->work_count; i++)
        good = check_work(profile, &profile->works[i]);
    return good;
}

static void put_knob(writer *w, const ergo_profile_knob *knob)
{
    put(w, "\n[knob %s]\nkind = %s\n", knob->name, ergo__knob_kind_name(knob->kind));
    for (uint32_t i = 0; i < knob->level_count; i++) {
        const ergo_knob_level *level = &knob->levels[i];
        put(w, "level = %" PRIu32, level->value);
        if (level->uses != 0)
            put(w, " uses %" PRIu32, level->uses);
        if (level->name[0] != '\0')
            put(w, " name %s", level->name);
        put(w, "\n");
    }
}

static void put_work(writer *w, const ergo_profile *profile, const ergo_profile_work *work)
{
    put(w, "\n[work]\nphase = %s\n", work->phase == ERGO_PHASE_DECODE ? "decode" : "prefill");
    put(w, "batch = %" PRIu32 "\ncontext = %" PRIu32 "\ntokens = %" PRIu32 "\n", work->batch,
        work->context, work->tokens);
    put(w, "macs = %" PRIu64 "\nweight_bytes = %" PRIu64 "\n", work->work.macs,
        work->work.weight_bytes);
    put(w, "kv_bytes = %" PRIu64 "\nactivation_bytes = %" PRIu64 "\n", work->work.kv_bytes,
        work->work.activation_bytes);
    for (uint32_t i = 0; i < work->point_count; i++) {
        const ergo_point *point = &work->points[i];
        put(w, "point =");
        for (uint32_t k = 0; k < profile->knob_count; k++)
            put(w, " %u", point->level[k]);
        put(w, " ns %" PRIu64 " +- %" PRIu64 " nj %" PRIu64 " +- %" PRIu64, point->ns,
            point->ns_error, point->nj, point->nj_error);
        put(w, " windows %" PRIu32 " age %" PRIu32 "\n", point->windows, point->age_s);
    }
}

ergo_status ergo_profile_save(const ergo_profile *profile, char *text, size_t size, size_t *length)
{
    if (!check(profile))
        return ERGO_E_ARGUMENT;
    writer w = {text, size, 0};
    put(&w, "# ergo profile, version %d\n[profile]\n", ERGO__PROFILE_VERSION);
    put_text(&w, "board", profile->key.board);
    put_text(&w, "model", profile->key.model);
    if (profile->key.model_hash != 0)
        put(&w, "hash = %016" PRIx64 "\n", profile->key.model_hash);
    put_text(&w, "quant", profile->key.quant);
    put_text(&w, "backend", profile->key.backend);
    for (uint32_t i = 0; i < profile->knob_count; i++)
        put_knob(&w, &profile->knobs[i]);
    for (uint32_t i = 0; i < profile->work_count; i++)
        put_work(&w, profile, &profile->works[i]);
    *length = w.used;
    return ERGO_OK;
}
