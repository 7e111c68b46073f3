/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ergo/chat.h"

#define STR(text) ((ergo_str){(text), strlen(text)})
#define TEXT(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }
#define MESSAGE(who, what)                                                                         \
    {                                                                                              \
        TEXT(who), TEXT(what)                                                                      \
    }
#define COUNT(array) (sizeof(array) / sizeof *(array))

static const ergo_chat_message talk[] = {MESSAGE("system", " Be \"brief\" "),
                                         MESSAGE("user", "Hi\n"), MESSAGE("assistant", "Yo"),
                                         MESSAGE("user", "Bye a,b")};

static const ergo_chat_template_config config = {
    .bos = TEXT("<s>"), .eos = TEXT("</s>"), .now_s = 1735787045 /* 2025-01-02 03:04:05 */};

typedef struct run {
    char text[2048];
    size_t size;
} run;

static ergo_status render_with(const char *template, size_t scratch, size_t capacity, run *r)
{
    const ergo_block block = {aligned_alloc(ERGO_BLOCK_ALIGN, (scratch + 63) & ~(size_t)63),
                              scratch};
    assert_non_null(block.data);
    memset(r, 0, sizeof *r);
    r->size = 77;
    const ergo_status status = ergo_chat_template_render(STR(template), &config, talk, COUNT(talk),
                                                         true, block, r->text, capacity, &r->size);
    free(block.data);
    return status;
}

static ergo_status render(const char *template, run *r)
{
    const size_t scratch = ergo_chat_template_scratch(STR(template), talk, COUNT(talk));
    return render_with(template, scratch, sizeof r->text - 1, r);
}

/* What Jinja 3.1 gives with trim_blocks and lstrip_blocks, less the BOS in front. */
static const char *const published[][2] = {
    {"{% for m in messages %}\n  {% if m.role == 'user' %}\nU:{{ m.content | trim }}\n  {% elif "
     "m['role'] == 'system' -%}\n  S:{{- m['content'] }}\n  {%- else %}\n  A{{ m.content }}\n  {% "
     "endif %}\n{% endfor %}\n",
     "S: Be \"brief\" U:Hi\n  AYo\nU:Bye a,b\n"},
    {"{{ bos_token }}{%- for m in messages %}{{ loop.index }}/{{ loop.length }}{{ ' first' if "
     "loop.first }}{{ ' last' if loop.last else ',' }}{{ m.content }}{% endfor %}",
     "1/4 first, Be \"brief\" 2/4,Hi\n3/4,Yo4/4 lastBye a,b"},
    {"{% set ns = namespace(n=0, s='') %}{% for m in messages if m.role != 'assistant' %}{% set "
     "ns.n = ns.n + 1 %}{% set ns.s = ns.s ~ m.content %}{% set x = 5 %}{% endfor %}{{ ns.n }}{{ "
     "ns.s }}{{ x is defined }}{{ tools is defined }}",
     "3 Be \"brief\" Hi\nBye a,bFalseFalse"},
    {"{% macro turn(who, text='?', end='.') %}<{{ who }}>{{ text }}{{ end }}{% endmacro %}{% for m "
     "in messages %}{{ turn(m.role, end='!', text=m.content) + turn('x') }}{% endfor %}",
     "<system> Be \"brief\" !<x>?.<user>Hi\n!<x>?.<assistant>Yo!<x>?.<user>Bye a,b!<x>?."},
    {"{% if messages[0].role == 'system' %}{% set sys = messages[0].content %}{% set rest = "
     "messages[1:] %}{% else %}{% set rest = messages %}{% endif %}{{ sys }}{{ 'q\\t\"/é' | tojson "
     "}}{{ rest|length }}{{ messages[-1]['content'].split(',')[-1] }}{{ "
     "messages[::-1][0].content[:3] }}{% for m in rest %}{{ m.content.strip() }}{% endfor %}",
     " Be \"brief\" \"q\\t\\\"/é\"3bByeHiYoBye a,b"},
    {"{%- for m in messages -%}\n   {{- '\\n' + m.role | upper + ' ' + m.role.title() ~ 1 ~ none ~ "
     "true }}\n {{ m.content.replace('o', '00') -}}\n{%- endfor %}\n\n",
     "\nSYSTEM System1NoneTrue\n  Be \"brief\" \nUSER User1NoneTrue\n Hi\n\nASSISTANT "
     "Assistant1NoneTrue\n Y00\nUSER User1NoneTrue\n Bye a,b"},
    {"{% for m in messages %}{{ m.content }}{% if loop.index0 == 3 %}{% break %}{% endif %}{% if "
     "m.role is not string or not m.content %}{% continue %}{% endif %};{% endfor %}{# note #}\n{{ "
     "7 // 2 }} {{ -7 % 3 }} {{ 2 * 3 - 1 }} {{ 'a' in 'cat' }} {{ 'x' not in ['y', 'x'] }} {{ (1, "
     "2)[1] }}",
     " Be \"brief\" ;Hi\n;Yo;Bye a,b3 2 5 True False 2"},
    {"{% for m in messages %}{{ m.items() | list | length }}{% for k, v in m.items() %}{{ k }}={{ "
     "v }};{% endfor %}{% endfor %}{{ {'a': 'b', 'c': [1, 2]}['c'][1] }}{{ missing | default('d') "
     "}}{{ '' | default('e', true) }}{{ ['a', 'b'] | join('+') }}",
     "2role=system;content= Be \"brief\" "
     ";2role=user;content=Hi\n;2role=assistant;content=Yo;2role=user;content=Bye a,b;2dea+b"},
    {"{% set body %}[{% for m in messages %}{{ m.content }}|{% endfor %}]{% endset %}{{ body }}{{ "
     "messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | list | last "
     "}}{{ messages | rejectattr('role', 'in', ['user']) | list | count }}{{ range(3) | list | "
     "length }}",
     "[ Be \"brief\" |Hi\n|Yo|Bye a,b|]Bye a,b23"},
    {"{% for m in messages %}{{ m.content }}{% endfor %}{% if strftime_now is defined %}{{ "
     "strftime_now('%d %b %Y, %A %H:%M') }}{% endif %}{{ '<think>x</think> "
     "y'.split('</think>')[-1].lstrip() }}{{ 'abc'.startswith('ab') }}{{ 'abc'.endswith(('x', "
     "'c')) }}{{ '--a-'.strip('-') }}\n  {%+ if true %}k{% endif +%}\n.",
     " Be \"brief\" Hi\nYoBye a,b02 Jan 2025, Thursday 03:04yTrueTruea\n  k\n."},
};

