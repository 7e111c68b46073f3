/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TESTS_GUARDED_H
#define ERGO_TESTS_GUARDED_H

#include <stddef.h>

/** Memory whose last byte is followed by a page that may not be touched. */
typedef struct guarded {
    unsigned char *data; /* `size` bytes */
    void *mapping;
    size_t mapped;
} guarded;

guarded guarded_open(size_t size);
void guarded_close(guarded *g);

#endif
