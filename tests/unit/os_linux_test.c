/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "ports/linux/cpu_capacity.h"
#include "ports/linux/cpu_quota.h"
#include "runtime/base/os.h"

static void the_clock_never_goes_back_and_counts_real_nanoseconds(void **state)
{
    (void)state;
    uint64_t last = ergo__os_now_ns();
    for (int i = 0; i < 10000; i++) {
        const uint64_t now = ergo__os_now_ns();
        assert_true(now >= last);
        last = now;
    }
    const struct timespec pause = {.tv_nsec = 20000000};
    assert_int_equal(nanosleep(&pause, NULL), 0);
    const uint64_t slept = ergo__os_now_ns() - last;
    assert_in_range(slept, 20000000u, 20000000000u);
}

static void sleeping_costs_no_cpu_time(void **state)
{
    (void)state;
    const uint64_t start = ergo__os_thread_cpu_ns();
    const struct timespec pause = {.tv_nsec = 100000000};
    assert_int_equal(nanosleep(&pause, NULL), 0);
    assert_true(ergo__os_thread_cpu_ns() - start < 50000000u);
    const uint64_t busy = ergo__os_now_ns();
    while (ergo__os_thread_cpu_ns() - start < 50000000u)
        assert_true(ergo__os_now_ns() - busy < 60000000000u);
}

