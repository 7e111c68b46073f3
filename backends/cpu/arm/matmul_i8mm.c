/* SPDX-License-Identifier: Apache-2.0 */
#define ERGO_CPU_VARIANT i8mm
#define STEP 2
#define BYTES_ARE_SIGNED false

#include "backends/cpu/arm/packed_neon.h"

/* For matrix products: 8 elements of 2 rows, rows 0 1, 2 3, 4 5, 6 7, then the next 8. */
ALWAYS_INLINE void arrange(int step, weights *w)
{
    (void)step;
    UNROLL
    for (int i = 0; i < 2 * GROUPS; i += 4) {
        uint32x4_t group[4];
        UNROLL
        for (int n = 0; n < 4; n++)
            group[n] = vreinterpretq_u32_u8(w->q[i + n]);
        w->q[i] = vreinterpretq_u8_u32(vzip1q_u32(group[0], group[2]));
        w->q[i + 1] = vreinterpretq_u8_u32(vzip2q_u32(group[0], group[2]));
        w->q[i + 2] = vreinterpretq_u8_u32(vzip1q_u32(group[1], group[3]));
        w->q[i + 3] = vreinterpretq_u8_u32(vzip2q_u32(group[1], group[3]));
    }
}

/* Codes of 8 bits need the product with unsigned numbers. */
ALWAYS_INLINE void dot(ergo_type type, int step, int first, int groups, const weights *w,
                       const activations *x, int32x4_t *sum)
{
    const bool is_unsigned = ergo__packed_form_of(type).bits == 8;
    (void)step;
    UNROLL
    for (int g = first; g < first + groups; g += 2) {
        UNROLL
        for (int v = 0; v < 4; v++) {
            const uint8x16_t rows = w->q[2 * g + v];
            sum[v] = is_unsigned ? vusmmlaq_s32(sum[v], rows, x->q[g / 2])
                                 : vmmlaq_s32(sum[v], vreinterpretq_s8_u8(rows), x->q[g / 2]);
        }
    }
}

#define DOT_LANE(type, sum, w, q, lane)                                                            \
    (ergo__packed_form_of(type).bits == 8 ? vusdotq_laneq_s32(sum, w, q, lane)                     \
                                          : vdotq_laneq_s32(sum, vreinterpretq_s8_u8(w), q, lane))
#include "backends/cpu/arm/matmul_neon.h"
