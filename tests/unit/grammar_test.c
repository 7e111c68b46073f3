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
#include "runtime/grammar_filter.h"
#include "runtime/grammar_match.h"

static void *aligned(size_t size)
{
    void *p = aligned_alloc(ERGO_BLOCK_ALIGN,
                            (size + ERGO_BLOCK_ALIGN) / ERGO_BLOCK_ALIGN * ERGO_BLOCK_ALIGN);
    assert_non_null(p);
    return p;
}

static ergo_str str(const char *text)
{
    return (ergo_str){text, strlen(text)};
}

static void keep_line(void *user, ergo_log_level level, const char *message)
{
    (void)level;
    strcpy(user, message);
}

/* A grammar and a state of it, at the beginning. */
typedef struct fixture {
    void *memory, *state_memory;
    ergo_grammar *grammar;
    ergo__grammar_state *state;
} fixture;

static ergo_status open_text(ergo_str text, const ergo_grammar_config *config, fixture *f)
{
    size_t size = 0;
    *f = (fixture){0};
    ergo_status status = ergo_grammar_size(text, config, &size);
    if (status)
        return status;
    f->memory = aligned(size);
    memset(f->memory, 0xa5, size);
    return ergo_grammar_open(text, config, (ergo_block){f->memory, size}, &f->grammar);
}

static void take_state(fixture *f)
{
    ergo__arena counting = ergo__arena_counting();
    ergo__grammar_state_take(&counting, f->grammar);
    f->state_memory = aligned(counting.used);
    memset(f->state_memory, 0xa5, counting.used);
    ergo__arena arena = ergo__arena_over((ergo_block){f->state_memory, counting.used});
    f->state = ergo__grammar_state_take(&arena, f->grammar);
    assert_non_null(f->state);
}

static fixture open_good(const char *text)
{
    fixture f;
    char line[1024] = "";
    const ergo_grammar_config config = {.log = {keep_line, line, ERGO_LOG_DEBUG}};
    if (open_text(str(text), &config, &f) != ERGO_OK)
        fail_msg("%s", line);
    take_state(&f);
    assert_int_equal(ergo__grammar_reset(f.state), ERGO_OK);
    return f;
}

static void close_all(fixture *f)
{
    free(f->memory);
    free(f->state_memory);
}

/* Whether the grammar generates the text; every way of feeding it must agree. */
static bool matches(fixture *f, ergo_str text)
{
    assert_int_equal(ergo__grammar_reset(f->state), ERGO_OK);
    const bool accepts = ergo__grammar_accepts(f->state, text);
    bool prefix = true;
    for (size_t i = 0; i < text.size && prefix; i++) {
        const ergo_str byte = {text.data + i, 1};
        prefix = ergo__grammar_accepts(f->state, byte);
        assert_int_equal(ergo__grammar_advance(f->state, byte), prefix ? ERGO_OK : ERGO_E_STATE);
    }
    assert_int_equal(accepts, prefix);
    const bool whole = prefix && ergo__grammar_can_end(f->state);
    assert_int_equal(ergo__grammar_reset(f->state), ERGO_OK);
    assert_int_equal(ergo__grammar_advance(f->state, text), prefix ? ERGO_OK : ERGO_E_STATE);
    if (prefix)
        assert_int_equal(ergo__grammar_can_end(f->state), whole);
    assert_false(ergo__grammar_limited(f->state));
    return whole;
}

/* Texts are separated by '~'. */
static void check(const char *grammar, const char *in, const char *out)
{
    fixture f = open_good(grammar);
    for (int good = 0; good < 2; good++) {
        const char *p = good ? in : out;
        for (const char *end; p; p = *end ? end + 1 : NULL) {
            end = p + strcspn(p, "~");
            if (matches(&f, (ergo_str){p, (size_t)(end - p)}) != good)
                fail_msg("%s\n%s: %.*s", grammar, good ? "refused" : "accepted", (int)(end - p), p);
        }
    }
    close_all(&f);
}

