/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fault/gguf_refusal.h"

/* GGUF files whose tensor table is malformed, made by hand after faults that readers have had. */

enum { F32 = 0, Q4_0 = 2, Q8_0 = 8, Q4_K = 12, PACKED = 10000 };

/* Where the fields of the only tensor, called "t", stand. */
enum { NAME_AT = 24, DIMS_AT = NAME_AT + 9, SHAPE_AT = DIMS_AT + 4 };

/* A file with one tensor and `data` bytes for it. */
static void build_one(gguf_builder *b, uint32_t n_dims, const uint64_t *shape, uint32_t type,
                      uint64_t offset, size_t data)
{
    gguf_put_header(b, 3, 1, 0);
    gguf_put_tensor(b, "t", n_dims, shape, type, offset);
    gguf_put_padding(b, 32);
    gguf_put_zeros(b, data);
}

static void bad_dimensions_are_refused(void **state)
{
    (void)state;
    static const uint64_t ones[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    static const uint32_t numbers[] = {0, 5, 8};
    gguf_builder b = {0};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        build_one(&b, numbers[i], ones, F32, 0, 64);
        assert_refused(&b, ERGO_E_FORMAT, ", not 1 to 4", DIMS_AT);
    }
    gguf_put_header(&b, 3, 1, 0);
    gguf_put_text(&b, "t");
    gguf_put_uint(&b, 0xffffffff, 4);
    gguf_put_zeros(&b, 64);
    assert_refused(&b, ERGO_E_FORMAT, "the number of dimensions is 4294967295", DIMS_AT);
    for (int i = 0; i < 4; i++) {
        uint64_t shape[4] = {32, 32, 32, 32};
        shape[i] = 0;
        build_one(&b, 4, shape, F32, 0, 64);
        assert_refused(&b, ERGO_E_FORMAT, " is 0, not positive", SHAPE_AT + 8 * i);
        shape[i] = UINT64_MAX;
        build_one(&b, 4, shape, F32, 0, 64);
        assert_refused(&b, ERGO_E_FORMAT, " is -1, not positive", SHAPE_AT + 8 * i);
    }
}

static void sizes_that_overflow_are_refused(void **state)
{
    (void)state;
    static const struct {
        uint64_t shape[4];
        uint32_t type;
        const char *text;
    } cases[] = {
        {{INT64_MAX, 2, 1, 1}, F32, "with dimension 1 of 2 the number of elements overflows"},
        {{(uint64_t)1 << 32, (uint64_t)1 << 31, 1, 1}, F32, "number of elements overflows"},
        {{(uint64_t)1 << 32, (uint64_t)1 << 32, 1, 1}, F32, "number of elements overflows"},
        {{(uint64_t)1 << 32, 1, (uint64_t)1 << 32, 1}, Q8_0, "number of elements overflows"},
        {{65536, 65536, 65536, 65536}, F32, "number of elements overflows"},
        {{(uint64_t)1 << 62, 1, 1, 1}, F32, "of F32 overflows"}, /* times 4 it is 0 */
        {{0x7fffffffffffffc0, 1, 1, 1}, F32, "of F32 overflows"},
        {{0x7fffffffffffffe0, 1, 1, 1}, Q8_0, "lie beyond the end"},
        {{UINT64_MAX / 4, 1, 1, 1}, F32, "lie beyond the end"}, /* padded it wraps */
        {{(uint64_t)1 << 58, 1, 1, 1}, F32, "lie beyond the end"},
    };
    gguf_builder b = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        build_one(&b, 4, cases[i].shape, cases[i].type, 0, 4096);
        assert_refused(&b, ERGO_E_FORMAT, cases[i].text, -1);
    }
}

/* Two tensors whose sizes, padded and added, wrap to something small. */
static void sums_that_overflow_are_refused(void **state)
{
    (void)state;
    static const uint64_t shape[] = {0x1ffffffffffffff0}; /* F32: 0x7fffffffffffffc0 bytes */
    static const uint64_t offsets[] = {0, 0x7fffffffffffffc0, 0xffffffffffffffe0};
    gguf_builder b = {0};
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        gguf_put_header(&b, 3, 2, 0);
        gguf_put_tensor(&b, "a", 1, shape, F32, 0);
        gguf_put_tensor(&b, "b", 1, shape, F32, offsets[i]);
        gguf_put_padding(&b, 32);
        gguf_put_zeros(&b, 4096);
        assert_refused(&b, ERGO_E_FORMAT, "9223372036854775744 bytes at data offset 0 lie beyond",
                       -1);
    }
}

static void unsupported_tensor_types_are_refused_by_number(void **state)
{
    (void)state;
    static const uint64_t shape[] = {256};
    /* Removed; internal only; other codebooks; integers; private or not yet known. */
    static const int32_t ids[] = {4,  5,  31, 32, 33, 36, 37, 38, 9,  15, 16,  17,         18,
                                  19, 21, 22, 29, 24, 27, 28, 40, 41, 42, 133, 0x7fffffff, -1};
    gguf_builder b = {0};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        char text[64];
        snprintf(text, sizeof text, "tensor 0 \"t\": tensor type %d is unknown", ids[i]);
        build_one(&b, 1, shape, (uint32_t)ids[i], 0, 4096);
        assert_refused(&b, ERGO_E_UNSUPPORTED, text, SHAPE_AT + 8);
    }
}

