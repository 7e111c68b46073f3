/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ports/linux/journal.h"
#include "ports/linux/small_file.h"

/* ---- Where --------------------------------------------------------------------------------- */

bool ergo__journal_folder(const ergo__journal *journal, int which, char path[ERGO__SYSFS_PATH])
{
    if (journal->folder)
        return which == 0 &&
               snprintf(path, ERGO__SYSFS_PATH, "%s", journal->folder) < (int)ERGO__SYSFS_PATH;
    if (which == 0)
        return ergo__sysfs_path(path, journal->root, "run/ergo");
    const char *own = getenv("XDG_RUNTIME_DIR");
    return which == 1 && own && own[0] == '/' &&
           ergo__sysfs_path(path, journal->root, "%s/ergo", own + 1);
}

/* The folder and the one that it is in. */
static ergo_status make_folder(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash && slash != path) {
        *slash = '\0';
        (void)mkdir(path, 0755);
        *slash = '/';
    }
    if (mkdir(path, 0775) != 0 && errno != EEXIST)
        return ergo__sysfs_status(errno);
    return access(path, R_OK | W_OK | X_OK) == 0 ? ERGO_OK : ergo__sysfs_status(errno);
}

ergo_status ergo__journal_make_folder(const ergo__journal *journal, char path[ERGO__SYSFS_PATH])
{
    ergo_status status = ERGO_E_NOT_FOUND;
    for (int i = 0; ergo__journal_folder(journal, i, path); i++) {
        status = make_folder(path);
        if (status == ERGO_OK)
            return ERGO_OK;
    }
    return status == ERGO_E_IO ? ERGO_E_IO : ERGO_E_PERMISSION;
}

int ergo__journal_lock(const char *folder)
{
    char path[ERGO__SYSFS_PATH];
    if (!ergo__sysfs_path(path, folder, "lock"))
        return -1;
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0664);
    const struct timespec pause = {.tv_nsec = 10000000};
    for (int i = 0; fd >= 0 && i < 100; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return fd;
        (void)nanosleep(&pause, NULL);
    }
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

/* ---- Whose --------------------------------------------------------------------------------- */

/*
 * When a process started: field 22 of its stat, the 20th after its name, which is in brackets and
 * may hold anything. False when there is none, or only what is left of it until its parent asks.
 * Processes are always those of the system, whatever root is played.
 */
static bool started(int32_t pid, uint64_t *ticks)
{
    char path[32], text[512];
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (!ergo__linux_read_text(path, text, sizeof text))
        return false;
    const char *at = strrchr(text, ')');
    if (!at || at[1] != ' ' || at[2] == 'Z' || at[2] == 'X')
        return false;
    for (int field = 0; field < 20 && at; field++)
        at = strchr(at + 1, ' ');
    if (!at)
        return false;
    *ticks = strtoull(at + 1, NULL, 10);
    return true;
}

/* A root that is played may play another boot. */
static void read_boot(const char *root, char *boot, size_t size)
{
    char path[ERGO__SYSFS_PATH];
    static const char file[] = "proc/sys/kernel/random/boot_id";
    if ((!ergo__sysfs_path(path, root, "%s", file) ||
         ergo__sysfs_text(path, boot, size) != ERGO_OK) &&
        (!ergo__sysfs_path(path, "", "%s", file) || ergo__sysfs_text(path, boot, size) != ERGO_OK))
        (void)snprintf(boot, size, "unknown");
    for (char *c = boot; *c; c++)
        if (*c == ' ')
            *c = '_';
}

void ergo__journal_self(const char *root, ergo__journal_owner *owner)
{
    *owner = (ergo__journal_owner){.pid = (int32_t)getpid()};
    (void)started(owner->pid, &owner->start);
    read_boot(root, owner->boot, sizeof owner->boot);
}

bool ergo__journal_lives(const ergo__journal_owner *owner)
{
    uint64_t start;
    return started(owner->pid, &start) && start == owner->start;
}
