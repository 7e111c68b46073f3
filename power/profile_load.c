/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "ergo/profile.h"
#include "power/profile_text.h"
#include "power/sections.h"

/* A profile from its text, which is read twice: to count, and to fill. */

typedef enum place { NOWHERE = 0, IN_PROFILE, IN_KNOB, IN_WORK } place;

typedef struct parser {
    ergo__sections s;
    ergo__arena arena;
    place in;
    bool fill;
    ergo_profile profile;
    ergo_profile_knob *knobs;
    ergo_profile_work *works;
    ergo_knob_level *levels;
    ergo_point *points;
    uint32_t level_count; /* of all knobs */
    uint32_t point_count; /* of all works */
    unsigned seen;        /* keys of the section */
    /* While counting, what sections so far are: the checks need it. */
    ergo_profile_knob knob[ERGO_KNOBS_MAX];
    ergo_knob_level last; /* level of the present knob */
    ergo_profile_work work;
} parser;

static ergo_status bad(const parser *p, const char *what, ergo_str value)
{
    return ergo__sections_bad(&p->s, what, value);
}

static ergo_status whole(const parser *p, ergo_str text, uint64_t most, uint64_t *out)
{
    int64_t n = 0;
    const int64_t limit = most > INT64_MAX ? INT64_MAX : (int64_t)most;
    const ergo_status status = ergo__sections_number(&p->s, text, 0, limit, &n);
    if (status == ERGO_OK)
        *out = (uint64_t)n;
    return status;
}

static ergo_status whole32(const parser *p, ergo_str text, uint32_t most, uint32_t *out)
{
    uint64_t n = 0;
    const ergo_status status = whole(p, text, most, &n);
    if (status == ERGO_OK)
        *out = (uint32_t)n;
    return status;
}

static ergo_status once(parser *p, unsigned bit)
{
    if (p->seen & 1u << bit)
        return bad(p, "given twice:", p->s.key);
    p->seen |= 1u << bit;
    return ERGO_OK;
}

static ergo_status copy(const parser *p, char *to, size_t room)
{
    if (p->s.value.size >= room)
        return bad(p, "too long:", p->s.value);
    memcpy(to, p->s.value.data, p->s.value.size);
    to[p->s.value.size] = '\0';
    return ERGO_OK;
}

/* ---- [profile] ----------------------------------------------------------------------------- */

static ergo_status hash(const parser *p, uint64_t *out)
{
    uint64_t n = 0;
    for (size_t i = 0; i < p->s.value.size; i++) {
        const char c = p->s.value.data[i];
        const bool digit = c >= '0' && c <= '9';
        if (!digit && !(c >= 'a' && c <= 'f'))
            return bad(p, "not 16 hexadecimal digits:", p->s.value);
        n = n << 4 | (uint64_t)(digit ? c - '0' : c - 'a' + 10);
    }
    if (p->s.value.size != 16)
        return bad(p, "not 16 hexadecimal digits:", p->s.value);
    *out = n;
    return ERGO_OK;
}

static ergo_status set_profile(parser *p)
{
    ergo_profile_key *key = &p->profile.key;
    const struct {
        const char *name;
        char *to;
        size_t room;
    } strings[] = {{"board", key->board, sizeof key->board},
                   {"model", key->model, sizeof key->model},
                   {"quant", key->quant, sizeof key->quant},
                   {"backend", key->backend, sizeof key->backend}};
    for (unsigned i = 0; i < sizeof strings / sizeof *strings; i++)
        if (ergo__str_is(p->s.key, strings[i].name)) {
            const ergo_status status = once(p, i);
            return status == ERGO_OK ? copy(p, strings[i].to, strings[i].room) : status;
        }
    if (!ergo__str_is(p->s.key, "hash"))
        return bad(p, "unknown key", p->s.key);
    const ergo_status status = once(p, 31);
    return status == ERGO_OK ? hash(p, &key->model_hash) : status;
}

/* ---- [knob] -------------------------------------------------------------------------------- */

