/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "runtime/base/bits.h"
#include "runtime/base/checked.h"
#include "runtime/base/hash.h"
#include "runtime/base/log.h"
#include "runtime/engine_state.h"

/*
 * A saved session, little-endian: the header below, the tokens (4 bytes each), the pages that hold
 * the computed ones, and an FNV-1a hash of all before it. Whoever loads it checks every field: the
 * bytes may come from anywhere.
 */

static const unsigned char magic[8] = {'e', 'r', 'g', 'o', 's', 'e', 's', '1'};

enum {
    AT_MAGIC = 0,
    AT_FINGERPRINT = 8, /* of the model */
    AT_KV = 16,
    AT_PAGE_POSITIONS = 20,
    AT_COUNT = 24,
    AT_COMPUTED = 28,
    AT_ANGLES = 32, /* which set of rope frequencies was in use */
    AT_RESERVED = 36,
    HEADER_BYTES = 40,
    HASH_BYTES = 8,
};

static uint32_t pages_of(uint32_t computed)
{
    return (uint32_t)ergo__ceil_div(computed, ERGO__PAGE_POSITIONS);
}

/* Phi 3 turns by other angles in long contexts, so keys of the two kinds must not be mixed. */
static uint32_t uses_long_angles(const ergo_engine *engine)
{
    const ergo__plan *plan = &engine->model->plan;
    for (size_t i = 0; i < plan->step_count; i++) {
        const ergo__rope *rope = plan->steps[i].rope;
        if (plan->steps[i].op == ERGO__OP_ANGLES && rope->long_frequency &&
            engine->limits.context > rope->long_above)
            return 1;
    }
    return 0;
}

static bool saved_size(const ergo_engine *engine, uint32_t count, uint32_t computed, size_t *size)
{
    size_t tokens, pages, sum;
    return ergo__mul_size(count, sizeof(uint32_t), &tokens) &&
           ergo__mul_size(pages_of(computed), engine->page.size, &pages) &&
           ergo__add_size(tokens, pages, &sum) &&
           ergo__add_size(sum, HEADER_BYTES + HASH_BYTES, size);
}

ergo_status ergo_session_save(ergo_session *session, void *buffer, size_t capacity, size_t *size)
{
    if (!session || !session->open || !size || (capacity > 0 && !buffer))
        return ERGO_E_ARGUMENT;
    const ergo_engine *engine = session->engine;
    size_t needed;
    if (!saved_size(engine, session->count, session->computed, &needed))
        return ERGO_E_LIMIT;
    *size = needed;
    if (capacity < needed)
        return ERGO_E_MEMORY;
    unsigned char *out = buffer;
    memset(out, 0, HEADER_BYTES);
    memcpy(out + AT_MAGIC, magic, sizeof magic);
    ergo__store_u64(out + AT_FINGERPRINT, engine->model->fingerprint);
    ergo__store_u32(out + AT_KV, (uint32_t)engine->limits.kv);
    ergo__store_u32(out + AT_PAGE_POSITIONS, ERGO__PAGE_POSITIONS);
    ergo__store_u32(out + AT_COUNT, session->count);
    ergo__store_u32(out + AT_COMPUTED, session->computed);
    ergo__store_u32(out + AT_ANGLES, uses_long_angles(engine));
    unsigned char *p = out + HEADER_BYTES;
    for (uint32_t i = 0; i < session->count; i++, p += 4)
        ergo__store_u32(p, (uint32_t)session->tokens[i]);
    for (uint32_t i = 0; i < pages_of(session->computed); i++, p += engine->page.size) {
        const ergo_status status =
            engine->device->backend->page_read(engine->program, session->table[i], p);
        if (status != ERGO_OK)
            return status;
    }
    ergo__store_u64(p, ergo__hash_bytes(ERGO__HASH_START, out, needed - HASH_BYTES));
    return ERGO_OK;
}

/* The counts of a saved session, once everything about its bytes has been checked. */
typedef struct saved {
    uint32_t count;
    uint32_t computed;
} saved;

