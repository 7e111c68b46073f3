/* SPDX-License-Identifier: Apache-2.0 */
#include "ports/linux/cpu_quota.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ports/linux/small_file.h"

/* Longer paths than this are cut, and then name no file: no quota is seen. */
#define PATH_MAX_BYTES 1024

static uint32_t cpus_of(long long quota, long long period)
{
    if (quota <= 0 || period <= 0)
        return UINT32_MAX;
    const long long cpus = quota / period + (quota % period != 0);
    return cpus < UINT32_MAX ? (uint32_t)cpus : UINT32_MAX;
}

/* Version 2 has one file, "QUOTA PERIOD" in microseconds, where the quota may be "max". */
static uint32_t quota_v2(const char *folder)
{
    char path[PATH_MAX_BYTES], text[64], *rest;
    snprintf(path, sizeof path, "%s/cpu.max", folder);
    if (!ergo__linux_read_text(path, text, sizeof text))
        return UINT32_MAX;
    const long long quota = strtoll(text, &rest, 10);
    return rest == text ? UINT32_MAX : cpus_of(quota, strtoll(rest, NULL, 10));
}

/* Version 1 has two files; a quota of -1 means none. */
static uint32_t quota_v1(const char *folder)
{
    char path[PATH_MAX_BYTES], quota[32], period[32];
    snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
    if (!ergo__linux_read_text(path, quota, sizeof quota))
        return UINT32_MAX;
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
    if (!ergo__linux_read_text(path, period, sizeof period))
        return UINT32_MAX;
    return cpus_of(strtoll(quota, NULL, 10), strtoll(period, NULL, 10));
}

/* The least quota from `group` up to the root: each level limits what is below it. A container may
 * name a group that it cannot see; the levels that exist still count. */
static uint32_t least_quota(const char *mount, const char *group, uint32_t (*quota)(const char *))
{
    char folder[PATH_MAX_BYTES];
    const size_t top = strlen(mount);
    const int length = snprintf(folder, sizeof folder, "%s%s", mount, group);
    if (length < 0 || (size_t)length >= sizeof folder)
        return quota(mount);
    uint32_t least = UINT32_MAX;
    for (size_t end = (size_t)length;; end--) {
        if (end > top && folder[end] != '/' && folder[end] != '\0')
            continue;
        folder[end] = '\0';
        const uint32_t here = quota(folder);
        if (here < least)
            least = here;
        if (end <= top)
            return least;
    }
}

/* Whether a comma-separated list of controllers holds "cpu". */
static bool has_cpu(const char *controllers)
{
    for (const char *name = controllers; *name;) {
        const size_t size = strcspn(name, ",");
        if (size == 3 && memcmp(name, "cpu", 3) == 0)
            return true;
        name += size + (name[size] == ',');
    }
    return false;
}

/* One line of the membership file, "ID:CONTROLLERS:GROUP"; version 2 names no controllers. */
static uint32_t quota_of_line(char *line, const char *root)
{
    char *controllers = strchr(line, ':');
    char *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group)
        return UINT32_MAX;
    *controllers++ = '\0';
    *group++ = '\0';
    if (*controllers == '\0')
        return least_quota(root, group, quota_v2);
    if (!has_cpu(controllers))
        return UINT32_MAX;
    char mount[PATH_MAX_BYTES];
    snprintf(mount, sizeof mount, "%s/cpu", root);
    return least_quota(mount, group, quota_v1);
}

uint32_t ergo__linux_cpu_quota(const char *membership, const char *root)
{
    char text[4096];
    if (!ergo__linux_read_text(membership, text, sizeof text))
        return UINT32_MAX;
    uint32_t least = UINT32_MAX;
    for (char *line = text, *end; *line; line = end) {
        end = line + strcspn(line, "\n");
        if (*end)
            *end++ = '\0';
        const uint32_t here = quota_of_line(line, root);
        if (here < least)
            least = here;
    }
    return least;
}
