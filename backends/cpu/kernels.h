/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_CPU_KERNELS_H
#define ERGO_CPU_KERNELS_H

#include "backends/cpu/features.h"
#include "ergo/quant.h"

/*
 * The kernels of the CPU and what each of them computes, to the bit.
 *
 * The sources in c/ define the results. They are compiled once per variant (plain, on x86-64 also
 * for AVX2 with FMA and F16C but for the matmuls, on 32-bit ARM for VFPv4, which has the fma); a
 * kernel for an instruction set may order its work as it likes but must give the same bits. All
 * floats are IEEE binary32, round to nearest even, nothing fused but what is written fmaf.
 *
 * Activations. 32 consecutive elements of a token's vector become one ergo__q8_block, by these
 * steps, with M = max |x[i]|:
 *
 *   1. An infinity or a NaN among the x: d = NaN, q = 0, so that the damage shows in the output.
 *      M < 2^-100: d = 0, q = 0.
 *   2. For each candidate D = 127, 126, ... 120: s = D / M; u[i] = x[i] * s; q[i] = u[i] rounded
 *      half to even; e[i] = u[i] - q[i]; lane[i mod 16] = fmaf(e[i], e[i], lane[i mod 16]), i
 *      ascending from zero lanes; error = tree(lane) * (1 / (D * D)). The first candidate with the
 *      least error gives q. (All |q| <= 127.)
 *   3. lane[i mod 16] = fmaf(e[i], q[i], lane[i mod 16]) for that candidate; Q = sum of q[i]^2;
 *      d = (M / D) * (1 + tree(lane) / Q): the scale with the least squared error for these q. Each
 *      operation rounds.
 *   4. sum[0] and sum[1] are the sums of q over elements 0-15 and 16-31.
 *
 *   tree(v) adds v[l] + v[l+8] for l < 8, of those results l and l+4, then l+2, then l+1.
 *
 * Against the single candidate 127 without step 3, as is usual, this lowers the RMS error by 11 %
 * on Gaussian data (4 candidates: 9 %, 16: 12 %).
 *
 * Quantized matmul. Each output has one accumulator `acc`, from 0. For each 32 elements of k,
 * ascending, with the names of ergo__unit (quant_blocks.h), b the number of the 32 elements within
 * the weight's block, x the activations' block, dot() over 32 and dot16(h) over 16 elements 16h..:
 *
 *   SCALED       acc = fmaf(scale[b] * x.d, dot(q, x.q), acc)
 *   OFFSET       the same, then
 *                acc = fmaf(offset[b] * x.d, x.sum[0] + x.sum[1], acc)
 *   SUB          acc = fmaf(scale[0] * x.d, sub[2b] * dot16(0) + sub[2b+1] * dot16(1), acc)
 *   SUB_OFFSET   the same, then
 *                acc = fmaf(offset[0] * x.d, low[2b] * x.sum[0] + low[2b+1] * x.sum[1], acc)
 *
 * Integer parts are exact: they stay below 2^24, also as floats. So the sub-scales of 32 elements
 * (Q4_K, Q5_K, IQ4_XS) are part of the float `scale[b]`, d * sc, which is exact; the sub-scales of
 * 16 elements (Q2_K, Q3_K, Q6_K) are multiplied in as integers. Offsets of mins are negative:
 * -(dmin * m).
 *
 * Dense matmul (F32, F16, BF16): float activations, acc = fmaf(w[i], x[i], acc), i ascending from
 * acc = 0.
 */

/** 32 activations: value i is about d * q[i]. */
typedef struct ergo__q8_block {
    float d;
    int16_t sum[2]; /* of q over elements 0-15 and 16-31 */
    int8_t q[32];   /* -127..127 */
} ergo__q8_block;

#define ERGO__Q8_ELEMENTS 32u

/**
 * out[t * out_stride + r] = row r of w . token t of x, for r < rows and t < tokens. Rows of k
 * weights (a multiple of the type's block) are `row_bytes` apart, tokens' vectors (k floats or
 * k / 32 ergo__q8_block, aligned for their type) `x_stride` bytes. A call for some rows and tokens
 * gives the same bits as any other call that contains them.
 *
 * For packed weights (packed.h) `w` is a strip, `row_bytes` the distance between strips, and rows
 * are those of the strips in order; quantized activations are one tile, x_stride bytes from block
 * to block.
 */
typedef void ergo__matmul_fn(const void *w, size_t row_bytes, size_t k, const void *x,
                             size_t x_stride, float *out, size_t out_stride, size_t rows,
                             size_t tokens);

