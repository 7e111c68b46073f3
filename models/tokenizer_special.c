/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "models/tokenizer_vocab.h"

/* Which tokens are special. Files name some by key; the others are known by their texts, because
 * files often leave their keys out or give them the wrong type. */

#define COUNT(names) (sizeof(names) / sizeof *(names))

/* Tokens that end a turn or a text. */
static const char *const eog_names[] = {"<|eot_id|>",
                                        "<|im_end|>",
                                        "<|end|>",
                                        "<|return|>",
                                        "<|call|>",
                                        "<|flush|>",
                                        "<|calls|>",
                                        "<end_of_turn>",
                                        "<|endoftext|>",
                                        "</s>",
                                        "<|eom_id|>",
                                        "<EOT>",
                                        "_<EOT>",
                                        "[EOT]",
                                        "[EOS]",
                                        "<|end_of_text|>",
                                        "<end_of_utterance>",
                                        "<eos>",
                                        "<turn|>",
                                        "<|tool_response>",
                                        "<｜end▁of▁sentence｜>",
                                        "[e~[",
                                        "<|ifm|im_end|>"};

/* Fill-in-the-middle tokens. A key, an older key or NULL, then names, the first found counts. */
typedef struct infill {
    const char *key, *old_key;
    bool ends; /* ends a text as well */
    const char *names[8];
} infill;

static const infill infills[] = {
    {"tokenizer.ggml.fim_pre_token_id",
     "tokenizer.ggml.prefix_token_id",
     false,
     {"<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>",
      "<|code_prefix|>", "<|prefix|>"}},
    {"tokenizer.ggml.fim_suf_token_id",
     "tokenizer.ggml.suffix_token_id",
     false,
     {"<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>", "<SUF>", "▁<SUF>",
      "<|code_suffix|>", "<|suffix|>"}},
    {"tokenizer.ggml.fim_mid_token_id",
     "tokenizer.ggml.middle_token_id",
     false,
     {"<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>", "<MID>", "▁<MID>",
      "<|code_middle|>", "<|middle|>"}},
    {"tokenizer.ggml.fim_pad_token_id",
     NULL,
     true,
     {"<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"}},
    {"tokenizer.ggml.fim_rep_token_id",
     NULL,
     true,
     {"<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"}},
    {"tokenizer.ggml.fim_sep_token_id", NULL, true, {"<|file_sep|>"}},
};

/* Markers of a message's parts that must be seen in the output. */
static const char *const visible_names[] = {"<|channel|>", "<|message|>", "<|start|>",
                                            "<|constrain|>"};

static ergo_token find_name(const ergo_tokenizer *t, const char *name)
{
    return ergo_tokenizer_find(t, (ergo_str){name, strlen(name)});
}

/* The token that a key names; `*id` stays as it is when there is no such key. */
static ergo_status read_id(const ergo__vocab_source *source, const char *key, ergo_token *id)
{
    uint32_t value;
    const ergo_status status = ergo_gguf_u32(source->gguf, key, &value);
    if (status == ERGO_E_NOT_FOUND)
        return ERGO_OK;
    if (status)
        return status;
    if (value >= source->shape.count)
        return ergo__fail(&source->log, ERGO_E_FORMAT, "%s: %s is %lu, but there are %lu tokens",
                          source->name, key, (unsigned long)value,
                          (unsigned long)source->shape.count);
    *id = (ergo_token)value;
    return ERGO_OK;
}

static ergo_status read_flag(const ergo__vocab_source *source, const char *key, bool *flag)
{
    const ergo_status status = ergo_gguf_bool(source->gguf, key, flag);
    return status == ERGO_E_NOT_FOUND ? ERGO_OK : status;
}

