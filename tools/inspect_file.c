/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/inspect_file.h"

#include <inttypes.h>
#include <string.h>

#include "tools/tool.h"

#define SHOWN_ELEMENTS 6u
#define SHOWN_BYTES 72u

static const char *type_name(ergo_gguf_type type)
{
    static const char *const names[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                        "bool", "string", "array", "u64", "i64", "f64"};
    return (size_t)type < sizeof names / sizeof *names ? names[type] : "?";
}

static bool is_float(ergo_gguf_type type)
{
    return type == ERGO_GGUF_F32 || type == ERGO_GGUF_F64;
}

void inspect_text_print(ergo_str text, bool quoted)
{
    const unsigned char *at = (const unsigned char *)text.data;
    size_t left = text.size;
    (void)fputs(quoted ? "\"" : "", stdout);
    while (left > 0 && text.size - left < SHOWN_BYTES) {
        const int step = json_utf8_next(at, left);
        const size_t size = (size_t)(step < 0 ? -step : step);
        if (*at == '\n')
            (void)fputs("\\n", stdout);
        else if (step < 0 || *at < 0x20 || *at == 0x7f || (*at == 0xc2 && at[1] < 0xa0))
            (void)fputs("\xef\xbf\xbd", stdout);
        else
            (void)fwrite(at, 1, size, stdout);
        at += size;
        left -= size;
    }
    (void)fputs(left > 0 ? "…" : "", stdout);
    (void)fputs(quoted ? "\"" : "", stdout);
}

static void print_value(const ergo_gguf_kv *kv, uint64_t i, size_t *offset)
{
    if (kv->type == ERGO_GGUF_STRING)
        inspect_text_print(ergo_gguf_str_next(kv, offset), true);
    else if (kv->type == ERGO_GGUF_BOOL)
        (void)fputs(ergo_gguf_int_at(kv, i) != 0 ? "true" : "false", stdout);
    else if (is_float(kv->type))
        (void)printf("%g", ergo_gguf_float_at(kv, i));
    else if (kv->type == ERGO_GGUF_U64)
        (void)printf("%" PRIu64, (uint64_t)ergo_gguf_int_at(kv, i));
    else
        (void)printf("%" PRId64, ergo_gguf_int_at(kv, i));
}

void inspect_metadata_print(const ergo_gguf *gguf)
{
    for (size_t i = 0; i < ergo_gguf_kv_count(gguf); i++) {
        const ergo_gguf_kv *kv = ergo_gguf_kv_at(gguf, i);
        size_t offset = 0;
        (void)fputs("  ", stdout);
        inspect_text_print(kv->key, false);
        (void)fputs(" = ", stdout);
        if (kv->is_array)
            (void)printf("%" PRIu64 " %s [", kv->count, type_name(kv->type));
        for (uint64_t k = 0; k < kv->count && k < SHOWN_ELEMENTS; k++) {
            (void)fputs(k == 0 ? "" : ", ", stdout);
            print_value(kv, k, &offset);
        }
        if (kv->is_array)
            (void)fputs(kv->count > SHOWN_ELEMENTS ? ", …]" : "]", stdout);
        (void)putchar('\n');
    }
}

static void value_json(const ergo_gguf_kv *kv, uint64_t i, const char *key, size_t *offset,
                       json_writer *json)
{
    if (kv->type == ERGO_GGUF_STRING)
        json_str(json, key, ergo_gguf_str_next(kv, offset));
    else if (kv->type == ERGO_GGUF_BOOL)
        json_bool(json, key, ergo_gguf_int_at(kv, i) != 0);
    else if (is_float(kv->type))
        json_double(json, key, ergo_gguf_float_at(kv, i));
    else if (kv->type == ERGO_GGUF_U64)
        json_u64(json, key, (uint64_t)ergo_gguf_int_at(kv, i));
    else
        json_i64(json, key, ergo_gguf_int_at(kv, i));
}

void inspect_metadata_json(const ergo_gguf *gguf, json_writer *json)
{
    json_object(json, "metadata");
    for (size_t i = 0; i < ergo_gguf_kv_count(gguf); i++) {
        const ergo_gguf_kv *kv = ergo_gguf_kv_at(gguf, i);
        char key[256];
        size_t offset = 0;
        (void)snprintf(key, sizeof key, "%.*s", (int)kv->key.size, kv->key.data);
        if (!kv->is_array) {
            value_json(kv, 0, key, &offset, json);
            continue;
        }
        json_object(json, key);
        json_text(json, "type", type_name(kv->type));
        json_u64(json, "count", kv->count);
        json_array(json, "first");
        for (uint64_t k = 0; k < kv->count && k < SHOWN_ELEMENTS; k++)
            value_json(kv, k, NULL, &offset, json);
        json_array_end(json);
        json_object_end(json);
    }
    json_object_end(json);
}

static const char *tensor_type_name(const ergo_tensor *tensor)
{
    const ergo_type_info *info = ergo_type_get((uint32_t)tensor->type);
    return info == NULL ? "?" : info->name;
}

void inspect_tensors_print(const ergo_gguf *gguf)
{
    char size[32];
    for (size_t i = 0; i < ergo_gguf_tensor_count(gguf); i++) {
        const ergo_tensor *tensor = ergo_gguf_tensor_at(gguf, i);
        const int pad = tensor->name.size < 28 ? 28 - (int)tensor->name.size : 0;
        (void)fputs("  ", stdout);
        inspect_text_print(tensor->name, false);
        (void)printf("%*s %-6s ", pad, "", tensor_type_name(tensor));
        for (uint32_t d = 0; d < tensor->n_dims; d++)
            (void)printf("%s%" PRIu64, d == 0 ? "" : " × ", tensor->shape[d]);
        (void)printf("%s, %s\n", tensor->packed ? ", packed" : "",
                     tool_bytes_text(tensor->bytes.size, size));
    }
}

void inspect_tensors_json(const ergo_gguf *gguf, json_writer *json)
{
    json_array(json, "tensors");
    for (size_t i = 0; i < ergo_gguf_tensor_count(gguf); i++) {
        const ergo_tensor *tensor = ergo_gguf_tensor_at(gguf, i);
        json_object(json, NULL);
        json_str(json, "name", tensor->name);
        json_text(json, "type", tensor_type_name(tensor));
        json_array(json, "shape");
        for (uint32_t d = 0; d < tensor->n_dims; d++)
            json_u64(json, NULL, tensor->shape[d]);
        json_array_end(json);
        json_u64(json, "bytes", tensor->bytes.size);
        json_bool(json, "packed", tensor->packed);
        json_object_end(json);
    }
    json_array_end(json);
}

uint64_t inspect_parameters(const ergo_gguf *gguf)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < ergo_gguf_tensor_count(gguf); i++)
        sum += ergo_gguf_tensor_at(gguf, i)->elements;
    return sum;
}

ergo_str inspect_string(const ergo_gguf *gguf, const char *key)
{
    ergo_str text = {"", 0};
    const ergo_gguf_kv *kv = ergo_gguf_kv_find(gguf, key);
    if (kv != NULL && kv->type == ERGO_GGUF_STRING && !kv->is_array)
        (void)ergo_gguf_str(gguf, key, &text);
    return text;
}
