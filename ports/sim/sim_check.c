/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ports/sim/sim_board.h"

/* What a text means that no single line tells. Messages name the line all the same. */

#define MS_MOST 1000000000000 /* some thirty years */

static ergo_status bad(const ergo__sections *text, unsigned line, const char *what, ergo_str value)
{
    ergo__sections there = *text;
    there.line = line;
    return ergo__sections_bad(&there, what, value);
}

static ergo_str str(const char *text)
{
    return (ergo_str){text, strlen(text)};
}

/* Number within a text of the line. */
static ergo_status number(const ergo__sections *text, unsigned line, const char *key, ergo_str word,
                          int64_t least, int64_t most, int64_t *out)
{
    ergo__sections there = *text;
    there.line = line;
    there.key = str(key);
    return ergo__sections_number(&there, word, least, most, out);
}

static ergo_status find_cluster(const ergo__sections *text, const ergo__sim_board *b, unsigned line,
                                ergo_str name, uint32_t *out)
{
    for (uint32_t i = 0; i < b->cluster_count; i++)
        if (ergo__str_is(name, b->clusters[i].name)) {
            *out = i;
            return ERGO_OK;
        }
    return bad(text, line, "there is no cluster", name);
}

/* ---- Levels -------------------------------------------------------------------------------- */

static ergo_status check_ascending(const ergo__sections *text, const char *key,
                                   const ergo__sim_list *list)
{
    for (uint32_t i = 1; i < list->count; i++)
        if (list->item[i] <= list->item[i - 1])
            return bad(text, list->line, "not ascending:", str(key));
    return ERGO_OK;
}

static ergo_status check_length(const ergo__sections *text, const char *key,
                                const ergo__sim_list *list, uint32_t count)
{
    if (list->count == count)
        return ERGO_OK;
    return ergo__fail(text->log, ERGO_E_FORMAT,
                      "%s:%u: %s has %u numbers, must have %u like the "
                      "clocks",
                      text->file, list->line, key, list->count, count);
}

static ergo_status check_cluster(const ergo__sections *text, ergo__sim_cluster *c)
{
    c->gpu = ergo__str_is(c->kind.text, "gpu");
    if (!c->gpu && !ergo__str_is(c->kind.text, "cpu"))
        return bad(text, c->kind.line, "kind is cpu or gpu, not", c->kind.text);
    if (strcmp(c->name, "memory") == 0 || strcmp(c->name, "cores") == 0)
        return bad(text, c->line, "another knob is called", str(c->name));
    const ergo_status status = check_ascending(text, "opp_khz", &c->khz);
    return status != ERGO_OK ? status : check_length(text, "opp_uv", &c->uv, c->khz.count);
}

static ergo_status check_memory(const ergo__sections *text, const ergo__sim_memory *m)
{
    const uint32_t count = m->khz.count;
    ergo_status status = check_ascending(text, "level_khz", &m->khz);
    if (status == ERGO_OK)
        status = check_length(text, "bandwidth_mb_s", &m->bandwidth_mb_s, count);
    if (status == ERGO_OK)
        status = check_length(text, "static_uw", &m->static_uw, count);
    if (status == ERGO_OK)
        status = check_length(text, "fj_per_byte", &m->fj_per_byte, count);
    return status;
}

/* ---- Sensors and core sets ----------------------------------------------------------------- */

static ergo_status check_probe(const ergo__sections *text, const ergo__sim_board *b,
                               ergo__sim_probe *p)
{
    const unsigned line = p->scope_text.line;
    ergo_str rest = p->scope_text.text;
    ergo_str word = {"", 0};
    (void)ergo__sections_word(&rest, &word);
    if (strcmp(p->name, "temperature") == 0)
        return bad(text, p->line, "another sensor is called", str(p->name));
    if (ergo__str_is(word, "cluster") && rest.size > 0) {
        p->scope = ERGO__SIM_CLUSTER;
        return find_cluster(text, b, line, rest, &p->cluster);
    }
    p->scope = ergo__str_is(word, "memory") ? ERGO__SIM_MEMORY : ERGO__SIM_TOTAL;
    if (rest.size > 0 || (p->scope == ERGO__SIM_TOTAL && !ergo__str_is(word, "total")))
        return bad(text, line, "scope is total, memory or cluster NAME, not", p->scope_text.text);
    return ERGO_OK;
}

static ergo_status check_probes(const ergo__sections *text, const ergo__sim_board *b)
{
    bool total = false;
    for (uint32_t i = 0; i < b->probe_count; i++) {
        ergo__sim_probe *p = &b->probes[i];
        const ergo_status status = check_probe(text, b, p);
        if (status != ERGO_OK)
            return status;
        if (total && p->scope == ERGO__SIM_TOTAL)
            return bad(text, p->scope_text.line, "a second sensor of the total:", str(p->name));
        total = total || p->scope == ERGO__SIM_TOTAL;
    }
    return total ? ERGO_OK
                 : ergo__fail(text->log, ERGO_E_FORMAT, "%s: no sensor has the scope 'total'",
                              text->file);
}

