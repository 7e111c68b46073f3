/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ergo/grammar.h"
#include "runtime/grammar_match.h"

static _Alignas(ERGO_BLOCK_ALIGN) unsigned char scratch_bytes[64 * 1024];

static ergo_str str(const char *text)
{
    return (ergo_str){text, strlen(text)};
}

static void keep_line(void *user, ergo_log_level level, const char *message)
{
    (void)level;
    strcpy(user, message);
}

static ergo_status convert(const char *schema, char *line, char **out)
{
    const ergo_block scratch = {scratch_bytes, sizeof scratch_bytes};
    const ergo_log log = {keep_line, line, ERGO_LOG_DEBUG};
    size_t size = 0, again = 0;
    ergo_status status = ergo_json_schema_grammar(str(schema), &log, scratch, NULL, 0, &size);
    if (status != ERGO_E_MEMORY || size == 0)
        return status;
    *out = malloc(size + 1);
    assert_non_null(*out);
    (*out)[size] = '\0';
    status = ergo_json_schema_grammar(str(schema), &log, scratch, *out, size, &again);
    assert_int_equal(again, size);
    return status;
}

typedef struct machine {
    void *memory, *state_memory;
    ergo__grammar_state *state;
} machine;

static void *aligned(size_t size)
{
    return aligned_alloc(ERGO_BLOCK_ALIGN,
                         (size + ERGO_BLOCK_ALIGN) / ERGO_BLOCK_ALIGN * ERGO_BLOCK_ALIGN);
}

static machine build(const char *text)
{
    machine m;
    char line[1024] = "";
    size_t size = 0;
    ergo_grammar *grammar = NULL;
    const ergo_grammar_config config = {.log = {keep_line, line, ERGO_LOG_DEBUG}};
    if (ergo_grammar_size(str(text), &config, &size))
        fail_msg("%s\n%s", line, text);
    m.memory = aligned(size);
    if (ergo_grammar_open(str(text), &config, (ergo_block){m.memory, size}, &grammar))
        fail_msg("%s\n%s", line, text);
    ergo__arena counting = ergo__arena_counting();
    ergo__grammar_state_take(&counting, grammar);
    m.state_memory = aligned(counting.used);
    ergo__arena arena = ergo__arena_over((ergo_block){m.state_memory, counting.used});
    m.state = ergo__grammar_state_take(&arena, grammar);
    return m;
}

/* Documents are separated by '~': those that the schema allows, and those that it does not. */
static void check(const char *schema, const char *valid, const char *invalid)
{
    char line[1024] = "", *text = NULL;
    if (convert(schema, line, &text))
        fail_msg("%s\n%s", schema, line);
    machine m = build(text);
    for (int good = 0; good < 2; good++) {
        const char *p = good ? valid : invalid;
        for (const char *end; p; p = *end ? end + 1 : NULL) {
            end = p + strcspn(p, "~");
            const ergo_str document = {p, (size_t)(end - p)};
            assert_int_equal(ergo__grammar_reset(m.state), ERGO_OK);
            const bool matches =
                !ergo__grammar_advance(m.state, document) && ergo__grammar_can_end(m.state);
            if (matches != good)
                fail_msg("%s\n%s: %.*s\n%s", schema, good ? "refused" : "accepted", (int)(end - p),
                         p, text);
        }
    }
    free(text);
    free(m.memory);
    free(m.state_memory);
}

static void plain_types(void **state)
{
    (void)state;
    check("{\"type\":\"string\"}", "\"\"~\"a b\"~\"\\n\\u00e9\\\"\"~\"é😀\"",
          "a~\"~\"\n\"~\"\\x\"~1");
    check("{\"type\":\"integer\"}", "0~-1~42~1234567890123456", "01~-0~1.0~1e3~+1~-~");
    check("{\"type\":\"number\"}", "0~-0~-0.5~3.14~1e10~2E-3", "01~.5~1.~1e~NaN");
    check("{\"type\":\"boolean\"}", "true~false", "True~null~1");
    check("{\"type\":\"null\"}", "null", "nul~nulll~0");
    check("{\"type\":[\"string\",\"null\",\"integer\"]}", "\"a\"~null~7", "true~1.5~[]");
    check("true", "1~{\"a\": [1, {}]}~[]~\"x\"~null", "{a:1}~[1,]~");
    check("{}", "1~{\"a\":1,\"b\":2}~[1, 2,3]", "~[1 ,2]~{\"a\" :1}");
    check("{\"type\":\"object\"}", "{}~{\"a\": 1}", "[]~{1:2}");
    check("{\"type\":\"array\"}", "[]~[1, \"a\", []]", "{}~[,]");
}

