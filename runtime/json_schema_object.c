/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/json_schema.h"

/*
 * Properties come in the order of the schema. "vN-pI" is property I, name and value; "vN-cI" is
 * all that may follow once something stands before property I: commas and properties from I on.
 * The object begins with any property up to the first required one. "vN-a0" is a property of
 * additionalProperties, and "vN-xI-L" the rest of its name when the first L characters are those
 * of property I: it never becomes the name of a property.
 */

typedef enum openness {
    UNSAID,
    CLOSED,
    OPEN,
} openness;

typedef struct shape {
    openness open;
    uint32_t additional; /* schema of additional properties, or NONE for any value */
} shape;

static void add_property(ergo__schema *s, uint32_t at, ergo__schema_property property)
{
    for (uint32_t i = 0; i < s->property_count; i++)
        if (ergo__json_same(&s->json, s->properties[i].key, s->properties[i].key_size, property.key,
                            property.key_size)) {
            if (property.schema == ERGO__JSON_NONE)
                s->properties[i].required = true;
            else
                ergo__schema_fail(s, ERGO_E_UNSUPPORTED, at, "properties", "names one twice");
            return;
        }
    if (s->property_count == s->json.count) { /* by way of $ref, repeatedly */
        ergo__schema_fail(s, ERGO_E_LIMIT, at, "allOf", "brings too many properties");
        return;
    }
    s->properties[s->property_count++] = property;
}

static void add_properties(ergo__schema *s, uint32_t schema)
{
    const uint32_t list = ergo__json_find(&s->json, schema, "properties");
    uint32_t i = list == ERGO__JSON_NONE ? list : s->json.values[list].child;
    if (i != ERGO__JSON_NONE && s->json.values[list].kind != ERGO__JSON_OBJECT)
        ergo__schema_fail(s, ERGO_E_FORMAT, schema, "properties", "is no object");
    for (; i != ERGO__JSON_NONE; i = s->json.values[i].next)
        add_property(
            s, schema,
            (ergo__schema_property){s->json.values[i].key, s->json.values[i].key_size, i, false});
}

static void add_required(ergo__schema *s, uint32_t schema)
{
    const uint32_t list = ergo__json_find(&s->json, schema, "required");
    uint32_t i = list == ERGO__JSON_NONE ? list : s->json.values[list].child;
    for (; i != ERGO__JSON_NONE; i = s->json.values[i].next) {
        const ergo__json_value *v = &s->json.values[i];
        if (v->kind != ERGO__JSON_STRING || s->json.values[list].kind != ERGO__JSON_ARRAY)
            ergo__schema_fail(s, ERGO_E_FORMAT, schema, "required", "is no list of names");
        else
            add_property(s, schema, (ergo__schema_property){v->at, v->size, ERGO__JSON_NONE, true});
    }
}

static void add_openness(ergo__schema *s, uint32_t schema, shape *o)
{
    const uint32_t at = ergo__json_find(&s->json, schema, "additionalProperties");
    if (at == ERGO__JSON_NONE)
        return;
    if (s->json.values[at].kind == ERGO__JSON_FALSE)
        o->open = CLOSED;
    else if (o->open == UNSAID) {
        o->open = OPEN;
        o->additional = at;
    }
}

#define MAX_DEPTH 16 /* of allOf within allOf */

/* First all that name properties, then all that require some: `required` may come before. */
static void visit(ergo__schema *s, uint32_t schema, shape *o, bool requirements, int depth)
{
    schema = ergo__schema_resolve(s, schema);
    const ergo__json_value *v = &s->json.values[schema];
    if (v->kind != ERGO__JSON_OBJECT || depth == MAX_DEPTH ||
        !ergo__schema_may_be_object(s, schema)) {
        ergo__schema_fail(s, ERGO_E_UNSUPPORTED, schema, "allOf",
                          "is supported for objects only, 16 levels deep");
        return;
    }
    static const char *const others[] = {"const", "enum", "anyOf", "oneOf"};
    ergo__schema_refuse_unknown(s, schema);
    for (int i = 0; i < 4; i++)
        if (ergo__json_find(&s->json, schema, others[i]) != ERGO__JSON_NONE)
            ergo__schema_fail(s, ERGO_E_UNSUPPORTED, schema, others[i],
                              "is not supported within allOf");
    if (requirements) {
        add_required(s, schema);
    } else {
        add_properties(s, schema);
        add_openness(s, schema, o);
    }
    const uint32_t all = ergo__json_find(&s->json, schema, "allOf");
    uint32_t i = all == ERGO__JSON_NONE ? all : s->json.values[all].child;
    for (; i != ERGO__JSON_NONE && !s->status; i = s->json.values[i].next)
        visit(s, i, o, requirements, depth + 1);
}

