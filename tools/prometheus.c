/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/prometheus.h"

#include <math.h>
#include <string.h>

#include "tools/json_write.h"

static void put(out_file *out, const char *text)
{
    out_file_write(out, text, strlen(text));
}

void prometheus_metric(out_file *out, const char *name, const char *type, const char *help)
{
    const char *const parts[] = {"# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        put(out, parts[i]);
}

/* A label's value: backslash, quote and line break are escaped, all else goes as it is. */
static void put_value(out_file *out, const char *value)
{
    size_t left = strlen(value);
    while (left > 0) {
        const int size = json_utf8_next((const unsigned char *)value, left);
        const size_t step = (size_t)(size < 0 ? -size : size);
        if (size < 0)
            put(out, "\xEF\xBF\xBD");
        else if (*value == '\\' || *value == '"')
            put(out, *value == '"' ? "\\\"" : "\\\\");
        else if (*value == '\n')
            put(out, "\\n");
        else
            out_file_write(out, value, step);
        value += step;
        left -= step;
    }
}

/* The shortest decimal that reads back as the same number. */
static void put_number(out_file *out, double value)
{
    char text[40];
    if (isinf(value)) {
        put(out, value > 0 ? "+Inf" : "-Inf");
        return;
    }
    for (int digits = 6; digits <= 17; digits++) {
        double back = 0;
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
        if (sscanf(text, "%lf", &back) == 1 && !(back < value) && !(back > value))
            break;
    }
    put(out, text);
}

void prometheus_sample(out_file *out, const char *name, const prometheus_label *labels,
                       double value)
{
    if (isnan(value))
        return;
    put(out, name);
    for (size_t i = 0; labels != NULL && labels[i].name != NULL; i++) {
        put(out, i == 0 ? "{" : ",");
        put(out, labels[i].name);
        put(out, "=\"");
        put_value(out, labels[i].value);
        put(out, "\"");
    }
    put(out, labels != NULL && labels[0].name != NULL ? "} " : " ");
    put_number(out, value);
    put(out, "\n");
}
