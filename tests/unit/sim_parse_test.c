/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/log_keeper.h"
#include "tests/fakes/sim_fixture.h"

/* The text of a simulated board, right and wrong. Line numbers are those of sim_fixture.c. */

static sim_fixture fixture;

static ergo_status open_text(const char *text, log_keeper *keeper)
{
    const ergo_str string = {text, strlen(text)};
    const ergo_log log = log_keeper_log(keeper);
    size_t size = 0;
    fixture.sim = NULL;
    const ergo_status status = ergo_sim_size(string, &log, "my.board", &size);
    if (status != ERGO_OK)
        return status;
    assert_true(size <= sizeof fixture.memory);
    return ergo_sim_open(string, &log, "my.board", (ergo_block){fixture.memory, size},
                         &fixture.sim);
}

static void refuses(const char *text, const char *says)
{
    log_keeper keeper = {.lines = 0};
    const ergo_status status = open_text(text, &keeper);
    if (status != ERGO_E_FORMAT || !strstr(keeper.text, says) || keeper.lines != 1)
        fail_msg("status %d, '%s' does not say '%s'", status, keeper.text, says);
    assert_null(fixture.sim);
}

static const struct {
    const char *key, *value, *says;
} values[] = {
    {"board_uw", "1.5", "my.board:3: not a number '1.5'"},
    {"board_uw", "-1", "my.board:3: board_uw = -1: allowed is 0 to 1000000000"},
    {"board_uw", "1000000001", "my.board:3: board_uw = 1000000001"},
    {"board_uw", "99999999999999999999999", "my.board:3: board_uw = 9999"},
    {"board_uw", "", "my.board:3: no value for 'board_uw'"},
    {"board_uw", "1 2", "my.board:3: not a number '1 2'"},
    {"board_uw", "0x10", "my.board:3: not a number"},
    {"launch_ns", "1e3", "my.board:4: not a number"},
    {"switch_us", "10000001", "my.board:5: switch_us"},
    {"seed", "-7", "my.board:6: seed = -7"},
    {"kind", "npu", "my.board:8: kind is cpu or gpu, not 'npu'"},
    {"cores", "0", "my.board:9: cores = 0: allowed is 1 to 4096"},
    {"opp_khz", "500000 500000 2000000", "my.board:10: not ascending: 'opp_khz'"},
    {"opp_khz", "500000 2000000 1000000", "my.board:10: not ascending: 'opp_khz'"},
    {"opp_khz", "0 1 2", "my.board:10: opp_khz = 0: allowed is 1 to"},
    {"opp_khz", "1000, 2000, 3000", "my.board:10: not a number '1000,'"},
    {"opp_uv", "800000 1000000", "my.board:11: opp_uv has 2 numbers, must have 3"},
    {"opp_uv", "800000 1000000 1 1", "my.board:11: opp_uv has 4 numbers"},
    {"macs_per_kcycle", "0", "my.board:12: macs_per_kcycle = 0"},
    {"bytes_per_kcycle", "0", "my.board:13: bytes_per_kcycle = 0"},
    {"cap_pf", "-1", "my.board:14: cap_pf"},
    {"leak_uw_per_v2", "x", "my.board:15: not a number 'x'"},
    {"stall_percent", "101", "my.board:16: stall_percent = 101: allowed is 0 to 100"},
    {"level_khz", "5 5", "my.board:18: not ascending: 'level_khz'"},
    {"bandwidth_mb_s", "1", "my.board:19: bandwidth_mb_s has 1 numbers, must have 2"},
    {"bandwidth_mb_s", "0 1", "my.board:19: bandwidth_mb_s = 0"},
    {"static_uw", "1 2 3", "my.board:20: static_uw has 3 numbers"},
    {"fj_per_byte", "1", "my.board:21: fj_per_byte has 1 numbers"},
    {"ambient_mc", "200001", "my.board:23: ambient_mc"},
    {"start_mc", "-100001", "my.board:24: start_mc"},
    {"r_mc_per_w", "-5", "my.board:25: r_mc_per_w"},
    {"tau_ms", "0", "my.board:26: tau_ms = 0"},
    {"trip_mc", "hot", "my.board:27: not a number 'hot'"},
    {"hysteresis_mc", "-1", "my.board:28: hysteresis_mc"},
    {"leak_ppm_per_mc", "1001", "my.board:29: leak_ppm_per_mc"},
    {"scope", "all", "my.board:31: scope is total, memory or cluster NAME, not 'all'"},
    {"scope", "total big", "my.board:31: scope is"},
    {"scope", "cluster", "my.board:31: scope is"},
    {"scope", "cluster huge", "my.board:31: there is no cluster 'huge'"},
    {"scope", "memory", "my.board: no sensor has the scope 'total'"},
    {"period_us", "0", "my.board:32: period_us = 0"},
    {"lsb_uw", "0", "my.board:33: lsb_uw = 0"},
    {"noise_uw", "-1", "my.board:34: noise_uw"},
    {"use", "big", "my.board:36: not CLUSTER:THREADS: 'big'"},
    {"use", "small:1", "my.board:36: there is no cluster 'small'"},
    {"use", "big:3", "my.board:36: threads = 3: allowed is 1 to 2"},
    {"use", "big:0", "my.board:36: threads = 0"},
    {"use", "big:", "my.board:36: not a number ''"},
    {"use", "big:1 big:1", "my.board:36: twice in one core set: 'big:1'"},
    {"at_ms", "x ambient 1", "my.board:40: not a number 'x'"},
    {"at_ms", "-1 ambient 1", "my.board:40: at_ms = -1"},
    {"at_ms", "5", "my.board:40: unknown fault"},
    {"at_ms", "5 ambient", "my.board:40: unknown fault"},
    {"at_ms", "5 ambient cold", "my.board:40: not a number 'cold'"},
    {"at_ms", "5 ambient 1 2", "my.board:40: unknown fault"},
    {"at_ms", "5 sensor VIN burns 3", "my.board:40: unknown fault"},
    {"at_ms", "5 sensor V stuck 3", "my.board:40: there is no sensor 'V'"},
    {"at_ms", "5 sensor VIN stuck", "my.board:40: unknown fault"},
    {"at_ms", "5 sensor VIN stuck 3 4", "my.board:40: unknown fault"},
    {"at_ms", "5 cluster VIN denied 3", "my.board:40: there is no cluster 'VIN'"},
    {"at_ms", "5 cluster big denied -3", "my.board:40: denied = -3"},
    {"at_ms", "5 cluster big writer 3", "my.board:40: writer = 3: allowed is 500000 to"},
    {"at_ms", "5 cluster big writer 600000", "my.board:40: no clock of this cluster"},
    {"[cores two]", "x", "my.board:37: not a section"},
};

