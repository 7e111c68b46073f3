/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TESTS_GGUF_WALK_H
#define ERGO_TESTS_GGUF_WALK_H

#include "ergo/gguf.h"

/**
 * Reads everything that an open reader offers and checks what its header promises about it: all of
 * it lies in `file`, sizes agree, every entry is found by its name. NULL when all holds, or what
 * does not.
 */
const char *gguf_walk(const ergo_gguf *gguf, ergo_bytes file);

#endif
