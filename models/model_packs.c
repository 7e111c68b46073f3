/* SPDX-License-Identifier: Apache-2.0 */
#include "ergo/pack.h"
#include "runtime/model_state.h"

/* The first row of the tensor that the weight, a part of it or another tensor, begins with. */
static bool first_row(const ergo__weight *w, const ergo_tensor *tensor, size_t *row)
{
    const uintptr_t begin = (uintptr_t)tensor->bytes.data, at = (uintptr_t)w->data;
    if (!w->data || at < begin || at - begin >= tensor->bytes.size)
        return false;
    *row = (at - begin) / w->row_bytes;
    return true;
}

bool ergo_model_packs(const ergo_model *model, const ergo_tensor *tensor)
{
    uint64_t size;
    bool used = false;
    if (tensor->packed || tensor->n_dims != 2 ||
        ergo_packed_size(tensor->type, tensor->shape[0], tensor->shape[1], &size) != ERGO_OK)
        return false;
    for (size_t s = 0; s < model->plan.step_count; s++)
        for (int i = 0; i < 3 && model->plan.steps[s].op == ERGO__OP_MATMUL; i++) {
            size_t row;
            if (!first_row(&model->plan.steps[s].weight[i], tensor, &row))
                continue;
            if (row % ERGO_PACKED_ROWS != 0)
                return false;
            used = true;
        }
    return used;
}
