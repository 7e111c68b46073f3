/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_RUNTIME_BACKEND_H
#define ERGO_RUNTIME_BACKEND_H

#include "ergo/engine.h"
#include "runtime/base/arena.h"
#include "runtime/plan.h"

/*
 * What the engine needs of a device. A backend implements the nine functions below and its
 * ergo_device begins with the struct of that name.
 */

/** Positions of one page of keys and values. */
#define ERGO__PAGE_POSITIONS 32u

/** What an engine will ask of a program at most. */
typedef struct ergo__limits {
    uint32_t tokens;  /* of one batch */
    uint32_t outputs; /* of one batch */
    uint32_t context; /* positions of one session */
    uint32_t pages;
    ergo_kv_type kv;
} ergo__limits;

/**
 * One batch. Token t has id token[t], stands at position[t] of its sequence, and its keys and
 * values go to pages table[t][position / ERGO__PAGE_POSITIONS]. Tokens of one sequence come in
 * order of position. output[o] is the token whose logits are row o.
 */
typedef struct ergo__batch {
    const ergo_token *token;
    const uint32_t *position;
    const uint32_t *const *table; /* pages of token t's sequence */
    const uint32_t *output;
    uint32_t tokens;
    uint32_t outputs;
    uint32_t threads; /* workers that may take part; 0 means all */
} ergo__batch;

/** A plan made ready to run on a device: placement, pages, copies of weights. */
typedef struct ergo__program ergo__program;

struct ergo_backend {
    const char *name;
    ergo_status (*size)(const ergo_device_config *config, size_t *size);
    ergo_status (*open)(const ergo_device_config *config, ergo_block memory, ergo_device **out);
    void (*close)(ergo_device *device);
    /** Whether the device can run the step. */
    bool (*supports)(const ergo_device *device, const ergo__step *step);
    /**
     * Lays the program out in the arena (counting or real) and uploads what the device keeps.
     * `memory` (never NULL) gets what was taken, but for `scratch`, which the engine fills.
     * `release` is told of weights that were copied.
     */
    ergo_status (*prepare)(ergo_device *device, const ergo__plan *plan, const ergo__limits *limits,
                           ergo_release release, ergo__arena *arena, ergo_engine_memory *memory,
                           ergo__program **out);
    /** Runs all steps over the batch and waits for the end. */
    ergo_status (*run)(ergo__program *program, const ergo__batch *batch);
    /** Row `row` of the last run's logits; valid until the next run. NULL when it was lost. */
    const float *(*logits)(ergo__program *program, uint32_t row);
    /** Bytes of one page, which have the same meaning on every device with this kv type. */
    size_t (*page_bytes)(const ergo__program *program);
    /** Fills a page with zeros: what a session saves must hold nothing of another. */
    ergo_status (*page_clear)(ergo__program *program, uint32_t page);
    /** Copies pages out of and into the device. */
    ergo_status (*page_read)(ergo__program *program, uint32_t page, void *bytes);
    ergo_status (*page_write)(ergo__program *program, uint32_t page, const void *bytes);
};

/** What every ergo_device begins with. */
struct ergo_device {
    const ergo_backend *backend;
    ergo_log log;
    uint32_t threads;
    uint64_t waited_cpu_ns; /* CPU time that workers spent waiting for others, in all runs so far */
    uint64_t asleep_ns;     /* wall time that they slept in them, same */
    char text[120];
};

#endif
