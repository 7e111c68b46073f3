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

/* ---- Dying --------------------------------------------------------------------------------- */

static ergo_linux_knobs *turned;

static void on_signal(int number)
{
    ergo_linux_knobs_restore_now(turned);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static int signal_sent;

static void turn_and_be_signalled(ergo_linux_knobs *knobs)
{
    turned = knobs;
    (void)signal(signal_sent, on_signal);
    if (turn_knob(knobs, "a55", 3) != ERGO_OK || turn_knob(knobs, "a76-b", 0) != ERGO_OK ||
        turn_knob(knobs, "gpu", 1) != ERGO_OK ||
        tree_number(POLICY "0/scaling_min_freq") != 1800000)
        _exit(98);
    (void)raise(signal_sent);
}

static void signals_put_back_and_still_end_the_process(void **state)
{
    (void)state;
    static const int signals[] = {SIGINT, SIGTERM, SIGSEGV, SIGABRT, SIGHUP};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        signal_sent = signals[i];
        const int status = in_child(turn_and_be_signalled, 0);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), signals[i]);
        assert_limits(POLICY "0", 408000, 1800000);
        assert_limits(POLICY "6", 600000, 1200000);
        assert_limits("sys/class/devfreq/fb000000.gpu-panthor", 300000000, 1000000000);
        ergo_linux_recovery found;
        const ergo_linux_knobs_config c = knob_config();
        assert_int_equal(ergo_linux_knobs_recover(&c, &found), ERGO_OK);
        assert_int_equal(found.journals, 0);
    }
}

static void nothing_is_turned_after_restore_now(void **state)
{
    (void)state;
    ergo_linux_knobs *knobs = open_knobs(0);
    assert_int_equal(turn_knob(knobs, "a55", 3), ERGO_OK);
    ergo_linux_knobs_restore_now(knobs);
    assert_int_equal(turn_knob(knobs, "a55", 3), ERGO_E_STATE);
    assert_limits(POLICY "0", 408000, 1800000);
    ergo_linux_knobs_close(knobs);
}

static void turn_and_be_killed(ergo_linux_knobs *knobs)
{
    if (turn_knob(knobs, "a55", 3) != ERGO_OK || turn_knob(knobs, "a76-b", 0) != ERGO_OK ||
        turn_knob(knobs, "memory", 1) != ERGO_OK)
        _exit(98);
    (void)raise(SIGKILL);
}

static void the_next_start_puts_back_what_a_kill_left(void **state)
{
    (void)state;
    assert_true(WIFSIGNALED(in_child(turn_and_be_killed, 0)));
    assert_limits(POLICY "0", 1800000, 1800000);
    ergo_linux_knobs *knobs = open_knobs(0);
    assert_limits(POLICY "0", 408000, 1800000);
    assert_limits(POLICY "6", 600000, 1200000);
    assert_limits("sys/class/devfreq/dmc", 528000000, 2112000000);
    assert_non_null(strstr(knob_heard, "has died"));
    ergo_linux_knobs_close(knobs);
    ergo_linux_recovery found;
    const ergo_linux_knobs_config c = knob_config();
    assert_int_equal(ergo_linux_knobs_recover(&c, &found), ERGO_OK);
    assert_int_equal(found.journals, 0);
}

static void recover_counts_what_it_put_back(void **state)
{
    (void)state;
    assert_true(WIFSIGNALED(in_child(turn_and_be_killed, 0)));
    ergo_linux_recovery found;
    const ergo_linux_knobs_config c = knob_config();
    assert_int_equal(ergo_linux_knobs_recover(&c, &found), ERGO_OK);
    assert_int_equal(found.journals, 1);
    assert_int_equal(found.restored, 4); /* a55's minimum, both of a76-b, memory's minimum */
    assert_int_equal(found.refused, 0);
}

