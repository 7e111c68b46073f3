/* SPDX-License-Identifier: Apache-2.0 */
#include "ergo/status.h"

const char *ergo_status_name(ergo_status status)
{
    switch (status) {
#define NAME(name, value, text)                                                                    \
    case name:                                                                                     \
        return #name;
        ERGO_STATUS_MAP(NAME)
#undef NAME
    }
    return "ERGO_UNKNOWN";
}

const char *ergo_status_text(ergo_status status)
{
    switch (status) {
#define TEXT(name, value, text)                                                                    \
    case name:                                                                                     \
        return text;
        ERGO_STATUS_MAP(TEXT)
#undef TEXT
    }
    return "unknown status";
}
