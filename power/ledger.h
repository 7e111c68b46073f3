/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_POWER_LEDGER_H
#define ERGO_POWER_LEDGER_H

#include "ergo/account.h"
#include "runtime/base/arena.h"

/*
 * What a phase or a request has cost so far.
 *
 * The error of a hundred steps in a row is not a hundred times that of one: what one step loses at
 * its edge the next one gets. So steps that follow each other are kept as a span, whose error is
 * asked for as one window, when it is over.
 */
typedef struct ergo__span {
    uint64_t begin_ns;
    uint64_t end_ns;
    int64_t uj; /* of the window, what belongs to this ledger */
    uint64_t ns;
} ergo__span;

typedef struct ergo__ledger {
    int64_t uj;
    uint64_t ns;
    uint64_t prefill_tokens;
    uint64_t decode_tokens;
    /* Of the spans that are over: */
    double random2; /* squared error, uJ^2 */
    double gain_uj;
    double covered_ns;
    uint64_t readings;
    uint32_t flags;
    ergo__span span; /* the present one; empty when begin equals end */
} ergo__ledger;

/** Adds a part of a window. */
void ergo__ledger_add(ergo__ledger *ledger, ergo_meter *meter, uint32_t sensor, uint64_t begin_ns,
                      uint64_t end_ns, int64_t uj, uint64_t ns);

/** Adds all of another ledger. */
void ergo__ledger_join(ergo__ledger *ledger, const ergo__ledger *other, ergo_meter *meter,
                       uint32_t sensor);

/** What it amounts to. */
void ergo__ledger_get(const ergo__ledger *ledger, ergo_meter *meter, uint32_t sensor,
                      ergo_energy *out);

/** The idle power: given, or the least mean of the long idle windows. */
typedef struct ergo__idle {
    uint64_t given_uw;
    uint64_t measured_uw;
    bool measured;
} ergo__idle;

/** Learns from an idle window, when it is long enough to say something. */
void ergo__idle_learn(ergo__idle *idle, ergo_meter *meter, uint32_t sensor, uint64_t begin_ns,
                      uint64_t end_ns);

bool ergo__idle_get(const ergo__idle *idle, uint64_t *idle_uw);

#endif
