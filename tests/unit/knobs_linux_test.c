/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fakes/knob_tree.h"

#define POLICY TREE_POLICY

/* ---- Finding ------------------------------------------------------------------------------- */

static void clocks_have_the_boards_names_and_ascending_levels(void **state)
{
    (void)state;
    ergo_linux_knobs *knobs = open_knobs(0);
    const ergo_knob *big = knob_named(knobs, "a76-a");
    assert_non_null(knob_named(knobs, "a55"));
    assert_non_null(big);
    assert_int_equal(big->info.kind, ERGO_KNOB_CLOCK);
    assert_int_equal(big->info.level_count, 3);
    assert_int_equal(big->info.levels[0].value, 408000);
    assert_int_equal(big->info.levels[2].value, 2304000);
    assert_int_equal(knob_named(knobs, "a55")->info.switch_us, 84);
    assert_int_equal(knob_named(knobs, "gpu")->info.kind, ERGO_KNOB_CLOCK);
    assert_int_equal(knob_named(knobs, "memory")->info.kind, ERGO_KNOB_MEMORY);
    assert_int_equal(knob_named(knobs, "memory")->info.levels[1].value, 2112000);
    ergo_linux_knobs_close(knobs);
}

static void levels_end_at_the_administrators_limit(void **state)
{
    (void)state;
    ergo_linux_knobs *knobs = open_knobs(0);
    const ergo_knob *knob = knob_named(knobs, "a76-b");
    assert_int_equal(knob->info.level_count, 3);
    assert_int_equal(knob->info.levels[2].value, 1200000);
    ergo_linux_knobs_close(knobs);
}

static void what_is_neither_memory_nor_gpu_is_left_alone_and_said(void **state)
{
    (void)state;
    ergo_linux_knobs *knobs = open_knobs(0);
    size_t count;
    const ergo_linux_finding *found = ergo_linux_knobs_findings(knobs, &count);
    bool said = false;
    for (size_t i = 0; i < count; i++)
        said = said || (strcmp(found[i].what, "devfreq fdab0000.npu") == 0 &&
                        found[i].status == ERGO_E_UNSUPPORTED && found[i].advice[0]);
    assert_true(said);
    ergo_linux_knobs_close(knobs);
}

/* intel_pstate: a policy per CPU, and limits alone. */
static void policies_without_a_list_have_even_steps_and_alike_ones_are_one_clock(void **state)
{
    (void)state;
    file_tree_end(&knob_tree);
    file_tree_begin(&knob_tree);
    knob_board = "generic";
    for (int i = 0; i < 12; i++) {
        char lines[400];
        (void)snprintf(lines, sizeof lines,
                       "[" POLICY "%d]\nrelated_cpus = %d\ncpuinfo_min_freq = 800000\n"
                       "cpuinfo_max_freq = 4700000\nscaling_min_freq = 800000\n"
                       "scaling_max_freq = 4700000\nscaling_cur_freq = 1200000\n",
                       i, i);
        file_tree_put_all(&knob_tree, lines);
    }
    ergo_linux_knobs *knobs = open_knobs(0);
    const ergo_knob *knob = knob_named(knobs, "cpu");
    assert_non_null(knob);
    assert_int_equal(knob->info.level_count, 9);
    assert_int_equal(knob->info.levels[0].value, 800000);
    assert_int_equal(knob->info.levels[8].value, 4700000);
    for (uint32_t i = 1; i < 8; i++)
        assert_int_equal(knob->info.levels[i].value % 100000, 0);
    assert_int_equal(turn_knob(knobs, "cpu", 0), ERGO_OK);
    assert_limits(POLICY "0", 800000, 800000);
    assert_limits(POLICY "11", 800000, 800000);
    ergo_linux_knobs_close(knobs);
    assert_limits(POLICY "11", 800000, 4700000);
}

