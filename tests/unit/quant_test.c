/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ergo/quant.h"
#include "runtime/base/bits.h"
#include "tests/fakes/guarded.h"
#include "tests/fakes/quant_model.h"

/*
 * Expected values come from llama.cpp 0.7.0: `decoded` is the FNV-1a hash of the floats it decodes
 * from the rows that fill_rows makes, `peer_rms` the relative RMS error of what its llama-quantize
 * makes of fill_gaussian (no importance matrix). `encoded` is the hash of ergo's own bytes for the
 * same: it must not depend on compiler or machine.
 */
enum { ELEMENTS = 131072, SEED = 2026 };

typedef struct expected {
    ergo_type type;
    uint64_t decoded;
    double peer_rms;
    uint64_t encoded;
} expected;

static const expected all[] = {
    {ERGO_TYPE_F16, 0x32e03ce73f7f8d22u, 0.000207, 0xa255d2d662d2dd2eu},
    {ERGO_TYPE_BF16, 0x8469e7089261aaefu, 0.001666, 0xb139a71ad4e2e052u},
    {ERGO_TYPE_Q4_0, 0xe22d274ac9dd3f08u, 0.084517, 0x545076873a88ecd3u},
    {ERGO_TYPE_Q4_1, 0x81732cdfedba8fd1u, 0.077557, 0x3fffbf4773ae4957u},
    {ERGO_TYPE_Q5_0, 0xc6147a47e4e98287u, 0.042085, 0xff97f3108fd79619u},
    {ERGO_TYPE_Q5_1, 0x6df51b1408df6543u, 0.037564, 0x7dd58487af4716c0u},
    {ERGO_TYPE_Q8_0, 0x6ba3e443881fcf62u, 0.005268, 0x8ec521d78cbb1640u},
    {ERGO_TYPE_Q2_K, 0xf785cb9a3bd5ae4fu, 0.293923, 0xce0304f9a33520cfu},
    {ERGO_TYPE_Q3_K, 0xf6659e4bf5000310u, 0.149563, 0x48de4769acaa80a6u},
    {ERGO_TYPE_Q4_K, 0xabb8902d5a99db7fu, 0.070835, 0x4bf928974ed28379u},
    {ERGO_TYPE_Q5_K, 0xb28200c26d3c1427u, 0.035859, 0xa9973f84896eef55u},
    {ERGO_TYPE_Q6_K, 0xafafa33779f906a5u, 0.017574, 0x2a28dac69216d289u},
    {ERGO_TYPE_IQ4_NL, 0x66d6313d34a501feu, 0.075369, 0xe5771e656e147a49u},
    {ERGO_TYPE_IQ4_XS, 0xbd1c477cdb3f7736u, 0.075984, 0xce096dbb647604b3u},
    {ERGO_TYPE_TQ1_0, 0x1a01a6b16fc213ceu, 0.801082, 0x93c583486c9c998bu},
    {ERGO_TYPE_TQ2_0, 0x9dd56147391ef2f8u, 0.801082, 0x5f299a75305c30e4u},
    {ERGO_TYPE_MXFP4, 0x54bdf2bbed6759bcu, 0.113312, 0x520fc1bea652936cu},
};

#define TYPES (sizeof all / sizeof *all)

#define FIRST_BLOCK_TYPE 2 /* F16 and BF16 have no blocks */

static float values[ELEMENTS];
static float decoded[ELEMENTS];
static unsigned char bytes[ELEMENTS * 4];

static size_t size_of(ergo_type type, size_t n)
{
    const ergo_type_info *info = ergo_type_get((uint32_t)type);
    return n / info->block_elements * info->block_bytes;
}

static uint64_t fnv(const void *data, size_t size)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ ((const unsigned char *)data)[i]) * 0x100000001b3u;
    return hash;
}

static void fill_gaussian(float *x, size_t n)
{
    uint64_t seed = SEED;
    for (size_t i = 0; i < n; i++) {
        float sum = -6.0f;
        for (int k = 0; k < 12; k++)
            sum += (float)(quant_model_random(&seed) >> 40) * 0x1p-24f;
        x[i] = sum * 0.02f;
    }
}

static double squares(const float *a, const float *b, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double e = (double)a[i] - (b != NULL ? (double)b[i] : 0.0);
        sum += e * e;
    }
    return sum;
}

