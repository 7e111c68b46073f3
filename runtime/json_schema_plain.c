/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/json_schema.h"

/*
 * JSON as RFC 8259 has it, but for two things that keep small models from running on: white space
 * is one blank at most, behind ':' and ','; and numbers have no more than 16 digits before and
 * behind the point, and 3 in the exponent.
 */

typedef struct plain_rule {
    const char *name, *body;
    ergo__schema_plain needs[4];
    int need_count;
} plain_rule;

static const plain_rule rules[ERGO__SCHEMA_PLAIN_COUNT] = {
    [ERGO__SCHEMA_VALUE] = {"value",
                            "object | array | string | number | \"true\" | \"false\" | \"null\"",
                            {ERGO__SCHEMA_OBJECT, ERGO__SCHEMA_ARRAY, ERGO__SCHEMA_STRING,
                             ERGO__SCHEMA_NUMBER},
                            4},
    [ERGO__SCHEMA_OBJECT] = {"object",
                             "\"{\" (string \":\" space value (\",\" space string \":\" space "
                             "value)*)? \"}\"",
                             {ERGO__SCHEMA_STRING, ERGO__SCHEMA_SPACE, ERGO__SCHEMA_VALUE},
                             3},
    [ERGO__SCHEMA_ARRAY] = {"array",
                            "\"[\" (value (\",\" space value)*)? \"]\"",
                            {ERGO__SCHEMA_SPACE, ERGO__SCHEMA_VALUE},
                            2},
    [ERGO__SCHEMA_STRING] = {"string", "\"\\\"\" char* \"\\\"\"", {ERGO__SCHEMA_CHAR}, 1},
    [ERGO__SCHEMA_NUMBER] = {"number",
                             "\"-\"? (\"0\" | [1-9] [0-9]{0,15}) (\".\" [0-9]{1,16})? ([eE] [-+]? "
                             "[0-9]{1,3})?",
                             {0},
                             0},
    [ERGO__SCHEMA_INTEGER] = {"integer", "\"0\" | \"-\"? [1-9] [0-9]{0,15}", {0}, 0},
    [ERGO__SCHEMA_CHAR] = {"char",
                           "key-char | \"\\\\\" ([\"\\\\/bfnrt] | \"u\" [0-9a-fA-F]{4})",
                           {ERGO__SCHEMA_KEY_CHAR},
                           1},
    [ERGO__SCHEMA_KEY_CHAR] = {"key-char", "[^\"\\\\\\x00-\\x1F]", {0}, 0},
    [ERGO__SCHEMA_SPACE] = {"space", "\" \"?", {0}, 0},
    [ERGO__SCHEMA_DATE] = {"date",
                           "[0-9]{4} \"-\" ((\"0\" [13578] | \"1\" [02]) \"-\" (\"0\" [1-9] | "
                           "[12] [0-9] | \"3\" [01]) | (\"0\" [469] | \"11\") \"-\" (\"0\" [1-9] | "
                           "[12] [0-9] | \"30\") | \"02-\" (\"0\" [1-9] | [12] [0-9]))",
                           {0},
                           0},
    [ERGO__SCHEMA_TIME] = {"time",
                           "([01] [0-9] | \"2\" [0-3]) \":\" [0-5] [0-9] \":\" [0-5] [0-9] (\".\" "
                           "[0-9]{1,9})? (\"Z\" | [-+] ([01] [0-9] | \"2\" [0-3]) \":\" [0-5] "
                           "[0-9])",
                           {0},
                           0},
    [ERGO__SCHEMA_UUID] = {"uuid",
                           "[0-9a-fA-F]{8} (\"-\" [0-9a-fA-F]{4}){3} \"-\" [0-9a-fA-F]{12}",
                           {0},
                           0},
};

void ergo__schema_put_plain(ergo__schema *s, ergo__schema_plain rule)
{
    s->plain[rule] = true;
    ergo__schema_put(s, " ");
    ergo__schema_put(s, rules[rule].name);
}

/* Marks what the marked rules need. A few rounds: each one adds a rule or is the last. */
static void complete(ergo__schema *s)
{
    for (bool changed = true; changed;) {
        changed = false;
        for (int i = 0; i < ERGO__SCHEMA_PLAIN_COUNT; i++)
            for (int k = 0; s->plain[i] && k < rules[i].need_count; k++)
                if (!s->plain[rules[i].needs[k]]) {
                    s->plain[rules[i].needs[k]] = true;
                    changed = true;
                }
    }
}

void ergo__schema_put_plain_rules(ergo__schema *s)
{
    complete(s);
    for (int i = 0; i < ERGO__SCHEMA_PLAIN_COUNT; i++)
        if (s->plain[i]) {
            ergo__schema_put(s, rules[i].name);
            ergo__schema_put(s, " ::= ");
            ergo__schema_put(s, rules[i].body);
            ergo__schema_put(s, "\n");
        }
}