static void core_sets_say_their_threads_and_which_clocks_count(void **state)
{
    (void)state;
    ergo_linux_knobs *knobs = open_knobs(0);
    const ergo_knob *cores = knob_named(knobs, "cores");
    assert_non_null(cores);
    assert_int_equal(cores->info.kind, ERGO_KNOB_CORES);
    const uint32_t memory_bit = UINT32_C(1) << knob_index(knobs, "memory");
    for (uint32_t i = 0; i < cores->info.level_count; i++) {
        assert_in_range(cores->info.levels[i].value, 1, 1024);
        assert_true(cores->info.levels[i].uses & memory_bit);
        assert_true(cores->info.levels[i].name[0] != '\0');
        assert_int_equal(cores->set(cores->self, i), ERGO_OK);
        uint32_t level = 99;
        assert_int_equal(cores->get(cores->self, &level), ERGO_OK);
        assert_int_equal(level, i);
        cpu_set_t now;
        assert_int_equal(sched_getaffinity(0, sizeof now, &now), 0);
        assert_int_equal(CPU_COUNT(&now), cores->info.levels[i].value);
    }
    cpu_set_t after;
    ergo_linux_knobs_close(knobs);
    assert_int_equal(sched_getaffinity(0, sizeof after, &after), 0);
    assert_int_equal(CPU_COUNT(&after), sysconf(_SC_NPROCESSORS_ONLN));
}

/* ---- Turning ------------------------------------------------------------------------------- */

static void a_clock_is_held_by_both_limits_and_put_back_on_close(void **state)
{
    (void)state;
    ergo_linux_knobs *knobs = open_knobs(0);
    assert_int_equal(knob_level(knobs, "a55"), 1);
    assert_int_equal(turn_knob(knobs, "a55", 3), ERGO_OK);
    assert_limits(POLICY "0", 1800000, 1800000);
    assert_int_equal(knob_level(knobs, "a55"), 3);
    assert_int_equal(turn_knob(knobs, "a55", 0), ERGO_OK);
    assert_limits(POLICY "0", 408000, 408000);
    assert_int_equal(turn_knob(knobs, "a76-b", 0), ERGO_OK);
    assert_int_equal(turn_knob(knobs, "memory", 1), ERGO_OK);
    assert_limits("sys/class/devfreq/dmc", 2112000000, 2112000000);
    assert_int_equal(turn_knob(knobs, "a55", 4), ERGO_E_ARGUMENT);
    ergo_linux_knobs_close(knobs);
    assert_limits(POLICY "0", 408000, 1800000);
    assert_limits(POLICY "6", 600000, 1200000);
    assert_limits("sys/class/devfreq/dmc", 528000000, 2112000000);
}

static void the_journal_is_there_before_and_gone_after(void **state)
{
    (void)state;
    ergo_linux_knobs *knobs = open_knobs(0);
    assert_string_equal(tree_text(journal_path(getpid())), "");
    assert_int_equal(turn_knob(knobs, "a76-b", 0), ERGO_OK);
    const char *text = tree_text(journal_path(getpid()));
    assert_non_null(strstr(text, POLICY "6/scaling_min_freq 600000 "));
    assert_non_null(strstr(text, POLICY "6/scaling_max_freq 1200000 "));
    assert_null(strstr(text, POLICY "0"));
    ergo_linux_knobs_close(knobs);
    assert_string_equal(tree_text(journal_path(getpid())), "");
}

static void without_a_journal_nothing_is_turned(void **state)
{
    (void)state;
    file_tree_put(&knob_tree, "run", "a file where a folder should be");
    assert_int_equal(unsetenv("XDG_RUNTIME_DIR"), 0);
    ergo_linux_knobs *knobs = open_knobs(0);
    assert_true(turn_knob(knobs, "a55", 0) < 0);
    assert_limits(POLICY "0", 408000, 1800000);
    ergo_linux_knobs_close(knobs);
}

static void another_writer_is_named_once_and_yielded_to(void **state)
{
    (void)state;
    ergo_linux_knobs *knobs = open_knobs(0);
    const size_t index = knob_index(knobs, "a55");
    assert_int_equal(turn_knob(knobs, "a55", 1), ERGO_OK);
    assert_int_equal(ergo_linux_knobs_check(knobs, index), ERGO_OK);
    file_tree_put(&knob_tree, POLICY "0/scaling_max_freq", "1416000");
    assert_int_equal(turn_knob(knobs, "a55", 0), ERGO_E_STATE);
    assert_int_equal(ergo_linux_knobs_check(knobs, index), ERGO_E_STATE);
    const char *said = strstr(knob_heard, "somebody else wrote 1416000 to " POLICY
                                          "0/scaling_max_freq where ergo had 1008000");
    assert_non_null(said);
    assert_null(strstr(said + 1, "somebody else"));
    assert_int_equal(ergo_linux_knobs_take(knobs, index), ERGO_OK);
    assert_int_equal(turn_knob(knobs, "a55", 0), ERGO_OK);
    ergo_linux_knobs_close(knobs);
    assert_int_equal(tree_number(POLICY "0/scaling_max_freq"), 1416000);
}

