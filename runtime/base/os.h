/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_BASE_OS_H
#define ERGO_BASE_OS_H

#include <stdatomic.h>

#include "ergo/base.h"

/*
 * What the core needs of an operating system: a clock, threads and a word to sleep on. The core
 * owns this interface; ports/ implements it (ports/linux), one set of files per system.
 */

/** Monotonic time in nanoseconds from an arbitrary start. */
uint64_t ergo__os_now_ns(void);

/** Time, in nanoseconds, that the system has been suspended and ergo__os_now_ns has not counted. */
uint64_t ergo__os_suspended_ns(void);

/** CPU time, in nanoseconds, that the calling thread has used. */
uint64_t ergo__os_thread_cpu_ns(void);

/** Number of CPUs this process is allowed to run on (affinity mask and CPU quota), at least 1. */
uint32_t ergo__os_cpu_count(void);

/** A CPU that this process is allowed to run on. */
typedef struct ergo__os_cpu {
    uint32_t id;
    uint32_t capacity; /* work per second, relative to the others of the machine */
} ergo__os_cpu;

/** Lists up to `most` of them, the most capable first, and returns how many; 0 where unknown. */
uint32_t ergo__os_cpus(ergo__os_cpu *cpus, uint32_t most);

/**
 * What the system tells programs of the CPU's instruction sets: Linux's AT_HWCAP and AT_HWCAP2 for
 * this architecture. Zeros, where nothing is known, leave what every CPU of the architecture has.
 */
void ergo__os_hwcap(uint64_t words[2]);

/** Room for one thread of the system, so that the owner can lay it out. */
typedef struct ergo__os_thread {
    uint64_t opaque[4];
} ergo__os_thread;

/** Starts a thread that runs `main(user)`. Error: ERGO_E_SYSTEM. */
ergo_status ergo__os_thread_start(ergo__os_thread *thread, void (*main)(void *user), void *user);

/** Keeps the thread to the given CPUs, as far as the system lets it. */
void ergo__os_thread_keep_to(const ergo__os_thread *thread, const ergo__os_cpu *cpus,
                             uint32_t count);

/** Waits until the thread's main has returned. */
void ergo__os_thread_join(ergo__os_thread *thread);

/**
 * Sleeps while `*word == expected`, until a wake or a spurious return: the caller checks again.
 */
void ergo__os_wait(const _Atomic uint32_t *word, uint32_t expected);

/** The same, until `deadline_ns` of ergo__os_now_ns at the latest. */
void ergo__os_wait_until(const _Atomic uint32_t *word, uint32_t expected, uint64_t deadline_ns);

/** Wakes every thread that sleeps on `word`. */
void ergo__os_wake_all(const _Atomic uint32_t *word);

#endif
