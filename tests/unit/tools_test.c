/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of run-model that need no process of their own. They belong to a program, not to a
 * library, so their sources are compiled into this test. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tools/args.c"
#include "tools/args_help.c"
#include "tools/buffer.c"
#include "tools/gguf_write.c"
#include "tools/json_write.c"
#include "tools/out_file.c"
#include "tools/quant_mix.c"
#include "tools/shapes.c"
#include "tools/tool.c"

typedef struct values {
    bool flag;
    const char *text;
    args_texts texts;
    uint32_t number;
    uint64_t big;
    float real;
    uint32_t choice;
    args_counts counts;
} values;

static const char *const choices[] = {"red", "green", NULL};
static const args_option options[] = {
    {"flag", 0, ARGS_FLAG, offsetof(values, flag), NULL, "a flag", 0, 0, NULL},
    {"text", 't', ARGS_TEXT, offsetof(values, text), "TEXT", "a text", 0, 0, NULL},
    {"texts", 0, ARGS_TEXTS, offsetof(values, texts), "TEXT", "texts", 0, 0, NULL},
    {"number", 'n', ARGS_U32, offsetof(values, number), "N", "a number", 1, 100, NULL},
    {"big", 0, ARGS_U64, offsetof(values, big), "N", "a big number", 0, 0, NULL},
    {"real", 0, ARGS_FLOAT, offsetof(values, real), "X", "a real number", 0, 2, NULL},
    {"choice", 0, ARGS_CHOICE, offsetof(values, choice), "C", "a colour", 0, 0, choices},
    {"counts", 0, ARGS_COUNTS, offsetof(values, counts), "LIST", "numbers", 1, 9, NULL},
};
static const args_spec spec = {
    .command = "test",
    .usage = "test",
    .about = "A test.",
    .groups = {{"Options", options, sizeof options / sizeof *options, 0}},
    .rest = "words",
};

/* Parses the words, which end with NULL. */
static int parse(values *out, args_rest *rest, char **words)
{
    int count = 0;
    while (words[count] != NULL)
        count++;
    memset(out, 0, sizeof *out);
    return args_parse(&spec, count, words, out, rest);
}

static void every_kind_of_option_is_parsed(void **state)
{
    (void)state;
    values v;
    args_rest rest;
    char *words[] = {"test",     "--flag", "-t",
                     "-5",       "one",    "--texts=a",
                     "--texts",  "b=c",    "-n",
                     "100",      "--big",  "18446744073709551615",
                     "--real",   "0.5",    "--choice=green",
                     "--counts", "1,9,3",  "--",
                     "--flag2",  NULL};
    assert_int_equal(parse(&v, &rest, words), ARGS_GO_ON);
    assert_true(v.flag);
    assert_string_equal(v.text, "-5");
    assert_int_equal(v.texts.count, 2);
    assert_string_equal(v.texts.item[0], "a");
    assert_string_equal(v.texts.item[1], "b=c");
    assert_int_equal(v.number, 100);
    assert_true(v.big == UINT64_MAX);
    assert_true(v.real == 0.5f);
    assert_int_equal(v.choice, 1);
    assert_int_equal(v.counts.count, 3);
    assert_int_equal(v.counts.item[2], 3);
    assert_int_equal(rest.count, 2);
    assert_string_equal(rest.item[0], "one");
    assert_string_equal(rest.item[1], "--flag2");
}

static void wrong_values_are_usage_errors_and_change_nothing(void **state)
{
    (void)state;
    char *wrong[][2] = {
        {"--number", "0"},
        {"--number", "101"},
        {"--number", "-1"},
        {"--number", "1x"},
        {"--number", ""},
        {"--number", " 1"},
        {"--number", "+1"},
        {"--number", "4294967297"},
        {"--number", "1e1"},
        {"--big", "18446744073709551616"},
        {"--big", "-1"},
        {"--real", "nan"},
        {"--real", "inf"},
        {"--real", "2.01"},
        {"--real", "-0.1"},
        {"--real", "1 "},
        {"--real", ""},
        {"--real", "0x"},
        {"--choice", "blue"},
        {"--choice", ""},
        {"--counts", ""},
        {"--counts", "1,"},
        {"--counts", ",1"},
        {"--counts", "1,10"},
        {"--counts", "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1"},
        {"--unknown", "1"},
        {"-x", "1"},
        {"--flag=1", "1"},
        {"--numberx", "1"},
        {"--numbe", "1"},
        {"-n5", "1"},
    };
    const values untouched = {.flag = false};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        values v;
        char *words[] = {"test", wrong[i][0], wrong[i][1], NULL};
        assert_int_equal(parse(&v, NULL, words), TOOL_USAGE);
        assert_memory_equal(&v, &untouched, sizeof v);
    }
    values v;
    char *missing[] = {"test", "--text", NULL};
    assert_int_equal(parse(&v, NULL, missing), TOOL_USAGE);
}

