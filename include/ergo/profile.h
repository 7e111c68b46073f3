/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_PROFILE_H
#define ERGO_PROFILE_H

#include "account.h"
#include "frontier.h"
#include "work.h"

/*
 * A profile is what has been measured of one model on one board: so that the next run starts
 * where this one stopped. It names levels by their values, so it survives a kernel that lists
 * other clocks. Its text:
 *
 *     # ergo profile, version 1
 *     [profile]
 *     board = pi5-like
 *     model = Qwen2.5 0.5B
 *     hash = 00c0ffee00c0ffee            of the model file; 16 hexadecimal digits
 *     quant = Q4_0
 *     backend = cpu
 *     [knob a76]
 *     kind = clock                       clock memory cores batch chunk backend
 *     level = 1500000                    one a line: value, uses, name as far as they are set
 *     level = 4 uses 3 name quad
 *     [work]
 *     phase = decode                     prefill decode
 *     batch = 1                          sequences in a step
 *     context = 512                      positions, mean over the batch
 *     tokens = 1                         computed by a step
 *     macs = 494000000                   of a step, as are the next three
 *     weight_bytes = 278000000
 *     kv_bytes = 6300000
 *     activation_bytes = 400000
 *     point = 3 0 ns 38000000 +- 20000 nj 259000000 +- 900000 windows 4 age 60
 *
 * A point has one level per knob, counted from 0. Lines end in a line feed.
 */

#ifdef __cplusplus
extern "C" {
#endif

/** What a profile is of. Strings have no line feed, '#' or blanks at their ends. */
typedef struct ergo_profile_key {
    char board[64];
    char model[96];
    uint64_t model_hash; /**< 0: not known */
    char quant[16];
    char backend[16];
} ergo_profile_key;

typedef struct ergo_profile_knob {
    char name[ERGO_KNOB_NAME_MAX];
    ergo_knob_kind kind;
    const ergo_knob_level *levels;
    uint32_t level_count;
} ergo_profile_knob;

/** A class of work and its measured points. */
typedef struct ergo_profile_work {
    ergo_phase phase;
    uint32_t batch;
    uint32_t context;
    uint32_t tokens;
    ergo_work work;
    const ergo_point *points;
    uint32_t point_count;
} ergo_profile_work;

typedef struct ergo_profile {
    ergo_profile_key key;
    const ergo_profile_knob *knobs;
    uint32_t knob_count; /**< up to ERGO_KNOBS_MAX */
    const ergo_profile_work *works;
    uint32_t work_count;
} ergo_profile;

/**
 * Bytes for ergo_profile_load, which reads a text into the block. Points
 * keep their order; `place` is not saved.
 * Errors: ERGO_E_FORMAT, with file name, line and what is wrong in the log; ERGO_E_UNSUPPORTED for
 * another version.
 */
ergo_status ergo_profile_size(ergo_str text, const ergo_log *log, const char *file, size_t *size);
ergo_status ergo_profile_load(ergo_str text, const ergo_log *log, const char *file,
                              ergo_block memory, const ergo_profile **out);

/**
 * Writes the text of a profile, which loads as the same profile to the last digit. `*length` is
 * what the whole text needs, without a NUL; nothing beyond `size` is written, so that a first call
 * with size 0 counts. Error: ERGO_E_ARGUMENT for a profile that could not be loaded.
 */
ergo_status ergo_profile_save(const ergo_profile *profile, char *text, size_t size, size_t *length);

/** Buckets of batch and context: works in the same ones share a frontier. Powers of two. */
uint32_t ergo_bucket(uint32_t value);

#ifdef __cplusplus
}
#endif
#endif