static void properties_come_in_order_and_required_ones_always(void **state)
{
    (void)state;
    check("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"type\":"
          "\"string\"},\"c\":{\"type\":\"null\"}},\"required\":[\"b\"]}",
          "{\"b\":\"x\"}~{\"a\": 1, \"b\": "
          "\"x\"}~{\"a\":1,\"b\":\"\",\"c\":null}~{\"b\":\"\",\"c\":null}",
          "{}~{\"a\":1}~{\"b\":1}~{\"b\":\"\",\"a\":1}~{\"b\":\"\",}~{,\"b\":\"\"}~{\"b\":\"\","
          "\"d\":1}~"
          "{\"a\":1\"b\":\"\"}");
    check("{\"properties\":{\"a\":true,\"b\":true}}", "{}~{\"a\":1}~{\"b\":[]}~{\"a\":1,\"b\":2}",
          "{\"b\":1,\"a\":2}~{\"c\":1}~{\"a\":1,}");
    check("{\"properties\":{\"a\":{\"type\":\"null\"}},\"required\":[\"z\",\"a\"]}",
          "{\"a\":null,\"z\":[1]}", "{\"a\":null}~{\"z\":1}");
    check("{\"properties\":{\"q\\\"\\u00e9\\n-^]\":{\"type\":\"null\"}}}",
          "{\"q\\\"é\\n-^]\": null}~{}", "{\"q\":null}");
    check("{\"type\":\"object\",\"properties\":{},\"additionalProperties\":false}", "{}",
          "{\"a\":1}");
}

static void additional_properties_never_repeat_a_name(void **state)
{
    (void)state;
    const char *schema = "{\"properties\":{\"ab\":{\"type\":\"null\"},\"abc\":{\"type\":\"null\"},"
                         "\"x\":{\"type\":\"null\"},\"é\":true},\"additionalProperties\":{\"type\":"
                         "\"integer\"},\"required\":[\"x\"]}";
    check(schema,
          "{\"x\":null}~{\"ab\":null,\"x\":null}~{\"x\":null,\"a\":1}~{\"x\":null,\"abd\":1,"
          "\"abcd\":2}~"
          "{\"x\":null,\"\":1}~{\"x\":null,\"xx\":1, \"y\": "
          "2}~{\"abc\":null,\"x\":null,\"é\":0,\"éa\":1}",
          "{\"x\":null,\"ab\":1}~{\"x\":null,\"abc\":1}~{\"x\":1}~{\"a\":1}~{\"x\":null,\"x\":1}~"
          "{\"x\":null,\"a\":null}~{\"x\":null,\"\\u0061b\":1}");
    check("{\"type\":\"object\",\"additionalProperties\":{\"type\":\"boolean\"}}",
          "{}~{\"a\":true}~{\"a\":true, \"b\":false}", "{\"a\":1}~{\"a\":true,}");
    check("{\"properties\":{\"a\":{\"type\":\"null\"}},\"additionalProperties\":true}",
          "{}~{\"a\":null}~{\"b\":1}~{\"a\":null,\"b\":1,\"c\":2}~{\"b\":1,\"c\":2}", "{\"a\":1}");
}

static void arrays_keep_their_bounds(void **state)
{
    (void)state;
    check("{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}", "[]~[1]~[1, 2,3]",
          "[1,]~[\"a\"]~[,1]");
    check("{\"items\":{\"type\":\"integer\"},\"minItems\":2,\"maxItems\":3}", "[1,2]~[1,2,3]",
          "[]~[1]~[1,2,3,4]");
    check("{\"items\":{\"type\":\"null\"},\"minItems\":1}", "[null]~[null,null]", "[]");
    check("{\"items\":{\"type\":\"null\"},\"maxItems\":1}", "[]~[null]", "[null,null]");
    check("{\"type\":\"array\",\"maxItems\":0}", "[]", "[1]");
    check("{\"prefixItems\":[{\"type\":\"integer\"},{\"type\":\"string\"}]}", "[]~[1]~[1,\"a\"]",
          "[\"a\"]~[1,\"a\",2]");
    check(
        "{\"prefixItems\":[{\"type\":\"integer\"},{\"type\":\"string\"}],\"minItems\":2,\"items\":"
        "{\"type\":\"null\"},\"maxItems\":4}",
        "[1,\"a\"]~[1,\"a\",null]~[1,\"a\",null,null]", "[1]~[1,\"a\",1]~[1,\"a\",null,null,null]");
    check("{\"prefixItems\":[{\"type\":\"integer\"}],\"minItems\":3,\"items\":{\"type\":\"null\"}}",
          "[1,null,null]~[1,null,null,null]", "[1,null]~[]");
    check("{\"prefixItems\":[true,true,true],\"maxItems\":2,\"items\":false}", "[]~[1,2]",
          "[1,2,3]");
}

