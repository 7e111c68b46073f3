/* SPDX-License-Identifier: Apache-2.0 */
#include "models/builder.h"

#include <stdio.h>

#include "ergo/pack.h"
#include "runtime/base/log.h"

#define KEY_MAX 128

#define LAYERS_MAX 512u
#define EMBEDDING_MAX (1u << 20)
#define CONTEXT_MAX (1u << 28)

void ergo__build_fail(ergo__builder *builder, ergo_status status, const char *format, ...)
{
    if (builder->status != ERGO_OK)
        return;
    char text[ERGO__LOG_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    builder->status = ergo__fail(builder->log, status, "%s: %s", builder->name, text);
}

/* ---- Hyperparameters ----------------------------------------------------------------------- */

static const ergo_gguf_kv *find_key(const ergo__builder *builder, const char *key)
{
    char full[KEY_MAX];
    snprintf(full, sizeof full, "%.*s.%s", (int)builder->arch.size, builder->arch.data, key);
    return ergo_gguf_kv_find(builder->gguf, full);
}

static bool is_integer(ergo_gguf_type type)
{
    return type != ERGO_GGUF_F32 && type != ERGO_GGUF_F64 && type != ERGO_GGUF_BOOL &&
           type != ERGO_GGUF_STRING && type != ERGO_GGUF_ARRAY;
}

/* Element `index` of an integer entry; a scalar answers for every index. */
static uint32_t integer_at(ergo__builder *builder, const ergo_gguf_kv *kv, uint32_t index)
{
    const int name = (int)kv->key.size;
    if (!is_integer(kv->type)) {
        ergo__build_fail(builder, ERGO_E_FORMAT, "%.*s is not an integer", name, kv->key.data);
        return 0;
    }
    if (kv->is_array && index >= kv->count) {
        ergo__build_fail(builder, ERGO_E_FORMAT, "%.*s has %llu elements, layer %u has none", name,
                         kv->key.data, (unsigned long long)kv->count, index);
        return 0;
    }
    const int64_t value = ergo_gguf_int_at(kv, kv->is_array ? index : 0);
    if (value < 0 || value > UINT32_MAX) {
        ergo__build_fail(builder, ERGO_E_FORMAT, "%.*s is %lld", name, kv->key.data,
                         (long long)value);
        return 0;
    }
    return (uint32_t)value;
}

uint32_t ergo__build_u32(ergo__builder *builder, const char *key, uint32_t fallback)
{
    const ergo_gguf_kv *kv = find_key(builder, key);
    return kv ? integer_at(builder, kv, 0) : fallback;
}

float ergo__build_f32(ergo__builder *builder, const char *key, float fallback)
{
    const ergo_gguf_kv *kv = find_key(builder, key);
    if (!kv)
        return fallback;
    if (kv->is_array || (kv->type != ERGO_GGUF_F32 && kv->type != ERGO_GGUF_F64)) {
        ergo__build_fail(builder, ERGO_E_FORMAT, "%.*s is not a number", (int)kv->key.size,
                         kv->key.data);
        return fallback;
    }
    const double value = ergo_gguf_float_at(kv, 0);
    if (!(value > -3e38 && value < 3e38)) {
        ergo__build_fail(builder, ERGO_E_FORMAT, "%.*s is not finite", (int)kv->key.size,
                         kv->key.data);
        return fallback;
    }
    return (float)value;
}

bool ergo__build_is_array(const ergo__builder *builder, const char *key)
{
    const ergo_gguf_kv *kv = find_key(builder, key);
    return kv && kv->is_array;
}

bool ergo__build_flag(ergo__builder *builder, const char *key, uint32_t layer, bool fallback)
{
    const ergo_gguf_kv *kv = find_key(builder, key);
    if (!kv)
        return fallback;
    if (kv->type != ERGO_GGUF_BOOL)
        return integer_at(builder, kv, layer) != 0;
    if (kv->is_array && layer >= kv->count)
        ergo__build_fail(builder, ERGO_E_FORMAT, "%.*s has %llu elements, layer %u has none",
                         (int)kv->key.size, kv->key.data, (unsigned long long)kv->count, layer);
    return ergo_gguf_int_at(kv, kv->is_array ? layer : 0) != 0;
}

/* Like ergo__build_u32, but the key must be there and its value lie in [1, max]. */
static uint32_t required(ergo__builder *builder, const char *key, uint32_t layer, uint32_t max)
{
    const ergo_gguf_kv *kv = find_key(builder, key);
    if (!kv) {
        ergo__build_fail(builder, ERGO_E_FORMAT, "%.*s.%s is missing", (int)builder->arch.size,
                         builder->arch.data, key);
        return 1;
    }
    const uint32_t value = integer_at(builder, kv, layer);
    if (value < 1 || value > max) {
        ergo__build_fail(builder, ERGO_E_FORMAT, "%.*s is %u, not in 1..%u", (int)kv->key.size,
                         kv->key.data, value, max);
        return 1;
    }
    return value;
}

ergo__heads ergo__build_heads(ergo__builder *builder, uint32_t layer)
{
    ergo__heads heads = {required(builder, "attention.head_count", layer, EMBEDDING_MAX), 0};
    heads.kv_heads = heads.heads;
    if (find_key(builder, "attention.head_count_kv"))
        heads.kv_heads = required(builder, "attention.head_count_kv", layer, EMBEDDING_MAX);
    if (heads.heads % heads.kv_heads != 0)
        ergo__build_fail(builder, ERGO_E_FORMAT,
                         "layer %u: %u heads cannot share %u key and value heads", layer,
                         heads.heads, heads.kv_heads);
    return heads;
}

uint32_t ergo__build_feed_forward(ergo__builder *builder, uint32_t layer)
{
    return required(builder, "feed_forward_length", layer, EMBEDDING_MAX);
}

static uint32_t read_head_dim(ergo__builder *builder)
{
    const ergo__heads heads = ergo__build_heads(builder, 0);
    const uint32_t fallback = builder->hparams.embedding / heads.heads;
    const uint32_t key = ergo__build_u32(builder, "attention.key_length", fallback);
    const uint32_t value = ergo__build_u32(builder, "attention.value_length", fallback);
    if (key != value)
        ergo__build_fail(builder, ERGO_E_UNSUPPORTED,
                         "keys of %u elements with values of %u are not supported", key, value);
    if (key == 0 || key > EMBEDDING_MAX / heads.heads)
        ergo__build_fail(builder, ERGO_E_FORMAT, "attention.key_length is %u", key);
    return key;
}

void ergo__build_hparams(ergo__builder *builder)
{
    ergo__hparams *h = &builder->hparams;
    h->layers = required(builder, "block_count", 0, LAYERS_MAX);
    h->embedding = required(builder, "embedding_length", 0, EMBEDDING_MAX);
    h->context = required(builder, "context_length", 0, CONTEXT_MAX);
    h->head_dim = read_head_dim(builder);
    h->norm_epsilon = ergo__build_f32(builder, "attention.layer_norm_rms_epsilon", -1.0f);
    if (!(h->norm_epsilon >= 0.0f && h->norm_epsilon < 1.0f))
        ergo__build_fail(builder, ERGO_E_FORMAT,
                         "attention.layer_norm_rms_epsilon is missing or out of range");
    if (ergo__build_u32(builder, "expert_count", 0) != 0)
        ergo__build_fail(builder, ERGO_E_UNSUPPORTED, "mixtures of experts are not supported");
    const ergo_tensor *table = ergo_gguf_tensor_find(builder->gguf, "token_embd.weight");
    if (!table || table->n_dims != 2 || table->shape[1] > INT32_MAX)
        ergo__build_fail(builder, ERGO_E_FORMAT, "token_embd.weight is missing or no matrix");
    else
        h->vocabulary = (uint32_t)table->shape[1];
}

/* ---- Weights ------------------------------------------------------------------------------- */

static const char *layer_name(char buffer[ERGO__TENSOR_NAME_MAX], uint32_t layer, const char *name)
{
    snprintf(buffer, ERGO__TENSOR_NAME_MAX, "blk.%u.%s", layer, name);
    return buffer;
}

bool ergo__build_has(const ergo__builder *builder, const char *name)
{
    return ergo_gguf_tensor_find(builder->gguf, name) != NULL;
}

bool ergo__build_layer_has(const ergo__builder *builder, uint32_t layer, const char *name)
{
    char buffer[ERGO__TENSOR_NAME_MAX];
    return ergo__build_has(builder, layer_name(buffer, layer, name));
}

uint64_t ergo__build_layer_rows(const ergo__builder *builder, uint32_t layer, const char *name)
{
    char buffer[ERGO__TENSOR_NAME_MAX];
    const ergo_tensor *tensor =
        ergo_gguf_tensor_find(builder->gguf, layer_name(buffer, layer, name));
    return tensor ? tensor->shape[1] : 0;
}

/* The tensor with exactly this shape, or NULL with the failure kept. */
static const ergo_tensor *find_tensor(ergo__builder *builder, const char *name, uint32_t columns,
                                      uint32_t rows)
{
    const ergo_tensor *tensor = ergo_gguf_tensor_find(builder->gguf, name);
    if (!tensor) {
        ergo__build_fail(builder, ERGO_E_FORMAT, "tensor %s is missing", name);
        return NULL;
    }
    if (tensor->shape[0] != columns || tensor->shape[1] != rows || tensor->shape[2] != 1 ||
        tensor->shape[3] != 1) {
        ergo__build_fail(builder, ERGO_E_FORMAT, "tensor %s is %llu x %llu, expected %u x %u", name,
                         (unsigned long long)tensor->shape[0], (unsigned long long)tensor->shape[1],
                         columns, rows);
        return NULL;
    }
    return tensor;
}

/* Rows, or strips. */
static uint64_t lines_of(const ergo_tensor *tensor)
{
    return tensor->packed ? (tensor->shape[1] - 1) / ERGO_PACKED_ROWS + 1 : tensor->shape[1];
}

ergo__weight ergo__build_matrix(ergo__builder *builder, const char *name, uint32_t rows,
                                uint32_t columns)
{
    if (builder->status != ERGO_OK)
        return (ergo__weight){0};
    const ergo_tensor *tensor = find_tensor(builder, name, columns, rows);
    if (!tensor)
        return (ergo__weight){0};
    return (ergo__weight){.data = tensor->bytes.data,
                          .name = tensor->name,
                          .type = tensor->type,
                          .rows = rows,
                          .columns = columns,
                          .packed = tensor->packed,
                          .row_bytes = tensor->bytes.size / (size_t)lines_of(tensor)};
}

ergo__weight ergo__build_layer_matrix(ergo__builder *builder, uint32_t layer, const char *name,
                                      uint32_t rows, uint32_t columns)
{
    char buffer[ERGO__TENSOR_NAME_MAX];
    return ergo__build_matrix(builder, layer_name(buffer, layer, name), rows, columns);
}

ergo__weight ergo__build_slice(ergo__builder *builder, ergo__weight whole, uint32_t first,
                               uint32_t rows)
{
    ergo__weight slice = whole;
    slice.rows = rows;
    if (!whole.data)
        return slice;
    if (whole.packed && first % ERGO_PACKED_ROWS != 0)
        ergo__build_fail(builder, ERGO_E_FORMAT,
                         "tensor %.*s is packed, but a part of it begins at row %u, inside a strip",
                         (int)whole.name.size, whole.name.data, first);
    slice.data += (size_t)(whole.packed ? first / ERGO_PACKED_ROWS : first) * whole.row_bytes;
    return slice;
}

const float *ergo__build_vector(ergo__builder *builder, const char *name, uint32_t size)
{
    if (builder->status != ERGO_OK)
        return NULL;
    const ergo_tensor *tensor = find_tensor(builder, name, size, 1);
    if (!tensor)
        return NULL;
    if (tensor->packed) {
        ergo__build_fail(builder, ERGO_E_FORMAT, "tensor %s is packed, but it is a vector", name);
        return NULL;
    }
    float *vector = ERGO__TAKE_LINE(builder->arena, float, size);
    if (vector && ergo_dequantize(tensor->type, tensor->bytes.data, vector, size) != ERGO_OK)
        ergo__build_fail(builder, ERGO_E_FORMAT, "tensor %s cannot be decoded", name);
    return vector;
}

const float *ergo__build_layer_vector(ergo__builder *builder, uint32_t layer, const char *name,
                                      uint32_t size)
{
    char buffer[ERGO__TENSOR_NAME_MAX];
    return ergo__build_vector(builder, layer_name(buffer, layer, name), size);
}

const float *ergo__build_layer_vector_if(ergo__builder *builder, uint32_t layer, const char *name,
                                         uint32_t size)
{
    if (!ergo__build_layer_has(builder, layer, name))
        return NULL;
    return ergo__build_layer_vector(builder, layer, name, size);
}
