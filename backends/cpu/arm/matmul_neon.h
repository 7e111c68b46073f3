/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packed weights (packed.h) times quantized activations. Included once by a source per instruction
 * set, which defines
 *
 *   STEP              tokens that its products take together, 1 or 2
 *   BYTES_ARE_SIGNED  whether they take weights of 8 bits signed, with no zero point
 *   arrange(step, w)  puts weights into the order that dot takes them in
 *   dot(type, step, first, groups, w, x, sum)  adds to sum[] the products of some groups of weights
 *                     with the activations of `step` tokens
 *
 * and, where one token is to be multiplied in another way, used by rows of 16,
 *
 *   DOT_LANE(type, sum, w, q, lane)  sum + products of a group of 4 rows with 4 of 16 activations
 *
 * Weights stay in registers while tokens pass by. A vector of results is of 4 rows and one token,
 * or of 2 rows, r and s, and 2 tokens, t and u, as matrix products give them: rt ru st su.
 *
 * Types and steps are constants wherever these functions are expanded.
 */

/* Vectors of results of a part. */
#define VECTORS(step) (2 * (step))

ALWAYS_INLINE int zero_of(ergo_type type)
{
    const ergo__packed_form form = ergo__packed_form_of(type);
    if (form.table != ERGO__TABLE_NONE || (form.bits == 8 && BYTES_ARE_SIGNED))
        return 0;
    return form.zero;
}

/* ---- Activations --------------------------------------------------------------------------- */

/* What the zero point takes off: of all 32 elements, or of each 16 where these have factors. */
ALWAYS_INLINE void zero_products(ergo_type type, int32x4_t minus8, activations *a)
{
    const int zero = zero_of(type);
    if (ergo__packed_has_sub(ergo__packed_form_of(type))) {
        UNROLL
        for (int h = 0; h < 2; h++)
            a->zero[h] = vmull_s16(a->sum[h], vdup_n_s16((int16_t)-zero));
    } else if (zero == 1) {
        a->zero[0] = minus8 >> 3;
    } else {
        a->zero[0] = zero == 0 ? vdupq_n_s32(0) : minus8 << (zero == 8 ? 0 : zero == 16 ? 1 : 4);
    }
}

ALWAYS_INLINE activations load_token(ergo_type type, const ergo__tile_block *x)
{
    activations a;
    a.q[0] = vld1q_s8(x->q);
    a.q[1] = vld1q_s8(x->q + 16);
    a.d = vdupq_n_f32(x->d);
    a.total = vdupq_n_f32(x->total);
    a.sum[0] = vdup_n_s16(x->sum[0]);
    a.sum[1] = vdup_n_s16(x->sum[1]);
    zero_products(type, vdupq_n_s32(x->minus8), &a);
    return a;
}

#if STEP == 2
/* Two numbers, one of each token, over and over. */
ALWAYS_INLINE int32x4_t both(int32x4_t numbers, int first)
{
    const int64x2_t wide = vreinterpretq_s64_s32(numbers);
    return vreinterpretq_s32_s64(first ? vdupq_laneq_s64(wide, 1) : vdupq_laneq_s64(wide, 0));
}

_Static_assert(offsetof(ergo__tile_block, total) == 4 && offsetof(ergo__tile_block, minus8) == 8 &&
                   offsetof(ergo__tile_block, sum) == 12,
               "the first 16 bytes of a tile block are taken apart below");

ALWAYS_INLINE activations load_pair(ergo_type type, const ergo__tile_block *x)
{
    activations a;
    UNROLL
    for (int h = 0; h < 2; h++) {
        const int64x2_t t = vreinterpretq_s64_s8(vld1q_s8(x[0].q + 16 * h));
        const int64x2_t u = vreinterpretq_s64_s8(vld1q_s8(x[1].q + 16 * h));
        a.q[2 * h] = vreinterpretq_s8_s64(vzip1q_s64(t, u));
        a.q[2 * h + 1] = vreinterpretq_s8_s64(vzip2q_s64(t, u));
    }
    const int32x4_t t = vld1q_s32((const void *)&x[0]);
    const int32x4_t u = vld1q_s32((const void *)&x[1]);
    const int32x4_t d_total = vzip1q_s32(t, u);
    const int32x4_t minus8_sums = vzip2q_s32(t, u);
    const int16x8_t sums = vreinterpretq_s16_s32(both(minus8_sums, 1)); /* t t u u, over and over */
    a.d = vreinterpretq_f32_s32(both(d_total, 0));
    a.total = vreinterpretq_f32_s32(both(d_total, 1));
    a.sum[0] = vget_low_s16(vuzp1q_s16(sums, sums));
    a.sum[1] = vget_low_s16(vuzp2q_s16(sums, sums));
    zero_products(type, both(minus8_sums, 0), &a);
    return a;
}

/* From factors of 4 rows in a vector to those of 2 rows, each for two tokens. */
#define SPREAD(v, suffix)                                                                          \
    do {                                                                                           \
        (v)[3] = vzip2##suffix((v)[1], (v)[1]);                                                    \
        (v)[2] = vzip1##suffix((v)[1], (v)[1]);                                                    \
        (v)[1] = vzip2##suffix((v)[0], (v)[0]);                                                    \
        (v)[0] = vzip1##suffix((v)[0], (v)[0]);                                                    \
    } while (0)