static void what_is_wrong_with_a_value_is_named_with_its_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        const char *const changes[] = {values[i].key, values[i].value, NULL};
        refuses(sim_fixture_text(changes), values[i].says);
    }
}

static void every_key_is_needed_once(void **state)
{
    (void)state;
    static const struct {
        const char *key, *section;
    } keys[] = {
        {"name", "1: section [board]"},
        {"board_uw", "1: section [board]"},
        {"launch_ns", "1: section [board]"},
        {"switch_us", "1: section [board]"},
        {"seed", "1: section [board]"},
        {"kind", "7: section [cluster]"},
        {"cores", "7: section [cluster]"},
        {"opp_khz", "7: section [cluster]"},
        {"opp_uv", "7: section [cluster]"},
        {"macs_per_kcycle", "7: section [cluster]"},
        {"bytes_per_kcycle", "7: section [cluster]"},
        {"cap_pf", "7: section [cluster]"},
        {"leak_uw_per_v2", "7: section [cluster]"},
        {"stall_percent", "7: section [cluster]"},
        {"level_khz", "17: section [memory]"},
        {"bandwidth_mb_s", "17: section [memory]"},
        {"static_uw", "17: section [memory]"},
        {"fj_per_byte", "17: section [memory]"},
        {"ambient_mc", "22: section [thermal]"},
        {"start_mc", "22: section [thermal]"},
        {"r_mc_per_w", "22: section [thermal]"},
        {"tau_ms", "22: section [thermal]"},
        {"trip_mc", "22: section [thermal]"},
        {"hysteresis_mc", "22: section [thermal]"},
        {"leak_ppm_per_mc", "22: section [thermal]"},
        {"scope", "30: section [sensor]"},
        {"period_us", "30: section [sensor]"},
        {"lsb_uw", "30: section [sensor]"},
        {"noise_uw", "30: section [sensor]"},
        {"use", "35: section [cores]"},
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char says[96], twice[96];
        const char *const missing[] = {keys[i].key, NULL, NULL};
        (void)snprintf(says, sizeof says, "%s has no key '%s'", keys[i].section, keys[i].key);
        refuses(sim_fixture_text(missing), says);
        const char *good = strcmp(keys[i].key, "kind") == 0    ? "cpu"
                           : strcmp(keys[i].key, "use") == 0   ? "big:1"
                           : strcmp(keys[i].key, "scope") == 0 ? "total"
                                                               : "2";
        (void)snprintf(twice, sizeof twice, "%s\n%s = 1", good, keys[i].key);
        const char *const doubled[] = {keys[i].key, twice, NULL};
        (void)snprintf(says, sizeof says, "a second '%s'", keys[i].key);
        refuses(sim_fixture_text(doubled), says);
    }
}

