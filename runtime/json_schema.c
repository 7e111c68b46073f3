/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/json_schema.h"

#include <string.h>

#include "runtime/base/log.h"
#include "runtime/grammar_utf8.h"

/* Keywords that narrow what is valid and that are not understood. Others are annotations. */
static const char *const refused[] = {
    "not",
    "if",
    "then",
    "else",
    "pattern",
    "patternProperties",
    "propertyNames",
    "minProperties",
    "maxProperties",
    "dependentRequired",
    "dependentSchemas",
    "dependencies",
    "uniqueItems",
    "contains",
    "minContains",
    "maxContains",
    "multipleOf",
    "additionalItems",
    "unevaluatedItems",
    "unevaluatedProperties",
    "$dynamicRef",
    "$recursiveRef",
};

/* Keywords that narrow and are understood, but not beside $ref, const, enum, anyOf or oneOf. */
static const char *const narrowing[] = {
    "$ref",
    "const",
    "enum",
    "anyOf",
    "oneOf",
    "allOf",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "prefixItems",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
};

static bool is_one_of(const ergo__schema *s, uint32_t member, const char *const *words,
                      size_t count, const char **found)
{
    const ergo__json_value *v = &s->json.values[member];
    for (size_t i = 0; i < count; i++)
        if (ergo__json_is(&s->json, v->key, v->key_size, words[i])) {
            *found = words[i];
            return true;
        }
    return false;
}

void ergo__schema_refuse_unknown(ergo__schema *s, uint32_t schema)
{
    const char *word;
    uint32_t i = s->json.values[schema].child;
    for (; i != ERGO__JSON_NONE; i = s->json.values[i].next)
        if (is_one_of(s, i, refused, sizeof refused / sizeof *refused, &word) &&
            s->json.values[i].kind != ERGO__JSON_FALSE) /* "uniqueItems": false says nothing */
            ergo__schema_fail(s, ERGO_E_UNSUPPORTED, schema, word, "is not supported");
}

/* A member beside `keyword` that narrows too, or NULL. */
static const char *find_beside(const ergo__schema *s, uint32_t schema, uint32_t keyword)
{
    const char *word;
    uint32_t i = s->json.values[schema].child;
    for (; i != ERGO__JSON_NONE; i = s->json.values[i].next)
        if (i != keyword && is_one_of(s, i, narrowing, sizeof narrowing / sizeof *narrowing, &word))
            return word;
    return NULL;
}

void ergo__schema_refuse_beside(ergo__schema *s, uint32_t schema, uint32_t keyword)
{
    const char *word = find_beside(s, schema, keyword);
    if (word)
        ergo__schema_fail(s, ERGO_E_UNSUPPORTED, schema, word,
                          "is not supported beside $ref, const, enum, anyOf or oneOf");
}

static bool type_allows(const ergo__schema *s, uint32_t type, const char *name)
{
    const ergo__json_value *v = &s->json.values[type];
    if (v->kind == ERGO__JSON_STRING)
        return ergo__json_is(&s->json, v->at, v->size, name);
    for (uint32_t i = v->child; i != ERGO__JSON_NONE; i = s->json.values[i].next)
        if (ergo__json_is(&s->json, s->json.values[i].at, s->json.values[i].size, name))
            return true;
    return false;
}

static bool type_allows_value(const ergo__schema *s, uint32_t type, uint32_t value)
{
    static const char *const names[] = {"null",   "boolean", "boolean", "number",
                                        "string", "array",   "object"};
    const ergo__json_value *v = &s->json.values[value];
    if (type == ERGO__JSON_NONE || type_allows(s, type, names[v->kind]))
        return true;
    if (v->kind != ERGO__JSON_NUMBER || !type_allows(s, type, "integer"))
        return false;
    for (uint32_t i = 0; i < v->size; i++)
        if (strchr(".eE", s->json.text[v->at + i]))
            return false;
    return true;
}

static void put_enum(ergo__schema *s, uint32_t schema, uint32_t list)
{
    const uint32_t type = ergo__json_find(&s->json, schema, "type");
    const bool array = s->json.values[list].kind == ERGO__JSON_ARRAY;
    bool first = true;
    uint32_t i = array ? s->json.values[list].child : ERGO__JSON_NONE;
    for (; i != ERGO__JSON_NONE; i = s->json.values[i].next) {
        if (!type_allows_value(s, type, i))
            continue;
        ergo__schema_put(s, first ? "" : " |");
        ergo__schema_put_literal(s, i);
        first = false;
    }
    if (first)
        ergo__schema_fail(s, ERGO_E_FORMAT, schema, "enum", "leaves no value");
}

