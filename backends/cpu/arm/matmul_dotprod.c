/* SPDX-License-Identifier: Apache-2.0 */
#define ERGO_CPU_VARIANT dotprod
#define STEP 1
#define BYTES_ARE_SIGNED true

#include "backends/cpu/arm/packed_neon.h"

ALWAYS_INLINE void arrange(int step, weights *w)
{
    (void)step;
    (void)w;
}

/* Adds the products of 16 elements of 4 rows. */
#define DOT16(sum, w, x)                                                                           \
    do {                                                                                           \
        sum = vdotq_laneq_s32(sum, vreinterpretq_s8_u8((w)[0]), x, 0);                             \
        sum = vdotq_laneq_s32(sum, vreinterpretq_s8_u8((w)[2]), x, 1);                             \
        sum = vdotq_laneq_s32(sum, vreinterpretq_s8_u8((w)[4]), x, 2);                             \
        sum = vdotq_laneq_s32(sum, vreinterpretq_s8_u8((w)[6]), x, 3);                             \
    } while (0)

ALWAYS_INLINE void dot(ergo_type type, int step, int first, int groups, const weights *w,
                       const activations *x, int32x4_t *sum)
{
    (void)type;
    (void)step;
    UNROLL
    for (int g = first; g < first + groups; g += 4) {
        DOT16(sum[0], w->q + 2 * g, x->q[g / 4]);
        DOT16(sum[1], w->q + 2 * g + 1, x->q[g / 4]);
    }
}

#define DOT_LANE(type, sum, w, q, lane) vdotq_laneq_s32(sum, vreinterpretq_s8_u8(w), q, lane)
#include "backends/cpu/arm/matmul_neon.h"
