/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ports/linux/journal.h"
#include "runtime/base/hash.h"
#include "runtime/base/log.h"

#define LINE_MAX_BYTES 256u
#define SUM_DIGITS 16u

/* ---- Lines --------------------------------------------------------------------------------- */

static void sum_text(const char *line, size_t size, char text[SUM_DIGITS + 1])
{
    (void)snprintf(text, SUM_DIGITS + 1, "%016" PRIx64,
                   ergo__hash_bytes(ERGO__HASH_START, line, size));
}

size_t ergo__journal_seal(char *line, size_t size, size_t capacity)
{
    char sum[SUM_DIGITS + 1];
    if (size + SUM_DIGITS + 3 > capacity)
        return 0;
    sum_text(line, size, sum);
    return size + (size_t)snprintf(line + size, capacity - size, " %s\n", sum);
}

/*
 * The next line, without its sum. Returns false at the end of the file; `*good` tells whether the
 * sum was right.
 */
static bool next_line(int fd, off_t *at, char line[LINE_MAX_BYTES], bool *good)
{
    ssize_t got = pread(fd, line, LINE_MAX_BYTES - 1, *at);
    if (got <= 0)
        return false;
    const char *end = memchr(line, '\n', (size_t)got);
    const size_t size = end ? (size_t)(end - line) : (size_t)got;
    *at += (off_t)(size + (end != NULL));
    line[size] = '\0';
    char sum[SUM_DIGITS + 1];
    *good = end && size > SUM_DIGITS + 1 && !memchr(line, '\0', size) &&
            line[size - SUM_DIGITS - 1] == ' ';
    if (!*good)
        return true;
    line[size - SUM_DIGITS - 1] = '\0';
    sum_text(line, size - SUM_DIGITS - 1, sum);
    *good = memcmp(sum, line + size - SUM_DIGITS, SUM_DIGITS) == 0;
    return true;
}

ergo_status ergo__journal_head(int fd, ergo__journal_owner *owner)
{
    char line[LINE_MAX_BYTES];
    ergo__journal_owner found;
    off_t at = 0;
    bool good;
    int used = 0;
    if (!next_line(fd, &at, line, &good) || !good ||
        sscanf(line, "ergo-knobs 1 %" SCNd32 " %" SCNu64 " %39[!-~]%n", &found.pid, &found.start,
               found.boot, &used) != 3 ||
        line[used] != '\0' || found.pid <= 0)
        return ERGO_E_FORMAT;
    *owner = found;
    return ERGO_OK;
}

/* ---- What may be written ------------------------------------------------------------------- */

static bool is_one_of(const char *name, const ergo__clamp_kind *kind)
{
    return strcmp(name, kind->file[ERGO__CLAMP_MIN]) == 0 ||
           strcmp(name, kind->file[ERGO__CLAMP_MAX]) == 0;
}

/* A name of a device: no dots alone, no slash. */
static bool is_device(const char *name, size_t size)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:,@+-";
    return size > 0 && size < 64 && name[0] != '.' && strspn(name, allowed) >= size;
}

static bool is_limit(const char *path)
{
    static const char policies[] = "sys/devices/system/cpu/cpufreq/policy";
    static const char devices[] = "sys/class/devfreq/";
    const char *slash = strrchr(path, '/');
    if (strncmp(path, policies, sizeof policies - 1) == 0) {
        const char *number = path + sizeof policies - 1;
        const size_t digits = strspn(number, "0123456789");
        return digits > 0 && digits < 6 && number + digits == slash &&
               is_one_of(slash + 1, &ergo__clamp_cpufreq);
    }
    if (strncmp(path, devices, sizeof devices - 1) != 0)
        return false;
    const char *name = path + sizeof devices - 1;
    return slash > name && is_device(name, (size_t)(slash - name)) &&
           is_one_of(slash + 1, &ergo__clamp_devfreq);
}

/* "PATH VALUE": false when it is anything but a limit and a number. */
static bool parse_entry(char *line, const char **path, const char **value)
{
    char *space = strchr(line, ' ');
    if (!space)
        return false;
    *space = '\0';
    const size_t digits = strspn(space + 1, "0123456789");
    *path = line;
    *value = space + 1;
    return digits > 0 && digits <= 20 && space[1 + digits] == '\0' && is_limit(line);
}

/* ---- Putting back -------------------------------------------------------------------------- */

typedef enum outcome { IN_FORCE, WRITTEN, REFUSED } outcome;

/* Writes the value unless the file holds it. */
static outcome put_value(const char *root, const char *limit, const char *value, int *error)
{
    char path[ERGO__SYSFS_PATH], now[32];
    *error = 0;
    if (!ergo__sysfs_path(path, root, "%s", limit))
        return REFUSED;
    if (ergo__sysfs_text(path, now, sizeof now) == ERGO_OK && strcmp(now, value) == 0)
        return IN_FORCE;
    char text[24];
    const int size = snprintf(text, sizeof text, "%s\n", value);
    const int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    const bool done = fd >= 0 && write(fd, text, (size_t)size) == (ssize_t)size;
    *error = done ? 0 : errno;
    if (fd >= 0)
        (void)close(fd);
    return done ? WRITTEN : REFUSED;
}

/*
 * Twice, since kernels refuse a minimum above the maximum: what the order of the lines did not
 * allow works the second time. Only then is it said.
 */
ergo_status ergo__journal_put_back(const ergo__journal *journal, const char *journal_path, int fd,
                                   ergo_linux_recovery *out)
{
    ergo_status status = ERGO_OK;
    for (int round = 0; round < 2; round++) {
        char line[LINE_MAX_BYTES];
        const char *limit, *value;
        off_t at = 0;
        bool good;
        for (int number = 1; next_line(fd, &at, line, &good); number++) {
            if (number == 1)
                continue; /* whose it is */
            if (!good || !parse_entry(line, &limit, &value)) {
                out->refused += round == 1;
                if (round == 1)
                    ergo__log(journal->log, ERGO_LOG_WARNING,
                              "knobs: %s:%d: damaged, or no limit of a clock: refused",
                              journal_path, number);
                continue;
            }
            int error;
            const outcome result = put_value(journal->root, limit, value, &error);
            out->restored += result == WRITTEN;
            if (result == WRITTEN)
                ergo__log(journal->log, ERGO_LOG_WARNING, "knobs: put back %s: %s", limit, value);
            if (result != REFUSED || round == 0)
                continue;
            out->refused++;
            ergo__log(journal->log, ERGO_LOG_ERROR, "knobs: cannot put back %s to %s: %s", limit,
                      value, strerror(error));
            if (ergo__sysfs_status(error) == ERGO_E_PERMISSION)
                status = ERGO_E_PERMISSION;
        }
    }
    return status;
}
