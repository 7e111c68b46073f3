/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/tool.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

void tool_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fflush(stdout);
    (void)fputs("run-model: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
}

tool_exit tool_status(ergo_status status, const char *what)
{
    if (status >= 0)
        return TOOL_DONE;
    if (what != NULL)
        tool_error("%s: %s", what, ergo_status_text(status));
    switch (status) {
    case ERGO_E_FORMAT:
    case ERGO_E_UNSUPPORTED:
    case ERGO_E_NOT_FOUND:
        return TOOL_BAD_FILE;
    case ERGO_E_PERMISSION:
    case ERGO_E_DEVICE:
        return TOOL_DEVICE;
    case ERGO_E_ARGUMENT:
        return TOOL_USAGE;
    default:
        return TOOL_FAILED;
    }
}

tool_exit tool_flush(tool_exit code)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    if (errno != EPIPE && errno != 0)
        tool_error("cannot write to standard output: %s", strerror(errno));
    return code == TOOL_DONE ? TOOL_FAILED : code;
}

double tool_seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

double tool_cpu_seconds(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return 0;
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
           ((double)usage.ru_utime.tv_usec + (double)usage.ru_stime.tv_usec) * 1e-6;
}

uint64_t tool_peak_bytes(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return 0;
    return (uint64_t)usage.ru_maxrss * 1024u; /* Linux counts in KiB */
}

const char *tool_bytes_text(uint64_t bytes, char *out)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1024 && unit + 1 < sizeof units / sizeof *units) {
        value /= 1024;
        unit++;
    }
    (void)snprintf(out, 32, unit == 0 ? "%.0f %s" : "%.2f %s", value, units[unit]);
    return out;
}

ergo_str tool_str(const char *text)
{
    return text == NULL ? (ergo_str){"", 0} : (ergo_str){text, strlen(text)};
}

void *tool_alloc(size_t count, size_t size)
{
    void *memory = calloc(count == 0 ? 1 : count, size);
    if (memory == NULL)
        tool_error("out of memory: %zu × %zu bytes", count, size);
    return memory;
}

/* A huge page of most 64-bit systems. Where there are none of this size, it is an alignment. */
#define HUGE_PAGE_BYTES ((size_t)2 << 20)

ergo_block tool_block(size_t size)
{
    void *data = NULL;
    const size_t align = size < 2 * HUGE_PAGE_BYTES ? ERGO_BLOCK_ALIGN : HUGE_PAGE_BYTES;
    if (posix_memalign(&data, align, size == 0 ? 1 : size) != 0) {
        tool_error("out of memory: %zu bytes", size);
        return (ergo_block){NULL, 0};
    }
    /* Weights are read from end to end for every token: with small pages the look-up of addresses
     * takes a good part of that time. A system that has no huge pages to give says no: no harm. */
    if (align == HUGE_PAGE_BYTES)
        (void)madvise(data, size / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES, MADV_HUGEPAGE);
    return (ergo_block){data, size};
}
