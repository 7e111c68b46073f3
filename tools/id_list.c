/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/id_list.h"

#include <stdlib.h>
#include <string.h>

static bool separates(char c)
{
    return c != '\0' && strchr(" \t\r\n,[]", c) != NULL;
}

tool_exit id_list_parse(ergo_str text, uint64_t limit, const char *what, token_list *out)
{
    ergo_token *ids = tool_alloc(text.size / 2 + 1, sizeof *ids);
    size_t count = 0;
    if (ids == NULL)
        return TOOL_FAILED;
    for (size_t at = 0; at < text.size;) {
        char word[24];
        size_t size = 0;
        uint64_t id = 0;
        if (separates(text.data[at])) {
            at++;
            continue;
        }
        while (at + size < text.size && !separates(text.data[at + size]))
            size++;
        const size_t kept = size < sizeof word ? size : sizeof word - 1;
        memcpy(word, text.data + at, kept);
        word[kept] = '\0';
        if (size >= sizeof word || !args_number(word, UINT32_MAX, &id) || id >= limit) {
            tool_error("%s: \"%s\" is no token id; ids go from 0 to %llu", what, word,
                       (unsigned long long)limit - 1);
            free(ids);
            return TOOL_USAGE;
        }
        ids[count++] = (ergo_token)id;
        at += size;
    }
    *out = (token_list){ids, count};
    return TOOL_DONE;
}
