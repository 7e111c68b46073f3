/* SPDX-License-Identifier: Apache-2.0 */
#include "ergo/version.h"
#include "tools/json_write.h"
#include "tools/options.h"

typedef struct version_options {
    common_options common;
} version_options;

static const args_spec spec = {
    .command = "version",
    .usage = "version [--json]",
    .about = "Prints the version of run-model and of the library in it.",
    .groups = {COMMON_GROUP(version_options)},
};

int cmd_version(int argc, char **argv)
{
    version_options options = {.common = COMMON_OPTIONS_DEFAULT};
    const int code = args_parse(&spec, argc, argv, &options, NULL);
    if (code != ARGS_GO_ON)
        return code;
    if (options.common.json) {
        json_writer json = json_start(stdout);
        json_object(&json, NULL);
        json_text(&json, "version", ergo_version());
        json_object_end(&json);
        json_finish(&json);
    } else {
        (void)printf("run-model %s\n", ergo_version());
    }
    return tool_flush(TOOL_DONE);
}
