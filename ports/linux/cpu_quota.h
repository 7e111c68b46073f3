/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_LINUX_CPU_QUOTA_H
#define ERGO_LINUX_CPU_QUOTA_H

#include <stdint.h>

/**
 * CPUs that the quotas of this process's control groups pay for, rounded up and at least 1;
 * UINT32_MAX where there is no quota. `membership` is the file /proc/self/cgroup, `root` the folder
 * /sys/fs/cgroup: parameters, so that a test can show other ones.
 */
uint32_t ergo__linux_cpu_quota(const char *membership, const char *root);

#endif
