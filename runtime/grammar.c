/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/grammar_program.h"

#include <string.h>

#include "runtime/base/arena.h"
#include "runtime/base/log.h"
#include "runtime/grammar_check.h"
#include "runtime/grammar_parse.h"

static ergo__grammar_cursor cursor_over(ergo_str text, const ergo_grammar_config *config)
{
    const char *name = config->name ? config->name : "grammar";
    return (ergo__grammar_cursor){.text = text, .log = &config->log, .name = name};
}

/* Everything in one block; `counts` says how much. */
static ergo_grammar *lay_out(ergo__arena *arena, const ergo_grammar *counts,
                             ergo__grammar_work *work)
{
    ergo_grammar *g = ERGO__TAKE_LINE(arena, ergo_grammar, 1);
    ergo_grammar parts = {
        .elements = ERGO__TAKE(arena, ergo__grammar_element, counts->element_count),
        .ranges = ERGO__TAKE(arena, ergo__grammar_range, counts->range_count),
        .rules = ERGO__TAKE(arena, ergo__grammar_rule, counts->rule_count),
    };
    work->by_name = ERGO__TAKE(arena, uint32_t, counts->rule_count);
    work->waiting = ERGO__TAKE(arena, uint32_t, counts->rule_count);
    work->next = ERGO__TAKE(arena, uint32_t, counts->element_count);
    work->stack = ERGO__TAKE(arena, uint32_t, counts->element_count);
    if (g)
        *g = parts;
    return g;
}

static ergo_status count(ergo_str text, const ergo_grammar_config *config, ergo_grammar *counts)
{
    if (!text.data && text.size != 0)
        return ergo__fail(&config->log, ERGO_E_ARGUMENT, "grammar: the text is NULL");
    ergo__grammar_cursor cursor = cursor_over(text, config);
    return ergo__grammar_parse(&cursor, config, counts);
}

ergo_status ergo_grammar_size(ergo_str text, const ergo_grammar_config *config, size_t *size)
{
    const ergo_grammar_config zeroed = {.name = NULL};
    ergo_grammar counts = {.elements = NULL};
    ergo__grammar_work work;
    const ergo_status status = count(text, config ? config : &zeroed, &counts);
    if (status)
        return status;
    ergo__arena arena = ergo__arena_counting();
    lay_out(&arena, &counts, &work);
    if (arena.full)
        return ERGO_E_MEMORY;
    *size = arena.used;
    return ERGO_OK;
}

ergo_status ergo_grammar_open(ergo_str text, const ergo_grammar_config *config, ergo_block memory,
                              ergo_grammar **out)
{
    const ergo_grammar_config zeroed = {.name = NULL};
    const ergo_grammar_config *used = config ? config : &zeroed;
    ergo_grammar counts = {.elements = NULL};
    ergo__grammar_work work;
    ergo_status status = count(text, used, &counts);
    if (status)
        return status;
    ergo__arena arena = ergo__arena_over(memory);
    ergo_grammar *g = lay_out(&arena, &counts, &work);
    if (arena.full)
        return ergo__fail(&used->log, ERGO_E_MEMORY, "grammar: a block of %zu bytes is too small",
                          memory.size);
    ergo__grammar_cursor cursor = cursor_over(text, used);
    status = ergo__grammar_parse(&cursor, used, g);
    if (!status)
        status = ergo__grammar_link(&cursor, g, &work);
    if (!status)
        status = ergo__grammar_check(&cursor, g, &work);
    if (!status)
        *out = g;
    return status;
}
