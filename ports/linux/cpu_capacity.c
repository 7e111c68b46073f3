/* SPDX-License-Identifier: Apache-2.0 */
#include "ports/linux/cpu_capacity.h"

#include <stdio.h>
#include <stdlib.h>

#include "ports/linux/small_file.h"

/* The positive number in a file of a CPU, or 0. */
static uint32_t number_in(const char *root, uint32_t cpu, const char *name)
{
    char path[512], text[32];
    snprintf(path, sizeof path, "%s/cpu%u/%s", root, cpu, name);
    if (!ergo__linux_read_text(path, text, sizeof text))
        return 0;
    const long long number = strtoll(text, NULL, 10);
    return number > 0 && number < UINT32_MAX ? (uint32_t)number : 0;
}

/* Figures of one file alone are comparable: false unless every CPU has it. */
static bool read_all(const char *root, const char *name, ergo__os_cpu *cpus, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        cpus[i].capacity = number_in(root, cpus[i].id, name);
        if (cpus[i].capacity == 0)
            return false;
    }
    return true;
}

static bool before(ergo__os_cpu a, ergo__os_cpu b)
{
    return a.capacity > b.capacity || (a.capacity == b.capacity && a.id < b.id);
}

/* By insertion: qsort of the C library may allocate. */
static void sort(ergo__os_cpu *cpus, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        const ergo__os_cpu cpu = cpus[i];
        uint32_t at = i;
        for (; at > 0 && before(cpu, cpus[at - 1]); at--)
            cpus[at] = cpus[at - 1];
        cpus[at] = cpu;
    }
}

void ergo__linux_cpu_capacity(const char *root, ergo__os_cpu *cpus, uint32_t count)
{
    if (!read_all(root, "cpu_capacity", cpus, count) &&
        !read_all(root, "cpufreq/cpuinfo_max_freq", cpus, count))
        for (uint32_t i = 0; i < count; i++)
            cpus[i].capacity = 1;
    sort(cpus, count);
}
