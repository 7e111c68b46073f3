/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_RUNTIME_JSON_READER_H
#define ERGO_RUNTIME_JSON_READER_H

#include "ergo/base.h"
#include "runtime/base/arena.h"

/** Values nested deeper than this are refused. */
#define ERGO__JSON_DEPTH 64

/** Stands for "no value". */
#define ERGO__JSON_NONE UINT32_MAX

typedef enum ergo__json_kind {
    ERGO__JSON_NULL,
    ERGO__JSON_FALSE,
    ERGO__JSON_TRUE,
    ERGO__JSON_NUMBER,
    ERGO__JSON_STRING,
    ERGO__JSON_ARRAY,
    ERGO__JSON_OBJECT,
} ergo__json_kind;

/** One value. Texts are offsets into the source; those of strings leave out the quotes. */
typedef struct ergo__json_value {
    uint32_t kind;
    uint32_t key, key_size; /* of a member of an object */
    uint32_t at, size;
    uint32_t child, next; /* the first of its values, and the one behind it; or NONE */
} ergo__json_value;

/** A text and its values in the order of the text: value 0 is the whole. */
typedef struct ergo__json {
    const char *text;
    ergo__json_value *values;
    uint32_t count;
} ergo__json;

/**
 * Reads a JSON text (RFC 8259); its values are taken from the arena. `*out` refers to `text`.
 * Errors (logged with the offset): ERGO_E_FORMAT, ERGO_E_LIMIT beyond ERGO__JSON_DEPTH,
 * ERGO_E_MEMORY.
 */
ergo_status ergo__json_read(ergo_str text, const ergo_log *log, ergo__arena *arena,
                            ergo__json *out);

/** The member of an object, the last of that name, or NONE; NONE too for other kinds. */
uint32_t ergo__json_find(const ergo__json *json, uint32_t object, const char *key);

/**
 * Steps through the characters of a string: decodes the one at `*at`, moves behind it. `end` is
 * behind the string. Half a surrogate pair decodes to U+FFFD.
 */
uint32_t ergo__json_next_char(const ergo__json *json, uint32_t *at, uint32_t end);

/** Whether two strings, given by place, decode to the same. */
bool ergo__json_same(const ergo__json *json, uint32_t a, uint32_t a_size, uint32_t b,
                     uint32_t b_size);

/** Whether the string decodes to the UTF-8 text `word`. */
bool ergo__json_is(const ergo__json *json, uint32_t at, uint32_t size, const char *word);

#endif
