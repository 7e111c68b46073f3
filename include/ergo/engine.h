/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_ENGINE_H
#define ERGO_ENGINE_H

#include "base.h"
#include "grammar.h"
#include "model.h"
#include "sampler.h"
#include "tokenizer.h"

/*
 * device -> model -> engine -> session.
 *
 * An engine runs one model on one device for any number of sessions. ergo_engine_step gathers what
 * every session wants next (chunks of prompts and single tokens), runs it as one batch and hands
 * out the new tokens through the sessions' callbacks. What a session generates depends on the
 * model, its own tokens and its own settings alone: never on batch limit, chunk, threads or
 * neighbours, to the bit.
 *
 * Threads: an engine, its sessions and its device belong to one thread at a time. Only
 * ergo_session_cancel may be called from elsewhere. Nothing is allocated after the opens.
 */

#ifdef __cplusplus
extern "C" {
#endif

/** ---- Device ------------------------------------------------------------------------------ */

/** A kind of device. What an application never names is never linked. Static. */
typedef struct ergo_backend ergo_backend;

/** The CPU, with every step of every family. */
const ergo_backend *ergo_backend_cpu(void);

/** A backend with its resources, such as a pool of threads. */
typedef struct ergo_device ergo_device;

typedef struct ergo_device_config {
    ergo_log log;
    uint32_t threads;         /**< workers including the caller; 0 means one per allowed CPU */
    const char *cpu_features; /**< comma-separated list of those to use; NULL means all found */
} ergo_device_config;

/** Bytes that ergo_device_open will take. */
ergo_status ergo_device_size(const ergo_backend *backend, const ergo_device_config *config,
                             size_t *size);

/**
 * Opens a device and starts its threads, never more than the CPUs the process is allowed. Errors:
 * ERGO_E_SYSTEM when a thread cannot be started, ERGO_E_ARGUMENT for an unknown CPU feature.
 */
ergo_status ergo_device_open(const ergo_backend *backend, const ergo_device_config *config,
                             ergo_block memory, ergo_device **out);

/** Stops the threads. Engines on the device must be closed before. NULL is ignored. */
void ergo_device_close(ergo_device *device);

/** One line about the device: "cpu, 4 threads, avx2 fma f16c". Lives as long as the device. */
const char *ergo_device_text(const ergo_device *device);

/** Workers that the device has. */
uint32_t ergo_device_threads(const ergo_device *device);

/** ---- Engine ------------------------------------------------------------------------------ */

typedef struct ergo_engine ergo_engine;
typedef struct ergo_session ergo_session;

typedef struct ergo_engine_config {
    ergo_log log;
    uint32_t max_sessions;  /**< sessions open at once; 0 means 1 */
    uint32_t context;       /**< positions per session; 0 means the model's, at most 4096, and at
                                 most what it reaches without its long rope factors (Phi 3);
                                 more than it was trained for is a warning in the log */
    uint32_t batch_tokens;  /**< most tokens in one step; 0 means 256, at least max_sessions */
    uint32_t batch_outputs; /**< most rows of logits in one step; 0 means max_sessions */
    uint32_t kv_pages; /**< pages of 32 positions; 0 means enough for every session's context */
    ergo_kv_type kv;
    ergo_release release; /**< told of weights as they are packed, while the engine opens */
} ergo_engine_config;

/** Where an engine's memory goes, in bytes. */
typedef struct ergo_engine_memory {
    uint64_t weights;  /**< used in place in the model's file: not part of the engine's block */
    uint64_t repacked; /**< copies of weights in a layout of the device */
    uint64_t kv;       /**< pages of keys and values */
    uint64_t scratch;  /**< everything else in the engine's block */
} ergo_engine_memory;

/**
 * Bytes that ergo_engine_open will take, and, where `memory` is not NULL, what for. Errors:
 * ERGO_E_ARGUMENT for a field out of range (named in the log), ERGO_E_UNSUPPORTED when the device
 * cannot run a step, ERGO_E_LIMIT when the size overflows.
 */
ergo_status ergo_engine_size(const ergo_model *model, ergo_device *device,
                             const ergo_engine_config *config, size_t *size,
                             ergo_engine_memory *memory);

/**
 * Opens an engine; model and device must outlive it. Weights that the device wants in a layout of
 * its own are copied here, a few MiB at a time, and reported to `config->release`.
 */
ergo_status ergo_engine_open(const ergo_model *model, ergo_device *device,
                             const ergo_engine_config *config, ergo_block memory,
                             ergo_engine **out);

/** Closes the engine and its sessions, without callbacks. NULL is ignored. */
void ergo_engine_close(ergo_engine *engine);

/** What may be changed between any two steps without changing a word. 0 means the default. */
typedef struct ergo_engine_knobs {
    uint32_t batch_limit;   /**< most sessions in one step; default and most: max_sessions */
    uint32_t prefill_chunk; /**< most tokens of one session in one step; default batch_tokens */
    uint32_t threads;       /**< workers that take part; default and most: the device's */
} ergo_engine_knobs;

ergo_status ergo_engine_set_knobs(ergo_engine *engine, const ergo_engine_knobs *knobs);
void ergo_engine_get_knobs(const ergo_engine *engine, ergo_engine_knobs *knobs);

/** What one step did. */
typedef struct ergo_step_report {
    uint32_t sessions;       /**< that took part */
    uint32_t prefill_tokens; /**< tokens of prompts computed */
    uint32_t decode_tokens;  /**< generated tokens computed, to give the next one */
    uint32_t shared_tokens;  /**< tokens of prompts that were found computed by another session */
    uint64_t elapsed_ns;     /**< wall time of the step, sampling and callbacks included */
    uint64_t device_ns;      /**< of it, in the device */
    uint64_t waited_cpu_ns;  /**< CPU time that workers of the device spent waiting for others */
    uint64_t asleep_ns; /**< wall time that they slept meanwhile; both of all workers together */
    ergo_work work;
} ergo_step_report;

/**
 * Runs one batch. `report` may be NULL. Returns ERGO_OK when something was done, ERGO_IDLE when no
 * session had work, an error when the device failed (no session has advanced then), ERGO_E_STATE
 * when called from a callback of a step.
 */
ergo_status ergo_engine_step(ergo_engine *engine, ergo_step_report *report);

/** What the next step would compute, as far as can be told before it runs. */
typedef struct ergo_engine_outlook {
    uint32_t working;         /**< sessions with work that are not held */
    uint32_t sessions;        /**< of them, those that the next step takes */
    uint32_t prefill_tokens;  /**< of prompts, in it */
    uint32_t decode_tokens;   /**< generated ones, in it */
    uint64_t context;         /**< positions that its tokens see, summed */
    uint64_t pending_prefill; /**< tokens of prompts still to compute, of all working sessions */
    ergo_work work;           /**< of the step */
} ergo_engine_outlook;

/**
 * Looks ahead, with knobs as they would be (NULL: as they are). Turns nothing. A prefix that will
 * be found computed by another session counts as work here. Zeros when nobody has work.
 */
void ergo_engine_look_ahead(const ergo_engine *engine, const ergo_engine_knobs *knobs,
                            ergo_engine_outlook *out);

/** ---- Session ----------------------------------------------------------------------------- */

/** A generated token, or the end of the text. The pointers are valid during the call. */
typedef struct ergo_token_event {
    ergo_session *session;
    ergo_token token;  /**< ERGO_TOKEN_NONE where the session ended without a further token */
    uint32_t index;    /**< of the token among the generated ones, from 0 */
    ergo_str text;     /**< bytes that are certain now; may end amid a character */
    ergo_status ended; /**< ERGO_OK while it goes on, else why it ended */
} ergo_token_event;

/** Most stop strings of a session, and most bytes of one. */
#define ERGO_STOP_COUNT_MAX 8
#define ERGO_STOP_BYTES_MAX 128

typedef struct ergo_session_config {
    ergo_sampler_config sampler; /**< zeroed: greedy. Pointers in it must outlive the session */
    uint32_t max_tokens;         /**< to generate; 0 means until the context is full */
    bool ignore_eog;             /**< go on after the model ends its text */
    bool special;                /**< control tokens appear in the text by name */
    bool score_only;             /**< compute what is fed and generate nothing */
    bool no_sharing;             /**< neither use nor offer pages of equal prefixes */
    const ergo_grammar *grammar; /**< NULL for none; must outlive the session */
    ergo_block grammar_memory;   /**< with a grammar: ergo_grammar_state_size bytes for it */
    const ergo_str *stops;       /**< texts that end the generation and are not given out; copied */
    uint32_t stop_count;
    void *user;
    /** Called for every token. False ends the generation with ERGO_STOPPED. May be NULL. */
    bool (*on_token)(void *user, const ergo_token_event *event);
    /**
     * Called with the logits (of ergo_model_info.vocabulary floats) after each fed or generated
     * token: those at `position` predict the token at position + 1. NULL for none. With it every
     * fed position gives logits, and prefixes are not shared.
     */
    void (*on_logits)(void *user, ergo_session *session, uint32_t position, const float *logits);
} ergo_session_config;

/**
 * Opens a session in the engine. Errors: ERGO_E_LIMIT when max_sessions are open or a stop string
 * is too long, ERGO_E_ARGUMENT for settings out of range, ERGO_E_STATE for a grammar or stop
 * strings with a model that has no vocabulary.
 */
ergo_status ergo_session_open(ergo_engine *engine, const ergo_session_config *config,
                              ergo_session **out);
void ergo_session_close(ergo_session *session);

/**
 * Appends tokens (copied). Generation starts, or goes on, once they are computed; the count of
 * max_tokens starts anew. Errors: ERGO_E_ARGUMENT for an id outside the vocabulary or no token at
 * all, ERGO_E_LIMIT when the context would overflow; then nothing was appended.
 */
ergo_status ergo_session_feed(ergo_session *session, const ergo_token *tokens, size_t count);

/** ERGO_OK while the session has work to do, else how it ended; ERGO_IDLE before the first feed. */
ergo_status ergo_session_status(const ergo_session *session);

/**
 * Leaves a session out of steps until it is let go again: it keeps its work, its place and its
 * tokens, and its words are the same as if it had never waited. A step in which all who have work
 * are held returns ERGO_IDLE.
 */
void ergo_session_hold(ergo_session *session, bool held);

/** Ends the session's generation before the next step. May be called from any thread or signal. */
void ergo_session_cancel(ergo_session *session);

/** The session's tokens, fed and generated. Valid until the next call on the engine. */
const ergo_token *ergo_session_tokens(const ergo_session *session, size_t *count);

/**
 * How many tokens steps have computed for the session since it was opened, of what was fed and of
 * what was generated. By how much they grow is the session's share of a step
 * (ergo_account_share); tokens that another session had computed are not among them.
 */
void ergo_session_computed(const ergo_session *session, uint64_t *prefill_tokens,
                           uint64_t *decode_tokens);

/**
 * Keeps the first `count` tokens and forgets the rest, so that other tokens can be fed. Errors:
 * ERGO_E_ARGUMENT when there are fewer.
 */
ergo_status ergo_session_rewind(ergo_session *session, size_t count);

/**
 * Writes the session (its tokens, keys and values) to bytes that
 * ergo_session_restore takes, on any machine with the same model and kv type. `*size` is set to
 * the bytes needed, also on ERGO_E_MEMORY.
 */
ergo_status ergo_session_save(ergo_session *session, void *buffer, size_t capacity, size_t *size);

/**
 * Replaces the state of a session by a saved one; it then waits for tokens. Errors: ERGO_E_FORMAT
 * for damaged bytes, ERGO_E_STATE for those of another model or kv type, ERGO_E_LIMIT when context
 * or pages do not suffice; the session is then as it was.
 */
ergo_status ergo_session_restore(ergo_session *session, ergo_bytes bytes);

#ifdef __cplusplus
}
#endif
#endif
