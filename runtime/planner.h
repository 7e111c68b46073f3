/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_RUNTIME_PLANNER_H
#define ERGO_RUNTIME_PLANNER_H

#include "runtime/base/arena.h"
#include "runtime/plan.h"

/**
 * Builds a plan. The family's code runs twice over it: first to count (`steps` NULL), then to fill
 * the arrays that were taken from the arena. Each call below appends a step and returns the value
 * it makes, so that a family reads like the formula.
 */
typedef struct ergo__planner {
    ergo__step *steps;
    ergo__value *values;
    size_t step_count;
    size_t value_count;
    uint32_t layer; /* of the steps that follow; set by the family */
} ergo__planner;

ergo__value_id ergo__plan_embed(ergo__planner *planner, ergo__weight table, float scale);
ergo__value_id ergo__plan_angles(ergo__planner *planner, const ergo__rope *rope, uint32_t rotated);
ergo__value_id ergo__plan_norm(ergo__planner *planner, ergo__value_id in, uint32_t columns,
                               uint32_t group, const float *gain, float epsilon);
ergo__value_id ergo__plan_rope(ergo__planner *planner, ergo__value_id in, ergo__value_id angles,
                               uint32_t heads, uint32_t head_dim, uint32_t rotated, bool neox);
void ergo__plan_store(ergo__planner *planner, ergo__value_id keys, ergo__value_id values,
                      uint32_t kv_heads, uint32_t head_dim);
ergo__value_id ergo__plan_attend(ergo__planner *planner, ergo__value_id queries, uint32_t heads,
                                 uint32_t kv_heads, uint32_t head_dim, float scale,
                                 uint32_t window);
ergo__value_id ergo__plan_glu(ergo__planner *planner, ergo__value_id gate, ergo__value_id up,
                              uint32_t columns, ergo__activation activation);
ergo__value_id ergo__plan_add(ergo__planner *planner, ergo__value_id a, ergo__value_id b,
                              uint32_t columns, float scale);
ergo__value_id ergo__plan_select(ergo__planner *planner, ergo__value_id in, uint32_t columns);
ergo__value_id ergo__plan_scale(ergo__planner *planner, ergo__value_id in, uint32_t columns,
                                float scale);

/** One to three products of the same input, as one step. `bias[i]` may be NULL. */
void ergo__plan_matmul(ergo__planner *planner, ergo__value_id in, size_t count,
                       const ergo__weight *weights, const float *const *bias, ergo__value_id *out);

/**
 * Turns the filled planner into a plan: finds each value's last reader and places the values so
 * that those alive at the same time do not overlap. Fails with ERGO_E_LIMIT for more steps or
 * values than ids.
 */
ergo_status ergo__plan_finish(ergo__planner *planner, const ergo__kv_shape *kv, uint32_t layers,
                              ergo__plan *plan);

#endif
