/* SPDX-License-Identifier: Apache-2.0 */
#define ERGO_CPU_VARIANT f16c
#define QUERIES 4

#include "backends/cpu/x86/inline.h"
#include "backends/cpu/x86/vectors_avx2.h"

#include "backends/cpu/x86/attention.h"
