/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ergo/chat.h"
#include "models/chat_format.h"
#include "models/jinja.h"
#include "runtime/base/checked.h"
#include "runtime/base/log.h"

size_t ergo_chat_template_scratch(ergo_str chat_template, const ergo_chat_message *messages,
                                  size_t count)
{
    /* A template byte becomes at most about a third of a node; while a message is written, its
     * text may exist a few times. */
    size_t bytes = 64 * 1024, part;
    if (!ergo__mul_size(chat_template.size, 96, &part) || !ergo__add_size(bytes, part, &bytes))
        return SIZE_MAX;
    for (size_t i = 0; i < count; ++i)
        if (!ergo__mul_size(messages[i].content.size, 16, &part) ||
            !ergo__add_size(part, 1024, &part) || !ergo__add_size(bytes, part, &bytes))
            return SIZE_MAX;
    return bytes;
}

static ergo_str constant(const char *text)
{
    return (ergo_str){text, strlen(text)};
}

/** The messages as a list of objects. */
static jinja_value message_list(jinja *j, const ergo_chat_message *messages, size_t count)
{
    jinja_value *items = ergo__jinja_take(j, count);
    for (size_t i = 0; items && i < count; ++i) {
        jinja_map *map = ergo__jinja_map(j);
        ergo__jinja_put(j, map, constant("role"), ergo__jinja_text(messages[i].role));
        ergo__jinja_put(j, map, constant("content"), ergo__jinja_text(messages[i].content));
        items[i] = (jinja_value){.type = JINJA_MAP, .as.map = map};
    }
    return ergo__jinja_items(items, items ? count : 0);
}

/** A template must not swallow what the user or the application said. */
static ergo_status all_written(const ergo_chat_message *messages, size_t count, ergo_str prompt,
                               const ergo_log *log)
{
    for (size_t i = 0; i < count; ++i) {
        const ergo_chat_message *m = &messages[i];
        if (ergo__jinja_is(m->role, "assistant"))
            continue; /* templates drop old reasoning on purpose */
        if (ergo__jinja_search(prompt, ergo__chat_trim(m->content), 0) == SIZE_MAX)
            return ergo__fail(log, ERGO_E_ARGUMENT, "chat template: drops message %zu", i);
    }
    return ERGO_OK;
}

ergo_status ergo_chat_template_render(ergo_str chat_template, const ergo_chat_template_config *with,
                                      const ergo_chat_message *messages, size_t count,
                                      bool generate, ergo_block scratch, char *buffer,
                                      size_t capacity, size_t *size)
{
    static const ergo_chat_template_config zero;
    if (!size || (count && !messages) || (capacity && !buffer) ||
        (chat_template.size && !chat_template.data))
        return ERGO_E_ARGUMENT;
    if (!with)
        with = &zero;
    jinja j = {.arena = ergo__arena_over(scratch),
               .log = &with->log,
               .source = chat_template,
               .now_s = with->now_s > 0 ? with->now_s : 0,
               .out = {buffer, capacity, 0, with->bos}};
    const jinja_node *body = ergo__jinja_parse(&j);
    if (j.status == ERGO_OK) {
        ergo__jinja_bind(&j, constant("messages"), message_list(&j, messages, count));
        ergo__jinja_bind(&j, constant("add_generation_prompt"), ergo__jinja_bool(generate));
        ergo__jinja_bind(&j, constant("bos_token"), ergo__jinja_text(with->bos));
        ergo__jinja_bind(&j, constant("eos_token"), ergo__jinja_text(with->eos));
        ergo__jinja_run(&j, body);
    }
    if (j.status == ERGO_OK && j.out.needed <= capacity)
        j.status = all_written(messages, count, (ergo_str){buffer, j.out.needed}, &with->log);
    if (j.status != ERGO_OK)
        return j.status;
    *size = j.out.needed;
    return j.out.needed <= capacity ? ERGO_OK : ERGO_E_MEMORY;
}