static void literals_classes_and_escapes(void **state)
{
    (void)state;
    check("root ::= \"ab\\n\\t\\\"\\\\\\x41\\u00e9\\U0001F600\\[\\]\"",
          "ab\n\t\"\\A\xc3\xa9\xf0\x9f\x98\x80[]",
          "~a~ab\n\t\"\\B~ab\n\t\"\\A\xc3\xa9\xf0\x9f\x98\x80[]x");
    check("root ::= [a-cx\\]-]", "a~b~c~x~]~-", "~d~aa~[~,");
    check("root ::= [-+]", "-~+", "~,~.");
    check("root ::= [^\"\\\\\\x00-\\x1f]", "a~'~\xc3\xa9~\xf4\x8f\xbf\xbf~ ", "\"~\\~\x1f~\n~");
    check("root ::= [\\u00e0-\\u00ffα-ω]+", "éα~ω", "e~Ω~\xc3");
    check("root ::= .", "a~\n~é~\xf0\x9f\x98\x80",
          "~ab~\x80~\xc0\x80~\xed\xa0\x80~\xf4\x90\x80\x80");
    check("root ::= \"\"", "", "a");
}

static void operators_bind_to_the_last_element(void **state)
{
    (void)state;
    check("root ::= \"ab\"* \"c\"", "c~abc~ababc", "~ab~abbc~ac");
    check("root ::= \"a\" \"b\"+", "ab~abb", "a~~aab");
    check("root ::= (\"a\" | \"bc\")? \"d\"", "d~ad~bcd", "~abcd~aad~a");
    check("root ::= \"a\"{2}", "aa", "~a~aaa");
    check("root ::= \"a\"{2,}", "aa~aaa~aaaaaaaa", "~a");
    check("root ::= \"a\"{0,2}", "~a~aa", "aaa");
    check("root ::= \"a\"{1,3} \"b\"", "ab~aab~aaab", "b~aaaab");
    check("root ::= \"x\" \"a\"{0} \"y\"", "xy", "xay");
    check("root ::= (\"abcdefghijkl\"{0,0} | \"b\"){0} \"y\"", "y", "b~by");
    check("root ::= (\"a\"{2} \"b\"){2,3}", "aabaab~aabaabaab", "aab~aabab~aabaabaabaab");
    check("root ::= [0-9] *", "~1~12", "a");
    check("root ::= \"a\"+?", "~a~aa", "b");
}

static void layout_is_that_of_the_field(void **state)
{
    (void)state;
    check("# a comment\r\nroot  ::=\n  item-1 # first\nitem-1 ::= (\n  \"a\"\n  | # or\n "
          "\"b\"\n)+\n\n"
          "unused ::= \"#\" \n",
          "a~ab~ba", "~c~#");
    check("root ::= \"a\" |\n \"b\"\n | \"c\"", "a~b~c", "~d");
    check("root ::= | \"a\"", "~a", "b");
    check("root ::= (\"a\" |)\t\"b\"", "b~ab", "a~");
}

static void rules_recurse(void **state)
{
    (void)state;
    check("root ::= \"(\" root \")\" | \"\"", "~()~(())~((()))", "(~)~(()~())");
    check("root ::= \"a\" root \"b\" | \"a\" root \"c\" | \"d\"", "d~adb~aaadbcb~aadcc",
          "~ad~adbb~ab");
    check("root ::= \"a\" root | \"a\"", "a~aaaaaaaaa", "~b~ab");
    check("root ::= ws \"x\" ws\nws ::= ([ \\t\\n] ws)?", "x~  x~x \n \t", " ~x x~");
    check("root ::= a b a\na ::= \"x\"?\nb ::= a a", "~x~xx~xxx~xxxx", "xxxxx~y");
    check("root ::= e\ne ::= t (\"+\" t)*\nt ::= f (\"*\" f)*\nf ::= [0-9]+ | \"(\" e \")\"",
          "1~1+2*3~(1+2)*3~((7))", "~1+~(1~1+*2~)");
}

static void repetition_of_what_may_be_empty_is_harmless(void **state)
{
    (void)state;
    check("root ::= (\"a\"*)*", "~a~aaaa", "b~ab");
    check("root ::= ((\"a\"?)* | \"\"+)+ \"b\"", "b~aab", "~a");
    check("root ::= (x*)* \"!\"\nx ::= y*\ny ::= \"a\"?", "!~aa!", "~a");
    check("root ::= (\"a\"*){0,500}", "~aaaa", "b");
}

