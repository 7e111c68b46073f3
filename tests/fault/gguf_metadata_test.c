/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/fault/gguf_refusal.h"

/*
 * GGUF files whose header or metadata is malformed, made by hand after faults that readers have
 * had: each is refused with the right status and one message that names file, field, value, offset.
 */

enum { FIRST_KV = 24, AFTER_KEY_K = FIRST_KV + 8 + 1 };

static void no_gguf_files_are_told_apart(void **state)
{
    (void)state;
    assert_bytes_refused((ergo_bytes){0}, ERGO_E_FORMAT, "no GGUF file", 0);
    assert_bytes_refused((ergo_bytes){"GGU", 3}, ERGO_E_FORMAT, "no GGUF file", 0);
    assert_bytes_refused((ergo_bytes){"GGML\1\0\0\0", 8}, ERGO_E_FORMAT, "no GGUF file", 0);
    assert_bytes_refused((ergo_bytes){"FUGG\3\0\0\0", 8}, ERGO_E_FORMAT, "no GGUF file", 0);
    assert_bytes_refused((ergo_bytes){"version https://git-lfs", 23}, ERGO_E_FORMAT, "no GGUF file",
                         0);
}

static void versions_other_than_2_and_3_are_refused(void **state)
{
    (void)state;
    static const struct {
        uint32_t version;
        ergo_status status;
        const char *text;
    } cases[] = {
        {0, ERGO_E_FORMAT, "version 0"},
        {1, ERGO_E_UNSUPPORTED, "version 1 is not supported"},
        {4, ERGO_E_UNSUPPORTED, "version 4 is not supported"},
        {0xffffffff, ERGO_E_UNSUPPORTED, "version 4294967295 is not supported"},
        {0x03000000, ERGO_E_UNSUPPORTED, "0x03000000 is byte-swapped: this is a big-endian file"},
        {0x02000000, ERGO_E_UNSUPPORTED, "big-endian"},
    };
    gguf_builder b = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gguf_put_header(&b, cases[i].version, 0, 0);
        assert_refused(&b, cases[i].status, cases[i].text, 4);
    }
    for (uint32_t version = 2; version <= 3; version++) {
        gguf_put_header(&b, version, 0, 0);
        assert_accepted(&b);
    }
}

static void counts_beyond_the_file_are_refused(void **state)
{
    (void)state;
    static const struct {
        uint64_t count;
        const char *text;
    } cases[] = {
        {UINT64_MAX, "is -1, but the file has room for 3 at most"},
        {INT64_MAX, "is 9223372036854775807,"},
        {(uint64_t)1 << 63, "is -9223372036854775808,"},
        {UINT64_MAX / 56 + 2, "the file has room for 3 at most"}, /* times a table's row it wraps */
        {4, "is 4, but the file has room for 3 at most"},
    };
    gguf_builder b = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        /* A row of the tensor table has 33 bytes or more, an entry 14. */
        gguf_put_header(&b, 3, cases[i].count, 0);
        gguf_put_zeros(&b, 4 * 33 - 1 - 8);
        assert_refused(&b, ERGO_E_FORMAT, cases[i].text, 8);
        gguf_put_header(&b, 3, 0, cases[i].count);
        gguf_put_zeros(&b, 4 * 14 - 1);
        assert_refused(&b, ERGO_E_FORMAT, cases[i].text, 16);
    }
}

static void counts_above_the_limit_are_refused(void **state)
{
    (void)state;
    gguf_builder b = {0};
    gguf_put_header(&b, 3, 0, ((uint64_t)1 << 17) + 1);
    gguf_put_zeros(&b, ((size_t)1 << 17) * 15);
    assert_refused(&b, ERGO_E_LIMIT, "131073, above the limit of 131072", 16);
    gguf_put_header(&b, 3, ((uint64_t)1 << 17) + 1, 0);
    gguf_put_zeros(&b, ((size_t)1 << 17) * 34);
    assert_refused(&b, ERGO_E_LIMIT, "131073, above the limit of 131072", 8);
}

