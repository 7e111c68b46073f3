/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/step_work.h"

#include <stdio.h>

#include "ergo/pack.h"
#include "runtime/base/log.h"
#include "runtime/kv.h"
#include "runtime/model_state.h"

/* ---- Cost ---------------------------------------------------------------------------------- */

static uint64_t rows_of(const ergo__plan *plan, ergo__value_id id, const ergo__load *load)
{
    return plan->values[id].outputs ? load->outputs : load->tokens;
}

static uint64_t value_bytes(const ergo__plan *plan, ergo__value_id id, const ergo__load *load)
{
    if (id == ERGO__NO_VALUE)
        return 0;
    return rows_of(plan, id, load) * plan->values[id].columns * sizeof(float);
}

/* Keys and values that a layer reads: of all positions, or of those in the window. */
static uint64_t attended(const ergo__step *step, const ergo__load *load)
{
    const uint64_t within = (uint64_t)step->window * load->tokens;
    return step->window && within < load->context ? within : load->context;
}

/* A part of a strip counts by its rows. */
static uint64_t bytes_of_rows(const ergo__weight *w, uint64_t rows)
{
    return rows * w->row_bytes / (w->packed ? ERGO_PACKED_ROWS : 1);
}

ergo_work ergo__step_work(const ergo__plan *plan, const ergo__step *step, const ergo__load *load)
{
    ergo_work work = {0, 0, 0, 0};
    for (int i = 0; i < 2; i++)
        work.activation_bytes += value_bytes(plan, step->in[i], load);
    for (int i = 0; i < 3; i++)
        work.activation_bytes += value_bytes(plan, step->out[i], load);
    const size_t head_bytes = ergo__kv_head_bytes(load->kv, step->group);
    switch (step->op) {
    case ERGO__OP_EMBED:
        work.weight_bytes = load->tokens * bytes_of_rows(&step->weight[0], 1);
        break;
    case ERGO__OP_MATMUL:
        for (int i = 0; i < 3 && step->out[i] != ERGO__NO_VALUE; i++) {
            const ergo__weight *w = &step->weight[i];
            work.macs += rows_of(plan, step->out[i], load) * w->rows * w->columns;
            work.weight_bytes += bytes_of_rows(w, w->rows);
        }
        break;
    case ERGO__OP_STORE:
        work.kv_bytes = 2u * (uint64_t)load->tokens * step->kv_heads * head_bytes;
        break;
    case ERGO__OP_ATTEND:
        work.macs = 2u * attended(step, load) * step->heads * step->group;
        work.kv_bytes = 2u * attended(step, load) * step->kv_heads * head_bytes;
        break;
    case ERGO__OP_ANGLES:
    case ERGO__OP_NORM:
    case ERGO__OP_ROPE:
    case ERGO__OP_GLU:
    case ERGO__OP_ADD:
    case ERGO__OP_SELECT:
    case ERGO__OP_SCALE:
        break;
    }
    return work;
}

static void add_work(ergo_work *sum, ergo_work work)
{
    sum->macs += work.macs;
    sum->weight_bytes += work.weight_bytes;
    sum->kv_bytes += work.kv_bytes;
    sum->activation_bytes += work.activation_bytes;
}

ergo_work ergo__plan_work(const ergo__plan *plan, const ergo__load *load)
{
    ergo_work sum = {0, 0, 0, 0};
    for (size_t i = 0; i < plan->step_count; i++)
        add_work(&sum, ergo__step_work(plan, &plan->steps[i], load));
    return sum;
}

static ergo__load load_of(uint32_t tokens, uint32_t outputs, uint32_t context, ergo_kv_type kv)
{
    return (ergo__load){tokens, outputs, (uint64_t)tokens * context, kv};
}

ergo_work ergo_model_work(const ergo_model *model, uint32_t tokens, uint32_t outputs,
                          uint32_t context, ergo_kv_type kv)
{
    const ergo__load load = load_of(tokens, outputs, context, kv);
    return ergo__plan_work(&model->plan, &load);
}

size_t ergo_model_step_count(const ergo_model *model)
{
    return model->plan.step_count;
}

