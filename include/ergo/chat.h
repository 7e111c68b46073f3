/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_CHAT_H
#define ERGO_CHAT_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** One turn of a conversation. `role` is "system", "user", "assistant" or "tool". */
typedef struct ergo_chat_message {
    ergo_str role;
    ergo_str content;
} ergo_chat_message;

/** A way of writing a conversation as a prompt. Static. */
typedef struct ergo_chat_format ergo_chat_format;

/**
 * The format that a file's chat template (tokenizer.chat_template: Jinja source, or the name of a
 * format) describes, recognised by the markers it writes. NULL when none fits: ask the user for a
 * name then, or run the template itself.
 */
const ergo_chat_format *ergo_chat_detect(ergo_str chat_template);

/** By name ("chatml", "llama3", …), or NULL; and the name of a format; and format i of all. */
const ergo_chat_format *ergo_chat_find(const char *name);
const char *ergo_chat_name(const ergo_chat_format *format);
const ergo_chat_format *ergo_chat_at(size_t i);

/**
 * Writes the prompt for the messages; with `generate`, also the header that makes the assistant
 * speak next. `*size` is set to the bytes needed, also on ERGO_E_MEMORY; nothing is written beyond
 * `capacity`, and no NUL is added. The text contains control tokens by name and no BOS token (but
 * for gigachat and yandex, which write theirs): tokenize it with ERGO_TOKENIZE_SPECIAL and _BOS.
 * Errors: ERGO_E_ARGUMENT for a role or an order that the format cannot express; nothing is ever
 * left out instead.
 */
ergo_status ergo_chat_render(const ergo_chat_format *format, const ergo_chat_message *messages,
                             size_t count, bool generate, char *buffer, size_t capacity,
                             size_t *size);

/** What a template may refer to besides the messages. Zeroed, it is a good default. */
typedef struct ergo_chat_template_config {
    ergo_log log;  /**< says why a template was refused, with its line */
    ergo_str bos;  /**< text of the BOS token */
    ergo_str eos;  /**< text of the EOS token */
    int64_t now_s; /**< local time in seconds since 1970, for templates that write today's date;
                        0: not known, most then write a date of their own */
} ergo_chat_template_config;

/** Bytes of scratch that suffice for ergo_chat_template_render with any template in use. */
size_t ergo_chat_template_scratch(ergo_str chat_template, const ergo_chat_message *messages,
                                  size_t count);

/**
 * Runs a chat template as its publisher's tools would: the same text as Jinja gives, less a BOS
 * token at its front. Use it where a model's own template is wanted to the letter (default system
 * messages, dates, reasoning markers); ergo_chat_render is the simpler and more forgiving way.
 * Contract of buffer and size as there. `config` may be NULL. `scratch` is used during the call
 * only; time and nesting are bounded. Errors: ERGO_E_FORMAT for what is not Jinja,
 * ERGO_E_UNSUPPORTED for parts of Jinja that no common template uses, ERGO_E_ARGUMENT when the
 * template refuses the conversation or would drop a message of the system or the user,
 * ERGO_E_LIMIT for a template that computes too long, ERGO_E_MEMORY (`*size` untouched) when
 * scratch is too small.
 */
ergo_status ergo_chat_template_render(ergo_str chat_template,
                                      const ergo_chat_template_config *config,
                                      const ergo_chat_message *messages, size_t count,
                                      bool generate, ergo_block scratch, char *buffer,
                                      size_t capacity, size_t *size);

#ifdef __cplusplus
}
#endif
#endif
