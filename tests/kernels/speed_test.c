/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "backends/cpu/features.h"
#include "backends/cpu/packed.h"
#include "tests/kernels/kernel_checks.h"
#include "tests/kernels/kernel_speeds.h"
#include "tools/bench_limits.h"

/*
 * How fast each kernel of the list is. As a test: each can be timed. With --bench [NAME] [--flags
 * LIST] the times are shown, of kernels whose name contains NAME, with the CPU features of the
 * list, beside plain C and the limits of the machine. Nothing here fails for being slow.
 */

typedef struct kernel {
    const char *name;
    kernel_call (*function)(const ergo__cpu_kernels *k, uint64_t rounds); /* NULL for a matmul */
    ergo_type type;
    bool packed;
} kernel;

static const kernel kernels[] = {
#define ERGO__FUNCTION(result, name, parameters) {#name, speed_##name, ERGO_TYPE_F32, false},
#include "backends/cpu/kernels.inc"
#define ERGO__MATMUL(TYPE, name, FORM) {"matmul_" #name, NULL, ERGO_TYPE_##TYPE, false},
#include "backends/cpu/kernels.inc"
#define ERGO__PACKED(TYPE, name) {"packed_" #name, NULL, ERGO_TYPE_##TYPE, true},
#include "backends/cpu/kernels.inc"
};

#define KERNELS (sizeof kernels / sizeof *kernels)

static uint64_t start_seed(void)
{
    const char *given = getenv("ERGO_TEST_SEED");
    const uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    check_seed(seed);
    return seed;
}

static kernel_call call(const kernel *what, const ergo__cpu_kernels *k, size_t tokens,
                        uint64_t rounds)
{
    return what->function ? what->function(k, rounds)
                          : speed_matmul(k, what->type, what->packed, tokens, rounds);
}

static void every_kernel_can_be_timed(void **state)
{
    (void)state;
    ergo__cpu_kernels table;
    uint32_t features = 0;
    print_message("ERGO_TEST_SEED=%llu\n", (unsigned long long)start_seed());
    assert_int_equal(ergo__cpu_features_detect(NULL, NULL, &features), ERGO_OK);
    ergo__cpu_kernels_fill(features, &table);
    for (size_t i = 0; i < KERNELS; i++)
        assert_true(call(&kernels[i], &table, 3, 1).bytes > 0);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Nanoseconds of one call: what more rounds take beyond none, which is the filling; the best of 5.
 */
static double time_call(const kernel *what, const ergo__cpu_kernels *k, size_t tokens)
{
    uint64_t rounds = 1;
    double best = 0;
    for (int pass = 0; pass < 5;) {
        const double before = seconds();
        call(what, k, tokens, 0);
        const double filled = seconds();
        call(what, k, tokens, rounds);
        const double took = (seconds() - filled) - (filled - before);
        if (took < 0.004) {
            rounds *= 2;
            continue;
        }
        const double ns = took / (double)rounds * 1e9;
        best = pass++ == 0 || ns < best ? ns : best;
    }
    return best;
}

static void show(const kernel *what, const ergo__cpu_kernels *k, const ergo__cpu_kernels *c,
                 size_t tokens, const bench_limits *limits)
{
    char name[64];
    const kernel_call did = call(what, k, tokens, 0);
    const double ns = time_call(what, k, tokens);
    if (what->function)
        (void)snprintf(name, sizeof name, "%s", what->name);
    else
        (void)snprintf(name, sizeof name, "%s x %zu", what->name, tokens);
    (void)printf("%-20s %10.0f %8.2f ", name, ns, did.bytes / ns);
    if (did.ops > 0)
        (void)printf("%8.1f ", did.ops / ns);
    else
        (void)printf("%8s ", "");
    if (!what->function)
        (void)printf("%5.1f%% ", 100 * did.ops / ns / limits->int8_gops);
    else
        (void)printf("%6s ", "");
    (void)printf("%8.1f\n", time_call(what, c, tokens) / ns);
}

static int bench(const char *part, const char *flags)
{
    static const size_t tokens[] = {1, 4, ERGO__TILE_TOKENS};
    ergo__cpu_kernels table, c;
    uint32_t features = 0;
    char text[ERGO__CPU_FEATURES_TEXT];
    if (ergo__cpu_features_detect(NULL, flags, &features) != ERGO_OK) {
        (void)fprintf(stderr, "--flags %s: no such feature\n", flags);
        return 2;
    }
    ergo__cpu_kernels_fill(0, &c);
    ergo__cpu_kernels_fill(features, &table);
    ergo__cpu_features_text(features, text);
    const bench_limits limits = bench_limits_measure(1, text);
    (void)printf("%s; seed %llu; one thread: memory reads %.1f GB/s, int8 %.0f Gop/s (%s)\n", text,
                 (unsigned long long)start_seed(), limits.read_gb_per_s, limits.int8_gops,
                 limits.int8_with);
    (void)printf("%-20s %10s %8s %8s %6s %8s\n", "kernel", "ns", "GB/s", "Gop/s", "peak",
                 "x plain C");
    for (size_t i = 0; i < KERNELS; i++) {
        if (part && !strstr(kernels[i].name, part))
            continue;
        for (size_t t = 0; t < (kernels[i].function ? 1 : sizeof tokens / sizeof *tokens); t++)
            show(&kernels[i], &table, &c, tokens[t], &limits);
    }
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_kernel_can_be_timed)};
    const char *part = NULL, *flags = NULL;
    if (argc < 2)
        return cmocka_run_group_tests(tests, NULL, NULL);
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--flags") == 0 && i + 1 < argc)
            flags = argv[++i];
        else
            part = argv[i];
    }
    if (strcmp(argv[1], "--bench") == 0)
        return bench(part, flags);
    (void)fprintf(stderr, "usage: %s [--bench [NAME] [--flags LIST]]\n", argv[0]);
    return 2;
}
