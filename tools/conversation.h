/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_CONVERSATION_H
#define ERGO_TOOLS_CONVERSATION_H

#include "ergo/chat.h"
#include "tools/tool.h"

/** The messages of a chat, oldest first; it owns their texts. Zeroed is empty. */
typedef struct conversation {
    ergo_chat_message *messages;
    size_t count;
    size_t capacity;
} conversation;

/** Appends a copy. TOOL_FAILED when there is no memory. */
tool_exit conversation_add(conversation *chat, ergo_str role, ergo_str content);

/** Forgets message `i`. */
void conversation_remove(conversation *chat, size_t i);

/** Appends the messages of a JSON text [{"role", "content"}, ...]. TOOL_USAGE, after saying what
 *  is wrong, when it is something else. */
tool_exit conversation_read_json(conversation *chat, ergo_str json);

void conversation_free(conversation *chat);

#endif
