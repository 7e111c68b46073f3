/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/cpu/kernels.h"

#if defined(ERGO__CPU_X86)
/* Features that the variants below were compiled for, each on top of the one before. */
#define AVX2 (ERGO__CPU_AVX2 | ERGO__CPU_FMA | ERGO__CPU_F16C)
#define AVXVNNI (AVX2 | ERGO__CPU_AVXVNNI)
#define AVX512 (AVX2 | ERGO__CPU_AVX512)
#define AVX512VNNI (AVX512 | ERGO__CPU_AVX512VNNI)

static void fill(uint32_t features, ergo__cpu_kernels *out)
{
    if ((features & AVX2) == AVX2) {
#define ERGO__PACKED(TYPE, name) out->packed_##name = ergo__packed_##name##_avx2;
#define ERGO__FUNCTION(result, name, parameters) out->name = ergo__##name##_avx2;
#include "backends/cpu/kernels.inc"
        out->quantize_q8 = ergo__quantize_q8_f16c;
        out->scores_f16 = ergo__scores_f16_f16c;
        out->mix_f16 = ergo__mix_f16_f16c;
        out->scores_q8_0 = ergo__scores_q8_0_f16c;
        out->mix_q8_0 = ergo__mix_q8_0_f16c;
    }
    if ((features & AVX512) == AVX512) {
        out->glu_silu = ergo__glu_silu_avx512;
        out->glu_gelu = ergo__glu_gelu_avx512;
        out->softmax = ergo__softmax_avx512;
        out->scores_f16 = ergo__scores_f16_avx512;
        out->mix_f16 = ergo__mix_f16_avx512;
    }
    if ((features & AVXVNNI) == AVXVNNI) {
#define ERGO__PACKED(TYPE, name) out->packed_##name = ergo__packed_##name##_avxvnni;
#include "backends/cpu/kernels.inc"
    }
    if ((features & AVX512VNNI) == AVX512VNNI) {
        out->scores_q8_0 = ergo__scores_q8_0_avx512vnni;
        out->mix_q8_0 = ergo__mix_q8_0_avx512vnni;
#define ERGO__PACKED(TYPE, name) out->packed_##name = ergo__packed_##name##_avx512vnni;
#include "backends/cpu/kernels.inc"
    }
}
#elif defined(ERGO__CPU_ARM)
/* What is written for NEON of both kinds. */
static void fill_neon(ergo__cpu_kernels *out)
{
#define ERGO__PACKED(TYPE, name) out->packed_##name = ergo__packed_##name##_neon;
#include "backends/cpu/kernels.inc"
    out->quantize_q8 = ergo__quantize_q8_neon;
    out->scores_f16 = ergo__scores_f16_neon;
    out->scores_q8_0 = ergo__scores_q8_0_neon;
    out->mix_f16 = ergo__mix_f16_neon;
    out->mix_q8_0 = ergo__mix_q8_0_neon;
}

#if defined(ERGO__CPU_ARM64)
#define I8MM (ERGO__CPU_DOTPROD | ERGO__CPU_I8MM)

static void fill(uint32_t features, ergo__cpu_kernels *out)
{
    if (features & ERGO__CPU_NEON) {
        fill_neon(out);
        out->rope_halves = ergo__rope_halves_neon;
        out->glu_silu = ergo__glu_silu_neon;
        out->softmax = ergo__softmax_neon;
        out->store_f16 = ergo__store_f16_neon;
    }
    if (features & ERGO__CPU_DOTPROD) {
#define ERGO__PACKED_DENSE(TYPE, name)
#define ERGO__PACKED(TYPE, name) out->packed_##name = ergo__packed_##name##_dotprod;
#include "backends/cpu/kernels.inc"
        out->scores_q8_0 = ergo__scores_q8_0_dotprod;
    }
    if ((features & I8MM) == I8MM) {
#define ERGO__PACKED_DENSE(TYPE, name)
#define ERGO__PACKED(TYPE, name) out->packed_##name = ergo__packed_##name##_i8mm;
#include "backends/cpu/kernels.inc"
    }
}
#else
#define NEON (ERGO__CPU_NEON | ERGO__CPU_VFPV4)

static void fill(uint32_t features, ergo__cpu_kernels *out)
{
    if (features & ERGO__CPU_VFPV4) {
#define ERGO__MATMUL(TYPE, name, FORM) out->matmul_##name = ergo__matmul_##name##_vfpv4;
#define ERGO__PACKED(TYPE, name) out->packed_##name = ergo__packed_##name##_vfpv4;
#define ERGO__FUNCTION(result, name, parameters) out->name = ergo__##name##_vfpv4;
#include "backends/cpu/kernels.inc"
    }
    if ((features & NEON) == NEON)
        fill_neon(out);
}
#endif
#else
static void fill(uint32_t features, ergo__cpu_kernels *out)
{
    (void)features;
    (void)out;
}
#endif

void ergo__cpu_kernels_fill(uint32_t features, ergo__cpu_kernels *out)
{
#define ERGO__MATMUL(TYPE, name, FORM) out->matmul_##name = ergo__matmul_##name##_c;
#define ERGO__PACKED(TYPE, name) out->packed_##name = ergo__packed_##name##_c;
#define ERGO__FUNCTION(result, name, parameters) out->name = ergo__##name##_c;
#include "backends/cpu/kernels.inc"
    fill(features, out);
}

ergo__matmul_fn *ergo__cpu_matmul(const ergo__cpu_kernels *kernels, ergo_type type)
{
    switch (type) {
#define ERGO__MATMUL(TYPE, name, FORM)                                                             \
    case ERGO_TYPE_##TYPE:                                                                         \
        return kernels->matmul_##name;
#include "backends/cpu/kernels.inc"
    }
    return NULL;
}

/* Types that are packed alike share their kernels. */
static ergo_type packed_as(ergo_type type)
{
    return type == ERGO_TYPE_TQ1_0 ? ERGO_TYPE_TQ2_0 : type;
}

ergo__matmul_fn *ergo__cpu_packed(const ergo__cpu_kernels *kernels, ergo_type type)
{
    switch (packed_as(type)) {
#define ERGO__PACKED(TYPE, name)                                                                   \
    case ERGO_TYPE_##TYPE:                                                                         \
        return kernels->packed_##name;
#include "backends/cpu/kernels.inc"
    default:
        return NULL;
    }
}

/* Whether the kernel in use is one of c/. */
#if defined(ERGO__CPU_ARM32)
#define IS_PLAIN(kernel, name)                                                                     \
    ((kernel) == ergo__packed_##name##_c || (kernel) == ergo__packed_##name##_vfpv4)
#else
#define IS_PLAIN(kernel, name) ((kernel) == ergo__packed_##name##_c)
#endif

bool ergo__cpu_packing_pays(const ergo__cpu_kernels *kernels, ergo_type type)
{
    switch (packed_as(type)) {
#define ERGO__PACKED(TYPE, name)                                                                   \
    case ERGO_TYPE_##TYPE:                                                                         \
        return (ERGO__ROW_PAIRS && ergo__cpu_takes_q8(type)) ||                                    \
               !IS_PLAIN(kernels->packed_##name, name);
#include "backends/cpu/kernels.inc"
    default:
        return false;
    }
}

bool ergo__cpu_takes_q8(ergo_type type)
{
    return type != ERGO_TYPE_F32 && type != ERGO_TYPE_F16 && type != ERGO_TYPE_BF16;
}
