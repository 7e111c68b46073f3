/* SPDX-License-Identifier: Apache-2.0 */
#include "models/pretokenize.h"

#include <string.h>

/* Sets of characters. */

static const uint32_t newline_ranges[][2] = {{'\n', '\n'}, {'\r', '\r'}};
static const uint32_t line_feed_ranges[][2] = {{'\n', '\n'}};
static const uint32_t operator_ranges[][2] = {{'$', '$'}, {'+', '+'}, {'<', '>'},
                                              {'^', '^'}, {'|', '|'}, {'~', '~'}};
static const uint32_t falcon_ranges[][2] = {{'$', '$'}, {'+', '+'}, {'<', '>'}, {'^', '^'},
                                            {'`', '`'}, {'|', '|'}, {'~', '~'}};
static const uint32_t han_hangul_ranges[][2] = {{0x800, 0x9fa5}, {0xac00, 0xd7ff}};
static const uint32_t han_kana_ranges[][2] = {{0x3040, 0x30ff}, {0x4e00, 0x9fa5}};
static const uint32_t deepseek_sign_ranges[][2] = {
    {'!', '/'}, {':', '~'}, {0x2018, 0x201f}, {0x3000, 0x3002}, {0xff01, 0xff0f}, {0xff1a, 0xff5e},
};

/* What deepseek-llm takes for letters: those that have case, as far as its authors listed them. */
static const uint32_t deepseek_letter_ranges[][2] = {
    {'A', 'Z'},         {'a', 'z'},         {0xb5, 0xb5},       {0xc0, 0xd6},
    {0xd8, 0xf6},       {0xf8, 0x1ba},      {0x1bc, 0x1bf},     {0x1c4, 0x293},
    {0x295, 0x2af},     {0x370, 0x373},     {0x376, 0x377},     {0x37b, 0x37d},
    {0x37f, 0x37f},     {0x386, 0x386},     {0x388, 0x38a},     {0x38c, 0x38c},
    {0x38e, 0x3a1},     {0x3a3, 0x3f5},     {0x3f7, 0x481},     {0x48a, 0x52f},
    {0x531, 0x556},     {0x10a0, 0x10c5},   {0x13a0, 0x13f5},   {0x13f8, 0x13fd},
    {0x1c90, 0x1cba},   {0x1cbd, 0x1cbf},   {0x1d00, 0x1d2b},   {0x1d6b, 0x1d77},
    {0x1d79, 0x1d9a},   {0x1e00, 0x1f15},   {0x1f18, 0x1f1d},   {0x1f20, 0x1f45},
    {0x1f48, 0x1f4d},   {0x1f50, 0x1f57},   {0x1f59, 0x1f59},   {0x1f5b, 0x1f5b},
    {0x1f5d, 0x1f5d},   {0x1f5f, 0x1f7d},   {0x1f80, 0x1fb4},   {0x1fb6, 0x1fbc},
    {0x1fbe, 0x1fbe},   {0x1fc2, 0x1fc4},   {0x1fc6, 0x1fcc},   {0x1fd0, 0x1fd3},
    {0x1fd6, 0x1fdb},   {0x1fe0, 0x1fec},   {0x1ff2, 0x1ff4},   {0x1ff6, 0x1ffc},
    {0x2102, 0x2102},   {0x2107, 0x2107},   {0x210a, 0x2113},   {0x2115, 0x2115},
    {0x2119, 0x211d},   {0x2124, 0x2124},   {0x2126, 0x2126},   {0x2128, 0x2128},
    {0x212a, 0x212d},   {0x212f, 0x2134},   {0x2139, 0x2139},   {0x213c, 0x213f},
    {0x2145, 0x2149},   {0x214e, 0x214e},   {0x2183, 0x2184},   {0x2c00, 0x2c7b},
    {0x2c7e, 0x2ce4},   {0x2ceb, 0x2cee},   {0x2cf2, 0x2cf3},   {0xa640, 0xa66d},
    {0xa680, 0xa69b},   {0xa722, 0xa76f},   {0xa771, 0xa787},   {0xa78b, 0xa78e},
    {0xab70, 0xabbf},   {0xfb00, 0xfb06},   {0xfb13, 0xfb17},   {0xff21, 0xff3a},
    {0xff41, 0xff5a},   {0x10400, 0x1044f}, {0x104b0, 0x104d3}, {0x104d8, 0x104fb},
    {0x10c80, 0x10cb2}, {0x10cc0, 0x10cf2}, {0x118a0, 0x118df}, {0x1e900, 0x1e943},
};

/* The rules: each a list of passes. */

#define RANGES(table)                                                                              \
    {                                                                                              \
        .ranges = (table), .range_count = sizeof(table) / sizeof *(table)                          \
    }
