/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_INTERRUPT_H
#define ERGO_TOOLS_INTERRUPT_H

#include <stdbool.h>

/*
 * Ctrl-C (SIGINT) and SIGTERM ask for a clean end: the command finishes its step, prints its
 * summary and returns 130. A second one kills at once. Writing to a closed pipe is an error of
 * that write, not a signal.
 */

void interrupt_install(void);

/** True once an end has been asked for. */
bool interrupt_requested(void);

/** Forgets a request that has been served, such as for one answer of a chat. */
void interrupt_clear(void);

#endif
