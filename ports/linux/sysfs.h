/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_LINUX_SYSFS_H
#define ERGO_LINUX_SYSFS_H

#include <dirent.h>

#include "ergo/base.h"

/* Small files of the kernel, under a root that tests may choose. */

#define ERGO__SYSFS_PATH 256

/** The status that errno says. */
ergo_status ergo__sysfs_status(int error);

/** Joins "root" + "/" + "format..."; false when it is too long. */
bool ergo__sysfs_path(char path[ERGO__SYSFS_PATH], const char *root, const char *format, ...)
    __attribute__((__format__(__printf__, 3, 4)));

/** Reads a line, without the line break, into `text` of `size` bytes. */
ergo_status ergo__sysfs_text(const char *path, char *text, size_t size);

/** Reads a decimal number. */
ergo_status ergo__sysfs_number(const char *path, int64_t *out);

/** The same from a file that stays open, and from its beginning. */
ergo_status ergo__sysfs_pread(int fd, int64_t *out);

/** A decimal number with a fraction, such as "0.010" or "1.25", in millionths. */
ergo_status ergo__sysfs_micro(const char *path, int64_t *out);

/** The last part of what a link points to; "" when it is none. */
void ergo__sysfs_link(const char *path, char *name, size_t size);

/** Most entries of a folder that are looked at. */
#define ERGO__SYSFS_ENTRIES 128

/** Names in a folder that begin with `prefix`, by number and then by text. */
typedef struct ergo__sysfs_names {
    char name[ERGO__SYSFS_ENTRIES][64];
    uint32_t count;
} ergo__sysfs_names;

/** Error: ERGO_E_NOT_FOUND when there is no such folder. */
ergo_status ergo__sysfs_list(const char *path, const char *prefix, ergo__sysfs_names *out);

#endif
