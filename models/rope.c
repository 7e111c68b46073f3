/* SPDX-License-Identifier: Apache-2.0 */
#include "models/rope.h"

#include <math.h>
#include <string.h>

#include "runtime/base/math.h"

/* rope.scaling of the file. `extension` is YaRN's share of frequencies that keep their pace. */
typedef struct scaling {
    double factor; /* positions are divided by it */
    double extension;
    double fast, slow; /* rotations over the original context that bound YaRN's ramp */
    double magnitude;  /* of cosine and sine */
    uint32_t original; /* context before scaling */
} scaling;

uint32_t ergo__rope_rotated(ergo__builder *builder)
{
    const uint32_t head_dim = builder->hparams.head_dim;
    const uint32_t rotated = ergo__build_u32(builder, "rope.dimension_count", head_dim);
    if (rotated == 0 || rotated % 2 != 0 || rotated > head_dim)
        ergo__build_fail(builder, ERGO_E_FORMAT,
                         "rope.dimension_count is %u with heads of %u elements", rotated, head_dim);
    return rotated;
}

ergo__rope_source ergo__rope_default(ergo__builder *builder)
{
    return (ergo__rope_source){.base = ergo__build_f32(builder, "rope.freq_base", 10000.0f),
                               .rotated = ergo__rope_rotated(builder),
                               .scaled = true};
}

static bool str_is(ergo_str s, const char *text)
{
    return s.size == strlen(text) && memcmp(s.data, text, s.size) == 0;
}

/* The kind of scaling; files without one but with a factor mean linear. */
static ergo_str scaling_type(ergo__builder *builder)
{
    char key[128];
    ergo_str type = {"linear", 6};
    const int n = (int)builder->arch.size;
    if (n > 64)
        return type;
    memcpy(key, builder->arch.data, (size_t)n);
    memcpy(key + n, ".rope.scaling.type", sizeof ".rope.scaling.type");
    const ergo_status status = ergo_gguf_str(builder->gguf, key, &type);
    if (status != ERGO_OK && status != ERGO_E_NOT_FOUND)
        ergo__build_fail(builder, status, "%s is not a string", key);
    return type;
}

/* YaRN's attention temperature for a context `factor` times the original. */
static double temperature(double factor, double slope)
{
    return factor <= 1.0 ? 1.0 : 1.0 + 0.1 * slope * ergo__log(factor);
}

static scaling read_scaling(ergo__builder *builder)
{
    const ergo_str type = scaling_type(builder);
    const bool yarn = str_is(type, "yarn");
    if (!yarn && !str_is(type, "none") && !str_is(type, "linear") && !str_is(type, "longrope"))
        ergo__build_fail(builder, ERGO_E_UNSUPPORTED, "rope.scaling.type %.*s is not supported",
                         (int)type.size, type.data);
    const double legacy = (double)ergo__build_f32(builder, "rope.scale_linear", 1.0f);
    scaling s = {
        .factor = (double)ergo__build_f32(builder, "rope.scaling.factor", (float)legacy),
        .extension =
            (double)ergo__build_f32(builder, "rope.scaling.yarn_ext_factor", yarn ? 1.0f : 0.0f),
        .fast = (double)ergo__build_f32(builder, "rope.scaling.yarn_beta_fast", 32.0f),
        .slow = (double)ergo__build_f32(builder, "rope.scaling.yarn_beta_slow", 1.0f),
        .magnitude = (double)ergo__build_f32(builder, "rope.scaling.attn_factor", 1.0f),
        .original = ergo__build_u32(builder, "rope.scaling.original_context_length",
                                    builder->hparams.context),
    };
    if (s.factor == 0.0 || str_is(type, "none"))
        s.factor = 1.0;
    if (!(s.factor > 0.0) || s.original == 0 || !(s.fast > 0.0) || !(s.slow > 0.0))
        ergo__build_fail(builder, ERGO_E_FORMAT, "rope.scaling has a value out of range");
    else if (s.extension != 0.0) {
        const double slope =
            (double)ergo__build_f32(builder, "rope.scaling.yarn_log_multiplier", 0.0f);
        s.magnitude *= temperature(s.factor, 1.0) / temperature(s.factor, slope);
    }
    return s;
}

/* The pair whose frequency turns `rotations` times over the original context. */
static double pair_of_rotations(const scaling *s, ergo__rope_source source, double rotations)
{
    const double two_pi = 6.283185307179586;
    return (double)source.rotated * ergo__log((double)s->original / (rotations * two_pi)) /
           (2.0 * ergo__log((double)source.base));
}

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

static void fill_frequencies(double *frequency, const scaling *s, ergo__rope_source source,
                             const float *factors)
{
    const double last = (double)source.rotated - 1.0;
    double low = 0.0, high = 0.0;
    if (s->extension != 0.0) {
        low = clamp(floor(pair_of_rotations(s, source, s->fast)), 0.0, last);
        high = clamp(ceil(pair_of_rotations(s, source, s->slow)), 0.0, last);
    }
    const double log_base = ergo__log((double)source.base);
    for (uint32_t i = 0; i < source.rotated / 2; i++) {
        double own = ergo__exp(-2.0 * (double)i / (double)source.rotated * log_base);
        if (factors)
            own /= (double)factors[i];
        const double width = high - low < 0.001 ? 0.001 : high - low;
        const double ramp = 1.0 - clamp(((double)i - low) / width, 0.0, 1.0);
        const double keep = ramp * s->extension;
        frequency[i] = own / s->factor * (1.0 - keep) + own * keep;
    }
}

/* Factors of the frequencies must be positive: they divide. */
static const float *read_factors(ergo__builder *builder, const char *name, uint32_t count)
{
    if (!ergo__build_has(builder, name))
        return NULL;
    const float *factors = ergo__build_vector(builder, name, count);
    for (uint32_t i = 0; factors && i < count; i++)
        if (!(factors[i] > 0.0f && factors[i] < 1e30f))
            ergo__build_fail(builder, ERGO_E_FORMAT, "%s[%u] is %g", name, i, (double)factors[i]);
    return factors;
}

const ergo__rope *ergo__build_rope(ergo__builder *builder, ergo__rope_source source)
{
    const uint32_t pairs = source.rotated / 2;
    if (!(source.base > 1.0f))
        ergo__build_fail(builder, ERGO_E_FORMAT, "rope.freq_base is %g", (double)source.base);
    scaling s = {.factor = 1.0, .magnitude = 1.0, .original = builder->hparams.context};
    const float *all = NULL, *near = NULL, *far = NULL;
    bool has_far = false;
    if (source.scaled) {
        s = read_scaling(builder);
        has_far = ergo__build_has(builder, "rope_factors_long.weight");
        all = read_factors(builder, "rope_freqs.weight", pairs);
        near = read_factors(builder, "rope_factors_short.weight", pairs);
        far = read_factors(builder, "rope_factors_long.weight", pairs);
    }
    ergo__rope *rope = ERGO__TAKE(builder->arena, ergo__rope, 1);
    double *frequency = ERGO__TAKE(builder->arena, double, pairs);
    double *long_frequency = has_far ? ERGO__TAKE(builder->arena, double, pairs) : NULL;
    if (!rope || !frequency || (has_far && !long_frequency) || builder->status != ERGO_OK)
        return NULL;
    fill_frequencies(frequency, &s, source, all ? all : near);
    if (has_far)
        fill_frequencies(long_frequency, &s, source, far);
    *rope = (ergo__rope){.frequency = frequency,
                         .long_frequency = long_frequency,
                         .long_above = s.original,
                         .rotated = source.rotated,
                         .magnitude = (float)s.magnitude};
    return rope;
}
