/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/cpu/program.h"
#include "runtime/base/checked.h"

/* Cuts a plan into phases (program.h): as few as the data allow, for workers meet after each. */

static bool by_rows(const ergo__step *step)
{
    return step->op != ERGO__OP_MATMUL && step->op != ERGO__OP_ATTEND;
}

/* Whether the rows that a step works on are outputs. */
static bool on_outputs(const ergo__plan *plan, const ergo__step *step)
{
    const ergo__value_id id = step->out[0] == ERGO__NO_VALUE ? step->in[0] : step->out[0];
    return plan->values[id].outputs;
}

/*
 * Whether columns of a row may be shared out: they must not depend on each other, nor may a later
 * step take the place of columns that an earlier one has yet to read.
 */
static bool in_chunks(const ergo__cpu_phase *phase)
{
    const ergo__op op = phase->step->op;
    if (phase->steps == 0)
        return true;
    return phase->steps == 1 &&
           (op == ERGO__OP_GLU || op == ERGO__OP_ADD || op == ERGO__OP_SCALE) &&
           (!phase->quantizes || phase->step[1].in[0] == phase->step->out[0]);
}

/* Steps by rows from `step` on, and the activations of the product behind them. */
static ergo__cpu_phase row_phase(const ergo__plan *plan, const ergo__step *step)
{
    const ergo__step *end = plan->steps + plan->step_count, *next = step;
    while (next < end && by_rows(next) && on_outputs(plan, next) == on_outputs(plan, step))
        next++;
    ergo__cpu_phase phase = {.run = ergo__cpu_unit_rows,
                             .units = ergo__cpu_row_units,
                             .step = step,
                             .steps = (size_t)(next - step),
                             .chunks = 1};
    phase.quantizes = next < end && next->op == ERGO__OP_MATMUL &&
                      ergo__cpu_matmul_quantizes(next) &&
                      on_outputs(plan, next) == on_outputs(plan, step);
    const ergo__value_id columns_of = phase.quantizes ? next->in[0] : step->out[0];
    if (columns_of != ERGO__NO_VALUE)
        phase.columns = plan->values[columns_of].columns;
    if (in_chunks(&phase))
        phase.chunks = (uint32_t)ergo__ceil_div(phase.columns, ERGO__CPU_CHUNK);
    return phase;
}

/* Attention, and the activations of the product behind it if each unit has whole blocks of them. */
static ergo__cpu_phase attend_phase(const ergo__plan *plan, const ergo__step *step)
{
    const ergo__step *next = step + 1;
    ergo__cpu_phase phase = {
        .run = ergo__cpu_unit_attend, .units = ergo__cpu_attend_units, .step = step, .steps = 1};
    phase.quantizes = next < plan->steps + plan->step_count && next->op == ERGO__OP_MATMUL &&
                      ergo__cpu_matmul_quantizes(next) && next->in[0] == step->out[0] &&
                      step->heads / step->kv_heads * step->group % ERGO__Q8_ELEMENTS == 0;
    return phase;
}

size_t ergo__cpu_schedule(const ergo__plan *plan, ergo__cpu_phase *phases)
{
    const ergo__step *step = plan->steps, *end = step + plan->step_count;
    size_t count = 0;
    for (bool quantized = false; step < end; count++) {
        ergo__cpu_phase phase;
        if (step->op == ERGO__OP_ATTEND)
            phase = attend_phase(plan, step);
        else if (step->op == ERGO__OP_MATMUL && (quantized || !ergo__cpu_matmul_quantizes(step)))
            phase = (ergo__cpu_phase){.run = ergo__cpu_unit_matmul,
                                      .units = ergo__cpu_matmul_units,
                                      .step = step,
                                      .steps = 1};
        else
            phase = row_phase(plan, step);
        step += phase.steps;
        quantized = phase.quantizes;
        if (phases)
            phases[count] = phase;
    }
    return count;
}
