/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ergo/board.h"
#include "tests/fakes/log_keeper.h"

static _Alignas(ERGO_BLOCK_ALIGN) unsigned char memory[1 << 16];

static ergo_status parse(const char *text, ergo_log log, const ergo_board **out)
{
    const ergo_str string = {text, strlen(text)};
    size_t size = 0;
    ergo_status status = ergo_board_size(string, &log, "my.board", &size);
    if (status == ERGO_OK)
        status = ergo_board_parse(string, &log, "my.board", (ergo_block){memory, size}, out);
    return status;
}

static void a_users_board_is_read_from_text(void **state)
{
    (void)state;
    const ergo_board *board = NULL;
    assert_int_equal(parse("# mine\n"
                           "[board]\n"
                           "name = my-robot   # the second one\n"
                           "compatible = acme,robot-v2 acme,robot\r\n"
                           "[rail BATTERY]\n"
                           "chip = ina226\n"
                           "address = 1-0041\n"
                           "shunt_uohm = 2000\n"
                           "total = yes\n"
                           "[rail MOTOR]\n"
                           "chip=ina3221\n"
                           "channel = 3\n"
                           "within = BATTERY\n"
                           "[clock big]\n"
                           "device = policy4",
                           (ergo_log){0}, &board),
                     ERGO_OK);
    assert_string_equal(board->name, "my-robot");
    assert_string_equal(board->compatible, "acme,robot-v2 acme,robot");
    assert_int_equal(board->rail_count, 2);
    assert_string_equal(board->rails[0].address, "1-0041");
    assert_int_equal(board->rails[0].shunt_uohm, 2000);
    assert_true(board->rails[0].total);
    assert_int_equal(board->rails[1].channel, 3);
    assert_string_equal(board->rails[1].within, "BATTERY");
    assert_int_equal(board->clock_count, 1);
    assert_string_equal(board->clocks[0].device, "policy4");
}

static void what_is_wrong_is_named_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"name = x\n", "my.board:1: outside of any section"},
        {"[board]\nname = x\ncolour = red\n", "my.board:3: unknown key 'colour'"},
        {"[board]\nname = x\n[rail A]\nchannel = two\n", "my.board:4: not a number 'two'"},
        {"[board]\nname = x\n[rail A]\nshunt_uohm = 99999999999\n", "my.board:4"},
        {"[board]\nname = x\n[rail A]\ntotal = maybe\n", "'maybe'"},
        {"[board]\nname = x\n[rail A]\nchip = ina226\naddress = 40\ni2c = yes\n", "not '40'"},
        {"[board]\nname = x\n[rail A]\naddress = 1-0040\ni2c = yes\n", "needs its chip"},
        {"[board]\nname = x\n[engine]\n", "my.board:3: unknown section 'engine'"},
        {"[board]\nname = x\n[rail]\n", "my.board:3: unknown section 'rail'"},
        {"[board\n", "my.board:1: not a section"},
        {"[board]\nname =\n", "my.board:2: no value for 'name'"},
        {"[board]\njust words\n", "my.board:2"},
        {"", "the board has no name"},
        {"[board]\nname = x\n[clock c]\n", "clock 'c' has no device"},
        {"[board]\nname = x\n[rail A]\nwithin = B\n", "'B', which is no rail"},
        {"[board]\nname = x\n[rail A]\ntotal = yes\n[rail B]\nwithin = A\ntotal = yes\n",
         "both cannot be in the total"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        log_keeper keeper = {0};
        const ergo_board *board = NULL;
        assert_int_equal(parse(cases[i].text, log_keeper_log(&keeper), &board), ERGO_E_FORMAT);
        assert_null(board);
        if (!strstr(keeper.text, cases[i].says))
            fail_msg("'%s' does not say '%s'", keeper.text, cases[i].says);
    }
}

static void known_boards_are_found_by_the_most_specific_name(void **state)
{
    (void)state;
    static const char pi5[] = "raspberrypi,5-model-b\0brcm,bcm2712";
    static const char kv260[] = "xlnx,zynqmp-sk-kv260-rev2\0xlnx,zynqmp";
    static const char other[] = "acme,robot-v2\0allwinner,sun50i";
    assert_string_equal(ergo_board_matching((ergo_bytes){pi5, sizeof pi5})->name, "raspberry-pi-5");
    assert_string_equal(ergo_board_matching((ergo_bytes){kv260, sizeof kv260})->name, "kv260");
    assert_string_equal(ergo_board_matching((ergo_bytes){other, sizeof other})->name, "generic");
    assert_string_equal(ergo_board_matching((ergo_bytes){NULL, 0})->name, "generic");
}

static void every_linked_in_board_is_in_order(void **state)
{
    (void)state;
    size_t count;
    const ergo_board *const *boards = ergo_boards(&count);
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(ergo_board_named(boards[i]->name), boards[i]);
        for (size_t r = 0; r < boards[i]->rail_count; r++) {
            const ergo_board_rail *rail = &boards[i]->rails[r];
            bool whole = rail->within[0] == '\0';
            for (size_t k = 0; k < boards[i]->rail_count; k++)
                whole = whole || strcmp(boards[i]->rails[k].name, rail->within) == 0;
            assert_true(whole);
            assert_false(rail->total && rail->within[0] != '\0');
        }
    }
    assert_string_equal(boards[count - 1]->name, "generic");
}

/* The driver believes in 10 mOhm, the shunt has 2: what flows is five times as much. */
static void a_wrong_shunt_is_overridden(void **state)
{
    (void)state;
    static const ergo_board_rail rail = {"BATTERY", "ina226", "1-0041", 0, 2000, "", true, false};
    const ergo_board board = {.name = "x", .rails = &rail, .rail_count = 1};
    ergo_sensor sensors[2] = {
        {.info = {.name = "ina226 1-0040", .chip = "ina226", .device = "1-0040"}},
        {.info =
             {.name = "ina226 1-0041", .chip = "ina226", .device = "1-0041", .shunt_uohm = 10000}},
    };
    assert_true(ergo_board_apply(&board, NULL, sensors, 2) == 2);
    assert_string_equal(sensors[1].info.name, "BATTERY");
    assert_int_equal(sensors[1].true_shunt_uohm, 2000);
    assert_int_equal(sensors[0].true_shunt_uohm, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_users_board_is_read_from_text),
        cmocka_unit_test(what_is_wrong_is_named_with_its_line),
        cmocka_unit_test(known_boards_are_found_by_the_most_specific_name),
        cmocka_unit_test(every_linked_in_board_is_in_order),
        cmocka_unit_test(a_wrong_shunt_is_overridden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
