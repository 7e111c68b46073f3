/* SPDX-License-Identifier: Apache-2.0 */
#include "ports/baremetal/board_clock.h"
#include "runtime/base/os.h"

/*
 * The least an ergo port can be: one CPU, no operating system. It is the template for new ports
 * (docs/PORTING.md) and is always built, so that it cannot rot.
 */

uint64_t ergo__os_now_ns(void)
{
    return ergo_board_now_ns();
}

/* A clock that stops while the board sleeps would tell here for how long. */
uint64_t ergo__os_suspended_ns(void)
{
    return 0;
}

/* The only thread there is has every cycle since the start. */
uint64_t ergo__os_thread_cpu_ns(void)
{
    return ergo_board_now_ns();
}

/* One, so that the engine never asks for a worker. */
uint32_t ergo__os_cpu_count(void)
{
    return 1;
}

uint32_t ergo__os_cpus(ergo__os_cpu *cpus, uint32_t most)
{
    if (most == 0)
        return 0;
    cpus[0] = (ergo__os_cpu){0, 1};
    return 1;
}

/* A port for one board can say here what its CPU has, and faster kernels are chosen. */
void ergo__os_hwcap(uint64_t words[2])
{
    words[0] = 0;
    words[1] = 0;
}

ergo_status ergo__os_thread_start(ergo__os_thread *thread, void (*main)(void *user), void *user)
{
    (void)thread;
    (void)main;
    (void)user;
    return ERGO_E_SYSTEM;
}

/* There is but one CPU, and no thread to keep to it. */
void ergo__os_thread_keep_to(const ergo__os_thread *thread, const ergo__os_cpu *cpus,
                             uint32_t count)
{
    (void)thread;
    (void)cpus;
    (void)count;
}

/* No thread was ever started, so there is none to wait for. */
void ergo__os_thread_join(ergo__os_thread *thread)
{
    (void)thread;
}

/* Nobody else could change the word: returning at once is a spurious wake, which callers expect. */
void ergo__os_wait(const _Atomic uint32_t *word, uint32_t expected)
{
    (void)word;
    (void)expected;
}

void ergo__os_wait_until(const _Atomic uint32_t *word, uint32_t expected, uint64_t deadline_ns)
{
    (void)word;
    (void)expected;
    (void)deadline_ns;
}

void ergo__os_wake_all(const _Atomic uint32_t *word)
{
    (void)word;
}
