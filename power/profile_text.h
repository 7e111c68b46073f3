/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_POWER_PROFILE_TEXT_H
#define ERGO_POWER_PROFILE_TEXT_H

#include "ergo/knob.h"

/* What reading and writing profiles share. */

#define ERGO__PROFILE_VERSION 1
#define ERGO__KNOB_KINDS 6

/** "clock", "memory", ...: static. */
const char *ergo__knob_kind_name(ergo_knob_kind kind);

#endif
