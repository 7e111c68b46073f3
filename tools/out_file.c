/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/out_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void report_failure(out_file *file)
{
    if (!file->failed && errno != EPIPE)
        tool_error("cannot write %s: %s", file->path, strerror(errno));
    file->failed = true;
}

bool out_file_is(const char *in, const char *out)
{
    struct stat one, two;
    return stat(in, &one) == 0 && stat(out, &two) == 0 && one.st_dev == two.st_dev &&
           one.st_ino == two.st_ino;
}

tool_exit out_file_open(const char *path, out_file *out)
{
    out_file file = {.path = path};
    struct stat status;
    const char *name = path;
    if (stat(path, &status) != 0 || S_ISREG(status.st_mode)) {
        const size_t room = strlen(path) + 32;
        file.temporary = tool_alloc(room, 1);
        if (file.temporary == NULL)
            return TOOL_FAILED;
        (void)snprintf(file.temporary, room, "%s.part-%ld", path, (long)getpid());
        name = file.temporary;
    }
    file.stream = fopen(name, "wb");
    if (file.stream == NULL) {
        report_failure(&file);
        free(file.temporary);
        return TOOL_FAILED;
    }
    *out = file;
    return TOOL_DONE;
}

void out_file_write(out_file *file, const void *data, size_t size)
{
    if (file->failed || size == 0)
        return;
    if (fwrite(data, 1, size, file->stream) != size)
        report_failure(file);
    else
        file->size += size;
}

void out_file_pad(out_file *file, uint32_t align)
{
    static const char zeros[64];
    for (uint64_t left = (align - file->size % align) % align; left > 0 && !file->failed;) {
        const size_t part = left < sizeof zeros ? (size_t)left : sizeof zeros;
        out_file_write(file, zeros, part);
        left -= part;
    }
}

tool_exit out_file_commit(out_file *file)
{
    if (!file->failed && fflush(file->stream) != 0)
        report_failure(file);
    if (fclose(file->stream) != 0 && !file->failed)
        report_failure(file);
    file->stream = NULL;
    if (!file->failed && file->temporary != NULL && rename(file->temporary, file->path) != 0)
        report_failure(file);
    const bool failed = file->failed;
    if (!failed) {
        free(file->temporary);
        file->temporary = NULL;
    }
    out_file_abandon(file);
    return failed ? TOOL_FAILED : TOOL_DONE;
}

void out_file_abandon(out_file *file)
{
    if (file->stream != NULL)
        (void)fclose(file->stream);
    if (file->temporary != NULL)
        (void)unlink(file->temporary);
    free(file->temporary);
    *file = (out_file){.path = file->path};
}
