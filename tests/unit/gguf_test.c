/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/fakes/gguf_builder.h"
#include "tests/fakes/gguf_walk.h"

typedef struct opened {
    char message[512]; /* the last one */
    void *memory;
    size_t size;
    ergo_gguf *gguf;
} opened;

static void record(void *user, ergo_log_level level, const char *message)
{
    opened *o = user;
    assert_int_equal(level, ERGO_LOG_ERROR);
    snprintf(o->message, sizeof o->message, "%s", message);
}

static void open_file(ergo_bytes file, opened *o)
{
    *o = (opened){0};
    const ergo_gguf_config config = {.log = {.write = record, .user = o}, .name = "good.gguf"};
    assert_int_equal(ergo_gguf_size(file, &config, &o->size), ERGO_OK);
    o->memory = aligned_alloc(ERGO_BLOCK_ALIGN, (o->size + 63) & ~(size_t)63);
    assert_non_null(o->memory);
    assert_int_equal(ergo_gguf_open(file, &config, (ergo_block){o->memory, o->size}, &o->gguf),
                     ERGO_OK);
    const char *fault = gguf_walk(o->gguf, file);
    if (fault)
        fail_msg("%s", fault);
    o->message[0] = '\0'; /* the walk asks for the wrong types */
}

static void close_file(opened *o)
{
    free(o->memory);
}

static void assert_str(ergo_str text, const char *expected)
{
    assert_int_equal(text.size, strlen(expected));
    assert_memory_equal(text.data, expected, text.size);
}

static void types_have_the_sizes_of_the_format(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t id, elements, bytes;
    } known[] = {
        {"F32", 0, 1, 4},       {"F16", 1, 1, 2},         {"Q4_0", 2, 32, 18},
        {"Q4_1", 3, 32, 20},    {"Q5_0", 6, 32, 22},      {"Q5_1", 7, 32, 24},
        {"Q8_0", 8, 32, 34},    {"Q2_K", 10, 256, 84},    {"Q3_K", 11, 256, 110},
        {"Q4_K", 12, 256, 144}, {"Q5_K", 13, 256, 176},   {"Q6_K", 14, 256, 210},
        {"IQ4_NL", 20, 32, 18}, {"IQ4_XS", 23, 256, 136}, {"BF16", 30, 1, 2},
        {"TQ1_0", 34, 256, 54}, {"TQ2_0", 35, 256, 66},   {"MXFP4", 39, 32, 17},
    };
    size_t found = 0;
    for (uint32_t id = 0; id < 1000; id++)
        found += ergo_type_get(id) != NULL;
    assert_int_equal(found, sizeof known / sizeof known[0]);
    for (size_t i = 0; i < found; i++) {
        const ergo_type_info *type = ergo_type_get(known[i].id);
        assert_non_null(type);
        assert_string_equal(type->name, known[i].name);
        assert_int_equal(type->type, known[i].id);
        assert_int_equal(type->block_elements, known[i].elements);
        assert_int_equal(type->block_bytes, known[i].bytes);
        assert_ptr_equal(ergo_type_find(known[i].name), type);
    }
}

static void types_are_found_by_name_in_any_case(void **state)
{
    (void)state;
    assert_ptr_equal(ergo_type_find("q4_k"), ergo_type_get(12));
    assert_ptr_equal(ergo_type_find("Iq4_nL"), ergo_type_get(20));
    assert_null(ergo_type_find(""));
    assert_null(ergo_type_find("Q4_"));
    assert_null(ergo_type_find("Q4_K_M"));
    assert_null(ergo_type_get(4));
    assert_null(ergo_type_get(UINT32_MAX));
}

