/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "backends/cpu/pool.h"
#include "tests/fakes/engine_fixture.h"

/* Workers that meet at barriers and claim work, more of them than there are CPUs. */

#define WORKERS 7u
#define UNITS 61u
#define PHASES 5u

typedef struct squad {
    ergo__pool pool;
    ergo_block block;
} squad;

static void squad_open(squad *s, uint32_t count)
{
    ergo__arena counting = ergo__arena_counting();
    ergo__pool_layout(NULL, &counting, count);
    s->block = test_block_open(counting.used);
    ergo__arena arena = ergo__arena_over(s->block);
    ergo__pool_layout(&s->pool, &arena, count);
    assert_int_equal(ergo__pool_start(&s->pool, count), ERGO_OK);
}

static void squad_close(squad *s)
{
    ergo__pool_stop(&s->pool);
    test_block_close(&s->block);
}

/* Plain memory: only the barriers keep its readers from its writers. */
typedef struct job {
    ergo__pool *pool;
    uint32_t active;
    uint32_t done[PHASES][UNITS]; /* how often a unit was run */
    uint32_t worked[WORKERS];     /* how often a worker was there */
    uint64_t value[PHASES + 1][UNITS];
    atomic_uint wrong;
} job;

static void run_unit(job *j, uint32_t phase, uint32_t unit)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < UNITS; i++)
        sum = sum * 31 + j->value[phase][i];
    j->value[phase + 1][unit] = sum + unit;
    j->done[phase][unit]++;
}

/* Both ways in turn. */
static uint32_t claim(ergo__pool *pool, uint32_t phase, uint32_t worker)
{
    return phase % 2 ? ergo__pool_claim(pool) : ergo__pool_claim_own(pool, worker, UNITS);
}

static void work(void *user, uint32_t worker)
{
    job *j = user;
    if (worker >= j->active)
        atomic_fetch_add(&j->wrong, 1);
    else
        j->worked[worker]++;
    for (uint32_t phase = 0; phase < PHASES; phase++) {
        for (uint32_t unit; (unit = claim(j->pool, phase, worker)) < UNITS;)
            run_unit(j, phase, unit);
        ergo__pool_barrier(j->pool, worker);
    }
}

static void check_run(squad *s, uint32_t active, uint64_t seed)
{
    static job j, alone;
    memset(&j, 0, sizeof j);
    memset(&alone, 0, sizeof alone);
    j.pool = &s->pool;
    j.active = active;
    for (uint32_t i = 0; i < UNITS; i++)
        j.value[0][i] = alone.value[0][i] = seed * i;
    for (uint32_t phase = 0; phase < PHASES; phase++)
        for (uint32_t unit = 0; unit < UNITS; unit++)
            run_unit(&alone, phase, unit);
    ergo__pool_run(&s->pool, active, work, &j);
    assert_int_equal(atomic_load(&j.wrong), 0);
    assert_memory_equal(j.value, alone.value, sizeof j.value);
    assert_memory_equal(j.done, alone.done, sizeof j.done);
    for (uint32_t i = 0; i < WORKERS; i++)
        assert_int_equal(j.worked[i], i < active ? 1 : 0);
}

static void phases_see_all_of_the_phase_before_for_any_number_of_workers(void **state)
{
    (void)state;
    squad s;
    squad_open(&s, WORKERS);
    for (uint64_t round = 0; round < 300; round++)
        check_run(&s, 1 + (uint32_t)(round * 5 % WORKERS), round);
    squad_close(&s);
}

/* What one worker claims while the others are held up elsewhere. */
typedef struct walk {
    ergo__pool *pool;
    uint32_t units, count;
    uint32_t seen[UNITS];
} walk;

static void walk_alone(void *user, uint32_t worker)
{
    walk *w = user;
    if (worker == 1)
        for (uint32_t unit; (unit = ergo__pool_claim_own(w->pool, 1, w->units)) < w->units;)
            w->seen[w->count++] = unit;
    ergo__pool_barrier(w->pool, worker);
}

static void a_worker_walks_through_its_share_and_then_helps(void **state)
{
    (void)state;
    squad s;
    squad_open(&s, 3);
    walk w = {.pool = &s.pool, .units = 7}; /* shares: 0 1, 2 3, 4 5 6 */
    ergo__pool_run(&s.pool, 3, walk_alone, &w);
    const uint32_t expected[] = {2, 3, 4, 5, 6, 0, 1};
    assert_int_equal(w.count, 7);
    assert_memory_equal(w.seen, expected, sizeof expected);
    w = (walk){.pool = &s.pool, .units = 2}; /* fewer than workers: shares of none, 0, 1 */
    ergo__pool_run(&s.pool, 3, walk_alone, &w);
    assert_int_equal(w.count, 2);
    assert_int_equal(w.seen[0], 0);
    assert_int_equal(w.seen[1], 1);
    squad_close(&s);
}

