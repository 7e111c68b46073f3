/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ports/sim/sim_board.h"

/*
 * Every section is a table of keys. Each of them is needed, once. The ranges are wide: what they
 * keep out is what no board has, and what would make the arithmetic of others overflow.
 */

typedef enum field_kind { NUMBER, LIST, WORD, NAME } field_kind;

typedef struct field {
    const char *key;
    field_kind kind;
    size_t offset;
    int64_t least;
    int64_t most;
} field;

#define POWER_MOST 1000000000 /* uW: 1 kW */

#define IN(type, member) offsetof(type, member)
static const field board_fields[] = {
    {"name", NAME, IN(ergo__sim_board, name), 0, 0},
    {"board_uw", NUMBER, IN(ergo__sim_board, board_uw), 0, POWER_MOST},
    {"launch_ns", NUMBER, IN(ergo__sim_board, launch_ns), 0, 1000000000},
    {"switch_us", NUMBER, IN(ergo__sim_board, switch_us), 0, 10000000},
    {"seed", NUMBER, IN(ergo__sim_board, seed), 0, INT64_MAX},
};
static const field cluster_fields[] = {
    {"kind", WORD, IN(ergo__sim_cluster, kind), 0, 0},
    {"cores", NUMBER, IN(ergo__sim_cluster, cores), 1, 4096},
    {"opp_khz", LIST, IN(ergo__sim_cluster, khz), 1, 100000000},
    {"opp_uv", LIST, IN(ergo__sim_cluster, uv), 1, 10000000},
    {"macs_per_kcycle", NUMBER, IN(ergo__sim_cluster, macs_per_kcycle), 1, 1000000000000},
    {"bytes_per_kcycle", NUMBER, IN(ergo__sim_cluster, bytes_per_kcycle), 1, 1000000000000},
    {"cap_pf", NUMBER, IN(ergo__sim_cluster, cap_pf), 0, 1000000000},
    {"leak_uw_per_v2", NUMBER, IN(ergo__sim_cluster, leak_uw_per_v2), 0, POWER_MOST},
    {"stall_percent", NUMBER, IN(ergo__sim_cluster, stall_percent), 0, 100},
};
static const field memory_fields[] = {
    {"level_khz", LIST, IN(ergo__sim_memory, khz), 1, 100000000},
    {"bandwidth_mb_s", LIST, IN(ergo__sim_memory, bandwidth_mb_s), 1, 1000000000},
    {"static_uw", LIST, IN(ergo__sim_memory, static_uw), 0, POWER_MOST},
    {"fj_per_byte", LIST, IN(ergo__sim_memory, fj_per_byte), 0, 1000000000},
};
static const field thermal_fields[] = {
    {"ambient_mc", NUMBER, IN(ergo__sim_thermal, ambient_mc), -100000, 200000},
    {"start_mc", NUMBER, IN(ergo__sim_thermal, start_mc), -100000, 200000},
    {"r_mc_per_w", NUMBER, IN(ergo__sim_thermal, r_mc_per_w), 0, 1000000},
    {"tau_ms", NUMBER, IN(ergo__sim_thermal, tau_ms), 1, 1000000000},
    {"trip_mc", NUMBER, IN(ergo__sim_thermal, trip_mc), -100000, 1000000},
    {"hysteresis_mc", NUMBER, IN(ergo__sim_thermal, hysteresis_mc), 0, 1000000},
    {"leak_ppm_per_mc", NUMBER, IN(ergo__sim_thermal, leak_ppm_per_mc), 0, 1000},
};
static const field probe_fields[] = {
    {"scope", WORD, IN(ergo__sim_probe, scope_text), 0, 0},
    {"period_us", NUMBER, IN(ergo__sim_probe, period_us), 1, 100000000},
    {"lsb_uw", NUMBER, IN(ergo__sim_probe, lsb_uw), 1, POWER_MOST},
    {"noise_uw", NUMBER, IN(ergo__sim_probe, noise_uw), 0, POWER_MOST},
};
static const field cores_fields[] = {
    {"use", WORD, IN(ergo__sim_cores, use), 0, 0},
};

typedef enum kind { BOARD, CLUSTER, MEMORY, THERMAL, PROBE, CORES, FAULT, KINDS } kind;

static const struct section {
    const char *name;
    const field *fields;
    uint32_t count;
    bool named; /* may be repeated, each with a name of its own */
} sections[KINDS] = {
    [BOARD] = {"board", board_fields, sizeof board_fields / sizeof(field), false},
    [CLUSTER] = {"cluster", cluster_fields, sizeof cluster_fields / sizeof(field), true},
    [MEMORY] = {"memory", memory_fields, sizeof memory_fields / sizeof(field), false},
    [THERMAL] = {"thermal", thermal_fields, sizeof thermal_fields / sizeof(field), false},
    [PROBE] = {"sensor", probe_fields, sizeof probe_fields / sizeof(field), true},
    [CORES] = {"cores", cores_fields, sizeof cores_fields / sizeof(field), true},
    [FAULT] = {"fault", NULL, 0, false}, /* its lines are all called at_ms */
};

