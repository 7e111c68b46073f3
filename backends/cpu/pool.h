/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_BACKENDS_CPU_POOL_H
#define ERGO_BACKENDS_CPU_POOL_H

#include "runtime/base/arena.h"
#include "runtime/base/os.h"

/*
 * Workers that run one job together. They are created once; the caller is worker 0. Whoever waits
 * spins for a bounded few microseconds and then sleeps, so that waiting costs no power.
 */

/** Most workers: the count shares a word with the number of the run. */
#define ERGO__POOL_MAX 1023u

typedef struct ergo__pool ergo__pool;

/** A job that every taking-part worker runs once. */
typedef void (*ergo__pool_job)(void *user, uint32_t worker);

typedef struct ergo__pool_worker {
    ergo__pool *pool;
    uint32_t index;
    ergo__os_thread thread;
} ergo__pool_worker;

struct ergo__pool {
    ergo__pool_worker *workers; /* count - 1 of them: worker 0 is the caller */
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

/** Takes room for `count` - 1 workers in the arena. */
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
void ergo__pool_barrier(ergo__pool *pool);

/** The next unit of work that nobody has claimed since the last barrier. */
static inline uint32_t ergo__pool_claim(ergo__pool *pool)
{
    return atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
}

#endif
