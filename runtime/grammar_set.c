/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/grammar_set.h"

#include "runtime/grammar_utf8.h"

/* Heap sort by first character: no recursion, no bad case. */
static void sift(ergo__grammar_range *set, uint32_t i, uint32_t count)
{
    for (;;) {
        uint32_t largest = 2 * i + 1;
        if (largest >= count)
            return;
        if (largest + 1 < count && set[largest + 1].first > set[largest].first)
            largest++;
        if (set[largest].first <= set[i].first)
            return;
        const ergo__grammar_range t = set[i];
        set[i] = set[largest];
        set[largest] = t;
        i = largest;
    }
}

static void sort(ergo__grammar_range *set, uint32_t count)
{
    for (uint32_t i = count / 2; i-- > 0;)
        sift(set, i, count);
    for (uint32_t rest = count; rest-- > 1;) {
        const ergo__grammar_range t = set[0];
        set[0] = set[rest];
        set[rest] = t;
        sift(set, 0, rest);
    }
}

static uint32_t merge(ergo__grammar_range *set, uint32_t count)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (kept != 0 && set[i].first <= set[kept - 1].last + 1) {
            if (set[i].last > set[kept - 1].last)
                set[kept - 1].last = set[i].last;
        } else {
            set[kept++] = set[i];
        }
    }
    return kept;
}

/* The gaps between ascending, disjoint ranges. Gap i ends before range i, so that it can be
 * written over range i once that has been read. */
static uint32_t complement(ergo__grammar_range *set, uint32_t count)
{
    uint32_t kept = 0, next = 0;
    for (uint32_t i = 0; i < count; i++) {
        const ergo__grammar_range range = set[i];
        if (range.first > next)
            set[kept++] = (ergo__grammar_range){next, range.first - 1};
        next = range.last + 1;
    }
    if (next <= ERGO__CODE_POINT_MAX)
        set[kept++] = (ergo__grammar_range){next, ERGO__CODE_POINT_MAX};
    return kept;
}

uint32_t ergo__set_normalize(ergo__grammar_range *set, uint32_t count, bool negated)
{
    const ergo__grammar_range surrogates = {0xd800u, 0xdfffu};
    sort(set, count);
    count = merge(set, count);
    /* Leaving out the surrogates is adding them to the complement. */
    if (!negated)
        count = complement(set, count);
    set[count++] = surrogates;
    sort(set, count);
    return complement(set, merge(set, count));
}

bool ergo__set_meets(const ergo__grammar_range *set, uint32_t count, uint32_t first, uint32_t last)
{
    uint32_t low = 0, high = count; /* the first range that does not end before `first` */
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (set[middle].last < first)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && set[low].first <= last;
}
