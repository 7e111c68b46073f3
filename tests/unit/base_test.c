/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ergo/base.h"
#include "runtime/base/arena.h"
#include "runtime/base/checked.h"
#include "runtime/base/log.h"

/* The values are frozen: this list is written out a second time on purpose. */
static const struct {
    ergo_status status;
    int value;
    const char *name;
} frozen[] = {
    {ERGO_OK, 0, "ERGO_OK"},
    {ERGO_END_OF_TEXT, 1, "ERGO_END_OF_TEXT"},
    {ERGO_STOPPED, 2, "ERGO_STOPPED"},
    {ERGO_LENGTH, 3, "ERGO_LENGTH"},
    {ERGO_CONTEXT_FULL, 4, "ERGO_CONTEXT_FULL"},
    {ERGO_CANCELLED, 5, "ERGO_CANCELLED"},
    {ERGO_IDLE, 6, "ERGO_IDLE"},
    {ERGO_E_ARGUMENT, -1, "ERGO_E_ARGUMENT"},
    {ERGO_E_MEMORY, -2, "ERGO_E_MEMORY"},
    {ERGO_E_FORMAT, -3, "ERGO_E_FORMAT"},
    {ERGO_E_UNSUPPORTED, -4, "ERGO_E_UNSUPPORTED"},
    {ERGO_E_LIMIT, -5, "ERGO_E_LIMIT"},
    {ERGO_E_STATE, -6, "ERGO_E_STATE"},
    {ERGO_E_NOT_FOUND, -7, "ERGO_E_NOT_FOUND"},
    {ERGO_E_IO, -8, "ERGO_E_IO"},
    {ERGO_E_PERMISSION, -9, "ERGO_E_PERMISSION"},
    {ERGO_E_DEVICE, -10, "ERGO_E_DEVICE"},
    {ERGO_E_SYSTEM, -11, "ERGO_E_SYSTEM"},
};
enum { N_FROZEN = sizeof frozen / sizeof frozen[0] };

static void statuses_keep_their_frozen_values_and_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_FROZEN; i++) {
        assert_int_equal(frozen[i].status, frozen[i].value);
        assert_string_equal(ergo_status_name(frozen[i].status), frozen[i].name);
    }
}

static void every_status_has_a_text_of_its_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_FROZEN; i++) {
        const char *text = ergo_status_text(frozen[i].status);
        assert_true(strlen(text) > 0);
        assert_string_not_equal(text, ergo_status_text((ergo_status)-1000));
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(text, ergo_status_text(frozen[j].status));
    }
}

static void a_status_outside_the_list_is_called_unknown(void **state)
{
    (void)state;
    assert_string_equal(ergo_status_name((ergo_status)7), "ERGO_UNKNOWN");
    assert_string_equal(ergo_status_name((ergo_status)-12), "ERGO_UNKNOWN");
    assert_string_equal(ergo_status_text((ergo_status)-1000), "unknown status");
}

typedef struct heard {
    size_t lines;
    ergo_log_level level;
    char last[2 * ERGO__LOG_MAX];
} heard;

static void hear(void *user, ergo_log_level level, const char *message)
{
    heard *ear = user;
    ear->lines++;
    ear->level = level;
    snprintf(ear->last, sizeof ear->last, "%s", message);
}

static void the_log_passes_on_its_level_and_what_is_above(void **state)
{
    (void)state;
    heard ear = {0};
    const ergo_log log = {.write = hear, .user = &ear, .level = ERGO_LOG_WARNING};
    ergo__log(&log, ERGO_LOG_DEBUG, "below");
    ergo__log(&log, ERGO_LOG_INFO, "below");
    assert_int_equal(ear.lines, 0);
    ergo__log(&log, ERGO_LOG_WARNING, "%s has %d", "block_count", 513);
    assert_int_equal(ear.lines, 1);
    assert_int_equal(ear.level, ERGO_LOG_WARNING);
    assert_string_equal(ear.last, "block_count has 513");
    ergo__log(&log, ERGO_LOG_ERROR, "above");
    assert_int_equal(ear.lines, 2);
}

static void a_failure_is_heard_once_as_an_error_and_returns_its_status(void **state)
{
    (void)state;
    heard ear = {0};
    const ergo_log log = {.write = hear, .user = &ear};
    assert_int_equal(ergo__fail(&log, ERGO_E_FORMAT, "at %u", 17u), ERGO_E_FORMAT);
    assert_int_equal(ear.lines, 1);
    assert_int_equal(ear.level, ERGO_LOG_ERROR);
    assert_string_equal(ear.last, "at 17");
}

