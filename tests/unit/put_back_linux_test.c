/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fakes/knob_tree.h"
#include "tools/interrupt.h"
#include "tools/put_back.h"

/* How run-model ends, and what is left of what it turned. */

#define POLICY TREE_POLICY

static int number;
static int times;

static void turn_as_run_model_does(ergo_linux_knobs *knobs)
{
    const struct rlimit no_core = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &no_core);
    interrupt_install();
    put_back_on_signal(knobs);
    if (turn_knob(knobs, "a55", 3) != ERGO_OK || turn_knob(knobs, "memory", 1) != ERGO_OK)
        _exit(98);
    for (int i = 0; i < times; i++)
        (void)raise(number);
    if (!interrupt_requested())
        _exit(97);
    put_back_on_signal(NULL);
    ergo_linux_knobs_close(knobs);
}

static int end_by(int signal_number, int how_often)
{
    number = signal_number;
    times = how_often;
    const int status = in_child(turn_as_run_model_does, 0);
    assert_limits(POLICY "0", 408000, 1800000);
    assert_limits("sys/class/devfreq/dmc", 528000000, 2112000000);
    ergo_linux_recovery found;
    const ergo_linux_knobs_config c = knob_config();
    assert_int_equal(ergo_linux_knobs_recover(&c, &found), ERGO_OK);
    assert_int_equal(found.journals, 0);
    return status;
}

static void what_crashes_puts_back_and_dies_of_the_same_signal(void **state)
{
    (void)state;
    static const int ends[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGHUP, SIGQUIT};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const int status = end_by(ends[i], 1);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), ends[i]);
    }
}

static void ctrl_c_ends_in_order_and_the_second_one_at_once(void **state)
{
    (void)state;
    static const int ends[] = {SIGINT, SIGTERM};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(end_by(ends[i], 1), 0);
        const int status = end_by(ends[i], 2);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), ends[i]);
    }
}

static void overflow(ergo_linux_knobs *knobs)
{
    const struct rlimit no_core = {0, 0}, small = {1 << 20, 1 << 20};
    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)setrlimit(RLIMIT_STACK, &small);
    put_back_on_signal(knobs);
    if (turn_knob(knobs, "a55", 3) != ERGO_OK)
        _exit(98);
    /* As deep as it goes. */
    for (size_t size = 4096;; size *= 2) {
        volatile char *block = __builtin_alloca(size);
        block[0] = block[size - 1] = 1;
    }
}

static void a_stack_that_overflows_does_not_take_the_handlers(void **state)
{
    (void)state;
    const int status = in_child(overflow, 0);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSEGV);
    assert_limits(POLICY "0", 408000, 1800000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, knob_tree_begin, knob_tree_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_crashes_puts_back_and_dies_of_the_same_signal),
        TEST(ctrl_c_ends_in_order_and_the_second_one_at_once),
        TEST(a_stack_that_overflows_does_not_take_the_handlers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