#define SIGNS(table)                                                                               \
    {                                                                                              \
        .kinds = ERGO__PUNCTUATION, .ranges = (table),                                             \
        .range_count = sizeof(table) / sizeof *(table)                                             \
    }
#define GPT2                                                                                       \
    {                                                                                              \
        .split = ergo__split_gpt2                                                                  \
    }
#define DIGITS(n)                                                                                  \
    {                                                                                              \
        .split = ergo__split_set, .set = {.kinds = ERGO__NUMBER}, .most = (n)                      \
    }
#define TRIPLES                                                                                    \
    {                                                                                              \
        .split = ergo__split_triples                                                               \
    }
#define NEWLINE                                                                                    \
    {                                                                                              \
        .split = ergo__split_set, .set = RANGES(newline_ranges), .most = 1                         \
    }
#define WORDS(n)                                                                                   \
    {                                                                                              \
        .split = ergo__split_words, .letters = ERGO__LETTER, .most = (n),                          \
        .contraction = ERGO__CONTRACTION_APART, .tail = "\r\n"                                     \
    }

static const ergo__pass default_passes[] = {
    {.split = ergo__split_set, .set = SIGNS(operator_ranges)},
    GPT2,
    DIGITS(0),
    TRIPLES,
};
static const ergo__pass gpt2_passes[] = {GPT2};
static const ergo__pass starcoder_passes[] = {DIGITS(1), GPT2};
static const ergo__pass falcon_passes[] = {
    {.split = ergo__split_set, .set = SIGNS(falcon_ranges)},
    GPT2,
    TRIPLES,
};
static const ergo__pass llama3_passes[] = {WORDS(3)};
static const ergo__pass qwen2_passes[] = {WORDS(1)};
static const ergo__pass qwen35_passes[] = {
    {.split = ergo__split_words,
     .letters = ERGO__LETTER | ERGO__MARK,
     .most = 1,
     .contraction = ERGO__CONTRACTION_APART,
     .tail = "\r\n"},
};
static const ergo__pass minicpm5_passes[] = {DIGITS(3), WORDS(0)};
static const ergo__pass laguna_passes[] = {
    {.split = ergo__split_set, .set = RANGES(line_feed_ranges)},
    WORDS(1),
};
static const ergo__pass seed_passes[] = {
    {.split = ergo__split_words,
     .letters = ERGO__LETTER,
     .most = 1,
     .contraction = ERGO__CONTRACTION_APART,
     .tail = ""},
};
static const ergo__pass ufakzeka_passes[] = {
    {.split = ergo__split_words, .letters = ERGO__LETTER, .most = 1, .tail = "\r\n"},
};
static const ergo__pass gpt4o_passes[] = {
    {.split = ergo__split_words,
     .letters = ERGO__LETTER,
     .cased = true,
     .most = 3,
     .contraction = ERGO__CONTRACTION_ATTACHED,
     .tail = "\r\n/"},
};
static const ergo__pass tekken_passes[] = {
    {.split = ergo__split_words,
     .letters = ERGO__LETTER,
     .cased = true,
     .most = 1,
     .tail = "\r\n/"},
};
static const ergo__pass deepseek_llm_passes[] = {
    NEWLINE,
    {.split = ergo__split_set, .set = RANGES(deepseek_letter_ranges), .leading_space = true},
    {.split = ergo__split_set, .set = RANGES(deepseek_sign_ranges), .leading_space = true},
    {.split = ergo__split_trailing_space},
    {.split = ergo__split_set, .set = RANGES(han_hangul_ranges)},
    DIGITS(0),
};
static const ergo__pass deepseek_coder_passes[] = {
    NEWLINE,
    {.split = ergo__split_set, .set = {.kinds = ERGO__LETTER}, .leading_space = true},
    {.split = ergo__split_set, .set = {.kinds = ERGO__PUNCTUATION}, .leading_space = true},
    {.split = ergo__split_set, .set = RANGES(han_hangul_ranges)},
    DIGITS(1),
};
static const ergo__pass deepseek3_passes[] = {
    DIGITS(3),
    {.split = ergo__split_set, .set = RANGES(han_kana_ranges)},
    {.split = ergo__split_deepseek3},
};

/* The names that files use. */

#define RULE(passes_)                                                                              \
    .passes = passes_##_passes, .pass_count = sizeof passes_##_passes / sizeof *passes_##_passes
#define LLAMA3(name_)                                                                              \
    {                                                                                              \
        .name = (name_), RULE(llama3), .whole_words = true, .adds_bos = true                       \
    }
#define PLAIN(name_, passes_)                                                                      \
    {                                                                                              \
        .name = (name_), RULE(passes_)                                                             \
    }

