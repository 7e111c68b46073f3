/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ergo/board.h"
#include "runtime/base/arena.h"
#include "runtime/base/log.h"

/* A board from a text file. The text is read twice: to count, and to fill. */

typedef struct parser {
    const ergo_log *log;
    const char *file;
    ergo_str text;
    size_t at;
    unsigned line;
    ergo__arena arena;
    ergo_board board;
    ergo_board_rail *rails; /* NULL while counting */
    ergo_board_clock *clocks;
    enum { NOWHERE, IN_BOARD, IN_RAIL, IN_CLOCK } section;
    ergo_board_rail rail; /* the present ones */
    ergo_board_clock clock;
} parser;

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static ergo_str trimmed(ergo_str s)
{
    while (s.size > 0 && is_space(s.data[0]))
        s = (ergo_str){s.data + 1, s.size - 1};
    while (s.size > 0 && is_space(s.data[s.size - 1]))
        s.size--;
    return s;
}

/* The next line without its comment; false at the end. */
static bool next_line(parser *p, ergo_str *line)
{
    if (p->at >= p->text.size)
        return false;
    const char *start = p->text.data + p->at;
    const size_t left = p->text.size - p->at;
    const char *end = memchr(start, '\n', left);
    const size_t size = end ? (size_t)(end - start) : left;
    p->at += size + 1;
    p->line++;
    const char *comment = memchr(start, '#', size);
    *line = trimmed((ergo_str){start, comment ? (size_t)(comment - start) : size});
    return true;
}

static ergo_status bad(const parser *p, const char *what, ergo_str value)
{
    return ergo__fail(p->log, ERGO_E_FORMAT, "%s:%u: %s '%.*s'", p->file, p->line, what,
                      (int)(value.size < 60 ? value.size : 60), value.data);
}

static bool equals(ergo_str s, const char *text)
{
    return s.size == strlen(text) && memcmp(s.data, text, s.size) == 0;
}

/* A copy that ends in NUL, in the arena. Static "" while counting. */
static const char *keep(parser *p, ergo_str s)
{
    char *copy = ergo__arena_take(&p->arena, s.size + 1, 1, 1);
    if (!copy)
        return "";
    memcpy(copy, s.data, s.size);
    copy[s.size] = '\0';
    return copy;
}

static ergo_status number(const parser *p, ergo_str value, uint32_t *out)
{
    uint64_t n = 0;
    if (value.size == 0 || value.size > 10)
        return bad(p, "not a number", value);
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] < '0' || value.data[i] > '9')
            return bad(p, "not a number", value);
        n = n * 10 + (uint64_t)(value.data[i] - '0');
    }
    if (n > UINT32_MAX)
        return bad(p, "number too large", value);
    *out = (uint32_t)n;
    return ERGO_OK;
}

/* ---- Sections ------------------------------------------------------------------------------ */

static ergo_status end_section(parser *p)
{
    if (p->section == IN_RAIL) {
        if (p->rails)
            p->rails[p->board.rail_count] = p->rail;
        p->board.rail_count++;
    }
    if (p->section == IN_CLOCK) {
        if (p->clock.device[0] == '\0' && p->rails)
            return ergo__fail(p->log, ERGO_E_FORMAT, "%s:%u: clock '%s' has no device", p->file,
                              p->line, p->clock.name);
        if (p->clocks)
            p->clocks[p->board.clock_count] = p->clock;
        p->board.clock_count++;
    }
    p->section = NOWHERE;
    return ERGO_OK;
}

static ergo_status begin_section(parser *p, ergo_str line)
{
    const ergo_status status = end_section(p);
    if (status != ERGO_OK)
        return status;
    if (line.size < 3 || line.data[line.size - 1] != ']')
        return bad(p, "not a section", line);
    const ergo_str inside = trimmed((ergo_str){line.data + 1, line.size - 2});
    if (equals(inside, "board")) {
        p->section = IN_BOARD;
        return ERGO_OK;
    }
    const char *space = memchr(inside.data, ' ', inside.size);
    const size_t size = space ? (size_t)(space - inside.data) : inside.size;
    const ergo_str kind = {inside.data, size};
    const ergo_str name = trimmed((ergo_str){inside.data + size, inside.size - size});
    if (name.size == 0 || (!equals(kind, "rail") && !equals(kind, "clock")))
        return bad(p, "unknown section", inside);
    if (name.size >= ERGO_SENSOR_NAME_MAX)
        return bad(p, "name too long", name);
    if (equals(kind, "rail")) {
        p->section = IN_RAIL;
        p->rail = (ergo_board_rail){keep(p, name), "", "", 0, 0, "", false};
    } else {
        p->section = IN_CLOCK;
        p->clock = (ergo_board_clock){keep(p, name), ""};
    }
    return ERGO_OK;
}

static ergo_status set_board(parser *p, ergo_str key, ergo_str value)
{
    if (equals(key, "name"))
        p->board.name = p->board.title = keep(p, value);
    else if (equals(key, "compatible"))
        p->board.compatible = keep(p, value);
    else if (equals(key, "note"))
        p->board.note = keep(p, value);
    else
        return bad(p, "unknown key", key);
    return ERGO_OK;
}