static double round_trip_rms(ergo_type type, const float *importance)
{
    assert_int_equal(ergo_quantize(type, values, importance, bytes, ELEMENTS), ERGO_OK);
    assert_int_equal(ergo_dequantize(type, bytes, decoded, ELEMENTS), ERGO_OK);
    return sqrt(squares(values, decoded, ELEMENTS) / squares(values, NULL, ELEMENTS));
}

static void decoding_gives_the_bits_of_llama_cpp(void **state)
{
    (void)state;
    for (size_t i = 0; i < TYPES; i++) {
        uint64_t seed = SEED;
        quant_model_fill(all[i].type, bytes, ELEMENTS, 0.03f, &seed);
        assert_int_equal(ergo_dequantize(all[i].type, bytes, decoded, ELEMENTS), ERGO_OK);
        if (fnv(decoded, sizeof decoded) != all[i].decoded)
            fail_msg("%s", ergo_type_get((uint32_t)all[i].type)->name);
    }
}

static void decoding_follows_the_format_element_by_element(void **state)
{
    (void)state;
    enum { N = 1024 };
    uint64_t seed = SEED;
    for (size_t i = FIRST_BLOCK_TYPE; i < TYPES; i++) {
        guarded row = guarded_open(size_of(all[i].type, N));
        quant_model_fill(all[i].type, row.data, N, 1.0f, &seed);
        assert_int_equal(ergo_dequantize(all[i].type, row.data, decoded, N), ERGO_OK);
        for (size_t j = 0; j < N; j++) {
            const quant_model_element e = quant_model_get(all[i].type, row.data, j);
            const double exact = (double)e.scale * e.sub * e.q + (double)e.offset * e.low;
            if (decoded[j] != (float)exact)
                fail_msg("%s element %zu: %a, not %a", ergo_type_get((uint32_t)all[i].type)->name,
                         j, (double)decoded[j], exact);
        }
        guarded_close(&row);
    }
}

/* Scales that are infinite or not a number included: for the sanitizers to watch. */
static void decoding_survives_any_bytes(void **state)
{
    (void)state;
    enum { N = 16384 };
    uint64_t seed = SEED;
    for (size_t i = 0; i < TYPES; i++) {
        guarded row = guarded_open(size_of(all[i].type, N));
        for (size_t b = 0; b < size_of(all[i].type, N); b++)
            row.data[b] = (unsigned char)(quant_model_random(&seed) >> 56);
        assert_int_equal(ergo_dequantize(all[i].type, row.data, decoded, N), ERGO_OK);
        guarded_close(&row);
    }
}

static void encoding_is_no_worse_than_llama_quantize(void **state)
{
    (void)state;
    fill_gaussian(values, ELEMENTS);
    for (size_t i = 0; i < TYPES; i++) {
        const double rms = round_trip_rms(all[i].type, NULL);
        print_message("%-6s error %.6f, %.3f of llama-quantize's\n",
                      ergo_type_get((uint32_t)all[i].type)->name, rms, rms / all[i].peer_rms);
        assert_true(rms < all[i].peer_rms * 1.003); /* the reference has three digits */
    }
}

static void encoding_gives_the_same_bytes_everywhere(void **state)
{
    (void)state;
    fill_gaussian(values, ELEMENTS);
    bool same = true;
    for (size_t i = 0; i < TYPES; i++) {
        const size_t size = size_of(all[i].type, ELEMENTS);
        assert_int_equal(ergo_quantize(all[i].type, values, NULL, bytes, ELEMENTS), ERGO_OK);
        const uint64_t hash = fnv(bytes, size);
        if (hash != all[i].encoded) {
            print_error("%s: encoded 0x%016llx\n", ergo_type_get((uint32_t)all[i].type)->name,
                        (unsigned long long)hash);
            same = false;
        }
    }
    assert_true(same);
}

/* What a type can say exactly comes back, up to the rounding of the scales that are found. */
static void encoding_decoded_values_again_changes_little(void **state)
{
    (void)state;
    enum { N = 8192 };
    for (size_t i = FIRST_BLOCK_TYPE; i < TYPES; i++) {
        uint64_t seed = SEED;
        fill_gaussian(values, N);
        assert_int_equal(ergo_quantize(all[i].type, values, NULL, bytes, N), ERGO_OK);
        assert_int_equal(ergo_dequantize(all[i].type, bytes, values, N), ERGO_OK);
        quant_model_fill(all[i].type, bytes, N, 1.0f, &seed); /* forget */
        assert_int_equal(ergo_quantize(all[i].type, values, NULL, bytes, N), ERGO_OK);
        assert_int_equal(ergo_dequantize(all[i].type, bytes, decoded, N), ERGO_OK);
        const double rms = sqrt(squares(values, decoded, N) / squares(values, NULL, N));
        if (!(rms < 0.25 * all[i].peer_rms))
            fail_msg("%s: %g", ergo_type_get((uint32_t)all[i].type)->name, rms);
    }
}

