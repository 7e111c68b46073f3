/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_WHAT_IF_H
#define ERGO_TOOLS_WHAT_IF_H

#include "ergo/model.h"
#include "ergo/sim.h"
#include "tools/args.h"
#include "tools/tool.h"

/* Every way to do the same work on a simulated board, and which of them are worth choosing. */

/** A step of so many sequences. */
typedef struct what_if_step {
    uint32_t batch;
    uint64_t tokens; /**< of all sequences together */
    ergo_work work;
} what_if_step;

/** The step done at one operating point. */
typedef struct what_if_point {
    uint32_t levels[ERGO_KNOBS_MAX]; /**< of the board's knobs */
    uint32_t batch;
    double ns_per_token;
    double uj_per_token;
    double watts;
    bool on_frontier; /**< no other point is better in one and as good in the other */
} what_if_point;

/** Points, the fastest per token first. Zeroed is empty. */
typedef struct what_if_list {
    what_if_point *points;
    size_t count;
} what_if_list;

/** A decode of one token for each sequence, whose contexts are all this long. */
what_if_step what_if_decode(const ergo_model *model, uint32_t batch, uint32_t context);

/** The first chunk of a prompt of each sequence: up to 256 tokens, at most the context. */
what_if_step what_if_prefill(const ergo_model *model, uint32_t batch, uint32_t context);

/** Bytes from memory of a step. */
uint64_t what_if_bytes(const ergo_work *work);

/** Every operating point of the board with every one of these steps. Failures are reported. */
tool_exit what_if_all(const ergo_sim *sim, const what_if_step *steps, uint32_t count,
                      what_if_list *out);
void what_if_free(what_if_list *list);

#endif
