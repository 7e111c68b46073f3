/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/progress.h"

#include <unistd.h>

#define TERMINAL_SECONDS 0.2
#define LOG_SECONDS 10.0

progress progress_start(const char *what)
{
    const double now = tool_seconds();
    return (progress){
        .what = what, .start = now, .shown = now, .terminal = isatty(STDERR_FILENO) != 0};
}

void progress_show(progress *state, double fraction, const char *detail)
{
    const double now = tool_seconds();
    if (now - state->shown < (state->terminal ? TERMINAL_SECONDS : LOG_SECONDS))
        return;
    state->shown = now;
    const double spent = now - state->start;
    const double left = fraction > 0 ? spent / fraction - spent : 0;
    (void)fprintf(stderr, "%s%s %3.0f%%%s%s, %.0f s left%s", state->terminal ? "\r\x1b[K" : "",
                  state->what, fraction * 100, detail == NULL ? "" : ", ",
                  detail == NULL ? "" : detail, left, state->terminal ? "" : "\n");
    (void)fflush(stderr);
    state->open = state->terminal;
}

void progress_end(progress *state)
{
    if (state->open)
        (void)fputs("\r\x1b[K", stderr);
    state->open = false;
}
