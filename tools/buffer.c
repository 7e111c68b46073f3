/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/buffer.h"

#include <stdlib.h>
#include <string.h>

void buffer_append(buffer *bytes, const void *data, size_t size)
{
    if (bytes->failed || size == 0)
        return;
    if (size > bytes->capacity - bytes->size) {
        size_t grown = bytes->capacity < 256 ? 256 : bytes->capacity;
        while (grown - bytes->size < size && grown <= SIZE_MAX / 2)
            grown *= 2;
        void *bigger = grown - bytes->size < size ? NULL : realloc(bytes->data, grown);
        if (bigger == NULL) {
            tool_error("out of memory: %zu bytes", grown);
            bytes->failed = true;
            return;
        }
        bytes->data = bigger;
        bytes->capacity = grown;
    }
    memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

void buffer_free(buffer *bytes)
{
    free(bytes->data);
    *bytes = (buffer){.data = NULL};
}
