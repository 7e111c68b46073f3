/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/synth_weights.h"

#include <math.h>
#include <stdlib.h>

#include "ergo/quant.h"
#include "tools/interrupt.h"

#define BANK_RUNS 8192u

/* Random numbers that depend on nothing but the seed (splitmix64). */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* About normal, with standard deviation 1: the sum of four 16-bit numbers, exact everywhere. */
static float next_normal(uint64_t *state)
{
    const uint64_t bits = next_random(state);
    const int32_t sum = (int32_t)(bits & 0xffff) + (int32_t)(bits >> 16 & 0xffff) +
                        (int32_t)(bits >> 32 & 0xffff) + (int32_t)(bits >> 48);
    return (float)(sum - 131070) * (1.0f / 37837.0f);
}

/* The standard deviation that keeps activations near one and logits varied. */
static float scale_of(const shape_tensor *tensor)
{
    const float row = (float)tensor->dims[0];
    switch (tensor->role) {
    case SHAPE_EMBEDDING:
        return 2 / sqrtf(row);
    case SHAPE_MATRIX:
        return 1 / sqrtf(row);
    default:
        return 0.1f;
    }
}

static tool_exit write_vector(const synth_weights *weights, const shape_tensor *tensor,
                              uint64_t random, gguf_writer *writer)
{
    const size_t count = (size_t)tensor->dims[0];
    const float offset = tensor->role == SHAPE_NORM ? 1.0f : 0.0f;
    float *values = tool_alloc(count, sizeof *values);
    if (values == NULL)
        return TOOL_FAILED;
    for (size_t i = 0; i < count; i++)
        values[i] = offset + scale_of(tensor) * next_normal(&random);
    if (tensor->role == SHAPE_ROPE_FACTORS)
        shape_rope_factors(weights->model, values);
    gguf_write_data(writer, values, count * sizeof *values);
    free(values);
    return TOOL_DONE;
}

/* Fills a bank: BANK_RUNS runs of encoded random numbers. */
static tool_exit make_bank(synth_bank *bank, uint64_t random)
{
    const ergo_type_info *info = ergo_type_get((uint32_t)bank->type);
    float values[256];
    bank->run_bytes = (size_t)(bank->run_elements / info->block_elements) * info->block_bytes;
    bank->runs = tool_alloc(BANK_RUNS, bank->run_bytes);
    if (bank->runs == NULL)
        return TOOL_FAILED;
    for (size_t run = 0; run < BANK_RUNS; run++) {
        for (uint32_t i = 0; i < bank->run_elements; i++)
            values[i] = bank->scale * next_normal(&random);
        const ergo_status status = ergo_quantize(
            bank->type, values, NULL, bank->runs + run * bank->run_bytes, bank->run_elements);
        if (status != ERGO_OK)
            return tool_status(status, info->name);
    }
    return TOOL_DONE;
}

/* The bank for a type and a scale, made where there is none yet. */
static tool_exit find_bank(synth_weights *weights, ergo_type type, float scale, uint64_t row,
                           const synth_bank **out)
{
    const uint32_t run = row % 256 == 0 ? 256 : row % 32 == 0 ? 32 : 1;
    for (uint32_t i = 0; i < weights->bank_count; i++) {
        const synth_bank *bank = &weights->banks[i];
        if (bank->type == type && bank->scale == scale && bank->run_elements == run) {
            *out = bank;
            return TOOL_DONE;
        }
    }
    if (weights->bank_count == SYNTH_BANKS_MAX) {
        tool_error("the shape has more than %d kinds of matrices", SYNTH_BANKS_MAX);
        return TOOL_FAILED;
    }
    synth_bank *bank = &weights->banks[weights->bank_count++];
    *bank = (synth_bank){.type = type, .scale = scale, .run_elements = run};
    *out = bank;
    return make_bank(bank, weights->seed ^ (uint64_t)weights->bank_count << 48);
}

tool_exit synth_weights_write(synth_weights *weights, const shape_tensor *tensor, size_t i,
                              ergo_type type, gguf_writer *writer)
{
    uint64_t random = weights->seed + i * 0xd1342543de82ef95u;
    const synth_bank *bank = NULL;
    tool_exit code = TOOL_DONE;
    if (tensor->n_dims == 1) {
        code = write_vector(weights, tensor, random, writer);
    } else {
        code = find_bank(weights, type, scale_of(tensor), tensor->dims[0], &bank);
        const uint64_t runs =
            code == TOOL_DONE ? tensor->dims[0] * tensor->dims[1] / bank->run_elements : 0;
        for (uint64_t run = 0; run < runs && !writer->file.failed; run++) {
            const size_t which = (size_t)(next_random(&random) % BANK_RUNS);
            gguf_write_data(writer, bank->runs + which * bank->run_bytes, bank->run_bytes);
        }
    }
    gguf_write_tensor_end(writer);
    if (interrupt_requested())
        return TOOL_INTERRUPTED;
    return code == TOOL_DONE && writer->file.failed ? TOOL_FAILED : code;
}

void synth_weights_free(synth_weights *weights)
{
    for (uint32_t i = 0; i < weights->bank_count; i++)
        free(weights->banks[i].runs);
    weights->bank_count = 0;
}