static void a_log_without_a_writer_is_silent(void **state)
{
    (void)state;
    const ergo_log zeroed = {0};
    ergo__log(NULL, ERGO_LOG_ERROR, "nobody");
    ergo__log(&zeroed, ERGO_LOG_ERROR, "nobody");
    assert_int_equal(ergo__fail(NULL, ERGO_E_IO, "nobody"), ERGO_E_IO);
    assert_int_equal(ergo__fail(&zeroed, ERGO_E_IO, "nobody"), ERGO_E_IO);
}

static void a_long_message_is_cut_not_overrun(void **state)
{
    (void)state;
    char text[3 * ERGO__LOG_MAX];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    heard ear = {0};
    const ergo_log log = {.write = hear, .user = &ear};
    ergo__log(&log, ERGO_LOG_ERROR, "%s", text);
    assert_int_equal(strlen(ear.last), ERGO__LOG_MAX - 1);
    assert_memory_equal(ear.last, text, ERGO__LOG_MAX - 1);
}

/* A layout with every kind of request, as an object's _size and _open would run it. */
typedef struct layout {
    char *name;
    uint64_t *counters;
    float *row;
    uint16_t *tail;
} layout;

static layout lay_out(ergo__arena *arena)
{
    layout out;
    out.name = ERGO__TAKE(arena, char, 3);
    out.counters = ERGO__TAKE(arena, uint64_t, 5);
    out.row = ERGO__TAKE_LINE(arena, float, 7);
    out.tail = ERGO__TAKE(arena, uint16_t, 1);
    return out;
}

static void counting_and_laying_out_use_the_same_bytes(void **state)
{
    (void)state;
    ergo__arena counting = ergo__arena_counting();
    const layout nothing = lay_out(&counting);
    assert_null(nothing.name);
    assert_null(nothing.row);
    assert_int_equal(ergo__arena_status(&counting), ERGO_OK);
    assert_int_equal(counting.used, 64 + 7 * 4 + 2); /* 3, gap, 8 + 40, gap, 28, 2 */

    _Alignas(ERGO_BLOCK_ALIGN) unsigned char memory[128];
    ergo__arena arena = ergo__arena_over((ergo_block){memory, counting.used});
    const layout real = lay_out(&arena);
    assert_int_equal(ergo__arena_status(&arena), ERGO_OK);
    assert_int_equal(arena.used, counting.used);
    assert_ptr_equal(real.name, memory);
    assert_ptr_equal(real.counters, memory + 8);
    assert_ptr_equal(real.row, memory + 64);
    assert_ptr_equal(real.tail, memory + 64 + 28);
}

static void one_byte_less_is_too_little_and_the_arena_stays_full(void **state)
{
    (void)state;
    ergo__arena counting = ergo__arena_counting();
    lay_out(&counting);
    _Alignas(ERGO_BLOCK_ALIGN) unsigned char memory[128];
    ergo__arena arena = ergo__arena_over((ergo_block){memory, counting.used - 1});
    const layout cut = lay_out(&arena);
    assert_non_null(cut.row);
    assert_null(cut.tail);
    assert_int_equal(ergo__arena_status(&arena), ERGO_E_MEMORY);
    assert_null(ERGO__TAKE(&arena, char, 0));
    assert_int_equal(ergo__arena_status(&arena), ERGO_E_MEMORY);
}

static void a_block_that_is_null_or_not_aligned_is_refused(void **state)
{
    (void)state;
    _Alignas(ERGO_BLOCK_ALIGN) unsigned char memory[256];
    ergo__arena arena = ergo__arena_over((ergo_block){NULL, 256});
    assert_null(ERGO__TAKE(&arena, char, 1));
    assert_int_equal(ergo__arena_status(&arena), ERGO_E_MEMORY);
    arena = ergo__arena_over((ergo_block){memory + 32, 128});
    assert_null(ERGO__TAKE(&arena, char, 1));
    assert_int_equal(ergo__arena_status(&arena), ERGO_E_MEMORY);
}

