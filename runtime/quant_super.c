/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "runtime/quant_super.h"

#define ELEMENTS 256
#define ROUNDS 3

/* Nearest integer of a ratio within lo..hi, which a zero or overflowing divisor cannot break. */
static int nearest(float v, int lo, int hi)
{
    return (int)ergo__round_even(ergo__clamp(v, (float)lo, (float)hi));
}

static int clamp_int(int v, int lo, int hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

/* One group under the common scale `d`: the sub-scale near `center` with the least error. */
static float search_group(const ergo__super_shape *shape, const float *x, const float *w, float d,
                          int center, int16_t *sub, float *v)
{
    float trial[32];
    float best = 0.0f;
    for (int k = 0; k < 3; k++) {
        static const int reach[3] = {0, -1, 1};
        const int s = clamp_int(center + reach[k], shape->sub_lo, shape->sub_hi);
        const float error = ergo__fit_codes(&shape->grid, x, w, shape->group, d * (float)s, trial);
        if (k == 0 || error < best) {
            best = error;
            *sub = (int16_t)s;
            memcpy(v, trial, (size_t)shape->group * sizeof *v);
        }
    }
    return best;
}

/* The common scale with the least squared error for the given sub-scales and values. */
static float refit_common(const ergo__super *s, int group, const float *x, const float *w)
{
    double cross = 0.0;
    double square = 0.0;
    for (int j = 0; j < ELEMENTS / group; j++) {
        float c = 0.0f;
        float q = 0.0f;
        for (int i = group * j; i < group * (j + 1); i++) {
            c += w[i] * s->v[i] * x[i];
            q += w[i] * s->v[i] * s->v[i];
        }
        cross += (double)s->sub[j] * (double)c;
        square += (double)s->sub[j] * (double)s->sub[j] * (double)q;
    }
    return square > 0.0 ? (float)(cross / square) : 0.0f;
}

void ergo__fit_super(const ergo__super_shape *shape, const float *x, const float *w,
                     ergo__super *out)
{
    const int group = shape->group;
    const int groups = ELEMENTS / group;
    float scale[16];
    float largest = 0.0f;
    for (int j = 0; j < groups; j++) {
        scale[j] =
            ergo__fit_scale(&shape->grid, &shape->candidates, x + group * j, w + group * j, group);
        if (ergo__magnitude(scale[j]) > ergo__magnitude(largest))
            largest = scale[j];
    }
    /* The largest goes to the negative end, which reaches one further. */
    float d = ergo__through_f16(largest / (float)shape->sub_lo);
    for (int round = 0; round < ROUNDS; round++) {
        ergo__super trial = {.d = ergo__finite_f16(d)};
        for (int j = 0; j < groups; j++) {
            const int center = nearest(scale[j] * ergo__inverse(d), shape->sub_lo, shape->sub_hi);
            trial.error += search_group(shape, x + group * j, w + group * j, d, center,
                                        &trial.sub[j], trial.v + group * j);
        }
        if (round == 0 || trial.error < out->error)
            *out = trial;
        d = ergo__through_f16(refit_common(&trial, group, x, w));
    }
}

/* Codes of one group for a scale and a minimum, and their error. */
static float affine_codes(const float *x, const float *w, int n, float top, float scale, float min,
                          float *q)
{
    const float inverse = ergo__inverse(scale);
    for (int i = 0; i < n; i++)
        q[i] = ergo__round_even(ergo__clamp((x[i] - min) * inverse, 0.0f, top));
    return ergo__fit_error(x, w, q, n, scale, min);
}

/* The pair of integers around (sub, low) with the least error. */
static float search_affine_group(const ergo__super_affine_shape *shape, const float *x,
                                 const float *w, float d, float dmin, uint8_t *sub, uint8_t *low,
                                 uint8_t *q)
{
    float trial[32];
    float best_q[32] = {0};
    float best = 0.0f;
    const int center_sub = *sub;
    const int center_low = *low;
    for (int k = 0; k < 9; k++) {
        static const int reach[3] = {0, -1, 1};
        const int s = center_sub + reach[k % 3];
        const int m = center_low + reach[k / 3];
        if (s < 0 || m < 0 || s > shape->sub_max || m > shape->sub_max)
            continue;
        const float error = affine_codes(x, w, shape->group, (float)shape->max, d * (float)s,
                                         -(dmin * (float)m), trial);
        if (k == 0 || error < best) {
            best = error;
            *sub = (uint8_t)s;
            *low = (uint8_t)m;
            memcpy(best_q, trial, sizeof trial);
        }
    }
    for (int i = 0; i < shape->group; i++)
        q[i] = (uint8_t)(int)best_q[i];
    return best;
}

/* The pair of common scales with the least squared error, x ~ d * (sub q) - dmin * low. */
static void refit_affine(const ergo__super_affine *s, int group, const float *x, const float *w,
                         float *d, float *dmin)
{
    double aa = 0.0;
    double ab = 0.0;
    double bb = 0.0;
    double ax = 0.0;
    double bx = 0.0;
    for (int j = 0; j < ELEMENTS / group; j++) {
        float qq = 0.0f;
        float q1 = 0.0f;
        float qx = 0.0f;
        float w1 = 0.0f;
        float wx = 0.0f;
        for (int i = group * j; i < group * (j + 1); i++) {
            const float wq = w[i] * (float)s->q[i];
            qq += wq * (float)s->q[i];
            q1 += wq;
            qx += wq * x[i];
            w1 += w[i];
            wx += w[i] * x[i];
        }
        const double sub = s->sub[j];
        const double low = s->low[j];
        aa += sub * sub * (double)qq;
        ab -= sub * low * (double)q1;
        bb += low * low * (double)w1;
        ax += sub * (double)qx;
        bx -= low * (double)wx;
    }
    const double determinant = aa * bb - ab * ab;
    if (determinant > 0.0) {
        *d = (float)((ax * bb - bx * ab) / determinant);
        *dmin = (float)((bx * aa - ax * ab) / determinant);
    } else {
        *d = aa > 0.0 ? (float)(ax / aa) : 0.0f;
        *dmin = 0.0f;
    }
}

void ergo__fit_super_affine(const ergo__super_affine_shape *shape, const float *x, const float *w,
                            ergo__super_affine *out)
{
    const int group = shape->group;
    const int groups = ELEMENTS / group;
    ergo__affine fit[16];
    float scale = 0.0f;
    float low = 0.0f;
    for (int j = 0; j < groups; j++) {
        fit[j] = ergo__fit_affine(x + group * j, w + group * j, group, shape->max, true);
        scale = fit[j].scale > scale ? fit[j].scale : scale;
        low = -fit[j].min > low ? -fit[j].min : low;
    }
    float d = scale / (float)shape->sub_max;
    float dmin = low / (float)shape->sub_max;
    for (int round = 0; round < ROUNDS; round++) {
        ergo__super_affine trial = {.d = ergo__finite_f16(d), .dmin = ergo__finite_f16(dmin)};
        d = ergo__f32_of_f16(trial.d);
        dmin = ergo__f32_of_f16(trial.dmin);
        for (int j = 0; j < groups; j++) {
            const float *gx = x + group * j;
            trial.sub[j] = (uint8_t)nearest(fit[j].scale * ergo__inverse(d), 0, shape->sub_max);
            trial.low[j] = (uint8_t)nearest(-fit[j].min * ergo__inverse(dmin), 0, shape->sub_max);
            trial.error += search_affine_group(shape, gx, w + group * j, d, dmin, &trial.sub[j],
                                               &trial.low[j], trial.q + group * j);
        }
        if (round == 0 || trial.error < out->error)
            *out = trial;
        refit_affine(&trial, group, x, w, &d, &dmin);
    }
}