static void bad_keys_are_refused(void **state)
{
    (void)state;
    static const uint64_t lengths[] = {100, UINT64_MAX, UINT64_MAX - 31, (uint64_t)1 << 63};
    gguf_builder b = {0};
    gguf_put_header(&b, 3, 0, 1);
    gguf_put_kv_u32(&b, "", 7);
    assert_int_equal(b.size, 40);
    assert_refused(&b, ERGO_E_FORMAT, "entry 0: the key is empty", FIRST_KV);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        char text[80];
        gguf_put_header(&b, 3, 0, 1);
        gguf_put_uint(&b, lengths[i], 8);
        gguf_put_zeros(&b, 99);
        snprintf(text, sizeof text, "the key has %llu bytes, but the file only 99 more",
                 (unsigned long long)lengths[i]);
        assert_refused(&b, ERGO_E_FORMAT, text, FIRST_KV);
    }
    gguf_put_header(&b, 3, 0, 1);
    gguf_put_uint(&b, 65536, 8);
    gguf_put_zeros(&b, 70000);
    assert_refused(&b, ERGO_E_FORMAT, "the key has 65536 bytes, above 65535", FIRST_KV);
    gguf_put_header(&b, 3, 0, 1);
    gguf_put_uint(&b, 3, 8);
    gguf_put(&b, "a\0b", 3);
    gguf_put_uint(&b, ERGO_GGUF_U8, 4);
    gguf_put_uint(&b, 7, 1);
    assert_refused(&b, ERGO_E_FORMAT, "the key contains a NUL byte", FIRST_KV);
}

static void duplicate_keys_are_refused(void **state)
{
    (void)state;
    gguf_builder b = {0};
    gguf_put_header(&b, 3, 0, 3);
    gguf_put_kv_u32(&b, "twin", 1);
    gguf_put_kv_u32(&b, "other", 1);
    gguf_put_kv_text(&b, "twin", "x");
    assert_refused(&b, ERGO_E_FORMAT, "\"twin\": the key is that of entry", -1);
    gguf_put_header(&b, 3, 0, 2); /* a prefix is no duplicate */
    gguf_put_kv_u32(&b, "twin", 1);
    gguf_put_kv_u32(&b, "twins", 1);
    assert_accepted(&b);
}

static void bad_value_types_are_refused(void **state)
{
    (void)state;
    static const uint32_t ids[] = {13, 14, 255, 0x7fffffff, 0x80000000, 0xffffffff};
    gguf_builder b = {0};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        char text[64];
        snprintf(text, sizeof text, "type is %d, which is none", (int32_t)ids[i]);
        gguf_put_header(&b, 3, 0, 1);
        gguf_put_key(&b, "k", ids[i]);
        gguf_put_zeros(&b, 64);
        assert_refused(&b, ERGO_E_FORMAT, text, AFTER_KEY_K);
        gguf_put_header(&b, 3, 0, 1);
        gguf_put_kv_array(&b, "k", ids[i], 0);
        assert_refused(&b, ERGO_E_FORMAT, text, AFTER_KEY_K + 4);
    }
}

static void nested_arrays_are_refused_without_descending(void **state)
{
    (void)state;
    gguf_builder b = {0};
    gguf_put_header(&b, 3, 0, 1);
    gguf_put_kv_array(&b, "k", ERGO_GGUF_ARRAY, 1);
    for (int depth = 0; depth < 100000; depth++) {
        gguf_put_uint(&b, ERGO_GGUF_ARRAY, 4);
        gguf_put_uint(&b, 1, 8);
    }
    assert_refused(&b, ERGO_E_UNSUPPORTED, "arrays of arrays are not supported", AFTER_KEY_K + 4);
}