static void ternary_weights_are_kept_exactly(void **state)
{
    (void)state;
    static const ergo_type types[] = {ERGO_TYPE_TQ1_0, ERGO_TYPE_TQ2_0};
    uint64_t seed = SEED;
    for (size_t i = 0; i < 2560; i++)
        values[i] = ((float)(quant_model_random(&seed) % 3) - 1.0f) * 0.017578125f;
    for (size_t t = 0; t < 2; t++) {
        assert_int_equal(ergo_quantize(types[t], values, NULL, bytes, 2560), ERGO_OK);
        assert_int_equal(ergo_dequantize(types[t], bytes, decoded, 2560), ERGO_OK);
        for (size_t i = 0; i < 2560; i++)
            assert_true(decoded[i] == values[i]);
    }
}

static void extreme_values_stay_finite_and_zeros_stay_zero(void **state)
{
    (void)state;
    static const float magnitudes[] = {0.0f, 0x1p-149f, 1e-30f, 1e-9f, 1e-6f,
                                       1.0f, 1e4f,      1e9f,   1e30f, 0x1.fffffep127f};
    enum { N = 512 };
    for (size_t i = FIRST_BLOCK_TYPE; i < TYPES; i++) {
        for (size_t m = 0; m < sizeof magnitudes / sizeof *magnitudes; m++) {
            for (size_t j = 0; j < N; j++)
                values[j] = magnitudes[m] * (j % 3 == 0 ? -1.0f : j % 3 == 1 ? 0.25f : 1.0f);
            assert_int_equal(ergo_quantize(all[i].type, values, NULL, bytes, N), ERGO_OK);
            assert_int_equal(ergo_dequantize(all[i].type, bytes, decoded, N), ERGO_OK);
            for (size_t j = 0; j < N; j++)
                assert_true(isfinite(decoded[j]) && (magnitudes[m] != 0.0f || decoded[j] == 0.0f));
        }
    }
}

static void constant_blocks_keep_their_value(void **state)
{
    (void)state;
    static const float constants[] = {0.5f, -0.5f};
    enum { N = 256 };
    for (size_t i = FIRST_BLOCK_TYPE; i < TYPES; i++) {
        for (size_t c = 0; c < 2; c++) {
            for (size_t j = 0; j < N; j++)
                values[j] = constants[c];
            assert_int_equal(ergo_quantize(all[i].type, values, NULL, bytes, N), ERGO_OK);
            assert_int_equal(ergo_dequantize(all[i].type, bytes, decoded, N), ERGO_OK);
            for (size_t j = 0; j < N; j++)
                if (fabsf(decoded[j] - values[j]) > 0.002f)
                    fail_msg("%s: %g becomes %g", ergo_type_get((uint32_t)all[i].type)->name,
                             (double)values[j], (double)decoded[j]);
        }
    }
}

static void importance_moves_the_error_to_where_it_matters_less(void **state)
{
    (void)state;
    static float importance[ELEMENTS];
    fill_gaussian(values, ELEMENTS);
    for (size_t i = 0; i < ELEMENTS; i++)
        importance[i] = i % 4 == 0 ? 100.0f : 1.0f;
    for (size_t i = FIRST_BLOCK_TYPE; i < TYPES; i++) {
        double error[2] = {0.0, 0.0};
        for (int pass = 0; pass < 2; pass++) {
            round_trip_rms(all[i].type, pass == 0 ? NULL : importance);
            for (size_t j = 0; j < ELEMENTS; j += 4)
                error[pass] += squares(values + j, decoded + j, 1);
        }
        if (!(error[1] < error[0]))
            fail_msg("%s", ergo_type_get((uint32_t)all[i].type)->name);
    }
}

static void zero_importance_counts_as_none(void **state)
{
    (void)state;
    static const float zeros[256];
    static unsigned char other[1024];
    fill_gaussian(values, 256);
    for (size_t i = 0; i < TYPES; i++) {
        assert_int_equal(ergo_quantize(all[i].type, values, NULL, bytes, 256), ERGO_OK);
        assert_int_equal(ergo_quantize(all[i].type, values, zeros, other, 256), ERGO_OK);
        assert_memory_equal(bytes, other, size_of(all[i].type, 256));
    }
}

