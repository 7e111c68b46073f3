/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "ports/linux/cpu_capacity.h"
#include "ports/linux/cpu_quota.h"
#include "runtime/base/os.h"

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    if (clock_gettime(clock, &now) != 0)
        return 0;
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t ergo__os_now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t ergo__os_suspended_ns(void)
{
    const uint64_t awake = clock_ns(CLOCK_MONOTONIC);
    const uint64_t all = clock_ns(CLOCK_BOOTTIME);
    return all > awake ? all - awake : 0;
}

uint64_t ergo__os_thread_cpu_ns(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* CPUs in the affinity mask; where the mask is larger than a cpu_set_t, CPUs that are online. */
static uint32_t affine_cpus(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    const long count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set)
                                                                   : sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (uint32_t)count : 1;
}

uint32_t ergo__os_cpu_count(void)
{
    const uint32_t count = affine_cpus();
    const uint32_t quota = ergo__linux_cpu_quota("/proc/self/cgroup", "/sys/fs/cgroup");
    return quota < count ? quota : count;
}

uint32_t ergo__os_cpus(ergo__os_cpu *cpus, uint32_t most)
{
    cpu_set_t set;
    uint32_t count = 0;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 0;
    for (uint32_t id = 0; id < CPU_SETSIZE && count < most; id++)
        if (CPU_ISSET(id, &set))
            cpus[count++].id = id;
    ergo__linux_cpu_capacity("/sys/devices/system/cpu", cpus, count);
    return count;
}

void ergo__os_hwcap(uint64_t words[2])
{
    words[0] = getauxval(AT_HWCAP);
    words[1] = getauxval(AT_HWCAP2);
}

/* What ergo__os_thread holds on this system. */
typedef struct linux_thread {
    pthread_t id;
    void (*main)(void *user);
    void *user;
} linux_thread;

_Static_assert(sizeof(linux_thread) <= sizeof(ergo__os_thread), "ergo__os_thread is too small");

static void *thread_main(void *arg)
{
    const linux_thread *thread = arg;
    thread->main(thread->user);
    return NULL;
}

/* Signals belong to the host: its handlers run on its own threads, never on a worker. Those that
 * an instruction of the worker raises stay, and so does the profiler's. */
static sigset_t host_signals(void)
{
    sigset_t set;
    sigfillset(&set);
    static const int kept[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGPROF};
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        sigdelset(&set, kept[i]);
    return set;
}

ergo_status ergo__os_thread_start(ergo__os_thread *thread, void (*main)(void *user), void *user)
{
    linux_thread *self = (linux_thread *)(void *)thread->opaque;
    self->main = main;
    self->user = user;
    const sigset_t blocked = host_signals(); /* a new thread inherits the mask */
    sigset_t before;
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    const int error = pthread_create(&self->id, NULL, thread_main, self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error == 0 ? ERGO_OK : ERGO_E_SYSTEM;
}

void ergo__os_thread_keep_to(const ergo__os_thread *thread, const ergo__os_cpu *cpus,
                             uint32_t count)
{
    const linux_thread *self = (const linux_thread *)(const void *)thread->opaque;
    cpu_set_t set;
    CPU_ZERO(&set);
    for (uint32_t i = 0; i < count; i++)
        CPU_SET(cpus[i].id, &set);
    /* A refusal leaves the thread where it was allowed before, which is right too. */
    (void)pthread_setaffinity_np(self->id, sizeof set, &set);
}

void ergo__os_thread_join(ergo__os_thread *thread)
{
    const linux_thread *self = (const linux_thread *)(const void *)thread->opaque;
    pthread_join(self->id, NULL);
}

void ergo__os_wait(const _Atomic uint32_t *word, uint32_t expected)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, NULL, NULL, 0);
}

void ergo__os_wait_until(const _Atomic uint32_t *word, uint32_t expected, uint64_t deadline_ns)
{
    const struct timespec deadline = {.tv_sec = (time_t)(deadline_ns / 1000000000u),
                                      .tv_nsec = (long)(deadline_ns % 1000000000u)};
    syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, expected, &deadline, NULL,
            FUTEX_BITSET_MATCH_ANY);
}

void ergo__os_wake_all(const _Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}
