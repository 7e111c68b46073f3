/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/cpu/pool.h"

/* How long a word is looked at before sleeping on it, and how many looks go between two readings of
 * the clock. */
#define SPIN_NS 20000u
#define LOOKS 16u

#define COUNT_BITS 10u
#define COUNT_MASK ((1u << COUNT_BITS) - 1u)

_Static_assert(ERGO__POOL_MAX <= COUNT_MASK, "the count of workers must fit its bits");

/* A moment that leaves the core to its other thread, or saves power. */
static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb"); /* most cores take yield for no pause at all */
#elif defined(__arm__)
    __asm__ volatile("yield");
#endif
}

/*
 * Looks at the word until it differs from `seen` or the time is up, and returns its last value. A
 * spin that was interrupted counts as the whole of its time: other programs used the rest.
 */
static uint32_t spin(const _Atomic uint32_t *word, uint32_t seen, ergo__pool_waits *waits)
{
    uint32_t value = atomic_load_explicit(word, memory_order_acquire);
    if (value != seen)
        return value;
    const uint64_t start = ergo__os_now_ns();
    uint64_t spun = 0;
    while (value == seen && spun < SPIN_NS) {
        for (uint32_t i = 0; i < LOOKS && value == seen; i++) {
            relax();
            value = atomic_load_explicit(word, memory_order_acquire);
        }
        spun = ergo__os_now_ns() - start;
    }
    waits->spun_ns += spun < SPIN_NS ? spun : SPIN_NS;
    return value;
}

/* Returns the word's value once it differs from `seen`, after sleeping on it if need be. */
static uint32_t wait_change(_Atomic uint32_t *word, _Atomic uint32_t *sleepers, uint32_t seen,
                            ergo__pool_waits *waits)
{
    uint32_t value = spin(word, seen, waits);
    if (value != seen)
        return value;
    const uint64_t start = ergo__os_now_ns();
    while (value == seen) {
        atomic_fetch_add(sleepers, 1);
        if (atomic_load(word) == seen)
            ergo__os_wait(word, seen);
        atomic_fetch_sub(sleepers, 1);
        value = atomic_load(word);
    }
    waits->slept_ns += ergo__os_now_ns() - start;
    return value;
}

static void change(_Atomic uint32_t *word, _Atomic uint32_t *sleepers, uint32_t value)
{
    atomic_store(word, value);
    if (atomic_load(sleepers) > 0)
        ergo__os_wake_all(word);
}

/* Nothing is claimed; nobody may be claiming. */
static void claim_anew(ergo__pool *pool)
{
    atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
    for (uint32_t i = 0; i < pool->active; i++)
        atomic_store_explicit(&pool->workers[i].claimed, 0, memory_order_relaxed);
}

void ergo__pool_barrier(ergo__pool *pool, uint32_t worker)
{
    const uint32_t seen = atomic_load_explicit(&pool->passed, memory_order_relaxed);
    const uint32_t active = pool->active; /* once all have arrived, the next run may set it */
    if (atomic_fetch_add(&pool->arrived, 1) + 1 == active) {
        atomic_store_explicit(&pool->arrived, 0, memory_order_relaxed);
        claim_anew(pool);
        change(&pool->passed, &pool->barrier_sleepers, seen + 1);
        return;
    }
    wait_change(&pool->passed, &pool->barrier_sleepers, seen, &pool->workers[worker].waits);
}

static void worker_main(void *user)
{
    ergo__pool_worker *self = user;
    ergo__pool *pool = self->pool;
    uint32_t seen = 0;
    for (;;) {
        const uint64_t slept = self->waits.slept_ns;
        /* A worker that takes part is waited for, so the run it read is the present one. */
        seen = wait_change(&pool->run, &pool->run_sleepers, seen, &self->waits);
        self->waits.slept_ns = slept; /* there was nothing to do */
        if (self->index >= (seen & COUNT_MASK))
            continue;
        if (pool->quit)
            return;
        pool->job(pool->user, self->index);
        self->told = self->waits;
        ergo__pool_barrier(pool, self->index);
    }
}

/* Lets workers 1 .. active - 1 go; a run without them wakes nobody. */
static void begin_run(ergo__pool *pool, uint32_t active)
{
    pool->active = active;
    claim_anew(pool);
    if (active == 1)
        return;
    const uint32_t number = (atomic_load(&pool->run) >> COUNT_BITS) + 1;
    change(&pool->run, &pool->run_sleepers, number << COUNT_BITS | active);
}

void ergo__pool_layout(ergo__pool *pool, ergo__arena *arena, uint32_t count)
{
    ergo__pool_worker *workers = ERGO__TAKE(arena, ergo__pool_worker, count);
    if (pool)
        pool->workers = workers;
}

uint32_t ergo__pool_cpus_for(const ergo__os_cpu *cpus, uint32_t count, uint32_t worker)
{
    if (worker >= count)
        return count;
    const uint32_t own = cpus[worker].capacity;
    uint32_t kept = worker + 1;
    while (kept < count && cpus[kept].capacity >= own - own / 8)
        kept++;
    return kept;
}

static void place_workers(ergo__pool *pool)
{
    ergo__os_cpu cpus[ERGO__POOL_MAX];
    const uint32_t count = ergo__os_cpus(cpus, ERGO__POOL_MAX);
    for (uint32_t i = 1; i < pool->count; i++) {
        const uint32_t kept = ergo__pool_cpus_for(cpus, count, i);
        if (kept < count)
            ergo__os_thread_keep_to(&pool->workers[i].thread, cpus, kept);
    }
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
    pool->workers[0] = (ergo__pool_worker){.pool = pool};
    for (uint32_t i = 1; i < count; i++) {
        ergo__pool_worker *worker = &pool->workers[i];
        *worker = (ergo__pool_worker){.pool = pool, .index = i};
        const ergo_status status = ergo__os_thread_start(&worker->thread, worker_main, worker);
        if (status != ERGO_OK) {
            ergo__pool_stop(pool);
            return status;
        }
        pool->count++;
    }
    place_workers(pool);
    return ERGO_OK;
}

void ergo__pool_stop(ergo__pool *pool)
{
    pool->quit = true;
    begin_run(pool, pool->count);
    for (uint32_t i = 1; i < pool->count; i++)
        ergo__os_thread_join(&pool->workers[i].thread);
    pool->count = 1;
}

void ergo__pool_run(ergo__pool *pool, uint32_t active, ergo__pool_job job, void *user)
{
    pool->job = job;
    pool->user = user;
    begin_run(pool, active);
    job(user, 0);
    ergo__pool_barrier(pool, 0);
    pool->workers[0].told = pool->workers[0].waits;
}

ergo__pool_waits ergo__pool_waited(const ergo__pool *pool)
{
    ergo__pool_waits sum = {0, 0};
    for (uint32_t i = 0; i < pool->count; i++) {
        sum.spun_ns += pool->workers[i].told.spun_ns;
        sum.slept_ns += pool->workers[i].told.slept_ns;
    }
    return sum;
}
