/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_JSON_WRITE_H
#define ERGO_TOOLS_JSON_WRITE_H

#include <stdint.h>
#include <stdio.h>

#include "ergo/base.h"

/*
 * Writes one JSON value as a stream. In objects every call names its key; in arrays, and for the
 * outermost value, the key is NULL. Text that is not UTF-8 gets U+FFFD where it breaks; numbers
 * read back as the same double; NaN and infinities become null.
 */

#define JSON_DEPTH_MAX 16
typedef struct json_writer {
    FILE *out;
    uint32_t depth;
    bool filled[JSON_DEPTH_MAX]; /**< a member has been written at this depth */
} json_writer;

json_writer json_start(FILE *out);
void json_object(json_writer *json, const char *key); /**< opens one */
void json_object_end(json_writer *json);
void json_array(json_writer *json, const char *key); /**< opens one */
void json_array_end(json_writer *json);
void json_str(json_writer *json, const char *key, ergo_str text);
void json_text(json_writer *json, const char *key, const char *text); /**< null for NULL */
void json_u64(json_writer *json, const char *key, uint64_t value);
void json_i64(json_writer *json, const char *key, int64_t value);
void json_double(json_writer *json, const char *key, double value);
void json_bool(json_writer *json, const char *key, bool value);
void json_null(json_writer *json, const char *key);
void json_finish(json_writer *json); /**< ends the line */

/** Bytes of the UTF-8 character that starts `text`; negative: so many bytes are none. size > 0. */
int json_utf8_next(const unsigned char *text, size_t size);

#endif
