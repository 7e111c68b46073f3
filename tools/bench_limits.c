/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/bench_limits.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/parallel.h"
#include "tools/tool.h"

#define READ_BYTES ((size_t)256 << 20)
#define PASSES 5
#define DOT_BYTES 8192u
#define DOT_ROUNDS 20000u

/* What the threads work on. Results are summed up so that no compiler drops the work. */
typedef struct load {
    const uint64_t *words;
    size_t count;
    _Atomic uint64_t result;
} load;

static void read_words(void *user, uint32_t i, uint32_t count)
{
    load *shared = user;
    const uint64_t *words = shared->words + shared->count / count * i;
    uint64_t sum[8] = {0};
    for (size_t at = 0; at + 8 <= shared->count / count; at += 8) {
        for (size_t k = 0; k < 8; k++)
            sum[k] += words[at + k];
    }
    shared->result += sum[0] + sum[1] + sum[2] + sum[3] + sum[4] + sum[5] + sum[6] + sum[7];
}

static void multiply_bytes(void *user, uint32_t i, uint32_t count)
{
    load *shared = user;
    int8_t a[DOT_BYTES], b[DOT_BYTES];
    uint64_t total = 0;
    (void)count;
    for (size_t k = 0; k < DOT_BYTES; k++) {
        a[k] = (int8_t)((k + i) * 7 & 0x7f);
        b[k] = (int8_t)(k * 13 & 0x7f);
    }
    for (uint32_t round = 0; round < DOT_ROUNDS; round++) {
        int32_t sum = 0;
        for (size_t k = 0; k < DOT_BYTES; k++)
            sum += (int32_t)a[k] * (int32_t)b[k];
        total += (uint64_t)sum;
        a[round % DOT_BYTES] ^= 1; /* no two rounds are the same work */
    }
    shared->result += total;
}

/* The shortest of a few passes, in seconds. */
static double shortest(uint32_t threads, void (*work)(void *, uint32_t, uint32_t), load *shared)
{
    double best = INFINITY;
    for (int pass = 0; pass < PASSES; pass++) {
        const double start = tool_seconds();
        parallel_run(threads, work, shared);
        best = fmin(best, tool_seconds() - start);
    }
    return best;
}

bench_limits bench_limits_measure(uint32_t threads)
{
    bench_limits limits = {.read_gb_per_s = NAN};
    uint64_t *words = malloc(READ_BYTES);
    load shared = {.words = words, .count = READ_BYTES / sizeof *words};
    if (words != NULL) { /* a small board may not have that much to spare */
        memset(words, 1, READ_BYTES);
        limits.read_gb_per_s = (double)READ_BYTES * 1e-9 / shortest(threads, read_words, &shared);
    }
    free(words);
    limits.int8_gops = 2e-9 * DOT_BYTES * DOT_ROUNDS * (double)threads /
                       shortest(threads, multiply_bytes, &shared);
    return limits;
}
