/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/cpu/kernels.h"
#include "backends/cpu/features.h"

void ergo__cpu_kernels_fill(uint32_t features, ergo__cpu_kernels *out)
{
#define ERGO__MATMUL(TYPE, name, FORM) out->matmul_##name = ergo__matmul_##name##_c;
#define ERGO__FUNCTION(result, name, parameters) out->name = ergo__##name##_c;
#include "backends/cpu/kernels.inc"
#if defined(__x86_64__)
    const uint32_t avx2 = ERGO__CPU_AVX2 | ERGO__CPU_FMA | ERGO__CPU_F16C;
    if ((features & avx2) == avx2) {
#define ERGO__MATMUL(TYPE, name, FORM) out->matmul_##name = ergo__matmul_##name##_avx2;
#define ERGO__FUNCTION(result, name, parameters) out->name = ergo__##name##_avx2;
#include "backends/cpu/kernels.inc"
    }
#else
    (void)features;
#endif
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

bool ergo__cpu_takes_q8(ergo_type type)
{
    return type != ERGO_TYPE_F32 && type != ERGO_TYPE_F16 && type != ERGO_TYPE_BF16;
}
