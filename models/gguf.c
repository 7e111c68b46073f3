/* SPDX-License-Identifier: Apache-2.0 */
#include "ergo/gguf.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "models/gguf_file.h"
#include "runtime/base/arena.h"

/* Least bytes in the file: key of one byte, type and u8; and a tensor of one dimension. */
enum {
    KV_BYTES_MIN = 8 + 1 + 4 + 1,
    TENSOR_BYTES_MIN = 8 + 1 + 4 + 8 + 4 + 8,
};

ergo__gguf_shown ergo__gguf_show(ergo_str text)
{
    ergo__gguf_shown shown;
    const size_t room = sizeof shown.text - sizeof "...";
    const size_t n = text.size < room ? text.size : room;
    for (size_t i = 0; i < n; i++)
        shown.text[i] = text.data[i];
    /* A name from a file must neither break the line nor steer a terminal. */
    for (size_t i = 0; i < n; i++)
        if (shown.text[i] < ' ' || shown.text[i] > '~')
            shown.text[i] = '?';
    memcpy(shown.text + n, text.size > room ? "..." : "", text.size > room ? 4 : 1);
    return shown;
}

ergo_status ergo__gguf_fail(const ergo__gguf_reader *reader, ergo_status status, size_t offset,
                            const char *format, ...)
{
    char message[256];
    va_list args;
    va_start(args, format);
    if (vsnprintf(message, sizeof message, format, args) < 0)
        message[0] = '\0';
    va_end(args);
    const ergo_gguf *gguf = reader->gguf;
    if (!reader->kind)
        return ergo__fail(&gguf->log, status, "%s: %s, at byte %zu", gguf->name, message, offset);
    if (!reader->subject.size)
        return ergo__fail(&gguf->log, status, "%s: %s %zu: %s, at byte %zu", gguf->name,
                          reader->kind, reader->index, message, offset);
    return ergo__fail(&gguf->log, status, "%s: %s %zu \"%s\": %s, at byte %zu", gguf->name,
                      reader->kind, reader->index, ergo__gguf_show(reader->subject).text, message,
                      offset);
}

ergo_status ergo__gguf_truncated(const ergo__gguf_reader *reader, const char *field)
{
    return ergo__gguf_fail(reader, ERGO_E_FORMAT, reader->cursor.at,
                           "the file ends inside the %s (%zu bytes left)", field,
                           ergo__cursor_left(&reader->cursor));
}

ergo_status ergo__gguf_read_name(ergo__gguf_reader *reader, const char *field, uint64_t max,
                                 ergo_str *out)
{
    const size_t start = reader->cursor.at;
    uint64_t size;
    ergo_bytes bytes;
    if (!ergo__cursor_u64(&reader->cursor, &size))
        return ergo__gguf_truncated(reader, field);
    if (size == 0)
        return ergo__gguf_fail(reader, ERGO_E_FORMAT, start, "the %s is empty", field);
    if (size > ergo__cursor_left(&reader->cursor))
        return ergo__gguf_fail(reader, ERGO_E_FORMAT, start,
                               "the %s has %" PRIu64 " bytes, but the file only %zu more", field,
                               size, ergo__cursor_left(&reader->cursor));
    if (size > max)
        return ergo__gguf_fail(reader, ERGO_E_FORMAT, start,
                               "the %s has %" PRIu64 " bytes, above %" PRIu64, field, size, max);
    ergo__cursor_bytes(&reader->cursor, size, &bytes);
    reader->subject = (ergo_str){.data = bytes.data, .size = bytes.size};
    if (memchr(bytes.data, 0, bytes.size))
        return ergo__gguf_fail(reader, ERGO_E_FORMAT, start, "the %s contains a NUL byte", field);
    *out = reader->subject;
    return ERGO_OK;
}

static ergo_status check_version(const ergo__gguf_reader *reader, uint32_t version)
{
    const size_t offset = reader->cursor.at - sizeof version;
    if (version == 2 || version == 3)
        return ERGO_OK;
    if (version == 0)
        return ergo__gguf_fail(reader, ERGO_E_FORMAT, offset, "there is no GGUF version 0");
    if ((version & 0xffff) == 0)
        return ergo__gguf_fail(reader, ERGO_E_UNSUPPORTED, offset,
                               "version 0x%08" PRIx32 " is byte-swapped: this is a big-endian file",
                               version);
    return ergo__gguf_fail(reader, ERGO_E_UNSUPPORTED, offset,
                           "GGUF version %" PRIu32 " is not supported (2 and 3 are)", version);
}

