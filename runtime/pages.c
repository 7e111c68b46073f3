/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/pages.h"

#include <string.h>

void ergo__pages_layout(ergo__pages *pages, ergo__arena *arena, uint32_t count)
{
    ergo__page *page = ERGO__TAKE_LINE(arena, ergo__page, count);
    if (!pages || !page)
        return;
    memset(page, 0, (size_t)count * sizeof *page);
    *pages = (ergo__pages){.page = page, .count = count, .last_serial = ERGO__ROOT_SERIAL};
}

uint32_t ergo__pages_take(ergo__pages *pages)
{
    uint32_t best = ERGO__NO_PAGE;
    for (uint32_t i = 0; i < pages->count; i++) {
        const ergo__page *page = &pages->page[i];
        if (page->references > 0)
            continue;
        if (best == ERGO__NO_PAGE || page->released < pages->page[best].released)
            best = i;
        if (page->serial == ERGO__UNSEALED) { /* holds nothing that anybody could use */
            best = i;
            break;
        }
    }
    if (best != ERGO__NO_PAGE)
        pages->page[best] = (ergo__page){.references = 1};
    return best;
}

void ergo__pages_release(ergo__pages *pages, uint32_t index)
{
    ergo__page *page = &pages->page[index];
    page->references--;
    page->released = ++pages->clock;
}

uint32_t ergo__pages_free_count(const ergo__pages *pages)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < pages->count; i++)
        count += pages->page[i].references == 0;
    return count;
}

void ergo__pages_seal(ergo__pages *pages, uint32_t index, uint64_t parent, const ergo_token *tokens)
{
    ergo__page *page = &pages->page[index];
    page->serial = ++pages->last_serial;
    page->parent = parent;
    page->ready = false;
    memcpy(page->tokens, tokens, sizeof page->tokens);
}

uint32_t ergo__pages_find(const ergo__pages *pages, uint64_t parent, const ergo_token *tokens)
{
    for (uint32_t i = 0; i < pages->count; i++) {
        const ergo__page *page = &pages->page[i];
        if (page->serial != ERGO__UNSEALED && page->parent == parent &&
            memcmp(page->tokens, tokens, sizeof page->tokens) == 0)
            return i;
    }
    return ERGO__NO_PAGE;
}

uint64_t ergo__pages_serial(const ergo__pages *pages, uint32_t index)
{
    return pages->page[index].serial;
}
