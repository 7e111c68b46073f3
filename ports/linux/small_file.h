/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_PORTS_LINUX_SMALL_FILE_H
#define ERGO_PORTS_LINUX_SMALL_FILE_H

#include <stdbool.h>
#include <stddef.h>

/**
 * Reads a file of the kernel, such as one of sysfs, up to size - 1 bytes, and ends it with NUL.
 * False when it cannot be read or is empty.
 */
bool ergo__linux_read_text(const char *path, char *text, size_t size);

#endif