static ergo_status set_rail(parser *p, ergo_str key, ergo_str value)
{
    if (equals(key, "chip"))
        p->rail.chip = keep(p, value);
    else if (equals(key, "address"))
        p->rail.address = keep(p, value);
    else if (equals(key, "channel"))
        return number(p, value, &p->rail.channel);
    else if (equals(key, "shunt_uohm"))
        return number(p, value, &p->rail.shunt_uohm);
    else if (equals(key, "within"))
        p->rail.within = keep(p, value);
    else if (!equals(key, "total"))
        return bad(p, "unknown key", key);
    else if (equals(value, "yes") || equals(value, "no"))
        p->rail.total = equals(value, "yes");
    else
        return bad(p, "total must be yes or no, not", value);
    return ERGO_OK;
}

static ergo_status set(parser *p, ergo_str line)
{
    const char *sign = memchr(line.data, '=', line.size);
    if (!sign)
        return bad(p, "neither a section nor key = value:", line);
    const size_t size = (size_t)(sign - line.data);
    const ergo_str key = trimmed((ergo_str){line.data, size});
    const ergo_str value = trimmed((ergo_str){sign + 1, line.size - size - 1});
    if (value.size == 0)
        return bad(p, "no value for", key);
    switch (p->section) {
    case IN_BOARD:
        return set_board(p, key, value);
    case IN_RAIL:
        return set_rail(p, key, value);
    case IN_CLOCK:
        if (!equals(key, "device"))
            return bad(p, "unknown key", key);
        p->clock.device = keep(p, value);
        return ERGO_OK;
    default:
        return bad(p, "outside of any section:", line);
    }
}

/* ---- Both readings ------------------------------------------------------------------------- */

static ergo_status read_lines(parser *p)
{
    p->at = 0;
    p->line = 0;
    p->section = NOWHERE;
    p->board = (ergo_board){.name = "", .title = "", .compatible = "", .note = ""};
    ergo_status status = ERGO_OK;
    ergo_str line;
    while (status == ERGO_OK && next_line(p, &line))
        if (line.size > 0)
            status = line.data[0] == '[' ? begin_section(p, line) : set(p, line);
    return status == ERGO_OK ? end_section(p) : status;
}

/* A part of a rail that is in the total must not be in it too. */
static ergo_status check(const parser *p)
{
    for (size_t i = 0; i < p->board.rail_count; i++) {
        const ergo_board_rail *rail = &p->rails[i];
        const ergo_board_rail *whole = NULL;
        for (size_t k = 0; k < p->board.rail_count && rail->within[0]; k++)
            if (k != i && strcmp(p->rails[k].name, rail->within) == 0)
                whole = &p->rails[k];
        if (rail->within[0] && !whole)
            return ergo__fail(p->log, ERGO_E_FORMAT, "%s: rail %s is within '%s', which is no rail",
                              p->file, rail->name, rail->within);
        if (whole && whole->total && rail->total)
            return ergo__fail(p->log, ERGO_E_FORMAT,
                              "%s: rail %s is within %s: both cannot be in the total", p->file,
                              rail->name, whole->name);
    }
    if (p->board.name[0] == '\0')
        return ergo__fail(p->log, ERGO_E_FORMAT, "%s: the board has no name", p->file);
    return ERGO_OK;
}

static ergo_status parse(parser *p, ergo_board **out)
{
    parser counter = *p;
    counter.arena = ergo__arena_counting();
    ergo_status status = read_lines(&counter);
    if (status != ERGO_OK)
        return status;
    ergo_board *board = ERGO__TAKE(&p->arena, ergo_board, 1);
    p->rails = ERGO__TAKE(&p->arena, ergo_board_rail, counter.board.rail_count + 1);
    p->clocks = ERGO__TAKE(&p->arena, ergo_board_clock, counter.board.clock_count + 1);
    status = read_lines(p);
    if (!board || p->arena.full || status != ERGO_OK)
        return status;
    p->board.rails = p->rails;
    p->board.clocks = p->clocks;
    *board = p->board;
    *out = board;
    return check(p);
}

ergo_status ergo_board_size(ergo_str text, const ergo_log *log, const char *file, size_t *size)
{
    parser p = {.log = log, .file = file, .text = text, .arena = ergo__arena_counting()};
    ergo_board *none = NULL;
    const ergo_status status = parse(&p, &none);
    if (status == ERGO_OK)
        *size = p.arena.used;
    return status;
}

ergo_status ergo_board_parse(ergo_str text, const ergo_log *log, const char *file,
                             ergo_block memory, const ergo_board **out)
{
    parser p = {.log = log, .file = file, .text = text, .arena = ergo__arena_over(memory)};
    ergo_board *board = NULL;
    const ergo_status status = parse(&p, &board);
    if (status != ERGO_OK)
        return status;
    if (!board)
        return ergo__fail(log, ERGO_E_MEMORY, "%s: needs more than %zu bytes", file, memory.size);
    *out = board;
    return ERGO_OK;
}
