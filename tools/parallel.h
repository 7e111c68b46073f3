/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_PARALLEL_H
#define ERGO_TOOLS_PARALLEL_H

#include <stdint.h>

/** CPUs that the process may use. */
uint32_t parallel_cpus(void);

/**
 * Calls `work(user, i, count)` for i = 0..count-1, each on a thread of its own (the last on the
 * caller's), and waits for all. A thread that cannot be started does its part on the caller's.
 */
void parallel_run(uint32_t count, void (*work)(void *user, uint32_t i, uint32_t count), void *user);

#endif