static ergo_status read_count(ergo__gguf_reader *reader, const char *field, size_t bytes_min,
                              size_t *out)
{
    const size_t start = reader->cursor.at;
    uint64_t count;
    if (!ergo__cursor_u64(&reader->cursor, &count))
        return ergo__gguf_truncated(reader, field);
    const size_t room = ergo__cursor_left(&reader->cursor) / bytes_min;
    if (count > room)
        return ergo__gguf_fail(reader, ERGO_E_FORMAT, start,
                               "the %s is %" PRId64 ", but the file has room for %zu at most",
                               field, (int64_t)count, room);
    if (count > ERGO__GGUF_COUNT_MAX)
        return ergo__gguf_fail(reader, ERGO_E_LIMIT, start,
                               "the %s is %" PRIu64 ", above the limit of %" PRIu64, field, count,
                               ERGO__GGUF_COUNT_MAX);
    *out = (size_t)count;
    return ERGO_OK;
}

static ergo_status read_header(ergo__gguf_reader *reader)
{
    ergo_gguf *gguf = reader->gguf;
    ergo_bytes magic;
    if (!ergo__cursor_bytes(&reader->cursor, 4, &magic) || memcmp(magic.data, "GGUF", 4) != 0)
        return ergo__gguf_fail(reader, ERGO_E_FORMAT, 0,
                               "this is no GGUF file: it does not start with \"GGUF\"");
    if (!ergo__cursor_u32(&reader->cursor, &gguf->version))
        return ergo__gguf_truncated(reader, "version");
    ergo_status status = check_version(reader, gguf->version);
    if (!status)
        status = read_count(reader, "number of tensors", TENSOR_BYTES_MIN, &gguf->n_tensors);
    if (!status)
        status = read_count(reader, "number of metadata entries", KV_BYTES_MIN, &gguf->n_kv);
    return status;
}

/*
 * Reads and lays out the whole file. Over a counting arena the tables stay NULL: everything is
 * validated but what needs them.
 */
static ergo_status load(ergo_bytes file, const ergo_gguf_config *config, ergo__arena *arena,
                        ergo_gguf **out)
{
    ergo_gguf gguf = {.log = config ? config->log : (ergo_log){0}, .alignment = 32};
    snprintf(gguf.name, sizeof gguf.name, "%s", config && config->name ? config->name : "model");
    ergo__gguf_reader reader = {.cursor = ergo__cursor_over(file), .gguf = &gguf};
    ergo_status status = read_header(&reader);
    if (status)
        return status;
    ergo_gguf *object = ERGO__TAKE(arena, ergo_gguf, 1);
    gguf.kv = ERGO__TAKE(arena, ergo_gguf_kv, gguf.n_kv);
    gguf.tensors = ERGO__TAKE(arena, ergo_tensor, gguf.n_tensors);
    gguf.kv_order = ERGO__TAKE(arena, uint32_t, gguf.n_kv);
    gguf.tensor_order = ERGO__TAKE(arena, uint32_t, gguf.n_tensors);
    status = ergo__arena_status(arena);
    if (status)
        return ergo__fail(&gguf.log, status,
                          "%s: the block of memory is missing, misaligned or too small", gguf.name);
    status = ergo__gguf_read_metadata(&reader);
    if (!status)
        status = ergo__gguf_read_tensors(&reader);
    if (status || !out)
        return status;
    status = ergo__gguf_order_kv(&reader);
    if (!status)
        status = ergo__gguf_order_tensors(&reader);
    if (status)
        return status;
    *object = gguf;
    *out = object;
    return ERGO_OK;
}

ergo_status ergo_gguf_size(ergo_bytes file, const ergo_gguf_config *config, size_t *size)
{
    if (!size || (!file.data && file.size))
        return ERGO_E_ARGUMENT;
    ergo__arena arena = ergo__arena_counting();
    const ergo_status status = load(file, config, &arena, NULL);
    if (!status)
        *size = arena.used;
    return status;
}

ergo_status ergo_gguf_open(ergo_bytes file, const ergo_gguf_config *config, ergo_block memory,
                           ergo_gguf **out)
{
    if (!out || (!file.data && file.size))
        return ERGO_E_ARGUMENT;
    ergo__arena arena = ergo__arena_over(memory);
    return load(file, config, &arena, out);
}

uint32_t ergo_gguf_version(const ergo_gguf *gguf)
{
    return gguf->version;
}

uint32_t ergo_gguf_alignment(const ergo_gguf *gguf)
{
    return gguf->alignment;
}

size_t ergo_gguf_kv_count(const ergo_gguf *gguf)
{
    return gguf->n_kv;
}

size_t ergo_gguf_tensor_count(const ergo_gguf *gguf)
{
    return gguf->n_tensors;
}

const ergo_gguf_kv *ergo_gguf_kv_at(const ergo_gguf *gguf, size_t i)
{
    return i < gguf->n_kv ? &gguf->kv[i] : NULL;
}

const ergo_tensor *ergo_gguf_tensor_at(const ergo_gguf *gguf, size_t i)
{
    return i < gguf->n_tensors ? &gguf->tensors[i] : NULL;
}
