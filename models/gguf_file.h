/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_MODELS_GGUF_FILE_H
#define ERGO_MODELS_GGUF_FILE_H

#include "ergo/gguf.h"
#include "models/cursor.h"
#include "runtime/base/log.h"

/* What the files of the GGUF reader share. Data flows header -> metadata -> tensor table -> order.
 */

/** Most metadata entries, and most tensors: fifty times what large files hold. */
#define ERGO__GGUF_COUNT_MAX ((uint64_t)1 << 17)

struct ergo_gguf {
    ergo_log log;
    char name[128]; /* of the file, in messages; longer ones are cut */
    uint32_t version;
    uint32_t alignment;
    bool may_pack; /* the file says that packed tensors have the layout that we know */
    size_t n_kv;
    size_t n_tensors;
    ergo_gguf_kv *kv;       /* [n_kv] in file order */
    ergo_tensor *tensors;   /* [n_tensors] in file order */
    uint32_t *kv_order;     /* [n_kv] sorted by key */
    uint32_t *tensor_order; /* [n_tensors] sorted by name */
};

/** A pass over the file. It knows what it is reading, so that every message can say where. */
typedef struct ergo__gguf_reader {
    ergo__cursor cursor;
    ergo_gguf *gguf;
    const char *kind; /* "entry" or "tensor"; NULL in the header */
    size_t index;
    ergo_str subject; /* key or tensor name, once known */
} ergo__gguf_reader;

/** Logs "FILE: KIND INDEX "SUBJECT": MESSAGE, at byte OFFSET" and returns `status`. */
ergo_status ergo__gguf_fail(const ergo__gguf_reader *reader, ergo_status status, size_t offset,
                            const char *format, ...) ERGO__PRINTF(4, 5);

/** The same for a file that ends inside `field`, at the cursor. */
ergo_status ergo__gguf_truncated(const ergo__gguf_reader *reader, const char *field);

/** A key or tensor name: not empty, at most `max` bytes, free of NUL. Becomes the subject. */
ergo_status ergo__gguf_read_name(ergo__gguf_reader *reader, const char *field, uint64_t max,
                                 ergo_str *out);

/** Text as a message may show it: printable ASCII, cut where it is long. */
typedef struct ergo__gguf_shown {
    char text[72];
} ergo__gguf_shown;
ergo__gguf_shown ergo__gguf_show(ergo_str text);

/** The name of a value type, such as "u32"; NULL for an unknown one. */
const char *ergo__gguf_type_name(uint32_t type);

/** Bytes of a scalar of the type; 0 for strings and arrays, which have no fixed width. */
size_t ergo__gguf_type_width(ergo_gguf_type type);

/**
 * Reads all metadata: fills gguf->alignment, and gguf->kv where it is not NULL. Duplicate keys are
 * found by ergo__gguf_order_kv.
 */
ergo_status ergo__gguf_read_metadata(ergo__gguf_reader *reader);

/**
 * Reads the tensor table: fills gguf->tensors where it is not NULL. Duplicate names and overlaps
 * are found by ergo__gguf_order_tensors.
 */
ergo_status ergo__gguf_read_tensors(ergo__gguf_reader *reader);

/** Sorts the entries by key and refuses duplicate keys. O(n log n), whatever the file holds. */
ergo_status ergo__gguf_order_kv(ergo__gguf_reader *reader);

/** Sorts the tensors by name; refuses duplicate names and tensors that share bytes. */
ergo_status ergo__gguf_order_tensors(ergo__gguf_reader *reader);

#endif
