/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_POWER_TRACK_H
#define ERGO_POWER_TRACK_H

#include "ergo/meter.h"
#include "runtime/base/arena.h"

/*
 * The history of one sensor of power or energy: readings in, energy of windows out (meter.h says
 * by what rules). It knows neither clock nor thread.
 */

/** Whether sensors of a quantity have no energy: they are shown and no more. */
static inline bool ergo__quantity_is_shown_only(ergo_quantity quantity)
{
    return quantity != ERGO_QUANTITY_POWER && quantity != ERGO_QUANTITY_ENERGY;
}

/** A run of equal readings. Times are those that the readings belong to, not when they were made.
 */
typedef struct ergo__run {
    uint64_t begin_ns;
    uint64_t end_ns;  /* until when the value is known to have held; then a line to the next run */
    int64_t value;    /* uW; for counters the unwrapped uJ */
    int64_t begin_nj; /* cumulative energy at begin_ns */
    double variance;  /* cumulative, of what is not known between readings, in uJ^2 */
    uint64_t gap_ns;  /* cumulative time before begin_ns that no reading covers */
    double gap_uj;    /* cumulative error of it, 95 % */
    uint32_t flags;   /* ERGO_ENERGY_..., of the line that ends at begin_ns */
} ergo__run;

/** Marks of a track: enough for an hour at 16 s. */
#define ERGO__TRACK_MARKS 256u

/** Differences and intervals that noise and period are judged by. */
#define ERGO__TRACK_RECENT 64u

typedef struct ergo__track {
    ergo_sensor_info info;
    double scale;    /* of readings, for a shunt that is not what the driver thinks */
    ergo__run *runs; /* ring of `capacity` */
    uint32_t capacity;
    uint64_t count; /* runs ever begun; run i lies at i mod capacity */

    ergo__run *marks;    /* of runs that the ring has forgotten: the first one ever, then some */
    uint32_t mark_count; /* at most ERGO__TRACK_MARKS */
    uint32_t mark_flags; /* of the lines since the last mark */
    uint64_t mark_ns;    /* least time between two */

    int64_t raw;           /* last reading of a counter, before unwrapping */
    uint64_t seen_ns;      /* when the last reading was made */
    uint64_t changed_ns;   /* when the present value was first read */
    bool jumped;           /* the clock has, since the last reading */
    uint64_t suspended_ns; /* of the clock, then */
    uint32_t pending;      /* flags for the next line */

    uint32_t interval[ERGO__TRACK_RECENT]; /* us between changes */
    uint64_t changes;                      /* ever; the last ones are kept */
    uint32_t prompt;                       /* of them, no later than the stated period */
    int64_t step[ERGO__TRACK_RECENT];      /* |difference| of neighbouring conversions */
    uint64_t steps;                        /* ever; the last ones are kept */
    uint64_t stepped_ns;                   /* when the last conversion was counted */
    uint32_t period_us;                    /* detected or stated */
    uint32_t sample_us;                    /* planned time between two calls of add */
    double noise;                          /* standard deviation of a reading, in its unit */
} ergo__track;

/** Lays out a track that remembers `capacity` runs, and marks of what was before. */
void ergo__track_layout(ergo__track *track, ergo__arena *arena, uint32_t capacity);

/** Begins with no reading. `layout` has given it its runs. */
void ergo__track_begin(ergo__track *track, const ergo_sensor *sensor);

/**
 * A reading made at `now_ns` (the middle of asking and being answered) on a clock that has been
 * suspended for `suspended_ns`. Returns whether it was a new value.
 */
bool ergo__track_add(ergo__track *track, const ergo_reading *reading, uint64_t now_ns,
                     uint64_t suspended_ns);

/** An attempt to read failed: the next line is flagged. */
void ergo__track_fail(ergo__track *track);

/** The clock jumped: what was drawn until the next reading is not known. */
void ergo__track_jump(ergo__track *track);

/** Readings further apart than this leave a gap. */
uint64_t ergo__track_gap_ns(const ergo__track *track);

/** Whether there is a reading at all. */
bool ergo__track_any(const ergo__track *track);

/** Up to when the energy is known. */
uint64_t ergo__track_known_ns(const ergo__track *track);

/** The present power: the last reading, scaled; for counters that of their last line. */
int64_t ergo__track_power_uw(const ergo__track *track);

/**
 * The energy between two moments, with `error_uj` not rounded yet and its part that comes from the
 * tolerance of the scale apart, so that sensors can be added up.
 */
typedef struct ergo__window {
    ergo_energy energy; /* but for error_uj */
    double random_uj;   /* 95 % */
    double gain_uj;
} ergo__window;

void ergo__track_between(const ergo__track *track, uint64_t begin_ns, uint64_t end_ns,
                         ergo__window *out);

/** ---- track_noise.c ---- */

/** Notes a reading that differs by `difference` from the one before; judges period and noise anew.
 */
void ergo__track_learn(ergo__track *track, int64_t difference, uint64_t now_ns);

/** Whether the value has stayed the same for suspiciously long. */
bool ergo__track_is_stuck(const ergo__track *track, uint64_t now_ns);

#endif
