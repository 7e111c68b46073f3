/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ports/baremetal/board_clock.h"
#include "runtime/base/os.h"

/* This program is linked with the objects of ports/baremetal in front of the library's own port:
 * it plays the application of a board without an operating system. */

static uint64_t ticks;

uint64_t ergo_board_now_ns(void)
{
    return ticks;
}

static void both_clocks_are_the_boards(void **state)
{
    (void)state;
    ticks = UINT64_C(123456789012345);
    assert_true(ergo__os_now_ns() == ticks);
    assert_true(ergo__os_thread_cpu_ns() == ticks);
}

static void the_main(void *user)
{
    *(bool *)user = true;
}

static void there_is_one_cpu_and_no_second_thread(void **state)
{
    (void)state;
    assert_int_equal(ergo__os_cpu_count(), 1);
    bool ran = false;
    ergo__os_thread thread = {0};
    assert_int_equal(ergo__os_thread_start(&thread, the_main, &ran), ERGO_E_SYSTEM);
    assert_false(ran);
    ergo__os_cpu cpus[2] = {{9, 9}, {9, 9}};
    assert_int_equal(ergo__os_cpus(cpus, 0), 0);
    assert_int_equal(ergo__os_cpus(cpus, 2), 1);
    assert_int_equal(cpus[0].id, 0);
    assert_int_equal(cpus[1].id, 9);
    ergo__os_thread_keep_to(&thread, cpus, 1);
    ergo__os_thread_join(&thread);
}

static void nothing_is_known_of_the_cpu(void **state)
{
    (void)state;
    uint64_t words[2] = {1, 1};
    ergo__os_hwcap(words);
    assert_true(words[0] == 0 && words[1] == 0);
}

static void waiting_returns_because_nobody_could_wake(void **state)
{
    (void)state;
    const _Atomic uint32_t word = 1;
    ergo__os_wait(&word, 1);
    ergo__os_wake_all(&word);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_clocks_are_the_boards),
        cmocka_unit_test(there_is_one_cpu_and_no_second_thread),
        cmocka_unit_test(nothing_is_known_of_the_cpu),
        cmocka_unit_test(waiting_returns_because_nobody_could_wake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