static void the_cpu_count_obeys_the_affinity_mask(void **state)
{
    (void)state;
    cpu_set_t all, one;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    assert_in_range(ergo__os_cpu_count(), 1, CPU_COUNT(&all));
    size_t first = 0;
    while (!CPU_ISSET(first, &all))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(ergo__os_cpu_count(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
}

typedef struct worker {
    _Atomic uint32_t *word;
    sigset_t mask;
    uint32_t seen;
} worker;

static void wait_for_change(void *user)
{
    worker *self = user;
    pthread_sigmask(SIG_SETMASK, NULL, &self->mask);
    while ((self->seen = atomic_load(self->word)) == 1)
        ergo__os_wait(self->word, 1);
}

static void a_wake_reaches_every_sleeping_thread(void **state)
{
    (void)state;
    enum { N = 3 };
    _Atomic uint32_t word = 1;
    worker workers[N] = {0};
    ergo__os_thread threads[N];
    for (int i = 0; i < N; i++) {
        workers[i].word = &word;
        assert_int_equal(ergo__os_thread_start(&threads[i], wait_for_change, &workers[i]), ERGO_OK);
    }
    const struct timespec pause = {.tv_nsec = 20000000};
    nanosleep(&pause, NULL); /* so that some of them sleep */
    atomic_store(&word, 2);
    ergo__os_wake_all(&word);
    for (int i = 0; i < N; i++) {
        ergo__os_thread_join(&threads[i]);
        assert_int_equal(workers[i].seen, 2);
    }
}

static void waiting_for_a_word_that_has_changed_returns_at_once(void **state)
{
    (void)state;
    const _Atomic uint32_t word = 7;
    ergo__os_wait(&word, 8);
}

static void the_hosts_signals_stay_off_the_workers_and_its_mask_is_kept(void **state)
{
    (void)state;
    sigset_t before, after;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    _Atomic uint32_t word = 2;
    worker self = {.word = &word};
    ergo__os_thread thread;
    assert_int_equal(ergo__os_thread_start(&thread, wait_for_change, &self), ERGO_OK);
    ergo__os_thread_join(&thread);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    static const int hosts[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGALRM, SIGUSR1};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        assert_true(sigismember(&self.mask, hosts[i]));
        assert_int_equal(sigismember(&after, hosts[i]), sigismember(&before, hosts[i]));
    }
    assert_false(sigismember(&self.mask, SIGSEGV));
}

/* A folder that plays /proc and /sys/fs/cgroup; the files below it are written per case. */
typedef struct tree {
    char root[64];
} tree;

static void put(const tree *t, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", t->root, name);
    for (char *slash = path + strlen(t->root) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        mkdir(path, 0700);
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static tree tree_open(void)
{
    tree t;
    const char *folder = getenv("TMPDIR");
    snprintf(t.root, sizeof t.root, "%.40s/ergo-os-XXXXXX", folder ? folder : P_tmpdir);
    assert_non_null(mkdtemp(t.root));
    return t;
}

static uint32_t tree_quota(const tree *t)
{
    char membership[128], root[128];
    snprintf(membership, sizeof membership, "%s/cgroup", t->root);
    snprintf(root, sizeof root, "%s/fs", t->root);
    return ergo__linux_cpu_quota(membership, root);
}

static void tree_close(const tree *t)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", t->root);
    assert_int_equal(system(command), 0);
}

static void without_control_groups_there_is_no_quota(void **state)
{
    (void)state;
    const tree t = tree_open();
    assert_true(tree_quota(&t) == UINT32_MAX);
    put(&t, "cgroup", "0::/\n");
    assert_true(tree_quota(&t) == UINT32_MAX);
    put(&t, "fs/cpu.max", "max 100000\n");
    assert_true(tree_quota(&t) == UINT32_MAX);
    tree_close(&t);
}

static void the_least_quota_on_the_way_up_counts_rounded_up(void **state)
{
    (void)state;
    const tree t = tree_open();
    put(&t, "cgroup", "0::/system.slice/talk.service\n");
    put(&t, "fs/system.slice/talk.service/cpu.max", "350000 100000\n");
    assert_int_equal(tree_quota(&t), 4);
    put(&t, "fs/system.slice/cpu.max", "200000 100000\n");
    assert_int_equal(tree_quota(&t), 2);
    put(&t, "fs/cpu.max", "10000 100000\n");
    assert_int_equal(tree_quota(&t), 1);
    tree_close(&t);
}

static void a_container_that_cannot_see_its_group_obeys_the_levels_that_it_sees(void **state)
{
    (void)state;
    const tree t = tree_open();
    put(&t, "cgroup", "0::/../../docker/0123abcd\n");
    put(&t, "fs/cpu.max", "300000 100000\n");
    assert_int_equal(tree_quota(&t), 3);
    tree_close(&t);
}

static void version_1_groups_count_too(void **state)
{
    (void)state;
    const tree t = tree_open();
    put(&t, "cgroup", "7:cpuset:/\n5:cpu,cpuacct:/talk\n1:name=systemd:/talk\n0::/\n");
    put(&t, "fs/cpu/cpu.cfs_quota_us", "-1\n");
    put(&t, "fs/cpu/cpu.cfs_period_us", "100000\n");
    assert_true(tree_quota(&t) == UINT32_MAX);
    put(&t, "fs/cpu/talk/cpu.cfs_quota_us", "50000\n");
    put(&t, "fs/cpu/talk/cpu.cfs_period_us", "25000\n");
    assert_int_equal(tree_quota(&t), 2);
    tree_close(&t);
}

static void malformed_membership_is_no_quota(void **state)
{
    (void)state;
    const tree t = tree_open();
    put(&t, "fs/cpu.max", "100000 0\n");
    put(&t, "cgroup", "nonsense\n:\n::\n\n0::/");
    assert_true(tree_quota(&t) == UINT32_MAX);
    tree_close(&t);
}

/* The CPUs of a tree in the order of their capacity, as digits. */
static void assert_order(const tree *t, uint32_t count, const char *order)
{
    ergo__os_cpu cpus[16];
    char text[17] = {0};
    for (uint32_t i = 0; i < count; i++)
        cpus[i] = (ergo__os_cpu){i, 0};
    ergo__linux_cpu_capacity(t->root, cpus, count);
    for (uint32_t i = 0; i < count; i++) {
        text[i] = (char)('0' + cpus[i].id);
        assert_true(cpus[i].capacity > 0 && (i == 0 || cpus[i].capacity <= cpus[i - 1].capacity));
    }
    assert_string_equal(text, order);
}

static void the_large_cpus_of_a_board_come_first(void **state)
{
    (void)state;
    static const char *const capacity[] = {"381", "381", "1024", "1024", "1004", "381"};
    const tree t = tree_open();
    assert_order(&t, 6, "012345"); /* nothing known: all are alike */
    for (int i = 0; i < 6; i++) {
        char name[64];
        snprintf(name, sizeof name, "cpu%d/cpufreq/cpuinfo_max_freq", i);
        put(&t, name, i < 2 ? "1800000\n" : "2400000\n");
    }
    assert_order(&t, 6, "234501");
    for (int i = 0; i < 6; i++) {
        char name[64];
        snprintf(name, sizeof name, "cpu%d/cpu_capacity", i);
        if (i == 3)
            assert_order(&t, 6, "234501"); /* one without: not comparable */
        put(&t, name, capacity[i]);
    }
    assert_order(&t, 6, "234015");
    put(&t, "cpu2/cpu_capacity", "nonsense\n");
    assert_order(&t, 6, "234501");
    tree_close(&t);
}

static void a_thread_keeps_to_the_cpus_it_is_given(void **state)
{
    (void)state;
    ergo__os_cpu cpus[64];
    cpu_set_t mine, its;
    assert_int_equal(sched_getaffinity(0, sizeof mine, &mine), 0);
    const uint32_t count = ergo__os_cpus(cpus, 64);
    assert_true(count == 64 || count == (uint32_t)CPU_COUNT(&mine));
    for (uint32_t i = 0; i < count; i++)
        assert_true(CPU_ISSET(cpus[i].id, &mine));
    _Atomic uint32_t word = 1;
    worker self = {.word = &word};
    ergo__os_thread thread;
    assert_int_equal(ergo__os_thread_start(&thread, wait_for_change, &self), ERGO_OK);
    ergo__os_thread_keep_to(&thread, cpus + count - 1, 1);
    pthread_t id;
    memcpy(&id, thread.opaque, sizeof id);
    assert_int_equal(pthread_getaffinity_np(id, sizeof its, &its), 0);
    assert_int_equal(CPU_COUNT(&its), 1);
    assert_true(CPU_ISSET(cpus[count - 1].id, &its));
    assert_int_equal(sched_getaffinity(0, sizeof its, &its), 0);
    assert_true(CPU_EQUAL(&its, &mine));
    atomic_store(&word, 2);
    ergo__os_wake_all(&word);
    ergo__os_thread_join(&thread);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_clock_never_goes_back_and_counts_real_nanoseconds),
        cmocka_unit_test(sleeping_costs_no_cpu_time),
        cmocka_unit_test(the_cpu_count_obeys_the_affinity_mask),
        cmocka_unit_test(a_wake_reaches_every_sleeping_thread),
        cmocka_unit_test(waiting_for_a_word_that_has_changed_returns_at_once),
        cmocka_unit_test(the_hosts_signals_stay_off_the_workers_and_its_mask_is_kept),
        cmocka_unit_test(without_control_groups_there_is_no_quota),
        cmocka_unit_test(the_least_quota_on_the_way_up_counts_rounded_up),
        cmocka_unit_test(a_container_that_cannot_see_its_group_obeys_the_levels_that_it_sees),
        cmocka_unit_test(version_1_groups_count_too),
        cmocka_unit_test(malformed_membership_is_no_quota),
        cmocka_unit_test(the_large_cpus_of_a_board_come_first),
        cmocka_unit_test(a_thread_keeps_to_the_cpus_it_is_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
