/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TESTS_KERNEL_CHECKS_H
#define ERGO_TESTS_KERNEL_CHECKS_H

#include "backends/cpu/kernels.h"
#include "tests/fakes/guarded.h"

/*
 * One check for every kernel of the list that is no matmul: check_NAME compares it, as a table has
 * it, with its definition computed one element at a time. The declarations come from the list, so
 * that a kernel without a check does not link.
 */
#define ERGO__FUNCTION(result, name, parameters) void check_##name(const ergo__cpu_kernels *k);
#include "backends/cpu/kernels.inc"

/** Memory of `count` objects that ends at a page that may not be touched. */
#define CHECK_TAKE(g, type, count) ((type *)check_take((g), (count) * sizeof(type)))
void *check_take(guarded *g, size_t bytes);

/** Seeds the random numbers, which go on through all checks. */
void check_seed(uint64_t seed);
uint64_t check_random(void);

/**
 * Fills with random floats of the kind: 0 around 1, 1 of all magnitudes, 2 with zeros, subnormals,
 * infinities, NaN and the largest among them.
 */
#define CHECK_KINDS 3
void check_fill(float *x, size_t n, int kind);

/**
 * Where the table has NEON of 32-bit ARM, which takes subnormals for zeros, makes them zeros: the
 * one exception to equal bits.
 */
void check_flush(const ergo__cpu_kernels *k, float *x, size_t n);

/** Equal bits, but that one NaN is like another. */
void check_same(const char *what, const float *a, const float *b, size_t n);

/** Sum of 16 lanes as lanes.h and the design say it, written out. */
float check_tree(const float lane[16]);

#endif
