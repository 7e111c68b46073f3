/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/json_schema.h"

/*
 * The elements of prefixItems come first, one rule each, "vN-e1" and on: a comma, the element and
 * what follows it, all of it optional from minItems on. Then those of `items`, by counts.
 */

typedef struct shape {
    uint32_t prefix;       /* the list of prefixItems, or NONE */
    uint32_t prefix_count; /* of them, no more than maxItems */
    uint32_t min, max;
    uint32_t items; /* the schema of the others, or NONE for any value */
    bool open;      /* whether there may be others */
} shape;

static shape measure(ergo__schema *s, uint32_t schema)
{
    shape a = {.prefix = ergo__json_find(&s->json, schema, "prefixItems"),
               .min = ergo__schema_count(s, schema, "minItems", 0),
               .max = ergo__schema_count(s, schema, "maxItems", ERGO__JSON_NONE),
               .items = ergo__json_find(&s->json, schema, "items")};
    if (a.prefix != ERGO__JSON_NONE) {
        const ergo__json_value *v = &s->json.values[a.prefix];
        if (v->kind != ERGO__JSON_ARRAY)
            ergo__schema_fail(s, ERGO_E_FORMAT, schema, "prefixItems", "is no list of schemas");
        for (uint32_t i = v->child; i != ERGO__JSON_NONE; i = s->json.values[i].next)
            a.prefix_count += a.prefix_count < a.max;
    }
    a.open = a.prefix_count < a.max;
    if (a.items != ERGO__JSON_NONE && s->json.values[a.items].kind == ERGO__JSON_ARRAY)
        ergo__schema_fail(s, ERGO_E_UNSUPPORTED, schema, "items", "as a list is not supported");
    if (a.items == ERGO__JSON_NONE && a.prefix != ERGO__JSON_NONE)
        a.open = false;
    if (a.items != ERGO__JSON_NONE && s->json.values[a.items].kind == ERGO__JSON_FALSE)
        a.open = false;
    if (a.min > a.max || (!a.open && a.min > a.prefix_count))
        ergo__schema_fail(s, ERGO_E_FORMAT, schema, "minItems", "is more than there can be");
    return a;
}

/* `(, item){min,max}` for the elements from number `from` on. */
static void put_rest(ergo__schema *s, const shape *a, uint32_t from)
{
    ergo__schema_put(s, " (\",\"");
    ergo__schema_put_plain(s, ERGO__SCHEMA_SPACE);
    ergo__schema_put_rule(s, a->items);
    ergo__schema_put(s, ")");
    ergo__schema_put_counts(s, a->min > from ? a->min - from : 0,
                            a->max == ERGO__JSON_NONE ? a->max : a->max - from);
}

void ergo__schema_put_array(ergo__schema *s, uint32_t schema)
{
    const shape a = measure(s, schema);
    ergo__schema_put(s, " \"[\"");
    if (!s->status && (a.open || a.prefix_count != 0)) {
        ergo__schema_put(s, " (");
        if (a.prefix_count != 0) {
            ergo__schema_put_rule(s, s->json.values[a.prefix].child);
            ergo__schema_put_part(s, schema, 'e', 1, ERGO__JSON_NONE);
        } else {
            ergo__schema_put_rule(s, a.items);
            put_rest(s, &a, 1);
        }
        ergo__schema_put(s, a.min == 0 ? ")?" : ")");
    }
    ergo__schema_put(s, " \"]\"");
}

void ergo__schema_put_array_parts(ergo__schema *s, uint32_t schema)
{
    const shape a = measure(s, schema);
    if (s->status || a.prefix_count == 0)
        return;
    uint32_t item = s->json.values[a.prefix].child;
    for (uint32_t i = 1; i <= a.prefix_count; i++) {
        item = s->json.values[item].next;
        ergo__schema_put_part(s, schema, 'e', i, ERGO__JSON_NONE);
        ergo__schema_put(s, " ::=");
        if (i < a.prefix_count) {
            ergo__schema_put(s, " (\",\"");
            ergo__schema_put_plain(s, ERGO__SCHEMA_SPACE);
            ergo__schema_put_rule(s, item);
            ergo__schema_put_part(s, schema, 'e', i + 1, ERGO__JSON_NONE);
            ergo__schema_put(s, i >= a.min ? ")?" : ")");
        } else if (a.open) {
            put_rest(s, &a, i);
        } else {
            ergo__schema_put(s, " \"\"");
        }
        ergo__schema_put(s, "\n");
    }
}
