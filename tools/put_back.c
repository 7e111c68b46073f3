/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/put_back.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>

/* A handler of a signal has no other way to get at them. */
static _Atomic(ergo_linux_knobs *) turned;

/* A stack of its own: the other one may be what has overflowed. */
static _Alignas(16) char stack[32768];

void put_back_now(void)
{
    ergo_linux_knobs_restore_now(atomic_exchange(&turned, NULL));
}

static void on_end(int number)
{
    put_back_now();
    (void)raise(number); /* SA_RESETHAND: it now does what it does without a handler */
}

void put_back_on_signal(ergo_linux_knobs *knobs)
{
    static const int ends[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGHUP, SIGQUIT};
    struct sigaction action;
    const stack_t own = {.ss_sp = stack, .ss_size = sizeof stack};
    memset(&action, 0, sizeof action);
    (void)sigemptyset(&action.sa_mask);
    action.sa_handler = knobs ? on_end : SIG_DFL;
    action.sa_flags = knobs ? (int)(SA_RESETHAND | SA_NODEFER | SA_ONSTACK) : 0;
    atomic_store(&turned, knobs);
    (void)sigaltstack(&own, NULL);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        (void)sigaction(ends[i], &action, NULL);
}
