/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fakes/knob_tree.h"

/*
 * Plain files take whatever is written. Drivers do not: this one, which sees every write of the
 * program (the linker puts it in the place of write and pwrite), refuses a minimum above the
 * maximum as kernels before 5.4 do, rounds to its own steps, clamps, fails, or takes its time.
 */

#define POLICY TREE_POLICY

static struct {
    bool strict;            /* EINVAL where min > max */
    unsigned long long cap; /* 0: none; both limits are lowered to it */
    int fail_min;           /* errno of writes to a minimum; 0: none */
    int late;               /* reads until a new minimum is in force */
    uint32_t refused, written;
    int waiting; /* reads still to come */
    char late_path[512], late_text[32];
} driver;

static int begin(void **state)
{
    memset(&driver, 0, sizeof driver);
    return knob_tree_begin(state);
}

static void put(const char *path, unsigned long long value)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fprintf(file, "%llu\n", value) > 0);
    assert_int_equal(fclose(file), 0);
}

static unsigned long long get(const char *path)
{
    char text[32] = "";
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    const bool got = fgets(text, sizeof text, file) != NULL;
    assert_int_equal(fclose(file), 0);
    return got ? strtoull(text, NULL, 10) : 0;
}

/* The path of a file of limits, and of its other limit; false for any other file. */
static bool is_limit(int fd, char path[512], char other[512], bool *is_min)
{
    char link[64];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t got = readlink(link, path, 511);
    path[got > 0 ? got : 0] = '\0';
    char *name = strrchr(path, '/');
    char *at = name ? strstr(name, "m") : NULL;
    if (!at || !(strstr(name, "min_freq") || strstr(name, "max_freq")))
        return false;
    memcpy(other, path, 512);
    char *min = strstr(name, "min_freq");
    *is_min = min != NULL;
    char *where = other + ((min ? min : strstr(name, "max_freq")) - path);
    memcpy(where, min ? "max" : "min", 3);
    return true;
}

ssize_t __wrap_write(int fd, const void *data, size_t size);
ssize_t __wrap_pwrite(int fd, const void *data, size_t size, off_t at);
ssize_t __wrap_pwrite64(int fd, const void *data, size_t size, off_t at);
ssize_t __wrap_pread(int fd, void *data, size_t size, off_t at);
ssize_t __wrap_pread64(int fd, void *data, size_t size, off_t at);

/* What the driver makes of a write: true when it was one of a limit, with the answer. */
static bool drive(int fd, const void *data, size_t size, ssize_t *answer)
{
    char path[512], other[512], text[32] = "";
    bool is_min;
    if (!is_limit(fd, path, other, &is_min) || size >= sizeof text)
        return false;
    memcpy(text, data, size);
    unsigned long long value = strtoull(text, NULL, 10);
    const unsigned long long beside = get(other);
    driver.written++;
    *answer = (ssize_t)size;
    if (is_min && driver.fail_min != 0) {
        errno = driver.fail_min;
        *answer = -1;
    } else if (driver.strict && (is_min ? value > beside : value < beside)) {
        driver.refused++;
        errno = EINVAL;
        *answer = -1;
    } else if (is_min && driver.late > 0) {
        driver.waiting = driver.late;
        (void)snprintf(driver.late_path, sizeof driver.late_path, "%s", path);
        (void)snprintf(driver.late_text, sizeof driver.late_text, "%llu", value);
    } else {
        put(path, driver.cap > 0 && value > driver.cap ? driver.cap : value);
    }
    return true;
}

/* Other files are written and read by calls that the linker leaves alone. */
static struct iovec piece(const void *data, size_t size)
{
    return (struct iovec){(void *)(uintptr_t)data, size};
}

ssize_t __wrap_write(int fd, const void *data, size_t size)
{
    const struct iovec all = piece(data, size);
    ssize_t answer;
    return drive(fd, data, size, &answer) ? answer : writev(fd, &all, 1);
}

ssize_t __wrap_pwrite(int fd, const void *data, size_t size, off_t at)
{
    const struct iovec all = piece(data, size);
    ssize_t answer;
    return drive(fd, data, size, &answer) ? answer : pwritev(fd, &all, 1, at);
}

ssize_t __wrap_pwrite64(int fd, const void *data, size_t size, off_t at)
{
    return __wrap_pwrite(fd, data, size, at);
}

ssize_t __wrap_pread(int fd, void *data, size_t size, off_t at)
{
    if (driver.waiting > 0 && --driver.waiting == 0)
        put(driver.late_path, strtoull(driver.late_text, NULL, 10));
    const struct iovec all = piece(data, size);
    return preadv(fd, &all, 1, at);
}

ssize_t __wrap_pread64(int fd, void *data, size_t size, off_t at)
{
    return __wrap_pread(fd, data, size, at);
}

/* ---- Order --------------------------------------------------------------------------------- */

