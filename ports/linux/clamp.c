/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "ports/linux/clamp.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "ports/linux/sysfs.h"

/* Kernels since 5.4 apply a new limit a moment after the write has returned. */
#define PATIENCE_NS 5000000
#define FIRST_WAIT_NS 50000

const ergo__clamp_kind ergo__clamp_cpufreq = {
    {"scaling_min_freq", "scaling_max_freq", "scaling_cur_freq"}, 1};
const ergo__clamp_kind ergo__clamp_devfreq = {{"min_freq", "max_freq", "cur_freq"}, 1000};

/* ---- Files --------------------------------------------------------------------------------- */

void ergo__clamp_open(ergo__clamp *clamp, const char *root)
{
    clamp->access = ERGO_OK;
    for (uint32_t i = 0; i < ERGO__CLAMP_FILES; i++) {
        char path[ERGO__SYSFS_PATH];
        clamp->fd[i] = -1;
        if (!ergo__sysfs_path(path, root, "%s/%s", clamp->folder, clamp->kind->file[i]))
            continue;
        if (i != ERGO__CLAMP_NOW) {
            clamp->fd[i] = open(path, O_RDWR | O_CLOEXEC);
            if (clamp->fd[i] < 0 && clamp->access == ERGO_OK)
                clamp->access = ergo__sysfs_status(errno);
        }
        if (clamp->fd[i] < 0)
            clamp->fd[i] = open(path, O_RDONLY | O_CLOEXEC);
    }
}

void ergo__clamp_close(ergo__clamp *clamp)
{
    for (uint32_t i = 0; i < ERGO__CLAMP_FILES; i++) {
        if (clamp->fd[i] >= 0)
            (void)close(clamp->fd[i]);
        clamp->fd[i] = -1;
    }
}

