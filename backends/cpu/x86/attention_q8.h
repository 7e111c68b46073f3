/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attention over Q8_0 pages. Included once by a source per instruction set, which also defines
 *
 *   v_code(x)          codes of keys as v_dot4 wants them
 *   v_dot4(acc, k, q)  acc + the products of each lane's four codes and the query's four at `q`
 *   CODE_ZERO          what v_code adds to every code
 */

#include "backends/cpu/x86/attention.h"
#include "runtime/kv.h"

#define BLOCK ERGO__KV_BLOCK
#define GROUPS ((int)BLOCK / 4)

/* A block of every key of a page: four codes of each position side by side, and its scale. */
typedef struct block_of_keys {
    int32_t code[GROUPS][P];
    float scale[P];
} block_of_keys;

static inline size_t row_bytes(size_t head_dim)
{
    return ergo__ceil_div(head_dim, BLOCK) * ERGO__KV_BLOCK_BYTES;
}

/* Scales of a block of all positions, `bytes` apart. */
static inline void load_scales(const unsigned char *block, size_t bytes, float scale[P])
{
    uint16_t half[P];
    for (size_t p = 0; p < P; p++)
        half[p] = ergo__load_u16(block + p * bytes);
    UNROLL
    for (size_t p = 0; p < P; p += LANES)
        vf_store(scale + p, v_of_f16(half + p));
}

/* Eight rows of eight integers to as many columns, P integers apart. */
static inline void transpose8(const unsigned char *rows, size_t bytes, int32_t *columns)
{
    __m256i a[8], b[8];
    UNROLL
    for (int i = 0; i < 8; i++)
        a[i] = _mm256_loadu_si256((const void *)(rows + (size_t)i * bytes));
    UNROLL
    for (int i = 0; i < 8; i += 2) {
        b[i] = _mm256_unpacklo_epi32(a[i], a[i + 1]);
        b[i + 1] = _mm256_unpackhi_epi32(a[i], a[i + 1]);
    }
    UNROLL
    for (int i = 0; i < 8; i += 4) {
        a[i] = _mm256_unpacklo_epi64(b[i], b[i + 2]);
        a[i + 1] = _mm256_unpackhi_epi64(b[i], b[i + 2]);
        a[i + 2] = _mm256_unpacklo_epi64(b[i + 1], b[i + 3]);
        a[i + 3] = _mm256_unpackhi_epi64(b[i + 1], b[i + 3]);
    }
    UNROLL
    for (int i = 0; i < 4; i++) {
        _mm256_storeu_si256((void *)(columns + (size_t)i * P),
                            _mm256_permute2x128_si256(a[i], a[i + 4], 0x20));
        _mm256_storeu_si256((void *)(columns + (size_t)(i + 4) * P),
                            _mm256_permute2x128_si256(a[i], a[i + 4], 0x31));
    }
}

static inline void load_keys(const unsigned char *block, size_t bytes, block_of_keys *out)
{
    load_scales(block, bytes, out->scale);
    for (size_t p = 0; p < P; p += 8)
        transpose8(block + 2 + p * bytes, bytes, &out->code[0][p]);
    UNROLL
    for (int i = 0; i < GROUPS; i++) {
        UNROLL
        for (size_t p = 0; p < P; p += LANES)
            v_store(&out->code[i][p], v_code(v_load(&out->code[i][p])));
    }
}

/* Lanes are positions: one block of a query and of all keys. */
static inline void add_scores(const block_of_keys *keys, const ergo__q8_block *q, float scores[P])
{
    const vi zero = v_all((q->sum[0] + q->sum[1]) * -CODE_ZERO);
    UNROLL
    for (size_t p = 0; p < P; p += LANES) {
        vi sum = zero;
        UNROLL
        for (int i = 0; i < GROUPS; i++)
            sum = v_dot4(sum, v_load(&keys->code[i][p]), q->q + 4 * i);
        const vf factor = vf_mul(vf_load(keys->scale + p), vf_all(q->d));
        vf_store(scores + p, vf_fma(factor, v_of_ints(sum), vf_load(scores + p)));
    }
}

/* Queries whose scores are summed while the keys are at hand. */
#define SCORED 16

