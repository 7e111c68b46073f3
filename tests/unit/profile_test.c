/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ergo/profile.h"
#include "tests/fakes/log_keeper.h"

static _Alignas(ERGO_BLOCK_ALIGN) unsigned char memory[1 << 16];

static ergo_status load(const char *text, size_t length, ergo_log log, const ergo_profile **out)
{
    const ergo_str string = {text, length};
    size_t size = 0;
    const ergo_status status = ergo_profile_size(string, &log, "my.profile", &size);
    if (status != ERGO_OK)
        return status;
    assert_true(size <= sizeof memory);
    assert_int_equal(
        ergo_profile_load(string, &log, "my.profile", (ergo_block){memory, size - 1}, out),
        ERGO_E_MEMORY);
    return ergo_profile_load(string, &log, "my.profile", (ergo_block){memory, size}, out);
}

static const char example[] =
    "# ergo profile, version 1\n"
    "[profile]\n"
    "board = pi5-like\n"
    "model = Qwen2.5 0.5B\n"
    "hash = 00c0ffee00c0ffee\n"
    "quant = Q4_0\n"
    "backend = cpu\n"
    "\n"
    "[knob a76]\n"
    "kind = clock\n"
    "level = 1500000\n"
    "level = 2400000\n"
    "\n"
    "[knob cores]\n"
    "kind = cores\n"
    "level = 1 uses 1 name one\n"
    "level = 4 uses 1 name quad\n"
    "\n"
    "[work]\n"
    "phase = decode\n"
    "batch = 1\n"
    "context = 512\n"
    "tokens = 1\n"
    "macs = 494000000\n"
    "weight_bytes = 278000000\n"
    "kv_bytes = 6300000\n"
    "activation_bytes = 400000\n"
    "point = 1 1 ns 38000000 +- 20000 nj 259000001 +- 9 windows 4 age 60\n"
    "point = 0 1 ns 48000000 +- 20000 nj 239000000 +- 9 windows 1 age 0\n"
    "\n"
    "[work]\n"
    "phase = prefill\n"
    "batch = 1\n"
    "context = 9223372036\n"
    "tokens = 1\n";

/* Without the last two lines of the example, which is broken on purpose. */
static size_t good_size(void)
{
    return (size_t)(strstr(example, "\n[work]\nphase = prefill") - example);
}

static void a_profile_is_read(void **state)
{
    (void)state;
    const ergo_profile *p = NULL;
    assert_int_equal(load(example, good_size(), (ergo_log){0}, &p), ERGO_OK);
    assert_string_equal(p->key.model, "Qwen2.5 0.5B");
    assert_true(p->key.model_hash == 0x00c0ffee00c0ffeeu);
    assert_int_equal(p->knob_count, 2);
    assert_string_equal(p->knobs[1].levels[1].name, "quad");
    assert_int_equal(p->knobs[1].levels[1].uses, 1);
    assert_int_equal(p->knobs[0].levels[1].value, 2400000);
    assert_int_equal(p->work_count, 1);
    assert_int_equal(p->works[0].work.macs, 494000000);
    assert_int_equal(p->works[0].point_count, 2);
    assert_int_equal(p->works[0].points[0].nj, 259000001);
    assert_int_equal(p->works[0].points[1].level[0], 0);
}

static void what_is_saved_loads_the_same_and_back(void **state)
{
    (void)state;
    const ergo_profile *p = NULL;
    char text[4096];
    size_t length = 0;
    assert_int_equal(load(example, good_size(), (ergo_log){0}, &p), ERGO_OK);
    assert_int_equal(ergo_profile_save(p, NULL, 0, &length), ERGO_OK);
    assert_int_equal(length, good_size());
    assert_int_equal(ergo_profile_save(p, text, sizeof text, &length), ERGO_OK);
    assert_memory_equal(text, example, length);
    memset(text, 'x', sizeof text);
    assert_int_equal(ergo_profile_save(p, text, 100, &length), ERGO_OK);
    assert_int_equal(length, good_size());
    assert_memory_equal(text, example, 100);
    assert_int_equal(text[100], 'x');
}

