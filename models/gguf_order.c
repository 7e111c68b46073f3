/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "models/gguf_file.h"
#include "runtime/base/checked.h"

/*
 * Sorted orders over the tables: for look-ups, and to find duplicates and overlaps. Sorting rather
 * than hashing, because no file can be made that turns n log n into n squared.
 */

/* True when item a comes before item b. */
typedef bool before_fn(const ergo_gguf *gguf, uint32_t a, uint32_t b);

static int compare(ergo_str a, ergo_str b)
{
    const int order = memcmp(a.data, b.data, ergo__min_size(a.size, b.size));
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

static bool key_before(const ergo_gguf *gguf, uint32_t a, uint32_t b)
{
    return compare(gguf->kv[a].key, gguf->kv[b].key) < 0;
}

static bool name_before(const ergo_gguf *gguf, uint32_t a, uint32_t b)
{
    return compare(gguf->tensors[a].name, gguf->tensors[b].name) < 0;
}

static bool data_before(const ergo_gguf *gguf, uint32_t a, uint32_t b)
{
    return (uintptr_t)gguf->tensors[a].bytes.data < (uintptr_t)gguf->tensors[b].bytes.data;
}

/* Moves the item at `root` down a heap of n items whose largest is first. */
static void sift_down(const ergo_gguf *gguf, uint32_t *order, size_t root, size_t n,
                      before_fn *before)
{
    const uint32_t item = order[root];
    for (size_t child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && before(gguf, order[child], order[child + 1]))
            child++;
        if (!before(gguf, item, order[child]))
            break;
        order[root] = order[child];
    }
    order[root] = item;
}

/* Heap sort: in place, without recursion. */
static void sort(const ergo_gguf *gguf, uint32_t *order, size_t n, before_fn *before)
{
    for (size_t i = 0; i < n; i++)
        order[i] = (uint32_t)i;
    for (size_t root = n / 2; root-- > 0;)
        sift_down(gguf, order, root, n, before);
    for (size_t end = n; end-- > 1;) {
        const uint32_t largest = order[0];
        order[0] = order[end];
        order[end] = largest;
        sift_down(gguf, order, 0, end, before);
    }
}

/* A message about item i, whose name `subject` lies in the file. */
static ergo_status fail_at(ergo__gguf_reader *reader, uint32_t i, ergo_str subject,
                           const char *relation, uint32_t other)
{
    const size_t at = (size_t)((const unsigned char *)subject.data - reader->cursor.base);
    reader->index = i;
    reader->subject = subject;
    return ergo__gguf_fail(reader, ERGO_E_FORMAT, at, "%s %s %u", relation, reader->kind,
                           (unsigned)other);
}

ergo_status ergo__gguf_order_kv(ergo__gguf_reader *reader)
{
    const ergo_gguf *gguf = reader->gguf;
    uint32_t *order = gguf->kv_order;
    reader->kind = "entry";
    sort(gguf, order, gguf->n_kv, key_before);
    for (size_t i = 1; i < gguf->n_kv; i++) {
        const ergo_str key = gguf->kv[order[i]].key;
        if (compare(gguf->kv[order[i - 1]].key, key) == 0)
            return fail_at(reader, order[i], key, "the key is that of", order[i - 1]);
    }
    return ERGO_OK;
}

ergo_status ergo__gguf_order_tensors(ergo__gguf_reader *reader)
{
    const ergo_gguf *gguf = reader->gguf;
    uint32_t *order = gguf->tensor_order;
    reader->kind = "tensor";
    /* The same table serves both orders, one after the other. */
    sort(gguf, order, gguf->n_tensors, data_before);
    for (size_t i = 1; i < gguf->n_tensors; i++) {
        const ergo_bytes last = gguf->tensors[order[i - 1]].bytes;
        const ergo_tensor *next = &gguf->tensors[order[i]];
        if ((uintptr_t)next->bytes.data - (uintptr_t)last.data < last.size)
            return fail_at(reader, order[i], next->name, "the data overlaps that of", order[i - 1]);
    }
    sort(gguf, order, gguf->n_tensors, name_before);
    for (size_t i = 1; i < gguf->n_tensors; i++) {
        const ergo_str name = gguf->tensors[order[i]].name;
        if (compare(gguf->tensors[order[i - 1]].name, name) == 0)
            return fail_at(reader, order[i], name, "the name is that of", order[i - 1]);
    }
    return ERGO_OK;
}

static ergo_str key_at(const ergo_gguf *gguf, uint32_t i)
{
    return gguf->kv[i].key;
}

static ergo_str name_at(const ergo_gguf *gguf, uint32_t i)
{
    return gguf->tensors[i].name;
}

/* The index of the item called `wanted`, or `n` when there is none. */
static size_t find(const ergo_gguf *gguf, const uint32_t *order, size_t n, const char *wanted,
                   ergo_str (*text_at)(const ergo_gguf *, uint32_t))
{
    const ergo_str text = {.data = wanted, .size = strlen(wanted)};
    size_t low = 0, high = n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order_of = compare(text, text_at(gguf, order[middle]));
        if (order_of == 0)
            return order[middle];
        if (order_of < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return n;
}

const ergo_gguf_kv *ergo_gguf_kv_find(const ergo_gguf *gguf, const char *key)
{
    return ergo_gguf_kv_at(gguf, find(gguf, gguf->kv_order, gguf->n_kv, key, key_at));
}

const ergo_tensor *ergo_gguf_tensor_find(const ergo_gguf *gguf, const char *name)
{
    return ergo_gguf_tensor_at(gguf,
                               find(gguf, gguf->tensor_order, gguf->n_tensors, name, name_at));
}
