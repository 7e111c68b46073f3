/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "tools/args.h"

#define HELP_COLUMN 26u /* where descriptions start */
#define HELP_WIDTH 96u

/* Prints words from column `column` on, continuing in HELP_COLUMN. */
static void print_wrapped(const char *text, size_t column)
{
    while (*text != '\0') {
        const size_t size = strcspn(text, " ");
        if (column + 1 + size > HELP_WIDTH && column > HELP_COLUMN) {
            (void)printf("\n%*s", (int)HELP_COLUMN, "");
            column = HELP_COLUMN;
        }
        if (column > HELP_COLUMN) {
            (void)putchar(' ');
            column++;
        }
        (void)printf("%.*s", (int)size, text);
        column += size;
        text += size;
        text += strspn(text, " ");
    }
    (void)putchar('\n');
}

static void print_option(const args_option *option)
{
    char left[128];
    char short_form[8] = "    ";
    if (option->letter != 0)
        (void)snprintf(short_form, sizeof short_form, "-%c, ", option->letter);
    int used = snprintf(left, sizeof left, "  %s--%s%s%s", short_form, option->name,
                        option->kind == ARGS_FLAG ? "" : " ",
                        option->kind == ARGS_FLAG ? "" : option->metavar);
    if (used < 0)
        return;
    if ((size_t)used + 2 > HELP_COLUMN) {
        (void)printf("%s\n", left);
        left[0] = '\0';
    }
    (void)printf("%-*s", (int)HELP_COLUMN, left);
    print_wrapped(option->help, HELP_COLUMN);
}

void args_help(const args_spec *spec)
{
    (void)printf("Usage:\n");
    for (const char *line = spec->usage; *line != '\0';) {
        const size_t size = strcspn(line, "\n");
        (void)printf("  run-model %.*s\n", (int)size, line);
        line += size + (line[size] == '\n');
    }
    (void)printf("\n%s\n", spec->about);
    for (size_t g = 0; g < ARGS_GROUP_MAX && spec->groups[g].count > 0; g++) {
        (void)printf("\n%s:\n", spec->groups[g].title);
        for (size_t i = 0; i < spec->groups[g].count; i++)
            print_option(&spec->groups[g].options[i]);
    }
    if (spec->examples != NULL)
        (void)printf("\nExamples:\n%s\n", spec->examples);
    (void)printf("\nExit: 0 done, 1 the run failed, 2 usage, 3 a file is bad or unsupported,\n"
                 "4 permission or device, 130 interrupted.\n");
}
