/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/file_map.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/interrupt.h"

static tool_exit cannot(const char *verb, const char *path)
{
    tool_error("cannot %s %s: %s", verb, path, strerror(errno));
    return TOOL_BAD_FILE;
}

tool_exit file_map_descriptor(int fd, const char *path, file_map *out)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return cannot("read", path);
    if (!S_ISREG(status.st_mode)) {
        errno = S_ISDIR(status.st_mode) ? EISDIR : ENODEV;
        return cannot("map", path);
    }
    if ((uintmax_t)status.st_size > SIZE_MAX) {
        errno = EFBIG;
        return cannot("map", path);
    }
    const size_t size = (size_t)status.st_size;
    if (size == 0) { /* nothing to map; what reads it finds that it is cut short */
        *out = (file_map){.bytes = {"", 0}};
        return TOOL_DONE;
    }
    void *mapping = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (mapping == MAP_FAILED)
        return cannot("map", path);
    *out = (file_map){.bytes = {mapping, size}, .mapping = mapping};
    return TOOL_DONE;
}

tool_exit file_map_open(const char *path, file_map *out)
{
    /* Without O_NONBLOCK a pipe without a writer would hang here. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return cannot("open", path);
    const tool_exit code = file_map_descriptor(fd, path, out);
    (void)close(fd);
    return code;
}

void file_map_close(file_map *map)
{
    if (map->mapping != NULL)
        (void)munmap(map->mapping, map->bytes.size);
    *map = (file_map){.mapping = NULL};
}

/* Whole pages only; what the system does not let go of does no harm. */
static void release_pages(void *user, const void *data, size_t size)
{
    (void)user;
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t first = ((uintptr_t)data + page - 1) / page * page;
    const uintptr_t end = ((uintptr_t)data + size) / page * page;
    if (first < end)
        (void)madvise((void *)first, end - first, MADV_DONTNEED);
}

const ergo_release file_map_release = {.bytes = release_pages};

/* More than any prompt or test text; what never ends, such as a device, is stopped here. */
#define TEXT_BYTES_MAX ((size_t)256 << 20)

static tool_exit read_all(FILE *file, const char *path, file_text *out)
{
    size_t size = 0;
    size_t capacity = 0;
    char *data = NULL;
    for (;;) {
        if (capacity - size < 2) {
            const size_t grown = capacity == 0 ? 4096 : capacity * 2;
            char *bigger = grown > capacity ? realloc(data, grown) : NULL;
            if (bigger == NULL) {
                tool_error("out of memory while reading %s", path);
                free(data);
                return TOOL_FAILED;
            }
            data = bigger;
            capacity = grown;
        }
        const size_t got = fread(data + size, 1, capacity - size - 1, file);
        size += got;
        if (got == 0)
            break;
        if (size > TEXT_BYTES_MAX) {
            tool_error("%s holds more than %zu bytes of text", path, TEXT_BYTES_MAX);
            free(data);
            return TOOL_BAD_FILE;
        }
    }
    if (ferror(file)) {
        free(data);
        return interrupt_requested() ? TOOL_INTERRUPTED : cannot("read", path);
    }
    data[size] = '\0';
    *out = (file_text){data, size};
    return TOOL_DONE;
}

tool_exit file_text_read(const char *path, file_text *out)
{
    if (strcmp(path, "-") == 0)
        return read_all(stdin, "standard input", out);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return cannot("open", path);
    const tool_exit code = read_all(file, path, out);
    (void)fclose(file);
    return code;
}

void file_text_free(file_text *text)
{
    free(text->data);
    *text = (file_text){NULL, 0};
}

tool_exit file_text_choose(const char *given, const char *path, const char *what, file_text *out)
{
    if (given == NULL) {
        if (path == NULL && isatty(STDIN_FILENO))
            (void)fprintf(stderr, "run-model: type the %s, then Ctrl-D\n", what);
        return file_text_read(path != NULL ? path : "-", out);
    }
    const size_t size = strlen(given);
    char *copy = tool_alloc(size + 1, 1);
    if (copy == NULL)
        return TOOL_FAILED;
    memcpy(copy, given, size);
    *out = (file_text){copy, size};
    return TOOL_DONE;
}
