/* SPDX-License-Identifier: Apache-2.0 */
#include "models/tokenizer_vocab.h"

#include <string.h>

#include "models/gguf_file.h"
#include "runtime/base/bits.h"
#include "runtime/base/checked.h"

/* Token types of the file. */
enum { NORMAL = 1, UNKNOWN = 2, CONTROL = 3, USER = 4, BYTE = 6 };

#define HASH_START 2166136261u

/* FNV-1a: it can be continued byte by byte, which the search for special tokens needs. */
static uint32_t hash_byte(uint32_t hash, char byte)
{
    return (hash ^ (unsigned char)byte) * 16777619u;
}

static uint32_t hash_more(uint32_t hash, ergo_str text)
{
    for (size_t i = 0; i < text.size; i++)
        hash = hash_byte(hash, text.data[i]);
    return hash;
}

/* The low bits of FNV alone cluster. */
static uint32_t first_slot(uint32_t hash, uint32_t mask)
{
    return (hash ^ hash >> 15) & mask;
}

ergo_str ergo__vocab_text(const ergo_tokenizer *t, ergo_token id)
{
    const uint32_t start = t->offset[id];
    return (ergo_str){t->texts + start, t->offset[id + 1] - start - sizeof(uint64_t)};
}

static bool is_text(const ergo_tokenizer *t, uint32_t id, ergo_str a, ergo_str b)
{
    const ergo_str text = ergo__vocab_text(t, (ergo_token)id);
    return text.size == a.size + b.size && memcmp(text.data, a.data, a.size) == 0 &&
           memcmp(text.data + a.size, b.data, b.size) == 0;
}

/* The place of the token with that text, or the free place where it belongs. */
static uint32_t *slot_of(const ergo_tokenizer *t, uint32_t hash, ergo_str a, ergo_str b)
{
    uint32_t i = first_slot(hash, t->slot_mask);
    while (t->slots[i] != ERGO__NO_SLOT && !is_text(t, t->slots[i], a, b))
        i = (i + 1) & t->slot_mask;
    return &t->slots[i];
}

static ergo_token find_hashed(const ergo_tokenizer *t, uint32_t hash, ergo_str a, ergo_str b)
{
    const uint32_t id = *slot_of(t, hash, a, b);
    return id == ERGO__NO_SLOT ? ERGO_TOKEN_NONE : (ergo_token)id;
}

ergo_token ergo__vocab_find(const ergo_tokenizer *t, ergo_str a, ergo_str b)
{
    if (a.size > t->text_max || b.size > t->text_max - a.size || a.size + b.size == 0)
        return ERGO_TOKEN_NONE;
    return find_hashed(t, hash_more(hash_more(HASH_START, a), b), a, b);
}

ergo_token ergo__vocab_find_bytes(const ergo_tokenizer *t, ergo_str bytes)
{
    if (bytes.size == 0 || bytes.size > t->text_max)
        return ERGO_TOKEN_NONE;
    uint32_t hash = HASH_START;
    for (size_t i = 0; i < bytes.size; i++) {
        char text[2];
        hash = hash_more(hash, (ergo_str){text, ergo__byte_text((uint8_t)bytes.data[i], text)});
    }
    for (uint32_t i = first_slot(hash, t->slot_mask); t->slots[i] != ERGO__NO_SLOT;
         i = (i + 1) & t->slot_mask) {
        const ergo_str token = ergo__vocab_text(t, (ergo_token)t->slots[i]);
        size_t at = 0, n = 0;
        while (n < bytes.size) {
            char text[2];
            const size_t size = ergo__byte_text((uint8_t)bytes.data[n], text);
            if (size > token.size - at || memcmp(token.data + at, text, size) != 0)
                break;
            at += size;
            n++;
        }
        if (n == bytes.size && at == token.size)
            return (ergo_token)t->slots[i];
    }
    return ERGO_TOKEN_NONE;
}