static void put_any_of(ergo__schema *s, uint32_t schema, uint32_t list, const char *keyword)
{
    const ergo__json_value *v = &s->json.values[list];
    if (v->kind != ERGO__JSON_ARRAY || v->child == ERGO__JSON_NONE)
        ergo__schema_fail(s, ERGO_E_FORMAT, schema, keyword, "is no list of schemas");
    for (uint32_t i = v->child; i != ERGO__JSON_NONE; i = s->json.values[i].next) {
        ergo__schema_put(s, i == v->child ? "" : " |");
        ergo__schema_put_rule(s, i);
    }
}

typedef enum type_name {
    TYPE_NULL,
    TYPE_BOOLEAN,
    TYPE_INTEGER,
    TYPE_NUMBER,
    TYPE_STRING,
    TYPE_ARRAY,
    TYPE_OBJECT,
    TYPE_COUNT,
} type_name;

static const char *const type_names[TYPE_COUNT] = {"null",   "boolean", "integer", "number",
                                                   "string", "array",   "object"};

/* A schema without a type says by its keywords which one it is about. */
static type_name guess_type(const ergo__schema *s, uint32_t schema)
{
    static const struct {
        const char *keyword;
        type_name type;
    } hints[] = {
        {"properties", TYPE_OBJECT},
        {"required", TYPE_OBJECT},
        {"additionalProperties", TYPE_OBJECT},
        {"allOf", TYPE_OBJECT},
        {"items", TYPE_ARRAY},
        {"prefixItems", TYPE_ARRAY},
        {"minItems", TYPE_ARRAY},
        {"maxItems", TYPE_ARRAY},
        {"minLength", TYPE_STRING},
        {"maxLength", TYPE_STRING},
        {"format", TYPE_STRING},
        {"minimum", TYPE_NUMBER},
        {"maximum", TYPE_NUMBER},
        {"exclusiveMinimum", TYPE_NUMBER},
        {"exclusiveMaximum", TYPE_NUMBER},
    };
    for (size_t i = 0; i < sizeof hints / sizeof *hints; i++)
        if (ergo__json_find(&s->json, schema, hints[i].keyword) != ERGO__JSON_NONE)
            return hints[i].type;
    return TYPE_COUNT;
}

static bool has_type(const ergo__schema *s, uint32_t schema, type_name type)
{
    const uint32_t at = ergo__json_find(&s->json, schema, "type");
    return at == ERGO__JSON_NONE ? guess_type(s, schema) == type
                                 : type_allows(s, at, type_names[type]);
}

bool ergo__schema_may_be_object(const ergo__schema *s, uint32_t schema)
{
    const uint32_t at = ergo__json_find(&s->json, schema, "type");
    return has_type(s, schema, TYPE_OBJECT) ||
           (at == ERGO__JSON_NONE && guess_type(s, schema) == TYPE_COUNT);
}

static void put_type(ergo__schema *s, uint32_t schema, type_name type)
{
    switch (type) {
    case TYPE_NULL:
        ergo__schema_put(s, " \"null\"");
        break;
    case TYPE_BOOLEAN:
        ergo__schema_put(s, " \"true\" | \"false\"");
        break;
    case TYPE_INTEGER:
    case TYPE_NUMBER:
        ergo__schema_put_number(s, schema, type == TYPE_INTEGER);
        break;
    case TYPE_STRING:
        ergo__schema_put_string_type(s, schema);
        break;
    case TYPE_ARRAY:
        ergo__schema_put_array(s, schema);
        break;
    case TYPE_OBJECT:
        ergo__schema_put_object(s, schema);
        break;
    case TYPE_COUNT:
        break;
    }
}

