/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_SYNTH_WEIGHTS_H
#define ERGO_TOOLS_SYNTH_WEIGHTS_H

#include "tools/gguf_write.h"
#include "tools/shapes.h"

/*
 * Random weights at the speed of the disk. Encoding a billion numbers takes minutes; so for each
 * type and scale a bank of runs of encoded weights is made once, and tensors are put together from
 * runs that are drawn at random.
 */

#define SYNTH_BANKS_MAX 16
typedef struct synth_bank {
    ergo_type type;
    float scale; /**< standard deviation */
    uint32_t run_elements;
    size_t run_bytes;
    unsigned char *runs;
} synth_bank;

typedef struct synth_weights {
    const shape *model;
    uint64_t seed;
    synth_bank banks[SYNTH_BANKS_MAX];
    uint32_t bank_count;
} synth_weights;

/** Writes the bytes of tensor number `i`. TOOL_INTERRUPTED after Ctrl-C. */
tool_exit synth_weights_write(synth_weights *weights, const shape_tensor *tensor, size_t i,
                              ergo_type type, gguf_writer *writer);

void synth_weights_free(synth_weights *weights);

#endif
