/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_RUNTIME_STEP_WORK_H
#define ERGO_RUNTIME_STEP_WORK_H

#include "ergo/model.h"
#include "runtime/plan.h"

/** What a batch looks like to the cost of a step. */
typedef struct ergo__load {
    uint32_t tokens;
    uint32_t outputs;
    uint64_t context; /* positions before and including the token, summed over the tokens */
    ergo_kv_type kv;
} ergo__load;

/** The work of one step: what it must multiply and read at least. Weights count once. */
ergo_work ergo__step_work(const ergo__plan *plan, const ergo__step *step, const ergo__load *load);

/** The same, summed over the plan. */
ergo_work ergo__plan_work(const ergo__plan *plan, const ergo__load *load);

#endif