static void no_write_ever_asks_for_a_minimum_above_the_maximum(void **state)
{
    (void)state;
    static const uint32_t levels[] = {3, 0, 2, 1, 3, 1};
    driver.strict = true;
    ergo_linux_knobs *knobs = open_knobs(0);
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        assert_int_equal(turn_knob(knobs, "a55", levels[i]), ERGO_OK);
        assert_int_equal(knob_level(knobs, "a55"), levels[i]);
    }
    assert_int_equal(turn_knob(knobs, "a76-b", 0), ERGO_OK); /* below its first minimum */
    assert_int_equal(turn_knob(knobs, "memory", 1), ERGO_OK);
    ergo_linux_knobs_close(knobs);
    assert_int_equal(driver.refused, 0);
    assert_true(driver.written >= 2 * 8);
    assert_limits(POLICY "0", 408000, 1800000);
    assert_limits(POLICY "6", 600000, 1200000);
    assert_limits("sys/class/devfreq/dmc", 528000000, 2112000000);
}

static void turn_low_and_be_killed(ergo_linux_knobs *knobs)
{
    if (turn_knob(knobs, "a76-b", 0) != ERGO_OK || turn_knob(knobs, "a55", 3) != ERGO_OK)
        _exit(98);
    (void)raise(SIGKILL);
}

/* The journal names the minimum first, which such a driver refuses while the maximum is below. */
static void recovery_finds_the_order_that_a_strict_driver_takes(void **state)
{
    (void)state;
    driver.strict = true;
    assert_true(WIFSIGNALED(in_child(turn_low_and_be_killed, 0)));
    assert_limits(POLICY "6", 408000, 408000);
    ergo_linux_recovery found;
    const ergo_linux_knobs_config c = knob_config();
    assert_int_equal(ergo_linux_knobs_recover(&c, &found), ERGO_OK);
    assert_int_equal(found.refused, 0);
    assert_limits(POLICY "6", 600000, 1200000);
    assert_limits(POLICY "0", 408000, 1800000);
}

/* ---- What drivers make of it --------------------------------------------------------------- */

static void a_silent_clamp_is_read_back_said_once_and_no_other_writer(void **state)
{
    (void)state;
    driver.cap = 1416000;
    ergo_linux_knobs *knobs = open_knobs(0);
    assert_int_equal(turn_knob(knobs, "a55", 3), ERGO_OK);
    assert_int_equal(knob_level(knobs, "a55"), 2);
    assert_int_equal(ergo_linux_knobs_check(knobs, knob_index(knobs, "a55")), ERGO_OK);
    assert_int_equal(turn_knob(knobs, "a55", 3), ERGO_OK);
    const char *said = strstr(knob_heard, "asked for 1800000, the driver made it 1416000");
    assert_non_null(said);
    assert_null(strstr(said + 1, "asked for"));
    driver.cap = 0;
    ergo_linux_knobs_close(knobs);
    assert_limits(POLICY "0", 408000, 1800000);
}

static void a_limit_that_is_applied_late_is_waited_for(void **state)
{
    (void)state;
    ergo_linux_knobs *knobs = open_knobs(0);
    driver.late = 6;
    assert_int_equal(turn_knob(knobs, "a55", 3), ERGO_OK);
    assert_limits(POLICY "0", 1800000, 1800000);
    assert_null(strstr(knob_heard, "asked for"));
    driver.late = 0;
    ergo_linux_knobs_close(knobs);
    assert_limits(POLICY "0", 408000, 1800000);
}

static void what_fails_half_way_is_as_it_was(void **state)
{
    (void)state;
    ergo_linux_knobs *knobs = open_knobs(0);
    driver.fail_min = EIO;
    assert_int_equal(turn_knob(knobs, "a55", 1), ERGO_E_IO);
    assert_limits(POLICY "0", 408000, 1800000);
    driver.fail_min = 0;
    assert_int_equal(turn_knob(knobs, "a55", 1), ERGO_OK);
    assert_limits(POLICY "0", 1008000, 1008000);
    driver.fail_min = EBUSY;
    assert_int_equal(turn_knob(knobs, "a55", 3), ERGO_E_STATE);
    assert_limits(POLICY "0", 1008000, 1008000);
    driver.fail_min = 0;
    assert_int_equal(ergo_linux_knobs_check(knobs, knob_index(knobs, "a55")), ERGO_OK);
    ergo_linux_knobs_close(knobs);
    assert_limits(POLICY "0", 408000, 1800000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, knob_tree_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_write_ever_asks_for_a_minimum_above_the_maximum),
        TEST(recovery_finds_the_order_that_a_strict_driver_takes),
        TEST(a_silent_clamp_is_read_back_said_once_and_no_other_writer),
        TEST(a_limit_that_is_applied_late_is_waited_for),
        TEST(what_fails_half_way_is_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
