/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/conversation.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

static bool copy_text(ergo_str text, ergo_str *out)
{
    char *copy = tool_alloc(text.size + 1, 1);
    if (copy == NULL)
        return false;
    memcpy(copy, text.data, text.size);
    *out = (ergo_str){copy, text.size};
    return true;
}

static void free_text(ergo_str text)
{
    free((void *)text.data); /* allocated by copy_text */
}

tool_exit conversation_add(conversation *chat, ergo_str role, ergo_str content)
{
    if (chat->count == chat->capacity) {
        const size_t grown = chat->capacity == 0 ? 16 : chat->capacity * 2;
        ergo_chat_message *bigger = realloc(chat->messages, grown * sizeof *bigger);
        if (bigger == NULL) {
            tool_error("out of memory: %zu messages", grown);
            return TOOL_FAILED;
        }
        chat->messages = bigger;
        chat->capacity = grown;
    }
    ergo_chat_message message;
    if (!copy_text(role, &message.role))
        return TOOL_FAILED;
    if (!copy_text(content, &message.content)) {
        free_text(message.role);
        return TOOL_FAILED;
    }
    chat->messages[chat->count++] = message;
    return TOOL_DONE;
}

void conversation_remove(conversation *chat, size_t i)
{
    free_text(chat->messages[i].role);
    free_text(chat->messages[i].content);
    memmove(chat->messages + i, chat->messages + i + 1,
            (chat->count - i - 1) * sizeof *chat->messages);
    chat->count--;
}

tool_exit conversation_read_json(conversation *chat, ergo_str json)
{
    cJSON *list = cJSON_ParseWithLength(json.data, json.size);
    const cJSON *entry = NULL;
    size_t i = 0;
    tool_exit code = TOOL_DONE;
    if (!cJSON_IsArray(list)) {
        tool_error("messages: %s; expected [{\"role\": ..., \"content\": ...}, ...]",
                   list == NULL ? "not JSON" : "no array");
        cJSON_Delete(list);
        return TOOL_USAGE;
    }
    cJSON_ArrayForEach(entry, list)
    {
        const char *role = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "role"));
        const char *content =
            cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "content"));
        if (role == NULL || content == NULL) {
            tool_error("messages[%zu]: %s is missing or no text", i,
                       role == NULL ? "\"role\"" : "\"content\"");
            code = TOOL_USAGE;
            break;
        }
        code = conversation_add(chat, tool_str(role), tool_str(content));
        if (code != TOOL_DONE)
            break;
        i++;
    }
    cJSON_Delete(list);
    return code;
}

void conversation_free(conversation *chat)
{
    while (chat->count > 0)
        conversation_remove(chat, chat->count - 1);
    free(chat->messages);
    *chat = (conversation){.messages = NULL};
}
