/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TESTS_LOG_KEEPER_H
#define ERGO_TESTS_LOG_KEEPER_H

#include <stdio.h>

#include "ergo/base.h"

/** Keeps the last line of a log. */
typedef struct log_keeper {
    char text[512];
    unsigned lines;
} log_keeper;

static inline void log_keeper_write(void *user, ergo_log_level level, const char *message)
{
    log_keeper *keeper = user;
    (void)level;
    (void)snprintf(keeper->text, sizeof keeper->text, "%s", message);
    keeper->lines++;
}

static inline ergo_log log_keeper_log(log_keeper *keeper)
{
    return (ergo_log){.write = log_keeper_write, .user = keeper};
}

#endif
