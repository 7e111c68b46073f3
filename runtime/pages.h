/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_RUNTIME_PAGES_H
#define ERGO_RUNTIME_PAGES_H

#include "ergo/tokenizer.h"
#include "runtime/backend.h"

/*
 * Who holds which page of keys and values. A page that is full can be sealed: it then has a serial
 * number of its own and tells, by its tokens and its parent's serial, which prefix of a text it
 * ends. Keys and values depend on the prefix alone, so another session with the same prefix takes
 * the page instead of computing it. Sealed pages that nobody holds are kept until their room is
 * needed, the longest unused first.
 */

#define ERGO__NO_PAGE UINT32_MAX

/** Serial of the parent of a text's first page, and of pages that are not sealed. */
#define ERGO__ROOT_SERIAL 1u
#define ERGO__UNSEALED 0u

typedef struct ergo__page {
    uint32_t references;
    bool ready;        /* its keys and values have been computed */
    uint64_t serial;   /* ERGO__UNSEALED, or its own */
    uint64_t parent;   /* serial of the page before */
    uint64_t released; /* when it was last let go, on the pages' own clock */
    ergo_token tokens[ERGO__PAGE_POSITIONS];
} ergo__page;

typedef struct ergo__pages {
    ergo__page *page;
    uint32_t count;
    uint64_t last_serial;
    uint64_t clock;
} ergo__pages;

/** Takes room for `count` pages' entries; none is held. */
void ergo__pages_layout(ergo__pages *pages, ergo__arena *arena, uint32_t count);

/** A page that nobody holds, now held once and unsealed, or ERGO__NO_PAGE. */
uint32_t ergo__pages_take(ergo__pages *pages);

/** Lets go of a page once. */
void ergo__pages_release(ergo__pages *pages, uint32_t index);

/** Pages that nobody holds. */
uint32_t ergo__pages_free_count(const ergo__pages *pages);

/** Says which text a held page ends. It becomes ready once its batch has run. */
void ergo__pages_seal(ergo__pages *pages, uint32_t index, uint64_t parent,
                      const ergo_token *tokens);

/** The page that continues `parent` with these tokens, ready or not, or ERGO__NO_PAGE. */
uint32_t ergo__pages_find(const ergo__pages *pages, uint64_t parent, const ergo_token *tokens);

/** Serial of the page, for its child. */
uint64_t ergo__pages_serial(const ergo__pages *pages, uint32_t index);

#endif
