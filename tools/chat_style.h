/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_CHAT_STYLE_H
#define ERGO_TOOLS_CHAT_STYLE_H

#include "ergo/gguf.h"
#include "tools/buffer.h"
#include "tools/conversation.h"
#include "tools/file_map.h"

/**
 * How a conversation becomes a prompt: by a known format, or, where a chat template fits none or
 * says what the format cannot, by running the template.
 */
typedef struct chat_style {
    ergo_log log;
    const ergo_chat_format *format; /**< NULL where no known one fits */
    ergo_str source;                /**< the chat template; empty where a format was named */
    file_text file;                 /**< holds `source` where it came from a file */
    ergo_str bos, eos;              /**< texts of these tokens */
} chat_style;

/**
 * The style by format name, else by template file, else by the template in `gguf` (which may be
 * NULL otherwise, and must outlive the style). When there is none, says so with the known names.
 */
tool_exit chat_style_open(const char *format, const char *template_path, const ergo_gguf *gguf,
                          const ergo_log *log, chat_style *out);
void chat_style_close(chat_style *style);

/** The format's name, or "template". */
const char *chat_style_name(const chat_style *style);

/** Appends the prompt, with the header that makes the assistant speak next, to `out`. */
tool_exit chat_style_render(const chat_style *style, const conversation *chat, buffer *out);

#endif
