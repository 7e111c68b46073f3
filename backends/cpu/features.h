/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_CPU_FEATURES_H
#define ERGO_CPU_FEATURES_H

#include "ergo/base.h"

/* Instruction sets that kernels are chosen by: enumerator, bit, name in lists. */
#define ERGO__CPU_FEATURES(X)                                                                      \
    X(AVX2, 1u, "avx2")                                                                            \
    X(FMA, 2u, "fma")                                                                              \
    X(F16C, 4u, "f16c")                                                                            \
    X(AVX512, 8u, "avx512") /* F, BW, DQ and VL */                                                 \
    X(AVX512VNNI, 16u, "avx512vnni")                                                               \
    X(AVXVNNI, 32u, "avxvnni")

enum {
#define ERGO__CPU_FEATURE(NAME, bit, text) ERGO__CPU_##NAME = (bit),
    ERGO__CPU_FEATURES(ERGO__CPU_FEATURE)
#undef ERGO__CPU_FEATURE
};

/** Longest text of ergo__cpu_features_text, its NUL included. */
#define ERGO__CPU_FEATURES_TEXT 64

/**
 * Finds what both the CPU and the operating system support, and keeps what `allowed` names: a
 * comma-separated list, "none", or "all" or NULL for everything. Names after a minus are taken away
 * instead; a list that begins with one starts from everything ("-avx2"). A name that the CPU lacks
 * is no error; a name that nobody knows is ERGO_E_ARGUMENT, said in the log.
 */
ergo_status ergo__cpu_features_detect(const ergo_log *log, const char *allowed, uint32_t *out);

/** The names, separated by spaces; "none" for 0. */
void ergo__cpu_features_text(uint32_t features, char text[ERGO__CPU_FEATURES_TEXT]);

#endif