static void array_counts_beyond_the_file_are_refused(void **state)
{
    (void)state;
    static const struct {
        uint32_t type;
        uint64_t count;
        const char *text;
    } cases[] = {
        {ERGO_GGUF_U8, UINT64_MAX, "has 18446744073709551615 elements, but the file has room for"},
        {ERGO_GGUF_U8, 65, "the array has 65 elements, but the file has room for 64 at most"},
        {ERGO_GGUF_U16, 33, "the array has 33 elements, but the file has room for 32 at most"},
        {ERGO_GGUF_U32, (uint64_t)1 << 62, "room for 16 at most"}, /* times 4 it is 0 */
        {ERGO_GGUF_F64, (uint64_t)1 << 61, "room for 8 at most"},
        {ERGO_GGUF_F64, ((uint64_t)1 << 61) + 1, "room for 8 at most"},
        {ERGO_GGUF_STRING, 9, "the array has 9 elements, but the file has room for 8 at most"},
        {ERGO_GGUF_STRING, UINT64_MAX, "room for 8 at most"},
    };
    gguf_builder b = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gguf_put_header(&b, 3, 0, 1);
        gguf_put_kv_array(&b, "k", cases[i].type, cases[i].count);
        gguf_put_zeros(&b, 64);
        assert_refused(&b, ERGO_E_FORMAT, cases[i].text, AFTER_KEY_K + 16);
    }
}

static void strings_beyond_the_file_are_refused(void **state)
{
    (void)state;
    static const uint64_t lengths[] = {5, UINT64_MAX, UINT64_MAX - 7, (uint64_t)1 << 63};
    gguf_builder b = {0};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        gguf_put_header(&b, 3, 0, 1);
        gguf_put_key(&b, "k", ERGO_GGUF_STRING);
        gguf_put_uint(&b, lengths[i], 8);
        gguf_put(&b, "four", 4);
        assert_refused(&b, ERGO_E_FORMAT, "bytes, but the file only 4 more", AFTER_KEY_K + 4);
        gguf_put_header(&b, 3, 0, 1);
        gguf_put_kv_array(&b, "k", ERGO_GGUF_STRING, 2);
        gguf_put_text(&b, "first");
        gguf_put_uint(&b, lengths[i], 8);
        gguf_put(&b, "four", 4);
        assert_refused(&b, ERGO_E_FORMAT, "string 1 has ", AFTER_KEY_K + 16 + 8 + 5);
    }
}

static void bools_other_than_0_and_1_are_refused(void **state)
{
    (void)state;
    gguf_builder b = {0};
    gguf_put_header(&b, 3, 0, 1);
    gguf_put_kv_bool(&b, "k", 2);
    assert_refused(&b, ERGO_E_FORMAT, "the value 2, neither 0 nor 1", AFTER_KEY_K + 4);
    gguf_put_header(&b, 3, 0, 1);
    gguf_put_kv_array(&b, "k", ERGO_GGUF_BOOL, 3);
    gguf_put_uint(&b, 0xff0100, 3);
    assert_refused(&b, ERGO_E_FORMAT, "bool 2 has the value 255", AFTER_KEY_K + 16 + 2);
}