/* One entry of each type, named after it, with values at the edges. */
static void build_scalars(gguf_builder *b)
{
    gguf_put_header(b, 3, 0, 16);
    gguf_put_key(b, "u8", 0);
    gguf_put_uint(b, 200, 1);
    gguf_put_key(b, "i8", 1);
    gguf_put_uint(b, 0x80, 1);
    gguf_put_key(b, "u16", 2);
    gguf_put_uint(b, 0xfffe, 2);
    gguf_put_key(b, "i16", 3);
    gguf_put_uint(b, 0xfffe, 2);
    gguf_put_key(b, "u32", 4);
    gguf_put_uint(b, 0xfffffffd, 4);
    gguf_put_key(b, "i32", 5);
    gguf_put_uint(b, 0xfffffffd, 4);
    gguf_put_kv_f32(b, "f32", -2.75f);
    gguf_put_kv_bool(b, "true", 1);
    gguf_put_kv_bool(b, "false", 0);
    gguf_put_kv_text(b, "string", "h\xc3\xa9llo");
    gguf_put_key(b, "u64", 10);
    gguf_put_uint(b, 0xfedcba9876543210, 8);
    gguf_put_key(b, "i64", 11);
    gguf_put_uint(b, 0xffffffff00000000, 8);
    gguf_put_key(b, "f64", 12);
    gguf_put_f64(b, 0.1);
    gguf_put_key(b, "huge", 12);
    gguf_put_f64(b, 1e300);
    gguf_put_key(b, "nan", 12);
    gguf_put_f64(b, NAN);
    gguf_put_key(b, "small", 10);
    gguf_put_uint(b, 4096, 8);
}

static void integers_of_any_width_are_read_where_they_fit(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        ergo_status status;
        uint32_t value;
    } cases[] = {
        {"u8", ERGO_OK, 200},          {"u16", ERGO_OK, 65534},    {"u32", ERGO_OK, 4294967293u},
        {"small", ERGO_OK, 4096},      {"i8", ERGO_E_FORMAT, 0},   {"i16", ERGO_E_FORMAT, 0},
        {"i32", ERGO_E_FORMAT, 0},     {"u64", ERGO_E_FORMAT, 0},  {"i64", ERGO_E_FORMAT, 0},
        {"f32", ERGO_E_FORMAT, 0},     {"true", ERGO_E_FORMAT, 0}, {"string", ERGO_E_FORMAT, 0},
        {"none", ERGO_E_NOT_FOUND, 0},
    };
    gguf_builder b = {0};
    opened o;
    build_scalars(&b);
    open_file(gguf_builder_file(&b), &o);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t value = 12345;
        o.message[0] = '\0';
        assert_int_equal(ergo_gguf_u32(o.gguf, cases[i].key, &value), cases[i].status);
        assert_int_equal(value, cases[i].status ? 12345 : cases[i].value);
        assert_int_equal(o.message[0] != '\0', cases[i].status == ERGO_E_FORMAT);
    }
    uint32_t value;
    assert_int_equal(ergo_gguf_u32(o.gguf, "i32", &value), ERGO_E_FORMAT);
    assert_string_equal(o.message,
                        "good.gguf: \"i32\" is -3, which does not fit 32 bits without sign");
    assert_int_equal(ergo_gguf_u32(o.gguf, "string", &value), ERGO_E_FORMAT);
    assert_string_equal(o.message, "good.gguf: \"string\" is of type string, not an integer");
    close_file(&o);
    gguf_builder_free(&b);
}

static void floats_bools_and_strings_are_read_by_their_type(void **state)
{
    (void)state;
    gguf_builder b = {0};
    opened o;
    float real = 7;
    bool truth = false;
    ergo_str text = {0};
    build_scalars(&b);
    open_file(gguf_builder_file(&b), &o);
    assert_int_equal(ergo_gguf_f32(o.gguf, "f32", &real), ERGO_OK);
    assert_true(real == -2.75f);
    assert_int_equal(ergo_gguf_f32(o.gguf, "f64", &real), ERGO_OK);
    assert_true(real == 0.1f);
    assert_int_equal(ergo_gguf_f32(o.gguf, "huge", &real), ERGO_E_FORMAT);
    assert_int_equal(ergo_gguf_f32(o.gguf, "u32", &real), ERGO_E_FORMAT);
    assert_int_equal(ergo_gguf_f32(o.gguf, "none", &real), ERGO_E_NOT_FOUND);
    assert_true(real == 0.1f);
    assert_int_equal(ergo_gguf_f32(o.gguf, "nan", &real), ERGO_OK);
    assert_true(isnan(real));
    assert_int_equal(ergo_gguf_bool(o.gguf, "true", &truth), ERGO_OK);
    assert_true(truth);
    assert_int_equal(ergo_gguf_bool(o.gguf, "u8", &truth), ERGO_E_FORMAT);
    assert_true(truth);
    assert_int_equal(ergo_gguf_bool(o.gguf, "false", &truth), ERGO_OK);
    assert_false(truth);
    assert_int_equal(ergo_gguf_str(o.gguf, "string", &text), ERGO_OK);
    assert_str(text, "h\xc3\xa9llo");
    assert_int_equal(ergo_gguf_str(o.gguf, "true", &text), ERGO_E_FORMAT);
    assert_int_equal(ergo_gguf_str(o.gguf, "none", &text), ERGO_E_NOT_FOUND);
    assert_str(text, "h\xc3\xa9llo");
    close_file(&o);
    gguf_builder_free(&b);
}

