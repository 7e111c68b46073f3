/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "tools/interrupt.h"
#include "tools/tool.h"

static const tool_command commands[] = {
    {"generate", "continue a text (what happens without a subcommand)", cmd_generate},
    {"chat", "talk with a model, or render a conversation as its prompt", cmd_chat},
    {"inspect", "what a file holds, what it needs and whether that fits", cmd_inspect},
    {"tokenize", "text to ids and back", cmd_tokenize},
    {"perplexity", "how well a model predicts a text", cmd_perplexity},
    {"logits", "raw logits of every position, for comparison", cmd_logits},
    {"bench", "tokens per second by batch and threads", cmd_bench},
    {"synth", "write a model of a real shape with random weights", cmd_synth},
    {"quantize", "write a model with smaller weights", cmd_quantize},
    {"pack", "write a model that opens at once, its weights in the kernels' order", cmd_pack},
    {"power", "what the board draws, and how well that is known", cmd_power},
    {"what-if", "what a step would cost on a board that is not there", cmd_what_if},
    {"devices", "what a model can run on", cmd_devices},
    {"version", "the version of run-model", cmd_version},
};
#define COMMAND_COUNT (sizeof commands / sizeof *commands)

static void print_usage(FILE *out)
{
    (void)fprintf(out, "run-model: runs quantized language models from GGUF files\n\n"
                       "Usage:\n  run-model [generate] -m FILE -p TEXT [options]\n"
                       "  run-model COMMAND [options]\n\nCommands:\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        (void)fprintf(out, "  %-12s%s\n", commands[i].name, commands[i].summary);
    (void)fprintf(out, "\nEvery command explains itself: run-model COMMAND --help\n");
}

static const tool_command *find(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

static int wants_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

int main(int argc, char **argv)
{
    interrupt_install();
    if (argc < 2) {
        print_usage(stderr);
        return TOOL_USAGE;
    }
    const tool_command *command = find(argv[1]);
    if (wants_help(argv[1]) && argc > 2)
        command = find(argv[2]);
    if (command != NULL && wants_help(argv[1])) {
        char help[] = "--help";
        char *words[] = {argv[2], help, NULL};
        return command->run(2, words);
    }
    if (wants_help(argv[1])) {
        print_usage(stdout);
        return tool_flush(TOOL_DONE);
    }
    if (command != NULL)
        return command->run(argc - 1, argv + 1);
    if (strcmp(argv[1], "--version") == 0)
        return cmd_version(1, argv);
    if (argv[1][0] == '-')
        return cmd_generate(argc, argv);
    tool_error("unknown subcommand \"%s\"; see run-model --help", argv[1]);
    return TOOL_USAGE;
}