static void partial_blocks_are_refused(void **state)
{
    (void)state;
    static const struct {
        uint64_t shape[2];
        uint32_t type;
        const char *text;
    } cases[] = {
        {{32, 8}, Q4_K, "a row of 32 elements is no multiple of the 256 in a block of Q4_K"},
        {{288, 8}, Q4_K, "a row of 288 elements"},
        {{16, 2}, Q4_0, "a row of 16 elements is no multiple of the 32 in a block of Q4_0"},
        {{33, 32}, Q8_0, "a row of 33 elements"},
    };
    gguf_builder b = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        build_one(&b, 2, cases[i].shape, cases[i].type, 0, 4096);
        assert_refused(&b, ERGO_E_FORMAT, cases[i].text, SHAPE_AT + 16);
    }
}

static void bad_tensor_names_are_refused(void **state)
{
    (void)state;
    static const uint64_t shape[] = {8};
    char name[65];
    gguf_builder b = {0};
    gguf_put_header(&b, 3, 1, 0);
    gguf_put_tensor(&b, "", 1, shape, F32, 0);
    gguf_put_zeros(&b, 128);
    assert_refused(&b, ERGO_E_FORMAT, "tensor 0: the name is empty", NAME_AT);
    for (size_t length = 63; length <= 64; length++) {
        memset(name, 'n', length);
        name[length] = '\0';
        gguf_put_header(&b, 3, 1, 0);
        gguf_put_tensor(&b, name, 1, shape, F32, 0);
        gguf_put_padding(&b, 32);
        gguf_put_zeros(&b, 32);
        if (length == 63)
            assert_accepted(&b);
        else
            assert_refused(&b, ERGO_E_FORMAT, "the name has 64 bytes, above 63", NAME_AT);
    }
    gguf_put_header(&b, 3, 2, 0);
    gguf_put_tensor(&b, "twin", 1, shape, F32, 0);
    gguf_put_tensor(&b, "twin", 1, shape, F32, 32);
    gguf_put_padding(&b, 32);
    gguf_put_zeros(&b, 64);
    assert_refused(&b, ERGO_E_FORMAT, "\"twin\": the name is that of tensor", -1);
}

static void data_beyond_the_file_is_refused(void **state)
{
    (void)state;
    static const uint64_t shape[] = {8}; /* 32 bytes */
    static const uint64_t offsets[] = {32, 64, (uint64_t)1 << 40, 0xffffffffffffffe0};
    gguf_builder b = {0};
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        build_one(&b, 1, shape, F32, offsets[i], 63);
        assert_refused(&b, ERGO_E_FORMAT, "the end of the data, which has 63 bytes",
                       SHAPE_AT + 8 + 4);
    }
    build_one(&b, 1, shape, F32, 0, 31);
    assert_refused(&b, ERGO_E_FORMAT, "32 bytes at data offset 0 lie beyond the end", -1);
    gguf_put_header(&b, 3, 1, 0); /* ends with the table, before the padding */
    gguf_put_tensor(&b, "t", 1, shape, F32, 0);
    assert_refused(&b, ERGO_E_FORMAT, "the data, which has 0 bytes", -1);
    build_one(&b, 1, shape, F32, 0, 32);
    assert_accepted(&b);
}

static void unaligned_data_is_refused(void **state)
{
    (void)state;
    static const uint64_t shape[] = {8};
    gguf_builder b = {0};
    build_one(&b, 1, shape, F32, 16, 128);
    assert_refused(&b, ERGO_E_FORMAT, "the data offset is 16, no multiple of the alignment 32",
                   SHAPE_AT + 8 + 4);
}

static void overlapping_tensors_are_refused(void **state)
{
    (void)state;
    static const uint64_t small[] = {8}, large[] = {24}; /* 32 and 96 bytes */
    static const uint64_t offsets[] = {0, 32, 64};
    gguf_builder b = {0};
    for (size_t i = 0; i < 3; i++) {
        for (int first = 0; first < 2; first++) {
            gguf_put_header(&b, 3, 3, 0);
            if (first)
                gguf_put_tensor(&b, "small", 1, small, F32, offsets[i]);
            gguf_put_tensor(&b, "large", 1, large, F32, 0);
            gguf_put_tensor(&b, "apart", 1, small, F32, 96);
            if (!first)
                gguf_put_tensor(&b, "small", 1, small, F32, offsets[i]);
            gguf_put_padding(&b, 32);
            gguf_put_zeros(&b, 128);
            assert_refused(&b, ERGO_E_FORMAT, "the data overlaps that of tensor", -1);
        }
    }
}

