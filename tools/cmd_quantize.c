/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "tools/inspect_file.h"
#include "tools/load.h"
#include "tools/parallel.h"
#include "tools/quant_mix.h"
#include "tools/row_writer.h"

typedef struct quantize_options {
    common_options common;
    const char *in, *out, *quant;
} quantize_options;

#define FIELD(name) offsetof(quantize_options, name)
static const args_option table[] = {
    {"in", 'i', ARGS_TEXT, FIELD(in), "FILE", "a GGUF file with F32, F16 or BF16 weights", 0, 0,
     NULL},
    {"out", 'o', ARGS_TEXT, FIELD(out), "FILE", "the file to write", 0, 0, NULL},
    {"quant", 0, ARGS_TEXT, FIELD(quant), "TYPE",
     "F16, BF16, Q8_0, Q6_K, Q5_K, Q4_K, Q4_0, ..., or a mix: Q3_K_M, Q4_K_M, Q5_K_M", 0, 0, NULL},
};

static const args_spec spec = {
    .command = "quantize",
    .usage = "quantize -i FILE -o FILE --quant TYPE",
    .about =
        "Writes the model with smaller weights. A type's name gives every matrix that type, but "
        "the\n"
        "output matrix at least Q6_K; a mix spends more bits where errors hurt most. Rows that a\n"
        "type's blocks of 256 do not divide get a similar type with blocks of 32, or F16. Vectors\n"
        "and the metadata stay as they are. The file appears under its name when it is complete.\n"
        "JSON: {\"file\", \"quant\", \"file_bytes\", \"types\": {TYPE: tensors}}.",
    .examples = "  run-model quantize -i model-f16.gguf -o model-q4.gguf --quant Q4_K_M\n"
                "  run-model perplexity -m model-q4.gguf -f wiki.test.raw",
    .groups = {{"Options", table, sizeof table / sizeof *table, 0}, COMMON_GROUP(quantize_options)},
};

typedef struct job {
    const ergo_gguf *gguf;
    const quant_mix *mix;
    quant_model model;
    uint32_t threads;
    gguf_writer writer;
} job;

/* The type that a tensor gets. Those that are not converted keep theirs. */
static ergo_type type_of(const job *j, const ergo_tensor *tensor)
{
    return quant_mix_converts(tensor->name, tensor->n_dims)
               ? quant_mix_type(j->mix, &j->model, tensor->name, tensor->shape[0])
               : tensor->type;
}

static bool is_float(ergo_type type)
{
    return type == ERGO_TYPE_F32 || type == ERGO_TYPE_F16 || type == ERGO_TYPE_BF16;
}

/* Entries that describe the weights rather than the model: written anew. */
static bool describes_weights(ergo_str key)
{
    static const char *const keys[] = {"general.file_type", "general.quantization_version",
                                       "general.alignment"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (key.size == strlen(keys[i]) && memcmp(key.data, keys[i], key.size) == 0)
            return true;
    }
    return false;
}

static tool_exit write_description(job *j)
{
    for (size_t i = 0; i < ergo_gguf_kv_count(j->gguf); i++) {
        const ergo_gguf_kv *kv = ergo_gguf_kv_at(j->gguf, i);
        if (!describes_weights(kv->key))
            gguf_write_entry(&j->writer, kv);
    }
    gguf_write_u32(&j->writer, "general.file_type", j->mix->file_type);
    gguf_write_u32(&j->writer, "general.quantization_version", 2);
    for (size_t i = 0; i < ergo_gguf_tensor_count(j->gguf); i++) {
        const ergo_tensor *tensor = ergo_gguf_tensor_at(j->gguf, i);
        const ergo_type type = type_of(j, tensor);
        if (tensor->packed) {
            tool_error("tensor %.*s is packed; start from the file that was packed",
                       (int)tensor->name.size, tensor->name.data);
            return TOOL_BAD_FILE;
        }
        if (type != tensor->type && !is_float(tensor->type)) {
            tool_error("tensor %.*s is %s already; start from F32, F16 or BF16 weights",
                       (int)tensor->name.size, tensor->name.data,
                       ergo_type_get((uint32_t)tensor->type)->name);
            return TOOL_BAD_FILE;
        }
        gguf_write_tensor(&j->writer, tensor->name, type, tensor->n_dims, tensor->shape);
    }
    gguf_write_header(&j->writer);
    return TOOL_DONE;
}

static tool_exit convert(const ergo_tensor *tensor, ergo_type type, row_writer *rows)
{
    const ergo_type_info *from = ergo_type_get((uint32_t)tensor->type);
    const unsigned char *at = tensor->bytes.data;
    uint64_t left = tensor->elements / tensor->shape[0];
    tool_exit code = row_writer_start(rows, type, tensor->shape[0]);
    while (code == TOOL_DONE && left > 0) {
        size_t count = 0;
        float *to = row_writer_room(rows, left, &count);
        const size_t elements = count * (size_t)tensor->shape[0];
        code = tool_status(ergo_dequantize(tensor->type, at, to, elements), from->name);
        for (size_t i = 0; code == TOOL_DONE && i < elements; i++) {
            if (!isfinite(to[i])) {
                tool_error("tensor %.*s holds a value that is not finite", (int)tensor->name.size,
                           tensor->name.data);
                code = TOOL_BAD_FILE;
            }
        }
        if (code == TOOL_DONE)
            code = row_writer_flush(rows, count);
        at += elements / from->block_elements * from->block_bytes;
        left -= count;
    }
    row_writer_end(rows);
    return code;
}

