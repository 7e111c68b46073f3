/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "models/pretokenize.h"

/* The scanners that know words, numbers, punctuation and white space: GPT-2's expression and the
 * family that grew out of it. Comments give the branches of the expressions, in their order. */

static const unsigned not_other = ERGO__SPACE | ERGO__LETTER | ERGO__NUMBER;

static bool is_newline(ergo__char c)
{
    return c.code == '\r' || c.code == '\n';
}

/* The end of the run of characters of these kinds. */
static size_t run_of(unsigned kinds, const char *text, size_t pos, size_t end)
{
    for (ergo__char c; (c = ergo__char_at(text, pos, end)).kind & kinds;)
        pos += c.size;
    return pos;
}

/* The end of at most `most` characters of these kinds; 0 means any number. */
static size_t run_up_to(size_t most, unsigned kinds, const char *text, size_t pos, size_t end)
{
    if (most == 0)
        return run_of(kinds, text, pos, end);
    ergo__char c;
    for (size_t n = 0; n < most && (c = ergo__char_at(text, pos, end)).kind & kinds; n++)
        pos += c.size;
    return pos;
}

/* The end of what follows punctuation: any of the characters of `tail`. */
static size_t tail_of(const char *tail, const char *text, size_t pos, size_t end)
{
    while (pos < end && text[pos] != '\0' && strchr(tail, text[pos]))
        pos++;
    return pos;
}

/* 's|'t|'re|'ve|'m|'ll|'d; with `fold` in either case. The end, or `pos` when there is none. */
static size_t contraction(bool fold, const char *text, size_t pos, size_t end)
{
    if (end - pos < 2 || text[pos] != '\'')
        return pos;
    const char bit = fold ? 0x20 : 0; /* turns A-Z into a-z and nothing else into them */
    const char a = (char)(text[pos + 1] | bit);
    if (a == 's' || a == 't' || a == 'm' || a == 'd')
        return pos + 2;
    if (end - pos < 3)
        return pos;
    const char b = (char)(text[pos + 2] | bit);
    if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l'))
        return pos + 3;
    return pos;
}

/* \s+(?!\S)|\s+ : white space before a word leaves its last character to the word. With `newlines`,
 * \s*[\r\n]+ comes first: white space up to the last line break in it. */
static size_t white_space(bool newlines, const char *text, size_t pos, size_t end)
{
    size_t broken = pos; /* behind the last line break */
    size_t last = pos;   /* where the last white space starts */
    size_t at = pos;
    for (ergo__char c; (c = ergo__char_at(text, at, end)).kind == ERGO__SPACE;) {
        last = at;
        at += c.size;
        if (newlines && is_newline(c))
            broken = at;
    }
    if (broken > pos)
        return broken;
    return at < end && last > pos ? last : at;
}

/* 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
size_t ergo__split_gpt2(const ergo__pass *pass, const char *text, size_t pos, size_t end)
{
    (void)pass;
    const size_t short_form = contraction(false, text, pos, end);
    if (short_form > pos)
        return short_form;
    const size_t start = text[pos] == ' ' ? pos + 1 : pos;
    const unsigned kind = ergo__char_at(text, start, end).kind;
    if (kind == 0 || kind == ERGO__SPACE)
        return white_space(false, text, pos, end);
    if (kind == ERGO__LETTER || kind == ERGO__NUMBER)
        return run_of(kind, text, start, end);
    return run_of(~not_other, text, start, end);
}

/* [\p{Lu}…]*[\p{Ll}…]+|[\p{Lu}…]+[\p{Ll}…]* : upper case, then lower case. The reference knows case
 * in ASCII only and lets every other letter count as both, so that a word of capitals ends behind
 * its last such letter where no lower case follows. */
static size_t cased_word(const char *text, size_t pos, size_t end)
{
    const size_t start = pos;
    size_t both = pos; /* behind the last letter that counts as both */
    ergo__char c;
    while ((c = ergo__char_at(text, pos, end)).kind == ERGO__LETTER &&
           !(c.code >= 'a' && c.code <= 'z')) {
        pos += c.size;
        if (c.code >= 0x80)
            both = pos;
    }
    if (c.kind != ERGO__LETTER)
        return both > start ? both : pos;
    while ((c = ergo__char_at(text, pos, end)).kind == ERGO__LETTER &&
           !(c.code >= 'A' && c.code <= 'Z'))
        pos += c.size;
    return pos;
}

