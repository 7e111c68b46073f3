/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/chat_style.h"

#include <stdlib.h>

static tool_exit refuse(tool_exit code, const char *why)
{
    (void)fprintf(stderr, "run-model chat: %s; name a format with --chat-format:", why);
    for (size_t i = 0; ergo_chat_at(i) != NULL; i++)
        (void)fprintf(stderr, " %s", ergo_chat_name(ergo_chat_at(i)));
    (void)fputc('\n', stderr);
    return code;
}

/* The text of the token whose id is in `key`; empty where there is none. */
static ergo_str token_text(const ergo_gguf *gguf, const char *key)
{
    const ergo_gguf_kv *tokens = ergo_gguf_kv_find(gguf, "tokenizer.ggml.tokens");
    ergo_str text = {"", 0};
    uint32_t id = 0;
    size_t offset = 0;
    if (ergo_gguf_kv_find(gguf, key) == NULL || ergo_gguf_u32(gguf, key, &id) != ERGO_OK)
        return text;
    if (tokens == NULL || !tokens->is_array || tokens->type != ERGO_GGUF_STRING ||
        id >= tokens->count)
        return text;
    for (uint64_t i = 0; i <= id; i++)
        text = ergo_gguf_str_next(tokens, &offset);
    return text;
}

static ergo_str template_of(const ergo_gguf *gguf)
{
    ergo_str source = {"", 0};
    const ergo_gguf_kv *kv = ergo_gguf_kv_find(gguf, "tokenizer.chat_template");
    if (kv != NULL && kv->type == ERGO_GGUF_STRING && !kv->is_array)
        (void)ergo_gguf_str(gguf, "tokenizer.chat_template", &source);
    return source;
}

tool_exit chat_style_open(const char *format, const char *template_path, const ergo_gguf *gguf,
                          const ergo_log *log, chat_style *out)
{
    chat_style style = {.log = *log, .source = {"", 0}, .bos = {"", 0}, .eos = {"", 0}};
    if (format != NULL) {
        style.format = ergo_chat_find(format);
        if (style.format == NULL)
            return refuse(TOOL_USAGE, "there is no such chat format");
        *out = style;
        return TOOL_DONE;
    }
    if (gguf != NULL) {
        style.bos = token_text(gguf, "tokenizer.ggml.bos_token_id");
        style.eos = token_text(gguf, "tokenizer.ggml.eos_token_id");
        style.source = template_of(gguf);
    }
    if (template_path != NULL) {
        const tool_exit code = file_text_read(template_path, &style.file);
        if (code != TOOL_DONE)
            return code;
        style.source = (ergo_str){style.file.data, style.file.size};
    }
    if (style.source.size == 0) {
        file_text_free(&style.file);
        return refuse(TOOL_USAGE, "there is no chat template");
    }
    style.format = ergo_chat_detect(style.source);
    *out = style;
    return TOOL_DONE;
}

void chat_style_close(chat_style *style)
{
    file_text_free(&style->file);
}

const char *chat_style_name(const chat_style *style)
{
    return style->format != NULL ? ergo_chat_name(style->format) : "template";
}

/* One call of either renderer. */
static ergo_status render(const chat_style *style, bool run_template, const conversation *chat,
                          ergo_block scratch, char *text, size_t capacity, size_t *size)
{
    const ergo_chat_template_config config = {
        .log = style->log, .bos = style->bos, .eos = style->eos};
    if (!run_template)
        return ergo_chat_render(style->format, chat->messages, chat->count, true, text, capacity,
                                size);
    return ergo_chat_template_render(style->source, &config, chat->messages, chat->count, true,
                                     scratch, text, capacity, size);
}

/* Appends what a renderer writes. */
static ergo_status append(const chat_style *style, bool run_template, const conversation *chat,
                          buffer *out)
{
    ergo_block scratch = {NULL, 0};
    size_t size = 0;
    if (run_template)
        scratch =
            tool_block(ergo_chat_template_scratch(style->source, chat->messages, chat->count));
    if (run_template && scratch.data == NULL)
        return ERGO_E_SYSTEM;
    ergo_status status = render(style, run_template, chat, scratch, NULL, 0, &size);
    if (status == ERGO_E_MEMORY && size > 0) {
        char *text = tool_alloc(size, 1);
        status = text == NULL ? ERGO_E_SYSTEM
                              : render(style, run_template, chat, scratch, text, size, &size);
        if (status == ERGO_OK)
            buffer_append(out, text, size);
        free(text);
    }
    free(scratch.data);
    return out->failed ? ERGO_E_SYSTEM : status;
}

tool_exit chat_style_render(const chat_style *style, const conversation *chat, buffer *out)
{
    ergo_status status = ERGO_E_ARGUMENT;
    if (style->format != NULL)
        status = append(style, false, chat, out);
    if (status == ERGO_E_ARGUMENT && style->source.size > 0)
        status = append(style, true, chat, out);
    switch (status) {
    case ERGO_OK:
        return TOOL_DONE;
    case ERGO_E_ARGUMENT:
        return refuse(TOOL_USAGE, "the chat template refuses these roles in this order");
    case ERGO_E_SYSTEM:
        return TOOL_FAILED;
    default:
        return refuse(TOOL_BAD_FILE, "the chat template cannot be run");
    }
}