static void enum_and_const_are_literal(void **state)
{
    (void)state;
    check("{\"enum\":[\"a\\\"b\",1.50,null,[1,{\"k\":true}],\"\\u00e9\\u0001\"]}",
          "\"a\\\"b\"~1.50~null~[1,{\"k\":true}]~[1, {\"k\": true}]~\"é\\u0001\"",
          "1.5~\"a\"~[1,{\"k\":false}]~true");
    check("{\"const\":\"x\"}", "\"x\"", "\"y\"~x");
    check("{\"const\":{}}", "{}", "[]~{\"a\":1}");
    check("{\"type\":\"string\",\"enum\":[\"a\",1]}", "\"a\"", "1");
    check("{\"type\":\"integer\",\"enum\":[\"a\",1,1.5]}", "1", "\"a\"~1.5");
}

static void alternatives_and_references(void **state)
{
    (void)state;
    check("{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"string\",\"maxLength\":2}]}", "1~\"ab\"",
          "\"abc\"~null");
    check("{\"oneOf\":[{\"const\":1},{\"const\":2}]}", "1~2", "3");
    check("{\"$defs\":{\"n\":{\"type\":\"integer\"},\"a/b~c d\":{\"const\":5}},\"type\":\"array\","
          "\"items\":{\"anyOf\":[{\"$ref\":\"#/$defs/n\"},{\"$ref\":\"#/$defs/a~1b~0c%20d\"}]}}",
          "[1,5]~[]", "[null]");
    check("{\"properties\":{\"v\":{\"type\":\"integer\"},\"next\":{\"$ref\":\"#\"}},\"required\":["
          "\"v\"]}",
          "{\"v\":1}~{\"v\":1,\"next\":{\"v\":2,\"next\":{\"v\":3}}}",
          "{\"next\":{}}~{\"v\":1,\"next\":{}}");
    check("{\"$ref\":\"#/$defs/tree\",\"$defs\":{\"tree\":{\"type\":\"array\",\"items\":{\"$ref\":"
          "\"#/$defs/tree\"}}}}",
          "[]~[[],[[]]]", "[1]~[[]");
    check("{\"allOf\":[{\"$ref\":\"#/$defs/a\"},{\"properties\":{\"y\":{\"type\":\"null\"}}}],"
          "\"required\":[\"y\"],\"$defs\":{\"a\":{\"properties\":{\"x\":{\"type\":\"integer\"}},"
          "\"required\":[\"x\"]}}}",
          "{\"x\":1,\"y\":null}", "{\"x\":1}~{\"y\":null}~{\"y\":null,\"x\":1}");
    check("{\"title\":\"t\",\"allOf\":[{\"$ref\":\"#/$defs/"
          "a\"}],\"$defs\":{\"a\":{\"type\":\"null\"}}}",
          "null", "1");
    check("{\"anyOf\":[{\"$ref\":\"#/anyOf/1\"},{\"type\":\"null\"}]}", "null", "1");
}

static void strings_keep_length_and_format(void **state)
{
    (void)state;
    check("{\"type\":\"string\",\"minLength\":2,\"maxLength\":3}", "\"ab\"~\"é\\n😀\"",
          "\"a\"~\"abcd\"");
    check("{\"minLength\":1}", "\"a\"~\"abc\"", "\"\"");
    check("{\"type\":\"string\",\"maxLength\":0}", "\"\"", "\"a\"");
    check("{\"type\":\"string\",\"format\":\"date\"}", "\"2024-02-29\"~\"1999-12-31\"",
          "\"2024-13-01\"~\"2024-02-30\"~\"2024-04-31\"~\"24-1-1\"~\"2024-00-10\"");
    check("{\"type\":\"string\",\"format\":\"time\"}", "\"23:59:59Z\"~\"00:00:00.125+02:00\"",
          "\"24:00:00Z\"~\"12:00:00\"~\"12:60:00Z\"");
    check("{\"type\":\"string\",\"format\":\"date-time\"}", "\"2024-06-30T12:00:00Z\"",
          "\"2024-06-30\"~\"2024-06-31T12:00:00Z\"");
    check("{\"type\":\"string\",\"format\":\"uuid\"}", "\"123e4567-e89b-12d3-a456-426614174000\"",
          "\"123e4567e89b12d3a456426614174000\"~\"123e4567-e89b-12d3-a456-42661417400g\"");
    check("{\"type\":\"string\",\"format\":\"email\"}", "\"a@b\"", "1");
}

