/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/bench_limits.h"

#include <math.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "tools/bench_int8.h"
#include "tools/parallel.h"
#include "tools/tool.h"

#define READ_BYTES ((size_t)256 << 20)
#define READ_PASSES 24
#define INT8_PASSES 5
#define INT8_SECONDS 0.03 /* of a pass: longer than it takes a clock to rise */

/* A cache line, summed with the widest instructions of the build. */
typedef uint64_t line __attribute__((vector_size(64)));

/* What the threads work on. Results are summed up so that no compiler drops the work. */
typedef struct load {
    const line *lines;
    size_t count;
    size_t streams; /* that each thread reads side by side */
    const bench_int8 *way;
    uint64_t rounds;
    _Atomic uint64_t result;
} load;

static void read_lines(void *user, uint32_t i, uint32_t count)
{
    load *shared = user;
    const size_t part = shared->count / count / shared->streams;
    const line *lines = shared->lines + part * shared->streams * i;
    line sum[4] = {{0}};
    for (size_t at = 0; at + 4 <= part; at += 4)
        for (size_t stream = 0; stream < shared->streams; stream++)
            for (size_t k = 0; k < 4; k++)
                sum[k] += lines[part * stream + at + k];
    sum[0] += sum[1] + sum[2] + sum[3];
    shared->result += sum[0][0] + sum[0][7];
}

static void multiply(void *user, uint32_t i, uint32_t count)
{
    const load *shared = user;
    (void)i;
    (void)count;
    shared->way->run(shared->rounds);
}

static double seconds_of(uint32_t threads, void (*work)(void *, uint32_t, uint32_t), load *shared)
{
    const double start = tool_seconds();
    parallel_run(threads, work, shared);
    return tool_seconds() - start;
}

/* One stream is best for some memories, two for others. */
static double measure_reading(uint32_t threads)
{
    line *lines =
        mmap(NULL, READ_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (lines == MAP_FAILED)
        return NAN; /* a small board may not have that much to spare */
    (void)madvise(lines, READ_BYTES, MADV_HUGEPAGE);
    memset(lines, 1, READ_BYTES);
    load shared = {.lines = lines, .count = READ_BYTES / sizeof *lines};
    double best = INFINITY;
    for (size_t pass = 0; pass < READ_PASSES; pass++) {
        shared.streams = 1 + pass % 2;
        best = fmin(best, seconds_of(threads, read_lines, &shared));
    }
    (void)munmap(lines, READ_BYTES);
    return (double)READ_BYTES * 1e-9 / best;
}

static double measure_int8(uint32_t threads, const bench_int8 *way)
{
    load shared = {.way = way, .rounds = 1};
    while (seconds_of(1, multiply, &shared) < INT8_SECONDS)
        shared.rounds *= 2;
    double best = INFINITY;
    for (int pass = 0; pass < INT8_PASSES; pass++)
        best = fmin(best, seconds_of(threads, multiply, &shared));
    return 2e-9 * (double)way->macs * (double)shared.rounds * (double)threads / best;
}

bench_limits bench_limits_measure(uint32_t threads, const char *features)
{
    const bench_int8 *way = bench_int8_best(features);
    return (bench_limits){
        .threads = threads,
        .read_gb_per_s = measure_reading(threads),
        .int8_gops = measure_int8(threads, way),
        .int8_with = way->name,
    };
}
