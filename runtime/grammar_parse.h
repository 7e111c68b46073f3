/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_RUNTIME_GRAMMAR_PARSE_H
#define ERGO_RUNTIME_GRAMMAR_PARSE_H

#include "runtime/grammar_text.h"

/**
 * Parses the whole text and writes elements, ranges and rules into `grammar`, whose counts start
 * at 0; where the arrays are NULL it only counts, and the arrays then need just that many. Jumps
 * are left relative to their own place (modulo 2^32), calls as offset and size of the name in the
 * text. Errors: ERGO_E_FORMAT, ERGO_E_LIMIT.
 */
ergo_status ergo__grammar_parse(ergo__grammar_cursor *cursor, const ergo_grammar_config *config,
                                ergo_grammar *grammar);

#endif
