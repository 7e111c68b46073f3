/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/json_write.h"
#include "tools/options.h"
#include "tools/progress.h"
#include "tools/synth_file.h"
#include "tools/synth_weights.h"

typedef struct synth_options {
    common_options common;
    const char *shape, *quant, *out;
    uint64_t seed;
} synth_options;

#define FIELD(name) offsetof(synth_options, name)
static const args_option table[] = {
    {"shape", 0, ARGS_TEXT, FIELD(shape), "NAME",
     "smollm2-135m, qwen2.5-0.5b, qwen3-0.6b, llama-3.2-1b or tinyllama-1.1b", 0, 0, NULL},
    {"quant", 0, ARGS_TEXT, FIELD(quant), "TYPE",
     "F32, F16, BF16, Q8_0, Q4_0, Q4_K, ..., or a mix: Q3_K_M, Q4_K_M, Q5_K_M", 0, 0, NULL},
    {"out", 'o', ARGS_TEXT, FIELD(out), "FILE", "the file to write", 0, 0, NULL},
    {"seed", 0, ARGS_U64, FIELD(seed), "N", "same seed, same file, on every machine (default: 0)",
     0, 0, NULL},
};

static const args_spec spec = {
    .command = "synth",
    .usage = "synth --shape NAME --quant TYPE -o FILE [--seed N]",
    .about = "Writes a GGUF file with the tensors of a published model and random weights, for\n"
             "benchmarks without a download: speed and energy depend on shapes and types, not on "
             "values.\n"
             "Its text is nonsense, from a made-up vocabulary of the right size. Other engines "
             "that read\n"
             "GGUF run it too.",
    .examples = "  run-model synth --shape smollm2-135m --quant Q4_0 -o smollm2.gguf\n"
                "  run-model bench -m smollm2.gguf --threads 1,2,4",
    .groups = {{"Options", table, sizeof table / sizeof *table, 0}, COMMON_GROUP(synth_options)},
};

static tool_exit write_all(const synth_options *options, const shape *model, const quant_mix *mix,
                           gguf_writer *writer)
{
    synth_weights weights = {.model = model, .seed = options->seed};
    progress shown = progress_start("synth");
    const double total = (double)shape_parameters(model);
    shape_tensor tensor;
    tool_exit code = TOOL_DONE;
    double done = 0;
    synth_header(model, mix, writer);
    for (size_t i = 0; code == TOOL_DONE && shape_tensor_at(model, i, &tensor); i++) {
        code = synth_weights_write(&weights, &tensor, i, synth_type(model, mix, &tensor), writer);
        done += (double)tensor.dims[0] * (double)tensor.dims[1];
        progress_show(&shown, done / total, NULL);
    }
    synth_weights_free(&weights);
    progress_end(&shown);
    return code;
}

static void report(const synth_options *options, const shape *model, const quant_mix *mix,
                   uint64_t bytes)
{
    char size[32];
    if (!options->common.json) {
        (void)fprintf(stderr, "run-model: %s: %s in %s, %.4g parameters, %s\n", options->out,
                      model->name, mix->name, (double)shape_parameters(model),
                      tool_bytes_text(bytes, size));
        return;
    }
    json_writer json = json_start(stdout);
    json_object(&json, NULL);
    json_text(&json, "file", options->out);
    json_text(&json, "shape", model->name);
    json_text(&json, "quant", mix->name);
    json_u64(&json, "parameters", shape_parameters(model));
    json_u64(&json, "file_bytes", bytes);
    json_object_end(&json);
    json_finish(&json);
}

int cmd_synth(int argc, char **argv)
{
    synth_options options = {.common = COMMON_OPTIONS_DEFAULT};
    int code = args_parse(&spec, argc, argv, &options, NULL);
    if (code != ARGS_GO_ON)
        return code;
    if (options.shape == NULL || options.quant == NULL || options.out == NULL)
        return args_wrong(&spec, "--shape, --quant and -o are needed");
    const shape *model = shape_find(options.shape);
    const quant_mix *mix = quant_mix_find(options.quant);
    if (model == NULL)
        return args_wrong(&spec, "--shape \"%s\" is not known", options.shape);
    if (mix == NULL)
        return args_wrong(&spec, "--quant \"%s\" is not known", options.quant);
    code = common_check(&options.common);
    gguf_writer writer;
    if (code == TOOL_DONE)
        code = gguf_write_open(options.out, &writer);
    if (code != TOOL_DONE)
        return code;
    code = write_all(&options, model, mix, &writer);
    const uint64_t bytes = writer.file.size;
    if (code == TOOL_DONE)
        code = gguf_write_commit(&writer);
    else
        gguf_write_abandon(&writer);
    if (code == TOOL_INTERRUPTED)
        tool_error("interrupted; %s is not written", options.out);
    if (code == TOOL_DONE)
        report(&options, model, mix, bytes);
    return tool_flush(code);
}