static void elements_convert_and_saturate(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        int64_t integer;
        double real;
    } cases[] = {
        {"u8", 200, 200},
        {"i8", -128, -128},
        {"u16", 65534, 65534},
        {"i16", -2, -2},
        {"i32", -3, -3},
        {"u32", 4294967293, 4294967293},
        {"i64", -4294967296, -4294967296.0},
        {"u64", INT64_MAX, 0x1.fdb97530eca86p63},
        {"f32", -2, -2.75},
        {"f64", 0, 0.1},
        {"huge", INT64_MAX, 1e300},
        {"true", 1, 1},
        {"string", 0, 0},
    };
    gguf_builder b = {0};
    opened o;
    build_scalars(&b);
    open_file(gguf_builder_file(&b), &o);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const ergo_gguf_kv *kv = ergo_gguf_kv_find(o.gguf, cases[i].key);
        assert_non_null(kv);
        assert_false(kv->is_array);
        assert_true(ergo_gguf_int_at(kv, 0) == cases[i].integer);
        assert_true(ergo_gguf_float_at(kv, 0) == cases[i].real);
        assert_true(ergo_gguf_int_at(kv, 1) == 0 && ergo_gguf_float_at(kv, UINT64_MAX) == 0);
    }
    assert_true(ergo_gguf_int_at(ergo_gguf_kv_find(o.gguf, "nan"), 0) == 0);
    close_file(&o);
    gguf_builder_free(&b);
}

static void arrays_are_walked_in_place(void **state)
{
    (void)state;
    gguf_builder b = {0};
    opened o;
    size_t offset = 0;
    gguf_put_header(&b, 2, 0, 5);
    gguf_put_kv_array(&b, "tokens", 8, 3);
    gguf_put_text(&b, "first");
    gguf_put_text(&b, "");
    gguf_put_text(&b, "third");
    gguf_put_kv_array(&b, "scores", 6, 2);
    gguf_put_f32(&b, -0.5f);
    gguf_put_f32(&b, 3.25f);
    gguf_put_kv_array(&b, "heads", 5, 3);
    gguf_put_uint(&b, 8, 4);
    gguf_put_uint(&b, 0xffffffff, 4);
    gguf_put_uint(&b, 2, 4);
    gguf_put_kv_array(&b, "empty", 8, 0);
    gguf_put_kv_array(&b, "zero", 10, 1);
    gguf_put_uint(&b, 0, 8);
    open_file(gguf_builder_file(&b), &o);
    assert_int_equal(ergo_gguf_version(o.gguf), 2);
    const ergo_gguf_kv *tokens = ergo_gguf_kv_at(o.gguf, 0);
    assert_true(tokens->is_array && tokens->type == ERGO_GGUF_STRING && tokens->count == 3);
    assert_str(tokens->key, "tokens");
    assert_str(ergo_gguf_str_next(tokens, &offset), "first");
    assert_str(ergo_gguf_str_next(tokens, &offset), "");
    assert_str(ergo_gguf_str_next(tokens, &offset), "third");
    assert_true(ergo_gguf_str_next(tokens, &offset).data == NULL);
    assert_int_equal(offset, 8 + 5 + 8 + 8 + 5);
    const ergo_gguf_kv *scores = ergo_gguf_kv_find(o.gguf, "scores");
    assert_true(ergo_gguf_float_at(scores, 0) == -0.5 && ergo_gguf_float_at(scores, 1) == 3.25);
    assert_int_equal(scores->payload.size, 8);
    assert_true(ergo_gguf_int_at(ergo_gguf_kv_find(o.gguf, "heads"), 1) == -1);
    assert_int_equal(ergo_gguf_kv_find(o.gguf, "empty")->count, 0);
    offset = 0; /* as a string it would be an empty one */
    assert_null(ergo_gguf_str_next(ergo_gguf_kv_find(o.gguf, "zero"), &offset).data);
    assert_int_equal(offset, 0);
    uint32_t value;
    assert_int_equal(ergo_gguf_u32(o.gguf, "heads", &value), ERGO_E_FORMAT);
    assert_string_equal(o.message, "good.gguf: \"heads\" is an array of i32, not an integer");
    close_file(&o);
    gguf_builder_free(&b);
}