/* Every line is replaced in turn by something that is wrong there. */
static void what_is_wrong_is_named_with_its_line(void **state)
{
    (void)state;
    const char *const wrong[][3] = {
        {"version 1", "version 2", ":1: another version"},
        {"# ergo profile", "# other profile", ":1: does not begin"},
        {"[profile]", "[profil]", ":2: unknown section 'profil'"},
        {"[profile]", "[profile x]", ":2: a section without a name has one: 'x'"},
        {"board = ", "bored = ", ":3: unknown key 'bored'"},
        {"00c0ffee00c0ffee", "00c0ffee", ":5: not 16 hexadecimal digits"},
        {"quant = Q4_0", "quant = ABCDEFGHIJKLMNOP", ":6: too long"},
        {"quant = Q4_0", "board = x", ":6: given twice"},
        {"[knob cores]", "[knob a76]", ":14: this knob was there before"},
        {"kind = clock", "kind = clocks", ":10: unknown kind"},
        {"level = 1500000", "level = 9999999999", ":11: level = 9999999999: allowed is"},
        {"level = 1 uses 1 name one", "level = 1 use 1", ":16: not part of a level: 'use'"},
        {"phase = decode", "phase = idle", ":20: neither prefill nor decode"},
        {"context = 512", "context = -1", ":22: context = -1: allowed is 0 to 4294967295"},
        {"point = 0 1 ns", "point = 0 2 ns", ":29: point = 2: allowed is 0 to 1"},
        {"point = 0 1 ns", "point = 0 ns", ":29: not a number 'ns'"},
        {"nj 239000000", "uj 239000000", ":29: no 'nj' where one belongs"},
        {"windows 1 age 0", "windows 1", ":29: no 'age' where one belongs"},
        {"windows 1 age 0", "windows 1 age 0 0", ":29: too much in a point: '0'"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char text[4096];
        const char *at = strstr(example, wrong[i][0]);
        assert_non_null(at);
        const int n = snprintf(
            text, sizeof text, "%.*s%s%.*s", (int)(at - example), example, wrong[i][1],
            (int)(example + good_size() - at) - (int)strlen(wrong[i][0]), at + strlen(wrong[i][0]));
        log_keeper keeper = {0};
        const ergo_profile *p = NULL;
        assert_true(load(text, (size_t)n, log_keeper_log(&keeper), &p) < 0);
        if (!strstr(keeper.text, wrong[i][2]))
            fail_msg("'%s': %s", wrong[i][1], keeper.text);
        assert_int_equal(keeper.lines, 1);
        assert_null(p);
    }
    log_keeper keeper = {0};
    const ergo_profile *p = NULL;
    assert_int_equal(load(example, sizeof example - 1, log_keeper_log(&keeper), &p), ERGO_E_FORMAT);
    assert_non_null(strstr(keeper.text, ":34: context"));
}

/* Any text cut anywhere, or with any byte changed, is read or refused, and what is read is saved
 * and read again. */
static void damaged_texts_do_no_harm(void **state)
{
    (void)state;
    for (size_t i = 0; i < good_size(); i++)
        for (int change = 0; change < 4; change++) {
            char text[4096], again[4096];
            static const char put[] = "9\n =";
            memcpy(text, example, good_size());
            text[i] = put[change];
            const ergo_profile *p = NULL;
            size_t length = 0;
            if (load(text, good_size(), (ergo_log){0}, &p) != ERGO_OK)
                continue;
            if (ergo_profile_save(p, again, sizeof again, &length) != ERGO_OK)
                continue; /* a knob without levels */
            assert_int_equal(load(again, length, (ergo_log){0}, &p), ERGO_OK);
            assert_int_equal(ergo_profile_save(p, text, sizeof text, &length), ERGO_OK);
            assert_memory_equal(text, again, length);
        }
    for (size_t size = 0; size < good_size(); size++) {
        const ergo_profile *p = NULL;
        (void)load(example, size, (ergo_log){0}, &p);
    }
}

static void a_profile_that_would_not_load_is_not_saved(void **state)
{
    (void)state;
    size_t length;
    ergo_profile p = {.key = {.board = "two\nlines"}};
    assert_int_equal(ergo_profile_save(&p, NULL, 0, &length), ERGO_E_ARGUMENT);
    const ergo_point point = {.level = {1}};
    const ergo_knob_level level = {.value = 1};
    const ergo_profile_knob knob = {.name = "a", .levels = &level, .level_count = 1};
    const ergo_profile_work work = {.phase = ERGO_PHASE_DECODE, .points = &point, .point_count = 1};
    p = (ergo_profile){.knobs = &knob, .knob_count = 1, .works = &work, .work_count = 1};
    assert_int_equal(ergo_profile_save(&p, NULL, 0, &length), ERGO_E_ARGUMENT);
}

static void buckets_are_powers_of_two(void **state)
{
    (void)state;
    assert_int_equal(ergo_bucket(0), 1);
    assert_int_equal(ergo_bucket(512), 512);
    assert_int_equal(ergo_bucket(513), 1024);
    assert_int_equal(ergo_bucket(UINT32_MAX), 1u << 31);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_profile_is_read),
        cmocka_unit_test(what_is_saved_loads_the_same_and_back),
        cmocka_unit_test(what_is_wrong_is_named_with_its_line),
        cmocka_unit_test(damaged_texts_do_no_harm),
        cmocka_unit_test(a_profile_that_would_not_load_is_not_saved),
        cmocka_unit_test(buckets_are_powers_of_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
