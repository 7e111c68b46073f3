/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_BUFFER_H
#define ERGO_TOOLS_BUFFER_H

#include "tools/tool.h"

/** Bytes that grow. Zeroed is empty. */
typedef struct buffer {
    unsigned char *data;
    size_t size;
    size_t capacity;
    bool failed; /**< memory ran out (reported once); what came later is missing */
} buffer;

void buffer_append(buffer *bytes, const void *data, size_t size);
void buffer_free(buffer *bytes);

static inline ergo_str buffer_str(const buffer *bytes)
{
    return bytes->size == 0 ? (ergo_str){"", 0}
                            : (ergo_str){(const char *)bytes->data, bytes->size};
}

#endif