/* What `write` gives as text. */
static void assert_json(void (*write)(json_writer *json), const char *expected)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    json_writer json = json_start(out);
    write(&json);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, expected);
    free(text);
}

static void write_nested(json_writer *json)
{
    json_object(json, NULL);
    json_array(json, "empty");
    json_array_end(json);
    json_array(json, "list");
    json_u64(json, NULL, UINT64_MAX);
    json_object(json, NULL);
    json_bool(json, "yes", true);
    json_null(json, "none");
    json_object_end(json);
    json_i64(json, NULL, INT64_MIN);
    json_array_end(json);
    json_text(json, "null", NULL);
    json_object_end(json);
    json_finish(json);
}

static void write_numbers(json_writer *json)
{
    const double values_written[] = {0.1, 1.0 / 3, 1e300, -5e-324, 3, NAN, INFINITY};
    json_array(json, NULL);
    for (size_t i = 0; i < sizeof values_written / sizeof *values_written; i++)
        json_double(json, NULL, values_written[i]);
    json_array_end(json);
}

static void write_texts(json_writer *json)
{
    /* ASCII, controls, two to four bytes, then what is no UTF-8: a lone byte, a cut character, a
     * long form, a surrogate, a code beyond the last. */
    static const char *const texts[] = {
        "a\"\\\n\x01\x7f",
        "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
        "\x80x",
        "\xe2\x82",
        "\xc0\xaf",
        "\xed\xa0\x80",
        "\xf4\x90\x80\x80",
    };
    json_array(json, NULL);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        json_text(json, NULL, texts[i]);
    json_str(json, NULL, (ergo_str){"a\0b", 3});
    json_array_end(json);
}

static void json_nests_and_separates(void **state)
{
    (void)state;
    assert_json(write_nested, "{\"empty\":[],\"list\":[18446744073709551615,"
                              "{\"yes\":true,\"none\":null},-9223372036854775808],"
                              "\"null\":null}\n");
}

static void json_numbers_read_back_the_same_and_others_are_null(void **state)
{
    (void)state;
    assert_json(write_numbers,
                "[0.1,0.3333333333333333,1e+300,-4.94065645841247e-324,3,null,null]");
}

static void json_replaces_what_is_no_utf8(void **state)
{
    (void)state;
#define BAD "\xef\xbf\xbd"
    assert_json(write_texts,
                "[\"a\\\"\\\\\\n\\u0001\\u007f\","
                "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\",\"" BAD "x\",\"" BAD "\",\"" BAD BAD
                "\",\"" BAD BAD BAD "\",\"" BAD BAD BAD BAD "\",\"a\\u0000b\"]");
}

/* A file name of its own in the test's folder. */
static const char *temporary_name(char *out, size_t room)
{
    (void)snprintf(out, room, "tools_test-%ld.tmp", (long)getpid());
    return out;
}

