/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_OPTIONS_H
#define ERGO_TOOLS_OPTIONS_H

#include "ergo/engine.h"
#include "tools/args.h"
#include "tools/file_map.h"

/** Options that every subcommand takes. */
typedef struct common_options {
    bool json;
    uint32_t threads; /**< 0: one per allowed CPU */
    uint32_t backend; /**< index into cpu, opencl */
    const char *cpu_flags;
    const char *board;
    const char *sysfs_root;
    uint32_t log_level; /**< an ergo_log_level, or above all of them for silence */
} common_options;

#define COMMON_OPTIONS_DEFAULT                                                                     \
    {                                                                                              \
        .log_level = ERGO_LOG_WARNING                                                              \
    }
extern const args_option common_option_table[];

/** Group entry of an args_spec for the member `common` of `type`. */
#define COMMON_GROUP(type)                                                                         \
    {                                                                                              \
        "Common options", common_option_table, 7, offsetof(type, common)                           \
    }

/** The same for commands with a --threads of their own, which the table has first. */
#define COMMON_GROUP_BUT_THREADS(type)                                                             \
    {                                                                                              \
        "Common options", common_option_table + 1, 6, offsetof(type, common)                       \
    }

/** Refuses what this build does not have. TOOL_DONE when all is there. */
tool_exit common_check(const common_options *options);

/** A log that prints lines of at least --log-level on stderr. */
ergo_log common_log(const common_options *options);

/** How text is drawn: shared by generate and chat. */
typedef struct sampling_options {
    float temperature;
    uint32_t top_k;
    float top_p;
    float min_p;
    float repeat_penalty;
    uint64_t seed;
    const char *grammar_path;
    const char *schema_path;
    args_texts stops;
} sampling_options;

#define SAMPLING_OPTIONS_DEFAULT                                                                   \
    {                                                                                              \
        .temperature = 0.8f, .top_k = 40, .top_p = 0.95f, .min_p = 0.05f, .repeat_penalty = 1.0f   \
    }
extern const args_option sampling_option_table[];

#define SAMPLING_GROUP(type)                                                                       \
    {                                                                                              \
        "Sampling", sampling_option_table, 9, offsetof(type, sampling)                             \
    }

/** What the sampling options ask of a session. */
typedef struct sampling {
    ergo_session_config session; /**< sampler, grammar and stops are filled in */
    ergo_str stops[ARGS_TEXTS_MAX];
    void *grammar_memory;
} sampling;

/** Checks the values and compiles the grammar. `out` must stay where it is while in use. */
tool_exit sampling_open(const sampling_options *options, const ergo_log *log, sampling *out);
void sampling_close(sampling *state);

/**
 * The settings for one session. `*memory` is what its grammar needs: free it when the session is
 * closed.
 */
tool_exit sampling_session(const sampling *state, ergo_session_config *out, void **memory);

/** --kv takes one of these. */
extern const char *const kv_names[];

#define CONTEXT_MOST 16777216.0 /* positions */

#endif
