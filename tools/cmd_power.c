/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tools/power_cmd.h"

static const tool_command commands[] = {
    {"list", "what sensors, clocks and permissions there are, and what is missing", power_list},
    {"watch", "watts, joules, clocks and temperatures, live or around a command", power_watch},
    {"check", "whether the sensors are good enough to say anything", power_check},
    {"record", "write every reading to a file", power_record},
    {"replay", "meter a recorded file", power_replay},
    {"restore", "put back the clocks that a process which died left turned", power_restore},
};
#define COMMAND_COUNT (sizeof commands / sizeof *commands)

static void print_usage(FILE *out)
{
    (void)fprintf(out, "Usage:\n  run-model power COMMAND [options] [--json]\n\n"
                       "What the board draws, and how well that is known.\n\nCommands:\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        (void)fprintf(out, "  %-12s%s\n", commands[i].name, commands[i].summary);
    (void)fprintf(out, "\nEvery command explains itself: run-model power COMMAND --help\n");
}

int cmd_power(int argc, char **argv)
{
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        print_usage(stdout);
        return tool_flush(TOOL_DONE);
    }
    for (size_t i = 0; argc > 1 && i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, argv[1]) == 0)
            return commands[i].run(argc - 1, argv + 1);
    if (argc > 1)
        tool_error("power has no subcommand \"%s\"; see run-model power --help", argv[1]);
    else
        print_usage(stderr);
    return TOOL_USAGE;
}