/* Fills s->properties. An object that names properties and does not speak of others has none. */
static shape measure(ergo__schema *s, uint32_t schema)
{
    shape o = {UNSAID, ERGO__JSON_NONE};
    s->property_count = 0;
    visit(s, schema, &o, false, 0);
    if (o.open == UNSAID)
        o.open = s->property_count ? CLOSED : OPEN;
    visit(s, schema, &o, true, 0);
    return o;
}

static void put_comma(ergo__schema *s)
{
    ergo__schema_put(s, " \",\"");
    ergo__schema_put_plain(s, ERGO__SCHEMA_SPACE);
}

void ergo__schema_put_object(ergo__schema *s, uint32_t schema)
{
    const shape o = measure(s, schema);
    const uint32_t count = s->property_count;
    uint32_t i = 0;
    ergo__schema_put(s, " \"{\" (");
    for (; i < count; i++) {
        ergo__schema_put(s, i == 0 ? "" : " |");
        ergo__schema_put_part(s, schema, 'p', i, ERGO__JSON_NONE);
        ergo__schema_put_part(s, schema, 'c', i + 1, ERGO__JSON_NONE);
        if (s->properties[i].required)
            break;
    }
    if (i == count) { /* none is required */
        ergo__schema_put(s, count == 0 ? "" : " |");
        if (o.open == OPEN) {
            ergo__schema_put_part(s, schema, 'a', 0, ERGO__JSON_NONE);
            ergo__schema_put_part(s, schema, 'c', count, ERGO__JSON_NONE);
            ergo__schema_put(s, " |");
        }
    }
    ergo__schema_put(s, " ) \"}\"");
}

static void put_named_parts(ergo__schema *s, uint32_t schema, const shape *o)
{
    const uint32_t count = s->property_count;
    for (uint32_t i = 0; i < count; i++) {
        const ergo__schema_property *p = &s->properties[i];
        ergo__schema_put_part(s, schema, 'p', i, ERGO__JSON_NONE);
        ergo__schema_put(s, " ::= \"");
        ergo__schema_put_string(s, p->key, p->key_size);
        ergo__schema_put(s, ":\"");
        ergo__schema_put_plain(s, ERGO__SCHEMA_SPACE);
        ergo__schema_put_rule(s, p->schema);
        ergo__schema_put(s, "\n");
    }
    for (uint32_t i = 1; i < count; i++) {
        ergo__schema_put_part(s, schema, 'c', i, ERGO__JSON_NONE);
        ergo__schema_put(s, " ::= (");
        put_comma(s);
        ergo__schema_put_part(s, schema, 'p', i, ERGO__JSON_NONE);
        ergo__schema_put(s, s->properties[i].required ? ")" : ")?");
        ergo__schema_put_part(s, schema, 'c', i + 1, ERGO__JSON_NONE);
        ergo__schema_put(s, "\n");
    }
    ergo__schema_put_part(s, schema, 'c', count, ERGO__JSON_NONE);
    ergo__schema_put(s, " ::= ");
    if (o->open == OPEN) {
        ergo__schema_put(s, "(");
        put_comma(s);
        ergo__schema_put_part(s, schema, 'a', 0, ERGO__JSON_NONE);
        ergo__schema_put(s, ")*");
    } else {
        ergo__schema_put(s, "\"\"");
    }
    ergo__schema_put(s, "\n");
}

/* Steps over the next character of a name; false at its end. Names that JSON writes with escapes
 * count as ending: additional names have none, so that the two cannot meet. */
static bool next_plain(const ergo__schema *s, uint32_t *at, uint32_t end, uint32_t *c)
{
    if (*at == end)
        return false;
    *c = ergo__json_next_char(&s->json, at, end);
    return true;
}

static bool is_plain(const ergo__schema *s, uint32_t property)
{
    uint32_t at = s->properties[property].key, c = ' ';
    const uint32_t end = at + s->properties[property].key_size;
    while (c >= 0x20 && c != '"' && c != '\\')
        if (!next_plain(s, &at, end, &c))
            return true;
    return false;
}