/* The whole file in memory aligned for ergo. */
static ergo_bytes read_back(const char *path)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    const size_t size = (size_t)ftell(file);
    rewind(file);
    const ergo_block block = tool_block(size);
    assert_non_null(block.data);
    assert_int_equal(fread(block.data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    return (ergo_bytes){block.data, size};
}

static ergo_gguf *open_gguf(ergo_bytes bytes, ergo_block *block)
{
    const ergo_gguf_config config = {.name = "written"};
    ergo_gguf *gguf = NULL;
    size_t size = 0;
    assert_int_equal(ergo_gguf_size(bytes, &config, &size), ERGO_OK);
    *block = tool_block(size);
    assert_int_equal(ergo_gguf_open(bytes, &config, *block, &gguf), ERGO_OK);
    return gguf;
}

static void write_copy(const ergo_gguf *gguf, const char *path)
{
    gguf_writer writer;
    assert_int_equal(gguf_write_open(path, &writer), TOOL_DONE);
    for (size_t i = 0; i < ergo_gguf_kv_count(gguf); i++)
        gguf_write_entry(&writer, ergo_gguf_kv_at(gguf, i));
    for (size_t i = 0; i < ergo_gguf_tensor_count(gguf); i++) {
        const ergo_tensor *t = ergo_gguf_tensor_at(gguf, i);
        gguf_write_tensor(&writer, t->name, t->type, t->n_dims, t->shape);
    }
    gguf_write_header(&writer);
    for (size_t i = 0; i < ergo_gguf_tensor_count(gguf); i++) {
        const ergo_tensor *t = ergo_gguf_tensor_at(gguf, i);
        gguf_write_data(&writer, t->bytes.data, t->bytes.size);
        gguf_write_tensor_end(&writer);
    }
    assert_int_equal(gguf_write_commit(&writer), TOOL_DONE);
}

static void a_written_gguf_file_reads_back(void **state)
{
    (void)state;
    char name[64];
    char copy_name[80];
    const float weights[33] = {1, 2, 3};
    const uint64_t vector[] = {33};
    const uint64_t matrix[] = {32, 1};
    unsigned char encoded[34] = {0};
    gguf_writer writer;
    assert_int_equal(gguf_write_open(temporary_name(name, sizeof name), &writer), TOOL_DONE);
    gguf_write_text(&writer, "general.architecture", tool_str("llama"));
    gguf_write_u32(&writer, "number", 7);
    gguf_write_f32(&writer, "real", 0.5f);
    gguf_write_bool(&writer, "yes", true);
    gguf_write_array(&writer, "words", ERGO_GGUF_STRING, 2);
    gguf_write_element_text(&writer, tool_str("one"));
    gguf_write_element_text(&writer, tool_str(""));
    gguf_write_tensor(&writer, tool_str("v"), ERGO_TYPE_F32, 1, vector);
    gguf_write_tensor(&writer, tool_str("m"), ERGO_TYPE_Q8_0, 2, matrix);
    gguf_write_header(&writer);
    gguf_write_data(&writer, weights, sizeof weights);
    gguf_write_tensor_end(&writer);
    gguf_write_data(&writer, encoded, sizeof encoded);
    gguf_write_tensor_end(&writer);
    assert_int_equal(access(name, F_OK), -1); /* not before it is complete */
    assert_int_equal(gguf_write_commit(&writer), TOOL_DONE);

    const ergo_bytes bytes = read_back(name);
    ergo_block memory = {NULL, 0};
    ergo_gguf *gguf = open_gguf(bytes, &memory);
    uint32_t number = 0;
    size_t offset = 0;
    assert_int_equal(ergo_gguf_u32(gguf, "number", &number), ERGO_OK);
    assert_int_equal(number, 7);
    const ergo_gguf_kv *words = ergo_gguf_kv_find(gguf, "words");
    assert_memory_equal(ergo_gguf_str_next(words, &offset).data, "one", 3);
    assert_int_equal(ergo_gguf_str_next(words, &offset).size, 0);
    assert_memory_equal(ergo_gguf_tensor_find(gguf, "v")->bytes.data, weights, sizeof weights);
    assert_int_equal(ergo_gguf_tensor_find(gguf, "m")->bytes.size, sizeof encoded);

    /* Entries and tensors copied as they are give the same bytes. */
    (void)snprintf(copy_name, sizeof copy_name, "%s-copy", name);
    write_copy(gguf, copy_name);
    const ergo_bytes copy = read_back(copy_name);
    assert_int_equal(copy.size, bytes.size);
    assert_memory_equal(copy.data, bytes.data, bytes.size);
    assert_int_equal(unlink(name), 0);
    assert_int_equal(unlink(copy_name), 0);
    free((void *)bytes.data);
    free((void *)copy.data);
    free(memory.data);
}

static void an_incomplete_file_never_appears(void **state)
{
    (void)state;
    char name[64];
    const uint64_t vector[] = {4};
    gguf_writer writer;
    assert_int_equal(gguf_write_open(temporary_name(name, sizeof name), &writer), TOOL_DONE);
    gguf_write_tensor(&writer, tool_str("v"), ERGO_TYPE_F32, 1, vector);
    gguf_write_header(&writer);
    assert_int_equal(gguf_write_commit(&writer), TOOL_FAILED); /* its tensor was not written */
    assert_int_equal(access(name, F_OK), -1);

    out_file file;
    assert_int_equal(out_file_open(name, &file), TOOL_DONE);
    out_file_write(&file, "abc", 3);
    out_file_abandon(&file);
    out_file_abandon(&file);
    assert_int_equal(access(name, F_OK), -1);

    assert_int_equal(out_file_open("/dev/full", &file), TOOL_DONE);
    out_file_write(&file, "abc", 3);
    assert_int_equal(out_file_commit(&file), TOOL_FAILED);
    assert_int_equal(out_file_open("no/such/folder/file", &file), TOOL_FAILED);
}

/* Type names as llama-quantize of llama.cpp 0.7.0 reports them for a model of 22 layers with rows
 * of 2048 (tinyllama) and for one of 30 layers with rows of 576 and 1536 (smollm2). */
static void mixes_choose_the_types_that_llama_cpp_does(void **state)
{
    (void)state;
    static const struct {
        const char *mix, *tensor;
        uint64_t row;
        uint32_t layers;
        bool has_output;
        ergo_type type;
    } rows[] = {
        {"Q4_0", "output.weight", 2048, 22, true, ERGO_TYPE_Q6_K},
        {"Q4_0", "token_embd.weight", 2048, 22, true, ERGO_TYPE_Q4_0},
        {"Q4_0", "token_embd.weight", 576, 30, false, ERGO_TYPE_Q8_0},
        {"Q8_0", "output.weight", 2048, 22, true, ERGO_TYPE_Q8_0},
        {"F16", "output.weight", 2048, 22, true, ERGO_TYPE_F16},
        {"Q4_K_M", "blk.0.attn_v.weight", 2048, 22, true, ERGO_TYPE_Q6_K},
        {"Q4_K_M", "blk.2.attn_v.weight", 2048, 22, true, ERGO_TYPE_Q4_K},
        {"Q4_K_M", "blk.4.ffn_down.weight", 2048, 22, true, ERGO_TYPE_Q6_K},
        {"Q4_K_M", "blk.21.ffn_down.weight", 2048, 22, true, ERGO_TYPE_Q6_K},
        {"Q4_K_M", "blk.0.attn_k.weight", 2048, 22, true, ERGO_TYPE_Q4_K},
        {"Q4_K_M", "blk.0.attn_k.weight", 576, 30, false, ERGO_TYPE_Q5_0},
        {"Q5_K_M", "blk.0.attn_k.weight", 576, 30, false, ERGO_TYPE_Q5_1},
        {"Q3_K_M", "blk.0.attn_k.weight", 576, 30, false, ERGO_TYPE_Q4_0},
        {"Q3_K_M", "blk.0.attn_output.weight", 576, 30, false, ERGO_TYPE_Q5_0},
        {"Q6_K", "blk.9.ffn_up.weight", 576, 30, false, ERGO_TYPE_Q8_0},
        {"IQ4_XS", "blk.9.ffn_up.weight", 576, 30, false, ERGO_TYPE_IQ4_NL},
        {"TQ2_0", "token_embd.weight", 2048, 22, true, ERGO_TYPE_Q4_K},
        {"Q8_0", "blk.0.ffn_down.weight", 172, 5, true, ERGO_TYPE_F16},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const quant_model model = {rows[i].layers, rows[i].has_output};
        const quant_mix *mix = quant_mix_find(rows[i].mix);
        assert_non_null(mix);
        assert_int_equal(quant_mix_type(mix, &model, tool_str(rows[i].tensor), rows[i].row),
                         rows[i].type);
    }
    assert_ptr_equal(quant_mix_find("q4_k_m"), quant_mix_find("Q4_K_M"));
    assert_null(quant_mix_find("Q4_K_X"));
    assert_false(quant_mix_converts(tool_str("blk.0.attn_q_norm.weight"), 2));
    assert_false(quant_mix_converts(tool_str("blk.0.attn_q.bias"), 2));
    assert_false(quant_mix_converts(tool_str("output_norm.weight"), 1));
}

/* The numbers of parameters that the models' cards state, in full. */
static void shapes_have_the_published_numbers_of_parameters(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t parameters;
    } published[] = {
        {"smollm2-135m", 134515008},    {"qwen2.5-0.5b", 494032768},
        {"qwen3-0.6b", 596049920},      {"llama-3.2-1b", 1235814400 + 32 /* rope factors */},
        {"tinyllama-1.1b", 1100048384},
    };
    for (size_t i = 0; i < sizeof published / sizeof *published; i++) {
        const shape *model = shape_find(published[i].name);
        assert_non_null(model);
        assert_true(shape_parameters(model) == published[i].parameters);
    }
    assert_null(shape_find("smollm2"));
    assert_null(shape_at(sizeof published / sizeof *published));
}

/* The first, the blended and the last factor that converters write for Llama 3.2 1B. */
static void llama_3_rope_factors_go_from_one_to_the_factor(void **state)
{
    (void)state;
    float factors[32];
    shape_rope_factors(shape_find("llama-3.2-1b"), factors);
    assert_true(factors[0] == 1 && factors[14] == 1);
    assert_true(factors[15] > 1 && factors[17] < 32);
    assert_true(factors[18] == 32 && factors[31] == 32);
    for (int i = 1; i < 32; i++)
        assert_true(factors[i] >= factors[i - 1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_option_is_parsed),
        cmocka_unit_test(wrong_values_are_usage_errors_and_change_nothing),
        cmocka_unit_test(json_nests_and_separates),
        cmocka_unit_test(json_numbers_read_back_the_same_and_others_are_null),
        cmocka_unit_test(json_replaces_what_is_no_utf8),
        cmocka_unit_test(a_written_gguf_file_reads_back),
        cmocka_unit_test(an_incomplete_file_never_appears),
        cmocka_unit_test(mixes_choose_the_types_that_llama_cpp_does),
        cmocka_unit_test(shapes_have_the_published_numbers_of_parameters),
        cmocka_unit_test(llama_3_rope_factors_go_from_one_to_the_factor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
