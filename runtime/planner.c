/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/planner.h"

#include "runtime/base/checked.h"

/* Values start on a multiple of this many floats, so that each row block is on a cache line. */
#define VALUE_ALIGN 16u

/* More values than this alive at once would mean a plan unlike any transformer's. */
#define ALIVE_MAX 32u

static ergo__value_id new_value(ergo__planner *planner, uint32_t columns, bool outputs)
{
    const size_t id = planner->value_count++;
    if (planner->values && id < ERGO__NO_VALUE)
        planner->values[id] = (ergo__value){.columns = columns, .outputs = outputs};
    return id < ERGO__NO_VALUE ? (ergo__value_id)id : ERGO__NO_VALUE;
}

/* Columns and rows of a value, known in the filling pass only. */
static ergo__value value_of(const ergo__planner *planner, ergo__value_id id)
{
    if (!planner->values || id == ERGO__NO_VALUE)
        return (ergo__value){0};
    return planner->values[id];
}

static void append(ergo__planner *planner, ergo__step step)
{
    const size_t index = planner->step_count++;
    step.layer = planner->layer;
    if (planner->steps)
        planner->steps[index] = step;
}

/* A step with at most two inputs and one output of `columns`. */
static ergo__value_id append_value(ergo__planner *planner, ergo__step step, ergo__value_id a,
                                   ergo__value_id b, uint32_t columns, bool outputs)
{
    const ergo__value_id out = new_value(planner, columns, outputs);
    step.in[0] = a;
    step.in[1] = b;
    step.out[0] = out;
    step.out[1] = step.out[2] = ERGO__NO_VALUE;
    append(planner, step);
    return out;
}

ergo__value_id ergo__plan_embed(ergo__planner *planner, ergo__weight table, float scale)
{
    const ergo__step step = {.op = ERGO__OP_EMBED, .weight = {table}, .scale = scale};
    return append_value(planner, step, ERGO__NO_VALUE, ERGO__NO_VALUE, table.columns, false);
}

ergo__value_id ergo__plan_angles(ergo__planner *planner, const ergo__rope *rope, uint32_t rotated)
{
    const ergo__step step = {.op = ERGO__OP_ANGLES, .rope = rope, .rotated = rotated};
    return append_value(planner, step, ERGO__NO_VALUE, ERGO__NO_VALUE, rotated, false);
}

ergo__value_id ergo__plan_norm(ergo__planner *planner, ergo__value_id in, uint32_t columns,
                               uint32_t group, const float *gain, float epsilon)
{
    const ergo__step step = {.op = ERGO__OP_NORM, .group = group, .gain = gain, .epsilon = epsilon};
    return append_value(planner, step, in, ERGO__NO_VALUE, columns, value_of(planner, in).outputs);
}

ergo__value_id ergo__plan_rope(ergo__planner *planner, ergo__value_id in, ergo__value_id angles,
                               uint32_t heads, uint32_t head_dim, uint32_t rotated, bool neox)
{
    const ergo__step step = {
        .op = ERGO__OP_ROPE, .group = head_dim, .heads = heads, .rotated = rotated, .neox = neox};
    return append_value(planner, step, in, angles, heads * head_dim, false);
}

void ergo__plan_store(ergo__planner *planner, ergo__value_id keys, ergo__value_id values,
                      uint32_t kv_heads, uint32_t head_dim)
{
    append(planner, (ergo__step){.op = ERGO__OP_STORE,
                                 .in = {keys, values},
                                 .out = {ERGO__NO_VALUE, ERGO__NO_VALUE, ERGO__NO_VALUE},
                                 .kv_heads = kv_heads,
                                 .group = head_dim});
}

ergo__value_id ergo__plan_attend(ergo__planner *planner, ergo__value_id queries, uint32_t heads,
                                 uint32_t kv_heads, uint32_t head_dim, float scale, uint32_t window)
{
    const ergo__step step = {.op = ERGO__OP_ATTEND,
                             .heads = heads,
                             .kv_heads = kv_heads,
                             .group = head_dim,
                             .scale = scale,
                             .window = window};
    return append_value(planner, step, queries, ERGO__NO_VALUE, heads * head_dim, false);
}

ergo__value_id ergo__plan_glu(ergo__planner *planner, ergo__value_id gate, ergo__value_id up,
                              uint32_t columns, ergo__activation activation)
{
    const ergo__step step = {.op = ERGO__OP_GLU, .activation = activation};
    return append_value(planner, step, gate, up, columns, false);
}

ergo__value_id ergo__plan_add(ergo__planner *planner, ergo__value_id a, ergo__value_id b,
                              uint32_t columns, float scale)
{
    const ergo__step step = {.op = ERGO__OP_ADD, .scale = scale};
    return append_value(planner, step, a, b, columns, false);
}