static void what_another_wrote_stays_and_the_rest_is_put_back(void **state)
{
    (void)state;
    ergo_linux_knobs *knobs = open_knobs(0);
    assert_int_equal(turn_knob(knobs, "a55", 1), ERGO_OK);
    file_tree_put(&knob_tree, POLICY "0/scaling_max_freq", "1416000");
    ergo_linux_knobs_close(knobs);
    assert_limits(POLICY "0", 408000, 1416000);
}

static void heat_is_nobody_else(void **state)
{
    (void)state;
    file_tree_put(&knob_tree, "sys/class/thermal/cooling_device0/type", "cpufreq-cpu0");
    file_tree_put(&knob_tree, "sys/class/thermal/cooling_device0/cur_state", "0");
    ergo_linux_knobs *knobs = open_knobs(0);
    assert_int_equal(turn_knob(knobs, "a55", 3), ERGO_OK);
    file_tree_put(&knob_tree, "sys/class/thermal/cooling_device0/cur_state", "2");
    file_tree_put(&knob_tree, POLICY "0/scaling_max_freq", "1008000");
    file_tree_put(&knob_tree, POLICY "0/scaling_min_freq", "1008000");
    assert_int_equal(ergo_linux_knobs_check(knobs, knob_index(knobs, "a55")), ERGO_OK);
    assert_int_equal(knob_level(knobs, "a55"), 1);
    ergo_linux_knobs_close(knobs);
    assert_limits(POLICY "0", 408000, 1800000);
}

/* ---- Permission ---------------------------------------------------------------------------- */

static void be_refused(ergo_linux_knobs *knobs)
{
    size_t count;
    const ergo_linux_finding *found = ergo_linux_knobs_findings(knobs, &count);
    bool said = false;
    for (size_t i = 0; i < count; i++)
        said = said ||
               (strcmp(found[i].what, "cpufreq policy0") == 0 &&
                found[i].status == ERGO_E_PERMISSION && strstr(found[i].advice, "70-ergo.rules") &&
                strstr(found[i].path, POLICY "0/scaling_max_freq"));
    if (!said)
        _exit(1);
    if (turn_knob(knobs, "a55", 0) != ERGO_E_PERMISSION || knob_level(knobs, "a55") != 1)
        _exit(2);
    if (!strstr(knob_heard, "70-ergo.rules"))
        _exit(3);
    ergo_linux_knobs_close(knobs);
}

static void without_permission_knobs_are_listed_and_say_what_would_help(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip(); /* only root can become somebody else */
    assert_int_equal(chmod(knob_tree.root, 0755), 0);
    assert_int_equal(in_child(be_refused, 65534), 0);
    assert_limits(POLICY "0", 408000, 1800000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, knob_tree_begin, knob_tree_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(clocks_have_the_boards_names_and_ascending_levels),
        TEST(levels_end_at_the_administrators_limit),
        TEST(what_is_neither_memory_nor_gpu_is_left_alone_and_said),
        TEST(policies_without_a_list_have_even_steps_and_alike_ones_are_one_clock),
        TEST(core_sets_say_their_threads_and_which_clocks_count),
        TEST(a_clock_is_held_by_both_limits_and_put_back_on_close),
        TEST(the_journal_is_there_before_and_gone_after),
        TEST(without_a_journal_nothing_is_turned),
        TEST(another_writer_is_named_once_and_yielded_to),
        TEST(what_another_wrote_stays_and_the_rest_is_put_back),
        TEST(heat_is_nobody_else),
        TEST(without_permission_knobs_are_listed_and_say_what_would_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
