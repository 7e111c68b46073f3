/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fakes/packed_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The numbers of docs/FORMAT.md, written out. */
#define KEY "ergo.packed.version"
#define VERSION 1u
#define TYPE_ID 10000u
#define ALIGN 64u

static void need(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "packed_model: %s\n", what);
        exit(2);
    }
}

static void put_entries(const ergo_gguf *gguf, gguf_builder *out)
{
    for (size_t i = 0; i < ergo_gguf_kv_count(gguf); i++) {
        const ergo_gguf_kv *kv = ergo_gguf_kv_at(gguf, i);
        char key[256];
        need(kv->key.size < sizeof key, "a long key");
        memcpy(key, kv->key.data, kv->key.size);
        key[kv->key.size] = '\0';
        need(strcmp(key, "general.alignment") != 0, "an alignment");
        if (kv->is_array)
            gguf_put_kv_array(out, key, (uint32_t)kv->type, kv->count);
        else
            gguf_put_key(out, key, (uint32_t)kv->type);
        gguf_put(out, kv->payload.data, kv->payload.size);
    }
    gguf_put_kv_u32(out, "general.alignment", ALIGN);
    gguf_put_kv_u32(out, KEY, VERSION);
}

static uint64_t bytes_of(const test_model *m, const ergo_tensor *tensor)
{
    uint64_t size = tensor->bytes.size;
    if (ergo_model_packs(m->model, tensor))
        need(ergo_packed_size(tensor->type, tensor->shape[0], tensor->shape[1], &size) == ERGO_OK,
             "no size");
    return size;
}

static void put_data(const test_model *m, const ergo_tensor *tensor, gguf_builder *out)
{
    if (!ergo_model_packs(m->model, tensor)) {
        gguf_put(out, tensor->bytes.data, tensor->bytes.size);
        return;
    }
    ergo_block block = test_block_open((size_t)bytes_of(m, tensor));
    need(ergo_pack(tensor->type, tensor->bytes.data, tensor->shape[0], tensor->shape[1],
                   block.data) == ERGO_OK,
         "not packed");
    gguf_put(out, block.data, block.size);
    test_block_close(&block);
}

size_t packed_model_write(const test_model *plain, gguf_builder *out)
{
    const ergo_gguf *gguf = plain->gguf;
    const size_t tensors = ergo_gguf_tensor_count(gguf);
    size_t packed = 0;
    uint64_t offset = 0;
    gguf_put_header(out, 3, tensors, ergo_gguf_kv_count(gguf) + 2);
    put_entries(gguf, out);
    for (size_t i = 0; i < tensors; i++) {
        const ergo_tensor *tensor = ergo_gguf_tensor_at(gguf, i);
        const bool packs = ergo_model_packs(plain->model, tensor);
        char name[64];
        memcpy(name, tensor->name.data, tensor->name.size);
        name[tensor->name.size] = '\0';
        gguf_put_tensor(out, name, tensor->n_dims, tensor->shape,
                        (uint32_t)tensor->type + (packs ? TYPE_ID : 0), offset);
        offset += (bytes_of(plain, tensor) + ALIGN - 1) / ALIGN * ALIGN;
        packed += packs;
    }
    gguf_put_padding(out, ALIGN);
    for (size_t i = 0; i < tensors; i++) {
        put_data(plain, ergo_gguf_tensor_at(gguf, i), out);
        gguf_put_padding(out, ALIGN);
    }
    return packed;
}