static void sections_are_what_they_must_be(void **state)
{
    (void)state;
    static const struct {
        const char *more, *says; /* at the end of a good text */
    } cases[] = {
        {"[engine]", "my.board:41: unknown section 'engine'"},
        {"[cluster]", "my.board:41: no name in section 'cluster'"},
        {"[cluster a b]", "my.board:41: a name is one word"},
        {"[cores a:b]", "my.board:41: a name is one word"},
        {"[cluster big]", "my.board:41: a second section of the name 'big'"},
        {"[sensor VIN]", "my.board:41: a second section of the name 'VIN'"},
        {"[cores one]", "my.board:41: a second section of the name 'one'"},
        {"[board]", "my.board:41: a second section 'board'"},
        {"[memory]", "my.board:41: a second section 'memory'"},
        {"[thermal]", "my.board:41: a second section 'thermal'"},
        {"[memory fast]", "my.board:41: this section has no name: 'fast'"},
        {"[cluster abcdefghijklmnopqrstuvwxyz0123456789]", "my.board:41: name too long"},
        {"[memory", "my.board:41: not a section"},
        {"[]", "my.board:41: not a section"},
        {"[ ]", "my.board:41: not a section"},
        {"colour = 3", "my.board:41: unknown key 'colour'"},
        {"= 3", "my.board:41: unknown key ''"},
        {"words", "my.board:41: neither a section nor key = value: 'words'"},
        {"[sensor W]\nscope = total\nperiod_us = 1\nlsb_uw = 1\nnoise_uw = 0",
         "my.board:42: a second sensor of the total: 'W'"},
        {"[sensor temperature]\nscope = memory\nperiod_us = 1\nlsb_uw = 1\nnoise_uw = 0",
         "my.board:41: another sensor is called 'temperature'"},
        {"[cluster memory]\nkind = cpu\ncores = 1\nopp_khz = 1\nopp_uv = 1\nmacs_per_kcycle = 1\n"
         "bytes_per_kcycle = 1\ncap_pf = 1\nleak_uw_per_v2 = 1\nstall_percent = 1",
         "my.board:41: another knob is called 'memory'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[8192];
        (void)snprintf(text, sizeof text, "%s%s\n", sim_fixture_text(NULL), cases[i].more);
        refuses(text, cases[i].says);
    }
    refuses("", "my.board: the board has no cluster");
    refuses("name = x\n", "my.board:1: outside of any section");
}

static void whole_sections_are_missed(void **state)
{
    (void)state;
    static const struct {
        const char *first, *next, *says;
    } cases[] = {
        {"[board]", "[cluster", "my.board: there is no section [board]"},
        {"[memory]", "[thermal", "my.board: there is no section [memory]"},
        {"[thermal]", "[sensor", "my.board: there is no section [thermal]"},
        {"[sensor", "[cores", "my.board: the board has no sensor"},
        {"[cores", "[fault", "my.board: the board has no core set"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[8192];
        (void)snprintf(text, sizeof text, "%s", sim_fixture_text(NULL));
        char *from = strstr(text, cases[i].first);
        assert_non_null(from);
        const char *to = strstr(from, cases[i].next);
        assert_non_null(to);
        memmove(from, to, strlen(to) + 1);
        refuses(text, cases[i].says);
    }
}

static void more_than_there_can_be_is_refused(void **state)
{
    (void)state;
    static char text[64 * 1024];
    log_keeper keeper = {.lines = 0};
    size_t used = (size_t)snprintf(text, sizeof text, "%s", sim_fixture_text(NULL));
    for (int i = 0; i < 1024; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "at_ms = 1 ambient 1\n");
    assert_int_equal(open_text(text, &keeper), ERGO_E_LIMIT);
    assert_non_null(strstr(keeper.text, "1025 faults"));
    static const char *const long_list[] = {
        "opp_khz",
        "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 "
        "30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 "
        "56 57 58 59 60 61 62 63 64 65",
        NULL};
    refuses(sim_fixture_text(long_list), "my.board:10: more than 64 numbers in 'opp_khz'");
    used = 0;
    for (int i = 0; i < 9; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "[cluster c%d]\n", i);
    assert_int_equal(open_text(text, &keeper), ERGO_E_LIMIT);
}

static void blanks_comments_and_line_ends_do_not_matter(void **state)
{
    (void)state;
    static char text[16384];
    size_t used = 0;
    for (const char *at = sim_fixture_text(NULL); *at; at++) {
        const char c[2] = {*at, '\0'};
        used += (size_t)snprintf(text + used, sizeof text - used, "%s",
                                 c[0] == '\n'  ? "  # said\r\n\t\r\n"
                                 : c[0] == '=' ? "\t=  "
                                               : c);
    }
    log_keeper keeper = {.lines = 0};
    assert_int_equal(open_text(text, &keeper), ERGO_OK);
    assert_string_equal(ergo_sim_name(fixture.sim), "round");
}

static void too_little_memory_is_refused(void **state)
{
    (void)state;
    const char *text = sim_fixture_text(NULL);
    const ergo_str string = {text, strlen(text)};
    ergo_sim *sim = NULL;
    size_t size = 0;
    assert_int_equal(ergo_sim_size(string, NULL, "my.board", &size), ERGO_OK);
    assert_int_equal(
        ergo_sim_open(string, NULL, "my.board", (ergo_block){fixture.memory, size - 1}, &sim),
        ERGO_E_MEMORY);
    assert_null(sim);
}

/* Opens every board of a folder; returns how many. */
static unsigned open_folder(const char *path)
{
    DIR *folder = opendir(path);
    unsigned count = 0;
    if (!folder)
        return 0;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        static char text[65536], file[4096];
        if (!strstr(entry->d_name, ".board"))
            continue;
        (void)snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        FILE *in = fopen(file, "rb");
        assert_non_null(in);
        text[fread(text, 1, sizeof text - 1, in)] = '\0';
        (void)fclose(in);
        log_keeper keeper = {.lines = 0};
        if (open_text(text, &keeper) != ERGO_OK)
            fail_msg("%s: %s", file, keeper.text);
        assert_true(ergo_sim_point_count(fixture.sim) > 0);
        count++;
    }
    closedir(folder);
    return count;
}

static void the_boards_that_are_shipped_open(void **state)
{
    (void)state;
    assert_true(open_folder(ERGO_SOURCE_DIR "/ports/sim/boards") >= 4);
}

static void the_shared_boards_open(void **state)
{
    (void)state;
    if (open_folder(ERGO_SOURCE_DIR "/../shared/boards") == 0) {
        print_message("no shared boards: skipped\n");
        skip();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_with_a_value_is_named_with_its_line),
        cmocka_unit_test(every_key_is_needed_once),
        cmocka_unit_test(sections_are_what_they_must_be),
        cmocka_unit_test(whole_sections_are_missed),
        cmocka_unit_test(more_than_there_can_be_is_refused),
        cmocka_unit_test(blanks_comments_and_line_ends_do_not_matter),
        cmocka_unit_test(too_little_memory_is_refused),
        cmocka_unit_test(the_boards_that_are_shipped_open),
        cmocka_unit_test(the_shared_boards_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
