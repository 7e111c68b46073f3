/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/json_schema.h"

#include "runtime/grammar_utf8.h"

/* One step of a JSON pointer in a URI fragment, unescaped: "~1" is '/', "~0" is '~', "%41" 'A'. */
static bool read_step(const ergo__schema *s, uint32_t *at, uint32_t end, char *word, size_t room)
{
    size_t size = 0;
    while (*at < end && s->json.text[*at] != '/') {
        uint32_t c = ergo__json_next_char(&s->json, at, end), escape;
        if (c == '~' && *at < end) {
            c = s->json.text[*at] == '1' ? '/' : '~';
            ++*at;
        } else if (c == '%' && end - *at >= 2 && ergo__hex_value(s->json.text + *at, 2, &escape)) {
            c = escape;
            *at += 2;
        }
        if (size + 5 > room)
            return false;
        if (c < 0x100 && c >= 0x80)
            word[size++] = (char)c; /* a byte of a percent-encoded UTF-8 sequence */
        else
            size += ergo__utf8_encode(c, word + size);
    }
    word[size] = '\0';
    return true;
}

static uint32_t follow_step(const ergo__schema *s, uint32_t value, const char *word)
{
    if (s->json.values[value].kind != ERGO__JSON_ARRAY)
        return ergo__json_find(&s->json, value, word);
    uint32_t child = s->json.values[value].child, index = 0;
    for (; *word >= '0' && *word <= '9' && index < 100000000; word++)
        index = index * 10 + (uint32_t)(*word - '0');
    for (; index > 0 && child != ERGO__JSON_NONE; index--)
        child = s->json.values[child].next;
    return *word ? ERGO__JSON_NONE : child;
}

static uint32_t find_target(ergo__schema *s, uint32_t schema, uint32_t ref)
{
    const ergo__json_value *v = &s->json.values[ref];
    uint32_t at = v->at, target = 0;
    const uint32_t end = v->at + v->size;
    if (v->kind != ERGO__JSON_STRING || at == end || s->json.text[at] != '#') {
        ergo__schema_fail(s, ERGO_E_UNSUPPORTED, schema, "$ref", "leads outside the document");
        return schema;
    }
    at++;
    while (at < end && target != ERGO__JSON_NONE) {
        char word[256];
        if (s->json.text[at] != '/') {
            ergo__schema_fail(s, ERGO_E_UNSUPPORTED, schema, "$ref", "is no JSON pointer");
            return schema;
        }
        at++;
        target = read_step(s, &at, end, word, sizeof word) ? follow_step(s, target, word)
                                                           : ERGO__JSON_NONE;
    }
    if (target != ERGO__JSON_NONE)
        return target;
    ergo__schema_fail(s, ERGO_E_FORMAT, schema, "$ref", "leads to nothing");
    return schema;
}

uint32_t ergo__schema_resolve(ergo__schema *s, uint32_t schema)
{
    for (uint32_t steps = 0; steps <= s->json.count; steps++) {
        const uint32_t ref = ergo__json_find(&s->json, schema, "$ref");
        if (ref == ERGO__JSON_NONE || s->status)
            return schema;
        ergo__schema_refuse_beside(s, schema, ref);
        schema = find_target(s, schema, ref);
    }
    ergo__schema_fail(s, ERGO_E_FORMAT, schema, "$ref", "leads in a circle");
    return schema;
}
