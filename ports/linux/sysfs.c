/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "ports/linux/sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

ergo_status ergo__sysfs_status(int error)
{
    switch (error) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
        return ERGO_E_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS: /* as containers mount it */
        return ERGO_E_PERMISSION;
    case ENODATA: /* a channel that is switched off */
    case EOPNOTSUPP:
        return ERGO_E_UNSUPPORTED;
    case EBUSY:
        return ERGO_E_STATE;
    default:
        return ERGO_E_IO;
    }
}

bool ergo__sysfs_path(char path[ERGO__SYSFS_PATH], const char *root, const char *format, ...)
{
    const int used = snprintf(path, ERGO__SYSFS_PATH, "%s/", root ? root : "");
    if (used < 0 || used >= ERGO__SYSFS_PATH)
        return false;
    va_list arguments;
    va_start(arguments, format);
    const int more = vsnprintf(path + used, (size_t)(ERGO__SYSFS_PATH - used), format, arguments);
    va_end(arguments);
    return more >= 0 && more < ERGO__SYSFS_PATH - used;
}

static ergo_status pread_text(int fd, char *text, size_t size)
{
    ssize_t got;
    do
        got = pread(fd, text, size - 1, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return ergo__sysfs_status(errno);
    text[got] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return ERGO_OK;
}

ergo_status ergo__sysfs_text(const char *path, char *text, size_t size)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return ergo__sysfs_status(errno);
    char line[256];
    const ergo_status status = pread_text(fd, line, sizeof line);
    (void)close(fd);
    if (status == ERGO_OK)
        (void)snprintf(text, size, "%s", line);
    return status;
}

static ergo_status parse_number(const char *text, int64_t *out)
{
    char *end;
    errno = 0;
    const long long value = strtoll(text, &end, 10);
    if (end == text || errno != 0 || (*end != '\0' && *end != ' '))
        return ERGO_E_FORMAT;
    *out = value;
    return ERGO_OK;
}

ergo_status ergo__sysfs_pread(int fd, int64_t *out)
{
    char text[64];
    const ergo_status status = pread_text(fd, text, sizeof text);
    return status == ERGO_OK ? parse_number(text, out) : status;
}

ergo_status ergo__sysfs_number(const char *path, int64_t *out)
{
    char text[64];
    const ergo_status status = ergo__sysfs_text(path, text, sizeof text);
    return status == ERGO_OK ? parse_number(text, out) : status;
}

ergo_status ergo__sysfs_micro(const char *path, int64_t *out)
{
    char text[64];
    const ergo_status status = ergo__sysfs_text(path, text, sizeof text);
    if (status != ERGO_OK)
        return status;
    char *at = text;
    const bool negative = *at == '-';
    at += negative;
    if (*at < '0' || *at > '9')
        return ERGO_E_FORMAT;
    int64_t value = 0;
    for (; *at >= '0' && *at <= '9' && value < INT64_C(1000000000000); at++)
        value = value * 10 + (*at - '0');
    value *= 1000000;
    if (*at == '.') {
        at++;
        for (int64_t unit = 100000; *at >= '0' && *at <= '9'; at++, unit /= 10)
            value += unit * (*at - '0');
    }
    if (*at != '\0')
        return ERGO_E_FORMAT;
    *out = negative ? -value : value;
    return ERGO_OK;
}

void ergo__sysfs_link(const char *path, char *name, size_t size)
{
    char target[512];
    const ssize_t got = readlink(path, target, sizeof target - 1);
    target[got > 0 ? got : 0] = '\0';
    const char *slash = strrchr(target, '/');
    (void)snprintf(name, size, "%s", slash ? slash + 1 : target);
}

/* hwmon10 after hwmon9. */
static int by_number(const void *a, const void *b)
{
    return strverscmp((const char *)a, (const char *)b);
}

ergo_status ergo__sysfs_list(const char *path, const char *prefix, ergo__sysfs_names *out)
{
    out->count = 0;
    DIR *folder = opendir(path);
    if (!folder)
        return ergo__sysfs_status(errno);
    const size_t length = strlen(prefix);
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL && out->count < ERGO__SYSFS_ENTRIES) {
        const char *name = entry->d_name;
        if (name[0] == '.' || strncmp(name, prefix, length) != 0 ||
            strlen(name) >= sizeof out->name[0])
            continue;
        memcpy(out->name[out->count++], name, strlen(name) + 1);
    }
    (void)closedir(folder);
    qsort(out->name, out->count, sizeof out->name[0], by_number);
    return ERGO_OK;
}
