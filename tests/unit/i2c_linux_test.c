/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ergo/linux.h"
#include "tests/fakes/file_tree.h"
#include "tests/fakes/log_keeper.h"

/* What can be shown without a bus: nothing is opened that is none, and the log says why. */

static _Alignas(ERGO_BLOCK_ALIGN) unsigned char memory[256];
static file_tree tree;
static log_keeper keeper;

static ergo_status open_chip(uint32_t bus, uint8_t address, size_t bytes)
{
    keeper = (log_keeper){0};
    const ergo_linux_i2c_config config = {
        .log = log_keeper_log(&keeper), .root = tree.root, .bus = bus, .address = address};
    ergo_linux_i2c *i2c = NULL;
    const ergo_status status = ergo_linux_i2c_open(&config, (ergo_block){memory, bytes}, &i2c);
    assert_null(i2c);
    assert_int_equal(keeper.lines, 1);
    return status;
}

static void a_bus_that_is_not_there_is_named(void **state)
{
    (void)state;
    assert_int_equal(open_chip(7, 0x40, sizeof memory), ERGO_E_NOT_FOUND);
    assert_non_null(strstr(keeper.text, "/dev/i2c-7"));
    assert_non_null(strstr(keeper.text, "0x40"));
}

static void a_file_that_is_no_bus_is_refused(void **state)
{
    (void)state;
    file_tree_put(&tree, "dev/i2c-1", "no bus");
    assert_int_equal(open_chip(1, 0x40, sizeof memory), ERGO_E_IO);
    assert_non_null(strstr(keeper.text, "/dev/i2c-1"));
}

/* 0x00 .. 0x07 and 0x78 .. 0x7f have other meanings on the bus. */
static void addresses_of_no_device_are_refused(void **state)
{
    (void)state;
    assert_int_equal(open_chip(1, 0x07, sizeof memory), ERGO_E_ARGUMENT);
    assert_non_null(strstr(keeper.text, "0x07"));
    assert_int_equal(open_chip(1, 0x78, sizeof memory), ERGO_E_ARGUMENT);
}

static void too_little_memory_is_said(void **state)
{
    (void)state;
    assert_true(ergo_linux_i2c_size() <= sizeof memory);
    assert_int_equal(open_chip(1, 0x40, 0), ERGO_E_MEMORY);
}

static int begin(void **state)
{
    (void)state;
    file_tree_begin(&tree);
    return 0;
}

static int end(void **state)
{
    (void)state;
    file_tree_end(&tree);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bus_that_is_not_there_is_named),
        cmocka_unit_test(a_file_that_is_no_bus_is_refused),
        cmocka_unit_test(addresses_of_no_device_are_refused),
        cmocka_unit_test(too_little_memory_is_said),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
