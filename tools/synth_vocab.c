/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/synth_vocab.h"

#define BYTE_TOKENS 256u
#define END_TOKEN BYTE_TOKENS
#define FIRST_PAIR (BYTE_TOKENS + 1u)
#define LETTERS 26u
#define PAIR_TOKENS (LETTERS + LETTERS * LETTERS) /* " a", then "ab" */

enum { NORMAL = 1, CONTROL = 3 }; /* values of tokenizer.ggml.token_type */

/* The character that stands for a byte in byte-level BPE, as UTF-8: printable bytes for
 * themselves, the others, in order, for U+0100 and up. Returns its size. */
static size_t byte_character(uint32_t byte, char out[4])
{
    uint32_t code = byte;
    uint32_t others = 0;
    for (uint32_t b = 0; b <= byte; b++) {
        const bool printable =
            (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || (b >= 0xae && b <= 0xff);
        code = printable ? b : 0x100 + others++;
    }
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    out[0] = (char)(0xc0 | code >> 6);
    out[1] = (char)(0x80 | (code & 0x3f));
    return 2;
}

/* The two characters of pair token i, with `between` between them. */
static ergo_str pair_text(uint32_t i, const char *between, char *out)
{
    const uint32_t first = i < LETTERS ? ' ' : 'a' + (i - LETTERS) / LETTERS;
    const uint32_t second = 'a' + i % LETTERS;
    size_t size = byte_character(first, out);
    for (; *between != '\0'; between++)
        out[size++] = *between;
    size += byte_character(second, out + size);
    return (ergo_str){out, size};
}

static ergo_str token_text(uint32_t id, char *out, size_t room)
{
    if (id < BYTE_TOKENS)
        return (ergo_str){out, byte_character(id, out)};
    if (id == END_TOKEN)
        return tool_str("<|endoftext|>");
    if (id < FIRST_PAIR + PAIR_TOKENS)
        return pair_text(id - FIRST_PAIR, "", out);
    (void)snprintf(out, room, "<|fill_%u|>", id);
    return tool_str(out);
}

void synth_vocab_write(gguf_writer *writer, uint32_t count)
{
    char text[32];
    gguf_write_text(writer, "tokenizer.ggml.model", tool_str("gpt2"));
    gguf_write_text(writer, "tokenizer.ggml.pre", tool_str("gpt-2"));
    gguf_write_array(writer, "tokenizer.ggml.tokens", ERGO_GGUF_STRING, count);
    for (uint32_t id = 0; id < count; id++)
        gguf_write_element_text(writer, token_text(id, text, sizeof text));
    gguf_write_array(writer, "tokenizer.ggml.token_type", ERGO_GGUF_I32, count);
    for (uint32_t id = 0; id < count; id++)
        gguf_write_element_i32(writer, id == END_TOKEN ? CONTROL : NORMAL);
    gguf_write_array(writer, "tokenizer.ggml.merges", ERGO_GGUF_STRING, PAIR_TOKENS);
    for (uint32_t i = 0; i < PAIR_TOKENS; i++)
        gguf_write_element_text(writer, pair_text(i, " ", text));
    gguf_write_u32(writer, "tokenizer.ggml.bos_token_id", END_TOKEN);
    gguf_write_u32(writer, "tokenizer.ggml.eos_token_id", END_TOKEN);
    gguf_write_bool(writer, "tokenizer.ggml.add_bos_token", false);
}
