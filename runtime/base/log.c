/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/log.h"

#include <stdio.h>

static bool wanted(const ergo_log *log, ergo_log_level level)
{
    return log && log->write && level >= log->level;
}

static void write_line(const ergo_log *log, ergo_log_level level, const char *format, va_list args)
{
    char line[ERGO__LOG_MAX];
    if (vsnprintf(line, sizeof line, format, args) < 0)
        return;
    /* Names out of files must neither break the line nor steer a terminal. */
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    log->write(log->user, level, line);
}

void ergo__log(const ergo_log *log, ergo_log_level level, const char *format, ...)
{
    if (!wanted(log, level))
        return;
    va_list args;
    va_start(args, format);
    write_line(log, level, format, args);
    va_end(args);
}

ergo_status ergo__fail(const ergo_log *log, ergo_status status, const char *format, ...)
{
    if (!wanted(log, ERGO_LOG_ERROR))
        return status;
    va_list args;
    va_start(args, format);
    write_line(log, ERGO_LOG_ERROR, format, args);
    va_end(args);
    return status;
}
