/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/json_write.h"
#include "tools/load.h"

typedef struct devices_options {
    common_options common;
} devices_options;

static const args_spec spec = {
    .command = "devices",
    .usage = "devices [--threads N] [--cpu-flags LIST] [--json]",
    .about = "Lists what a model can run on, with what --threads and --cpu-flags leave of it.",
    .examples = "  run-model devices\n  run-model devices --json | jq -r .devices[0].text",
    .groups = {COMMON_GROUP(devices_options)},
};

int cmd_devices(int argc, char **argv)
{
    devices_options options = {.common = COMMON_OPTIONS_DEFAULT};
    int code = args_parse(&spec, argc, argv, &options, NULL);
    if (code != ARGS_GO_ON)
        return code;
    loaded state = {.path = NULL};
    code = common_check(&options.common);
    if (code == TOOL_DONE)
        code = load_device(&state, &options.common);
    if (code == TOOL_DONE && options.common.json) {
        json_writer json = json_start(stdout);
        json_object(&json, NULL);
        json_array(&json, "devices");
        json_object(&json, NULL);
        json_text(&json, "backend", "cpu");
        json_text(&json, "text", ergo_device_text(state.device));
        json_u64(&json, "threads", ergo_device_threads(state.device));
        json_object_end(&json);
        json_array_end(&json);
        json_object_end(&json);
        json_finish(&json);
    } else if (code == TOOL_DONE) {
        (void)printf("%s\n", ergo_device_text(state.device));
    }
    load_close(&state);
    return tool_flush(code);
}