/* A handler of a signal may call these two: no stdio, no locale. */
static ergo_status read_rate(int fd, uint64_t *out)
{
    char text[24];
    ssize_t got;
    do
        got = pread(fd, text, sizeof text, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return ergo__sysfs_status(errno);
    uint64_t value = 0;
    ssize_t at = 0;
    while (at < got && at < 20 && text[at] >= '0' && text[at] <= '9')
        value = value * 10 + (uint64_t)(text[at++] - '0');
    if (at == 0)
        return ERGO_E_FORMAT; /* "<unsupported>" */
    *out = value;
    return ERGO_OK;
}

static ergo_status write_rate(int fd, uint64_t rate)
{
    char text[24];
    size_t at = sizeof text;
    text[--at] = '\n';
    do
        text[--at] = (char)('0' + rate % 10);
    while ((rate /= 10) > 0);
    const size_t size = sizeof text - at;
    ssize_t put;
    do
        put = pwrite(fd, text + at, size, 0);
    while (put < 0 && errno == EINTR);
    if (put < 0)
        return ergo__sysfs_status(errno);
    return (size_t)put == size ? ERGO_OK : ERGO_E_IO;
}

static bool near(const ergo__clamp *clamp, uint64_t a, uint64_t b)
{
    return (a > b ? a - b : b - a) < clamp->kind->per_khz;
}

ergo_status ergo__clamp_read(const ergo__clamp *clamp, uint64_t limits[2])
{
    uint64_t found[2];
    for (int i = 0; i < 2; i++) {
        const ergo_status status = read_rate(clamp->fd[i], &found[i]);
        if (status != ERGO_OK)
            return status;
    }
    limits[0] = found[0];
    limits[1] = found[1];
    return ERGO_OK;
}

ergo_status ergo__clamp_rate(const ergo__clamp *clamp, uint64_t *rate)
{
    uint64_t limits[2], now;
    const ergo_status status = ergo__clamp_read(clamp, limits);
    if (status != ERGO_OK)
        return status;
    if (clamp->fd[ERGO__CLAMP_NOW] < 0 || read_rate(clamp->fd[ERGO__CLAMP_NOW], &now) != ERGO_OK)
        now = limits[ERGO__CLAMP_MAX];
    if (now < limits[ERGO__CLAMP_MIN])
        now = limits[ERGO__CLAMP_MIN];
    *rate = now < limits[ERGO__CLAMP_MAX] ? now : limits[ERGO__CLAMP_MAX];
    return ERGO_OK;
}

/* ---- Setting ------------------------------------------------------------------------------- */

/* Writes both limits, the one first that leaves min <= max. */
static ergo_status write_limits(const ergo__clamp *clamp, const uint64_t limits[2])
{
    uint64_t now[2];
    ergo_status status = ergo__clamp_read(clamp, now);
    if (status != ERGO_OK)
        return status;
    const int first =
        limits[ERGO__CLAMP_MAX] >= now[ERGO__CLAMP_MIN] ? ERGO__CLAMP_MAX : ERGO__CLAMP_MIN;
    status = write_rate(clamp->fd[first], limits[first]);
    return status == ERGO_OK ? write_rate(clamp->fd[1 - first], limits[1 - first]) : status;
}

bool ergo__clamp_obeyed(const ergo__clamp *clamp)
{
    return near(clamp, clamp->seen[ERGO__CLAMP_MIN], clamp->asked) &&
           near(clamp, clamp->seen[ERGO__CLAMP_MAX], clamp->asked);
}

static ergo_status read_back(ergo__clamp *clamp)
{
    struct timespec pause = {.tv_nsec = FIRST_WAIT_NS};
    for (long waited = 0;; waited += pause.tv_nsec, pause.tv_nsec *= 2) {
        uint64_t seen[2];
        const ergo_status status = ergo__clamp_read(clamp, seen);
        if (status != ERGO_OK)
            return status;
        clamp->seen[0] = seen[0];
        clamp->seen[1] = seen[1];
        if (ergo__clamp_obeyed(clamp) || waited >= PATIENCE_NS)
            return ERGO_OK;
        (void)nanosleep(&pause, NULL);
    }
}

ergo_status ergo__clamp_set(ergo__clamp *clamp, uint64_t rate)
{
    const uint64_t limits[2] = {rate, rate};
    const uint64_t asked = clamp->asked;
    uint64_t before[2];
    ergo_status status = ergo__clamp_read(clamp, before);
    if (status != ERGO_OK)
        return status;
    clamp->asked = rate;
    clamp->turned = 1;
    status = write_limits(clamp, limits);
    if (status == ERGO_OK)
        return read_back(clamp);
    (void)write_limits(clamp, before); /* one of the two may have gone through */
    clamp->asked = asked;
    clamp->seen[0] = before[0];
    clamp->seen[1] = before[1];
    return status;
}

/* ---- Others -------------------------------------------------------------------------------- */

static bool ours(const ergo__clamp *clamp, uint32_t file, const uint64_t now[2], bool hot)
{
    const uint64_t value = now[file];
    if (near(clamp, value, clamp->seen[file]) || near(clamp, value, clamp->asked))
        return true;
    if (value > clamp->asked)
        return false;
    /* Heat lowers the maximum, and a maximum below it lowers what the minimum reads. */
    return file == ERGO__CLAMP_MAX ? hot : near(clamp, value, now[ERGO__CLAMP_MAX]);
}

ergo_status ergo__clamp_check(const ergo__clamp *clamp, bool hot, ergo__clamp_change *change)
{
    uint64_t now[2];
    const ergo_status status = ergo__clamp_read(clamp, now);
    if (status != ERGO_OK)
        return status;
    for (uint32_t file = ERGO__CLAMP_MAX + 1; file-- > 0;)
        if (!ours(clamp, file, now, hot)) {
            *change = (ergo__clamp_change){file, clamp->seen[file], now[file]};
            return ERGO_E_STATE;
        }
    return ERGO_OK;
}

ergo_status ergo__clamp_put_back(ergo__clamp *clamp, bool hot)
{
    uint64_t now[2];
    if (!clamp->turned)
        return ERGO_OK;
    ergo_status status = ergo__clamp_read(clamp, now);
    if (status != ERGO_OK)
        return status;
    uint64_t limits[2] = {clamp->original[0], clamp->original[1]};
    const bool min_ours = ours(clamp, ERGO__CLAMP_MIN, now, hot);
    if (ours(clamp, ERGO__CLAMP_MAX, now, hot)) {
        if (!min_ours)
            limits[ERGO__CLAMP_MIN] = now[ERGO__CLAMP_MIN];
        if (limits[ERGO__CLAMP_MAX] < limits[ERGO__CLAMP_MIN])
            limits[ERGO__CLAMP_MAX] = limits[ERGO__CLAMP_MIN];
        if (min_ours)
            status = write_limits(clamp, limits);
        else
            status = write_rate(clamp->fd[ERGO__CLAMP_MAX], limits[ERGO__CLAMP_MAX]);
    } else if (min_ours) {
        if (limits[ERGO__CLAMP_MIN] > now[ERGO__CLAMP_MAX])
            limits[ERGO__CLAMP_MIN] = now[ERGO__CLAMP_MAX];
        status = write_rate(clamp->fd[ERGO__CLAMP_MIN], limits[ERGO__CLAMP_MIN]);
    }
    if (status == ERGO_OK)
        clamp->turned = 0;
    return status;
}