static ergo_status begin_knob(parser *p)
{
    if (p->profile.work_count > 0)
        return bad(p, "knobs come before works:", p->s.name);
    if (p->s.name.size == 0 || p->s.name.size >= ERGO_KNOB_NAME_MAX)
        return bad(p, "not the name of a knob:", p->s.name);
    if (p->profile.knob_count == ERGO_KNOBS_MAX)
        return bad(p, "too many knobs:", p->s.name);
    for (uint32_t k = 0; k < p->profile.knob_count; k++)
        if (ergo__str_is(p->s.name, p->knob[k].name))
            return bad(p, "this knob was there before:", p->s.name);
    ergo_profile_knob *knob = &p->knob[p->profile.knob_count++];
    *knob = (ergo_profile_knob){.kind = ERGO_KNOB_CLOCK,
                                .levels = p->fill ? p->levels + p->level_count : NULL};
    memcpy(knob->name, p->s.name.data, p->s.name.size);
    return ERGO_OK;
}

/* value [uses N] [name TEXT] */
static ergo_status add_level(parser *p)
{
    ergo_profile_knob *knob = &p->knob[p->profile.knob_count - 1];
    ergo_str rest = p->s.value, word;
    ergo_knob_level level = {0};
    ergo__sections_word(&rest, &word);
    ergo_status status = whole32(p, word, UINT32_MAX, &level.value);
    while (status == ERGO_OK && ergo__sections_word(&rest, &word)) {
        if (ergo__str_is(word, "uses")) {
            if (!ergo__sections_word(&rest, &word))
                return bad(p, "no number after uses in", p->s.value);
            status = whole32(p, word, UINT32_MAX, &level.uses);
        } else if (ergo__str_is(word, "name") && rest.size > 0 && rest.size < ERGO_KNOB_NAME_MAX) {
            memcpy(level.name, rest.data, rest.size);
            break;
        } else {
            return bad(p, "not part of a level:", word);
        }
    }
    if (status != ERGO_OK)
        return status;
    if (knob->level_count == ERGO_KNOB_LEVELS_MAX)
        return bad(p, "too many levels:", p->s.value);
    if (p->fill)
        p->levels[p->level_count] = level;
    p->level_count++;
    knob->level_count++;
    return ERGO_OK;
}

static ergo_status set_knob(parser *p)
{
    if (ergo__str_is(p->s.key, "level"))
        return add_level(p);
    if (!ergo__str_is(p->s.key, "kind"))
        return bad(p, "unknown key", p->s.key);
    for (unsigned kind = 0; kind < ERGO__KNOB_KINDS; kind++)
        if (ergo__str_is(p->s.value, ergo__knob_kind_name((ergo_knob_kind)kind))) {
            p->knob[p->profile.knob_count - 1].kind = (ergo_knob_kind)kind;
            return once(p, 0);
        }
    return bad(p, "unknown kind", p->s.value);
}

/* ---- [work] -------------------------------------------------------------------------------- */

static ergo_status expect(const parser *p, ergo_str *rest, const char *name)
{
    ergo_str word;
    if (!ergo__sections_word(rest, &word) || !ergo__str_is(word, name))
        return ergo__fail(p->s.log, ERGO_E_FORMAT, "%s:%u: no '%s' where one belongs in '%.*s'",
                          p->s.file, p->s.line, name,
                          (int)(p->s.value.size < 120 ? p->s.value.size : 120), p->s.value.data);
    return ERGO_OK;
}

static ergo_status figure(const parser *p, ergo_str *rest, const char *name, uint64_t most,
                          uint64_t *out)
{
    ergo_str word;
    const ergo_status status = expect(p, rest, name);
    if (status != ERGO_OK)
        return status;
    return ergo__sections_word(rest, &word) ? whole(p, word, most, out)
                                            : bad(p, "no number after", p->s.value);
}