/* Where the letters of the word at `pos` start: [^\r\n\p{L}\p{N}]?\p{L}+ takes any one character
 * that is no letter, number or line break along. `end` when there is no word. */
static size_t word_start(const ergo__pass *pass, const char *text, size_t pos, size_t end)
{
    const ergo__char c = ergo__char_at(text, pos, end);
    if (c.kind & pass->letters)
        return pos;
    if (c.kind == ERGO__NUMBER || is_newline(c))
        return end;
    return ergo__char_at(text, pos + c.size, end).kind & pass->letters ? pos + c.size : end;
}

/* (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,most}| ?[^\s\p{L}\p{N}]+[tail]*|
 * \s*[\r\n]+|\s+(?!\S)|\s+  with the words as the pass says. */
size_t ergo__split_words(const ergo__pass *pass, const char *text, size_t pos, size_t end)
{
    if (pass->contraction == ERGO__CONTRACTION_APART) {
        const size_t short_form = contraction(true, text, pos, end);
        if (short_form > pos)
            return short_form;
    }
    size_t at = word_start(pass, text, pos, end);
    if (at < end) {
        at = pass->cased ? cased_word(text, at, end) : run_of(pass->letters, text, at, end);
        return pass->contraction == ERGO__CONTRACTION_ATTACHED ? contraction(true, text, at, end)
                                                               : at;
    }
    at = run_up_to(pass->most, ERGO__NUMBER, text, pos, end);
    if (at > pos)
        return at;
    const unsigned other = ~(not_other | pass->letters);
    const size_t start = text[pos] == ' ' ? pos + 1 : pos;
    at = run_of(other, text, start, end);
    return at > start ? tail_of(pass->tail, text, at, end) : white_space(true, text, pos, end);
}

static bool is_ascii_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_ascii_punctuation(char c)
{
    return c > ' ' && c <= '~' && !is_ascii_letter(c) && !(c >= '0' && c <= '9');
}

/* [ASCII punctuation][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|
 * \s*[\r\n]+|\s+(?!\S)|\s+  The end of the match at `pos`, or `pos` when there is none. */
static size_t match_deepseek3(const char *text, size_t pos, size_t end)
{
    if (end - pos >= 2 && is_ascii_punctuation(text[pos]) && is_ascii_letter(text[pos + 1])) {
        for (pos++; pos < end && is_ascii_letter(text[pos]);)
            pos++;
        return pos;
    }
    const unsigned letters = ERGO__LETTER | ERGO__MARK;
    const unsigned signs = ERGO__PUNCTUATION | ERGO__SYMBOL;
    const ergo__char c = ergo__char_at(text, pos, end);
    const ergo__char next = ergo__char_at(text, pos + c.size, end);
    if (c.kind & letters)
        return run_of(letters, text, pos, end);
    if (next.kind & letters && !(c.kind & signs) && !is_newline(c))
        return run_of(letters, text, pos + c.size, end);
    const size_t start = text[pos] == ' ' ? pos + 1 : pos;
    const size_t at = run_of(signs, text, start, end);
    if (at > start)
        return tail_of("\r\n", text, at, end);
    return white_space(true, text, pos, end);
}

size_t ergo__split_deepseek3(const ergo__pass *pass, const char *text, size_t pos, size_t end)
{
    (void)pass;
    const ergo__char first = ergo__char_at(text, pos, end);
    const size_t match = match_deepseek3(text, pos, end);
    if (match > pos)
        return match;
    /* Control characters and numbers match nothing: a gap, up to the next match. */
    for (pos += first.size; pos < end; pos += ergo__char_at(text, pos, end).size)
        if (!(ergo__char_at(text, pos, end).kind & (ERGO__OTHER | ERGO__NUMBER)) ||
            match_deepseek3(text, pos, end) > pos)
            break;
    return pos;
}