/* Every integer around the bounds, and some far from them. */
static void check_range(const char *bounds, long low, long high)
{
    char schema[256], line[1024] = "", *text = NULL;
    snprintf(schema, sizeof schema, "{\"type\":\"integer\",%s}", bounds);
    if (convert(schema, line, &text))
        fail_msg("%s\n%s", schema, line);
    machine m = build(text);
    for (long n = -12345; n <= 12345; n++) {
        char digits[32];
        snprintf(digits, sizeof digits, "%ld", n);
        assert_int_equal(ergo__grammar_reset(m.state), ERGO_OK);
        const bool matches =
            !ergo__grammar_advance(m.state, str(digits)) && ergo__grammar_can_end(m.state);
        if (matches != (n >= low && n <= high))
            fail_msg("%s: %ld\n%s", schema, n, text);
    }
    free(text);
    free(m.memory);
    free(m.state_memory);
}

static void integer_ranges_are_exact(void **state)
{
    (void)state;
    const long all = 1000000;
    check_range("\"minimum\":0", 0, all);
    check_range("\"minimum\":7", 7, all);
    check_range("\"minimum\":100", 100, all);
    check_range("\"minimum\":-35", -35, all);
    check_range("\"maximum\":0", -all, 0);
    check_range("\"maximum\":999", -all, 999);
    check_range("\"maximum\":-1", -all, -1);
    check_range("\"maximum\":-128", -all, -128);
    check_range("\"minimum\":0,\"maximum\":255", 0, 255);
    check_range("\"minimum\":-128,\"maximum\":127", -128, 127);
    check_range("\"exclusiveMinimum\":9,\"exclusiveMaximum\":1001.0", 10, 1000);
    check_range("\"minimum\":5,\"exclusiveMinimum\":3,\"maximum\":5", 5, 5);
    check_range("\"minimum\":-9999,\"maximum\":-11", -9999, -11);
    srand(7);
    for (int i = 0; i < 40; i++) {
        char bounds[128];
        const long a = rand() % 20001 - 10000, b = a + rand() % (i % 2 ? 30 : 9000);
        snprintf(bounds, sizeof bounds, "\"minimum\":%ld,\"maximum\":%ld", a, b);
        check_range(bounds, a, b);
    }
    check("{\"type\":\"integer\",\"minimum\":999999999999999998,\"maximum\":999999999999999999}",
          "999999999999999998~999999999999999999", "999999999999999997~99999999999999999");
}

