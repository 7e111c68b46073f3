/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_WATCH_VIEW_H
#define ERGO_TOOLS_WATCH_VIEW_H

#include "tools/metrics.h"
#include "tools/power_cmd.h"

/* How power watch shows what it sees: each call one moment. */

typedef struct watch_view {
    const energy *e;
    uint64_t begin_ns;
    power_sums sums;          /**< since then */
    const char *metrics_path; /**< of another run-model; NULL for none */
    metrics_seen seen;        /**< in it */
    uint32_t lines;           /**< of the table on the terminal, to be drawn over */
    json_writer json;
} watch_view;

/** Draws the table, over the one before. */
void watch_view_table(watch_view *view, uint64_t now_ns);

/** One line for people, where stdout is no terminal. */
void watch_view_line(const watch_view *view, uint64_t now_ns);

/** Comma-separated values; the first line, with the names, and then one for each moment. */
void watch_view_csv_head(const watch_view *view);
void watch_view_csv(const watch_view *view, uint64_t now_ns);

/** An element of the JSON's "samples". */
void watch_view_json(watch_view *view, uint64_t now_ns);

#endif
