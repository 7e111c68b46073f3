/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/stop.h"

#include <string.h>

#include "runtime/base/log.h"

/* How much of string k the text ends with once `byte` follows a match of `matched` bytes, which is
 * less than the whole string. */
static size_t extend(const ergo__stop *stop, size_t k, size_t matched, char byte)
{
    while (matched > 0 && stop->text[k][matched] != byte)
        matched = stop->border[k][matched - 1];
    return matched + (stop->text[k][matched] == byte);
}

static void add_string(ergo__stop *stop, ergo_str string)
{
    const size_t k = stop->count++;
    stop->size[k] = string.size;
    memcpy(stop->text[k], string.data, string.size);
    stop->border[k][0] = 0;
    for (size_t i = 1; i < string.size; i++)
        stop->border[k][i] = (unsigned char)extend(stop, k, stop->border[k][i - 1], string.data[i]);
}

ergo_status ergo__stop_set(ergo__stop *stop, const ergo_str *strings, size_t count,
                           const ergo_log *log)
{
    if (count > ERGO__STOP_STRINGS)
        return ergo__fail(log, ERGO_E_LIMIT, "stop: %zu strings, at most %d", count,
                          ERGO__STOP_STRINGS);
    for (size_t i = 0; i < count; i++) {
        if (strings[i].size == 0)
            return ergo__fail(log, ERGO_E_ARGUMENT, "stop: string %zu is empty", i);
        if (strings[i].size > ERGO__STOP_BYTES)
            return ergo__fail(log, ERGO_E_LIMIT, "stop: string %zu has %zu bytes, at most %d", i,
                              strings[i].size, ERGO__STOP_BYTES);
    }
    memset(stop, 0, sizeof *stop);
    for (size_t i = 0; i < count; i++)
        add_string(stop, strings[i]);
    return ERGO_OK;
}

void ergo__stop_reset(ergo__stop *stop)
{
    memset(stop->matched, 0, sizeof stop->matched);
}

/* The longest beginning of any string that the text ends with: what must be held back. */
static ergo_str held_back(const ergo__stop *stop)
{
    size_t longest = 0;
    for (size_t k = 1; k < stop->count; k++)
        if (stop->matched[k] > stop->matched[longest])
            longest = k;
    return (ergo_str){stop->text[longest], stop->matched[longest]};
}

/* Reads one byte; returns the size of the longest string that ends with it, or 0. */
static size_t read_byte(ergo__stop *stop, char byte)
{
    size_t found = 0;
    for (size_t k = 0; k < stop->count; k++) {
        stop->matched[k] = extend(stop, k, stop->matched[k], byte);
        if (stop->matched[k] == stop->size[k] && stop->size[k] > found)
            found = stop->size[k];
    }
    return found;
}

ergo__stop_release ergo__stop_feed(ergo__stop *stop, ergo_str bytes)
{
    const ergo_str before = held_back(stop);
    size_t read = 0, found = 0;
    while (read < bytes.size && found == 0)
        found = read_byte(stop, bytes.data[read++]);
    const size_t keep = found ? found : held_back(stop).size;
    const size_t certain = before.size + read - keep;
    const size_t of_held = certain < before.size ? certain : before.size;
    if (found)
        ergo__stop_reset(stop);
    return (ergo__stop_release){
        .held = {before.data, of_held},
        .fed = {bytes.data, certain - of_held},
        .stopped = found != 0,
    };
}

ergo_str ergo__stop_flush(ergo__stop *stop)
{
    const ergo_str held = held_back(stop);
    ergo__stop_reset(stop);
    return held;
}
