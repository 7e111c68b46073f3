/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "models/pretokenize.h"

enum { LINE_MAX = 8192, TEXTS_MAX = 200 };

typedef struct text_list {
    char *data[TEXTS_MAX];
    size_t size[TEXTS_MAX];
    size_t count;
} text_list;

/* Undoes the escapes \n \r \t \\ and \xHH, in place. */
static size_t unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from; to++) {
        if (*from != '\\') {
            *to = *from++;
        } else if (from[1] == 'x') {
            const char digits[] = {from[2], from[3], '\0'};
            *to = (char)strtoul(digits, NULL, 16);
            from += 4;
        } else {
            *to = from[1] == 'n' ? '\n' : from[1] == 'r' ? '\r' : from[1] == 't' ? '\t' : from[1];
            from += 2;
        }
    }
    return (size_t)(to - text);
}

static void add_text(text_list *texts, const char *line)
{
    assert_true(texts->count < TEXTS_MAX);
    char *copy = strdup(line);
    assert_non_null(copy);
    texts->size[texts->count] = unescape(copy);
    texts->data[texts->count++] = copy;
}

static const ergo__pretokenizer *find(const char *name)
{
    return ergo__pretokenizer_find((ergo_str){name, strlen(name)});
}

static void check_words(const ergo__pretokenizer *rule, const text_list *texts, size_t i,
                        const char *lengths)
{
    ergo__words words = ergo__words_of(rule, (ergo_str){texts->data[i], texts->size[i]});
    const char *next = texts->data[i];
    for (ergo_str word; ergo__words_next(&words, &word); next += word.size) {
        char *end;
        const unsigned long expected = strtoul(lengths, &end, 10);
        if (end == lengths || word.data != next || word.size != expected)
            fail_msg("%s, text %zu: the word at %zu has %zu bytes, not %lu", rule->name, i,
                     (size_t)(word.data - texts->data[i]), word.size, expected);
        lengths = end;
    }
    assert_ptr_equal(next, texts->data[i] + texts->size[i]);
    assert_int_equal(strspn(lengths, " "), strlen(lengths));
}

static void test_rules_cut_as_their_regular_expressions_do(void **state)
{
    (void)state;
    static char line[LINE_MAX];
    static text_list texts;
    const ergo__pretokenizer *rule = NULL;
    size_t rules = 0, checked = 0, next = 0;
    FILE *file = fopen(ERGO_SOURCE_DIR "/tests/unit/data/pretokenize.txt", "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "text ", 5) == 0) {
            add_text(&texts, line + 5);
        } else if (strncmp(line, "rule ", 5) == 0) {
            rule = find(line + 5);
            assert_non_null(rule);
            rules++;
            next = 0;
        } else if (line[0] != '#') {
            assert_true(next < texts.count);
            check_words(rule, &texts, next++, line);
            checked++;
        }
    }
    fclose(file);
    assert_int_equal(rules, 12);
    assert_int_equal(checked, rules * texts.count);
    for (size_t i = 0; i < texts.count; i++)
        free(texts.data[i]);
}

static void test_names_share_the_rules_of_their_families(void **state)
{
    (void)state;
    static const char *const families[][8] = {
        {"llama-bpe", "llama3", "llama-v3", "falcon3", "lfm2", "pixtral", "smaug-bpe", "dbrx"},
        {"qwen2", "deepseek-r1-qwen", "megrez", "stablelm2", "hunyuan", "kormo", "grok-2"},
        {"gpt-2", "phi-2", "mpt", "olmo", "jais", "exaone4", "modern-bert"},
        {"starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b"},
        {"gpt-4o", "llama4", "minimax-m2"},
        {"deepseek-v3", "hunyuan-dense"},
    };
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        const ergo__pretokenizer *first = find(families[i][0]);
        assert_non_null(first);
        for (size_t j = 1; j < 8 && families[i][j]; j++) {
            const ergo__pretokenizer *other = find(families[i][j]);
            assert_non_null(other);
            assert_ptr_equal(other->passes, first->passes);
        }
    }
    assert_true(find("llama-bpe")->whole_words && find("tekken")->whole_words);
    assert_false(find("dbrx")->whole_words || find("qwen2")->whole_words);
    assert_null(find("llama"));
    assert_null(find(""));
}

/* Random bytes, mostly no UTF-8: every byte is in exactly one word. */
static void test_any_bytes_are_cut_without_loss(void **state)
{
    (void)state;
    static const char *const names[] = {"default", "falcon",       "llama-bpe",      "qwen35",
                                        "gpt-4o",  "deepseek-llm", "deepseek-coder", "deepseek-v3"};
    static const char common[] = " \n'a1\xe4\xb8\xad!S/\xc3\xa9\x01";
    uint32_t random = 1;
    char text[64];
    for (int round = 0; round < 20000; round++) {
        const size_t size = (size_t)(round % 64);
        for (size_t i = 0; i < size; i++) {
            random = random * 1664525u + 1013904223u;
            text[i] = random >> 31 ? common[(random >> 8) % (sizeof common - 1)]
                                   : (char)(random >> 16 & 255);
        }
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            ergo__words words = ergo__words_of(find(names[i]), (ergo_str){text, size});
            size_t at = 0;
            for (ergo_str word; ergo__words_next(&words, &word); at += word.size)
                assert_true(word.size > 0 && word.data == text + at);
            assert_int_equal(at, size);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_cut_as_their_regular_expressions_do),
        cmocka_unit_test(test_names_share_the_rules_of_their_families),
        cmocka_unit_test(test_any_bytes_are_cut_without_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
