/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/base/log.h"
#include "runtime/engine_state.h"
#include "runtime/kv.h"

#define DEFAULT_CONTEXT 4096u
#define DEFAULT_BATCH_TOKENS 256u
#define SESSIONS_MAX 1024u
#define BATCH_TOKENS_MAX 65536u
#define CONTEXT_MAX (1u << 24)
#define PAGES_MAX (1u << 24)

/* ---- Device -------------------------------------------------------------------------------- */

ergo_status ergo_device_size(const ergo_backend *backend, const ergo_device_config *config,
                             size_t *size)
{
    const ergo_device_config none = {.threads = 0};
    if (!backend || !size)
        return ERGO_E_ARGUMENT;
    return backend->size(config ? config : &none, size);
}

ergo_status ergo_device_open(const ergo_backend *backend, const ergo_device_config *config,
                             ergo_block memory, ergo_device **out)
{
    const ergo_device_config none = {.threads = 0};
    if (!backend || !out)
        return ERGO_E_ARGUMENT;
    return backend->open(config ? config : &none, memory, out);
}

void ergo_device_close(ergo_device *device)
{
    if (device)
        device->backend->close(device);
}

const char *ergo_device_text(const ergo_device *device)
{
    return device->text;
}

uint32_t ergo_device_threads(const ergo_device *device)
{
    return device->threads;
}

/* ---- Config -------------------------------------------------------------------------------- */

static bool in_range(const ergo_log *log, const char *field, uint32_t value, uint32_t least,
                     uint32_t most)
{
    if (value >= least && value <= most)
        return true;
    ergo__log(log, ERGO_LOG_ERROR, "engine: %s is %u, not in %u..%u", field, value, least, most);
    return false;
}

/*
 * The context to use when none is asked for: what the model was trained for, but no more than is
 * common, and no more than its first set of rope frequencies reaches.
 */
static uint32_t default_context(const ergo_model *model)
{
    uint32_t context = model->info.context;
    if (context > DEFAULT_CONTEXT)
        context = DEFAULT_CONTEXT;
    for (size_t i = 0; i < model->plan.step_count; i++) {
        const ergo__step *step = &model->plan.steps[i];
        if (step->op == ERGO__OP_ANGLES && step->rope->long_frequency &&
            context > step->rope->long_above)
            context = step->rope->long_above;
    }
    return context;
}

/* Fills in the defaults and checks the ranges. */
static ergo_status resolve(const ergo_model *model, const ergo_engine_config *config,
                           ergo_engine *engine)
{
    const uint32_t sessions = config->max_sessions ? config->max_sessions : 1;
    const uint32_t context = config->context ? config->context : default_context(model);
    uint32_t tokens = config->batch_tokens ? config->batch_tokens : DEFAULT_BATCH_TOKENS;
    if (tokens < sessions)
        tokens = sessions;
    const uint32_t outputs = config->batch_outputs ? config->batch_outputs : sessions;
    if (!in_range(&config->log, "max_sessions", sessions, 1, SESSIONS_MAX) ||
        !in_range(&config->log, "context", context, 1, CONTEXT_MAX) ||
        !in_range(&config->log, "batch_tokens", tokens, 1, BATCH_TOKENS_MAX) ||
        !in_range(&config->log, "batch_outputs", outputs, 1, tokens))
        return ERGO_E_ARGUMENT;
    if (config->kv != ERGO_KV_F16 && config->kv != ERGO_KV_Q8_0)
        return ergo__fail(&config->log, ERGO_E_ARGUMENT, "engine: kv is %d", (int)config->kv);
    const uint32_t table = (uint32_t)ergo__ceil_div(context, ERGO__PAGE_POSITIONS);
    const uint64_t enough = (uint64_t)table * sessions;
    const uint64_t pages = config->kv_pages ? config->kv_pages : enough;
    if (pages > PAGES_MAX)
        return ergo__fail(&config->log, ERGO_E_LIMIT, "engine: %llu pages of keys and values",
                          (unsigned long long)pages);
    *engine = (ergo_engine){
        .log = config->log,
        .model = model,
        .max_sessions = sessions,
        .table_size = table,
        .limits = {.tokens = tokens,
                   .outputs = outputs,
                   .context = context,
                   .pages = (uint32_t)pages,
                   .kv = config->kv},
    };
    return ERGO_OK;
}

