/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/cpu/pool.h"

/* Looks at a word before sleeping on it: a few microseconds. */
#define SPIN_LIMIT 1000u

#define COUNT_BITS 10u
#define COUNT_MASK ((1u << COUNT_BITS) - 1u)

_Static_assert(ERGO__POOL_MAX <= COUNT_MASK, "the count of workers must fit its bits");

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ volatile("yield");
#endif
}

/* Returns the word's value once it differs from `seen`. */
static uint32_t wait_change(_Atomic uint32_t *word, _Atomic uint32_t *sleepers, uint32_t seen)
{
    for (uint32_t i = 0; i < SPIN_LIMIT; i++) {
        const uint32_t value = atomic_load_explicit(word, memory_order_acquire);
        if (value != seen)
            return value;
        relax();
    }
    for (;;) {
        atomic_fetch_add(sleepers, 1);
        uint32_t value = atomic_load(word);
        if (value == seen)
            ergo__os_wait(word, seen);
        atomic_fetch_sub(sleepers, 1);
        value = atomic_load(word);
        if (value != seen)
            return value;
    }
}

static void change(_Atomic uint32_t *word, _Atomic uint32_t *sleepers, uint32_t value)
{
    atomic_store(word, value);
    if (atomic_load(sleepers) > 0)
        ergo__os_wake_all(word);
}

void ergo__pool_barrier(ergo__pool *pool)
{
    const uint32_t seen = atomic_load_explicit(&pool->passed, memory_order_relaxed);
    const uint32_t active = pool->active; /* once all have arrived, the next run may set it */
    if (atomic_fetch_add(&pool->arrived, 1) + 1 == active) {
        atomic_store_explicit(&pool->arrived, 0, memory_order_relaxed);
        atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
        change(&pool->passed, &pool->barrier_sleepers, seen + 1);
        return;
    }
    wait_change(&pool->passed, &pool->barrier_sleepers, seen);
}

static void worker_main(void *user)
{
    const ergo__pool_worker *self = user;
    ergo__pool *pool = self->pool;
    uint32_t seen = 0;
    for (;;) {
        /* A worker that takes part is waited for, so the run it read is the present one. */
        seen = wait_change(&pool->run, &pool->run_sleepers, seen);
        if (self->index >= (seen & COUNT_MASK))
            continue;
        if (pool->quit)
            return;
        pool->job(pool->user, self->index);
        ergo__pool_barrier(pool);
    }
}

/* Lets workers 1 .. active - 1 go. */
static void begin_run(ergo__pool *pool, uint32_t active)
{
    pool->active = active;
    atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
    const uint32_t number = (atomic_load(&pool->run) >> COUNT_BITS) + 1;
    change(&pool->run, &pool->run_sleepers, number << COUNT_BITS | active);
}

void ergo__pool_layout(ergo__pool *pool, ergo__arena *arena, uint32_t count)
{
    ergo__pool_worker *workers = ERGO__TAKE(arena, ergo__pool_worker, count - 1);
    if (pool)
        pool->workers = workers;
}

ergo_status ergo__pool_start(ergo__pool *pool, uint32_t count)
{
    pool->quit = false;
    pool->count = 1;
    atomic_init(&pool->run, 0);
    atomic_init(&pool->run_sleepers, 0);
    atomic_init(&pool->arrived, 0);
    atomic_init(&pool->passed, 0);
    atomic_init(&pool->barrier_sleepers, 0);
    atomic_init(&pool->next, 0);
    for (uint32_t i = 1; i < count; i++) {
        ergo__pool_worker *worker = &pool->workers[i - 1];
        worker->pool = pool;
        worker->index = i;
        const ergo_status status = ergo__os_thread_start(&worker->thread, worker_main, worker);
        if (status != ERGO_OK) {
            ergo__pool_stop(pool);
            return status;
        }
        pool->count++;
    }
    return ERGO_OK;
}

void ergo__pool_stop(ergo__pool *pool)
{
    pool->quit = true;
    begin_run(pool, pool->count);
    for (uint32_t i = 1; i < pool->count; i++)
        ergo__os_thread_join(&pool->workers[i - 1].thread);
    pool->count = 1;
}

void ergo__pool_run(ergo__pool *pool, uint32_t active, ergo__pool_job job, void *user)
{
    pool->job = job;
    pool->user = user;
    begin_run(pool, active);
    job(user, 0);
    ergo__pool_barrier(pool);
}