/**
 * Whether the packed kernels in C multiply two rows at once, in words of 64 bits: where compilers
 * have no vectors to use.
 */
#if defined(__SSE2__) || defined(__ARM_NEON) || defined(__riscv_vector) || UINTPTR_MAX < UINT64_MAX
#define ERGO__ROW_PAIRS 0
#else
#define ERGO__ROW_PAIRS 1
#endif

/** The kernels to use. */
typedef struct ergo__cpu_kernels {
#define ERGO__MATMUL(TYPE, name, FORM) ergo__matmul_fn *matmul_##name;
#define ERGO__PACKED(TYPE, name) ergo__matmul_fn *packed_##name;
#define ERGO__FUNCTION(result, name, parameters) result(*name) parameters;
#include "backends/cpu/kernels.inc"
} ergo__cpu_kernels;

/* Declarations of one variant's functions: ergo__matmul_q4_0_c, ... */
#define ERGO__MATMUL(TYPE, name, FORM) ergo__matmul_fn ergo__matmul_##name##_c;
#define ERGO__PACKED(TYPE, name) ergo__matmul_fn ergo__packed_##name##_c;
#define ERGO__FUNCTION(result, name, parameters) result ergo__##name##_c parameters;
#include "backends/cpu/kernels.inc"
#if defined(ERGO__CPU_X86)
#define ERGO__PACKED(TYPE, name)                                                                   \
    ergo__matmul_fn ergo__packed_##name##_avx2, ergo__packed_##name##_avxvnni,                     \
        ergo__packed_##name##_avx512vnni;
#define ERGO__FUNCTION(result, name, parameters) result ergo__##name##_avx2 parameters;
#include "backends/cpu/kernels.inc"
/* Some of them are written for these, see kernels.c. */
#define ERGO__FUNCTION(result, name, parameters)                                                   \
    result ergo__##name##_f16c parameters;                                                         \
    result ergo__##name##_avx512 parameters;                                                       \
    result ergo__##name##_avx512vnni parameters;
#include "backends/cpu/kernels.inc"
#endif
#if defined(ERGO__CPU_ARM)
#define ERGO__PACKED(TYPE, name) ergo__matmul_fn ergo__packed_##name##_neon;
#define ERGO__FUNCTION(result, name, parameters) result ergo__##name##_neon parameters;
#include "backends/cpu/kernels.inc"
#endif
#if defined(ERGO__CPU_ARM64)
#define ERGO__PACKED_DENSE(TYPE, name)
#define ERGO__PACKED(TYPE, name)                                                                   \
    ergo__matmul_fn ergo__packed_##name##_dotprod, ergo__packed_##name##_i8mm;
#define ERGO__FUNCTION(result, name, parameters) result ergo__##name##_dotprod parameters;
#include "backends/cpu/kernels.inc"
#endif
#if defined(ERGO__CPU_ARM32)
#define ERGO__MATMUL(TYPE, name, FORM) ergo__matmul_fn ergo__matmul_##name##_vfpv4;
#define ERGO__PACKED(TYPE, name) ergo__matmul_fn ergo__packed_##name##_vfpv4;
#define ERGO__FUNCTION(result, name, parameters) result ergo__##name##_vfpv4 parameters;
#include "backends/cpu/kernels.inc"
#endif

/** Fills the table with the fastest kernels for `features` (features.h). */
void ergo__cpu_kernels_fill(uint32_t features, ergo__cpu_kernels *out);

/** The matmul for weights of `type`, or NULL. */
ergo__matmul_fn *ergo__cpu_matmul(const ergo__cpu_kernels *kernels, ergo_type type);

/** The matmul for packed weights of `type`, or NULL where there is no such type. */
ergo__matmul_fn *ergo__cpu_packed(const ergo__cpu_kernels *kernels, ergo_type type);

/**
 * Whether it pays to pack weights of `type` before use: where there are instructions for it, or
 * words that hold two rows. (Packed weights can be multiplied everywhere.)
 */
bool ergo__cpu_packing_pays(const ergo__cpu_kernels *kernels, ergo_type type);

/** Whether these take ergo__q8_block (true) or floats. */
bool ergo__cpu_takes_q8(ergo_type type);

/* In c/: the name of a kernel in the variant that is being compiled. */
#define ERGO__KERNEL_JOIN2(name, variant) ergo__##name##_##variant
#define ERGO__KERNEL_JOIN(name, variant) ERGO__KERNEL_JOIN2(name, variant)
#define ERGO__KERNEL(name) ERGO__KERNEL_JOIN(name, ERGO_CPU_VARIANT)

#endif
