/* SPDX-License-Identifier: Apache-2.0 */
#include <ergo/ergo.h>
#include <ergo/power.h>
#include <ergo/steer.h>
#include <stdio.h>

/* Links libergo_steer.a, which needs both halves. */
int main(void)
{
    const ergo_steer_config config = {.max_requests = 1};
    size_t size = 0;
    printf("ergo_steer %s\n", ergo_version());
    return ergo_steer_size(&config, &size) == ERGO_E_ARGUMENT ? 0 : 1;
}
