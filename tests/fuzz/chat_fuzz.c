/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ergo/chat.h"

/*
 * Any bytes as a chat template: recognised or not, run or refused, the buffer's end is kept and a
 * second run gives the same. Without libFuzzer, link with replay.c.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "chat_fuzz: %s\n", what);
    abort();
}

static void check_message(void *user, ergo_log_level level, const char *message)
{
    (void)user;
    require(level == ERGO_LOG_ERROR, "only errors are logged");
    for (const char *c = message; *c; c++)
        require(*c >= ' ' && *c <= '~', "a message is one line of printable ASCII");
}

static void detect(ergo_str text, const ergo_chat_message *messages, size_t count)
{
    const ergo_chat_format *format = ergo_chat_detect(text);
    size_t size = 0, again = 0;
    if (!format)
        return;
    require(ergo_chat_find(ergo_chat_name(format)) == format, "a format has its name");
    const ergo_status status = ergo_chat_render(format, messages, count, true, NULL, 0, &size);
    if (status == ERGO_E_ARGUMENT)
        return;
    char *buffer = malloc(size ? size : 1);
    require(buffer != NULL, "out of memory");
    require(!ergo_chat_render(format, messages, count, true, buffer, size, &again) && again == size,
            "the size holds");
    free(buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { SCRATCH = 1 << 18, CAPACITY = 1 << 12 };
    const ergo_str text = {(const char *)data, size};
    const ergo_str piece = {(const char *)data, size < 9 ? size : 9};
    const ergo_chat_message messages[] = {{{"system", 6}, {"S", 1}},
                                          {{"user", 4}, piece},
                                          {{"assistant", 9}, {" A ", 3}},
                                          {{"user", 4}, {"V", 1}}};
    const ergo_chat_template_config config = {.log = {.write = check_message},
                                              .bos = {"<s>", 3},
                                              .eos = {"</s>", 4},
                                              .now_s = (int64_t)size * 86399};
    detect(text, messages, 4);
    void *memory = aligned_alloc(ERGO_BLOCK_ALIGN, SCRATCH);
    char *buffer = malloc(CAPACITY), *second = malloc(CAPACITY);
    require(memory && buffer && second, "out of memory");
    size_t needed = 0, again = 0;
    const ergo_block scratch = {memory, SCRATCH};
    const ergo_status status = ergo_chat_template_render(text, &config, messages, 4, true, scratch,
                                                         buffer, CAPACITY, &needed);
    require(status == ergo_chat_template_render(text, &config, messages, 4, true, scratch, second,
                                                CAPACITY, &again) &&
                needed == again,
            "two runs differ");
    if (!status)
        require(memcmp(buffer, second, needed) == 0, "two runs give different texts");
    free(second);
    free(buffer);
    free(memory);
    return 0;
}