ergo_token ergo__vocab_find_special(const ergo_tokenizer *t, ergo_str text, size_t pos,
                                    size_t limit, bool control)
{
    ergo_token best = ERGO_TOKEN_NONE;
    if (!t->special_first[(unsigned char)text.data[pos]])
        return best;
    const size_t most = ergo__min_size(ergo__min_size(limit - 1, t->special_max), text.size - pos);
    uint32_t hash = HASH_START;
    for (size_t size = 1; size <= most; size++) {
        hash = hash_byte(hash, text.data[pos + size - 1]);
        if (!t->special_length[size])
            continue;
        const ergo_token id =
            find_hashed(t, hash, (ergo_str){text.data + pos, size}, (ergo_str){"", 0});
        if (id != ERGO_TOKEN_NONE && t->attributes[id] & ERGO__TOKEN_SPECIAL &&
            (control || !(t->attributes[id] & (ERGO__TOKEN_CONTROL | ERGO__TOKEN_UNKNOWN))))
            best = id;
    }
    return best;
}

size_t ergo__byte_text(uint8_t byte, char text[2])
{
    uint32_t code = byte; /* printable characters stand for themselves, the others come behind */
    if (byte <= 0x20)
        code = 0x100u + byte;
    else if (byte >= 0x7f && byte <= 0xa0)
        code = 0x121u + (byte - 0x7fu);
    else if (byte == 0xad)
        code = 0x143;
    if (code < 0x80) {
        text[0] = (char)code;
        return 1;
    }
    text[0] = (char)(0xc0u | code >> 6);
    text[1] = (char)(0x80u | (code & 0x3fu));
    return 2;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int ergo__byte_of_text(ergo_str text)
{
    if (text.size != 6 || memcmp(text.data, "<0x", 3) != 0 || text.data[5] != '>')
        return -1;
    const int high = hex_digit(text.data[3]), low = hex_digit(text.data[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static uint8_t attributes_of_type(int64_t type)
{
    switch (type) {
    case NORMAL:
        return ERGO__TOKEN_NORMAL;
    case UNKNOWN:
        return ERGO__TOKEN_UNKNOWN;
    case CONTROL:
        return ERGO__TOKEN_CONTROL;
    case USER:
        return ERGO__TOKEN_USER;
    case BYTE:
        return ERGO__TOKEN_BYTE;
    default: /* unused and undefined tokens stand for nothing */
        return 0;
    }
}

static void fill_byte_tokens(ergo_tokenizer *t)
{
    static const char digits[] = "0123456789ABCDEF";
    for (unsigned byte = 0; byte < 256; byte++) {
        char text[6] = {'<', '0', 'x', digits[byte >> 4], digits[byte & 15], '>'};
        ergo_str name = {text, 6}, empty = {"", 0};
        if (t->byte_level)
            name.size = ergo__byte_text((uint8_t)byte, text);
        t->byte_token[byte] = ergo__vocab_find(t, name, empty);
        if (t->byte_token[byte] == ERGO_TOKEN_NONE && !t->byte_level) {
            text[0] = (char)byte;
            t->byte_token[byte] = ergo__vocab_find(t, (ergo_str){text, 1}, empty);
        }
    }
}

ergo_status ergo__vocab_fill_tokens(ergo_tokenizer *t, const ergo__vocab_source *source)
{
    const ergo__vocab_shape *shape = &source->shape;
    const ergo_str empty = {"", 0};
    for (uint32_t i = 0; i <= t->slot_mask; i++)
        t->slots[i] = ERGO__NO_SLOT;
    size_t next = 0;
    for (uint32_t id = 0; id < t->count; id++) {
        const ergo_str text = ergo_gguf_str_next(shape->tokens, &next);
        t->offset[id] = (uint32_t)(next - text.size);
        t->offset[id + 1] = (uint32_t)(next + sizeof(uint64_t));
        t->attributes[id] = shape->types ? attributes_of_type(ergo_gguf_int_at(shape->types, id))
                                         : (uint8_t)ERGO__TOKEN_NORMAL;
        if (t->attributes[id] & ERGO__TOKEN_BYTE && ergo__byte_of_text(text) < 0)
            return ergo__fail(&source->log, ERGO_E_FORMAT,
                              "%s: token %u, \"%s\", is of type byte but names none", source->name,
                              (unsigned)id, ergo__gguf_show(text).text);
        if (text.size == 0) /* padding; it stands for nothing and is never found */
            continue;
        uint32_t *slot = slot_of(t, hash_more(HASH_START, text), text, empty);
        if (*slot != ERGO__NO_SLOT)
            return ergo__fail(&source->log, ERGO_E_FORMAT, "%s: tokens %u and %u are both \"%s\"",
                              source->name, (unsigned)*slot, (unsigned)id,
                              ergo__gguf_show(text).text);
        *slot = id;
    }
    fill_byte_tokens(t);
    return ERGO_OK;
}

static uint32_t hash_pair(ergo_token left, ergo_token right)
{
    const uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    return (uint32_t)((pair * 0x9e3779b97f4a7c15u) >> 32);
}

static uint32_t *merge_slot_of(const ergo_tokenizer *t, ergo_token left, ergo_token right)
{
    uint32_t i = first_slot(hash_pair(left, right), t->merge_mask);
    for (; t->merge_slots[i] != ERGO__NO_SLOT; i = (i + 1) & t->merge_mask) {
        const ergo__merge *merge = &t->merges[t->merge_slots[i]];
        if (merge->left == left && merge->right == right)
            break;
    }
    return &t->merge_slots[i];
}

const ergo__merge *ergo__vocab_merge(const ergo_tokenizer *t, ergo_token left, ergo_token right)
{
    const uint32_t rank = *merge_slot_of(t, left, right);
    return rank == ERGO__NO_SLOT ? NULL : &t->merges[rank];
}

ergo_status ergo__vocab_fill_merges(ergo_tokenizer *t, const ergo__vocab_source *source)
{
    uint32_t foreign = 0;
    size_t next = 0;
    for (uint32_t i = 0; i <= t->merge_mask; i++)
        t->merge_slots[i] = ERGO__NO_SLOT;
    for (uint32_t rank = 0; rank < t->merge_count; rank++) {
        const ergo_str line = ergo_gguf_str_next(source->shape.merges, &next);
        const char *gap = line.size > 1 ? memchr(line.data + 1, ' ', line.size - 1) : NULL;
        const ergo_str left = {line.data, gap ? (size_t)(gap - line.data) : 0};
        const ergo_str right = {gap ? gap + 1 : "", gap ? line.size - left.size - 1 : 0};
        if (left.size == 0 || right.size == 0)
            return ergo__fail(&source->log, ERGO_E_FORMAT,
                              "%s: merge %u, \"%s\", is not two texts with a space between",
                              source->name, (unsigned)rank, ergo__gguf_show(line).text);
        const ergo_str empty = {"", 0};
        ergo__merge *merge = &t->merges[rank];
        merge->left = ergo__vocab_find(t, left, empty);
        merge->right = ergo__vocab_find(t, right, empty);
        merge->merged = ergo__vocab_find(t, left, right);
        if (merge->left == ERGO_TOKEN_NONE || merge->right == ERGO_TOKEN_NONE ||
            merge->merged == ERGO_TOKEN_NONE) {
            foreign++;
            continue;
        }
        uint32_t *slot = merge_slot_of(t, merge->left, merge->right);
        if (*slot == ERGO__NO_SLOT)
            *slot = rank;
    }
    if (foreign)
        ergo__log(&source->log, ERGO_LOG_WARNING,
                  "%s: %u merges are of texts that are no tokens; they are left out", source->name,
                  (unsigned)foreign);
    return ERGO_OK;
}
