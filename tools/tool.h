/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_TOOL_H
#define ERGO_TOOLS_TOOL_H

#include <stdint.h>
#include <stdio.h>

#include "ergo/base.h"

/* What every subcommand of run-model shares: exit codes, messages and clocks. */

/** How a run ends: the numbers that scripts rely on. */
typedef int tool_exit;
enum {
    TOOL_DONE = 0,
    TOOL_FAILED = 1,       /**< the run failed */
    TOOL_USAGE = 2,        /**< the command line is wrong */
    TOOL_BAD_FILE = 3,     /**< a file is missing, damaged or unsupported */
    TOOL_DEVICE = 4,       /**< permission or device */
    TOOL_INTERRUPTED = 130 /**< by Ctrl-C, after the summary */
};

#define TOOL_PRINTF(fmt, args) __attribute__((__format__(__printf__, fmt, args)))

/** One line "run-model: ..." on stderr. */
void tool_error(const char *format, ...) TOOL_PRINTF(1, 2);

/** Says why a call of ergo failed and maps the status to an exit code (`what` may be NULL). */
tool_exit tool_status(ergo_status status, const char *what);

/** Reports failed writes to stdout. Quiet where the reader has gone away (EPIPE). */
tool_exit tool_flush(tool_exit code);

/** Seconds on a monotonic clock. */
double tool_seconds(void);

/** CPU seconds that this process has used, all threads together. */
double tool_cpu_seconds(void);

/** Most bytes of memory that this process ever had resident. */
uint64_t tool_peak_bytes(void);

/** A size for people, such as "1.25 GiB", in `out`, which holds 32 bytes. Returns it. */
const char *tool_bytes_text(uint64_t bytes, char *out);

/** The NUL-terminated text as an ergo_str; empty for NULL. */
ergo_str tool_str(const char *text);

/** `count` objects of `size` bytes, zeroed; NULL and a message when there is no memory. */
void *tool_alloc(size_t count, size_t size);

/**
 * A block of `size` bytes aligned for an _open call, large ones in huge pages where the system has
 * them; `data` is NULL, after a message, on failure. Release with free(block.data).
 */
ergo_block tool_block(size_t size);

/** A subcommand of run-model. */
typedef struct tool_command {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv); /**< argv[0] is the command's name; returns a tool_exit */
} tool_command;

int cmd_generate(int argc, char **argv);
int cmd_chat(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_tokenize(int argc, char **argv);
int cmd_perplexity(int argc, char **argv);
int cmd_logits(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_synth(int argc, char **argv);
int cmd_quantize(int argc, char **argv);
int cmd_pack(int argc, char **argv);
int cmd_power(int argc, char **argv);
int cmd_what_if(int argc, char **argv);
int cmd_devices(int argc, char **argv);
int cmd_version(int argc, char **argv);

#endif
