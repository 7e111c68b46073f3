/* SPDX-License-Identifier: Apache-2.0 */
#define ERGO_CPU_VARIANT neon
#define STEP 1
#define BYTES_ARE_SIGNED true

#include "backends/cpu/arm/packed_neon.h"

ALWAYS_INLINE void arrange(int step, weights *w)
{
    (void)step;
    (void)w;
}

/* Sums of products of 4 rows, with 16 bits: of rows 0 and 1 four each, then of rows 2 and 3. */
typedef struct narrow {
    int16x8_t rows[2];
} narrow;

/* Products with 16 bits that can be added without overflow: weights are below 2^bits. */
ALWAYS_INLINE int room_of(ergo_type type)
{
    const ergo__packed_form form = ergo__packed_form_of(type);
    return form.bits == 8 || form.table == ERGO__TABLE_IQ4 ? 2 : form.bits == 6 ? 4 : 8;
}

ALWAYS_INLINE narrow multiply_group(bool add, narrow n, uint8x16_t bytes, int8x8_t x)
{
    const int8x16_t w = vreinterpretq_s8_u8(bytes);
    if (!add)
        return (narrow){{vmull_s8(vget_low_s8(w), x), vmull_s8(vget_high_s8(w), x)}};
    n.rows[0] = vmlal_s8(n.rows[0], vget_low_s8(w), x);
    n.rows[1] = vmlal_s8(n.rows[1], vget_high_s8(w), x);
    return n;
}

/* The four activations of group g, twice. */
ALWAYS_INLINE int8x8_t group_of(const activations *x, int g)
{
    const int8x16_t q = x->q[g / 4];
    const int32x2_t half = vreinterpret_s32_s8(g % 4 < 2 ? vget_low_s8(q) : vget_high_s8(q));
    return vreinterpret_s8_s32(g % 2 ? vdup_lane_s32(half, 1) : vdup_lane_s32(half, 0));
}

/* Sums of lanes 0 and 1, and of lanes 2 and 3, of a, then of b. */
ALWAYS_INLINE int32x4_t pair_sums(int32x4_t a, int32x4_t b)
{
#if defined(__aarch64__)
    return vpaddq_s32(a, b);
#else
    return vcombine_s32(vpadd_s32(vget_low_s32(a), vget_high_s32(a)),
                        vpadd_s32(vget_low_s32(b), vget_high_s32(b)));
#endif
}

ALWAYS_INLINE int32x4_t dot_rows(ergo_type type, int first, int groups, const uint8x16_t *w,
                                 const activations *x)
{
    const int room = room_of(type);
    int32x4_t wide[2];
    narrow n;
    UNROLL
    for (int g = first; g < first + groups; g++) {
        n = multiply_group(g % room > 0 && g > first, n, w[2 * g], group_of(x, g));
        if ((g + 1) % room > 0 && g + 1 < first + groups)
            continue;
        UNROLL
        for (int i = 0; i < 2; i++)
            wide[i] = g < first + room ? vpaddlq_s16(n.rows[i]) : vpadalq_s16(wide[i], n.rows[i]);
    }
    return pair_sums(wide[0], wide[1]);
}

ALWAYS_INLINE void dot(ergo_type type, int step, int first, int groups, const weights *w,
                       const activations *x, int32x4_t *sum)
{
    (void)step;
    sum[0] = vaddq_s32(sum[0], dot_rows(type, first, groups, w->q, x));
    sum[1] = vaddq_s32(sum[1], dot_rows(type, first, groups, w->q + 1, x));
}

#include "backends/cpu/arm/matmul_neon.h"
