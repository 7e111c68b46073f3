/* SPDX-License-Identifier: Apache-2.0 */
#define ERGO_CPU_VARIANT avx512
#define QUERIES 8

#include "backends/cpu/x86/inline.h"
#include "backends/cpu/x86/vectors_avx512.h"

#include "backends/cpu/x86/attention_f16.h"