ALWAYS_INLINE void spread(ergo_type type, factors *f)
{
    const ergo__packed_form form = ergo__packed_form_of(type);
    SPREAD(f->scale, q_f32);
    if (ergo__packed_has_offset(form))
        SPREAD(f->offset, q_f32);
    for (int h = 0; h < 2 && ergo__packed_has_sub(form); h++) {
        SPREAD(f->sub[h], q_s32);
        if (form.factors == ERGO__FACTORS_SUB_LOW)
            SPREAD(f->low[h], _s16);
    }
}
#endif

ALWAYS_INLINE activations load_activations(ergo_type type, int step, const ergo__tile_block *x)
{
#if STEP == 2
    if (step == 2)
        return load_pair(type, x);
#endif
    (void)step;
    return load_token(type, x);
}

/* ---- Products ------------------------------------------------------------------------------ */

/*
 * Adds 32 elements to `count` vectors of results, given their products: `high` those of the last 16
 * elements where these have factors of their own.
 */
ALWAYS_INLINE void add_products(ergo_type type, int count, const int32x4_t *sum,
                                const int32x4_t *high, const factors *f, const activations *x,
                                float32x4_t *acc)
{
    const ergo__packed_form form = ergo__packed_form_of(type);
    const bool has_sub = ergo__packed_has_sub(form);
    UNROLL
    for (int v = 0; v < count; v++) {
        const int32x4_t product =
            has_sub ? vmlaq_s32(vmulq_s32(sum[v], f->sub[0][v]), high[v], f->sub[1][v]) : sum[v];
        acc[v] = vfmaq_f32(acc[v], vmulq_f32(f->scale[v], x->d), vcvtq_f32_s32(product));
        if (!ergo__packed_has_offset(form))
            continue;
        float32x4_t low = x->total;
        if (has_sub)
            low = vcvtq_f32_s32(
                vmlal_s16(vmull_s16(f->low[0][v], x->sum[0]), f->low[1][v], x->sum[1]));
        acc[v] = vfmaq_f32(acc[v], vmulq_f32(f->offset[v], x->d), low);
    }
}

/* Adds 32 elements of `step` tokens to the sums of a part. */
ALWAYS_INLINE void add_block(ergo_type type, int step, const weights *w, const factors *f,
                             const activations *x, float32x4_t *acc)
{
    const bool has_sub = ergo__packed_has_sub(ergo__packed_form_of(type));
    int32x4_t sum[4], high[4];
    UNROLL
    for (int v = 0; v < VECTORS(step); v++) {
        sum[v] = x->zero[0];
        high[v] = x->zero[1];
    }
    dot(type, step, 0, has_sub ? GROUPS / 2 : GROUPS, w, x, sum);
    if (has_sub)
        dot(type, step, GROUPS / 2, GROUPS / 2, w, x, high);
    add_products(type, VECTORS(step), sum, high, f, x, acc);
}

/* Where a call reads and writes. */
typedef struct job {
    const uint8_t *strip;
    size_t k;
    const uint8_t *x;
    size_t x_stride;
    float *out;
    size_t out_stride;
    size_t rows; /* of the strip, that are wanted */
} job;

/* Results of a part of which `rows` rows are wanted. */
ALWAYS_INLINE void store(float *out, float32x4_t low, float32x4_t high, size_t rows)
{
    float lanes[PART_ROWS];
    float *to = rows < PART_ROWS ? lanes : out;
    vst1q_f32(to, low);
    vst1q_f32(to + 4, high);
    if (rows < PART_ROWS)
        memcpy(out, lanes, rows * sizeof *lanes);
}

#if defined(DOT_LANE)
/* The dot product of group g for one token. */
ALWAYS_INLINE int32x4_t dot_group(ergo_type type, int g, int32x4_t sum, uint8x16_t w,
                                  const activations *x)
{
    const int8x16_t q = x->q[g / 4];
    (void)type; /* of interest to some products alone */
    switch (g % 4) {
    case 0:
        return DOT_LANE(type, sum, w, q, 0);
    case 1:
        return DOT_LANE(type, sum, w, q, 1);
    case 2:
        return DOT_LANE(type, sum, w, q, 2);
    default:
        return DOT_LANE(type, sum, w, q, 3);
    }
}

/* 32 elements of 16 rows times one token: weights are used as they come. */
ALWAYS_INLINE void add_block_of_token(ergo_type type, const uint8_t *codes, const factors *f,
                                      const activations *x, float32x4_t acc[4])
{
    const bool has_sub = ergo__packed_has_sub(ergo__packed_form_of(type));
    const lines l = load_lines(type, codes, 4);
    int32x4_t sum[2][4];
    UNROLL
    for (int i = 0; i < 8; i++)
        sum[i / 4][i % 4] = x->zero[i / 4];
    UNROLL
    for (int i = 0; i < GROUPS; i++) {
        const int g = i % 2 * 4 + i / 2; /* those in the same bytes one after the other */
        int32x4_t *of = sum[has_sub ? g / 4 : 0];
        UNROLL
        for (int n = 0; n < 4; n++)
            of[n] = dot_group(type, g, of[n], unpack_group(type, BYTES_ARE_SIGNED, l.of[n], g), x);
    }
    add_products(type, 4, sum[0], sum[1], f, x, acc);
}

