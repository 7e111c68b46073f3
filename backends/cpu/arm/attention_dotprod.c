/* SPDX-License-Identifier: Apache-2.0 */
#define ERGO_CPU_VARIANT dotprod

#include "backends/cpu/arm/scores_q8.h"
