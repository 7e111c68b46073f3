/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/cpu/packed.h"

#include "runtime/quant_blocks.h"

#define ROWS ERGO__STRIP_ROWS
#define GROUPS 8
#define GROUP_BYTES 64

/* What one block of the file (32 or 256 elements) of each row of a strip decodes to. */
typedef struct decoded {
    ergo__unit unit[ROWS];
} decoded;

size_t ergo__packed_strip_bytes(ergo_type type, size_t k)
{
    const ergo__packed_form form = ergo__packed_form_of(type);
    size_t bytes = k * form.bits * ROWS / 8;
    if (form.factor_elements > 0)
        bytes += k / form.factor_elements * form.factor_bytes;
    return (bytes + ERGO_BLOCK_ALIGN - 1) / ERGO_BLOCK_ALIGN * ERGO_BLOCK_ALIGN;
}

/* The table's numbers instead of its values. */
static void unpack_iq4_numbers(const uint8_t *block, ergo__unit *u)
{
    ergo__unpack_nibbles(block + ERGO__IQ4_NL_QS, 0, u->q);
    for (int i = 0; i < 32; i++)
        u->q[i] = (int8_t)(u->q[i] - 128); /* the zero point is added again */
}

static void unpack(ergo_type type, const uint8_t *block, ergo__unit *u)
{
    switch (type) {
    case ERGO_TYPE_Q4_0:
        ergo__unpack_q4_0(block, u);
        break;
    case ERGO_TYPE_Q4_1:
        ergo__unpack_q4_1(block, u);
        break;
    case ERGO_TYPE_Q5_0:
        ergo__unpack_q5_0(block, u);
        break;
    case ERGO_TYPE_Q5_1:
        ergo__unpack_q5_1(block, u);
        break;
    case ERGO_TYPE_Q8_0:
        ergo__unpack_q8_0(block, u);
        break;
    case ERGO_TYPE_Q4_K:
        ergo__unpack_q4_k(block, u);
        break;
    case ERGO_TYPE_Q5_K:
        ergo__unpack_q5_k(block, u);
        break;
    case ERGO_TYPE_Q6_K:
        ergo__unpack_q6_k(block, u);
        break;
    default:
        unpack_iq4_numbers(block, u);
        break;
    }
}

/* ---- Codes --------------------------------------------------------------------------------- */

/* Group g of 32 elements that start at `from`: four codes of each row, made unsigned. */
static void gather_group(const decoded *d, size_t from, int g, uint8_t zero, uint8_t *out)
{
    for (size_t r = 0; r < ROWS; r++)
        memcpy(out + 4 * r, d->unit[r].q + from + 4 * (size_t)g, 4);
    for (int i = 0; i < GROUP_BYTES; i++)
        out[i] = (uint8_t)(out[i] + zero);
}

/* The upper bits of GROUPS groups, in as many planes of 64 bytes as they have bits. */
static void put_upper_bits(uint8_t group[GROUPS][GROUP_BYTES], unsigned upper, uint8_t *planes)
{
    const unsigned per_plane = 8 / upper;
    for (unsigned p = 0; p < upper; p++)
        for (int i = 0; i < GROUP_BYTES; i++) {
            unsigned bits = 0;
            for (unsigned g = 0; g < per_plane; g++)
                bits |= (unsigned)(group[p * per_plane + g][i] >> 4) << (g * upper);
            planes[p * GROUP_BYTES + (unsigned)i] = (uint8_t)bits;
        }
}

static void put_codes(const decoded *d, size_t from, ergo__packed_form form, uint8_t *out)
{
    uint8_t group[GROUPS][GROUP_BYTES];
    for (int g = 0; g < GROUPS; g++)
        gather_group(d, from, g, form.zero, group[g]);
    if (form.bits == 8) {
        memcpy(out, group, sizeof group);
        return;
    }
    for (int g = 0; g < GROUPS / 2; g++)
        for (int i = 0; i < GROUP_BYTES; i++)
            out[g * GROUP_BYTES + i] =
                (uint8_t)((group[g][i] & 15) | group[g + GROUPS / 2][i] << 4);
    if (form.bits > 4)
        put_upper_bits(group, form.bits - 4u, out + GROUPS / 2 * GROUP_BYTES);
}

/* ---- Factors ------------------------------------------------------------------------------- */

static void put_k_factors(const uint8_t *block, size_t r, uint8_t *out)
{
    uint8_t scale[8];
    uint8_t min[8];
    ergo__unpack_k_scales(block + ERGO__Q4_K_SCALES, scale, min);
    memcpy(out + 2 * r, block + ERGO__Q4_K_D, 2);
    memcpy(out + 2 * (ROWS + r), block + ERGO__Q4_K_DMIN, 2);
    for (size_t j = 0; j < 8; j++) {
        out[(4 + j) * ROWS + r] = scale[j];
        out[(12 + j) * ROWS + r] = min[j];
    }
}

static void put_factors(ergo_type type, const uint8_t *block, size_t r, uint8_t *out)
{
    switch (type) {
    case ERGO_TYPE_Q4_K:
    case ERGO_TYPE_Q5_K:
        put_k_factors(block, r, out);
        break;
    case ERGO_TYPE_Q6_K:
        memcpy(out + 2 * r, block + ERGO__Q6_K_D, 2);
        for (size_t j = 0; j < 16; j++)
            out[(2 + j) * ROWS + r] = block[ERGO__Q6_K_SCALES + j];
        break;
    case ERGO_TYPE_Q4_1:
    case ERGO_TYPE_Q5_1:
        memcpy(out + 2 * r, block + ERGO__Q4_1_D, 2);
        memcpy(out + 2 * (ROWS + r), block + ERGO__Q4_1_M, 2);
        break;
    default: /* the scale comes first */
        memcpy(out + 2 * r, block, 2);
        break;
    }
}

/* ---- Strips -------------------------------------------------------------------------------- */

static void pack_floats(const unsigned char *w, size_t row_bytes, size_t k, size_t rows,
                        unsigned char *strip)
{
    for (size_t r = 0; r < ROWS; r++)
        for (size_t i = 0; i < k; i++)
            if (r < rows)
                memcpy(strip + 2 * (i * ROWS + r), w + r * row_bytes + 2 * i, 2);
            else
                memset(strip + 2 * (i * ROWS + r), 0, 2);
}

void ergo__cpu_pack(ergo_type type, const unsigned char *w, size_t row_bytes, size_t k, size_t rows,
                    unsigned char *strip)
{
    const ergo__packed_form form = ergo__packed_form_of(type);
    if (form.factor_elements == 0) {
        pack_floats(w, row_bytes, k, rows, strip);
        return;
    }
    const ergo_type_info *info = ergo_type_get((uint32_t)type);
    const size_t code_bytes = ergo__packed_code_bytes(form);
    unsigned char *factors = strip + k / 32 * code_bytes;
    decoded d;
    memset(&d, 0, sizeof d);
    for (size_t i = 0; i < k; i += info->block_elements) {
        const uint8_t *block = w + i / info->block_elements * info->block_bytes;
        memset(factors, 0, form.factor_bytes);
        for (size_t r = 0; r < rows; r++) {
            unpack(type, block + r * row_bytes, &d.unit[r]);
            put_factors(type, block + r * row_bytes, r, factors);
        }
        factors += form.factor_bytes;
        for (size_t from = 0; from < info->block_elements; from += 32) {
            put_codes(&d, from, form, strip);
            strip += code_bytes;
        }
    }
}