/* What BOS, EOS and unknown are where no key says so. */
static void set_defaults(ergo_tokenizer *t)
{
    t->bos = t->eos = t->unknown = ERGO_TOKEN_NONE;
    if (!t->byte_level) {
        t->unknown = 0;
        t->bos = t->count > 1 ? 1 : ERGO_TOKEN_NONE;
        t->eos = t->count > 2 ? 2 : ERGO_TOKEN_NONE;
        t->adds_bos = t->adds_space = true;
        return;
    }
    t->adds_bos = t->rule->adds_bos;
    /* The first byte-level files, Falcon's, had their only control token here and no keys. */
    if (t->count > 11 && t->attributes[11] & ERGO__TOKEN_CONTROL) {
        t->eos = 11;
        t->bos = t->rule->no_bos ? ERGO_TOKEN_NONE : 11;
    }
}

static ergo_status read_keys(ergo_tokenizer *t, const ergo__vocab_source *source)
{
    const struct {
        const char *key;
        ergo_token *id;
    } ids[] = {
        {"tokenizer.ggml.bos_token_id", &t->bos},
        {"tokenizer.ggml.eos_token_id", &t->eos},
        {"tokenizer.ggml.unknown_token_id", &t->unknown},
    };
    const struct {
        const char *key;
        bool *flag;
    } flags[] = {
        {"tokenizer.ggml.add_bos_token", &t->adds_bos},
        {"tokenizer.ggml.add_eos_token", &t->adds_eos},
        {"tokenizer.ggml.add_space_prefix", &t->adds_space},
    };
    ergo_status status = ERGO_OK;
    for (size_t i = 0; !status && i < COUNT(ids); i++)
        status = read_id(source, ids[i].key, ids[i].id);
    for (size_t i = 0; !status && i < COUNT(flags); i++)
        status = read_flag(source, flags[i].key, flags[i].flag);
    if (status)
        return status;
    if ((t->adds_bos && t->bos == ERGO_TOKEN_NONE) || (t->adds_eos && t->eos == ERGO_TOKEN_NONE))
        return ergo__fail(&source->log, ERGO_E_FORMAT,
                          "%s: the vocabulary asks for a %s token but has none", source->name,
                          t->adds_bos && t->bos == ERGO_TOKEN_NONE ? "BOS" : "EOS");
    return ERGO_OK;
}

static ergo_status mark_infill(ergo_tokenizer *t, const ergo__vocab_source *source,
                               const infill *part)
{
    ergo_token id = ERGO_TOKEN_NONE;
    ergo_status status = read_id(source, part->key, &id);
    if (!status && part->old_key)
        status = read_id(source, part->old_key, &id);
    if (status)
        return status;
    if (id == ERGO_TOKEN_NONE) {
        for (size_t i = 0; id == ERGO_TOKEN_NONE && i < COUNT(part->names) && part->names[i]; i++)
            id = find_name(t, part->names[i]);
        if (id != ERGO_TOKEN_NONE)
            t->attributes[id] |= ERGO__TOKEN_CONTROL;
    }
    if (id != ERGO_TOKEN_NONE && part->ends)
        t->attributes[id] |= ERGO__TOKEN_EOG;
    return ERGO_OK;
}

static bool is_eog_name(const ergo_tokenizer *t, const char *name)
{
    return ergo_token_is_eog(t, find_name(t, name));
}

static void set_type(ergo_tokenizer *t, const char *name, uint8_t attributes, uint8_t kept)
{
    const ergo_token id = find_name(t, name);
    if (id != ERGO_TOKEN_NONE)
        t->attributes[id] = (uint8_t)((t->attributes[id] & kept) | attributes);
}

