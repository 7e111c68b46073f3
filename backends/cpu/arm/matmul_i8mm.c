/* SPDX-License-Identifier: Apache-2.0 */
#define ERGO_CPU_VARIANT i8mm
#define STEP 2
#define BYTES_ARE_SIGNED false

#include "backends/cpu/arm/packed_neon.h"

/* For the matrix product: 8 elements of 2 rows, rows 0 1, 2 3, 4 5, 6 7, then the next 8. */
ALWAYS_INLINE void arrange(int step, weights *w)
{
    UNROLL
    for (int i = 0; step == 2 && i < 2 * GROUPS; i += 4) {
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

/* Adds the products of 16 elements of 4 rows: codes of 8 bits need the unsigned product. */
#define DOT16(dot, as_weights, sum, w, x)                                                          \
    do {                                                                                           \
        sum = dot(sum, as_weights((w)[0]), x, 0);                                                  \
        sum = dot(sum, as_weights((w)[2]), x, 1);                                                  \
        sum = dot(sum, as_weights((w)[4]), x, 2);                                                  \
        sum = dot(sum, as_weights((w)[6]), x, 3);                                                  \
    } while (0)

ALWAYS_INLINE void dot_token(bool is_unsigned, int first, int groups, const weights *w,
                             const activations *x, int32x4_t *sum)
{
    UNROLL
    for (int g = first; g < first + groups; g += 4) {
        UNROLL
        for (int v = 0; v < 2; v++) {
            if (is_unsigned)
                DOT16(vusdotq_laneq_s32, (uint8x16_t), sum[v], w->q + 2 * g + v, x->q[g / 4]);
            else
                DOT16(vdotq_laneq_s32, vreinterpretq_s8_u8, sum[v], w->q + 2 * g + v, x->q[g / 4]);
        }
    }
}

ALWAYS_INLINE void dot(ergo_type type, int step, int first, int groups, const weights *w,
                       const activations *x, int32x4_t *sum)
{
    const bool is_unsigned = ergo__packed_form_of(type).bits == 8;
    if (step == 1) {
        dot_token(is_unsigned, first, groups, w, x, sum);
        return;
    }
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

#include "backends/cpu/arm/matmul_neon.h"