/* ---- Counting ------------------------------------------------------------------------------ */

static kind kind_of(const ergo__sections *text)
{
    kind k = BOARD;
    while (k < KINDS && !ergo__str_is(text->kind, sections[k].name))
        k++;
    return k;
}

static ergo_status check_section(const ergo__sections *text, kind *out)
{
    const kind k = kind_of(text);
    if (k == KINDS)
        return ergo__sections_bad(text, "unknown section", text->kind);
    if (sections[k].named && text->name.size == 0)
        return ergo__sections_bad(text, "no name in section", text->kind);
    if (!sections[k].named && text->name.size > 0)
        return ergo__sections_bad(text, "this section has no name:", text->name);
    *out = k;
    return ERGO_OK;
}

static ergo_status check_count(const ergo__sections *text, uint32_t count, uint32_t most,
                               const char *what)
{
    if (count > most)
        return ergo__fail(text->log, ERGO_E_LIMIT, "%s: %u %ss, at most %u can be", text->file,
                          count, what, most);
    if (count == 0)
        return ergo__fail(text->log, ERGO_E_FORMAT, "%s: the board has no %s", text->file, what);
    return ERGO_OK;
}

ergo_status ergo__sim_count(const ergo__sections *text, ergo__arena *arena, ergo__sim_board *board)
{
    ergo__sections at = *text;
    uint32_t count[KINDS] = {0};
    kind k = BOARD;
    ergo__line line = ERGO__LINE_KEY;
    ergo_status status = ERGO_OK;
    while (status == ERGO_OK && line != ERGO__LINE_END) {
        status = ergo__sections_next(&at, &line);
        if (status == ERGO_OK && line == ERGO__LINE_SECTION)
            status = check_section(&at, &k);
        if (status == ERGO_OK && line == (k == FAULT ? ERGO__LINE_KEY : ERGO__LINE_SECTION))
            count[k]++; /* of faults each line is one */
    }
    if (status == ERGO_OK)
        status = check_count(text, count[CLUSTER], ERGO__SIM_CLUSTERS, "cluster");
    if (status == ERGO_OK)
        status = check_count(text, count[PROBE], ERGO__SIM_SENSORS, "sensor");
    if (status == ERGO_OK)
        status = check_count(text, count[CORES], ERGO_KNOB_LEVELS_MAX, "core set");
    if (status == ERGO_OK && count[FAULT] > ERGO__SIM_FAULTS)
        status = ergo__fail(text->log, ERGO_E_LIMIT, "%s: %u faults, at most %u can be", text->file,
                            count[FAULT], ERGO__SIM_FAULTS);
    *board = (ergo__sim_board){.clusters = ERGO__TAKE(arena, ergo__sim_cluster, count[CLUSTER]),
                               .probes = ERGO__TAKE(arena, ergo__sim_probe, count[PROBE]),
                               .cores = ERGO__TAKE(arena, ergo__sim_cores, count[CORES]),
                               .faults = ERGO__TAKE(arena, ergo__sim_fault, count[FAULT]),
                               .cluster_count = count[CLUSTER],
                               .probe_count = count[PROBE],
                               .cores_count = count[CORES],
                               .fault_count = count[FAULT]};
    return status;
}

/* ---- Filling ------------------------------------------------------------------------------- */

/* The section at hand. */
typedef struct filler {
    ergo__sections text;
    ergo__sim_board *board;
    kind kind;
    void *into;
    unsigned line;
    uint32_t seen; /* fields, as bits */
} filler;

static ergo_status set_list(const ergo__sections *text, const field *f, ergo__sim_list *list)
{
    ergo_str rest = text->value;
    ergo_str word;
    list->count = 0;
    list->line = text->line;
    while (ergo__sections_word(&rest, &word)) {
        if (list->count == ERGO_KNOB_LEVELS_MAX)
            return ergo__sections_bad(text, "more than 64 numbers in", text->key);
        const ergo_status status =
            ergo__sections_number(text, word, f->least, f->most, &list->item[list->count]);
        if (status != ERGO_OK)
            return status;
        list->count++;
    }
    return ERGO_OK;
}

static ergo_status set_name(const ergo__sections *text, char *name, size_t room, ergo_str value)
{
    if (value.size >= room)
        return ergo__sections_bad(text, "name too long:", value);
    memcpy(name, value.data, value.size);
    name[value.size] = '\0';
    return ERGO_OK;
}

static ergo_status set_field(const filler *f, const field *to)
{
    void *at = (char *)f->into + to->offset;
    switch (to->kind) {
    case NUMBER:
        return ergo__sections_number(&f->text, f->text.value, to->least, to->most, at);
    case LIST:
        return set_list(&f->text, to, at);
    case WORD:
        *(ergo__sim_word *)at = (ergo__sim_word){f->text.value, f->text.line};
        return ERGO_OK;
    case NAME:
        return set_name(&f->text, at, ERGO_SENSOR_NAME_MAX, f->text.value);
    }
    return ERGO_E_STATE;
}

