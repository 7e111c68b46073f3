/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_FRONTIER_H
#define ERGO_FRONTIER_H

#include "knob.h"

/*
 * An operating point is one level of every knob and what a token costs there, in time and energy.
 * The frontier of some work is what is worth choosing: points that no other one beats in both. Its
 * lower hull is what is worth mixing: running some tokens at one point and some at the next reaches
 * every (time, energy) on the line between them, so a point above such a line is beaten by a mix.
 * It runs from the fastest point to the one of least energy; whatever is slower is beaten.
 *
 * Everything here is pure: no clock, no memory of its own, any thread.
 */

#ifdef __cplusplus
extern "C" {
#endif

/** Where a point lies. */
typedef enum ergo_place {
    ERGO_PLACE_BEATEN = 0, /**< another point is at least as good in both, better in one */
    ERGO_PLACE_COOLER,   /**< beaten, but what is as fast draws more power: worth it under a cap */
    ERGO_PLACE_FRONTIER, /**< beaten by no point, but by a mix of two */
    ERGO_PLACE_HULL,     /**< beaten by nothing */
} ergo_place;

/** Time is that of one token of one sequence; energy that of a step over the tokens it computed. */
typedef struct ergo_point {
    uint8_t level[ERGO_KNOBS_MAX]; /**< of each knob, in the order of their list */
    uint64_t ns;                   /**< per token */
    uint64_t nj;                   /**< per token, in nanojoules */
    uint64_t ns_error;             /**< the truth is within +- this in 95 of 100 cases */
    uint64_t nj_error;             /**< likewise */
    uint32_t windows;              /**< times it was measured; 0: predicted from other points */
    uint32_t age_s;                /**< seconds since it was measured last */
    ergo_place place;              /**< set by ergo_frontier_sort */
} ergo_point;

/** Mean power at a point, in microwatts. */
uint64_t ergo_point_uw(const ergo_point *point);

/**
 * Sorts points in place: first the frontier, fastest first and so most energy first, then those
 * that are only cooler, then the rest, each in the order of time; sets `place` of all. Points
 * without time or energy are beaten. Of equal points the one measured more often is kept. Returns
 * how many are on the frontier; `*cooler`, unless NULL, is how many follow that are only cooler.
 */
uint32_t ergo_frontier_sort(ergo_point *points, uint32_t count, uint32_t *cooler);

/**
 * Why a point of a sorted frontier is on it, in words: "fastest", "least energy", "memory-bound: a
 * higher clock gains 2 % speed for 11 % energy". `knobs`, which may be NULL, are those of the
 * levels. Cut to `size` bytes with NUL; returns the length that was written.
 */
size_t ergo_frontier_reason(const ergo_point *frontier, uint32_t count, uint32_t i,
                            const ergo_knob *knobs, uint32_t knob_count, char *text, size_t size);

/**
 * What to run: `a`, or so many tokens in a million at `b`, the next slower point of the hull, and
 * the rest at `a`. Time and energy are means over the tokens.
 */
typedef struct ergo_mix {
    uint32_t a; /**< indices into the frontier */
    uint32_t b; /**< a when it is one point */
    uint32_t b_ppm;
    uint64_t ns;
    uint64_t nj;
} ergo_mix;

/**
 * The mix of a sorted frontier of least energy whose mean time is at most `ns`; the fastest point
 * where none is, and then false.
 */
bool ergo_frontier_at_ns(const ergo_point *frontier, uint32_t count, uint64_t ns, ergo_mix *out);

/**
 * The fastest mix whose mean energy is at most `nj`; the point of least energy where none is, and
 * then false.
 */
bool ergo_frontier_at_nj(const ergo_point *frontier, uint32_t count, uint64_t nj, ergo_mix *out);

/* ---- Work made of parts: the phases of a request, the requests of a robot ------------------- */

#define ERGO_PARTS_MAX 16

/** A part: so many tokens, each at some mix of its own frontier. */
typedef struct ergo_part {
    const ergo_point *frontier; /**< sorted */
    uint32_t count;
    uint64_t tokens;
    ergo_mix mix; /**< set by ergo_parts_split */
} ergo_part;

/**
 * Chooses a mix for every part so that all of them, one after the other, take at most `limit_ns`
 * (UINT64_MAX: no limit) and the least energy: slack is spent where a second saves most joules.
 * That is exact, since hulls are convex: segments are taken in the order of joules per second.
 * Returns what all cost together. False, and the fastest of everything, when even that is too slow;
 * also for more than ERGO_PARTS_MAX parts or an empty frontier.
 */
bool ergo_parts_split(ergo_part *parts, uint32_t count, uint64_t limit_ns, uint64_t *total_ns,
                      uint64_t *total_nj);

/** A whole: what all parts together may cost. */
typedef struct ergo_whole {
    uint64_t ns;
    uint64_t nj;
} ergo_whole;

/**
 * The hull of the parts together, fastest first: its corners are the wholes at which one part
 * reaches a point of its own hull. Writes up to `room` and returns how many there are.
 */
uint32_t ergo_parts_hull(const ergo_part *parts, uint32_t count, ergo_whole *out, uint32_t room);

#ifdef __cplusplus
}
#endif
#endif
