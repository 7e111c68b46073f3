/* SPDX-License-Identifier: Apache-2.0 */
#include "models/chat_format.h"

#include <string.h>

/*
 * How a template's source gives its format away: by the control tokens it writes. The first rule
 * that fits wins, so that the ones that demand more stand before the ones that demand less.
 */
typedef struct rule {
    const char *format;
    const char *has[3];   /* texts that the template must contain */
    const char *lacks;    /* one that it must not */
    const char *together; /* must follow has[0] within the same Jinja expression */
} rule;

/* clang-format off */
#define RULE(name, ...) {.format = name, .has = {__VA_ARGS__}}
/* clang-format on */

static const rule rules[] = {
    RULE("phi4", "<|im_start|>", "<|im_sep|>"),
    RULE("smolvlm", "<|im_start|>", "<end_of_utterance>"),
    RULE("qwen", "<|im_start|>",
         "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."),
    RULE("smollm",
         "You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>"),
    RULE("chatml", "<|im_start|>"),
    RULE("mistral-v7", "[INST]", "[SYSTEM_PROMPT] "),
    RULE("mistral-v7-tekken", "[INST]", "[SYSTEM_PROMPT]"),
    RULE("mistral-v1", " [INST]", "' [INST] ' + system_message"),
    RULE("mistral-v1", " [INST]", "[AVAILABLE_TOOLS]"),
    RULE("mistral-v3-tekken", "\"[INST]\"", "[AVAILABLE_TOOLS]"),
    RULE("mistral-v3", "[INST]", "[AVAILABLE_TOOLS]"),
    RULE("llama2-sys-strip", "[INST]", "[/INST]", "content.strip()"),
    RULE("llama2-sys-bos", "[INST]", "[/INST]", "bos_token + '[INST]"),
    RULE("llama2-sys", "[INST]", "[/INST]", "<<SYS>>"),
    RULE("llama2", "[INST]", "[/INST]"),
    RULE("gpt-oss", "<|start|>", "<|message|>", "<|channel|>"),
    RULE("solar-open", "<|begin|>", "<|content|>"),
    RULE("exaone-moe", "<|endofturn|>", "<|assistant|>"),
    RULE("phi3", "<|assistant|>", "<|end|>"),
    RULE("chatglm4", "[gMASK]<sop>"),
    {.format = "zephyr", .has = {"<|user|>", "<|assistant|>"}, .together = "eos_token"},
    {.format = "zephyr", .has = {"<|user|>", "<|assistant|>"}, .together = "</s>"},
    RULE("stablelm", "<|user|>", "<|assistant|>", "<|endoftext|>"),
    RULE("falcon3", "<|user|>", "<|assistant|>", "</s>"),
    RULE("falcon3", "<|user|>", "<|assistant|>", "eos_token"),
    RULE("glmedge", "<|user|>", "<|assistant|>"),
    RULE("glmedge", "<|{{ item['role'] }}|>", "<|begin_of_image|>"),
    RULE("stablelm", "<|user|>", "<|endoftext|>"),
    RULE("seed-oss", "<seed:bos>"),
    RULE("monarch", "bos_token + message['role']"),
    RULE("gemma", "<start_of_turn>"),
    RULE("orion", "'\\n\\nAssistant: ' + eos_token"),
    RULE("openchat", "GPT4 Correct "),
    RULE("vicuna-orca", "USER: ", "ASSISTANT: ", "SYSTEM: "),
    RULE("vicuna", "USER: ", "ASSISTANT: "),
    RULE("deepseek", "### Instruction:", "<|EOT|>"),
    RULE("command-r", "<|START_OF_TURN_TOKEN|>", "<|USER_TOKEN|>"),
    RULE("llama3", "<|start_header_id|>", "<|end_header_id|>"),
    RULE("chatglm3", "[gMASK]sop"),
    RULE("minicpm", "<用户>"),
    RULE("deepseek2", "'Assistant: ' + message['content'] + eos_token"),
    RULE("deepseek3", "<｜Assistant｜>", "<｜User｜>"),
    RULE("exaone4", "[|system|]", "[|assistant|]", "[|tool|]"),
    RULE("exaone3", "[|system|]", "[|assistant|]", "[|endofturn|]"),
    RULE("rwkv-world", "{{- 'User: ' + message['content']|trim + '\\n\\n' -}}"),
    RULE("granite", "<|start_of_role|>"),
    RULE("gigachat", "message['role'] + additional_special_tokens[0] + message['content']"),
    RULE("megrez", "<|role_start|>"),
    RULE("yandex", " Ассистент:"),
    {.format = "bailing-think",
     .has = {"<role>ASSISTANT</role>", "'HUMAN'", "<think>"},
     .lacks = "<|role_end|>"},
    {.format = "bailing", .has = {"<role>ASSISTANT</role>", "'HUMAN'"}, .lacks = "<|role_end|>"},
    RULE("llama4", "<|header_start|>", "<|header_end|>"),
    RULE("dots1", "<|endofuserprompt|>"),
    RULE("hunyuan-moe", "<|startoftext|>", "<|extra_4|>"),
    RULE("hunyuan-dense", "<｜hy_User｜>", "<｜hy_place▁holder▁no▁3｜>"),
    RULE("kimi-k2", "<|im_assistant|>assistant<|im_middle|>"),
    RULE("grok-2", "<|separator|>", "Human: "),
};

/** Where the text begins with `part`; size 0 when it does not hold it. */
static ergo_str search(ergo_str text, const char *part)
{
    const size_t n = strlen(part);
    while (text.size >= n) {
        const char *at = memchr(text.data, part[0], text.size - n + 1);
        if (!at)
            break;
        text.size -= (size_t)(at - text.data);
        text.data = at;
        if (memcmp(at, part, n) == 0)
            return text;
        ++text.data;
        --text.size;
    }
    return (ergo_str){text.data, 0};
}

/** Some expression that contains `first` has `second` after it. */
static bool together(ergo_str text, const char *first, const char *second)
{
    const size_t step = strlen(first);
    for (text = search(text, first); text.size; text = search(text, first)) {
        text.data += step;
        text.size -= step;
        const ergo_str end = search(text, "}}");
        const ergo_str expression = {text.data, text.size - end.size};
        if (search(expression, second).size)
            return true;
    }
    return false;
}

static bool fits(const rule *r, ergo_str text)
{
    for (size_t i = 0; i < sizeof r->has / sizeof *r->has && r->has[i]; ++i)
        if (search(text, r->has[i]).size == 0)
            return false;
    if (r->lacks && search(text, r->lacks).size)
        return false;
    return !r->together || together(text, r->has[0], r->together);
}

static bool is_name(ergo_str text, const char *name)
{
    return text.size == strlen(name) && memcmp(text.data, name, text.size) == 0;
}

const ergo_chat_format *ergo_chat_detect(ergo_str chat_template)
{
    if (!chat_template.data || chat_template.size == 0)
        return NULL;
    const ergo_chat_format *format;
    for (size_t i = 0; (format = ergo_chat_at(i)); ++i)
        if (is_name(chat_template, ergo_chat_name(format)))
            return format;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; ++i)
        if (fits(&rules[i], chat_template))
            return ergo_chat_find(rules[i].format);
    return NULL;
}
