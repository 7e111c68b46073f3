/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_SYNTH_FILE_H
#define ERGO_TOOLS_SYNTH_FILE_H

#include "tools/file_map.h"
#include "tools/gguf_write.h"
#include "tools/quant_mix.h"
#include "tools/shapes.h"

/* The GGUF file of a published shape, all but the values of its weights. */

/** The type that a tensor of the model has under this mix. */
ergo_type synth_type(const shape *model, const quant_mix *mix, const shape_tensor *tensor);

/** Writes everything up to the first tensor's bytes. */
void synth_header(const shape *model, const quant_mix *mix, gguf_writer *writer);

/**
 * Maps such a file whose weights are holes that read as zero: it can be opened, and asked what it
 * would cost, without taking the room of its weights. It has no name and is gone with the map. On
 * failure prints why and returns TOOL_FAILED.
 */
tool_exit synth_map(const shape *model, const quant_mix *mix, file_map *out);

#endif
