/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/bench_int8.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

/*
 * How fast a core multiplies when nothing holds it up: rounds of the best multiply instruction on
 * registers, in CHAINS independent sums, so that its latency is hidden. The functions are compiled
 * for their instruction set, whatever the rest of the program is, and called only where the device
 * has it.
 */
#define CHAINS 12

/* Makes the compiler believe that a register has changed, so that it repeats its product. */
#define CHANGE(constraint, x) __asm__ volatile("" : "+" constraint(x))

#if defined(__x86_64__)

__attribute__((target("avx512f,avx512vnni"))) static void run_avx512vnni(uint64_t rounds)
{
    __m512i sum[CHAINS], a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(-5);
    for (int i = 0; i < CHAINS; i++)
        sum[i] = _mm512_setzero_si512();
    for (uint64_t round = 0; round < rounds; round++) {
        CHANGE("v", a);
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++)
            sum[i] = _mm512_dpbusd_epi32(sum[i], a, b);
    }
    for (int i = 0; i < CHAINS; i++)
        CHANGE("v", sum[i]);
}

__attribute__((target("avx2,avxvnni"))) static void run_avxvnni(uint64_t rounds)
{
    __m256i sum[CHAINS], a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(-5);
    for (int i = 0; i < CHAINS; i++)
        sum[i] = _mm256_setzero_si256();
    for (uint64_t round = 0; round < rounds; round++) {
        CHANGE("x", a);
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++)
            sum[i] = _mm256_dpbusd_avx_epi32(sum[i], a, b);
    }
    for (int i = 0; i < CHAINS; i++)
        CHANGE("x", sum[i]);
}

/* Three instructions: products to pairs of 16 bits, pairs to 32 bits, and the sum. */
__attribute__((target("avx2"))) static void run_avx2(uint64_t rounds)
{
    const __m256i ones = _mm256_set1_epi16(1), b = _mm256_set1_epi8(-5);
    __m256i sum[CHAINS], a = _mm256_set1_epi8(3);
    for (int i = 0; i < CHAINS; i++)
        sum[i] = _mm256_setzero_si256();
    for (uint64_t round = 0; round < rounds; round++) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++) {
            CHANGE("x", a);
            sum[i] = _mm256_add_epi32(sum[i], _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), ones));
        }
    }
    for (int i = 0; i < CHAINS; i++)
        CHANGE("x", sum[i]);
}

#elif defined(__aarch64__)

__attribute__((target("arch=armv8.2-a+i8mm"))) static void run_i8mm(uint64_t rounds)
{
    int32x4_t sum[CHAINS];
    int8x16_t a = vdupq_n_s8(3);
    for (int i = 0; i < CHAINS; i++)
        sum[i] = vdupq_n_s32(0);
    for (uint64_t round = 0; round < rounds; round++) {
        CHANGE("w", a);
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++)
            sum[i] = vmmlaq_s32(sum[i], a, a);
    }
    for (int i = 0; i < CHAINS; i++)
        CHANGE("w", sum[i]);
}

__attribute__((target("arch=armv8.2-a+dotprod"))) static void run_dotprod(uint64_t rounds)
{
    int32x4_t sum[CHAINS];
    int8x16_t a = vdupq_n_s8(3);
    for (int i = 0; i < CHAINS; i++)
        sum[i] = vdupq_n_s32(0);
    for (uint64_t round = 0; round < rounds; round++) {
        CHANGE("w", a);
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++)
            sum[i] = vdotq_s32(sum[i], a, a);
    }
    for (int i = 0; i < CHAINS; i++)
        CHANGE("w", sum[i]);
}

/* Three instructions: two products of eight to 16 bits, and their sums in pairs to 32 bits. */
static void run_neon(uint64_t rounds)
{
    int32x4_t sum[CHAINS];
    int8x16_t a = vdupq_n_s8(3);
    for (int i = 0; i < CHAINS; i++)
        sum[i] = vdupq_n_s32(0);
    for (uint64_t round = 0; round < rounds; round++) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++) {
            CHANGE("w", a);
            const int16x8_t low = vmull_s8(vget_low_s8(a), vget_low_s8(a));
            sum[i] = vpadalq_s16(sum[i], vmlal_high_s8(low, a, a));
        }
    }
    for (int i = 0; i < CHAINS; i++)
        CHANGE("w", sum[i]);
}

#endif

#define C_ELEMENTS 4096

/* A plain loop over data in the first-level cache. */
static void run_c(uint64_t rounds)
{
    int8_t a[C_ELEMENTS], b[C_ELEMENTS];
    for (size_t i = 0; i < C_ELEMENTS; i++) {
        a[i] = (int8_t)(i * 7 % 127);
        b[i] = (int8_t)(i * 13 % 127);
    }
    for (uint64_t round = 0; round < rounds; round++) {
        int32_t sum = 0;
        __asm__ volatile("" : : "r"(a), "r"(b) : "memory");
        for (size_t i = 0; i < C_ELEMENTS; i++)
            sum += (int32_t)a[i] * (int32_t)b[i];
        __asm__ volatile("" : : "r"(sum));
    }
}

static const bench_int8 ways[] = {
#if defined(__x86_64__)
    {"avx512vnni", CHAINS * 64, run_avx512vnni},
    {"avxvnni", CHAINS * 32, run_avxvnni},
    {"avx2", CHAINS * 32, run_avx2},
#elif defined(__aarch64__)
    {"i8mm", CHAINS * 32, run_i8mm},
    {"dotprod", CHAINS * 16, run_dotprod},
    {"neon", CHAINS * 16, run_neon},
#endif
    {"C", C_ELEMENTS, run_c},
};

/* Whether a text holds a word that spaces or commas end. */
static bool has_word(const char *text, const char *word)
{
    const size_t size = strlen(word);
    for (const char *at = text; (at = strstr(at, word)) != NULL; at += size)
        if ((at == text || at[-1] == ' ') && (at[size] == '\0' || strchr(" ,", at[size])))
            return true;
    return false;
}

const bench_int8 *bench_int8_best(const char *features)
{
    size_t i = 0;
    while (i + 1 < sizeof ways / sizeof *ways && !has_word(features, ways[i].name))
        i++;
    return &ways[i];
}
