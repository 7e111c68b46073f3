/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/args.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/tool.h"

#define LABEL_BYTES 64

int args_wrong(const args_spec *spec, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fprintf(stderr, "run-model %s: ", spec->command);
    (void)vfprintf(stderr, format, args);
    (void)fprintf(stderr, "\nrun-model %s: see run-model %s --help\n", spec->command,
                  spec->command);
    va_end(args);
    return TOOL_USAGE;
}

bool args_number(const char *text, uint64_t most, uint64_t *out)
{
    uint64_t value = 0;
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        const uint64_t digit = (uint64_t)(*text - '0');
        if (value > (most - digit) / 10 || digit > most)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

/* Tells a number that is out of range from what is no number at all. */
static bool looks_like_number(const char *text)
{
    char *end = NULL;
    (void)strtod(text, &end);
    return *text != '\0' && end != NULL && *end == '\0';
}

/* How messages name an option: as most people type it. */
static const char *label(const args_option *option, char *out, size_t room)
{
    if (option->letter != 0)
        (void)snprintf(out, room, "-%c", option->letter);
    else
        (void)snprintf(out, room, "--%s", option->name);
    return out;
}

static int wrong_number(const args_spec *spec, const args_option *option, const char *value,
                        const char *kind)
{
    char name[LABEL_BYTES];
    (void)label(option, name, sizeof name);
    if (!looks_like_number(value))
        return args_wrong(spec, "%s \"%s\" is not %s", name, value, kind);
    return args_wrong(spec, "%s %s: allowed is %s from %.10g to %.10g", name, value, kind,
                      option->least, option->most);
}

static int set_u32(const args_spec *spec, const args_option *option, const char *value,
                   uint32_t *out)
{
    uint64_t number = 0;
    if (!args_number(value, (uint64_t)option->most, &number) || (double)number < option->least)
        return wrong_number(spec, option, value, "a whole number");
    *out = (uint32_t)number;
    return ARGS_GO_ON;
}

static int set_float(const args_spec *spec, const args_option *option, const char *value,
                     float *out)
{
    char *end = NULL;
    const double number = strtod(value, &end);
    const bool plain = strchr("+-.0123456789", value[0]) != NULL && value[0] != '\0';
    if (!plain || *end != '\0' || !isfinite(number) || number < option->least ||
        number > option->most)
        return wrong_number(spec, option, value, "a number");
    *out = (float)number;
    return ARGS_GO_ON;
}

static int set_choice(const args_spec *spec, const args_option *option, const char *value,
                      uint32_t *out)
{
    char known[256] = "";
    size_t used = 0;
    for (uint32_t i = 0; option->choices[i] != NULL; i++) {
        if (strcmp(option->choices[i], value) == 0) {
            *out = i;
            return ARGS_GO_ON;
        }
        const int n = snprintf(known + used, sizeof known - used, "%s%s", i == 0 ? "" : ", ",
                               option->choices[i]);
        used += n > 0 && (size_t)n < sizeof known - used ? (size_t)n : 0;
    }
    return args_wrong(spec, "--%s \"%s\" is none of: %s", option->name, value, known);
}

static int set_counts(const args_spec *spec, const args_option *option, const char *value,
                      args_counts *out)
{
    args_counts counts = {.count = 0};
    const char *at = value;
    for (;;) {
        char one[24];
        const size_t size = strcspn(at, ",");
        if (size >= sizeof one)
            return args_wrong(spec, "--%s \"%s\" is not a list of numbers", option->name, value);
        memcpy(one, at, size);
        one[size] = '\0';
        if (counts.count == ARGS_COUNTS_MAX)
            return args_wrong(spec, "--%s \"%s\": at most %d numbers", option->name, value,
                              ARGS_COUNTS_MAX);
        const int code = set_u32(spec, option, one, &counts.item[counts.count++]);
        if (code != ARGS_GO_ON)
            return code;
        if (at[size] == '\0')
            break;
        at += size + 1;
    }
    *out = counts;
    return ARGS_GO_ON;
}

static int set_value(const args_spec *spec, const args_option *option, const char *value,
                     void *target)
{
    switch (option->kind) {
    case ARGS_FLAG:
        *(bool *)target = true;
        return ARGS_GO_ON;
    case ARGS_TEXT:
        *(const char **)target = value;
        return ARGS_GO_ON;
    case ARGS_TEXTS: {
        args_texts *texts = target;
        if (texts->count == ARGS_TEXTS_MAX)
            return args_wrong(spec, "--%s \"%s\": at most %d times", option->name, value,
                              ARGS_TEXTS_MAX);
        texts->item[texts->count++] = value;
        return ARGS_GO_ON;
    }
    case ARGS_U32:
        return set_u32(spec, option, value, target);
    case ARGS_U64:
        if (!args_number(value, UINT64_MAX, target))
            return args_wrong(spec, "--%s \"%s\" is not a whole number from 0 to 2^64-1",
                              option->name, value);
        return ARGS_GO_ON;
    case ARGS_FLOAT:
        return set_float(spec, option, value, target);
    case ARGS_CHOICE:
        return set_choice(spec, option, value, target);
    case ARGS_COUNTS:
        return set_counts(spec, option, value, target);
    }
    return TOOL_FAILED;
}

/* The option that `name` (of `size` bytes) or `letter` asks for, and its group. */
static const args_option *find(const args_spec *spec, const char *name, size_t size, char letter,
                               const args_group **group)
{
    for (size_t g = 0; g < ARGS_GROUP_MAX; g++) {
        for (size_t i = 0; i < spec->groups[g].count; i++) {
            const args_option *option = &spec->groups[g].options[i];
            *group = &spec->groups[g];
            if (name == NULL
                    ? letter == option->letter
                    : strlen(option->name) == size && memcmp(option->name, name, size) == 0)
                return option;
        }
    }
    return NULL;
}

/* Parses the option at argv[*at]; moves *at to its last argument. */
static int parse_option(const args_spec *spec, int argc, char **argv, int *at, char *values)
{
    const char *argument = argv[*at];
    const bool is_long = argument[1] == '-';
    const char *name = argument + 2;
    const char *equals = is_long ? strchr(name, '=') : NULL;
    const size_t size = equals != NULL ? (size_t)(equals - name) : strlen(name);
    const args_group *group = NULL;
    const args_option *option = NULL;
    char typed[LABEL_BYTES];

    if (is_long)
        option = find(spec, name, size, 0, &group);
    else if (argument[2] == '\0')
        option = find(spec, NULL, 0, argument[1], &group);
    if (option == NULL)
        return args_wrong(spec, "unknown option %s", argument);

    const char *value = equals != NULL ? equals + 1 : NULL;
    if (option->kind == ARGS_FLAG && value != NULL)
        return args_wrong(spec, "--%s takes no value", option->name);
    if (option->kind != ARGS_FLAG && value == NULL) {
        if (*at + 1 == argc)
            return args_wrong(spec, "%s needs a value: %s", label(option, typed, sizeof typed),
                              option->metavar);
        value = argv[++*at];
    }
    return set_value(spec, option, value, values + group->offset + option->offset);
}

int args_parse(const args_spec *spec, int argc, char **argv, void *values, args_rest *rest)
{
    size_t plain = 0;
    bool options = true;
    for (int i = 1; i < argc; i++) {
        if (options && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
            args_help(spec);
            return tool_flush(TOOL_DONE);
        }
        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
        } else if (options && argv[i][0] == '-' && argv[i][1] != '\0') {
            const int code = parse_option(spec, argc, argv, &i, values);
            if (code != ARGS_GO_ON)
                return code;
        } else if (spec->rest == NULL) {
            return args_wrong(spec, "unexpected argument \"%s\"", argv[i]);
        } else {
            argv[1 + plain++] = argv[i];
        }
    }
    if (rest != NULL)
        *rest = (args_rest){argv + 1, plain};
    return ARGS_GO_ON;
}
