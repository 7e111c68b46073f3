/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_CPU_ATTENTION_H
#define ERGO_CPU_ATTENTION_H

/*
 * What kernels of attention over pages (runtime/kv.h) share, for the vectors that were included
 * before. What is converted of a page serves several queries: up to QUERIES, which is 4 or 8.
 */
#include <math.h>

#include "backends/cpu/kernels.h"
#include "runtime/backend.h"
#include "runtime/base/bits.h"
#include "runtime/base/checked.h"

#define P ERGO__PAGE_POSITIONS

/* Vectors of positions (or of elements of a value) that are computed together for several queries:
 * enough sums to hide the latency of adding, few enough to stay in registers. */
#define TOGETHER 2

/* CALL for a number of queries that is then a constant. */
#define CASE(n, CALL)                                                                              \
    case n:                                                                                        \
        CALL(n);                                                                                   \
        break;
#define UP_TO_4(CALL) CASE(1, CALL) CASE(2, CALL) CASE(3, CALL) CASE(4, CALL)
#if QUERIES == 8
#define UP_TO_QUERIES(CALL) UP_TO_4(CALL) CASE(5, CALL) CASE(6, CALL) CASE(7, CALL) CASE(8, CALL)
#else
#define UP_TO_QUERIES(CALL) UP_TO_4(CALL)
#endif

/* Queries of each of the fewest groups, of about the same size. */
static inline size_t even_share(size_t queries)
{
    return ergo__ceil_div(queries, ergo__ceil_div(queries, QUERIES));
}

#endif