static void tensors_may_lie_in_any_order_with_gaps(void **state)
{
    (void)state;
    static const uint64_t vector[] = {3}, matrix[] = {64, 3}, cube[] = {2, 3, 2};
    gguf_builder b = {0};
    opened o;
    gguf_put_header(&b, 3, 3, 1);
    gguf_put_kv_u32(&b, "general.alignment", 64);
    gguf_put_tensor(&b, "last", 1, vector, 0, 320); /* 12 bytes */
    gguf_put_tensor(&b, "matrix", 2, matrix, 8, 0); /* 6 blocks of 34: 204 bytes */
    gguf_put_tensor(&b, "cube", 3, cube, 30, 256);  /* 24 bytes */
    gguf_put_padding(&b, 64);
    const size_t data = b.size;
    gguf_put_zeros(&b, 332); /* no padding behind the last */
    open_file(gguf_builder_file(&b), &o);
    assert_int_equal(ergo_gguf_alignment(o.gguf), 64);
    assert_int_equal(ergo_gguf_tensor_count(o.gguf), 3);
    const ergo_tensor *m = ergo_gguf_tensor_find(o.gguf, "matrix");
    assert_ptr_equal(m, ergo_gguf_tensor_at(o.gguf, 1));
    assert_ptr_equal(m->bytes.data, b.bytes + data);
    assert_int_equal(m->bytes.size, 204);
    assert_int_equal(m->elements, 192);
    assert_true(m->type == ERGO_TYPE_Q8_0 && m->n_dims == 2);
    assert_true(m->shape[0] == 64 && m->shape[1] == 3 && m->shape[2] == 1 && m->shape[3] == 1);
    assert_ptr_equal(ergo_gguf_tensor_find(o.gguf, "last")->bytes.data, b.bytes + data + 320);
    assert_int_equal(ergo_gguf_tensor_find(o.gguf, "cube")->bytes.size, 24);
    assert_null(ergo_gguf_tensor_find(o.gguf, "matri"));
    assert_null(ergo_gguf_tensor_find(o.gguf, "matrix2"));
    assert_null(ergo_gguf_tensor_find(o.gguf, ""));
    close_file(&o);
    gguf_builder_free(&b);
}

static void the_size_is_exact_and_out_untouched_on_error(void **state)
{
    (void)state;
    gguf_builder b = {0};
    opened o;
    build_scalars(&b);
    const ergo_bytes file = gguf_builder_file(&b);
    open_file(file, &o);
    ergo_gguf *gguf = NULL;
    const ergo_block small = {o.memory, o.size - 1}, none = {NULL, o.size},
                     crooked = {(char *)o.memory + 1, o.size};
    assert_int_equal(ergo_gguf_open(file, NULL, small, &gguf), ERGO_E_MEMORY);
    assert_int_equal(ergo_gguf_open(file, NULL, none, &gguf), ERGO_E_MEMORY);
    assert_int_equal(ergo_gguf_open(file, NULL, crooked, &gguf), ERGO_E_MEMORY);
    assert_int_equal(ergo_gguf_open((ergo_bytes){NULL, 9}, NULL, small, &gguf), ERGO_E_ARGUMENT);
    assert_int_equal(ergo_gguf_size(file, NULL, NULL), ERGO_E_ARGUMENT);
    assert_null(gguf);
    assert_int_equal(ergo_gguf_open(file, NULL, (ergo_block){o.memory, o.size}, &gguf), ERGO_OK);
    assert_non_null(gguf);
    close_file(&o);
    gguf_builder_free(&b);
}

