/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_BACKENDS_CPU_POOL_H
#define ERGO_BACKENDS_CPU_POOL_H

#include "runtime/base/arena.h"
#include "runtime/base/os.h"

/*
 * Workers that run one job together. They are created once; the caller is worker 0. Whoever waits
 * spins for a bounded few microseconds and then sleeps, so that waiting costs no power.
 *
 * On a machine with CPUs of several sizes, worker i may use those of the size of the i-th largest
 * and all larger ones: few workers stay on the large CPUs, and within its set the system moves a
 * worker away from other programs. Worker 0 is the host's thread and stays as the host has it.
 */

/** Most workers: the count shares a word with the number of the run. */
#define ERGO__POOL_MAX 1023u

typedef struct ergo__pool ergo__pool;

/** A job that every taking-part worker runs once. */
typedef void (*ergo__pool_job)(void *user, uint32_t worker);

/** What waiting for other workers has cost. */
typedef struct ergo__pool_waits {
    uint64_t spun_ns;  /* CPU time */
    uint64_t slept_ns; /* wall time, within runs */
} ergo__pool_waits;

typedef struct ergo__pool_worker {
    _Alignas(ERGO_BLOCK_ALIGN) ergo__pool *pool;
    uint32_t index;
    ergo__os_thread thread;
    ergo__pool_waits waits; /* so far: its own to write */
    ergo__pool_waits told;  /* the same at the end of its last run: for others to read */
    _Alignas(ERGO_BLOCK_ALIGN) _Atomic uint32_t claimed; /* units of its share, by anybody */
} ergo__pool_worker;

struct ergo__pool {
    ergo__pool_worker *workers; /* `count` of them: worker 0 is the caller */
    uint32_t count;
    bool quit;
    ergo__pool_job job;
    void *user;
    uint32_t active; /* workers of the present run */

    _Alignas(ERGO_BLOCK_ALIGN) _Atomic uint32_t run; /* number of the run, and its workers */
    _Atomic uint32_t run_sleepers;
    _Alignas(ERGO_BLOCK_ALIGN) _Atomic uint32_t arrived; /* at the barrier */
    _Atomic uint32_t passed;                             /* barriers passed */
    _Atomic uint32_t barrier_sleepers;
    _Alignas(ERGO_BLOCK_ALIGN) _Atomic uint32_t next; /* unit of work to claim */
};

/** Takes room for `count` workers in the arena. */
void ergo__pool_layout(ergo__pool *pool, ergo__arena *arena, uint32_t count);

/** Starts the threads. On ERGO_E_SYSTEM those already started are stopped again. */
ergo_status ergo__pool_start(ergo__pool *pool, uint32_t count);

/** Stops and joins the threads. */
void ergo__pool_stop(ergo__pool *pool);

/** Runs the job on workers 0 .. active - 1 and returns when all are done. */
void ergo__pool_run(ergo__pool *pool, uint32_t active, ergo__pool_job job, void *user);

/**
 * Called by every worker of a run: returns when all have called it. What was written before is
 * seen by all after it, and claiming starts again from 0.
 */
void ergo__pool_barrier(ergo__pool *pool, uint32_t worker);

/** The waits of all workers so far, as of the last run in which each took part. */
ergo__pool_waits ergo__pool_waited(const ergo__pool *pool);

/**
 * How many of the CPUs, which are sorted with the most capable first, worker `worker` should keep
 * to: those of like capacity (within an eighth) with the one of that rank, and all before.
 */
uint32_t ergo__pool_cpus_for(const ergo__os_cpu *cpus, uint32_t count, uint32_t worker);

/** The next unit of work that nobody has claimed since the last barrier. */
static inline uint32_t ergo__pool_claim(ergo__pool *pool)
{
    return atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
}

/**
 * The same for `units` that lie side by side in memory: a worker takes those of its own share one
 * after the other, so that it reads one long stretch and what is fetched ahead is its own; then it
 * helps the others, so that a slow core holds up nobody. Returns `units` when nothing is left.
 */
static inline uint32_t ergo__pool_claim_own(ergo__pool *pool, uint32_t worker, uint32_t units)
{
    const uint32_t active = pool->active;
    for (uint32_t i = 0; i < active; i++) {
        const uint32_t owner = worker + i < active ? worker + i : worker + i - active;
        _Atomic uint32_t *claimed = &pool->workers[owner].claimed;
        const uint32_t first = (uint32_t)((uint64_t)units * owner / active);
        const uint32_t share = (uint32_t)((uint64_t)units * (owner + 1) / active) - first;
        if (atomic_load_explicit(claimed, memory_order_relaxed) < share) {
            const uint32_t unit = atomic_fetch_add_explicit(claimed, 1, memory_order_relaxed);
            if (unit < share)
                return first + unit;
        }
    }
    return units;
}

#endif