static void put_types(ergo__schema *s, uint32_t schema)
{
    const uint32_t at = ergo__json_find(&s->json, schema, "type");
    bool first = true;
    if (at == ERGO__JSON_NONE && guess_type(s, schema) == TYPE_COUNT) {
        ergo__schema_put_plain(s, ERGO__SCHEMA_VALUE);
        return;
    }
    for (int type = 0; type < TYPE_COUNT; type++) {
        if (!has_type(s, schema, (type_name)type) ||
            (type == TYPE_INTEGER && has_type(s, schema, TYPE_NUMBER)))
            continue;
        ergo__schema_put(s, first ? "" : " |");
        put_type(s, schema, (type_name)type);
        first = false;
    }
    if (first)
        ergo__schema_fail(s, ERGO_E_FORMAT, schema, "type", "names no type");
}

/* Schemas that only refer to others or list values. False where there is no such keyword. */
static bool put_by_keyword(ergo__schema *s, uint32_t schema)
{
    static const char *const keywords[] = {"$ref", "const", "enum", "anyOf", "oneOf"};
    for (int k = 0; k < 5; k++) {
        const uint32_t at = ergo__json_find(&s->json, schema, keywords[k]);
        if (at == ERGO__JSON_NONE)
            continue;
        ergo__schema_refuse_beside(s, schema, at);
        if (k == 0)
            ergo__schema_put_rule(s, ergo__schema_resolve(s, schema));
        else if (k == 1)
            ergo__schema_put_literal(s, at);
        else if (k == 2)
            put_enum(s, schema, at);
        else
            put_any_of(s, schema, at, keywords[k]);
        return true;
    }
    /* allOf with one member is how some generators write a reference with a title. */
    const uint32_t all = ergo__json_find(&s->json, schema, "allOf");
    const uint32_t only = all == ERGO__JSON_NONE ? all : s->json.values[all].child;
    if (only == ERGO__JSON_NONE || s->json.values[only].next != ERGO__JSON_NONE ||
        find_beside(s, schema, all))
        return false;
    ergo__schema_put_rule(s, only);
    return true;
}

static void put_rule_of(ergo__schema *s, uint32_t schema)
{
    const uint32_t kind = s->json.values[schema].kind;
    ergo__schema_put_rule(s, schema);
    ergo__schema_put(s, " ::=");
    bool parts = false;
    if (kind == ERGO__JSON_TRUE) {
        ergo__schema_put_plain(s, ERGO__SCHEMA_VALUE);
    } else if (kind != ERGO__JSON_OBJECT) {
        ergo__schema_fail(s, kind == ERGO__JSON_FALSE ? ERGO_E_UNSUPPORTED : ERGO_E_FORMAT, schema,
                          "schema", "is no object and not true");
    } else {
        ergo__schema_refuse_unknown(s, schema);
        parts = !put_by_keyword(s, schema);
        if (parts)
            put_types(s, schema);
    }
    ergo__schema_put(s, "\n");
    if (parts && has_type(s, schema, TYPE_OBJECT))
        ergo__schema_put_object_parts(s, schema);
    if (parts && has_type(s, schema, TYPE_ARRAY))
        ergo__schema_put_array_parts(s, schema);
}

static void put_all(ergo__schema *s)
{
    ergo__schema_put(s, "root ::=");
    ergo__schema_put_rule(s, 0);
    ergo__schema_put(s, "\n");
    for (bool found = true; found;) {
        found = false;
        for (uint32_t i = 0; i < s->json.count && !s->status; i++)
            if (s->wanted[i] == 1) {
                s->wanted[i] = 2;
                put_rule_of(s, i);
                found = true;
            }
    }
    ergo__schema_put_plain_rules(s);
}

ergo_status ergo_json_schema_grammar(ergo_str schema, const ergo_log *log, ergo_block scratch,
                                     char *buffer, size_t capacity, size_t *size)
{
    ergo__arena arena = ergo__arena_over(scratch);
    ergo__schema s = {.log = log, .buffer = buffer, .capacity = buffer ? capacity : 0};
    const ergo_status status = ergo__json_read(schema, log, &arena, &s.json);
    if (status)
        return status;
    s.wanted = ERGO__TAKE(&arena, unsigned char, s.json.count);
    s.properties = ERGO__TAKE(&arena, ergo__schema_property, s.json.count);
    if (arena.full)
        return ergo__fail(log, ERGO_E_MEMORY, "JSON schema: %zu bytes of scratch are too few",
                          scratch.size);
    memset(s.wanted, 0, s.json.count);
    put_all(&s);
    if (s.status)
        return s.status;
    *size = s.size;
    return s.size > s.capacity ? ERGO_E_MEMORY : ERGO_OK;
}
