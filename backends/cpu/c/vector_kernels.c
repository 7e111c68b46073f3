/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "backends/cpu/kernels.h"
#include "backends/cpu/lanes.h"
#include "runtime/base/math.h"

/*
 * The reference of everything that is not a matrix product. A reduction puts element i into
 * lane i mod 16 and adds the lanes as one fixed tree (lanes.h); all else is element by element.
 */

static float sum_of_squares(const float *x, size_t n)
{
    float acc[ERGO__LANES] = {0};
    size_t i = 0;
    for (; i + ERGO__LANES <= n; i += ERGO__LANES)
        for (size_t j = 0; j < ERGO__LANES; j++)
            acc[j] = fmaf(x[i + j], x[i + j], acc[j]);
    for (size_t j = 0; i + j < n; j++)
        acc[j] = fmaf(x[i + j], x[i + j], acc[j]);
    return ergo__lanes_sum(acc);
}

void ERGO__KERNEL(rms_norm)(const float *in, const float *gain, float epsilon, size_t n, float *out)
{
    const float mean = sum_of_squares(in, n) / (float)n;
    const float r = 1.0f / sqrtf(mean + epsilon);
    for (size_t i = 0; i < n; i++)
        out[i] = in[i] * r * gain[i];
}

void ERGO__KERNEL(angles)(const double *frequency, uint32_t position, float magnitude, size_t pairs,
                          float *out)
{
    for (size_t i = 0; i < pairs; i++) {
        double sine, cosine;
        ergo__sincos((double)position * frequency[i], &sine, &cosine);
        out[i] = (float)cosine * magnitude;
        out[pairs + i] = (float)sine * magnitude;
    }
}

void ERGO__KERNEL(rope_pairs)(const float *in, const float *angles, size_t rotated, size_t n,
                              float *out)
{
    const size_t pairs = rotated / 2;
    for (size_t i = 0; i < pairs; i++) {
        const float a = in[2 * i], b = in[2 * i + 1], c = angles[i], s = angles[pairs + i];
        out[2 * i] = a * c - b * s;
        out[2 * i + 1] = a * s + b * c;
    }
    for (size_t i = rotated; i < n; i++)
        out[i] = in[i];
}

void ERGO__KERNEL(rope_halves)(const float *in, const float *angles, size_t rotated, size_t n,
                               float *out)
{
    const size_t pairs = rotated / 2;
    for (size_t i = 0; i < pairs; i++) {
        const float a = in[i], b = in[pairs + i], c = angles[i], s = angles[pairs + i];
        out[i] = a * c - b * s;
        out[pairs + i] = a * s + b * c;
    }
    for (size_t i = rotated; i < n; i++)
        out[i] = in[i];
}

void ERGO__KERNEL(glu_silu)(const float *gate, const float *up, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = gate[i] / (1.0f + ergo__expf(-gate[i])) * up[i];
}

void ERGO__KERNEL(glu_gelu)(const float *gate, const float *up, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++) {
        const float g = gate[i];
        const float inner = 0.7978845608f * fmaf(0.044715f * g * g, g, g);
        out[i] = 0.5f * g * (1.0f + ergo__tanhf(inner)) * up[i];
    }
}

void ERGO__KERNEL(add_scaled)(const float *a, const float *b, float scale, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = fmaf(scale, b[i], a[i]);
}

void ERGO__KERNEL(scale)(const float *in, float scale, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = in[i] * scale;
}

/* In lanes, which compilers turn into vectors; the order makes no difference. */
static float largest(const float *x, size_t n)
{
    float max[ERGO__LANES];
    for (size_t j = 0; j < ERGO__LANES; j++)
        max[j] = x[0];
    size_t i = 0;
    for (; i + ERGO__LANES <= n; i += ERGO__LANES)
        for (size_t j = 0; j < ERGO__LANES; j++)
            max[j] = x[i + j] > max[j] ? x[i + j] : max[j];
    for (size_t j = 0; i + j < n; j++)
        max[j] = x[i + j] > max[j] ? x[i + j] : max[j];
    for (size_t j = 1; j < ERGO__LANES; j++)
        max[0] = max[j] > max[0] ? max[j] : max[0];
    return max[0];
}

float ERGO__KERNEL(softmax)(float *scores, size_t first, size_t n)
{
    const float max = largest(scores, n);
    for (size_t i = 0; i < n; i++)
        scores[i] = ergo__expf(scores[i] - max);
    float acc[ERGO__LANES] = {0};
    size_t i = 0;
    for (; i < n && (first + i) % ERGO__LANES != 0; i++)
        acc[(first + i) % ERGO__LANES] += scores[i];
    for (; i + ERGO__LANES <= n; i += ERGO__LANES)
        for (size_t j = 0; j < ERGO__LANES; j++)
            acc[j] += scores[i + j];
    for (size_t j = 0; i + j < n; j++)
        acc[j] += scores[i + j];
    return 1.0f / ergo__lanes_sum(acc);
}
