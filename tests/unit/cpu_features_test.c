/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "backends/cpu/features.h"
#include "backends/cpu/kernels.h"

static uint32_t detect(const char *allowed)
{
    uint32_t found = 12345;
    assert_int_equal(ergo__cpu_features_detect(NULL, allowed, &found), ERGO_OK);
    return found;
}

static void a_list_keeps_only_what_it_names(void **state)
{
    (void)state;
    const uint32_t all = detect(NULL);
    assert_int_equal(detect("none"), 0);
    assert_int_equal(detect("all"), detect(NULL));
    assert_int_equal(detect("avx2"), all & ERGO__CPU_AVX2);
    assert_int_equal(detect("f16c,fma"), all & (ERGO__CPU_F16C | ERGO__CPU_FMA));
    assert_int_equal(detect("avx2,fma,f16c,avx512,avx512vnni,avxvnni,neon,dotprod,i8mm,vfpv4"),
                     all);
}

static void a_minus_takes_away_from_everything(void **state)
{
    (void)state;
    const uint32_t all = detect(NULL);
    assert_int_equal(detect("-avx2"), all & ~(uint32_t)ERGO__CPU_AVX2);
    assert_int_equal(detect("-fma,-f16c"), all & ~(uint32_t)(ERGO__CPU_FMA | ERGO__CPU_F16C));
    assert_int_equal(detect("avx2,-avx2"), 0);
}

static void count_lines(void *user, ergo_log_level level, const char *message)
{
    assert_int_equal(level, ERGO_LOG_ERROR);
    assert_non_null(strstr(message, "known: none all avx2 fma f16c"));
    ++*(int *)user;
}

static void an_unknown_name_is_refused_and_said(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",      "avx",       "avx22",  "AVX2",  "avx2,",
                                        ",avx2", "avx2,,fma", "--avx2", "nones", "avx2 fma"};
    int lines = 0;
    const ergo_log log = {.write = count_lines, .user = &lines};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint32_t found = 12345;
        assert_int_equal(ergo__cpu_features_detect(&log, wrong[i], &found), ERGO_E_ARGUMENT);
        assert_int_equal(found, 12345);
        assert_int_equal(lines, (int)i + 1);
    }
}

static void texts_name_the_features(void **state)
{
    (void)state;
    char text[ERGO__CPU_FEATURES_TEXT];
    ergo__cpu_features_text(0, text);
    assert_string_equal(text, "none");
    ergo__cpu_features_text(ERGO__CPU_AVX2 | ERGO__CPU_F16C, text);
    assert_string_equal(text, "avx2 f16c");
    ergo__cpu_features_text(UINT32_MAX, text);
    assert_true(strlen(text) + 1 < sizeof text && strstr(text, "vfpv4"));
}

/* A table for part of a variant's features must not use that variant. */
static void the_table_needs_all_features_of_a_variant(void **state)
{
    (void)state;
    ergo__cpu_kernels plain;
    ergo__cpu_kernels partial;
    ergo__cpu_kernels_fill(0, &plain);
    ergo__cpu_kernels_fill(ERGO__CPU_AVX2 | ERGO__CPU_F16C, &partial);
    assert_true(plain.quantize_q8 == ergo__quantize_q8_c);
    assert_true(partial.quantize_q8 == ergo__quantize_q8_c);
    assert_true(ergo__cpu_matmul(&plain, ERGO_TYPE_Q4_K) == ergo__matmul_q4_k_c);
    assert_true(ergo__cpu_takes_q8(ERGO_TYPE_Q4_K) && !ergo__cpu_takes_q8(ERGO_TYPE_BF16));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_keeps_only_what_it_names),
        cmocka_unit_test(a_minus_takes_away_from_everything),
        cmocka_unit_test(an_unknown_name_is_refused_and_said),
        cmocka_unit_test(texts_name_the_features),
        cmocka_unit_test(the_table_needs_all_features_of_a_variant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
