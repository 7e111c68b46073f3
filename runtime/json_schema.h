/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_RUNTIME_JSON_SCHEMA_H
#define ERGO_RUNTIME_JSON_SCHEMA_H

#include "ergo/grammar.h"
#include "runtime/json_reader.h"

/*
 * Every subschema that is needed becomes a rule "vN", N its place in the document; what a rule
 * needs besides itself is "vN-..." behind it. Rules for plain JSON follow where they are used.
 */

typedef enum ergo__schema_plain {
    ERGO__SCHEMA_VALUE,
    ERGO__SCHEMA_OBJECT,
    ERGO__SCHEMA_ARRAY,
    ERGO__SCHEMA_STRING,
    ERGO__SCHEMA_NUMBER,
    ERGO__SCHEMA_INTEGER,
    ERGO__SCHEMA_CHAR,
    ERGO__SCHEMA_KEY_CHAR,
    ERGO__SCHEMA_SPACE,
    ERGO__SCHEMA_DATE,
    ERGO__SCHEMA_TIME,
    ERGO__SCHEMA_UUID,
    ERGO__SCHEMA_PLAIN_COUNT,
} ergo__schema_plain;

/** A property of an object that is being written. */
typedef struct ergo__schema_property {
    uint32_t key, key_size;
    uint32_t schema; /* NONE: any value */
    bool required;
} ergo__schema_property;

typedef struct ergo__schema {
    ergo__json json;
    const ergo_log *log;
    char *buffer;
    size_t capacity, size; /* size counts on behind the capacity */
    ergo_status status;    /* the first error; from then on nothing matters */
    unsigned char *wanted; /* per value: 0, 1 rule wanted, 2 written */
    bool plain[ERGO__SCHEMA_PLAIN_COUNT];
    ergo__schema_property *properties; /* of the object at hand */
    uint32_t property_count;
} ergo__schema;

/** Records an error about the subschema `at`, naming the `keyword`; the first one is logged. */
void ergo__schema_fail(ergo__schema *s, ergo_status status, uint32_t at, const char *keyword,
                       const char *why);

/** Writes text; a "vN", N = node, that is wanted from then on ("value" for NONE); a plain rule. */
void ergo__schema_put(ergo__schema *s, const char *text);
void ergo__schema_put_rule(ergo__schema *s, uint32_t node);
void ergo__schema_put_plain(ergo__schema *s, ergo__schema_plain rule);

/** Writes "vN-kI", the name of a rule that goes with rule vN; with `-J` too unless it is NONE. */
void ergo__schema_put_part(ergo__schema *s, uint32_t node, char kind, uint32_t i, uint32_t j);

/** Writes "{min,max}", or "{min,}" for NONE. */
void ergo__schema_put_counts(ergo__schema *s, uint32_t min, uint32_t max);

/** Writes one character as it stands in a literal or a class of the grammar. */
void ergo__schema_put_char(ergo__schema *s, uint32_t c);

/** Writes the literal that matches the JSON text of a value or of a string given by place. */
void ergo__schema_put_literal(ergo__schema *s, uint32_t value);
void ergo__schema_put_string(ergo__schema *s, uint32_t at, uint32_t size);

/** Writes the rules for plain JSON that were asked for. */
void ergo__schema_put_plain_rules(ergo__schema *s);

/** A non-negative integer of a keyword, or `otherwise` where there is none. */
uint32_t ergo__schema_count(ergo__schema *s, uint32_t schema, const char *key, uint32_t otherwise);

/** Follows $ref from a subschema until there is none. */
uint32_t ergo__schema_resolve(ergo__schema *s, uint32_t schema);

/** Refuse keywords that are not supported at all, or not beside member `keyword`. */
void ergo__schema_refuse_unknown(ergo__schema *s, uint32_t schema);
void ergo__schema_refuse_beside(ergo__schema *s, uint32_t schema, uint32_t keyword);

/** Whether the schema allows objects, or says nothing of types. */
bool ergo__schema_may_be_object(const ergo__schema *s, uint32_t schema);

/** The bodies of rules, by type. */
void ergo__schema_put_string_type(ergo__schema *s, uint32_t schema);
void ergo__schema_put_object(ergo__schema *s, uint32_t schema);
void ergo__schema_put_array(ergo__schema *s, uint32_t schema);
void ergo__schema_put_number(ergo__schema *s, uint32_t schema, bool integer);

/** Rules "vN-…" that the object or array at vN needs; written behind its rule. */
void ergo__schema_put_object_parts(ergo__schema *s, uint32_t schema);
void ergo__schema_put_array_parts(ergo__schema *s, uint32_t schema);

#endif