/* One token: its sums stay in registers while the strip is read once. */
ALWAYS_INLINE void multiply_token(ergo_type type, const job *j)
{
    const size_t blocks = j->k / ERGO__Q8_ELEMENTS;
    const size_t code_bytes = ergo__packed_code_bytes(ergo__packed_form_of(type));
    const uint8_t *codes = j->strip;
    const uint8_t *x = j->x;
    float32x4_t acc[4] = {vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0)};
    for (size_t b = 0; b < blocks; b++) {
        const activations a = load_token(type, (const void *)x);
        factors f;
        load_factors(type, j->strip + blocks * code_bytes, 0, b, 0, &f);
        load_factors(type, j->strip + blocks * code_bytes, PART_ROWS, b, 2, &f);
        add_block_of_token(type, codes, &f, &a, acc);
        codes += code_bytes;
        x += j->x_stride;
    }
    store(j->out, acc[0], acc[1], j->rows);
    if (j->rows > PART_ROWS)
        store(j->out + PART_ROWS, acc[2], acc[3], j->rows - PART_ROWS);
}
#endif

/* `tokens` tokens, a multiple of `step`; `first` is the first of 8 rows. */
ALWAYS_INLINE void multiply_part(ergo_type type, int step, const job *j, size_t first,
                                 size_t tokens)
{
    const size_t blocks = j->k / ERGO__Q8_ELEMENTS;
    const size_t code_bytes = ergo__packed_code_bytes(ergo__packed_form_of(type));
    const uint8_t *codes = j->strip + first * 4;
    const uint8_t *x = j->x;
    float32x4_t acc[2 * ERGO__TILE_TOKENS];
    for (size_t i = 0; i < 2 * tokens; i++)
        acc[i] = vdupq_n_f32(0);
    for (size_t b = 0; b < blocks; b++) {
        weights w = unpack(type, BYTES_ARE_SIGNED, codes);
        factors f;
        load_factors(type, j->strip + blocks * code_bytes, first, b, 0, &f);
        arrange(step, &w);
#if STEP == 2
        spread(type, &f);
#endif
        const ergo__tile_block *tile = (const void *)x;
        for (size_t t = 0; t < tokens; t += (size_t)step) {
            const activations a = load_activations(type, step, tile + t);
            add_block(type, step, &w, &f, &a, acc + 2 * t);
        }
        codes += code_bytes;
        x += j->x_stride;
    }
    for (size_t t = 0; t < tokens; t += (size_t)step) {
        const float32x4_t *v = acc + 2 * t;
        float *out = j->out + t * j->out_stride + first;
#if STEP == 2
        store(out, vuzp1q_f32(v[0], v[1]), vuzp1q_f32(v[2], v[3]), j->rows - first);
        store(out + j->out_stride, vuzp2q_f32(v[0], v[1]), vuzp2q_f32(v[2], v[3]), j->rows - first);
#else
        store(out, v[0], v[1], j->rows - first);
#endif
    }
}

/* Up to a tile of tokens. */
ALWAYS_INLINE void multiply_strip(ergo_type type, job j, size_t tokens)
{
#if defined(DOT_LANE)
    const size_t together = tokens > 1 ? tokens - tokens % STEP : 0;
#else
    const size_t together = tokens;
#endif
    for (size_t first = 0; together > 0 && first < j.rows; first += PART_ROWS)
        multiply_part(type, STEP, &j, first, together);
#if defined(DOT_LANE)
    j.x += together * sizeof(ergo__tile_block);
    j.out += together * j.out_stride;
    if (tokens > together)
        multiply_token(type, &j);
#endif
}

ALWAYS_INLINE void multiply(ergo_type type, const uint8_t *w, size_t strip_bytes, size_t k,
                            const uint8_t *x, size_t x_stride, float *out, size_t out_stride,
                            size_t rows, size_t tokens)
{
    job j = {.k = k, .x = x, .x_stride = x_stride, .out = out, .out_stride = out_stride};
    for (size_t r = 0; r < rows; r += ROWS, j.out += ROWS) {
        j.strip = w + r / ROWS * strip_bytes;
        j.rows = rows - r < ROWS ? rows - r : ROWS;
        multiply_strip(type, j, tokens);
    }
}

#define ERGO__PACKED_DENSE(TYPE, name)
#define ERGO__PACKED(TYPE, name)                                                                   \
    void ERGO__KERNEL(packed_##name)(const void *w, size_t strip_bytes, size_t k, const void *x,   \
                                     size_t x_stride, float *out, size_t out_stride, size_t rows,  \
                                     size_t tokens)                                                \
    {                                                                                              \
        multiply(ERGO_TYPE_##TYPE, w, strip_bytes, k, x, x_stride, out, out_stride, rows, tokens); \
    }
#include "backends/cpu/kernels.inc"