static tool_exit write_tensors(job *j)
{
    progress shown = progress_start("quantize");
    row_writer rows = {.out = &j->writer,
                       .shown = &shown,
                       .total = inspect_parameters(j->gguf),
                       .threads = j->threads != 0 ? j->threads : parallel_cpus()};
    tool_exit code = TOOL_DONE;
    for (size_t i = 0; code == TOOL_DONE && i < ergo_gguf_tensor_count(j->gguf); i++) {
        const ergo_tensor *tensor = ergo_gguf_tensor_at(j->gguf, i);
        const ergo_type type = type_of(j, tensor);
        if (type != tensor->type) {
            code = convert(tensor, type, &rows);
        } else {
            gguf_write_data(&j->writer, tensor->bytes.data, tensor->bytes.size);
            gguf_write_tensor_end(&j->writer);
            rows.done += tensor->elements;
        }
    }
    row_writer_free(&rows);
    progress_end(&shown);
    return code;
}

static void report(const quantize_options *options, const job *j, uint64_t before, uint64_t after)
{
    char a[32], b[32];
    if (!options->common.json) {
        (void)fprintf(stderr, "run-model: %s: %s, %s → %s\n", options->out, j->mix->name,
                      tool_bytes_text(before, a), tool_bytes_text(after, b));
        return;
    }
    json_writer json = json_start(stdout);
    json_object(&json, NULL);
    json_text(&json, "file", options->out);
    json_text(&json, "quant", j->mix->name);
    json_u64(&json, "file_bytes", after);
    json_object(&json, "types");
    for (uint32_t type = 0; type < 64; type++) {
        uint64_t count = 0;
        for (size_t i = 0; i < ergo_gguf_tensor_count(j->gguf); i++)
            count += (uint32_t)type_of(j, ergo_gguf_tensor_at(j->gguf, i)) == type;
        if (count > 0)
            json_u64(&json, ergo_type_get(type)->name, count);
    }
    json_object_end(&json);
    json_object_end(&json);
    json_finish(&json);
}

/* The layers of the model, which the mixes ask for. */
static tool_exit find_model(const loaded *state, quant_model *out)
{
    const ergo_str arch = inspect_string(state->gguf, "general.architecture");
    char key[128];
    *out = (quant_model){
        .has_output = ergo_gguf_tensor_find(state->gguf, "output.weight") != NULL,
    };
    (void)snprintf(key, sizeof key, "%.*s.block_count", (int)arch.size, arch.data);
    if (ergo_gguf_u32(state->gguf, key, &out->layers) == ERGO_OK)
        return TOOL_DONE;
    tool_error("%s: no entry %s: not a language model", state->path, key);
    return TOOL_BAD_FILE;
}

static tool_exit quantize(const quantize_options *options, job *j, loaded *state)
{
    tool_exit code = find_model(state, &j->model);
    if (code == TOOL_DONE)
        code = gguf_write_open(options->out, &j->writer);
    if (code != TOOL_DONE)
        return code;
    j->gguf = state->gguf;
    code = write_description(j);
    if (code == TOOL_DONE)
        code = write_tensors(j);
    const uint64_t bytes = j->writer.file.size;
    if (code == TOOL_DONE)
        code = gguf_write_commit(&j->writer);
    else
        gguf_write_abandon(&j->writer);
    if (code == TOOL_INTERRUPTED)
        tool_error("interrupted; %s is not written", options->out);
    if (code == TOOL_DONE)
        report(options, j, state->map.bytes.size, bytes);
    return tool_flush(code);
}

int cmd_quantize(int argc, char **argv)
{
    quantize_options options = {.common = COMMON_OPTIONS_DEFAULT};
    int code = args_parse(&spec, argc, argv, &options, NULL);
    if (code != ARGS_GO_ON)
        return code;
    if (options.in == NULL || options.out == NULL || options.quant == NULL)
        return args_wrong(&spec, "-i, -o and --quant are needed");
    job j = {.mix = quant_mix_find(options.quant), .threads = options.common.threads};
    if (j.mix == NULL)
        return args_wrong(&spec, "--quant \"%s\" is not known", options.quant);
    if (out_file_is(options.in, options.out))
        return args_wrong(&spec, "-i and -o name the same file, %s", options.out);
    loaded state = {.path = NULL};
    code = load_gguf(&state, options.in, &options.common);
    if (code == TOOL_DONE)
        code = quantize(&options, &j, &state);
    load_close(&state);
    return code;
}
