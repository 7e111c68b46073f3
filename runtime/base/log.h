/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_BASE_LOG_H
#define ERGO_BASE_LOG_H

#include <stdarg.h>

#include "ergo/base.h"

#if defined(__GNUC__)
#define ERGO__PRINTF(fmt, args) __attribute__((__format__(__printf__, fmt, args)))
#else
#define ERGO__PRINTF(fmt, args)
#endif

/** Longest message passed on; longer ones are cut. */
#define ERGO__LOG_MAX 512

/** Formats one line and passes it on, where the log asks for that level. `log` may be NULL. */
void ergo__log(const ergo_log *log, ergo_log_level level, const char *format, ...)
    ERGO__PRINTF(3, 4);

/** Logs an error and returns `status`, so that a failing line reads `return ergo__fail(...)`. */
ergo_status ergo__fail(const ergo_log *log, ergo_status status, const char *format, ...)
    ERGO__PRINTF(3, 4);

#endif