static void the_name_and_log_outlive_the_configuration(void **state)
{
    (void)state;
    gguf_builder b = {0};
    opened o = {0};
    char name[300];
    ergo_gguf_config config = {.log = {.write = record, .user = &o}, .name = name};
    build_scalars(&b);
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(ergo_gguf_size(gguf_builder_file(&b), &config, &o.size), ERGO_OK);
    o.memory = aligned_alloc(ERGO_BLOCK_ALIGN, (o.size + 63) & ~(size_t)63);
    assert_non_null(o.memory);
    assert_int_equal(
        ergo_gguf_open(gguf_builder_file(&b), &config, (ergo_block){o.memory, o.size}, &o.gguf),
        ERGO_OK);
    memset(name, 'x', sizeof name - 1);
    config = (ergo_gguf_config){0};
    bool truth;
    assert_int_equal(ergo_gguf_bool(o.gguf, "u8", &truth), ERGO_E_FORMAT);
    assert_memory_equal(o.message, "nnnnnnnn", 8);
    close_file(&o);
    gguf_builder_free(&b);
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* A quadratic search would take minutes; the bounds leave room for sanitizers on slow boards. */
static void large_files_open_in_little_time(void **state)
{
    (void)state;
    enum { ENTRIES = 100000, TENSORS = 100000, TOKENS = 150000 };
    static const uint64_t shape[] = {1};
    gguf_builder b = {0};
    opened o;
    char name[32];
    gguf_put_header(&b, 3, TENSORS, ENTRIES + 1);
    for (unsigned i = 0; i < ENTRIES; i++) {
        snprintf(name, sizeof name, "some.common.prefix.%u", i * 7919 % ENTRIES);
        gguf_put_kv_u32(&b, name, i);
    }
    gguf_put_kv_array(&b, "tokens", 8, TOKENS);
    for (unsigned i = 0; i < TOKENS; i++)
        gguf_put_text(&b, "token");
    for (unsigned i = 0; i < TENSORS; i++) {
        snprintf(name, sizeof name, "blk.%u.weight", i);
        gguf_put_tensor(&b, name, 1, shape, 0, (uint64_t)(i * 7919 % TENSORS) * 32);
    }
    gguf_put_padding(&b, 32);
    gguf_put_zeros(&b, (size_t)TENSORS * 32);
    const double start = now_ms();
    open_file(gguf_builder_file(&b), &o);
    assert_true(now_ms() - start < 10000);
    uint32_t value;
    assert_int_equal(ergo_gguf_u32(o.gguf, "some.common.prefix.7919", &value), ERGO_OK);
    assert_int_equal(value, 1);
    assert_ptr_equal(ergo_gguf_tensor_find(o.gguf, "blk.99999.weight"),
                     ergo_gguf_tensor_at(o.gguf, 99999));
    close_file(&o);
    gguf_builder_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_have_the_sizes_of_the_format),
        cmocka_unit_test(types_are_found_by_name_in_any_case),
        cmocka_unit_test(integers_of_any_width_are_read_where_they_fit),
        cmocka_unit_test(floats_bools_and_strings_are_read_by_their_type),
        cmocka_unit_test(elements_convert_and_saturate),
        cmocka_unit_test(arrays_are_walked_in_place),
        cmocka_unit_test(tensors_may_lie_in_any_order_with_gaps),
        cmocka_unit_test(the_size_is_exact_and_out_untouched_on_error),
        cmocka_unit_test(the_name_and_log_outlive_the_configuration),
        cmocka_unit_test(large_files_open_in_little_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
