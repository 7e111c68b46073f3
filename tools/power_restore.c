/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stddef.h>

#include "tools/power_cmd.h"

typedef struct restore_options {
    common_options common;
    const char *journal;
} restore_options;

static const args_option table[] = {
    {"journal", 0, ARGS_TEXT, offsetof(restore_options, journal), "FOLDER",
     "where the journals are (default: /run/ergo and $XDG_RUNTIME_DIR/ergo)", 0, 0, NULL},
};

static const args_spec spec = {
    .command = "power restore",
    .usage = "power restore [--journal FOLDER] [--json]",
    .about =
        "Puts back the clocks that a process left turned which was killed, or crashed: what they\n"
        "were is in journals in /run/ergo, or in $XDG_RUNTIME_DIR/ergo. Whoever steers next does\n"
        "the same first. The knobs of a process that lives are left to it. After a restart of the\n"
        "system there is nothing to put back: its journals are removed.\n"
        "JSON: {\"journals\": N, \"restored\": N, \"refused\": N, \"stale\": N, \"holder\": "
        "PID|null}.",
    .examples = "  run-model power restore\n  sudo run-model power restore --json",
    .groups = {{"Options", table, sizeof table / sizeof *table, 0}, COMMON_GROUP(restore_options)},
};

static void print_json(const ergo_linux_recovery *found)
{
    json_writer json = json_start(stdout);
    json_object(&json, NULL);
    json_u64(&json, "journals", found->journals);
    json_u64(&json, "restored", found->restored);
    json_u64(&json, "refused", found->refused);
    json_u64(&json, "stale", found->stale);
    if (found->holder != 0)
        json_u64(&json, "holder", (uint64_t)found->holder);
    else
        json_null(&json, "holder");
    json_object_end(&json);
    json_finish(&json);
}

static void print_plain(const ergo_linux_recovery *found)
{
    if (found->journals == 0 && found->refused == 0)
        (void)printf("nothing to put back\n");
    else
        (void)printf("%" PRIu32 " files put back, of %" PRIu32 " processes that died; %" PRIu32
                     " lines refused\n",
                     found->restored, found->journals, found->refused);
    if (found->stale > 0)
        (void)printf("%" PRIu32 " journals from before the system started removed\n", found->stale);
    if (found->holder != 0)
        (void)printf("process %" PRId32 " lives and has knobs turned: they are left to it\n",
                     found->holder);
}

int power_restore(int argc, char **argv)
{
    restore_options options = {.common = COMMON_OPTIONS_DEFAULT};
    int code = args_parse(&spec, argc, argv, &options, NULL);
    if (code != ARGS_GO_ON)
        return code;
    code = common_check(&options.common);
    if (code != TOOL_DONE)
        return code;
    const ergo_linux_knobs_config config = {.log = common_log(&options.common),
                                            .root = options.common.sysfs_root,
                                            .journal = options.journal};
    ergo_linux_recovery found = {0};
    const ergo_status status = ergo_linux_knobs_recover(&config, &found);
    if (options.common.json)
        print_json(&found);
    else
        print_plain(&found);
    if (status != ERGO_OK)
        return tool_status(status, "journals");
    return tool_flush(TOOL_DONE);
}