/* The set of tokens that end a text. */
static ergo_status mark_eog(ergo_tokenizer *t, const ergo__vocab_source *source)
{
    static const char *const keys[] = {"tokenizer.ggml.eot_token_id",
                                       "tokenizer.ggml.eom_token_id"};
    for (size_t i = 0; i < COUNT(infills); i++) {
        const ergo_status status = mark_infill(t, source, &infills[i]);
        if (status)
            return status;
    }
    for (size_t i = 0; i < COUNT(eog_names); i++)
        set_type(t, eog_names[i], ERGO__TOKEN_EOG | ERGO__TOKEN_CONTROL, 0xff);
    for (size_t i = 0; i < COUNT(visible_names); i++)
        set_type(t, visible_names[i], ERGO__TOKEN_USER, ERGO__TOKEN_EOG);
    if (t->eos != ERGO_TOKEN_NONE)
        t->attributes[t->eos] |= ERGO__TOKEN_EOG;
    for (size_t i = 0; i < COUNT(keys); i++) {
        ergo_token id = ERGO_TOKEN_NONE;
        const ergo_status status = read_id(source, keys[i], &id);
        if (status)
            return status;
        if (id != ERGO_TOKEN_NONE)
            t->attributes[id] |= ERGO__TOKEN_EOG;
    }
    /* Where these exist, <|end|> only ends one part of an answer; and </s> is a word of HTML. */
    const bool call = is_eog_name(t, "<|call|>") || is_eog_name(t, "<|calls|>");
    if (is_eog_name(t, "<|end|>") && call &&
        (is_eog_name(t, "<|return|>") || is_eog_name(t, "<|flush|>")))
        set_type(t, "<|end|>", ERGO__TOKEN_USER, 0);
    if (is_eog_name(t, "<|tool_response>") && is_eog_name(t, "</s>"))
        set_type(t, "</s>", ERGO__TOKEN_NORMAL, 0);
    return ERGO_OK;
}

static bool contains(ergo_str text, const char *lower)
{
    const size_t size = strlen(lower);
    for (size_t i = 0; i + size <= text.size; i++) {
        size_t n = 0;
        while (n < size &&
               (text.data[i + n] |
                (text.data[i + n] >= 'A' && text.data[i + n] <= 'Z' ? 0x20 : 0)) == lower[n])
            n++;
        if (n == size)
            return true;
    }
    return false;
}

/* Files do not say which tokens swallow white space around them; models are known for it. */
static void mark_strips(ergo_tokenizer *t, const ergo__vocab_source *source)
{
    ergo_str name = {"", 0}, pre = {"", 0};
    (void)ergo_gguf_str(source->gguf, "general.name", &name);
    (void)ergo_gguf_str(source->gguf, "tokenizer.ggml.pre", &pre);
    if (contains(pre, "jina-v2-de") || contains(pre, "jina-v2-es") ||
        contains(pre, "jina-v2-code")) {
        set_type(t, "<mask>", ERGO__TOKEN_LSTRIP, 0xff);
    } else if (contains(name, "phi-3") || contains(name, "phi3")) {
        static const char *const kept[] = {"<unk>", "<s>", "<|endoftext|>"};
        for (uint32_t id = 0; id < t->count; id++)
            if (t->attributes[id] & ERGO__TOKEN_SPECIAL)
                t->attributes[id] |= ERGO__TOKEN_RSTRIP;
        set_type(t, "</s>", ERGO__TOKEN_RSTRIP, 0xff);
        for (size_t i = 0; i < COUNT(kept); i++)
            set_type(t, kept[i], 0, (uint8_t)~ERGO__TOKEN_RSTRIP);
    } else if (contains(name, "modern-bert")) {
        set_type(t, "[MASK]", ERGO__TOKEN_LSTRIP, 0xff);
    }
}

/* What the search for special tokens in a text goes by. */
static void index_special(ergo_tokenizer *t)
{
    for (uint32_t id = 0; id < t->count; id++) {
        const ergo_str text = ergo__vocab_text(t, (ergo_token)id);
        if (!(t->attributes[id] & ERGO__TOKEN_SPECIAL) || text.size == 0)
            continue;
        t->special_length[text.size] = 1;
        t->special_first[(unsigned char)text.data[0]] = true;
        if (text.size > t->special_max)
            t->special_max = (uint32_t)text.size;
        if (!(t->attributes[id] & (ERGO__TOKEN_CONTROL | ERGO__TOKEN_UNKNOWN)))
            t->has_user_tokens = true;
    }
}

ergo_status ergo__vocab_fill_special(ergo_tokenizer *t, const ergo__vocab_source *source)
{
    set_defaults(t);
    ergo_status status = read_keys(t, source);
    if (!status)
        status = mark_eog(t, source);
    if (status)
        return status;
    mark_strips(t, source);
    index_special(t);
    return ERGO_OK;
}