ergo__value_id ergo__plan_select(ergo__planner *planner, ergo__value_id in, uint32_t columns)
{
    const ergo__step step = {.op = ERGO__OP_SELECT};
    return append_value(planner, step, in, ERGO__NO_VALUE, columns, true);
}

ergo__value_id ergo__plan_scale(ergo__planner *planner, ergo__value_id in, uint32_t columns,
                                float scale)
{
    const ergo__step step = {.op = ERGO__OP_SCALE, .scale = scale};
    return append_value(planner, step, in, ERGO__NO_VALUE, columns, value_of(planner, in).outputs);
}

void ergo__plan_matmul(ergo__planner *planner, ergo__value_id in, size_t count,
                       const ergo__weight *weights, const float *const *bias, ergo__value_id *out)
{
    ergo__step step = {.op = ERGO__OP_MATMUL, .in = {in, ERGO__NO_VALUE}};
    const bool outputs = value_of(planner, in).outputs;
    for (size_t i = 0; i < 3; i++) {
        step.out[i] = ERGO__NO_VALUE;
        if (i >= count)
            continue;
        step.weight[i] = weights[i];
        step.bias[i] = bias ? bias[i] : NULL;
        step.out[i] = out[i] = new_value(planner, weights[i].rows, outputs);
    }
    append(planner, step);
}

/* ---- Liveness and placement ---------------------------------------------------------------- */

static void find_lifetimes(ergo__planner *planner)
{
    for (size_t i = 0; i < planner->step_count; i++) {
        const ergo__step *step = &planner->steps[i];
        for (size_t k = 0; k < 3; k++)
            if (step->out[k] != ERGO__NO_VALUE) {
                planner->values[step->out[k]].first = (uint16_t)i;
                planner->values[step->out[k]].last = (uint16_t)i;
            }
        for (size_t k = 0; k < 2; k++)
            if (step->in[k] != ERGO__NO_VALUE)
                planner->values[step->in[k]].last = (uint16_t)i;
    }
    /* The logits are read after the last step. */
    planner->values[planner->value_count - 1].last = UINT16_MAX;
}

static size_t aligned_columns(const ergo__value *value)
{
    return ((size_t)value->columns + VALUE_ALIGN - 1) / VALUE_ALIGN * VALUE_ALIGN;
}

/* The lowest offset at which `value` overlaps none of the `count` values alive. */
static size_t free_offset(const ergo__value *const *alive, size_t count, const ergo__value *value)
{
    size_t offset = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t i = 0; i < count; i++) {
            const size_t start = alive[i]->offset, end = start + aligned_columns(alive[i]);
            if (offset < end && start < offset + aligned_columns(value)) {
                offset = end;
                moved = true;
            }
        }
    }
    return offset;
}

/* Places the values of one slab; values come in order of their first step. */
static ergo_status place_slab(ergo__planner *planner, bool outputs, size_t *floats)
{
    const ergo__value *alive[ALIVE_MAX];
    size_t count = 0;
    *floats = 0;
    for (size_t i = 0; i < planner->value_count; i++) {
        ergo__value *value = &planner->values[i];
        if (value->outputs != outputs)
            continue;
        size_t kept = 0;
        for (size_t k = 0; k < count; k++)
            if (alive[k]->last >= value->first)
                alive[kept++] = alive[k];
        count = kept;
        if (count == ALIVE_MAX)
            return ERGO_E_LIMIT;
        value->offset = free_offset(alive, count, value);
        alive[count++] = value;
        *floats = ergo__max_size(*floats, value->offset + aligned_columns(value));
    }
    return ERGO_OK;
}

ergo_status ergo__plan_finish(ergo__planner *planner, const ergo__kv_shape *kv, uint32_t layers,
                              ergo__plan *plan)
{
    if (planner->value_count == 0 || planner->value_count >= ERGO__NO_VALUE ||
        planner->step_count >= UINT16_MAX)
        return ERGO_E_LIMIT;
    find_lifetimes(planner);
    size_t token_floats, output_floats;
    ergo_status status = place_slab(planner, false, &token_floats);
    if (status == ERGO_OK)
        status = place_slab(planner, true, &output_floats);
    if (status != ERGO_OK)
        return status;
    const ergo__value_id logits = (ergo__value_id)(planner->value_count - 1);
    *plan = (ergo__plan){.steps = planner->steps,
                         .step_count = planner->step_count,
                         .values = planner->values,
                         .value_count = planner->value_count,
                         .kv = kv,
                         .layers = layers,
                         .vocabulary = planner->values[logits].columns,
                         .logits = logits,
                         .token_floats = token_floats,
                         .output_floats = output_floats};
    return ERGO_OK;
}