static void bad_alignments_are_refused(void **state)
{
    (void)state;
    static const struct {
        uint32_t value;
        ergo_status status;
        const char *text;
    } cases[] = {
        {0, ERGO_E_FORMAT, "the alignment is 0, not a power of two"},
        {3, ERGO_E_FORMAT, "the alignment is 3, not a power of two"},
        {48, ERGO_E_FORMAT, "the alignment is 48, not a power of two"},
        {0xffffffff, ERGO_E_FORMAT, "the alignment is 4294967295, not a power of two"},
        {0x20000, ERGO_E_LIMIT, "the alignment is 131072, above the limit of 65536"},
        {0x40000000, ERGO_E_LIMIT, "above the limit"},
        {0x80000000, ERGO_E_LIMIT, "above the limit"},
    };
    static const uint32_t types[] = {ERGO_GGUF_U8,  ERGO_GGUF_U16, ERGO_GGUF_I32,
                                     ERGO_GGUF_F32, ERGO_GGUF_U64, ERGO_GGUF_STRING};
    const long value_at = FIRST_KV + 8 + 17 + 4;
    gguf_builder b = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gguf_put_header(&b, 3, 0, 1);
        gguf_put_kv_u32(&b, "general.alignment", cases[i].value);
        assert_refused(&b, cases[i].status, cases[i].text, value_at);
    }
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        gguf_put_header(&b, 3, 0, 1);
        gguf_put_key(&b, "general.alignment", types[i]);
        gguf_put_uint(&b, 32, 8); /* as a string, 32 zeros */
        gguf_put_zeros(&b, 32);
        assert_refused(&b, ERGO_E_FORMAT, ", not a u32", value_at);
    }
    gguf_put_header(&b, 3, 0, 1);
    gguf_put_kv_array(&b, "general.alignment", ERGO_GGUF_U32, 0);
    assert_refused(&b, ERGO_E_FORMAT, "the alignment is an array of u32, not a u32", value_at + 12);
}

static void split_files_are_refused(void **state)
{
    (void)state;
    const long value_at = FIRST_KV + 8 + 11 + 4;
    gguf_builder b = {0};
    gguf_put_header(&b, 3, 0, 1);
    gguf_put_key(&b, "split.count", ERGO_GGUF_U16);
    gguf_put_uint(&b, 2, 2);
    assert_refused(&b, ERGO_E_UNSUPPORTED, "the model is split over 2 files", value_at);
    gguf_put_header(&b, 3, 0, 1);
    gguf_put_kv_text(&b, "split.count", "2");
    assert_refused(&b, ERGO_E_FORMAT, "the split count is no number", value_at);
    gguf_put_header(&b, 3, 0, 1);
    gguf_put_kv_array(&b, "split.count", ERGO_GGUF_U16, 0);
    assert_refused(&b, ERGO_E_FORMAT, "the split count is no number", value_at + 12);
    for (uint64_t count = 0; count <= 1; count++) {
        gguf_put_header(&b, 3, 0, 1);
        gguf_put_key(&b, "split.count", ERGO_GGUF_U16);
        gguf_put_uint(&b, count, 2);
        assert_accepted(&b);
    }
}

static void hostile_names_cannot_break_the_log_line(void **state)
{
    (void)state;
    gguf_builder b = {0};
    gguf_put_header(&b, 3, 0, 1);
    gguf_put_kv_bool(&b, "a\nb\x1b[2J\xc2\x9b\x7f%s%n", 7);
    assert_refused(&b, ERGO_E_FORMAT, "entry 0 \"a?b?[2J???%s%n\": bool 0", -1);
    gguf_put_header(&b, 3, 0, 1);
    gguf_put_uint(&b, 1000, 8);
    for (int i = 0; i < 1000; i++)
        gguf_put(&b, "x", 1);
    gguf_put_uint(&b, 77, 4);
    assert_refused(&b, ERGO_E_FORMAT, "xxx...\": the value type is 77", FIRST_KV + 8 + 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_gguf_files_are_told_apart),
        cmocka_unit_test(versions_other_than_2_and_3_are_refused),
        cmocka_unit_test(counts_beyond_the_file_are_refused),
        cmocka_unit_test(counts_above_the_limit_are_refused),
        cmocka_unit_test(bad_keys_are_refused),
        cmocka_unit_test(duplicate_keys_are_refused),
        cmocka_unit_test(bad_value_types_are_refused),
        cmocka_unit_test(nested_arrays_are_refused_without_descending),
        cmocka_unit_test(array_counts_beyond_the_file_are_refused),
        cmocka_unit_test(strings_beyond_the_file_are_refused),
        cmocka_unit_test(bools_other_than_0_and_1_are_refused),
        cmocka_unit_test(bad_alignments_are_refused),
        cmocka_unit_test(split_files_are_refused),
        cmocka_unit_test(hostile_names_cannot_break_the_log_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
