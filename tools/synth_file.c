/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/synth_file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tools/synth_vocab.h"

static void put_u32(gguf_writer *writer, const shape *model, const char *key, uint32_t value)
{
    char full[96];
    (void)snprintf(full, sizeof full, "%s.%s", model->arch, key);
    gguf_write_u32(writer, full, value);
}

static void put_f32(gguf_writer *writer, const shape *model, const char *key, float value)
{
    char full[96];
    (void)snprintf(full, sizeof full, "%s.%s", model->arch, key);
    gguf_write_f32(writer, full, value);
}

static void write_entries(gguf_writer *writer, const shape *model, const quant_mix *mix)
{
    gguf_write_text(writer, "general.architecture", tool_str(model->arch));
    gguf_write_text(writer, "general.name", tool_str(model->name));
    gguf_write_text(writer, "general.description",
                    tool_str("random weights in the shape of a published model, for benchmarks"));
    gguf_write_u32(writer, "general.file_type", mix->file_type);
    gguf_write_u32(writer, "general.quantization_version", 2);
    put_u32(writer, model, "vocab_size", model->vocabulary);
    put_u32(writer, model, "context_length", model->context);
    put_u32(writer, model, "embedding_length", model->embedding);
    put_u32(writer, model, "block_count", model->layers);
    put_u32(writer, model, "feed_forward_length", model->feed_forward);
    put_u32(writer, model, "attention.head_count", model->heads);
    put_u32(writer, model, "attention.head_count_kv", model->kv_heads);
    put_u32(writer, model, "attention.key_length", model->head_dim);
    put_u32(writer, model, "attention.value_length", model->head_dim);
    put_f32(writer, model, "attention.layer_norm_rms_epsilon", model->norm_epsilon);
    put_u32(writer, model, "rope.dimension_count", model->head_dim);
    put_f32(writer, model, "rope.freq_base", model->rope_base);
    synth_vocab_write(writer, model->vocabulary);
}

ergo_type synth_type(const shape *model, const quant_mix *mix, const shape_tensor *tensor)
{
    const quant_model whole = {.layers = model->layers, .has_output = !model->tied};
    const ergo_str name = tool_str(tensor->name);
    return quant_mix_converts(name, tensor->n_dims)
               ? quant_mix_type(mix, &whole, name, tensor->dims[0])
               : ERGO_TYPE_F32;
}

void synth_header(const shape *model, const quant_mix *mix, gguf_writer *writer)
{
    shape_tensor tensor;
    write_entries(writer, model, mix);
    for (size_t i = 0; shape_tensor_at(model, i, &tensor); i++)
        gguf_write_tensor(writer, tool_str(tensor.name), synth_type(model, mix, &tensor),
                          tensor.n_dims, tensor.dims);
    gguf_write_header(writer);
}

tool_exit synth_map(const shape *model, const quant_mix *mix, file_map *out)
{
    gguf_writer writer = {.align = 32, .file = {.stream = tmpfile(), .path = model->name}};
    if (writer.file.stream == NULL) {
        tool_error("no temporary file for %s: %s", model->name, strerror(errno));
        return TOOL_FAILED;
    }
    synth_header(model, mix, &writer);
    const int fd = fileno(writer.file.stream);
    const uint64_t size = writer.data_start + writer.data_size;
    tool_exit code = TOOL_FAILED; /* of a write it has been said */
    if (!writer.file.failed && (fflush(writer.file.stream) != 0 || ftruncate(fd, (off_t)size) != 0))
        tool_error("cannot write %s: %s", model->name, strerror(errno));
    else if (!writer.file.failed)
        code = file_map_descriptor(fd, model->name, out);
    gguf_write_abandon(&writer);
    return code == TOOL_DONE ? TOOL_DONE : TOOL_FAILED;
}
