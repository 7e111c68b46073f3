/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_POWER_H
#define ERGO_POWER_H

/** The power half of ergo: sensors, boards, meters, accounts. It needs nothing of the other half.
 */

#include "account.h"
#include "base.h"
#include "board.h"
#include "frontier.h"
#include "governor.h"
#include "hold.h"
#include "ina.h"
#include "knob.h"
#include "meter.h"
#include "policy.h"
#include "profile.h"
#include "sensor.h"
#include "status.h"
#include "trace.h"
#include "version.h"
#include "work.h"

#endif
