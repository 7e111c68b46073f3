/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_METRICS_H
#define ERGO_TOOLS_METRICS_H

#include "tools/energy.h"
#include "tools/tool.h"

struct tally;

/*
 * --metrics-file: what a run does, for Prometheus, in the text format that node_exporter's textfile
 * collector reads. The file is written anew once per second, under another name first, so that
 * a reader never sees half of it.
 */
typedef struct metrics {
    const char *path;    /**< NULL: no file is kept, and the calls below do nothing */
    const char *command; /**< "generate", "chat", ... */
    const char *model;   /**< its file; NULL for none */
    double written;      /**< when it was, last */
    bool failed;         /**< it could not be written, which was said once */
} metrics;

#define METRICS_HELP                                                                               \
    "keep figures in a file for Prometheus' textfile collector, renewed every second (*.prom)"

/** Writes a first file, so that a path that cannot be written is known before the work. */
tool_exit metrics_open(metrics *m, const energy *e);

/** Writes it again when a second has passed. `sum` may be NULL. */
void metrics_update(metrics *m, const energy *e, const struct tally *sum);

/** Writes the last figures. `code`, or TOOL_FAILED where the file could not be written. */
tool_exit metrics_close(metrics *m, const energy *e, const struct tally *sum, tool_exit code);

/** What another run-model wrote. NAN where it did not. */
typedef struct metrics_seen {
    double tokens_per_s; /**< of decoding */
    double joules_per_token;
    double tokens; /**< decoded so far */
    double age_seconds;
} metrics_seen;

/** TOOL_DONE also where there is no such file yet; TOOL_BAD_FILE, said, where it is no metrics. */
tool_exit metrics_read(const char *path, metrics_seen *out);

#endif