static void sizes_that_overflow_make_even_a_counting_arena_full(void **state)
{
    (void)state;
    ergo__arena product = ergo__arena_counting();
    ergo__arena_take(&product, SIZE_MAX / 2, 3, 1);
    assert_int_equal(ergo__arena_status(&product), ERGO_E_MEMORY);

    ergo__arena sum = ergo__arena_counting();
    ergo__arena_take(&sum, SIZE_MAX - 4, 1, 1);
    assert_int_equal(ergo__arena_status(&sum), ERGO_OK);
    ergo__arena_take(&sum, 5, 1, 1);
    assert_int_equal(ergo__arena_status(&sum), ERGO_E_MEMORY);

    ergo__arena padding = ergo__arena_counting();
    ergo__arena_take(&padding, SIZE_MAX - 4, 1, 1);
    ergo__arena_take(&padding, 0, 1, 64);
    assert_int_equal(ergo__arena_status(&padding), ERGO_E_MEMORY);
}

static void checked_arithmetic_gives_the_result_or_leaves_out_alone(void **state)
{
    (void)state;
    size_t out = 42;
    assert_true(ergo__add_size(SIZE_MAX - 1, 1, &out));
    assert_true(out == SIZE_MAX);
    assert_false(ergo__add_size(SIZE_MAX, 1, &out));
    assert_true(out == SIZE_MAX);

    assert_true(ergo__mul_size(SIZE_MAX / 3, 3, &out));
    assert_true(out == SIZE_MAX / 3 * 3);
    out = 42;
    assert_false(ergo__mul_size(SIZE_MAX / 3 + 1, 3, &out));
    assert_true(out == 42);
    assert_true(ergo__mul_size(0, SIZE_MAX, &out));
    assert_true(out == 0);
    assert_true(ergo__mul_size(SIZE_MAX, 0, &out));
    assert_true(out == 0);

    uint64_t wide = 42;
    assert_true(ergo__add_u64(UINT64_MAX - 7, 7, &wide));
    assert_true(wide == UINT64_MAX);
    assert_false(ergo__add_u64(UINT64_MAX - 7, 8, &wide));
    assert_true(wide == UINT64_MAX);
    assert_true(ergo__mul_u64(UINT64_C(1) << 32, (UINT64_C(1) << 32) - 1, &wide));
    assert_true(wide == UINT64_C(0xffffffff00000000));
    wide = 42;
    assert_false(ergo__mul_u64(UINT64_C(1) << 32, UINT64_C(1) << 32, &wide));
    assert_true(wide == 42);
}

static void rounding_up_is_exact_and_refuses_to_wrap(void **state)
{
    (void)state;
    size_t out = 42;
    assert_true(ergo__align_up(0, 64, &out) && out == 0);
    assert_true(ergo__align_up(1, 64, &out) && out == 64);
    assert_true(ergo__align_up(64, 64, &out) && out == 64);
    assert_true(ergo__align_up(SIZE_MAX, 1, &out) && out == SIZE_MAX);
    assert_true(ergo__align_up(SIZE_MAX - 63, 64, &out) && out == SIZE_MAX - 63);
    assert_false(ergo__align_up(SIZE_MAX - 62, 64, &out));
    assert_true(out == SIZE_MAX - 63);

    assert_int_equal(ergo__ceil_div(0, 4), 0);
    assert_int_equal(ergo__ceil_div(8, 4), 2);
    assert_int_equal(ergo__ceil_div(9, 4), 3);
    assert_true(ergo__ceil_div(SIZE_MAX, 1) == SIZE_MAX);
    assert_int_equal(ergo__min_size(3, 5), 3);
    assert_int_equal(ergo__max_size(3, 5), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses_keep_their_frozen_values_and_names),
        cmocka_unit_test(every_status_has_a_text_of_its_own),
        cmocka_unit_test(a_status_outside_the_list_is_called_unknown),
        cmocka_unit_test(the_log_passes_on_its_level_and_what_is_above),
        cmocka_unit_test(a_failure_is_heard_once_as_an_error_and_returns_its_status),
        cmocka_unit_test(a_log_without_a_writer_is_silent),
        cmocka_unit_test(a_long_message_is_cut_not_overrun),
        cmocka_unit_test(counting_and_laying_out_use_the_same_bytes),
        cmocka_unit_test(one_byte_less_is_too_little_and_the_arena_stays_full),
        cmocka_unit_test(a_block_that_is_null_or_not_aligned_is_refused),
        cmocka_unit_test(sizes_that_overflow_make_even_a_counting_arena_full),
        cmocka_unit_test(checked_arithmetic_gives_the_result_or_leaves_out_alone),
        cmocka_unit_test(rounding_up_is_exact_and_refuses_to_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
