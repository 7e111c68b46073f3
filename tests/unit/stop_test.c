/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/stop.h"

static ergo_str str(const char *text)
{
    return (ergo_str){text, strlen(text)};
}

static ergo__stop with(const char *a, const char *b)
{
    ergo__stop stop;
    const ergo_str strings[] = {str(a), str(b ? b : "")};
    assert_int_equal(ergo__stop_set(&stop, strings, b ? 2 : 1, NULL), ERGO_OK);
    return stop;
}

/* Feeds one piece and checks all that comes out, as one string. */
static void feed(ergo__stop *stop, const char *piece, const char *out, bool stopped)
{
    const ergo__stop_release r = ergo__stop_feed(stop, str(piece));
    char got[256];
    memcpy(got, r.held.data, r.held.size);
    memcpy(got + r.held.size, r.fed.data, r.fed.size);
    got[r.held.size + r.fed.size] = '\0';
    assert_string_equal(got, out);
    assert_int_equal(r.stopped, stopped);
}

static void text_before_the_stop_string_is_released_and_no_more(void **state)
{
    (void)state;
    ergo__stop stop = with("</s>", NULL);
    feed(&stop, "hello <", "hello ", false);
    feed(&stop, "b> </", "<b> ", false);
    feed(&stop, "s> more", "", true);
    feed(&stop, "s></s>", "s>", true);
}

static void held_text_comes_out_when_it_cannot_become_a_stop(void **state)
{
    (void)state;
    ergo__stop stop = with("aab", NULL);
    feed(&stop, "a", "", false);
    feed(&stop, "a", "", false);
    feed(&stop, "a", "a", false);
    feed(&stop, "c", "aac", false);
    feed(&stop, "xa", "x", false);
    const ergo_str rest = ergo__stop_flush(&stop);
    assert_int_equal(rest.size, 1);
    assert_memory_equal(rest.data, "a", 1);
    assert_int_equal(ergo__stop_flush(&stop).size, 0);
}

static void of_two_stops_the_first_complete_one_counts_then_the_longer(void **state)
{
    (void)state;
    ergo__stop stop = with("abcd", "bc");
    feed(&stop, "xab", "x", false);
    feed(&stop, "c", "a", true);
    stop = with("c", "abc");
    feed(&stop, "xab", "x", false);
    feed(&stop, "c", "", true);
}

static void without_strings_everything_passes(void **state)
{
    (void)state;
    ergo__stop stop;
    assert_int_equal(ergo__stop_set(&stop, NULL, 0, NULL), ERGO_OK);
    feed(&stop, "anything", "anything", false);
    feed(&stop, "", "", false);
    assert_int_equal(ergo__stop_flush(&stop).size, 0);
}

static void bounds_are_stated_and_kept(void **state)
{
    (void)state;
    ergo__stop stop = with("keep", NULL);
    char longest[ERGO__STOP_BYTES + 1];
    memset(longest, 'a', sizeof longest);
    ergo_str strings[ERGO__STOP_STRINGS + 1];
    for (size_t i = 0; i <= ERGO__STOP_STRINGS; i++)
        strings[i] = (ergo_str){longest, ERGO__STOP_BYTES};
    assert_int_equal(ergo__stop_set(&stop, strings, ERGO__STOP_STRINGS + 1, NULL), ERGO_E_LIMIT);
    strings[0].size++;
    assert_int_equal(ergo__stop_set(&stop, strings, 1, NULL), ERGO_E_LIMIT);
    strings[0].size = 0;
    assert_int_equal(ergo__stop_set(&stop, strings, 1, NULL), ERGO_E_ARGUMENT);
    feed(&stop, "a keep", "a ", true);
    strings[0].size = ERGO__STOP_BYTES;
    assert_int_equal(ergo__stop_set(&stop, strings, ERGO__STOP_STRINGS, NULL), ERGO_OK);
    longest[ERGO__STOP_BYTES] = '\0';
    feed(&stop, longest, "", true);
}

/* The naive way: search the whole text for the stop whose end comes first. */
static size_t naive_cut(const char *text, size_t size, const ergo_str *stops, size_t count)
{
    for (size_t end = 1; end <= size; end++) {
        size_t longest = 0;
        for (size_t k = 0; k < count; k++)
            if (stops[k].size <= end &&
                memcmp(text + end - stops[k].size, stops[k].data, stops[k].size) == 0 &&
                stops[k].size > longest)
                longest = stops[k].size;
        if (longest)
            return end - longest;
    }
    return size;
}

static void any_cutting_into_pieces_gives_the_naive_result(void **state)
{
    (void)state;
    srand(1);
    for (int round = 0; round < 20000; round++) {
        char text[64], stops[3][8], out[64];
        ergo_str strings[3];
        const size_t size = (size_t)rand() % sizeof text, count = (size_t)rand() % 3 + 1;
        for (size_t i = 0; i < size; i++)
            text[i] = "ab"[rand() % 2];
        for (size_t k = 0; k < count; k++) {
            strings[k] = (ergo_str){stops[k], (size_t)rand() % 8 + 1};
            for (size_t i = 0; i < strings[k].size; i++)
                stops[k][i] = "ab"[rand() % 2];
        }
        ergo__stop stop;
        assert_int_equal(ergo__stop_set(&stop, strings, count, NULL), ERGO_OK);
        size_t at = 0, written = 0;
        bool stopped = false;
        while (at < size && !stopped) {
            size_t n = (size_t)rand() % 5;
            n = n < size - at ? n : size - at;
            const ergo__stop_release r = ergo__stop_feed(&stop, (ergo_str){text + at, n});
            memcpy(out + written, r.held.data, r.held.size);
            memcpy(out + written + r.held.size, r.fed.data, r.fed.size);
            written += r.held.size + r.fed.size;
            stopped = r.stopped;
            at += n;
        }
        if (!stopped) {
            const ergo_str rest = ergo__stop_flush(&stop);
            memcpy(out + written, rest.data, rest.size);
            written += rest.size;
        }
        assert_int_equal(written, naive_cut(text, size, strings, count));
        assert_memory_equal(out, text, written);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_before_the_stop_string_is_released_and_no_more),
        cmocka_unit_test(held_text_comes_out_when_it_cannot_become_a_stop),
        cmocka_unit_test(of_two_stops_the_first_complete_one_counts_then_the_longer),
        cmocka_unit_test(without_strings_everything_passes),
        cmocka_unit_test(bounds_are_stated_and_kept),
        cmocka_unit_test(any_cutting_into_pieces_gives_the_naive_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
