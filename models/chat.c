/* SPDX-License-Identifier: Apache-2.0 */
#include "ergo/chat.h"

#include <string.h>

#include "models/chat_format.h"
#include "runtime/base/checked.h"

/* Writes what fits and counts what is needed. */
typedef struct output {
    char *data;
    size_t capacity;
    size_t needed;
    bool overflow;
} output;

static void put(output *out, ergo_str text)
{
    if (out->needed < out->capacity && text.size)
        memcpy(out->data + out->needed, text.data,
               ergo__min_size(text.size, out->capacity - out->needed));
    if (!ergo__add_size(out->needed, text.size, &out->needed))
        out->overflow = true;
}

static void put_z(output *out, const char *text)
{
    if (text)
        put(out, (ergo_str){text, strlen(text)});
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

ergo_str ergo__chat_trim(ergo_str text)
{
    while (text.size && is_space(text.data[0])) {
        ++text.data;
        --text.size;
    }
    while (text.size && is_space(text.data[text.size - 1]))
        --text.size;
    return text;
}

static int role_of(ergo_str role)
{
    static const char *const names[] = {"system", "user", "assistant", "tool"};
    for (int i = 0; i < ERGO__CHAT_ROLES; ++i)
        if (role.size == strlen(names[i]) && memcmp(role.data, names[i], role.size) == 0)
            return i;
    return -1;
}

/**
 * Whether message i can be written after message i - 1. Formats that know only pairs, or that join
 * the system message to the user's, take one system message, and only in front of a user message.
 */
static bool expressible(const ergo_chat_format *format, const ergo_chat_message *messages,
                        size_t count, size_t i)
{
    const int role = role_of(messages[i].role);
    const bool joined = format->joins_system && role == ERGO__CHAT_SYSTEM;
    if (role < 0 || (!joined && !format->turn[role].before) ||
        (messages[i].content.size && !messages[i].content.data))
        return false;
    if (role == ERGO__CHAT_SYSTEM && (format->pairs || joined))
        return i == 0 && count > 1 && role_of(messages[1].role) == ERGO__CHAT_USER;
    if (!format->pairs)
        return true;
    const int before = i > 0 ? role_of(messages[i - 1].role) : ERGO__CHAT_ASSISTANT;
    return role == ERGO__CHAT_USER ? before != ERGO__CHAT_USER : i > 0 && before == ERGO__CHAT_USER;
}

static ergo_str content_of(const ergo_chat_format *format, const ergo_chat_message *message)
{
    const int role = role_of(message->role);
    return format->trim[role] ? ergo__chat_trim(message->content) : message->content;
}

static void put_message(const ergo_chat_format *format, const ergo_chat_message *messages, size_t i,
                        output *out)
{
    const int role = role_of(messages[i].role);
    const bool after_system = i > 0 && role_of(messages[i - 1].role) == ERGO__CHAT_SYSTEM;
    const bool opens = !format->pairs || i == 0 || (role == ERGO__CHAT_USER && !after_system);
    if (format->joins_system && role == ERGO__CHAT_SYSTEM)
        return; /* written with the user message that follows */
    const bool joins = format->joins_system && after_system;
    if (opens)
        put_z(out, i == (joins ? 1 : 0) ? format->first : format->next);
    put_z(out, format->turn[role].before);
    if (joins) {
        put(out, content_of(format, &messages[i - 1]));
        put_z(out, format->joins_system);
    }
    put(out, content_of(format, &messages[i]));
    put_z(out, format->turn[role].after);
}

ergo_status ergo_chat_render(const ergo_chat_format *format, const ergo_chat_message *messages,
                             size_t count, bool generate, char *buffer, size_t capacity,
                             size_t *size)
{
    if (!format || !size || (count && !messages) || (capacity && !buffer))
        return ERGO_E_ARGUMENT;
    for (size_t i = 0; i < count; ++i)
        if (!expressible(format, messages, count, i))
            return ERGO_E_ARGUMENT;
    output out = {buffer, capacity, 0, false};
    if (format->default_system && count && role_of(messages[0].role) != ERGO__CHAT_SYSTEM) {
        put_z(&out, format->turn[ERGO__CHAT_SYSTEM].before);
        put_z(&out, format->default_system);
        put_z(&out, format->turn[ERGO__CHAT_SYSTEM].after);
    }
    for (size_t i = 0; i < count; ++i)
        put_message(format, messages, i, &out);
    if (generate && format->generate) {
        put_z(&out, count ? format->next : format->first);
        put_z(&out, format->generate);
    }
    if (out.overflow)
        return ERGO_E_LIMIT;
    *size = out.needed;
    return out.needed <= capacity ? ERGO_OK : ERGO_E_MEMORY;
}
