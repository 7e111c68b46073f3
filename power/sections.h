/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_POWER_SECTIONS_H
#define ERGO_POWER_SECTIONS_H

#include "ergo/base.h"
#include "runtime/base/arena.h"
#include "runtime/base/log.h"

/*
 * Reads the texts of the power half, line by line: "[kind]" and "[kind name]" begin sections,
 * "key = value" lines fill them, "#" starts a comment. What a section or key means is for the
 * caller. Nothing is copied: all strings lie in the text.
 */
typedef struct ergo__sections {
    const ergo_log *log;
    const char *file; /**< what messages call the text */
    ergo_str text;
    size_t at;
    unsigned line; /**< the present one, from 1 */
    ergo_str kind; /**< of the section; empty before the first */
    ergo_str name; /**< of the section; may be empty */
    ergo_str key;
    ergo_str value; /**< not empty */
} ergo__sections;

typedef enum ergo__line {
    ERGO__LINE_END = 0, /**< of the text */
    ERGO__LINE_SECTION, /**< `kind` and `name` are new */
    ERGO__LINE_KEY,     /**< `key` and `value` are new */
} ergo__line;

/** Before the first line. */
ergo__sections ergo__sections_begin(ergo_str text, const ergo_log *log, const char *file);

/** The next line that says something. Error: ERGO_E_FORMAT, said. */
ergo_status ergo__sections_next(ergo__sections *s, ergo__line *line);

/** Says "FILE:LINE: WHAT 'VALUE'" of the present line and returns ERGO_E_FORMAT. */
ergo_status ergo__sections_bad(const ergo__sections *s, const char *what, ergo_str value);

/** The whole of `text` as a decimal number within least..most, negative ones with a "-". */
ergo_status ergo__sections_number(const ergo__sections *s, ergo_str text, int64_t least,
                                  int64_t most, int64_t *out);

/** Takes the first word off `rest`; false when there is none. Blanks separate words. */
bool ergo__sections_word(ergo_str *rest, ergo_str *word);

bool ergo__str_is(ergo_str s, const char *text);

/** A copy in the arena that ends in NUL; "", static, while that only counts. */
const char *ergo__str_keep(ergo__arena *arena, ergo_str s);

#endif
