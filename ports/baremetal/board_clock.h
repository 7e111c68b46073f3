/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_BOARD_CLOCK_H
#define ERGO_BOARD_CLOCK_H

#include <stdint.h>

/**
 * The application defines this: monotonic nanoseconds since the start, from whatever timer the
 * board has. It is called a few times per step of the engine, never inside a kernel.
 */
uint64_t ergo_board_now_ns(void);

#endif