static const ergo__pretokenizer pretokenizers[] = {
    PLAIN("default", default),
    LLAMA3("llama3"),
    LLAMA3("llama-v3"),
    LLAMA3("llama-bpe"),
    LLAMA3("falcon3"),
    LLAMA3("falcon-h1"),
    LLAMA3("pixtral"),
    LLAMA3("midm-2.0"),
    LLAMA3("lfm2"),
    LLAMA3("jina-v5-nano"),
    PLAIN("dbrx", llama3),
    PLAIN("smaug-bpe", llama3),
    {.name = "chatglm-bpe", RULE(llama3), .no_bos = true},
    {.name = "glm4", RULE(llama3), .whole_words = true, .no_bos = true},
    {.name = "glm5", RULE(llama3), .whole_words = true, .no_bos = true},
    {.name = "minicpm5", RULE(minicpm5), .whole_words = true},
    PLAIN("gpt-2", gpt2),
    PLAIN("phi-2", gpt2),
    PLAIN("jina-es", gpt2),
    PLAIN("jina-de", gpt2),
    PLAIN("jina-v1-en", gpt2),
    PLAIN("jina-v2-es", gpt2),
    PLAIN("jina-v2-de", gpt2),
    PLAIN("jina-v2-code", gpt2),
    PLAIN("roberta-bpe", gpt2),
    PLAIN("gigachat", gpt2),
    PLAIN("a.x-4.0", gpt2),
    PLAIN("mellum", gpt2),
    PLAIN("modern-bert", gpt2),
    PLAIN("exaone4", gpt2),
    PLAIN("mpt", gpt2),
    PLAIN("olmo", gpt2),
    PLAIN("jais", gpt2),
    PLAIN("trillion", gpt2),
    PLAIN("granite-docling", gpt2),
    PLAIN("starcoder", starcoder),
    PLAIN("refact", starcoder),
    PLAIN("command-r", starcoder),
    PLAIN("smollm", starcoder),
    PLAIN("codeshell", starcoder),
    PLAIN("exaone", starcoder),
    PLAIN("minerva-7b", starcoder),
    PLAIN("mellum2", starcoder),
    PLAIN("falcon", falcon),
    PLAIN("qwen2", qwen2),
    PLAIN("deepseek-r1-qwen", qwen2),
    PLAIN("kormo", qwen2),
    PLAIN("f2llmv2", qwen2),
    PLAIN("megrez", qwen2),
    PLAIN("stablelm2", qwen2),
    PLAIN("hunyuan", qwen2),
    PLAIN("solar-open", qwen2),
    PLAIN("grok-2", qwen2),
    PLAIN("bailingmoe", qwen2),
    PLAIN("bailingmoe2", qwen2),
    PLAIN("llada-moe", qwen2),
    PLAIN("qwen35", qwen35),
    PLAIN("laguna", laguna),
    PLAIN("seed-coder", seed),
    PLAIN("ufakzeka", ufakzeka),
    PLAIN("gpt-4o", gpt4o),
    PLAIN("llama4", gpt4o),
    PLAIN("kanana2", gpt4o),
    PLAIN("talkie", gpt4o),
    PLAIN("minimax-m2", gpt4o),
    {.name = "tekken", RULE(tekken), .whole_words = true, .adds_bos = true},
    PLAIN("deepseek-llm", deepseek_llm),
    PLAIN("deepseek-coder", deepseek_coder),
    PLAIN("deepseek-v3", deepseek3),
    PLAIN("hunyuan-dense", deepseek3),
    PLAIN("joyai-llm", deepseek3),
    PLAIN("hy_v4", deepseek3),
};

const ergo__pretokenizer *ergo__pretokenizer_find(ergo_str name)
{
    for (size_t i = 0; i < sizeof pretokenizers / sizeof *pretokenizers; i++) {
        const ergo__pretokenizer *p = &pretokenizers[i];
        if (strlen(p->name) == name.size && memcmp(p->name, name.data, name.size) == 0)
            return p;
    }
    return NULL;
}

ergo__words ergo__words_of(const ergo__pretokenizer *rule, ergo_str text)
{
    ergo__words words = {.rule = rule, .text = text.data};
    words.end[0] = text.size;
    return words;
}

bool ergo__words_next(ergo__words *words, ergo_str *word)
{
    while (words->pos[words->depth] == words->end[words->depth]) {
        if (words->depth == 0)
            return false;
        words->depth--;
    }
    for (;;) {
        const unsigned depth = words->depth;
        const ergo__pass *pass = &words->rule->passes[depth];
        const size_t start = words->pos[depth];
        const size_t end = pass->split(pass, words->text, start, words->end[depth]);
        words->pos[depth] = end;
        if (depth + 1 == words->rule->pass_count) {
            *word = (ergo_str){words->text + start, end - start};
            return true;
        }
        words->depth = depth + 1;
        words->pos[depth + 1] = start;
        words->end[depth + 1] = end;
    }
}
