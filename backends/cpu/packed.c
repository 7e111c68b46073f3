/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/cpu/packed_read.h"

size_t ergo__packed_strip_bytes(ergo_type type, size_t k)
{
    const ergo__packed_form form = ergo__packed_form_of(type);
    size_t bytes = k * form.bits * ERGO__STRIP_ROWS / 8;
    if (form.factor_elements > 0)
        bytes += k / form.factor_elements * form.factor_bytes;
    return (bytes + ERGO_BLOCK_ALIGN - 1) / ERGO_BLOCK_ALIGN * ERGO_BLOCK_ALIGN;
}

static void unpack_floats(ergo_type type, const unsigned char *strip, size_t k, size_t row,
                          float *out)
{
    for (size_t i = 0; i < k; i++) {
        const size_t at = i * ERGO__STRIP_ROWS + row;
        if (type == ERGO_TYPE_F32)
            out[i] = ergo__f32_of_bits(ergo__load_u32(strip + 4 * at));
        else if (type == ERGO_TYPE_F16)
            out[i] = ergo__load_f16(strip + 2 * at);
        else
            out[i] = ergo__f32_of_bf16(ergo__load_u16(strip + 2 * at));
    }
}

/* 16 numbers by their factors, as quant_blocks.h has the formulas. */
static void expand(ergo__packed_form form, const int *q, const ergo__packed_factor *f, size_t half,
                   float *out)
{
    const float scale = ergo__packed_has_sub(form) ? f->scale * (float)f->sub[half] : f->scale;
    for (size_t i = 0; i < 16; i++) {
        out[i] = scale * (float)q[i];
        if (ergo__packed_has_offset(form))
            out[i] += f->offset * (float)f->low[half];
    }
}

void ergo__cpu_unpack_row(ergo_type type, const unsigned char *strip, size_t k, size_t row,
                          float *out)
{
    const ergo__packed_form form = ergo__packed_form_of(type);
    if (form.factors == ERGO__FACTORS_NONE) {
        unpack_floats(type, strip, k, row, out);
        return;
    }
    const size_t code_bytes = ergo__packed_code_bytes(form);
    const unsigned char *factors = strip + k / 32 * code_bytes;
    for (size_t b = 0; b < k / 32; b++, strip += code_bytes, out += 32) {
        const ergo__packed_factor f = ergo__packed_factor_of(form, factors, b, row);
        int q[32];
        for (unsigned g = 0; g < ERGO__GROUPS; g++) {
            uint32_t word;
            uint8_t code[4];
            ergo__packed_codes(form, strip, g, row, 1, &word);
            memcpy(code, &word, 4);
            for (size_t j = 0; j < 4; j++)
                q[4 * g + j] = ergo__packed_value(form, code[j]);
        }
        for (size_t half = 0; half < 2; half++)
            expand(form, q + 16 * half, &f, half, out + 16 * half);
    }
}