void ERGO__KERNEL(scores_q8_0)(const void *keys, const void *query, size_t queries, size_t head_dim,
                               float scale, size_t first, size_t last, float *scores, size_t stride)
{
    const size_t bytes = row_bytes(head_dim), blocks = bytes / ERGO__KV_BLOCK_BYTES;
    const ergo__q8_block *q = query;
    for (size_t start = 0; start < queries; start += SCORED) {
        const size_t n = queries - start < SCORED ? queries - start : SCORED;
        float all[SCORED][P];
        memset(all, 0, n * sizeof *all);
        for (size_t b = 0; b < blocks; b++) {
            block_of_keys block;
            load_keys((const unsigned char *)keys + b * ERGO__KV_BLOCK_BYTES, bytes, &block);
            for (size_t j = 0; j < n; j++)
                add_scores(&block, q + (start + j) * blocks + b, all[j]);
        }
        for (size_t j = 0; j < n; j++)
            for (size_t p = first; p < last; p++)
                scores[(start + j) * stride + p - first] = all[j][p] * scale;
    }
}

/*
 * Lanes are elements: one block of every value into the `out` of each query, `out_stride` floats
 * apart. `weights`, P for each query, have been multiplied with the scales.
 */
ALWAYS_INLINE void mix_block(int queries, const unsigned char *block, size_t bytes,
                             const float *weights, size_t positions, float *out, size_t out_stride)
{
    for (int start = 0; start < (int)BLOCK; start += TOGETHER * LANES) {
        vf acc[QUERIES * TOGETHER];
        UNROLL
        for (int i = 0; i < queries * TOGETHER; i++)
            acc[i] =
                vf_load(out + (size_t)(i / TOGETHER) * out_stride + start + i % TOGETHER * LANES);
        for (size_t p = 0; p < positions; p++) {
            vf value[TOGETHER];
            UNROLL
            for (int c = 0; c < TOGETHER; c++)
                value[c] = v_of_ints(v_of_i8(block + p * bytes + 2 + start + c * LANES));
            UNROLL
            for (int j = 0; j < queries; j++) {
                const vf weight = vf_all(weights[(size_t)j * P + p]);
                UNROLL
                for (int c = 0; c < TOGETHER; c++)
                    acc[j * TOGETHER + c] = vf_fma(weight, value[c], acc[j * TOGETHER + c]);
            }
        }
        UNROLL
        for (int i = 0; i < queries * TOGETHER; i++)
            vf_store(out + (size_t)(i / TOGETHER) * out_stride + start + i % TOGETHER * LANES,
                     acc[i]);
    }
}

static void mix_blocks(size_t queries, const unsigned char *block, size_t bytes,
                       const float *weights, size_t positions, float *out, size_t out_stride)
{
    switch (queries) {
#define CALL(n) mix_block(n, block, bytes, weights, positions, out, out_stride)
        UP_TO_QUERIES(CALL)
#undef CALL
    }
}

void ERGO__KERNEL(mix_q8_0)(const void *values, const float *weights, size_t stride, size_t queries,
                            size_t head_dim, size_t first, size_t last, float *out)
{
    const size_t bytes = row_bytes(head_dim), share = even_share(queries), count = last - first;
    for (size_t start = 0; start < head_dim; start += BLOCK) {
        const unsigned char *block =
            (const unsigned char *)values + start / BLOCK * ERGO__KV_BLOCK_BYTES;
        float scale[P];
        load_scales(block, bytes, scale);
        for (size_t j = 0, n; j < queries; j += n) {
            float scaled[QUERIES][P];
            n = queries - j < share ? queries - j : share;
            for (size_t i = 0; i < n; i++)
                for (size_t p = 0; p < count; p++)
                    scaled[i][p] = weights[(j + i) * stride + p] * scale[first + p];
            float *to = out + j * head_dim + start;
            if (start + BLOCK <= head_dim) {
                mix_blocks(n, block + first * bytes, bytes, scaled[0], count, to, head_dim);
                continue;
            }
            float part[QUERIES][BLOCK] = {{0}};
            for (size_t i = 0; i < n; i++)
                memcpy(part[i], to + i * head_dim, (head_dim - start) * sizeof *to);
            mix_blocks(n, block + first * bytes, bytes, scaled[0], count, part[0], BLOCK);
            for (size_t i = 0; i < n; i++)
                memcpy(to + i * head_dim, part[i], (head_dim - start) * sizeof *to);
        }
    }
}
