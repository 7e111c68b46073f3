/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/fakes/gguf_walk.h"
#include "tests/fault/gguf_refusal.h"

/* A GGUF file that is right but for one place, at every place. */

enum { F32 = 0, Q4_0 = 2, Q4_K = 12, DATA_BYTES = 112 + 144 };

/* All features in one small file; offsets and sizes by hand. */
static void build_whole(gguf_builder *b)
{
    static const uint64_t vector[] = {8}, matrix[] = {64, 2}, super[] = {256, 1, 1, 1};
    gguf_put_header(b, 3, 3, 8);
    gguf_put_kv_text(b, "general.architecture", "llama");
    gguf_put_kv_u32(b, "general.alignment", 16);
    gguf_put_key(b, "split.count", ERGO_GGUF_U16);
    gguf_put_uint(b, 1, 2);
    gguf_put_kv_f32(b, "eps", 1e-5f);
    gguf_put_kv_bool(b, "flag", 1);
    gguf_put_kv_array(b, "tokens", ERGO_GGUF_STRING, 3);
    gguf_put_text(b, "a");
    gguf_put_text(b, "");
    gguf_put_text(b, "bcd");
    gguf_put_kv_array(b, "scores", ERGO_GGUF_F32, 2);
    gguf_put_f32(b, -1);
    gguf_put_f32(b, 2);
    gguf_put_kv_array(b, "bits", ERGO_GGUF_BOOL, 3);
    gguf_put_uint(b, 0x010001, 3);
    gguf_put_tensor(b, "norm", 1, vector, F32, 0);     /* 32 bytes */
    gguf_put_tensor(b, "matrix", 2, matrix, Q4_0, 32); /* 4 blocks of 18: 72 bytes, 80 padded */
    gguf_put_tensor(b, "super", 4, super, Q4_K, 112);  /* 144 bytes */
    gguf_put_padding(b, 16);
    for (unsigned i = 0; i < DATA_BYTES; i++)
        gguf_put_uint(b, i & 0xff, 1);
}

static void truncation_anywhere_is_refused_before_memory_is_asked_for(void **state)
{
    (void)state;
    gguf_builder whole = {0};
    build_whole(&whole);
    for (size_t size = 0; size < whole.size; size++) {
        gguf_opened opened;
        const ergo_bytes cut = {.data = whole.bytes, .size = size};
        assert_int_equal(gguf_open_copy(cut, &opened), ERGO_E_FORMAT);
        assert_int_equal(opened.lines, 1);
        assert_null(opened.memory);
        gguf_close_copy(&opened);
    }
    assert_accepted(&whole);
}

/* Which of the two is open: what counts is that what is accepted holds. */
static void changing_any_byte_is_refused_or_harmless(void **state)
{
    (void)state;
    gguf_builder whole = {0};
    build_whole(&whole);
    size_t refused = 0, accepted = 0;
    for (size_t at = 0; at < whole.size - DATA_BYTES; at++) {
        for (unsigned mask = 1; mask < 256; mask++) {
            gguf_opened opened;
            whole.bytes[at] ^= (unsigned char)mask;
            const ergo_status status = gguf_open_copy(gguf_builder_file(&whole), &opened);
            whole.bytes[at] ^= (unsigned char)mask;
            assert_int_equal(opened.lines, status ? 1 : 0);
            assert_int_equal(opened.gguf != NULL, status == ERGO_OK);
            const ergo_bytes file = {.data = opened.copy, .size = whole.size};
            const char *fault = status ? NULL : gguf_walk(opened.gguf, file);
            if (fault)
                fail_msg("byte %zu ^ 0x%02x: %s", at, mask, fault);
            refused += status != ERGO_OK;
            accepted += status == ERGO_OK;
            gguf_close_copy(&opened);
        }
    }
    assert_true(refused > 10000 && accepted > 10000); /* the sweep reaches both outcomes */
    gguf_builder_free(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(truncation_anywhere_is_refused_before_memory_is_asked_for),
        cmocka_unit_test(changing_any_byte_is_refused_or_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
