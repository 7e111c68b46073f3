/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tools/gguf_write.h"
#include "tools/inspect_file.h"
#include "tools/interrupt.h"
#include "tools/load.h"
#include "tools/parallel.h"
#include "tools/progress.h"

typedef struct pack_options {
    common_options common;
    const char *in, *out;
} pack_options;

#define FIELD(name) offsetof(pack_options, name)
static const args_option table[] = {
    {"in", 'i', ARGS_TEXT, FIELD(in), "FILE", "a GGUF file", 0, 0, NULL},
    {"out", 'o', ARGS_TEXT, FIELD(out), "FILE", "the file to write", 0, 0, NULL},
};

static const args_spec spec = {
    .command = "pack",
    .usage = "pack -i FILE -o FILE [--json]",
    .about =
        "Writes the model with its matrices in the order in which kernels read them. Such a file "
        "is\n"
        "used in place: it opens at once and needs no second copy of the weights, and what it "
        "says\n"
        "is the same to the bit. It is a GGUF file whose packed tensors have type ids of ergo's "
        "own,\n"
        "so other programs refuse it. Metadata and what cannot be packed stay as they are. The "
        "file\n"
        "appears under its name when it is complete.\n"
        "JSON: {\"file\", \"file_bytes\", \"packed\", \"tensors\"}, the last two of them counts.",
    .examples = "  run-model pack -i model-q4.gguf -o model-q4.packed.gguf\n"
                "  run-model generate -m model-q4.packed.gguf -p \"Hello\"",
    .groups = {{"Options", table, sizeof table / sizeof *table, 0}, COMMON_GROUP(pack_options)},
};

/* Packed bytes that are made before they are written. */
#define BYTES_AT_ONCE ((uint64_t)8 << 20)

/* Some rows of one tensor: a whole number of strips, but for the last rows of all. */
typedef struct part {
    const ergo_tensor *tensor;
    const unsigned char *from;
    uint64_t rows;
    uint64_t row_bytes; /* of the plain tensor */
    uint64_t strip_bytes;
    unsigned char *to;
} part;

typedef struct job {
    const loaded *state;
    gguf_writer writer;
    uint32_t threads;
    uint64_t packed; /* tensors */
    ergo_block buffer;
} job;

static uint64_t strips_of(uint64_t rows)
{
    return (rows + ERGO_PACKED_ROWS - 1) / ERGO_PACKED_ROWS;
}

/* What the model multiplies by was seen to have a size when the model was opened. */
static uint64_t packed_bytes(const ergo_tensor *tensor, uint64_t rows)
{
    uint64_t bytes = 0;
    (void)ergo_packed_size(tensor->type, tensor->shape[0], rows, &bytes);
    return bytes;
}

/* Entries that pack writes anew. */
static bool is_own(ergo_str key)
{
    static const char *const keys[] = {"general.alignment", ERGO_PACKED_KEY};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (key.size == strlen(keys[i]) && memcmp(key.data, keys[i], key.size) == 0)
            return true;
    return false;
}

static tool_exit write_description(job *j)
{
    const ergo_gguf *gguf = j->state->gguf;
    for (size_t i = 0; i < ergo_gguf_kv_count(gguf); i++) {
        const ergo_gguf_kv *kv = ergo_gguf_kv_at(gguf, i);
        if (!is_own(kv->key))
            gguf_write_entry(&j->writer, kv);
    }
    gguf_write_align(&j->writer, ERGO_BLOCK_ALIGN);
    gguf_write_u32(&j->writer, ERGO_PACKED_KEY, ERGO_PACKED_VERSION);
    for (size_t i = 0; i < ergo_gguf_tensor_count(gguf); i++) {
        const ergo_tensor *tensor = ergo_gguf_tensor_at(gguf, i);
        if (tensor->packed) {
            tool_error("%s is packed already", j->state->path);
            return TOOL_BAD_FILE;
        }
        if (!ergo_model_packs(j->state->model, tensor)) {
            gguf_write_tensor(&j->writer, tensor->name, tensor->type, tensor->n_dims,
                              tensor->shape);
            continue;
        }
        gguf_write_tensor_bytes(&j->writer, tensor->name,
                                (uint32_t)tensor->type + ERGO_PACKED_TYPE_ID, tensor->n_dims,
                                tensor->shape, packed_bytes(tensor, tensor->shape[1]));
        j->packed++;
    }
    gguf_write_header(&j->writer);
    return TOOL_DONE;
}

/* Packs thread i's share of the strips. */
static void pack_share(void *user, uint32_t i, uint32_t count)
{
    const part *p = user;
    const uint64_t strips = strips_of(p->rows);
    const uint64_t first = strips * i / count, end = strips * (i + 1) / count;
    const uint64_t row = first * ERGO_PACKED_ROWS;
    const uint64_t last = end * ERGO_PACKED_ROWS < p->rows ? end * ERGO_PACKED_ROWS : p->rows;
    if (row < last) /* rows of a tensor that can be packed: there is nothing that could fail */
        (void)ergo_pack(p->tensor->type, p->from + row * p->row_bytes, p->tensor->shape[0],
                        last - row, p->to + first * p->strip_bytes);
}

