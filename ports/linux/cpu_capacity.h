/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_PORTS_LINUX_CPU_CAPACITY_H
#define ERGO_PORTS_LINUX_CPU_CAPACITY_H

#include "runtime/base/os.h"

/**
 * Fills in the capacities of `count` CPUs and sorts them, the most capable first and those that are
 * equal by id. `root` is the folder of the CPUs in sysfs. The kernel's own figure (cpu_capacity)
 * is taken, else the highest frequency (cpufreq); where a CPU has neither, all of them count as
 * equal.
 */
void ergo__linux_cpu_capacity(const char *root, ergo__os_cpu *cpus, uint32_t count);

#endif
