/* SPDX-License-Identifier: Apache-2.0 */
#define ERGO_CPU_VARIANT avx512vnni
#define QUERIES 8
#define CODE_ZERO 128

#include "backends/cpu/x86/inline.h"
#include "backends/cpu/x86/vectors_avx512.h"

ALWAYS_INLINE vi v_code(vi codes)
{
    return v_xor(codes, v_bytes(CODE_ZERO));
}

ALWAYS_INLINE vi v_dot4(vi acc, vi codes, const int8_t *query)
{
    return _mm512_dpbusd_epi32(acc, codes, v_repeat4(query));
}

#include "backends/cpu/x86/attention_q8.h"
