/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fault/gguf_refusal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/gguf_walk.h"

static void record(void *user, ergo_log_level level, const char *message)
{
    gguf_opened *opened = user;
    assert_int_equal(level, ERGO_LOG_ERROR);
    opened->lines++;
    snprintf(opened->last, sizeof opened->last, "%s", message);
}

ergo_status gguf_open_copy(ergo_bytes file, gguf_opened *opened)
{
    *opened = (gguf_opened){0};
    const ergo_gguf_config config = {.log = {.write = record, .user = opened}, .name = "bad.gguf"};
    size_t size = 0;
    opened->copy = malloc(file.size ? file.size : 1);
    assert_non_null(opened->copy);
    if (file.size)
        memcpy(opened->copy, file.data, file.size);
    const ergo_bytes bytes = {.data = opened->copy, .size = file.size};
    const ergo_status status = ergo_gguf_size(bytes, &config, &size);
    if (status) {
        assert_int_equal(size, 0);
        return status;
    }
    opened->memory = aligned_alloc(ERGO_BLOCK_ALIGN, (size + 63) & ~(size_t)63);
    assert_non_null(opened->memory);
    return ergo_gguf_open(bytes, &config, (ergo_block){opened->memory, size}, &opened->gguf);
}

void gguf_close_copy(gguf_opened *opened)
{
    free(opened->copy);
    free(opened->memory);
    *opened = (gguf_opened){0};
}

void assert_bytes_refused(ergo_bytes file, ergo_status status, const char *text, long at)
{
    gguf_opened opened;
    char offset[32];
    const ergo_status got = gguf_open_copy(file, &opened);
    snprintf(offset, sizeof offset, ", at byte %ld", at);
    const size_t length = strlen(opened.last), suffix = strlen(offset);
    const bool at_offset =
        at < 0 || (length > suffix && strcmp(opened.last + length - suffix, offset) == 0);
    if (got != status || opened.lines != 1 || !strstr(opened.last, text) || !at_offset)
        fail_msg("wanted %s, \"%s\"%s; got %s, %zu lines: %s", ergo_status_name(status), text,
                 at < 0 ? "" : offset, ergo_status_name(got), opened.lines, opened.last);
    assert_memory_equal(opened.last, "bad.gguf: ", 10);
    assert_null(opened.gguf);
    gguf_close_copy(&opened);
}

void assert_refused(gguf_builder *b, ergo_status status, const char *text, long at)
{
    assert_bytes_refused(gguf_builder_file(b), status, text, at);
    gguf_builder_free(b);
}

void assert_accepted(gguf_builder *b)
{
    gguf_opened opened;
    const ergo_status status = gguf_open_copy(gguf_builder_file(b), &opened);
    if (status)
        fail_msg("%s: %s", ergo_status_name(status), opened.last);
    const char *fault = gguf_walk(opened.gguf, (ergo_bytes){opened.copy, b->size});
    if (fault)
        fail_msg("%s", fault);
    gguf_close_copy(&opened);
    gguf_builder_free(b);
}