static void journals_of_another_boot_are_deleted_unused(void **state)
{
    (void)state;
    file_tree_put(&knob_tree, "proc/sys/kernel/random/boot_id", "11111111-aaaa");
    assert_true(WIFSIGNALED(in_child(turn_and_be_killed, 0)));
    file_tree_put(&knob_tree, "proc/sys/kernel/random/boot_id", "22222222-bbbb");
    ergo_linux_recovery found;
    const ergo_linux_knobs_config c = knob_config();
    assert_int_equal(ergo_linux_knobs_recover(&c, &found), ERGO_OK);
    assert_int_equal(found.stale, 1);
    assert_int_equal(found.restored, 0);
    assert_limits(POLICY "0", 1800000, 1800000);
    assert_int_equal(ergo_linux_knobs_recover(&c, &found), ERGO_OK);
    assert_int_equal(found.stale, 0);
}

static void two_processes_do_not_turn_at_once(void **state)
{
    (void)state;
#ifdef ERGO_TEST_EMULATED
    print_message(
        "skipped: the emulator shows a process another start of its own than to others\n");
    skip();
#endif
    int ready[2], done[2];
    char byte = 0;
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(done), 0);
    const pid_t child = fork();
    if (child == 0) {
        ergo_linux_knobs *own = open_knobs(0);
        byte = turn_knob(own, "a55", 3) == ERGO_OK ? 'y' : 'n';
        if (write(ready[1], &byte, 1) != 1 || read(done[0], &byte, 1) != 1)
            _exit(98);
        ergo_linux_knobs_close(own);
        _exit(0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    ergo_linux_knobs *knobs = open_knobs(0);
    assert_limits(POLICY "0", 1800000, 1800000);
    assert_int_equal(turn_knob(knobs, "a76-b", 0), ERGO_E_STATE);
    char holder[32];
    (void)snprintf(holder, sizeof holder, "process %d", (int)child);
    assert_non_null(strstr(knob_heard, holder));
    assert_limits(POLICY "6", 600000, 1200000);
    assert_int_equal(write(done[1], &byte, 1), 1);
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(turn_knob(knobs, "a76-b", 0), ERGO_OK);
    ergo_linux_knobs_close(knobs);
    for (int i = 0; i < 2; i++) {
        (void)close(ready[i]);
        (void)close(done[i]);
    }
}

static void one_process_has_one_set_of_knobs_turned(void **state)
{
    (void)state;
    ergo_linux_knobs *first = open_knobs(0), *second = open_knobs(1);
    assert_int_equal(turn_knob(first, "a55", 0), ERGO_OK);
    assert_int_equal(turn_knob(second, "a55", 1), ERGO_E_STATE);
    ergo_linux_knobs_close(second);
    assert_limits(POLICY "0", 408000, 408000);
    ergo_linux_knobs_close(first);
    assert_limits(POLICY "0", 408000, 1800000);
}

/* ---- Damage -------------------------------------------------------------------------------- */

/* Leaves the journal of a killed process, changed: `from` becomes `to` in it. */
static void damage(const char *from, const char *to)
{
    static char text[4096], changed[4096];
    char path[64] = "";
    const pid_t child = fork();
    if (child == 0) {
        turn_and_be_killed(open_knobs(0));
        _exit(97);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    (void)snprintf(path, sizeof path, "%s", journal_path(child));
    (void)snprintf(text, sizeof text, "%s", tree_text(path));
    char *at = strstr(text, from);
    assert_non_null(at);
    (void)snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, to,
                   at + strlen(from));
    changed[strcspn(changed, "\0") - 1] = '\0'; /* file_tree_put ends the line */
    file_tree_put(&knob_tree, path, changed);
}

static void a_damaged_line_is_refused_and_the_others_count(void **state)
{
    (void)state;
    damage("scaling_min_freq 408000", "scaling_min_freq 999999");
    ergo_linux_recovery found;
    const ergo_linux_knobs_config c = knob_config();
    assert_int_equal(ergo_linux_knobs_recover(&c, &found), ERGO_OK);
    assert_int_equal(found.refused, 1);
    assert_int_equal(tree_number(POLICY "0/scaling_min_freq"), 1800000);
    assert_limits(POLICY "6", 600000, 1200000);
}

static void a_damaged_first_line_puts_nothing_back(void **state)
{
    (void)state;
    damage("ergo-knobs 1", "ergo-knobs 2");
    ergo_linux_recovery found;
    const ergo_linux_knobs_config c = knob_config();
    assert_int_equal(ergo_linux_knobs_recover(&c, &found), ERGO_OK);
    assert_int_equal(found.restored, 0);
    assert_int_equal(found.refused, 1);
    assert_limits(POLICY "6", 408000, 408000);
}

static uint64_t sum_of(const char *line)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *line; line++)
        hash = (hash ^ (unsigned char)*line) * 0x100000001b3u;
    return hash;
}

