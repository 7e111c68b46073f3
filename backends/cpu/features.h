/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_CPU_FEATURES_H
#define ERGO_CPU_FEATURES_H

#include "ergo/base.h"

/*
 * The families that have kernels of their own: 64-bit x86, and ARM with NEON, which every 64-bit
 * one has and 32-bit ones of the application profile may have. Others run the C.
 */
#if defined(__x86_64__)
#define ERGO__CPU_X86
#elif defined(__aarch64__)
#define ERGO__CPU_ARM
#define ERGO__CPU_ARM64
#elif defined(__ARM_ARCH_PROFILE) && defined(__ARM_FP)
#if __ARM_ARCH_PROFILE == 'A'
#define ERGO__CPU_ARM
#define ERGO__CPU_ARM32
#endif
#endif

/* Instruction sets that kernels are chosen by: enumerator, bit, name in lists. All names are known
 * on every CPU, so that a list can be given to machines of several kinds. */
#define ERGO__CPU_FEATURES(X)                                                                      \
    X(AVX2, 1u, "avx2")                                                                            \
    X(FMA, 2u, "fma")                                                                              \
    X(F16C, 4u, "f16c")                                                                            \
    X(AVX512, 8u, "avx512") /* F, BW, DQ and VL */                                                 \
    X(AVX512VNNI, 16u, "avx512vnni")                                                               \
    X(AVXVNNI, 32u, "avxvnni")                                                                     \
    X(NEON, 64u, "neon") /* on 32-bit ARM only together with VFPV4 */                              \
    X(DOTPROD, 128u, "dotprod")                                                                    \
    X(I8MM, 256u, "i8mm")                                                                          \
    X(VFPV4, 512u, "vfpv4") /* fma and binary16 on 32-bit ARM */

enum {
#define ERGO__CPU_FEATURE(NAME, bit, text) ERGO__CPU_##NAME = (bit),
    ERGO__CPU_FEATURES(ERGO__CPU_FEATURE)
#undef ERGO__CPU_FEATURE
};

/** Longest text of ergo__cpu_features_text, its NUL included. */
#define ERGO__CPU_FEATURES_TEXT 96

/**
 * Finds what both the CPU and the operating system support, and keeps what `allowed` names: a
 * comma-separated list, "none", or "all" or NULL for everything. Names after a minus are taken away
 * instead; a list that begins with one starts from everything ("-avx2"). A name that the CPU lacks
 * is no error; a name that nobody knows is ERGO_E_ARGUMENT, said in the log.
 */
ergo_status ergo__cpu_features_detect(const ergo_log *log, const char *allowed, uint32_t *out);

/** What both the CPU and the operating system support: x86/probe_x86.c, arm/probe_arm.c. */
uint32_t ergo__cpu_features_probe(void);

/** The names, separated by spaces; "none" for 0. */
void ergo__cpu_features_text(uint32_t features, char text[ERGO__CPU_FEATURES_TEXT]);

#endif
