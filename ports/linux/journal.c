/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "ports/linux/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ports/linux/small_file.h"
#include "runtime/base/log.h"

/* ---- Others' ------------------------------------------------------------------------------- */

static void look_at(const ergo__journal *journal, const ergo__journal_owner *self, const char *path,
                    ergo_linux_recovery *out, ergo_status *status)
{
    ergo__journal_owner owner;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        *status = ergo__sysfs_status(errno);
        return;
    }
    bool remove = true;
    if (ergo__journal_head(fd, &owner) != ERGO_OK) {
        out->refused++;
        ergo__log(journal->log, ERGO_LOG_WARNING, "knobs: %s: damaged, so nothing is put back",
                  path);
    } else if (strcmp(owner.boot, self->boot) != 0) {
        out->stale++;
    } else if (ergo__journal_lives(&owner)) {
        out->holder = owner.pid;
        remove = false;
    } else {
        out->journals++;
        ergo__log(journal->log, ERGO_LOG_WARNING,
                  "knobs: process %" PRId32 " has died and left clocks turned", owner.pid);
        const ergo_status put = ergo__journal_put_back(journal, path, fd, out);
        remove = put == ERGO_OK;
        if (!remove)
            *status = put;
    }
    (void)close(fd);
    if (remove && unlink(path) != 0)
        *status = ergo__sysfs_status(errno);
}

/* All journals of a folder, whose lock is held. A missing folder has none. */
static ergo_status look_in(const ergo__journal *journal, const char *folder,
                           const ergo__journal_owner *self, ergo_linux_recovery *out)
{
    ergo__sysfs_names names;
    ergo_status status = ergo__sysfs_list(folder, "", &names);
    for (uint32_t i = 0; status == ERGO_OK && i < names.count; i++) {
        char path[ERGO__SYSFS_PATH];
        const size_t size = strlen(names.name[i]);
        const size_t end = sizeof ERGO__JOURNAL_END - 1;
        if (size > end && strcmp(names.name[i] + size - end, ERGO__JOURNAL_END) == 0 &&
            ergo__sysfs_path(path, folder, "%s", names.name[i]))
            look_at(journal, self, path, out, &status);
    }
    return status == ERGO_E_NOT_FOUND ? ERGO_OK : status;
}

static bool has_journals(const char *folder)
{
    ergo__sysfs_names names;
    return ergo__sysfs_list(folder, "", &names) == ERGO_OK && names.count > 0;
}

ergo_status ergo__journals_recover(const ergo__journal *journal, ergo_linux_recovery *out)
{
    ergo_linux_recovery found = {0};
    ergo_status status = ERGO_OK;
    char folder[ERGO__SYSFS_PATH];
    ergo__journal_owner self;
    ergo__journal_self(journal->root, &self);
    for (int i = 0; ergo__journal_folder(journal, i, folder); i++) {
        if (!has_journals(folder))
            continue;
        const int lock = ergo__journal_lock(folder);
        const ergo_status looked =
            lock < 0 ? ERGO_E_PERMISSION : look_in(journal, folder, &self, &found);
        if (lock >= 0)
            (void)close(lock);
        if (looked != ERGO_OK)
            status = ergo__fail(journal->log, looked, "knobs: journals in %s: %s", folder,
                                ergo_status_text(looked));
    }
    if (out)
        *out = found;
    return status;
}

/* ---- Its own ------------------------------------------------------------------------------- */

static bool put_line(int fd, char *line, int size, size_t capacity)
{
    const size_t sealed = size > 0 ? ergo__journal_seal(line, (size_t)size, capacity) : 0;
    return sealed > 0 && write(fd, line, sealed) == (ssize_t)sealed;
}

static bool put_all(int fd, const ergo__journal_owner *self, const ergo__clamp *clamps,
                    uint32_t count)
{
    char line[ERGO__SYSFS_PATH];
    int size = snprintf(line, sizeof line, "ergo-knobs 1 %" PRId32 " %" PRIu64 " %s", self->pid,
                        self->start, self->boot);
    bool good = put_line(fd, line, size, sizeof line);
    for (uint32_t i = 0; good && i < count; i++)
        for (int k = 0; good && clamps[i].journalled && k < 2; k++) {
            size = snprintf(line, sizeof line, "%s/%s %" PRIu64, clamps[i].folder,
                            clamps[i].kind->file[k], clamps[i].original[k]);
            good = put_line(fd, line, size, sizeof line);
        }
    return good && fsync(fd) == 0;
}

/* The folder's own entry must be on the disk too. */
static void sync_folder(const char *folder)
{
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);
    (void)close(fd);
}

/* Replaces the journal as a whole: there is no moment at which it is half written. */
static ergo_status replace(ergo__journal *journal, const char *folder,
                           const ergo__journal_owner *self, const ergo__clamp *clamps,
                           uint32_t count)
{
    char fresh[ERGO__SYSFS_PATH];
    if (!ergo__sysfs_path(fresh, folder, "%" PRId32 ".new", self->pid))
        return ERGO_E_LIMIT;
    (void)unlink(fresh);
    const int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0664);
    bool good = fd >= 0 && put_all(fd, self, clamps, count);
    if (fd >= 0)
        (void)close(fd);
    good = good && rename(fresh, journal->path) == 0;
    if (!good) {
        const ergo_status status = ergo__sysfs_status(errno);
        (void)unlink(fresh);
        return ergo__fail(journal->log, status, "knobs: cannot write the journal %s: %s",
                          journal->path, ergo_status_text(status));
    }
    sync_folder(folder);
    return ERGO_OK;
}

/* The first time: nobody else may hold the knobs. */
static ergo_status claim(ergo__journal *journal, const char *folder,
                         const ergo__journal_owner *self)
{
    ergo_linux_recovery found = {0};
    const ergo_status status = look_in(journal, folder, self, &found);
    if (status != ERGO_OK)
        return status;
    if (found.holder != 0) {
        char path[32], name[32] = "?";
        (void)snprintf(path, sizeof path, "/proc/%" PRId32 "/comm", found.holder);
        (void)ergo__sysfs_text(path, name, sizeof name);
        if (!journal->said)
            ergo__log(journal->log, ERGO_LOG_ERROR,
                      "knobs: process %" PRId32 " (%s) holds them: nothing is turned here",
                      found.holder, name);
        journal->said = true;
        return ERGO_E_STATE;
    }
    return ergo__sysfs_path(journal->path, folder, "%" PRId32 ERGO__JOURNAL_END, self->pid)
               ? ERGO_OK
               : ERGO_E_LIMIT;
}

ergo_status ergo__journal_write(ergo__journal *journal, const ergo__clamp *clamps, uint32_t count)
{
    char folder[ERGO__SYSFS_PATH];
    ergo__journal_owner self;
    ergo_status status = ergo__journal_make_folder(journal, folder);
    const int lock = status == ERGO_OK ? ergo__journal_lock(folder) : -1;
    if (lock < 0) {
        if (!journal->said)
            ergo__log(journal->log, ERGO_LOG_ERROR,
                      "knobs: no journal can be written to %s, so nothing is turned", folder);
        journal->said = true;
        return ERGO_E_PERMISSION;
    }
    ergo__journal_self(journal->root, &self);
    if (!journal->held)
        status = claim(journal, folder, &self);
    if (status == ERGO_OK)
        status = replace(journal, folder, &self, clamps, count);
    if (status == ERGO_OK)
        journal->held = true;
    (void)close(lock);
    return status;
}

void ergo__journal_remove(ergo__journal *journal)
{
    if (journal->held)
        (void)unlink(journal->path);
    journal->held = false;
}