/* A file with one packed matrix "t" and `data` bytes for it. */
static void build_packed(gguf_builder *b, uint32_t version, uint32_t align, uint32_t n_dims,
                         const uint64_t *shape, uint32_t type, size_t data)
{
    gguf_put_header(b, 3, 1, (version > 0 ? 1u : 0u) + (align > 0 ? 1u : 0u));
    if (version > 0)
        gguf_put_kv_u32(b, "ergo.packed.version", version);
    if (align > 0)
        gguf_put_kv_u32(b, "general.alignment", align);
    gguf_put_tensor(b, "t", n_dims, shape, PACKED + type, 0);
    gguf_put_padding(b, align > 0 ? align : 32);
    gguf_put_zeros(b, data);
}

static void packed_tensors_are_checked_like_any_other(void **state)
{
    (void)state;
    static const uint64_t full[] = {64, 17}; /* two strips of 16 rows of two blocks */
    const size_t q4_0 = 2 * 16 * 2 * 18, q8_0 = 2 * 16 * 2 * 34;
    static const uint64_t partial[] = {48, 16}, deep[] = {64, 16, 2}, vast[] = {32, INT64_MAX / 32},
                          wide[] = {(uint64_t)1 << 61, 2};
    gguf_builder b = {0};
    build_packed(&b, 1, 64, 2, full, Q4_0, q4_0);
    assert_accepted(&b);
    build_packed(&b, 1, 4096, 2, full, Q8_0, q8_0);
    assert_accepted(&b);
    build_packed(&b, 1, 64, 2, full, Q4_0, q4_0 - 1);
    assert_refused(&b, ERGO_E_FORMAT, "tensor 0 \"t\": 1152 bytes at data offset 0 lie beyond", -1);
    build_packed(&b, 0, 64, 2, full, Q4_0, q4_0);
    assert_refused(&b, ERGO_E_FORMAT, "packed, but the file has no entry ergo.packed.version", -1);
    build_packed(&b, 1, 0, 2, full, Q4_0, q4_0);
    assert_refused(&b, ERGO_E_FORMAT, "the alignment is 32, no multiple of 64", -1);
    build_packed(&b, 1, 64, 3, deep, Q4_0, 2 * q4_0);
    assert_refused(&b, ERGO_E_FORMAT, "packed, but it has 3 dimensions, not 2", -1);
    build_packed(&b, 1, 64, 1, full, Q4_0, q4_0);
    assert_refused(&b, ERGO_E_FORMAT, "packed, but it has 1 dimensions, not 2", -1);
    build_packed(&b, 1, 64, 2, partial, Q4_0, q4_0);
    assert_refused(&b, ERGO_E_FORMAT, "a row of 48 elements is no multiple of the 32", -1);
    build_packed(&b, 1, 64, 2, vast, Q8_0, q8_0);
    assert_refused(&b, ERGO_E_FORMAT, "", -1);
    build_packed(&b, 1, 64, 2, wide, Q8_0, q8_0);
    assert_refused(&b, ERGO_E_FORMAT, "packed elements of Q8_0 overflows", -1);
    build_packed(&b, 1, 64, 2, full, F32, q8_0); /* two strips of 16 rows of 64 floats */
    assert_refused(&b, ERGO_E_FORMAT, "8192 bytes at data offset 0 lie beyond the end", -1);
    build_packed(&b, 1, 64, 2, full, 99, q8_0);
    assert_refused(&b, ERGO_E_UNSUPPORTED, "tensor type 10099 is unknown", -1);
}

static void other_versions_of_packed_weights_are_refused(void **state)
{
    (void)state;
    static const uint64_t full[] = {64, 17};
    gguf_builder b = {0};
    build_packed(&b, 2, 64, 2, full, Q4_0, 4096);
    assert_refused(&b, ERGO_E_UNSUPPORTED,
                   "entry 0 \"ergo.packed.version\": version 2 of packed weights is not supported",
                   -1);
    build_packed(&b, 0xffffffff, 64, 2, full, Q4_0, 4096);
    assert_refused(&b, ERGO_E_UNSUPPORTED, "version 4294967295 of packed weights", -1);
    gguf_put_header(&b, 3, 0, 1);
    gguf_put_kv_text(&b, "ergo.packed.version", "1");
    assert_refused(&b, ERGO_E_FORMAT, "the version of packed weights is a string, not a u32", -1);
    gguf_put_header(&b, 3, 0, 1);
    gguf_put_kv_array(&b, "ergo.packed.version", 4, 1);
    gguf_put_uint(&b, 1, 4);
    assert_refused(&b, ERGO_E_FORMAT, "is an array of u32, not a u32", -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_dimensions_are_refused),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(sums_that_overflow_are_refused),
        cmocka_unit_test(unsupported_tensor_types_are_refused_by_number),
        cmocka_unit_test(partial_blocks_are_refused),
        cmocka_unit_test(bad_tensor_names_are_refused),
        cmocka_unit_test(data_beyond_the_file_is_refused),
        cmocka_unit_test(unaligned_data_is_refused),
        cmocka_unit_test(overlapping_tensors_are_refused),
        cmocka_unit_test(packed_tensors_are_checked_like_any_other),
        cmocka_unit_test(other_versions_of_packed_weights_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
