/* SPDX-License-Identifier: Apache-2.0 */
#include "models/pretokenize.h"

static bool in_set(const ergo__char_set *set, ergo__char c)
{
    if (c.kind & set->kinds)
        return true;
    if (c.kind == ERGO__SPACE && c.code >= 0x80) /* the published rules fold these into one */
        return false;
    for (size_t i = 0; c.size && i < set->range_count && c.code >= set->ranges[i][0]; i++)
        if (c.code <= set->ranges[i][1])
            return true;
    return false;
}

/* Where the match of [space] set+ that starts at `pos` ends, or `pos` when there is none. */
static size_t match_set(const ergo__pass *pass, const char *text, size_t pos, size_t end)
{
    ergo__char c = ergo__char_at(text, pos, end);
    size_t at = pos;
    if (pass->leading_space && c.kind == ERGO__SPACE) {
        at += c.size;
        c = ergo__char_at(text, at, end);
    }
    if (!in_set(&pass->set, c))
        return pos;
    for (size_t n = 0; in_set(&pass->set, c) && (pass->most == 0 || n < pass->most); n++) {
        at += c.size;
        c = ergo__char_at(text, at, end);
    }
    return at;
}

size_t ergo__split_set(const ergo__pass *pass, const char *text, size_t pos, size_t end)
{
    const size_t match = match_set(pass, text, pos, end);
    if (match > pos)
        return match;
    ergo__pass probe = *pass; /* one character of the set is enough to end the gap */
    probe.most = 1;
    do
        pos += ergo__char_at(text, pos, end).size;
    while (pos < end && match_set(&probe, text, pos, end) == pos);
    return pos;
}

size_t ergo__split_trailing_space(const ergo__pass *pass, const char *text, size_t pos, size_t end)
{
    (void)pass;
    const size_t start = pos;
    size_t solid = pos; /* behind the last character that is no white space */
    while (pos < end) {
        const ergo__char c = ergo__char_at(text, pos, end);
        pos += c.size;
        if (c.kind != ERGO__SPACE)
            solid = pos;
    }
    return solid == start ? end : solid;
}

static bool is_triple(const char *text, size_t pos, size_t end)
{
    if (end - pos < 3)
        return false;
    for (size_t i = 0; i < 3; i++)
        if (text[pos + i] < '0' || text[pos + i] > '9')
            return false;
    return true;
}

size_t ergo__split_triples(const ergo__pass *pass, const char *text, size_t pos, size_t end)
{
    (void)pass;
    if (is_triple(text, pos, end))
        return pos + 3;
    do
        pos++;
    while (pos < end && !is_triple(text, pos, end));
    return pos;
}