/* ---- Layout -------------------------------------------------------------------------------- */

static ergo_block take_block(ergo__arena *arena, size_t size)
{
    return (ergo_block){ERGO__TAKE_LINE(arena, unsigned char, size), size};
}

/* Everything that belongs to one session. */
static void lay_session(ergo_engine *engine, ergo__arena *arena, ergo_session *session)
{
    ergo_token *tokens = ERGO__TAKE_LINE(arena, ergo_token, (size_t)engine->limits.context + 1);
    uint32_t *table = ERGO__TAKE_LINE(arena, uint32_t, engine->table_size);
    if (!session || !table)
        return;
    *session = (ergo_session){.tokens = tokens, .table = table};
    atomic_init(&session->cancelled, false);
}

static void lay_batch(ergo_engine *engine, ergo__arena *arena)
{
    engine->batch_token = ERGO__TAKE_LINE(arena, ergo_token, engine->limits.tokens);
    engine->batch_position = ERGO__TAKE_LINE(arena, uint32_t, engine->limits.tokens);
    engine->batch_table = ERGO__TAKE_LINE(arena, const uint32_t *, engine->limits.tokens);
    engine->batch_output = ERGO__TAKE_LINE(arena, uint32_t, engine->limits.outputs);
    engine->outputs = ERGO__TAKE_LINE(arena, ergo__output, engine->limits.outputs);
}

/* One layout for _size and _open. `engine` is resolved; its pointers are valid in a real arena. */
static ergo_status lay_engine(ergo_engine *engine, ergo_device *device, ergo_release release,
                              ergo__arena *arena, ergo_engine_memory *memory)
{
    const ergo_model *model = engine->model;
    const ergo_backend *backend = device->backend;
    for (size_t i = 0; i < model->plan.step_count; i++)
        if (!backend->supports(device, &model->plan.steps[i]))
            return ergo__fail(&engine->log, ERGO_E_UNSUPPORTED,
                              "%s: the device %s cannot run step %zu", model->name, backend->name,
                              i);
    engine->device = device;
    engine->sessions = ERGO__TAKE_LINE(arena, ergo_session, engine->max_sessions);
    for (uint32_t i = 0; i < engine->max_sessions; i++)
        lay_session(engine, arena, engine->sessions ? &engine->sessions[i] : NULL);
    ergo__pages_layout(&engine->pages, arena, engine->limits.pages);
    lay_batch(engine, arena);
    const size_t vocabulary = model->plan.vocabulary;
    const size_t piece = model->tokenizer ? ergo_token_bytes_max(model->tokenizer) : 1;
    engine->begins = ERGO__TAKE(arena, uint8_t, vocabulary);
    engine->sampler_scratch = take_block(arena, ergo__sampler_scratch_size(vocabulary));
    engine->piece = take_block(arena, piece);
    engine->text = take_block(arena, piece + ERGO_STOP_BYTES_MAX);
    const ergo_status status = backend->prepare(device, &model->plan, &engine->limits, release,
                                                arena, memory, &engine->program);
    if (status != ERGO_OK)
        return status;
    size_t page_bytes;
    if (!ergo__kv_page_bytes(engine->limits.kv, &model->plan, &page_bytes))
        return ERGO_E_LIMIT;
    engine->page = take_block(arena, page_bytes);
    memory->weights = model->info.weight_bytes;
    memory->scratch = arena->used - memory->kv - memory->repacked;
    return ERGO_OK;
}

