/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_PROGRESS_H
#define ERGO_TOOLS_PROGRESS_H

#include "tools/tool.h"

/**
 * Tells people how far a long piece of work is: on a terminal a line that renews itself, elsewhere
 * a line every ten seconds, so that short runs leave no trace in logs.
 */
typedef struct progress {
    const char *what;
    double start;
    double shown; /**< when it last printed */
    bool terminal;
    bool open; /**< a line on the terminal waits to be ended */
} progress;

progress progress_start(const char *what);

/** `detail` (may be NULL) follows the percentage. */
void progress_show(progress *state, double fraction, const char *detail);

/** Clears the line. */
void progress_end(progress *state);

#endif