static ergo_status check_identity(const ergo_engine *engine, const unsigned char *in)
{
    if (ergo__load_u64(in + AT_FINGERPRINT) != engine->model->fingerprint)
        return ergo__fail(&engine->log, ERGO_E_STATE, "saved session: of another model than %s",
                          engine->model->name);
    const uint32_t kv = ergo__load_u32(in + AT_KV);
    if (kv != (uint32_t)engine->limits.kv)
        return ergo__fail(&engine->log, ERGO_E_STATE,
                          "saved session: kv type %u, the engine has %u", kv,
                          (uint32_t)engine->limits.kv);
    if (ergo__load_u32(in + AT_ANGLES) != uses_long_angles(engine))
        return ergo__fail(&engine->log, ERGO_E_STATE,
                          "saved session: other rope factors, the context differs");
    return ERGO_OK;
}

static ergo_status check_saved(const ergo_engine *engine, ergo_bytes bytes, saved *out)
{
    const unsigned char *in = bytes.data;
    const ergo_log *log = &engine->log;
    if (bytes.size < HEADER_BYTES + HASH_BYTES || memcmp(in, magic, sizeof magic) != 0)
        return ergo__fail(log, ERGO_E_FORMAT, "saved session: no session of this version");
    const size_t body = bytes.size - HASH_BYTES;
    if (ergo__hash_bytes(ERGO__HASH_START, in, body) != ergo__load_u64(in + body))
        return ergo__fail(log, ERGO_E_FORMAT, "saved session: damaged, the hash differs");
    const ergo_status status = check_identity(engine, in);
    if (status != ERGO_OK)
        return status;
    const saved s = {.count = ergo__load_u32(in + AT_COUNT),
                     .computed = ergo__load_u32(in + AT_COMPUTED)};
    size_t size;
    if (ergo__load_u32(in + AT_PAGE_POSITIONS) != ERGO__PAGE_POSITIONS || s.computed > s.count ||
        !saved_size(engine, s.count, s.computed, &size) || size != bytes.size)
        return ergo__fail(log, ERGO_E_FORMAT,
                          "saved session: %u tokens, %u computed do not make %zu bytes", s.count,
                          s.computed, bytes.size);
    if (s.count > engine->limits.context + 1 || s.computed > engine->limits.context)
        return ergo__fail(log, ERGO_E_LIMIT, "saved session: %u tokens, the context is %u", s.count,
                          engine->limits.context);
    for (uint32_t i = 0; i < s.count; i++)
        if (ergo__load_u32(in + HEADER_BYTES + 4 * (size_t)i) >= engine->model->plan.vocabulary)
            return ergo__fail(log, ERGO_E_FORMAT, "saved session: token %u is no token", i);
    *out = s;
    return ERGO_OK;
}

/* Pages that the session could have if it let go of its own. */
static uint32_t pages_within_reach(const ergo_session *session)
{
    uint32_t count = ergo__pages_free_count(&session->engine->pages);
    for (uint32_t i = 0; i < session->page_count; i++)
        count += session->engine->pages.page[session->table[i]].references == 1;
    return count;
}

ergo_status ergo_session_restore(ergo_session *session, ergo_bytes bytes)
{
    if (!session || !session->open || !bytes.data)
        return ERGO_E_ARGUMENT;
    ergo_engine *engine = session->engine;
    saved s = {0, 0};
    ergo_status status = check_saved(engine, bytes, &s);
    if (status != ERGO_OK)
        return status;
    const uint32_t pages = pages_of(s.computed);
    if (pages > pages_within_reach(session))
        return ergo__fail(&engine->log, ERGO_E_LIMIT, "saved session: %u pages, too few are free",
                          pages);
    ergo__session_drop_pages(session, 0);
    const unsigned char *in = (const unsigned char *)bytes.data + HEADER_BYTES;
    for (uint32_t i = 0; i < s.count; i++, in += 4)
        session->tokens[i] = (ergo_token)ergo__load_u32(in);
    for (uint32_t i = 0; i < pages && status == ERGO_OK; i++, in += engine->page.size) {
        session->table[i] = ergo__pages_take(&engine->pages);
        session->page_count = i + 1;
        status = engine->device->backend->page_write(engine->program, session->table[i], in);
    }
    /* Pages of unknown origin are never sealed, so no other session can be given them. */
    session->count = session->prompt_end = s.count;
    session->computed = status == ERGO_OK ? s.computed : 0;
    session->logits_end = 0;
    ergo__session_drop_pages(session, pages_of(session->computed));
    session->status = ERGO_IDLE;
    ergo__session_begin_text(session);
    return status;
}
