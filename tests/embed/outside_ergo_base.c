/* SPDX-License-Identifier: Apache-2.0 */
#include <ergo/base.h>
#include <ergo/version.h>
#include <stdio.h>
#include <string.h>

/* Links libergo_base.a and nothing else of ergo. */
int main(void)
{
    if (strcmp(ergo_status_name(ERGO_E_FORMAT), "ERGO_E_FORMAT") != 0 || !ergo_version()[0])
        return 1;
    printf("ergo_base %s: %s\n", ergo_version(), ergo_status_text(ERGO_OK));
    return 0;
}
