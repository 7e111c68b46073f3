/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TESTS_GGUF_REFUSAL_H
#define ERGO_TESTS_GGUF_REFUSAL_H

#include "tests/fakes/gguf_builder.h"

/* cmocka assertions about what the GGUF reader does with a file that it calls "bad.gguf". */

/** The reader over a copy of a file. */
typedef struct gguf_opened {
    size_t lines;   /**< logged, all of them errors */
    char last[512]; /**< of them */
    void *copy;     /**< ends where its memory ends, so that a sanitizer sees reads beyond */
    void *memory;   /**< NULL where ergo_gguf_size refused the file */
    ergo_gguf *gguf;
} gguf_opened;

ergo_status gguf_open_copy(ergo_bytes file, gguf_opened *opened);
void gguf_close_copy(gguf_opened *opened);

/** The file is refused with `status`; the one message holds `text` and the offset, unless -1. */
void assert_bytes_refused(ergo_bytes file, ergo_status status, const char *text, long at);

/** The same for what was built; frees it. */
void assert_refused(gguf_builder *b, ergo_status status, const char *text, long at);

/** What was built is accepted and all that the reader offers holds; frees it. */
void assert_accepted(gguf_builder *b);

#endif
