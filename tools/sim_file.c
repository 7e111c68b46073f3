/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sim_file.h"

#include <stdlib.h>
#include <string.h>

const char *sim_file_path(const common_options *options)
{
    static const char prefix[] = "sim:";
    const size_t size = sizeof prefix - 1;
    return options->board != NULL && strncmp(options->board, prefix, size) == 0
               ? options->board + size
               : NULL;
}

tool_exit sim_file_open(const common_options *options, sim_file *out)
{
    const ergo_log log = common_log(options);
    const char *path = sim_file_path(options);
    file_text text = {NULL, 0};
    const tool_exit code = file_text_read(path, &text);
    if (code != TOOL_DONE)
        return code;
    const ergo_str str = {text.data, text.size};
    size_t size = 0;
    ergo_status status = ergo_sim_size(str, &log, path, &size);
    if (status == ERGO_OK) {
        const ergo_block block = tool_block(size);
        out->memory = block.data;
        status =
            block.data == NULL ? ERGO_E_SYSTEM : ergo_sim_open(str, &log, path, block, &out->sim);
    }
    file_text_free(&text);
    if (status == ERGO_OK)
        return TOOL_DONE;
    const tool_exit failed = tool_status(status, path);
    return status == ERGO_E_SYSTEM ? failed : TOOL_BAD_FILE;
}

void sim_file_close(sim_file *file)
{
    free(file->memory);
    *file = (sim_file){.memory = NULL};
}
