/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/interrupt.h"

#include <signal.h>
#include <string.h>

#include "tools/put_back.h"

/* A signal handler has no other way to tell anybody. */
static volatile sig_atomic_t requested;

static void on_signal(int number)
{
    if (requested) {
        put_back_now();
        (void)signal(number, SIG_DFL);
        (void)raise(number);
    }
    requested = 1;
}

void interrupt_install(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    (void)sigemptyset(&action.sa_mask);
    action.sa_handler = on_signal; /* no SA_RESTART: a read that waits must return */
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    action.sa_handler = SIG_IGN;
    (void)sigaction(SIGPIPE, &action, NULL);
}

bool interrupt_requested(void)
{
    return requested != 0;
}

void interrupt_clear(void)
{
    requested = 0;
}
