/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_WHAT_IF_CHOICE_H
#define ERGO_TOOLS_WHAT_IF_CHOICE_H

#include "ergo/policy.h"
#include "tools/what_if.h"

/** What a policy chooses among the points of a list. */
typedef struct what_if_choice {
    char policy[64];     /**< as text */
    what_if_point point; /**< where tokens are computed */
    what_if_point other; /**< the other point of a mix */
    double other_part;   /**< of the tokens, at that one; 0 where one point is chosen */
    double ns_per_token; /**< means over the tokens */
    double uj_per_token;
    double watts;
    char reason[160];
    bool feasible;
} what_if_choice;

/** Chooses. Prompts are `context` tokens long. Failures are reported. */
tool_exit what_if_choose(const ergo_sim *sim, const ergo_policy *policy, ergo_phase phase,
                         uint32_t context, const what_if_list *list, what_if_choice *out);

/** The levels that a board opens with, which the policy `measure` leaves alone. */
tool_exit what_if_measure(const ergo_sim *sim, const what_if_step *step, what_if_choice *out);

#endif
