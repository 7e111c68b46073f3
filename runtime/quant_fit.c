/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "runtime/quant_fit.h"

/* Sums run in 8 lanes, element i in lane i mod 8, so that they vectorise without reassociation. */
#define LANES 8

/* Groups below this need a scale that underflows a half. */
#define LEAST_MAGNITUDE 1e-9f

static float lane_sum(const float s[LANES])
{
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

void ergo__grid_round(const ergo__grid *grid, const float *x, float inverse, float *v, int n)
{
    if (grid->values == NULL) {
        const float lo = grid->lo;
        const float hi = grid->hi;
        for (int i = 0; i < n; i++)
            v[i] = ergo__round_even(ergo__clamp(x[i] * inverse, lo, hi));
        return;
    }
    for (int i = 0; i < n; i++)
        v[i] = (float)grid->values[0];
    for (int k = 1; k < 16; k++) { /* one step up for each midpoint passed */
        const float step = (float)(grid->values[k] - grid->values[k - 1]);
        const float middle = 0.5f * (float)(grid->values[k] + grid->values[k - 1]);
        for (int i = 0; i < n; i++)
            v[i] += x[i] * inverse > middle ? step : 0.0f;
    }
}

float ergo__fit_error(const float *x, const float *w, const float *v, int n, float scale,
                      float offset)
{
    float sum[LANES] = {0};
    for (int i = 0; i < n; i += LANES) {
        for (int l = 0; l < LANES; l++) {
            const float e = (scale * v[i + l] + offset) - x[i + l];
            sum[l] += w[i + l] * (e * e);
        }
    }
    return lane_sum(sum);
}

float ergo__fit_codes(const ergo__grid *grid, const float *x, const float *w, int n, float scale,
                      float *v)
{
    ergo__grid_round(grid, x, ergo__inverse(scale), v, n);
    return ergo__fit_error(x, w, v, n, scale, 0.0f);
}

static float largest(const float *x, int n)
{
    float max = 0.0f;
    float magnitude = 0.0f;
    for (int i = 0; i < n; i++) {
        const float a = ergo__magnitude(x[i]);
        if (a > magnitude) {
            magnitude = a;
            max = x[i];
        }
    }
    return max;
}

/*
 * Codes by `inverse`, and the scale that suits them best. With u = x * inverse and e = u - v, the
 * regression of e on v gives the correction: errors are small numbers throughout, nothing cancels.
 */
static float try_scale(const ergo__grid *grid, const float *x, const float *w, int n, float inverse,
                       float *scale)
{
    float v[ERGO__FIT_MAX];
    float ee[LANES] = {0};
    float ev[LANES] = {0};
    float vv[LANES] = {0};
    ergo__grid_round(grid, x, inverse, v, n);
    for (int i = 0; i < n; i += LANES) {
        for (int l = 0; l < LANES; l++) {
            const float e = x[i + l] * inverse - v[i + l];
            const float we = w[i + l] * e;
            ee[l] += we * e;
            ev[l] += we * v[i + l];
            vv[l] += w[i + l] * (v[i + l] * v[i + l]);
        }
    }
    const float square = lane_sum(vv);
    const float cross = lane_sum(ev);
    const float slope = square > 0.0f ? cross / square : 0.0f;
    const float unit = 1.0f / inverse;
    *scale = unit + unit * slope;
    return (lane_sum(ee) - slope * cross) * unit * unit;
}

float ergo__fit_scale(const ergo__grid *grid, const ergo__candidates *candidates, const float *x,
                      const float *w, int n)
{
    const float max = largest(x, n);
    if (ergo__magnitude(max) < LEAST_MAGNITUDE)
        return 0.0f;
    float best = 0.0f;
    float best_error = 0.0f;
    for (int k = 0; k < 2 * candidates->count; k++) {
        const float reach = candidates->step * (float)(k / 2);
        const float target =
            k % 2 == 0 ? -(candidates->first + reach) : candidates->first_up + reach;
        float scale;
        const float error = try_scale(grid, x, w, n, target / max, &scale);
        if (k == 0 || error < best_error) {
            best = scale;
            best_error = error;
        }
    }
    return best;
}

/* Weighted sums of the codes q = 0..max of (x - min) * inverse, and of their errors e = u - q. */
typedef struct affine_sums {
    float w, q, qq, e, eq, ee;
} affine_sums;

static affine_sums sum_affine(const float *x, const float *w, int n, float inverse, float min,
                              float max)
{
    float sw[LANES] = {0};
    float sq[LANES] = {0};
    float sqq[LANES] = {0};
    float se[LANES] = {0};
    float seq[LANES] = {0};
    float see[LANES] = {0};
    for (int i = 0; i < n; i += LANES) {
        for (int l = 0; l < LANES; l++) {
            const float u = (x[i + l] - min) * inverse;
            const float q = ergo__round_even(ergo__clamp(u, 0.0f, max));
            const float e = u - q;
            const float wq = w[i + l] * q;
            const float we = w[i + l] * e;
            sw[l] += w[i + l];
            sq[l] += wq;
            sqq[l] += wq * q;
            se[l] += we;
            seq[l] += wq * e;
            see[l] += we * e;
        }
    }
    const affine_sums sums = {lane_sum(sw), lane_sum(sq),  lane_sum(sqq),
                              lane_sum(se), lane_sum(seq), lane_sum(see)};
    return sums;
}

/* The best scale and minimum for the codes behind `s`; returns the error that they leave. */
static float refine_affine(const affine_sums *s, float inverse, float min, bool negative_min,
                           ergo__affine *out)
{
    const float unit = 1.0f / inverse;
    const float determinant = s->w * s->qq - s->q * s->q;
    float slope = 0.0f;
    float shift = s->w > 0.0f ? s->e / s->w : 0.0f;
    if (determinant > 0.0f) {
        slope = (s->w * s->eq - s->q * s->e) / determinant;
        shift = (s->qq * s->e - s->q * s->eq) / determinant;
    }
    float error = s->ee - slope * s->eq - shift * s->e;
    out->min = min + unit * shift;
    if (negative_min && out->min > 0.0f) { /* through the origin: e grows by the old minimum */
        const float c = min * inverse;
        const float cross = s->eq + c * s->q;
        slope = s->qq > 0.0f ? cross / s->qq : 0.0f;
        error = s->ee + 2.0f * c * s->e + c * c * s->w - slope * cross;
        out->min = 0.0f;
    }
    out->scale = unit + unit * slope;
    return error * unit * unit;
}

ergo__affine ergo__fit_affine(const float *x, const float *w, int n, int max, bool negative_min)
{
    float low = x[0];
    float high = x[0];
    for (int i = 1; i < n; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    if (negative_min && low > 0.0f)
        low = 0.0f;
    ergo__affine best = {0.0f, low};
    const float range = high - low;
    if (!(range > LEAST_MAGNITUDE))
        return best;
    const float top = (float)max;
    float best_error = 0.0f;
    /* From steps 24 % smaller than the range divided evenly, which clip, to 15 % larger ones; with
     * the minimum as it is, and as the first fit would have it. */
    for (int k = 0; k < 16; k++) {
        const float inverse = (top * (1.32f - 0.03f * (float)k)) / range;
        const float spare = (top - range * inverse) * 0.5f; /* clip both ends alike */
        ergo__affine fit;
        float min = low - (spare < 0.0f ? spare / inverse : 0.0f);
        for (int round = 0; round < 2; round++) {
            const affine_sums sums = sum_affine(x, w, n, inverse, min, top);
            const float error = refine_affine(&sums, inverse, min, negative_min, &fit);
            if ((k == 0 && round == 0) || error < best_error) {
                best = fit;
                best_error = error;
            }
            min = fit.min;
        }
    }
    return best;
}