ergo_work ergo_model_step_work(const ergo_model *model, size_t i, uint32_t tokens, uint32_t outputs,
                               uint32_t context, ergo_kv_type kv)
{
    if (i >= model->plan.step_count)
        return (ergo_work){0, 0, 0, 0};
    const ergo__load load = load_of(tokens, outputs, context, kv);
    return ergo__step_work(&model->plan, &model->plan.steps[i], &load);
}

/* ---- Text ---------------------------------------------------------------------------------- */

static const char *op_name(ergo__op op)
{
    switch (op) {
    case ERGO__OP_EMBED:
        return "embed";
    case ERGO__OP_ANGLES:
        return "angles";
    case ERGO__OP_NORM:
        return "norm";
    case ERGO__OP_MATMUL:
        return "matmul";
    case ERGO__OP_ROPE:
        return "rope";
    case ERGO__OP_STORE:
        return "store-kv";
    case ERGO__OP_ATTEND:
        return "attend";
    case ERGO__OP_GLU:
        return "glu";
    case ERGO__OP_ADD:
        return "add";
    case ERGO__OP_SELECT:
        return "select";
    case ERGO__OP_SCALE:
        return "scale";
    }
    return "?";
}

/* A text that grows in a buffer; `size` counts on when the buffer is full. */
typedef struct text {
    char *buffer;
    size_t capacity;
    size_t size;
} text;

static void put(text *t, const char *format, ...) ERGO__PRINTF(2, 3);

static void put(text *t, const char *format, ...)
{
    const size_t room = t->size < t->capacity ? t->capacity - t->size : 0;
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(room ? t->buffer + t->size : NULL, room, format, args);
    va_end(args);
    if (n > 0)
        t->size += (size_t)n;
}

static void put_parameters(text *t, const ergo__step *s)
{
    switch (s->op) {
    case ERGO__OP_EMBED:
    case ERGO__OP_MATMUL:
        for (int i = 0; i < 3 && s->weight[i].data; i++)
            put(t, "%s %.*s %s%s %ux%u", i ? "," : "", (int)s->weight[i].name.size,
                s->weight[i].name.data, ergo_type_get((uint32_t)s->weight[i].type)->name,
                s->weight[i].packed ? " packed" : "", s->weight[i].columns, s->weight[i].rows);
        break;
    case ERGO__OP_ANGLES:
        put(t, " of %u elements", s->rotated);
        break;
    case ERGO__OP_NORM:
        put(t, " groups of %u, epsilon %g", s->group, (double)s->epsilon);
        break;
    case ERGO__OP_ROPE:
        put(t, " %u heads of %u, %u turned, %s", s->heads, s->group, s->rotated,
            s->neox ? "halves" : "pairs");
        break;
    case ERGO__OP_STORE:
        put(t, " %u heads of %u", s->kv_heads, s->group);
        break;
    case ERGO__OP_ATTEND:
        put(t, " %u heads of %u over %u, scale %g", s->heads, s->group, s->kv_heads,
            (double)s->scale);
        if (s->window)
            put(t, ", window %u", s->window);
        break;
    case ERGO__OP_GLU:
        put(t, s->activation == ERGO__SILU ? " silu" : " gelu-tanh");
        break;
    case ERGO__OP_ADD:
    case ERGO__OP_SCALE:
        put(t, " scale %g", (double)s->scale);
        break;
    case ERGO__OP_SELECT:
        break;
    }
}

ergo_status ergo_model_step_text(const ergo_model *model, size_t i, char *buffer, size_t capacity,
                                 size_t *size)
{
    if (!size || i >= model->plan.step_count || (capacity > 0 && !buffer))
        return ERGO_E_ARGUMENT;
    const ergo__step *step = &model->plan.steps[i];
    text t = {buffer, capacity, 0};
    put(&t, "layer %u %s", step->layer, op_name(step->op));
    put_parameters(&t, step);
    put(&t, ":");
    for (int k = 0; k < 2; k++)
        if (step->in[k] != ERGO__NO_VALUE)
            put(&t, " v%u", step->in[k]);
    put(&t, " ->");
    for (int k = 0; k < 3; k++)
        if (step->out[k] != ERGO__NO_VALUE)
            put(&t, " v%u[%u]", step->out[k], model->plan.values[step->out[k]].columns);
    *size = t.size;
    return t.size < capacity ? ERGO_OK : ERGO_E_MEMORY;
}