static void what_would_change_the_meaning_is_refused_by_name(void **state)
{
    (void)state;
    const struct {
        const char *schema;
        ergo_status status;
        const char *message;
    } bad[] = {
        {"{\"type\":\"string\",\"pattern\":\"a*\"}", ERGO_E_UNSUPPORTED, "pattern"},
        {"{\"not\":{}}", ERGO_E_UNSUPPORTED, "\"not\""},
        {"{\"type\":\"array\",\"items\":{\"if\":{}}}", ERGO_E_UNSUPPORTED, "\"if\""},
        {"{\"type\":\"array\",\"uniqueItems\":true}", ERGO_E_UNSUPPORTED, "uniqueItems"},
        {"{\"type\":\"number\",\"minimum\":1}", ERGO_E_UNSUPPORTED, "minimum"},
        {"{\"type\":\"integer\",\"minimum\":0.5}", ERGO_E_UNSUPPORTED, "minimum"},
        {"{\"type\":\"integer\",\"minimum\":5,\"maximum\":4}", ERGO_E_FORMAT, "minimum"},
        {"{\"anyOf\":[{}],\"properties\":{}}", ERGO_E_UNSUPPORTED, "properties"},
        {"{\"allOf\":[{\"type\":\"string\"},{\"minLength\":2}]}", ERGO_E_UNSUPPORTED, "allOf"},
        {"{\"$ref\":\"other.json\"}", ERGO_E_UNSUPPORTED, "$ref"},
        {"{\"$ref\":\"#/nowhere\"}", ERGO_E_FORMAT, "$ref"},
        {"{\"$ref\":\"#\"}", ERGO_E_FORMAT, "$ref"},
        {"{\"type\":\"strin\"}", ERGO_E_FORMAT, "type"},
        {"{\"type\":\"string\",\"minLength\":-1}", ERGO_E_FORMAT, "minLength"},
        {"{\"type\":\"string\",\"minLength\":3,\"maxLength\":2}", ERGO_E_FORMAT, "minLength"},
        {"{\"enum\":[]}", ERGO_E_FORMAT, "enum"},
        {"{\"properties\":{\"a\":false}}", ERGO_E_UNSUPPORTED, "schema"},
        {"{\"items\":[{}]}", ERGO_E_UNSUPPORTED, "items"},
        {"{\"properties\":[1]}", ERGO_E_FORMAT, "properties"},
        {"3", ERGO_E_FORMAT, "schema"},
        {"{\"type\":", ERGO_E_FORMAT, "offset 8"},
        {"{\"a\":01}", ERGO_E_FORMAT, "offset"},
        {"{\"a\":\"\\q\"}", ERGO_E_FORMAT, "escape"},
        {"{} {}", ERGO_E_FORMAT, "behind"},
        {"", ERGO_E_FORMAT, "value"},
        {"[1,]", ERGO_E_FORMAT, "value"},
        {"{\"a\"1}", ERGO_E_FORMAT, "':'"},
        {"\"\xff\"", ERGO_E_FORMAT, "UTF-8"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char line[1024] = "", *text = NULL;
        const ergo_status status = convert(bad[i].schema, line, &text);
        if (status != bad[i].status || !strstr(line, bad[i].message))
            fail_msg("%s: %d, %s", bad[i].schema, status, line);
        free(text);
    }
}

static void nesting_is_bounded_at_64(void **state)
{
    (void)state;
    for (size_t depth = 63; depth <= 100000; depth = depth < 66 ? depth + 1 : depth * 40) {
        char line[1024] = "", *out = NULL, *text = calloc(depth, 12);
        for (size_t i = 0; i < depth; i++)
            memcpy(text + 9 * i, "{\"items\":", 9);
        memcpy(text + 9 * depth, "{}", 3);
        for (size_t i = 0; i < depth; i++)
            memcpy(text + 9 * depth + 2 + i, "}", 1);
        assert_int_equal(convert(text, line, &out), depth < 64 ? ERGO_OK : ERGO_E_LIMIT);
        free(text);
        free(out);
    }
}

static void a_schema_of_a_thousand_nodes_fits_64_KiB(void **state)
{
    (void)state;
    char *text = malloc(64 * 1024), line[1024] = "", *out = NULL, *p = text;
    p += sprintf(p, "{\"properties\":{");
    for (int i = 0; i < 499; i++)
        p += sprintf(p, "%s\"p%d\":{\"type\":\"null\"}", i ? "," : "", i);
    sprintf(p, "},\"additionalProperties\":{\"type\":\"null\"}}");
    assert_int_equal(convert(text, line, &out), ERGO_OK);
    machine m = build(out);
    assert_int_equal(ergo__grammar_reset(m.state), ERGO_OK);
    assert_int_equal(ergo__grammar_advance(m.state, str("{\"p1\":null,\"p498\":null,\"q\":null}")),
                     ERGO_OK);
    assert_true(ergo__grammar_can_end(m.state));
    free(m.memory);
    free(m.state_memory);
    free(out);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_types),
        cmocka_unit_test(properties_come_in_order_and_required_ones_always),
        cmocka_unit_test(additional_properties_never_repeat_a_name),
        cmocka_unit_test(arrays_keep_their_bounds),
        cmocka_unit_test(enum_and_const_are_literal),
        cmocka_unit_test(alternatives_and_references),
        cmocka_unit_test(strings_keep_length_and_format),
        cmocka_unit_test(integer_ranges_are_exact),
        cmocka_unit_test(what_would_change_the_meaning_is_refused_by_name),
        cmocka_unit_test(nesting_is_bounded_at_64),
        cmocka_unit_test(a_schema_of_a_thousand_nodes_fits_64_KiB),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
