/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_CPU_INLINE_H
#define ERGO_CPU_INLINE_H

/* For functions with arguments that are constants where they are expanded. */
#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* Before a loop over a constant number of registers: they must not become memory. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

#endif
