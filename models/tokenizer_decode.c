/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "models/tokenizer_vocab.h"

/* From ids to bytes. */

/* What is written so far: counted on when there is no more room. */
typedef struct bytes_out {
    char *data;
    size_t capacity, size;
    bool trim; /* drop a space at the very start */
    bool any;  /* there was something to write, if only that space */
} bytes_out;

static inline void put(bytes_out *out, char c)
{
    const bool drops = out->trim && !out->any && c == ' ';
    out->any = true;
    if (drops)
        return;
    if (out->size < out->capacity)
        out->data[out->size] = c;
    out->size++;
}

static void add(bytes_out *out, const char *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        put(out, data[i]);
}

/* Byte-level text: every character stands for a byte. Others, which only broken vocabularies hold,
 * stand for themselves. */
static void add_byte_level(bytes_out *out, ergo_str text)
{
    for (size_t pos = 0, size; pos < text.size; pos += size) {
        const unsigned char lead = (unsigned char)text.data[pos];
        size = 1;
        const uint32_t code =
            lead < 0x80 ? lead : ergo__char_decode(text.data, pos, text.size, &size);
        const int byte = ergo__byte_of_code(code);
        if (byte < 0)
            add(out, text.data + pos, size);
        else
            put(out, (char)byte);
    }
}

/* SentencePiece's text: U+2581 stands for a space. */
static void add_unescaped(bytes_out *out, ergo_str text)
{
    for (size_t pos = 0; pos < text.size;) {
        const bool space = text.size - pos >= 3 && memcmp(text.data + pos, "\xe2\x96\x81", 3) == 0;
        put(out, space ? ' ' : text.data[pos]);
        pos += space ? 3 : 1;
    }
}

static void add_token(const ergo_tokenizer *t, ergo_token id, bool special, bytes_out *out)
{
    const unsigned attributes = t->attributes[id];
    const ergo_str text = ergo__vocab_text(t, id);
    if (attributes & (ERGO__TOKEN_CONTROL | ERGO__TOKEN_UNKNOWN) && !special)
        return;
    if (attributes & ERGO__TOKEN_SPECIAL) {
        add(out, text.data, text.size);
    } else if (attributes & ERGO__TOKEN_NORMAL && t->byte_level) {
        add_byte_level(out, text);
    } else if (attributes & ERGO__TOKEN_NORMAL) {
        add_unescaped(out, text);
    } else if (attributes & ERGO__TOKEN_BYTE) {
        put(out, (char)ergo__byte_of_text(text));
    }
}

static ergo_status write_token(const ergo_tokenizer *t, ergo_token id, bool special, bytes_out *out,
                               size_t *size)
{
    if (!t || !size || (out->capacity && !out->data) || id < 0 || (uint32_t)id >= t->count)
        return ERGO_E_ARGUMENT;
    add_token(t, id, special, out);
    *size = out->size;
    return out->size > out->capacity ? ERGO_E_MEMORY : ERGO_OK;
}

ergo_status ergo_token_bytes(const ergo_tokenizer *tokenizer, ergo_token id, bool special,
                             char *buffer, size_t capacity, size_t *size)
{
    bytes_out out = {.data = buffer, .capacity = capacity};
    return write_token(tokenizer, id, special, &out, size);
}

ergo_status ergo_decode(const ergo_tokenizer *tokenizer, ergo_decoder *decoder, ergo_token id,
                        bool special, char *buffer, size_t capacity, size_t *size)
{
    if (!tokenizer || !decoder)
        return ERGO_E_ARGUMENT;
    bytes_out out = {
        .data = buffer, .capacity = capacity, .trim = tokenizer->adds_space && !decoder->started};
    const ergo_status status = write_token(tokenizer, id, special, &out, size);
    if (!status && out.any)
        decoder->started = true;
    return status;
}

size_t ergo_token_bytes_max(const ergo_tokenizer *tokenizer)
{
    return tokenizer->text_max;
}
