/* SPDX-License-Identifier: Apache-2.0 */
#include "models/token_merge.h"

#include "runtime/base/bits.h"

static bool before(ergo__heap_entry a, ergo__heap_entry b)
{
    return a.priority < b.priority || (a.priority == b.priority && a.symbol < b.symbol);
}

static void set_place(ergo__heap *heap, uint32_t place, ergo__heap_entry entry)
{
    heap->entries[place] = entry;
    heap->symbols[entry.symbol].place = place;
}

static uint32_t sift_up(ergo__heap *heap, uint32_t place, ergo__heap_entry entry)
{
    while (place > 0 && before(entry, heap->entries[(place - 1) / 2])) {
        set_place(heap, place, heap->entries[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    return place;
}

static uint32_t sift_down(ergo__heap *heap, uint32_t place, ergo__heap_entry entry)
{
    for (uint32_t child; (child = 2 * place + 1) < heap->count; place = child) {
        if (child + 1 < heap->count && before(heap->entries[child + 1], heap->entries[child]))
            child++;
        if (!before(heap->entries[child], entry))
            break;
        set_place(heap, place, heap->entries[child]);
    }
    return place;
}

/* Puts an entry where it belongs, starting from a place that is free. */
static void settle(ergo__heap *heap, uint32_t place, ergo__heap_entry entry)
{
    place = sift_up(heap, place, entry);
    set_place(heap, sift_down(heap, place, entry), entry);
}

void ergo__heap_put(ergo__heap *heap, uint32_t symbol, uint32_t priority)
{
    uint32_t place = heap->symbols[symbol].place;
    if (place == ERGO__NO_SYMBOL)
        place = heap->count++;
    settle(heap, place, (ergo__heap_entry){priority, symbol});
}

void ergo__heap_drop(ergo__heap *heap, uint32_t symbol)
{
    const uint32_t place = heap->symbols[symbol].place;
    if (place == ERGO__NO_SYMBOL)
        return;
    heap->symbols[symbol].place = ERGO__NO_SYMBOL;
    heap->count--;
    if (place < heap->count)
        settle(heap, place, heap->entries[heap->count]);
}

uint32_t ergo__heap_pop(ergo__heap *heap)
{
    const uint32_t first = heap->entries[0].symbol;
    ergo__heap_drop(heap, first);
    return first;
}

void ergo__ids_add(ergo__ids *ids, ergo_token id)
{
    if (ids->count < ids->capacity)
        ids->data[ids->count] = id;
    ids->count++;
}

/* The highest score first: floats as integers of the opposite order. NaN comes last. */
static uint32_t priority_of_score(float score)
{
    if (score != score)
        return UINT32_MAX;
    const uint32_t bits = ergo__bits_of_f32(score + 0.0f); /* -0 becomes 0 */
    return bits & 0x80000000u ? bits : ~bits & 0x7fffffffu;
}

/* What merging symbol `i` with the next one gives, and how urgent that is. */
static bool find_merge(const ergo_tokenizer *t, ergo_str text, ergo__symbol *symbols, uint32_t i,
                       uint32_t *priority)
{
    ergo__symbol *left = &symbols[i];
    if (left->next == ERGO__NO_SYMBOL)
        return false;
    const ergo__symbol *right = &symbols[left->next];
    if (t->byte_level) {
        if (left->id == ERGO_TOKEN_NONE || right->id == ERGO_TOKEN_NONE)
            return false;
        const ergo__merge *merge = ergo__vocab_merge(t, left->id, right->id);
        if (!merge)
            return false;
        *priority = (uint32_t)(merge - t->merges);
        left->merged = merge->merged;
        return true;
    }
    const size_t end = right->next == ERGO__NO_SYMBOL ? text.size : symbols[right->next].start;
    const ergo_str pair = {text.data + left->start, end - left->start};
    left->merged = ergo__vocab_find(t, pair, (ergo_str){"", 0});
    if (left->merged == ERGO_TOKEN_NONE)
        return false;
    const double score = t->scores ? ergo_gguf_float_at(t->scores, (uint64_t)left->merged) : 0;
    *priority = priority_of_score((float)score);
    return true;
}

static void offer(const ergo_tokenizer *t, ergo_str text, ergo__heap *heap, uint32_t i)
{
    uint32_t priority;
    if (find_merge(t, text, heap->symbols, i, &priority))
        ergo__heap_put(heap, i, priority);
    else
        ergo__heap_drop(heap, i);
}

void ergo__merge_all(const ergo_tokenizer *t, ergo_str text, ergo__workspace *space, uint32_t count)
{
    ergo__symbol *symbols = space->symbols;
    ergo__heap heap = {.symbols = symbols, .entries = space->entries};
    for (uint32_t i = 0; i < count; i++) {
        symbols[i].prev = i ? i - 1 : ERGO__NO_SYMBOL;
        symbols[i].next = i + 1 < count ? i + 1 : ERGO__NO_SYMBOL;
        symbols[i].place = ERGO__NO_SYMBOL;
    }
    for (uint32_t i = 0; i < count; i++)
        offer(t, text, &heap, i);
    while (heap.count) {
        const uint32_t i = ergo__heap_pop(&heap);
        ergo__symbol *left = &symbols[i];
        ergo__heap_drop(&heap, left->next);
        left->id = left->merged;
        left->next = symbols[left->next].next;
        if (left->next != ERGO__NO_SYMBOL)
            symbols[left->next].prev = i;
        if (left->prev != ERGO__NO_SYMBOL)
            offer(t, text, &heap, left->prev);
        offer(t, text, &heap, i);
    }
}
