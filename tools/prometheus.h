/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_PROMETHEUS_H
#define ERGO_TOOLS_PROMETHEUS_H

#include "tools/out_file.h"

/* Writes the text format of Prometheus, version 0.0.4. */

/** Begins a metric: its HELP and TYPE lines. `type` is "counter" or "gauge". */
void prometheus_metric(out_file *out, const char *name, const char *type, const char *help);

/** One label; a list of them ends with a name that is NULL. */
typedef struct prometheus_label {
    const char *name;
    const char *value; /**< any bytes; what is not UTF-8 becomes U+FFFD */
} prometheus_label;

/** A sample of the metric. `labels` may be NULL. NAN is not written. */
void prometheus_sample(out_file *out, const char *name, const prometheus_label *labels,
                       double value);

#endif
