/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "models/jinja.h"
#include "runtime/base/checked.h"

bool ergo__jinja_same(ergo_str a, ergo_str b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool ergo__jinja_is(ergo_str a, const char *b)
{
    return ergo__jinja_same(a, (ergo_str){b, strlen(b)});
}

static bool in_set(char c, ergo_str set)
{
    if (set.size == 0)
        return c == ' ' || (c >= '\t' && c <= '\r');
    return memchr(set.data, c, set.size) != NULL;
}

/** Without the bytes of the set at its ends; an empty set means white space. */
ergo_str ergo__jinja_strip(ergo_str text, ergo_str set, bool left, bool right)
{
    while (left && text.size && in_set(text.data[0], set)) {
        ++text.data;
        --text.size;
    }
    while (right && text.size && in_set(text.data[text.size - 1], set))
        --text.size;
    return text;
}

size_t ergo__jinja_search(ergo_str text, ergo_str part, size_t from)
{
    if (part.size == 0)
        return from;
    while (from < text.size && text.size - from >= part.size) {
        const char *at = memchr(text.data + from, part.data[0], text.size - from - part.size + 1);
        if (!at)
            break;
        from = (size_t)(at - text.data);
        if (memcmp(at, part.data, part.size) == 0)
            return from;
        ++from;
    }
    return SIZE_MAX;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/** upper, lower, title or capitalize, of ASCII letters. */
jinja_value ergo__jinja_case(jinja *j, ergo_str text, ergo_str how)
{
    char *out = ergo__jinja_bytes(j, text.size);
    const bool title = ergo__jinja_is(how, "title"), first = ergo__jinja_is(how, "capitalize");
    for (size_t i = 0; out && i < text.size; ++i) {
        const char c = text.data[i];
        const bool starts = title ? i == 0 || !is_letter(text.data[i - 1]) : i == 0;
        const bool upper = title || first ? starts : ergo__jinja_is(how, "upper");
        out[i] = !is_letter(c) ? c : (char)(upper ? c & ~0x20 : c | 0x20);
    }
    return ergo__jinja_text((ergo_str){out, out ? text.size : 0});
}

/** One piece at the front of `rest`, which is moved behind it. False at the end. */
static bool cut(ergo_str *rest, ergo_str by, bool last, ergo_str *piece)
{
    if (!rest->data)
        return false;
    if (by.size == 0) { /* words */
        *rest = ergo__jinja_strip(*rest, by, true, false);
        size_t n = 0;
        while (n < rest->size && (last || !in_set(rest->data[n], by)))
            ++n;
        *piece = (ergo_str){rest->data, n};
        rest->data += n;
        rest->size -= n;
        return n != 0;
    }
    const size_t at = last ? SIZE_MAX : ergo__jinja_search(*rest, by, 0);
    if (at == SIZE_MAX) {
        *piece = *rest;
        rest->data = NULL;
        return true;
    }
    *piece = (ergo_str){rest->data, at};
    rest->data += at + by.size;
    rest->size -= at + by.size;
    return true;
}

jinja_value ergo__jinja_split(jinja *j, ergo_str text, const jinja_arguments *a)
{
    const bool by_text = a->count > 0 && a->value[0].type == JINJA_STRING;
    const ergo_str by = by_text ? a->value[0].as.text : (ergo_str){NULL, 0};
    const int64_t most = a->count > 1 && a->value[1].type == JINJA_INT ? a->value[1].as.number : -1;
    if (!text.data)
        text.data = "";
    jinja_value *items = NULL;
    size_t count = 0;
    for (int pass = 0; pass < 2; ++pass) {
        ergo_str rest = text, piece;
        size_t n = 0;
        while (cut(&rest, by, most >= 0 && n == (uint64_t)most, &piece)) {
            if (items)
                items[n] = ergo__jinja_text(piece);
            ++n;
        }
        count = n;
        if (!items && !(items = ergo__jinja_take(j, n)))
            return ergo__jinja_items(NULL, 0);
    }
    return ergo__jinja_items(items, count);
}

jinja_value ergo__jinja_replace(jinja *j, ergo_str text, ergo_str from, ergo_str to)
{
    size_t hits = 0, size = text.size, grown;
    if (from.size == 0)
        return ergo__jinja_fail(j, ERGO_E_UNSUPPORTED, "replace of nothing", from);
    for (size_t at = 0; (at = ergo__jinja_search(text, from, at)) != SIZE_MAX; at += from.size)
        ++hits;
    if (hits == 0)
        return ergo__jinja_text(text);
    size -= hits * from.size;
    if (!ergo__mul_size(hits, to.size, &grown) || !ergo__add_size(size, grown, &size))
        return ergo__jinja_fail(j, ERGO_E_LIMIT, "text too long", (ergo_str){NULL, 0});
    char *out = ergo__jinja_bytes(j, size), *end = out;
    for (size_t at = 0; out && at < text.size;) {
        size_t hit = ergo__jinja_search(text, from, at);
        const size_t plain = (hit == SIZE_MAX ? text.size : hit) - at;
        memcpy(end, text.data + at, plain);
        end += plain;
        at += plain;
        if (hit != SIZE_MAX) {
            if (to.size)
                memcpy(end, to.data, to.size);
            end += to.size;
            at += from.size;
        }
    }
    return ergo__jinja_text((ergo_str){out, out ? size : 0});
}

/** Days since 1970 as a date: years that begin in March make leap days come last. */
static void date_of(int64_t days, int *year, unsigned *month, unsigned *day)
{
    days += 719468;
    const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    const unsigned doe = (unsigned)(days - era * 146097);
    const unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    const unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    const unsigned m = (5 * doy + 2) / 153;
    *day = doy - (153 * m + 2) / 5 + 1;
    *month = m < 10 ? m + 3 : m - 9;
    *year = (int)(yoe + era * 400) + (*month <= 2);
}

static void date_part(int64_t now_s, char what, char *out, size_t size)
{
    static const char *const months[] = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};
    static const char *const weekdays[] = {"Thursday", "Friday",  "Saturday", "Sunday",
                                           "Monday",   "Tuesday", "Wednesday"};
    const int64_t days = now_s / 86400;
    const unsigned second = (unsigned)(now_s % 86400);
    int year;
    unsigned month, day;
    date_of(days, &year, &month, &day);
    out[0] = '\0';
    switch (what) {
    case 'Y':
        snprintf(out, size, "%d", year);
        return;
    case 'B':
        snprintf(out, size, "%s", months[month - 1]);
        return;
    case 'b':
        snprintf(out, size, "%.3s", months[month - 1]);
        return;
    case 'A':
        snprintf(out, size, "%s", weekdays[days % 7]);
        return;
    case 'a':
        snprintf(out, size, "%.3s", weekdays[days % 7]);
        return;
    case '%':
        snprintf(out, size, "%%");
        return;
    default:
        break;
    }
    const char *const kinds = "dmyHMS";
    const unsigned numbers[] = {
        day, month, (unsigned)year % 100, second / 3600, second / 60 % 60, second % 60};
    const char *kind = what ? strchr(kinds, what) : NULL;
    if (kind)
        snprintf(out, size, "%02u", numbers[kind - kinds]);
}

/** strftime of the time that the caller gave. */
jinja_value ergo__jinja_date(jinja *j, ergo_str format)
{
    jinja_value text = ergo__jinja_text((ergo_str){NULL, 0});
    for (size_t i = 0; i < format.size && j->status == ERGO_OK; ++i) {
        char part[16] = {format.data[i], '\0'};
        if (format.data[i] == '%' && i + 1 < format.size)
            date_part(j->now_s, format.data[++i], part, sizeof part);
        if (part[0] == '\0')
            return ergo__jinja_fail(j, ERGO_E_UNSUPPORTED, "date format", format);
        char *copy = ergo__jinja_bytes(j, strlen(part));
        if (copy) {
            memcpy(copy, part, strlen(part));
            text = ergo__jinja_concat(j, text.as.text, (ergo_str){copy, strlen(part)});
        }
    }
    return text;
}