/* "a76:4" */
static ergo_status check_use(const ergo__sections *text, const ergo__sim_board *b,
                             ergo__sim_cores *set, ergo_str word)
{
    const unsigned line = set->use.line;
    const char *colon = memchr(word.data, ':', word.size);
    if (!colon)
        return bad(text, line, "not CLUSTER:THREADS:", word);
    const size_t size = (size_t)(colon - word.data);
    uint32_t cluster = 0;
    int64_t threads = 0;
    ergo_status status = find_cluster(text, b, line, (ergo_str){word.data, size}, &cluster);
    if (status == ERGO_OK && set->threads[cluster] > 0)
        status = bad(text, line, "twice in one core set:", word);
    if (status == ERGO_OK)
        status = number(text, line, "threads", (ergo_str){colon + 1, word.size - size - 1}, 1,
                        b->clusters[cluster].cores, &threads);
    if (status == ERGO_OK)
        set->threads[cluster] = (uint32_t)threads;
    return status;
}

static ergo_status check_cores(const ergo__sections *text, const ergo__sim_board *b,
                               ergo__sim_cores *set)
{
    ergo_str rest = set->use.text;
    ergo_str word;
    ergo_status status = ERGO_OK;
    while (status == ERGO_OK && ergo__sections_word(&rest, &word))
        status = check_use(text, b, set, word);
    return status;
}

/* ---- Faults -------------------------------------------------------------------------------- */

static ergo_status find_probe(const ergo__sections *text, const ergo__sim_board *b, unsigned line,
                              ergo_str name, uint32_t *out)
{
    for (uint32_t i = 0; i < b->probe_count; i++)
        if (ergo__str_is(name, b->probes[i].name)) {
            *out = i;
            return ERGO_OK;
        }
    return bad(text, line, "there is no sensor", name);
}

/* The level of a clock of so many kHz. */
static ergo_status find_level(const ergo__sections *text, const ergo__sim_cluster *c, unsigned line,
                              ergo_str word, int64_t *out)
{
    int64_t khz = 0;
    const ergo_status status =
        number(text, line, "writer", word, c->khz.item[0], c->khz.item[c->khz.count - 1], &khz);
    for (uint32_t i = 0; status == ERGO_OK && i < c->khz.count; i++)
        if (c->khz.item[i] == khz) {
            *out = i;
            return ERGO_OK;
        }
    return status != ERGO_OK ? status : bad(text, line, "no clock of this cluster:", word);
}

/* "sensor NAME stuck MS", "cluster NAME writer KHZ", ... behind the time. */
static ergo_status check_trouble(const ergo__sections *text, const ergo__sim_board *b,
                                 ergo__sim_fault *f, const ergo_str word[4])
{
    static const struct {
        const char *whose;
        const char *what;
        ergo__sim_trouble trouble;
    } known[] = {{"sensor", "stuck", ERGO__SIM_STUCK},
                 {"sensor", "error", ERGO__SIM_ERROR},
                 {"cluster", "writer", ERGO__SIM_WRITER},
                 {"cluster", "denied", ERGO__SIM_DENIED}};
    const unsigned line = f->text.line;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!ergo__str_is(word[0], known[i].whose) || !ergo__str_is(word[2], known[i].what))
            continue;
        f->trouble = known[i].trouble;
        const ergo_status status = ergo__str_is(word[0], "sensor")
                                       ? find_probe(text, b, line, word[1], &f->target)
                                       : find_cluster(text, b, line, word[1], &f->target);
        if (status != ERGO_OK)
            return status;
        return f->trouble == ERGO__SIM_WRITER
                   ? find_level(text, &b->clusters[f->target], line, word[3], &f->value)
                   : number(text, line, known[i].what, word[3], 0, MS_MOST, &f->value);
    }
    return bad(text, line, "unknown fault", f->text.text);
}

static ergo_status check_fault(const ergo__sections *text, const ergo__sim_board *b,
                               ergo__sim_fault *f)
{
    ergo_str rest = f->text.text;
    ergo_str time = {"", 0};
    ergo_str word[4] = {{"", 0}, {"", 0}, {"", 0}, {"", 0}};
    uint32_t words = 0;
    (void)ergo__sections_word(&rest, &time);
    ergo_status status = number(text, f->text.line, "at_ms", time, 0, MS_MOST, &f->at_ms);
    while (words < 4 && ergo__sections_word(&rest, &word[words]))
        words++;
    if (status != ERGO_OK)
        return status;
    if (words == 2 && ergo__str_is(word[0], "ambient")) {
        f->trouble = ERGO__SIM_AMBIENT;
        return number(text, f->text.line, "ambient", word[1], -100000, 200000, &f->value);
    }
    if (words != 4 || rest.size > 0)
        return bad(text, f->text.line, "unknown fault", f->text.text);
    return check_trouble(text, b, f, word);
}

/* Faults in order of time; those of one moment as they were written. */
static void sort_faults(ergo__sim_board *b)
{
    for (uint32_t i = 1; i < b->fault_count; i++) {
        const ergo__sim_fault fault = b->faults[i];
        uint32_t k = i;
        for (; k > 0 && b->faults[k - 1].at_ms > fault.at_ms; k--)
            b->faults[k] = b->faults[k - 1];
        b->faults[k] = fault;
    }
}

ergo_status ergo__sim_check(const ergo__sections *text, ergo__sim_board *b)
{
    ergo_status status = check_memory(text, &b->memory);
    for (uint32_t i = 0; status == ERGO_OK && i < b->cluster_count; i++)
        status = check_cluster(text, &b->clusters[i]);
    if (status == ERGO_OK)
        status = check_probes(text, b);
    for (uint32_t i = 0; status == ERGO_OK && i < b->cores_count; i++)
        status = check_cores(text, b, &b->cores[i]);
    for (uint32_t i = 0; status == ERGO_OK && i < b->fault_count; i++)
        status = check_fault(text, b, &b->faults[i]);
    sort_faults(b);
    return status;
}