static void malformed_grammars_are_refused_with_line_and_column(void **state)
{
    (void)state;
    const struct {
        const char *text;
        ergo_status status;
        const char *message;
    } bad[] = {
        {"", ERGO_E_FORMAT, "root"},
        {"a ::= \"x\"", ERGO_E_FORMAT, "root"},
        {"root ::= x", ERGO_E_FORMAT, "line 1, column 10"},
        {"root ::= \"a\nb\" \nx ::= \"", ERGO_E_FORMAT, "line 3, column 8"},
        {"root ::= \"a\"\nroot ::= \"b\"", ERGO_E_FORMAT, "line 2, column 1"},
        {"root ::= [z-a]", ERGO_E_FORMAT, "backwards"},
        {"root ::= []", ERGO_E_FORMAT, "empty"},
        {"root ::= [a", ERGO_E_FORMAT, "ends early"},
        {"root ::= (\"a\"", ERGO_E_FORMAT, "')'"},
        {"root ::= \"a\")", ERGO_E_FORMAT, "unexpected"},
        {"root ::= *", ERGO_E_FORMAT, "unexpected"},
        {"root = \"a\"", ERGO_E_FORMAT, "'::='"},
        {"root ::= \"\\q\"", ERGO_E_FORMAT, "escape"},
        {"root ::= \"\\x4\"", ERGO_E_FORMAT, "hexadecimal"},
        {"root ::= \"\\ud800\"", ERGO_E_FORMAT, "no character"},
        {"root ::= \"\\U00110000\"", ERGO_E_FORMAT, "no character"},
        {"root ::= \"\xff\"", ERGO_E_FORMAT, "UTF-8"},
        {"root ::= \"a\"{3,2}", ERGO_E_FORMAT, "at most"},
        {"root ::= \"a\"{,2}", ERGO_E_FORMAT, "number"},
        {"root ::= \"a\"{2", ERGO_E_FORMAT, "'}'"},
        {"root ::= \"a\"{0,1000000000}", ERGO_E_LIMIT, "max_elements"},
        {"root ::= \"a\"{99999999999999999999}", ERGO_E_LIMIT, "too large"},
        {"root ::= ((\"a\"{1000}){1000}){1000}", ERGO_E_LIMIT, "max_elements"},
        {"root ::= \"a\"**************", ERGO_E_LIMIT, "operators"},
        {"root ::= root \"a\"", ERGO_E_FORMAT, "left recursion"},
        {"root ::= a\na ::= b? c\nb ::= \"x\"\nc ::= (d | \"y\")\nd ::= \"\" a", ERGO_E_FORMAT,
         "left recursion"},
        {"root ::= \"x\"\na ::= a", ERGO_E_FORMAT, "left recursion"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        fixture f;
        char line[1024] = "";
        const ergo_grammar_config config = {.log = {keep_line, line, ERGO_LOG_DEBUG}};
        const ergo_status status = open_text(str(bad[i].text), &config, &f);
        if (status != bad[i].status || !strstr(line, bad[i].message) || f.grammar)
            fail_msg("%s: %d, %s", bad[i].text, status, line);
        close_all(&f);
    }
}

static char *repeated(const char *head, const char *unit, size_t times, const char *tail)
{
    char *text = malloc(strlen(head) + strlen(unit) * times + strlen(tail) + 1), *p = text;
    assert_non_null(text);
    p = stpcpy(p, head);
    while (times--)
        p = stpcpy(p, unit);
    stpcpy(p, tail);
    return text;
}

static void deep_and_long_grammars_hit_limits(void **state)
{
    (void)state;
    const struct {
        const char *head, *unit, *tail;
        size_t times;
        ergo_status status;
    } cases[] = {
        {"root ::= ", "(", "", 60000, ERGO_E_LIMIT},
        {"root ::= ", "(", "\"a\"", 64, ERGO_E_FORMAT},
        {"root ::= \"", "abcdefghij", "\"", 7000, ERGO_E_LIMIT},
        {"root ::= \"a\"\n", "x ::= \"\"\n", "", 5000, ERGO_E_LIMIT},
        {"root ::= [", "a", "]", 200000, ERGO_E_LIMIT},
        {"root ::= \"a\"", " | \"a\"", "", 20000, ERGO_OK},
        {"root ::= ", "\"a\"? ", "", 20000, ERGO_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture f;
        char *text = repeated(cases[i].head, cases[i].unit, cases[i].times, cases[i].tail);
        assert_int_equal(open_text(str(text), NULL, &f), cases[i].status);
        if (f.grammar) {
            take_state(&f);
            assert_int_equal(ergo__grammar_reset(f.state), ERGO_OK);
            assert_int_equal(ergo__grammar_advance(f.state, str("a")), ERGO_OK);
        }
        close_all(&f);
        free(text);
    }
}

/* A chain of rules as long as the limit: every call is the last of its rule and needs no memory. */
static void chains_of_rules_are_followed(void **state)
{
    (void)state;
    char *text = malloc(200000), *p = text;
    p += sprintf(p, "root ::= r0 \".\"\n");
    for (int i = 0; i < 4000; i++)
        p += sprintf(p, "r%d ::= %sr%d\n", i, i % 2 ? "\"x\"? " : "", i + 1);
    sprintf(p, "r4000 ::= \"z\"");
    check(text, "z.~xz.~xxxz.", "~z~x.");
    free(text);
}

static void nesting_beyond_the_memory_is_a_limit_and_changes_nothing(void **state)
{
    (void)state;
    fixture f = open_good("root ::= \"(\" root \")\" | \"a\"");
    size_t depth = 0;
    ergo_status status = ERGO_OK;
    while (!status && depth < 100000) {
        status = ergo__grammar_advance(f.state, str("("));
        depth += !status;
    }
    assert_int_equal(status, ERGO_E_LIMIT);
    assert_true(depth > 500);
    assert_int_equal(ergo__grammar_advance(f.state, str("a")), ERGO_OK);
    for (; depth > 0; depth--) {
        assert_false(ergo__grammar_can_end(f.state));
        assert_int_equal(ergo__grammar_advance(f.state, str(")")), ERGO_OK);
    }
    assert_true(ergo__grammar_can_end(f.state));
    assert_int_equal(ergo__grammar_advance(f.state, str(")")), ERGO_E_STATE);
    close_all(&f);
}

static void right_recursion_and_loops_need_no_memory(void **state)
{
    (void)state;
    const char *const grammars[] = {"root ::= \"a\" root | \"b\"", "root ::= x* \"b\"\nx ::= \"a\"",
                                    "root ::= \"a\" t\nt ::= root | \"b\""};
    for (size_t g = 0; g < 3; g++) {
        fixture f = open_good(grammars[g]);
        char *text = repeated("", "a", 100000, "b");
        assert_int_equal(ergo__grammar_advance(f.state, str(text)), ERGO_OK);
        assert_true(ergo__grammar_can_end(f.state));
        free(text);
        close_all(&f);
    }
}

/* Every reading of a^n here is a different tree: 2^n and more of them. */
static void ambiguity_costs_no_copies(void **state)
{
    (void)state;
    fixture f = open_good("root ::= s\ns ::= \"a\" s s | \"a\" s | \"a\"");
    char *text = repeated("", "a", 20, "");
    assert_true(matches(&f, str(text)));
    free(text);
    close_all(&f);
}

static void a_cut_overlong_form_is_refused_at_once(void **state)
{
    (void)state;
    fixture f = open_good("root ::= [^x]*");
    assert_false(ergo__grammar_accepts(f.state, str("\xe0\x88")));
    assert_int_equal(ergo__grammar_advance(f.state, str("\xe0")), ERGO_OK);
    assert_int_equal(ergo__grammar_advance(f.state, str("\x88")), ERGO_E_STATE);
    assert_int_equal(ergo__grammar_advance(f.state, str("\xa0\x80")), ERGO_OK);
    assert_int_equal(ergo__grammar_advance(f.state, str("\xf4\x90")), ERGO_E_STATE);
    close_all(&f);
}

static void a_cut_character_is_allowed_only_if_it_can_be_completed(void **state)
{
    (void)state;
    fixture f = open_good("root ::= [é-ü]+ \"€\"");
    assert_int_equal(ergo__grammar_advance(f.state, str("\xc3")), ERGO_OK);
    assert_false(ergo__grammar_can_end(f.state));
    assert_false(ergo__grammar_accepts(f.state, str("\xa8"))); /* e with grave comes before */
    assert_false(ergo__grammar_accepts(f.state, str("\xbd")));
    assert_false(ergo__grammar_accepts(f.state, str("a")));
    assert_true(ergo__grammar_accepts(f.state, str("\xa9\xe2\x82\xac")));
    assert_int_equal(ergo__grammar_advance(f.state, str("\xbc\xe2\x82")), ERGO_OK);
    assert_false(ergo__grammar_accepts(f.state, str("\xad")));
    assert_int_equal(ergo__grammar_advance(f.state, str("\xac")), ERGO_OK);
    assert_true(ergo__grammar_can_end(f.state));
    close_all(&f);
}

/* A vocabulary of a few strings; the last one ends the text, the one before stands for nothing. */
static const char *const vocabulary[] = {"{",  "}",    "\"", "a",    "\"a", "a\"", ":", "1",
                                         "12", "\xc3", "x",  "\": ", ",",   "{\"", "",  ""};
#define VOCABULARY 16

static ergo_str token_bytes(const void *user, int32_t token)
{
    (void)user;
    return str(vocabulary[token]);
}

static bool token_is_eog(const void *user, int32_t token)
{
    (void)user;
    return token == VOCABULARY - 1;
}

static void sampling_under_a_grammar_stays_inside_it(void **state)
{
    (void)state;
    static _Alignas(ERGO_BLOCK_ALIGN) unsigned char scratch[16384];
    fixture f =
        open_good("root ::= \"{\" (pair (\",\" pair)*)? \"}\"\npair ::= \"\\\"\" [a-z]{1,4} "
                  "\"\\\":\" \" \"? [0-9]+");
    uint8_t begins[VOCABULARY];
    const ergo__vocab_view view = {token_bytes, token_is_eog, NULL, begins};
    for (int32_t i = 0; i < VOCABULARY; i++)
        begins[i] = ergo__vocab_begins(&view, i);
    assert_int_equal(begins[9], 0xc3);
    assert_int_equal(begins[14], ERGO__BEGINS_NOT);
    assert_int_equal(begins[15], ERGO__BEGINS_NOT);
    ergo__grammar_filter filter = {f.state, &view};
    const ergo__token_filter allowed = ergo__grammar_token_filter(&filter);
    const float logits[VOCABULARY] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 9, -3};
    size_t ended = 0;
    for (uint64_t seed = 0; seed < 300; seed++) {
        const ergo_sampler_config config = {
            .temperature = seed % 3 ? 1.0f : 0.0f, .top_k = seed % 2 ? 3 : 0, .seed = seed};
        ergo__sampler sampler = ergo__sampler_start(&config);
        assert_int_equal(ergo__grammar_reset(f.state), ERGO_OK);
        for (int i = 0; i < 40; i++) {
            int32_t token;
            assert_int_equal(ergo__sampler_pick(&sampler, logits, VOCABULARY, NULL, 0, &allowed,
                                                (ergo_block){scratch, sizeof scratch}, &token),
                             ERGO_OK);
            assert_true(token != 9 && token != 14); /* bytes that lead nowhere; no bytes */
            assert_int_equal(ergo__grammar_take_token(&filter, token), ERGO_OK);
            if (token == VOCABULARY - 1) {
                ended++;
                break;
            }
        }
    }
    assert_true(ended > 50);
    assert_int_equal(ergo__grammar_reset(f.state), ERGO_OK);
    assert_int_equal(ergo__grammar_take_token(&filter, VOCABULARY - 1), ERGO_E_STATE);
    close_all(&f);
}

static void size_is_exact(void **state)
{
    (void)state;
    const ergo_str text = str("root ::= [^a-z]{3} x | \"b\"+\nx ::= root? \"c\"");
    size_t size;
    ergo_grammar *grammar = NULL;
    assert_int_equal(ergo_grammar_size(text, NULL, &size), ERGO_OK);
    void *memory = aligned(size);
    assert_int_equal(ergo_grammar_open(text, NULL, (ergo_block){memory, size - 1}, &grammar),
                     ERGO_E_MEMORY);
    assert_null(grammar);
    assert_int_equal(ergo_grammar_open(text, NULL, (ergo_block){memory, size}, &grammar), ERGO_OK);
    free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals_classes_and_escapes),
        cmocka_unit_test(operators_bind_to_the_last_element),
        cmocka_unit_test(layout_is_that_of_the_field),
        cmocka_unit_test(rules_recurse),
        cmocka_unit_test(repetition_of_what_may_be_empty_is_harmless),
        cmocka_unit_test(malformed_grammars_are_refused_with_line_and_column),
        cmocka_unit_test(deep_and_long_grammars_hit_limits),
        cmocka_unit_test(chains_of_rules_are_followed),
        cmocka_unit_test(nesting_beyond_the_memory_is_a_limit_and_changes_nothing),
        cmocka_unit_test(right_recursion_and_loops_need_no_memory),
        cmocka_unit_test(ambiguity_costs_no_copies),
        cmocka_unit_test(a_cut_overlong_form_is_refused_at_once),
        cmocka_unit_test(a_cut_character_is_allowed_only_if_it_can_be_completed),
        cmocka_unit_test(sampling_under_a_grammar_stays_inside_it),
        cmocka_unit_test(size_is_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
