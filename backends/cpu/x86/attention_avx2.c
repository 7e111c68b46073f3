/* SPDX-License-Identifier: Apache-2.0 */
#define ERGO_CPU_VARIANT f16c
#define QUERIES 4
#define CODE_ZERO 0

#include "backends/cpu/x86/inline.h"
#include "backends/cpu/x86/vectors_avx2.h"

ALWAYS_INLINE vi v_code(vi codes)
{
    return codes;
}

/*
 * Sums of two products saturate at 16 bits: the sign of the codes (-128..127) goes to the query's
 * (-127..127), so that 2 x 128 x 127 is the most.
 */
ALWAYS_INLINE vi v_dot4(vi acc, vi codes, const int8_t *query)
{
    const vi sums =
        _mm256_maddubs_epi16(_mm256_abs_epi8(codes), _mm256_sign_epi8(v_repeat4(query), codes));
    return v_add(acc, _mm256_madd_epi16(sums, v_i16(1)));
}

#include "backends/cpu/x86/attention_f16.h"
#include "backends/cpu/x86/attention_q8.h"
