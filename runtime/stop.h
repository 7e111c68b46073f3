/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_RUNTIME_STOP_H
#define ERGO_RUNTIME_STOP_H

#include "ergo/engine.h"

#define ERGO__STOP_STRINGS ERGO_STOP_COUNT_MAX
#define ERGO__STOP_BYTES ERGO_STOP_BYTES_MAX

/**
 * Finds stop strings in a text that comes in pieces, and holds back what may yet become one. Text
 * that is held back is the beginning of a stop string, so that it is kept nowhere else.
 */
typedef struct ergo__stop {
    size_t count;
    size_t size[ERGO__STOP_STRINGS];
    size_t matched[ERGO__STOP_STRINGS]; /* longest beginning that the text ends with */
    char text[ERGO__STOP_STRINGS][ERGO__STOP_BYTES];
    /* Knuth, Morris, Pratt: of the first i + 1 bytes, the longest beginning that is also their
     * end, but not all of them */
    unsigned char border[ERGO__STOP_STRINGS][ERGO__STOP_BYTES];
} ergo__stop;

/** What is certain after some bytes were fed: first `held`, then `fed`, may be shown. */
typedef struct ergo__stop_release {
    ergo_str held; /**< held back by earlier calls; lies in the ergo__stop */
    ergo_str fed;  /**< the beginning of the bytes of this call */
    bool stopped;  /**< a stop string was found behind them; nothing follows */
} ergo__stop_release;

/**
 * Copies the strings and begins a text. Errors, after which `stop` is as it was: ERGO_E_ARGUMENT
 * for an empty string, ERGO_E_LIMIT for too many or too long ones.
 */
ergo_status ergo__stop_set(ergo__stop *stop, const ergo_str *strings, size_t count,
                           const ergo_log *log);

/** Begins a new text with the same strings. */
void ergo__stop_reset(ergo__stop *stop);

/**
 * Reads on. The stop string that is complete first counts; of those that end at the same byte, the
 * longest. What follows a stop string is not read, and the next call begins a new text.
 */
ergo__stop_release ergo__stop_feed(ergo__stop *stop, ergo_str bytes);

/** The text ended without a stop string: gives what is still held back, and resets. */
ergo_str ergo__stop_flush(ergo__stop *stop);

#endif