static ergo_status read_point(const parser *p, ergo_point *out)
{
    ergo_str rest = p->s.value, word;
    *out = (ergo_point){0};
    for (uint32_t k = 0; k < p->profile.knob_count; k++) {
        uint32_t level = 0;
        if (!ergo__sections_word(&rest, &word))
            return bad(p, "fewer levels than knobs:", p->s.value);
        if (p->knob[k].level_count == 0)
            return bad(p, "a knob without levels before", p->s.value);
        const ergo_status status = whole32(p, word, p->knob[k].level_count - 1, &level);
        if (status != ERGO_OK)
            return status;
        out->level[k] = (uint8_t)level;
    }
    uint64_t windows = 0, age = 0;
    const struct {
        const char *name;
        uint64_t *to;
        uint64_t most;
    } figures[] = {{"ns", &out->ns, INT64_MAX},       {"+-", &out->ns_error, INT64_MAX},
                   {"nj", &out->nj, INT64_MAX},       {"+-", &out->nj_error, INT64_MAX},
                   {"windows", &windows, UINT32_MAX}, {"age", &age, UINT32_MAX}};
    for (unsigned i = 0; i < sizeof figures / sizeof *figures; i++) {
        const ergo_status status =
            figure(p, &rest, figures[i].name, figures[i].most, figures[i].to);
        if (status != ERGO_OK)
            return status;
    }
    out->windows = (uint32_t)windows;
    out->age_s = (uint32_t)age;
    return rest.size == 0 ? ERGO_OK : bad(p, "too much in a point:", rest);
}

static ergo_status add_point(parser *p)
{
    ergo_point point;
    const ergo_status status = read_point(p, &point);
    if (status != ERGO_OK)
        return status;
    if (p->fill)
        p->points[p->point_count] = point;
    p->point_count++;
    p->work.point_count++;
    return ERGO_OK;
}

static ergo_status set_work(parser *p)
{
    ergo_profile_work *w = &p->work;
    if (ergo__str_is(p->s.key, "point"))
        return add_point(p);
    if (ergo__str_is(p->s.key, "phase")) {
        const bool decode = ergo__str_is(p->s.value, "decode");
        if (!decode && !ergo__str_is(p->s.value, "prefill"))
            return bad(p, "neither prefill nor decode:", p->s.value);
        w->phase = decode ? ERGO_PHASE_DECODE : ERGO_PHASE_PREFILL;
        return once(p, 0);
    }
    const struct {
        const char *name;
        uint32_t *to;
    } small[] = {{"batch", &w->batch}, {"context", &w->context}, {"tokens", &w->tokens}};
    for (unsigned i = 0; i < sizeof small / sizeof *small; i++)
        if (ergo__str_is(p->s.key, small[i].name)) {
            const ergo_status status = whole32(p, p->s.value, UINT32_MAX, small[i].to);
            return status == ERGO_OK ? once(p, 1 + i) : status;
        }
    const struct {
        const char *name;
        uint64_t *to;
    } large[] = {{"macs", &w->work.macs},
                 {"weight_bytes", &w->work.weight_bytes},
                 {"kv_bytes", &w->work.kv_bytes},
                 {"activation_bytes", &w->work.activation_bytes}};
    for (unsigned i = 0; i < sizeof large / sizeof *large; i++)
        if (ergo__str_is(p->s.key, large[i].name)) {
            const ergo_status status = whole(p, p->s.value, INT64_MAX, large[i].to);
            return status == ERGO_OK ? once(p, 8 + i) : status;
        }
    return bad(p, "unknown key", p->s.key);
}

/* ---- All of it ----------------------------------------------------------------------------- */

static void end_section(parser *p)
{
    if (p->in != IN_WORK)
        return;
    if (p->fill) {
        p->work.points = p->points + p->point_count - p->work.point_count;
        p->works[p->profile.work_count] = p->work;
    }
    p->profile.work_count++;
}