static void templates_give_what_jinja_gives(void **state)
{
    (void)state;
    run r;
    for (size_t i = 0; i < COUNT(published); ++i) {
        assert_int_equal(render(published[i][0], &r), ERGO_OK);
        assert_string_equal(r.text, published[i][1]);
        assert_int_equal(r.size, strlen(published[i][1]));
    }
}

#define ALL "{% for m in messages %}{{ m.content }}{% endfor %}"

static void faults_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *source;
        ergo_status status;
    } cases[] = {
        {ALL "{{", ERGO_E_FORMAT},
        {ALL "{% if x %}", ERGO_E_FORMAT},
        {ALL "{% endif %}", ERGO_E_UNSUPPORTED},
        {ALL "{{ 1 + }}", ERGO_E_FORMAT},
        {ALL "{{ 'a }}", ERGO_E_FORMAT},
        {ALL "{{ a[] }}", ERGO_E_FORMAT},
        {ALL "{# never closed", ERGO_E_FORMAT},
        {ALL "{{ a.b }}", ERGO_E_FORMAT},
        {ALL "{{ 1 + 'a' }}", ERGO_E_FORMAT},
        {ALL "{{ 1 // 0 }}", ERGO_E_UNSUPPORTED},
        {ALL "{{ messages }}", ERGO_E_UNSUPPORTED},
        {ALL "{{ 'a' | nosuchfilter }}", ERGO_E_UNSUPPORTED},
        {ALL "{{ nosuchfunction() }}", ERGO_E_UNSUPPORTED},
        {ALL "{% include 'x' %}", ERGO_E_UNSUPPORTED},
        {ALL "{{ raise_exception('no') }}", ERGO_E_ARGUMENT},
        {"{% for m in messages if m.role != 'system' %}{{ m.content }}{% endfor %}",
         ERGO_E_ARGUMENT},
        {"{% for i in range(3000000) %}{% endfor %}", ERGO_E_LIMIT},
        {"{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", ERGO_E_LIMIT},
    };
    run r;
    for (size_t i = 0; i < COUNT(cases); ++i) {
        const ergo_status status = render(cases[i].source, &r);
        if (status != cases[i].status)
            fail_msg("%s: %s", cases[i].source, ergo_status_name(status));
        assert_int_equal(r.size, 77);
    }
}

static void long_computations_and_deep_nesting_end(void **state)
{
    (void)state;
    run r;
    char deep[4096];
    memset(deep, '(', sizeof deep);
    memcpy(deep, "{{", 2);
    deep[sizeof deep - 1] = '\0';
    assert_int_equal(render_with(deep, 1 << 20, 100, &r), ERGO_E_LIMIT);
    assert_int_equal(render_with("{% for a in range(2000) %}{% for b in range(2000) %}"
                                 "{% endfor %}{% endfor %}",
                                 1 << 28, 100, &r),
                     ERGO_E_LIMIT);
}

static void any_scratch_gives_the_same_text_or_says_too_small(void **state)
{
    (void)state;
    run whole, r;
    for (size_t i = 0; i < COUNT(published); ++i) {
        assert_int_equal(render(published[i][0], &whole), ERGO_OK);
        bool enough = false;
        for (size_t scratch = 64; scratch < 64 * 1024; scratch += 192) {
            const ergo_status status = render_with(published[i][0], scratch, sizeof r.text - 1, &r);
            assert_int_equal(status, enough || status == ERGO_OK ? ERGO_OK : ERGO_E_MEMORY);
            enough = status == ERGO_OK;
            if (enough)
                assert_string_equal(r.text, whole.text);
            else
                assert_int_equal(r.size, 77);
        }
        assert_true(enough);
    }
}

static void buffers_are_filled_to_their_capacity_and_no_further(void **state)
{
    (void)state;
    run whole, r;
    assert_int_equal(render(published[1][0], &whole), ERGO_OK);
    for (size_t capacity = 0; capacity <= whole.size; ++capacity) {
        assert_int_equal(render_with(published[1][0], 1 << 17, capacity, &r),
                         capacity < whole.size ? ERGO_E_MEMORY : ERGO_OK);
        assert_int_equal(r.size, whole.size);
        assert_memory_equal(r.text, whole.text, capacity);
        for (size_t k = capacity; k < sizeof r.text; ++k)
            assert_int_equal(r.text[k], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(templates_give_what_jinja_gives),
        cmocka_unit_test(faults_are_told_apart),
        cmocka_unit_test(long_computations_and_deep_nesting_end),
        cmocka_unit_test(any_scratch_gives_the_same_text_or_says_too_small),
        cmocka_unit_test(buffers_are_filled_to_their_capacity_and_no_further),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
