/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_GRAMMAR_H
#define ERGO_GRAMMAR_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * A compiled grammar in GBNF: what a session may generate. Immutable once open: any number of
 * sessions may share it. The language:
 *
 *     # comment to the end of the line
 *     name ::= "literal" other-name [a-z_] [^0-9] . (group | of alternatives) | second alternative
 *     x* x+ x? x{3} x{2,} x{2,5}     repetition of the element before
 *
 * in literals and classes the escapes \n \r \t \" \\ \[ \] \xNN \uNNNN \UNNNNNNNN. A rule ends
 * with its line, but goes on inside parentheses, and behind "::=" and "|". The text begins with
 * rule "root". All readings of an ambiguous text are followed at once; work and memory per
 * character are bounded, whatever the grammar.
 */
typedef struct ergo_grammar ergo_grammar;

typedef struct ergo_grammar_config {
    ergo_log log;
    const char *name;      /**< what messages call it; NULL means "grammar" */
    uint32_t max_rules;    /**< 0 means 4096 */
    uint32_t max_elements; /**< 0 means 65536 */
} ergo_grammar_config;

/**
 * Bytes that ergo_grammar_open will take. `config` may be NULL. Errors (logged with line and
 * column): ERGO_E_FORMAT for bad syntax; ERGO_E_LIMIT for more rules or elements than configured
 * (repetitions count as often as they are copied) and for groups nested more than 64 deep.
 */
ergo_status ergo_grammar_size(ergo_str text, const ergo_grammar_config *config, size_t *size);

/**
 * Compiles the grammar. `text` may be freed afterwards. Errors: those of ergo_grammar_size,
 * ERGO_E_MEMORY, and ERGO_E_FORMAT for a rule that is defined twice or not at all, for a missing
 * "root" and for left recursion.
 */
ergo_status ergo_grammar_open(ergo_str text, const ergo_grammar_config *config, ergo_block memory,
                              ergo_grammar **out);

/**
 * Bytes that one session needs to know where it stands in the grammar: the session's
 * `grammar_memory`.
 */
size_t ergo_grammar_state_size(const ergo_grammar *grammar);

/**
 * Writes the GBNF grammar that generates the JSON texts which a JSON schema allows. Understood:
 * type, properties, required, additionalProperties, items, prefixItems, minItems, maxItems, enum,
 * const, anyOf, oneOf (as anyOf), allOf of objects (their properties together), $ref within the
 * document, minLength, maxLength, minimum, maximum and their exclusive forms for integers, the
 * formats date, time, date-time and uuid (others are annotations). What a model should write is
 * narrower than what a validator lets pass: properties come in the order of the schema, objects and
 * tuples have no others unless additionalProperties or items says so, one blank may follow ':' and
 * ',' and none stands elsewhere, numbers have at most 16 digits on either side of the point.
 *
 * `*size` is set to the bytes needed, also on ERGO_E_MEMORY. `scratch` (aligned to
 * ERGO_BLOCK_ALIGN) is used during the call; 64 KiB suffice for schemas of 1000 JSON values. `log`
 * may be NULL. Errors: ERGO_E_FORMAT for bad JSON and for schemas that allow nothing,
 * ERGO_E_UNSUPPORTED for a keyword that would change the meaning (named in the log), ERGO_E_LIMIT
 * for nesting beyond 64.
 */
ergo_status ergo_json_schema_grammar(ergo_str schema, const ergo_log *log, ergo_block scratch,
                                     char *buffer, size_t capacity, size_t *size);

#ifdef __cplusplus
}
#endif
#endif