/* With the right sums, so that nothing but the list of names refuses them. */
static void a_journal_cannot_name_other_files(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "etc/passwd 1",
        "sys/devices/system/cpu/cpufreq/policy0/../../secret 1",
        "sys/devices/system/cpu/cpufreq/policy0/scaling_governor 1",
        "sys/devices/system/cpu/cpufreq/policy/scaling_min_freq 1",
        "sys/class/devfreq/../secret/min_freq 1",
        "sys/class/devfreq/a/b/min_freq 1",
        "/sys/class/devfreq/dmc/min_freq 1",
        "sys/class/devfreq/dmc/min_freq 1x",
        "sys/class/devfreq/dmc/min_freq ",
        "sys/class/devfreq/dmc/min_freq 123456789012345678901",
        "sys/class/devfreq/dmc/min_freq",
    };
    file_tree_put(&knob_tree, "etc/passwd", "root");
    file_tree_put(&knob_tree, "sys/devices/system/secret", "7");
    file_tree_put(&knob_tree, "sys/class/secret/min_freq", "7");
    file_tree_put(&knob_tree, "proc/sys/kernel/random/boot_id", "boot");
    char text[4096], line[256];
    /* No process has started at tick 1 but the first, which is not this one. */
    (void)snprintf(line, sizeof line, "ergo-knobs 1 %d 1 boot", (int)getpid());
    size_t used =
        (size_t)snprintf(text, sizeof text, "%s %016llx", line, (unsigned long long)sum_of(line));
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "\n%s %016llx", lines[i],
                                 (unsigned long long)sum_of(lines[i]));
    file_tree_put(&knob_tree, "run/ergo/1.knobs", text);
    ergo_linux_recovery found;
    const ergo_linux_knobs_config c = knob_config();
    assert_int_equal(ergo_linux_knobs_recover(&c, &found), ERGO_OK);
    assert_int_equal(found.journals, 1);
    assert_int_equal(found.restored, 0);
    assert_int_equal(found.refused, sizeof lines / sizeof *lines);
    assert_string_equal(tree_text("etc/passwd"), "root\n");
    assert_string_equal(tree_text("sys/devices/system/secret"), "7\n");
    assert_string_equal(tree_text("sys/class/secret/min_freq"), "7\n");
    assert_limits("sys/class/devfreq/dmc", 528000000, 2112000000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, knob_tree_begin, knob_tree_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(signals_put_back_and_still_end_the_process),
        TEST(nothing_is_turned_after_restore_now),
        TEST(the_next_start_puts_back_what_a_kill_left),
        TEST(recover_counts_what_it_put_back),
        TEST(journals_of_another_boot_are_deleted_unused),
        TEST(two_processes_do_not_turn_at_once),
        TEST(one_process_has_one_set_of_knobs_turned),
        TEST(a_damaged_line_is_refused_and_the_others_count),
        TEST(a_damaged_first_line_puts_nothing_back),
        TEST(a_journal_cannot_name_other_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
