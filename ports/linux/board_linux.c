/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>

#include "ergo/linux.h"
#include "ports/linux/sysfs.h"

const ergo_board *ergo_linux_board(const ergo_linux_config *config)
{
    char path[ERGO__SYSFS_PATH];
    char names[1024];
    ssize_t size = 0;
    if (ergo__sysfs_path(path, config->root, "proc/device-tree/compatible")) {
        const int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0) {
            size = read(fd, names, sizeof names);
            (void)close(fd);
        }
    }
    return ergo_board_matching((ergo_bytes){names, size > 0 ? (size_t)size : 0});
}
