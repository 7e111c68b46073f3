/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_RUNTIME_GRAMMAR_TEXT_H
#define ERGO_RUNTIME_GRAMMAR_TEXT_H

#include "runtime/grammar_program.h"

/** A place in the grammar's text, and whom to tell about it. */
typedef struct ergo__grammar_cursor {
    ergo_str text;
    size_t at;
    const ergo_log *log;
    const char *name;
} ergo__grammar_cursor;

/** Logs `what` with the line and column of offset `at`; returns `status`. */
ergo_status ergo__grammar_fail_at(const ergo__grammar_cursor *cursor, size_t at, ergo_status status,
                                  const char *what);

/** The same at the cursor's place. */
ergo_status ergo__grammar_fail(const ergo__grammar_cursor *cursor, ergo_status status,
                               const char *what);

/** The byte here, or 0 at the end (and for NUL, which no rule begins with). */
char ergo__grammar_peek(const ergo__grammar_cursor *cursor);

/** Steps over `word` if it stands here. */
bool ergo__grammar_skip(ergo__grammar_cursor *cursor, const char *word);

/** Steps over blanks and comments, and line breaks where `lines`. */
void ergo__grammar_skip_space(ergo__grammar_cursor *cursor, bool lines);

/** Reads a rule's name; `size` is 0 where none stands here. */
size_t ergo__grammar_read_name(ergo__grammar_cursor *cursor);

/** Reads one code point of a literal or a class, escaped or not. Errors: ERGO_E_FORMAT. */
ergo_status ergo__grammar_read_char(ergo__grammar_cursor *cursor, uint32_t *out);

/** Reads a decimal number; UINT32_MAX stands for larger ones. ERGO_E_FORMAT where none is. */
ergo_status ergo__grammar_read_number(ergo__grammar_cursor *cursor, uint32_t *out);

#endif