ergo_status ergo_engine_size(const ergo_model *model, ergo_device *device,
                             const ergo_engine_config *config, size_t *size,
                             ergo_engine_memory *memory)
{
    const ergo_engine_config none = {.max_sessions = 0};
    if (!model || !device || !size)
        return ERGO_E_ARGUMENT;
    ergo_engine engine;
    ergo_status status = resolve(model, config ? config : &none, &engine);
    if (status != ERGO_OK)
        return status;
    ergo__arena arena = ergo__arena_counting();
    (void)ERGO__TAKE_LINE(&arena, ergo_engine, 1);
    ergo_engine_memory parts = {0, 0, 0, 0};
    status = lay_engine(&engine, device, (ergo_release){NULL, NULL}, &arena, &parts);
    if (status != ERGO_OK)
        return status;
    if (arena.full)
        return ergo__fail(&engine.log, ERGO_E_LIMIT, "%s: the engine's memory overflows size_t",
                          model->name);
    *size = arena.used;
    if (memory)
        *memory = parts;
    return ERGO_OK;
}

ergo_status ergo_engine_open(const ergo_model *model, ergo_device *device,
                             const ergo_engine_config *config, ergo_block memory, ergo_engine **out)
{
    const ergo_engine_config none = {.max_sessions = 0};
    if (!model || !device || !out)
        return ERGO_E_ARGUMENT;
    if (!config)
        config = &none;
    ergo_engine resolved;
    ergo_status status = resolve(model, config, &resolved);
    if (status != ERGO_OK)
        return status;
    ergo__arena arena = ergo__arena_over(memory);
    ergo_engine *engine = ERGO__TAKE_LINE(&arena, ergo_engine, 1);
    ergo_engine_memory parts = {0, 0, 0, 0};
    status = lay_engine(&resolved, device, config->release, &arena, &parts);
    if (status != ERGO_OK)
        return status;
    if (arena.full)
        return ergo__fail(&resolved.log, ERGO_E_MEMORY, "%s: the engine needs more than %zu bytes",
                          model->name, memory.size);
    if (resolved.limits.context > model->info.context)
        ergo__log(&resolved.log, ERGO_LOG_WARNING,
                  "%s: a context of %u, but the model was trained for %u positions", model->name,
                  resolved.limits.context, model->info.context);
    *engine = resolved;
    for (uint32_t i = 0; i < engine->max_sessions; i++)
        engine->sessions[i].engine = engine;
    ergo_engine_set_knobs(engine, &(ergo_engine_knobs){.threads = 0});
    *out = engine;
    return ERGO_OK;
}

void ergo_engine_close(ergo_engine *engine)
{
    /* Everything lives in the caller's block, and the device's workers are idle between steps. */
    if (engine)
        engine->sessions = NULL;
}

/* ---- Knobs --------------------------------------------------------------------------------- */

ergo_status ergo_engine_set_knobs(ergo_engine *engine, const ergo_engine_knobs *knobs)
{
    if (!engine || !knobs)
        return ERGO_E_ARGUMENT;
    ergo_engine_knobs k = *knobs;
    if (k.batch_limit == 0)
        k.batch_limit = engine->max_sessions;
    if (k.prefill_chunk == 0)
        k.prefill_chunk = engine->limits.tokens;
    if (k.threads == 0)
        k.threads = engine->device->threads;
    if (!in_range(&engine->log, "batch_limit", k.batch_limit, 1, engine->max_sessions) ||
        !in_range(&engine->log, "prefill_chunk", k.prefill_chunk, 1, engine->limits.tokens) ||
        !in_range(&engine->log, "threads", k.threads, 1, engine->device->threads))
        return ERGO_E_ARGUMENT;
    engine->knobs = k;
    return ERGO_OK;
}

void ergo_engine_get_knobs(const ergo_engine *engine, ergo_engine_knobs *knobs)
{
    *knobs = engine->knobs;
}