static ergo_status set_key(filler *f)
{
    const ergo_str key = f->text.key;
    if (f->kind == FAULT) {
        if (!ergo__str_is(key, "at_ms"))
            return ergo__sections_bad(&f->text, "unknown key", key);
        f->board->faults[f->board->fault_count++] =
            (ergo__sim_fault){.text = {f->text.value, f->text.line}};
        return ERGO_OK;
    }
    const struct section *section = &sections[f->kind];
    for (uint32_t i = 0; i < section->count; i++) {
        if (!ergo__str_is(key, section->fields[i].key))
            continue;
        if (f->seen >> i & 1)
            return ergo__sections_bad(&f->text, "a second", key);
        f->seen |= 1u << i;
        return set_field(f, &section->fields[i]);
    }
    return ergo__sections_bad(&f->text, "unknown key", key);
}

/* The whole part at hand is there. */
static ergo_status end_section(const filler *f)
{
    const struct section *section = &sections[f->kind];
    for (uint32_t i = 0; f->line > 0 && i < section->count; i++)
        if ((f->seen >> i & 1) == 0)
            return ergo__fail(f->text.log, ERGO_E_FORMAT, "%s:%u: section [%s] has no key '%s'",
                              f->text.file, f->line, section->name, section->fields[i].key);
    return ERGO_OK;
}

/* Names stand in lists: "a76:4 a55:4". Sections of a kind have different ones. */
static ergo_status begin_named(filler *f, size_t size, uint32_t *count, char *name, size_t room)
{
    const ergo_str given = f->text.name;
    for (size_t i = 0; i < given.size; i++)
        if (given.data[i] <= ' ' || strchr(":=[]", given.data[i]))
            return ergo__sections_bad(&f->text, "a name is one word without : = [ ], not", given);
    ergo_status status = set_name(&f->text, name, room, given);
    /* Parts of a kind lie in a row, each with its name first. */
    for (uint32_t i = 1; status == ERGO_OK && i <= *count; i++)
        if (strcmp(name, name - size * i) == 0)
            status = ergo__sections_bad(&f->text, "a second section of the name", given);
    (*count)++;
    return status;
}

static ergo_status begin_single(filler *f, unsigned *line, void *into)
{
    if (*line > 0)
        return ergo__sections_bad(&f->text, "a second section", f->text.kind);
    *line = f->text.line;
    f->into = into;
    return ERGO_OK;
}

static ergo_status begin_section(filler *f)
{
    ergo__sim_board *b = f->board;
    ergo__sim_cluster *cluster = &b->clusters[b->cluster_count];
    ergo__sim_probe *probe = &b->probes[b->probe_count];
    ergo__sim_cores *cores = &b->cores[b->cores_count];
    f->kind = kind_of(&f->text);
    f->line = f->text.line;
    f->seen = 0;
    switch (f->kind) {
    case BOARD:
        return begin_single(f, &b->line, b);
    case MEMORY:
        return begin_single(f, &b->memory.line, &b->memory);
    case THERMAL:
        return begin_single(f, &b->thermal.line, &b->thermal);
    case CLUSTER:
        *cluster = (ergo__sim_cluster){.line = f->line};
        f->into = cluster;
        return begin_named(f, sizeof *cluster, &b->cluster_count, cluster->name,
                           sizeof cluster->name);
    case PROBE:
        *probe = (ergo__sim_probe){.line = f->line};
        f->into = probe;
        return begin_named(f, sizeof *probe, &b->probe_count, probe->name, sizeof probe->name);
    case CORES:
        *cores = (ergo__sim_cores){.line = f->line};
        f->into = cores;
        return begin_named(f, sizeof *cores, &b->cores_count, cores->name, sizeof cores->name);
    case FAULT:
    case KINDS:
        break;
    }
    return ERGO_OK;
}

static ergo_status check_single(const ergo__sections *text, unsigned line, kind k)
{
    return line > 0 ? ERGO_OK
                    : ergo__fail(text->log, ERGO_E_FORMAT, "%s: there is no section [%s]",
                                 text->file, sections[k].name);
}

ergo_status ergo__sim_parse(const ergo__sections *text, ergo__sim_board *board)
{
    filler f = {.text = *text, .board = board};
    ergo__line line = ERGO__LINE_KEY;
    ergo_status status = ERGO_OK;
    board->cluster_count = board->probe_count = board->cores_count = board->fault_count = 0;
    while (status == ERGO_OK && line != ERGO__LINE_END) {
        status = ergo__sections_next(&f.text, &line);
        if (status == ERGO_OK && line == ERGO__LINE_KEY)
            status = set_key(&f);
        else if (status == ERGO_OK)
            status = end_section(&f);
        if (status == ERGO_OK && line == ERGO__LINE_SECTION)
            status = begin_section(&f);
    }
    if (status == ERGO_OK)
        status = check_single(text, board->line, BOARD);
    if (status == ERGO_OK)
        status = check_single(text, board->memory.line, MEMORY);
    if (status == ERGO_OK)
        status = check_single(text, board->thermal.line, THERMAL);
    return status == ERGO_OK ? ergo__sim_check(text, board) : status;
}