/* The buffer for parts of tensors with strips of this size: at least one strip. */
static tool_exit make_room(job *j, uint64_t strip_bytes)
{
    const uint64_t size = strip_bytes > BYTES_AT_ONCE ? strip_bytes : BYTES_AT_ONCE;
    if (size <= j->buffer.size)
        return TOOL_DONE;
    free(j->buffer.data);
    j->buffer = tool_block((size_t)size);
    return j->buffer.data == NULL ? TOOL_FAILED : TOOL_DONE;
}

static tool_exit write_packed(job *j, const ergo_tensor *tensor)
{
    const uint64_t strip_bytes = packed_bytes(tensor, 1);
    if (make_room(j, strip_bytes) != TOOL_DONE)
        return TOOL_FAILED;
    const uint64_t rows_at_once = j->buffer.size / strip_bytes * ERGO_PACKED_ROWS;
    const unsigned char *from = tensor->bytes.data;
    part p = {.tensor = tensor,
              .row_bytes = tensor->bytes.size / tensor->shape[1],
              .strip_bytes = strip_bytes,
              .to = j->buffer.data};
    for (uint64_t left = tensor->shape[1]; left > 0; left -= p.rows) {
        if (interrupt_requested())
            return TOOL_INTERRUPTED;
        p.from = from;
        p.rows = left < rows_at_once ? left : rows_at_once;
        parallel_run(j->threads, pack_share, &p);
        gguf_write_data(&j->writer, p.to, (size_t)packed_bytes(tensor, p.rows));
        from += p.rows * p.row_bytes;
    }
    return TOOL_DONE;
}

static tool_exit write_tensors(job *j)
{
    const ergo_gguf *gguf = j->state->gguf;
    const uint64_t total = inspect_parameters(gguf);
    progress shown = progress_start("pack");
    tool_exit code = TOOL_DONE;
    uint64_t done = 0;
    for (size_t i = 0; code == TOOL_DONE && i < ergo_gguf_tensor_count(gguf); i++) {
        const ergo_tensor *tensor = ergo_gguf_tensor_at(gguf, i);
        if (ergo_model_packs(j->state->model, tensor))
            code = write_packed(j, tensor);
        else
            gguf_write_data(&j->writer, tensor->bytes.data, tensor->bytes.size);
        gguf_write_tensor_end(&j->writer);
        file_map_release.bytes(file_map_release.user, tensor->bytes.data, tensor->bytes.size);
        done += tensor->elements;
        progress_show(&shown, (double)done / (double)total, NULL);
        if (code == TOOL_DONE && j->writer.file.failed)
            code = TOOL_FAILED;
    }
    progress_end(&shown);
    free(j->buffer.data);
    return code;
}

static void report(const pack_options *options, const job *j, uint64_t after)
{
    const size_t tensors = ergo_gguf_tensor_count(j->state->gguf);
    char a[32], b[32];
    if (!options->common.json) {
        (void)fprintf(stderr, "run-model: %s: %llu of %zu tensors packed, %s → %s\n", options->out,
                      (unsigned long long)j->packed, tensors,
                      tool_bytes_text(j->state->map.bytes.size, a), tool_bytes_text(after, b));
        return;
    }
    json_writer json = json_start(stdout);
    json_object(&json, NULL);
    json_text(&json, "file", options->out);
    json_u64(&json, "file_bytes", after);
    json_u64(&json, "packed", j->packed);
    json_u64(&json, "tensors", tensors);
    json_object_end(&json);
    json_finish(&json);
}

static tool_exit pack(const pack_options *options, job *j)
{
    tool_exit code = gguf_write_open(options->out, &j->writer);
    if (code != TOOL_DONE)
        return code;
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
        report(options, j, bytes);
    return tool_flush(code);
}

int cmd_pack(int argc, char **argv)
{
    pack_options options = {.common = COMMON_OPTIONS_DEFAULT};
    int code = args_parse(&spec, argc, argv, &options, NULL);
    if (code != ARGS_GO_ON)
        return code;
    if (options.in == NULL || options.out == NULL)
        return args_wrong(&spec, "-i and -o are needed");
    if (out_file_is(options.in, options.out))
        return args_wrong(&spec, "-i and -o name the same file, %s", options.out);
    loaded state = {.path = NULL};
    code = load_model(&state, options.in, &options.common);
    job j = {.state = &state,
             .threads = options.common.threads != 0 ? options.common.threads : parallel_cpus()};
    if (code == TOOL_DONE)
        code = pack(&options, &j);
    load_close(&state);
    return code;
}