static void nanosleep_ms(long ms)
{
    const struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

static void workers_that_slept_come_back(void **state)
{
    (void)state;
    squad s;
    squad_open(&s, 3);
    for (uint64_t round = 0; round < 12; round++) {
        nanosleep_ms((long)(round % 3) * 3);
        check_run(&s, 1 + (uint32_t)round % 3, round);
    }
    squad_close(&s);
}

static void pools_start_and_stop_many_times(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 60; i++) {
        squad s;
        squad_open(&s, 1 + i % WORKERS);
        if (i % 2)
            check_run(&s, 1 + i % WORKERS, i);
        squad_close(&s);
    }
}

static uint64_t process_cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void idle_workers_sleep(void **state)
{
    (void)state;
    squad s;
    squad_open(&s, WORKERS);
    check_run(&s, WORKERS, 1);
    nanosleep_ms(20); /* the bounded spin */
    const uint64_t before = process_cpu_ns();
    nanosleep_ms(200);
    const uint64_t used = process_cpu_ns() - before;
    print_message("%u idle workers used %llu us in 200 ms\n", WORKERS - 1,
                  (unsigned long long)used / 1000);
    assert_true(used < 5 * 1000 * 1000);
    squad_close(&s);
}

typedef struct slow_job {
    ergo__pool *pool;
    atomic_uint late;
} slow_job;

/* Worker 0 comes late to the barrier. */
static void late_work(void *user, uint32_t worker)
{
    slow_job *j = user;
    if (worker == 0)
        nanosleep_ms(100);
    ergo__pool_barrier(j->pool, worker);
    atomic_fetch_add(&j->late, 1);
}

static void workers_that_wait_long_at_a_barrier_sleep(void **state)
{
    (void)state;
    squad s;
    squad_open(&s, WORKERS);
    slow_job j = {.pool = &s.pool};
    const uint64_t before = process_cpu_ns();
    ergo__pool_run(&s.pool, WORKERS, late_work, &j);
    assert_int_equal(atomic_load(&j.late), WORKERS);
    assert_true(process_cpu_ns() - before < 30 * 1000 * 1000);
    squad_close(&s);
}

static void what_waiting_costs_is_counted(void **state)
{
    (void)state;
    squad s;
    squad_open(&s, 3);
    slow_job j = {.pool = &s.pool};
    ergo__pool_run(&s.pool, 3, late_work, &j);
    ergo__pool_run(&s.pool, 3, late_work, &j); /* the first one's last wait is told now */
    const ergo__pool_waits waits = ergo__pool_waited(&s.pool);
    assert_true(waits.slept_ns > 2 * 2 * 50 * 1000 * 1000); /* two workers, twice, most of 100 ms */
    assert_true(waits.spun_ns > 0 && waits.spun_ns < 20 * 1000 * 1000);
    ergo__pool_run(&s.pool, 1, late_work, &j); /* nobody to wait for */
    assert_true(ergo__pool_waited(&s.pool).spun_ns == waits.spun_ns);
    squad_close(&s);
}

static void workers_keep_to_the_largest_cpus_that_suffice(void **state)
{
    (void)state;
    /* 1 + 3 + 4 cores of three sizes: the prime core and the large ones are alike. */
    static const ergo__os_cpu board[] = {{7, 1024}, {4, 920}, {5, 920}, {6, 920},
                                         {0, 250},  {1, 250}, {2, 250}, {3, 250}};
    assert_int_equal(ergo__pool_cpus_for(board, 8, 1), 4);
    assert_int_equal(ergo__pool_cpus_for(board, 8, 3), 4);
    assert_int_equal(ergo__pool_cpus_for(board, 8, 4), 8);
    assert_int_equal(ergo__pool_cpus_for(board, 8, 7), 8);
    assert_int_equal(ergo__pool_cpus_for(board, 8, 20), 8);
    assert_int_equal(ergo__pool_cpus_for(board, 0, 1), 0);
    static const ergo__os_cpu equal[] = {{0, 1}, {1, 1}, {2, 1}, {3, 1}};
    assert_int_equal(ergo__pool_cpus_for(equal, 4, 1), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(phases_see_all_of_the_phase_before_for_any_number_of_workers),
        cmocka_unit_test(a_worker_walks_through_its_share_and_then_helps),
        cmocka_unit_test(workers_that_slept_come_back),
        cmocka_unit_test(pools_start_and_stop_many_times),
        cmocka_unit_test(idle_workers_sleep),
        cmocka_unit_test(workers_that_wait_long_at_a_barrier_sleep),
        cmocka_unit_test(what_waiting_costs_is_counted),
        cmocka_unit_test(workers_keep_to_the_largest_cpus_that_suffice),
    };
    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
