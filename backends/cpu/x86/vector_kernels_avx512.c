/* SPDX-License-Identifier: Apache-2.0 */
#define ERGO_CPU_VARIANT avx512

#include <immintrin.h>

#include "backends/cpu/kernels.h"
#include "backends/cpu/lanes.h"
#include "backends/cpu/x86/inline.h"
#include "runtime/base/math.h"

/* The kernels with exponentials, 16 elements at a time: the operations of base/math.h and of c/. */

static inline __mmask16 first_lanes(size_t n)
{
    return (__mmask16)((1u << n) - 1u);
}

static inline __m512 all(float x)
{
    return _mm512_set1_ps(x);
}

/* ergo__expf. Its two factors that make 2^n are one instruction, which rounds once as well. */
static inline __m512 exp_of(__m512 x)
{
    x = _mm512_max_ps(all(-104.0f), x); /* of two with a NaN the second is taken */
    x = _mm512_min_ps(all(89.0f), x);
    const __m512 shifted = _mm512_fmadd_ps(x, all(ERGO__LOG2E_F), all(ERGO__ROUND_F));
    const __m512 n = _mm512_sub_ps(shifted, all(ERGO__ROUND_F));
    const __m512 r =
        _mm512_fmadd_ps(n, all(-ERGO__LN2_LO_F), _mm512_fmadd_ps(n, all(-ERGO__LN2_HI_F), x));
    __m512 p = all(0x1.6d1606p-10f);
    p = _mm512_fmadd_ps(p, r, all(0x1.12106cp-7f));
    p = _mm512_fmadd_ps(p, r, all(0x1.555516p-5f));
    p = _mm512_fmadd_ps(p, r, all(0x1.5554d8p-3f));
    p = _mm512_fmadd_ps(p, r, all(0x1p-1f));
    p = _mm512_add_ps(_mm512_fmadd_ps(p, _mm512_mul_ps(r, r), r), all(1.0f));
    return _mm512_scalef_ps(p, n);
}

/* ergo__tanhf */
static inline __m512 tanh_of(__m512 x)
{
    const __m512 sign = all(-0.0f);
    const __m512 a = _mm512_andnot_ps(sign, x);
    const __m512 z = _mm512_mul_ps(a, a);
    __m512 p = all(-0x1.8f8de4p-8f);
    p = _mm512_fmadd_ps(p, z, all(0x1.58048ep-6f));
    p = _mm512_fmadd_ps(p, z, all(-0x1.b9258ap-5f));
    p = _mm512_fmadd_ps(p, z, all(0x1.110e1cp-3f));
    p = _mm512_fmadd_ps(p, z, all(-0x1.555552p-2f));
    const __m512 small = _mm512_fmadd_ps(_mm512_mul_ps(p, z), a, a);
    const __m512 e = _mm512_add_ps(exp_of(_mm512_add_ps(a, a)), all(1.0f));
    const __m512 large = _mm512_sub_ps(all(1.0f), _mm512_div_ps(all(2.0f), e));
    const __mmask16 is_small = _mm512_cmp_ps_mask(a, all(0.625f), _CMP_LT_OQ);
    return _mm512_or_ps(_mm512_mask_blend_ps(is_small, large, small), _mm512_and_ps(x, sign));
}

static inline __m512 silu(__m512 g)
{
    const __m512 e = exp_of(_mm512_xor_ps(g, all(-0.0f)));
    return _mm512_div_ps(g, _mm512_add_ps(all(1.0f), e));
}

static inline __m512 gelu(__m512 g)
{
    const __m512 squared = _mm512_mul_ps(_mm512_mul_ps(all(0.044715f), g), g);
    const __m512 inner = _mm512_mul_ps(all(0.7978845608f), _mm512_fmadd_ps(squared, g, g));
    return _mm512_mul_ps(_mm512_mul_ps(all(0.5f), g), _mm512_add_ps(all(1.0f), tanh_of(inner)));
}

ALWAYS_INLINE void glu(__m512 (*activation)(__m512), const float *gate, const float *up, size_t n,
                       float *out)
{
    for (size_t i = 0; i < n; i += ERGO__LANES) {
        const __mmask16 lanes = n - i < ERGO__LANES ? first_lanes(n - i) : 0xffff;
        const __m512 g = _mm512_maskz_loadu_ps(lanes, gate + i);
        const __m512 u = _mm512_maskz_loadu_ps(lanes, up + i);
        _mm512_mask_storeu_ps(out + i, lanes, _mm512_mul_ps(activation(g), u));
    }
}

void ERGO__KERNEL(glu_silu)(const float *gate, const float *up, size_t n, float *out)
{
    glu(silu, gate, up, n, out);
}

void ERGO__KERNEL(glu_gelu)(const float *gate, const float *up, size_t n, float *out)
{
    glu(gelu, gate, up, n, out);
}

/* Lanes of x[0 .. n), the others as in `rest`. */
static inline __m512 load_first(__m512 rest, const float *x, size_t n)
{
    return n < ERGO__LANES ? _mm512_mask_loadu_ps(rest, first_lanes(n), x) : _mm512_loadu_ps(x);
}

static inline float largest(const float *x, size_t n)
{
    __m512 max[4];
    UNROLL
    for (int v = 0; v < 4; v++)
        max[v] = all(x[0]);
    size_t i = 0;
    for (; i + 4 * ERGO__LANES <= n; i += 4 * ERGO__LANES) {
        UNROLL
        for (int v = 0; v < 4; v++)
            max[v] = _mm512_max_ps(_mm512_loadu_ps(x + i + v * ERGO__LANES), max[v]);
    }
    for (; i < n; i += ERGO__LANES)
        max[0] = _mm512_max_ps(load_first(max[0], x + i, n - i), max[0]);
    max[0] = _mm512_max_ps(_mm512_max_ps(max[0], max[1]), _mm512_max_ps(max[2], max[3]));
    return _mm512_reduce_max_ps(max[0]);
}

/* Replaces `n` <= LANES scores by their exponentials, which it returns; 0 in the other lanes. */
static inline __m512 weigh(float *scores, size_t n, __m512 max)
{
    const __mmask16 lanes = n < ERGO__LANES ? first_lanes(n) : 0xffff;
    const __m512 e = exp_of(_mm512_sub_ps(_mm512_maskz_loadu_ps(lanes, scores), max));
    _mm512_mask_storeu_ps(scores, lanes, e);
    return _mm512_maskz_mov_ps(lanes, e);
}

/* Adding 0 to lanes that have no score changes none: sums of exponentials are no -0. */
float ERGO__KERNEL(softmax)(float *scores, size_t first, size_t n)
{
    const __m512 max = all(largest(scores, n));
    const size_t offset = first % ERGO__LANES;
    const size_t before = ERGO__LANES - offset < n ? ERGO__LANES - offset : n;
    /* Lane l of the first sum is that of score l - offset. */
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i from = _mm512_sub_epi32(lane, _mm512_set1_epi32((int)offset));
    __m512 sum = _mm512_permutexvar_ps(from, weigh(scores, before, max));
    size_t i = before;
    for (; i + ERGO__LANES <= n; i += ERGO__LANES)
        sum = _mm512_add_ps(sum, weigh(scores + i, ERGO__LANES, max));
    if (i < n)
        sum = _mm512_add_ps(sum, weigh(scores + i, n - i, max));
    float v[ERGO__LANES];
    _mm512_storeu_ps(v, sum);
    return 1.0f / ergo__lanes_sum(v);
}