static ergo_status begin_section(parser *p)
{
    end_section(p);
    p->seen = 0;
    if (ergo__str_is(p->s.kind, "knob")) {
        p->in = IN_KNOB;
        return begin_knob(p);
    }
    if (p->s.name.size > 0)
        return bad(p, "a section without a name has one:", p->s.name);
    if (ergo__str_is(p->s.kind, "work")) {
        p->in = IN_WORK;
        p->work = (ergo_profile_work){.phase = ERGO_PHASE_DECODE, .batch = 1, .tokens = 1};
        return ERGO_OK;
    }
    if (!ergo__str_is(p->s.kind, "profile"))
        return bad(p, "unknown section", p->s.kind);
    p->in = IN_PROFILE;
    return ERGO_OK;
}

static ergo_status read_all(parser *p)
{
    for (;;) {
        ergo__line line;
        ergo_status status = ergo__sections_next(&p->s, &line);
        if (status != ERGO_OK)
            return status;
        if (line == ERGO__LINE_END)
            break;
        if (line == ERGO__LINE_SECTION)
            status = begin_section(p);
        else
            status = p->in == IN_PROFILE ? set_profile(p)
                     : p->in == IN_KNOB  ? set_knob(p)
                                         : set_work(p);
        if (status != ERGO_OK)
            return status;
    }
    end_section(p);
    return ERGO_OK;
}

static ergo_status check_version(ergo_str text, const ergo_log *log, const char *file)
{
    static const char head[] = "# ergo profile, version ";
    const size_t size = sizeof head - 1;
    if (text.size <= size || memcmp(text.data, head, size) != 0)
        return ergo__fail(log, ERGO_E_FORMAT, "%s:1: does not begin with '%s%d'", file, head,
                          ERGO__PROFILE_VERSION);
    const char version = text.data[size];
    const bool alone =
        text.size == size + 1 || text.data[size + 1] == '\n' || text.data[size + 1] == '\r';
    if (version != '0' + ERGO__PROFILE_VERSION || !alone)
        return ergo__fail(log, ERGO_E_UNSUPPORTED, "%s:1: another version than %d", file,
                          ERGO__PROFILE_VERSION);
    return ERGO_OK;
}

static ergo_status load(ergo_str text, const ergo_log *log, const char *file, ergo__arena *arena,
                        ergo_profile **out)
{
    ergo_status status = check_version(text, log, file);
    if (status != ERGO_OK)
        return status;
    parser p = {.s = ergo__sections_begin(text, log, file)};
    status = read_all(&p);
    if (status != ERGO_OK)
        return status;
    ergo_profile *profile = ERGO__TAKE(arena, ergo_profile, 1);
    parser fill = {.s = ergo__sections_begin(text, log, file), .fill = true};
    fill.knobs = ERGO__TAKE(arena, ergo_profile_knob, p.profile.knob_count + 1);
    fill.works = ERGO__TAKE(arena, ergo_profile_work, p.profile.work_count + 1);
    fill.levels = ERGO__TAKE(arena, ergo_knob_level, p.level_count + 1);
    fill.points = ERGO__TAKE(arena, ergo_point, p.point_count + 1);
    if (arena->full || !profile)
        return ERGO_OK;
    status = read_all(&fill);
    memcpy(fill.knobs, fill.knob, fill.profile.knob_count * sizeof *fill.knobs);
    fill.profile.knobs = fill.knobs;
    fill.profile.works = fill.works;
    *profile = fill.profile;
    *out = profile;
    return status;
}

ergo_status ergo_profile_size(ergo_str text, const ergo_log *log, const char *file, size_t *size)
{
    ergo__arena arena = ergo__arena_counting();
    ergo_profile *none = NULL;
    const ergo_status status = load(text, log, file, &arena, &none);
    if (status == ERGO_OK)
        *size = arena.used;
    return status;
}

ergo_status ergo_profile_load(ergo_str text, const ergo_log *log, const char *file,
                              ergo_block memory, const ergo_profile **out)
{
    ergo__arena arena = ergo__arena_over(memory);
    ergo_profile *profile = NULL;
    const ergo_status status = load(text, log, file, &arena, &profile);
    if (status != ERGO_OK)
        return status;
    if (!profile)
        return ergo__fail(log, ERGO_E_MEMORY, "%s: needs more than %zu bytes", file, memory.size);
    *out = profile;
    return ERGO_OK;
}