/* Whether the names i and j begin with the same `length` characters, and what j has behind them
 * (`*ended`: nothing). */
static bool shares(const ergo__schema *s, uint32_t i, uint32_t j, uint32_t length, bool *ended,
                   uint32_t *c)
{
    uint32_t a = s->properties[i].key, b = s->properties[j].key, x = 0, y = 0;
    const uint32_t a_end = a + s->properties[i].key_size, b_end = b + s->properties[j].key_size;
    for (uint32_t k = 0; k < length; k++)
        if (!next_plain(s, &a, a_end, &x) || !next_plain(s, &b, b_end, &y) || x != y)
            return false;
    *ended = !next_plain(s, &b, b_end, c);
    return true;
}

/* Whether j is the first name that has this character behind the `length` it shares with i. */
static bool leads(const ergo__schema *s, uint32_t i, uint32_t j, uint32_t length, uint32_t *c)
{
    bool ended;
    uint32_t other;
    if (!is_plain(s, j) || !shares(s, i, j, length, &ended, c) || ended)
        return false;
    for (uint32_t k = i; k < j; k++)
        if (is_plain(s, k) && shares(s, i, k, length, &ended, &other) && !ended && other == *c)
            return false;
    return true;
}

static void put_name_rule(ergo__schema *s, uint32_t schema, uint32_t i, uint32_t length)
{
    uint32_t c = 0;
    bool taken = false, ended;
    ergo__schema_put_part(s, schema, 'x', i, length);
    ergo__schema_put(s, " ::= [^\\\"\\\\\\x00-\\x1F");
    for (uint32_t j = i; j < s->property_count; j++) {
        taken = taken || (is_plain(s, j) && shares(s, i, j, length, &ended, &c) && ended);
        if (leads(s, i, j, length, &c))
            ergo__schema_put_char(s, c);
    }
    ergo__schema_put(s, "]");
    ergo__schema_put_plain(s, ERGO__SCHEMA_KEY_CHAR);
    ergo__schema_put(s, taken ? "* \"\\\"\"" : "* \"\\\"\" | \"\\\"\"");
    for (uint32_t j = i; j < s->property_count; j++)
        if (leads(s, i, j, length, &c)) {
            ergo__schema_put(s, " | \"");
            ergo__schema_put_char(s, c);
            ergo__schema_put(s, "\"");
            ergo__schema_put_part(s, schema, 'x', j, length + 1);
        }
    ergo__schema_put(s, "\n");
}

/* One rule for every beginning of a name, called after the first name that has it. */
static void put_name_rules(ergo__schema *s, uint32_t schema)
{
    for (uint32_t i = 0; i < s->property_count && !s->status; i++) {
        bool ended = !is_plain(s, i), other_ended;
        for (uint32_t length = 0; !ended; length++) {
            uint32_t c, k = 0;
            shares(s, i, i, length, &ended, &c);
            while (k < i && !(is_plain(s, k) && shares(s, i, k, length, &other_ended, &c)))
                k++;
            if (k == i)
                put_name_rule(s, schema, i, length);
        }
    }
}

static void put_additional_part(ergo__schema *s, uint32_t schema, uint32_t additional)
{
    uint32_t first = 0;
    while (first < s->property_count && !is_plain(s, first))
        first++;
    ergo__schema_put_part(s, schema, 'a', 0, ERGO__JSON_NONE);
    ergo__schema_put(s, " ::= \"\\\"\"");
    if (first < s->property_count) {
        ergo__schema_put_part(s, schema, 'x', first, 0);
    } else {
        ergo__schema_put_plain(s, ERGO__SCHEMA_KEY_CHAR);
        ergo__schema_put(s, "* \"\\\"\"");
    }
    ergo__schema_put(s, " \":\"");
    ergo__schema_put_plain(s, ERGO__SCHEMA_SPACE);
    ergo__schema_put_rule(s, additional);
    ergo__schema_put(s, "\n");
}

void ergo__schema_put_object_parts(ergo__schema *s, uint32_t schema)
{
    const shape o = measure(s, schema);
    if (s->status)
        return;
    put_named_parts(s, schema, &o);
    if (o.open != OPEN)
        return;
    put_additional_part(s, schema, o.additional);
    put_name_rules(s, schema);
}