static void dense_types_round_to_nearest_even_and_keep_what_is_not_finite(void **state)
{
    (void)state;
    const float in[] = {1.0f, 2049.0f, 2051.0f, 65520.0f, 0x1p-25f, 0x1.8p-24f, INFINITY};
    const float f16[] = {1.0f, 2048.0f, 2052.0f, INFINITY, 0.0f, 0x1p-23f, INFINITY};
    const float bf16[] = {1.0f, 2048.0f, 2048.0f, 65536.0f, 0x1p-25f, 0x1.8p-24f, INFINITY};
    enum { N = sizeof in / sizeof *in };
    assert_int_equal(ergo_quantize(ERGO_TYPE_F16, in, NULL, bytes, N), ERGO_OK);
    assert_int_equal(ergo_dequantize(ERGO_TYPE_F16, bytes, decoded, N), ERGO_OK);
    assert_memory_equal(decoded, f16, sizeof f16);
    assert_int_equal(ergo_quantize(ERGO_TYPE_BF16, in, NULL, bytes, N), ERGO_OK);
    assert_int_equal(ergo_dequantize(ERGO_TYPE_BF16, bytes, decoded, N), ERGO_OK);
    assert_memory_equal(decoded, bf16, sizeof bf16);
    assert_int_equal(ergo_quantize(ERGO_TYPE_F32, in, NULL, bytes + 1, N), ERGO_OK);
    assert_int_equal(ergo_dequantize(ERGO_TYPE_F32, bytes + 1, decoded, N), ERGO_OK);
    assert_memory_equal(decoded, in, sizeof in);
}

static void wrong_arguments_are_refused_and_touch_nothing(void **state)
{
    (void)state;
    float x[256] = {0};
    float importance[256] = {0};
    unsigned char out[256];
    memset(out, 0x5a, sizeof out);
    assert_int_equal(ergo_quantize(ERGO_TYPE_Q4_0, x, NULL, out, 33), ERGO_E_ARGUMENT);
    assert_int_equal(ergo_quantize(ERGO_TYPE_Q4_K, x, NULL, out, 32), ERGO_E_ARGUMENT);
    assert_int_equal(ergo_quantize((ergo_type)4, x, NULL, out, 32), ERGO_E_UNSUPPORTED);
    x[200] = NAN;
    assert_int_equal(ergo_quantize(ERGO_TYPE_Q4_K, x, NULL, out, 256), ERGO_E_ARGUMENT);
    x[200] = -INFINITY;
    assert_int_equal(ergo_quantize(ERGO_TYPE_Q8_0, x, NULL, out, 256), ERGO_E_ARGUMENT);
    x[200] = 0.0f;
    importance[3] = -1.0f;
    assert_int_equal(ergo_quantize(ERGO_TYPE_Q4_0, x, importance, out, 32), ERGO_E_ARGUMENT);
    importance[3] = NAN;
    assert_int_equal(ergo_quantize(ERGO_TYPE_Q4_0, x, importance, out, 32), ERGO_E_ARGUMENT);
    for (size_t i = 0; i < sizeof out; i++)
        assert_int_equal(out[i], 0x5a);
    x[0] = 7.0f;
    assert_int_equal(ergo_dequantize(ERGO_TYPE_Q6_K, out, x, 255), ERGO_E_ARGUMENT);
    assert_int_equal(ergo_dequantize((ergo_type)36, out, x, 256), ERGO_E_UNSUPPORTED);
    assert_true(x[0] == 7.0f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decoding_gives_the_bits_of_llama_cpp),
        cmocka_unit_test(decoding_follows_the_format_element_by_element),
        cmocka_unit_test(decoding_survives_any_bytes),
        cmocka_unit_test(encoding_is_no_worse_than_llama_quantize),
        cmocka_unit_test(encoding_gives_the_same_bytes_everywhere),
        cmocka_unit_test(encoding_decoded_values_again_changes_little),
        cmocka_unit_test(ternary_weights_are_kept_exactly),
        cmocka_unit_test(extreme_values_stay_finite_and_zeros_stay_zero),
        cmocka_unit_test(constant_blocks_keep_their_value),
        cmocka_unit_test(importance_moves_the_error_to_where_it_matters_less),
        cmocka_unit_test(zero_importance_counts_as_none),
        cmocka_unit_test(dense_types_round_to_nearest_even_and_keep_what_is_not_finite),
        cmocka_unit_test(wrong_arguments_are_refused_and_touch_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
