/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_MODELS_CHARACTERS_H
#define ERGO_MODELS_CHARACTERS_H

#include "ergo/base.h"

/** What the pre-tokenizers tell apart: general categories of Unicode, white space before them. */
enum {
    ERGO__SPACE = 1,
    ERGO__LETTER = 2,
    ERGO__NUMBER = 4,
    ERGO__MARK = 8,
    ERGO__PUNCTUATION = 16,
    ERGO__SYMBOL = 32,
    ERGO__OTHER = 64,
};

/** One character of a text. At the end of the text `kind` and `size` are 0. */
typedef struct ergo__char {
    uint32_t code;
    uint8_t kind; /**< one of the kinds above */
    uint8_t size; /**< bytes in the text */
} ergo__char;

/**
 * The character at `pos` of the text that ends at `end`. A byte that starts no well-formed sequence
 * is a character of its own, of code U+FFFD; overlong forms and surrogates are taken as they are.
 */
ergo__char ergo__char_at(const char *text, size_t pos, size_t end);

/** Code and size as above, without the kind. */
uint32_t ergo__char_decode(const char *text, size_t pos, size_t end, size_t *size);

#endif
