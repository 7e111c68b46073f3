/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ergo/board.h"
#include "power/sections.h"

/* A board from a text file. The text is read twice: to count, and to fill. */

typedef struct parser {
    ergo__sections text;
    ergo__arena arena;
    ergo_board board;
    ergo_board_rail *rails; /* NULL while counting */
    ergo_board_clock *clocks;
    ergo_board_rail rail; /* the present ones */
    ergo_board_clock clock;
} parser;

static const char *keep(parser *p)
{
    return ergo__str_keep(&p->arena, p->text.value);
}

static ergo_status number(const parser *p, uint32_t *out)
{
    int64_t n;
    const ergo_status status = ergo__sections_number(&p->text, p->text.value, 0, UINT32_MAX, &n);
    if (status == ERGO_OK)
        *out = (uint32_t)n;
    return status;
}

/* ---- Sections ------------------------------------------------------------------------------ */

static ergo_status end_section(parser *p)
{
    if (ergo__str_is(p->text.kind, "rail")) {
        if (p->rails)
            p->rails[p->board.rail_count] = p->rail;
        p->board.rail_count++;
    }
    if (ergo__str_is(p->text.kind, "clock")) {
        if (p->clock.device[0] == '\0' && p->rails)
            return ergo__fail(p->text.log, ERGO_E_FORMAT, "%s:%u: clock '%s' has no device",
                              p->text.file, p->text.line, p->clock.name);
        if (p->clocks)
            p->clocks[p->board.clock_count] = p->clock;
        p->board.clock_count++;
    }
    return ERGO_OK;
}

static ergo_status begin_section(parser *p)
{
    const ergo_str name = p->text.name;
    if (ergo__str_is(p->text.kind, "board") && name.size == 0)
        return ERGO_OK;
    const bool rail = ergo__str_is(p->text.kind, "rail");
    if (name.size == 0 || (!rail && !ergo__str_is(p->text.kind, "clock")))
        return ergo__sections_bad(&p->text, "unknown section", p->text.kind);
    if (name.size >= ERGO_SENSOR_NAME_MAX)
        return ergo__sections_bad(&p->text, "name too long", name);
    const char *kept = ergo__str_keep(&p->arena, name);
    if (rail)
        p->rail = (ergo_board_rail){.name = kept, .chip = "", .address = "", .within = ""};
    else
        p->clock = (ergo_board_clock){kept, ""};
    return ERGO_OK;
}

static ergo_status set_board(parser *p, ergo_str key)
{
    if (ergo__str_is(key, "name"))
        p->board.name = p->board.title = keep(p);
    else if (ergo__str_is(key, "compatible"))
        p->board.compatible = keep(p);
    else if (ergo__str_is(key, "note"))
        p->board.note = keep(p);
    else
        return ergo__sections_bad(&p->text, "unknown key", key);
    return ERGO_OK;
}

static ergo_status yes_or_no(const parser *p, bool *out)
{
    const ergo_str value = p->text.value;
    if (!ergo__str_is(value, "yes") && !ergo__str_is(value, "no"))
        return ergo__sections_bad(&p->text, "neither yes nor no", value);
    *out = ergo__str_is(value, "yes");
    return ERGO_OK;
}

static ergo_status set_rail(parser *p, ergo_str key)
{
    if (ergo__str_is(key, "chip"))
        p->rail.chip = keep(p);
    else if (ergo__str_is(key, "address"))
        p->rail.address = keep(p);
    else if (ergo__str_is(key, "channel"))
        return number(p, &p->rail.channel);
    else if (ergo__str_is(key, "shunt_uohm"))
        return number(p, &p->rail.shunt_uohm);
    else if (ergo__str_is(key, "within"))
        p->rail.within = keep(p);
    else if (ergo__str_is(key, "total"))
        return yes_or_no(p, &p->rail.total);
    else if (ergo__str_is(key, "i2c"))
        return yes_or_no(p, &p->rail.i2c);
    else
        return ergo__sections_bad(&p->text, "unknown key", key);
    return ERGO_OK;
}

static ergo_status set(parser *p)
{
    const ergo_str key = p->text.key;
    if (ergo__str_is(p->text.kind, "board"))
        return set_board(p, key);
    if (ergo__str_is(p->text.kind, "rail"))
        return set_rail(p, key);
    if (!ergo__str_is(key, "device"))
        return ergo__sections_bad(&p->text, "unknown key", key);
    p->clock.device = keep(p);
    return ERGO_OK;
}

/* ---- Both readings ------------------------------------------------------------------------- */

static ergo_status read_lines(parser *p)
{
    p->text = ergo__sections_begin(p->text.text, p->text.log, p->text.file);
    p->board = (ergo_board){.name = "", .title = "", .compatible = "", .note = ""};
    ergo__line line = ERGO__LINE_KEY;
    ergo_status status = ERGO_OK;
    while (status == ERGO_OK && line != ERGO__LINE_END) {
        ergo__sections next = p->text;
        status = ergo__sections_next(&next, &line);
        if (status == ERGO_OK && line != ERGO__LINE_KEY)
            status = end_section(p);
        p->text = next;
        if (status == ERGO_OK && line == ERGO__LINE_SECTION)
            status = begin_section(p);
        else if (status == ERGO_OK && line == ERGO__LINE_KEY)
            status = set(p);
    }
    return status;
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
            return ergo__fail(p->text.log, ERGO_E_FORMAT,
                              "%s: rail %s is within '%s', which is no rail", p->text.file,
                              rail->name, rail->within);
        if (rail->i2c && (rail->chip[0] == '\0' || !strchr(rail->address, '-')))
            return ergo__fail(p->text.log, ERGO_E_FORMAT,
                              "%s: rail %s is to be read over I2C: that needs its chip and an "
                              "address such as 1-0040, not '%s'",
                              p->text.file, rail->name, rail->address);
        if (whole && whole->total && rail->total)
            return ergo__fail(p->text.log, ERGO_E_FORMAT,
                              "%s: rail %s is within %s: both cannot be in the total", p->text.file,
                              rail->name, whole->name);
    }
    if (p->board.name[0] == '\0')
        return ergo__fail(p->text.log, ERGO_E_FORMAT, "%s: the board has no name", p->text.file);
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
    parser p = {.text = ergo__sections_begin(text, log, file), .arena = ergo__arena_counting()};
    ergo_board *none = NULL;
    const ergo_status status = parse(&p, &none);
    if (status == ERGO_OK)
        *size = p.arena.used;
    return status;
}

ergo_status ergo_board_parse(ergo_str text, const ergo_log *log, const char *file,
                             ergo_block memory, const ergo_board **out)
{
    parser p = {.text = ergo__sections_begin(text, log, file), .arena = ergo__arena_over(memory)};
    ergo_board *board = NULL;
    const ergo_status status = parse(&p, &board);
    if (status != ERGO_OK)
        return status;
    if (!board)
        return ergo__fail(log, ERGO_E_MEMORY, "%s: needs more than %zu bytes", file, memory.size);
    *out = board;
    return ERGO_OK;
}
