/* SPDX-License-Identifier: Apache-2.0 */
#include "ergo/version.h"

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

const char *ergo_version(void)
{
    return TEXT(ERGO_VERSION_MAJOR) "." TEXT(ERGO_VERSION_MINOR) "." TEXT(ERGO_VERSION_PATCH);
}
