/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/*
 * Runs a fuzz target without libFuzzer: replay [-n COUNT] [-s SEED] FILE|FOLDER...
 * Each file is run as it is and then in COUNT (default 0) mutations, the same ones for the same
 * seed. The bytes are handed over in a block of their exact size, so that AddressSanitizer sees
 * reads beyond them. A failing input is not saved: file, number and seed bring it back.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct options {
    unsigned long count;
    uint64_t seed;
};

static uint64_t next_random(uint64_t *state) /* splitmix64 */
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void *allocate(size_t size)
{
    void *memory = malloc(size ? size : 1);
    if (!memory) {
        fprintf(stderr, "replay: out of memory\n");
        exit(2);
    }
    return memory;
}

/* Values that have broken parsers: edges of signed and unsigned, and small counts. */
static const uint64_t edges[] = {
    0,
    1,
    2,
    4,
    5,
    31,
    33,
    255,
    65535,
    65536,
    0x7fffffff,
    0xffff,
    0xffffffff,
    0x7fffffffffffffff,
    UINT64_MAX,
    UINT64_MAX - 31,
    (uint64_t)1 << 62,
    (uint64_t)1 << 32,
};

/* Changes 1 to 4 places. Half of them near the start, where formats keep their headers. */
static void mutate(uint8_t *data, size_t size, uint64_t *random)
{
    for (uint64_t changes = 1 + next_random(random) % 4; changes > 0; changes--) {
        const size_t reach = next_random(random) % 2 && size > 4096 ? 4096 : size;
        const size_t at = (size_t)(next_random(random) % reach);
        const uint64_t value = edges[next_random(random) % (sizeof edges / sizeof edges[0])];
        const size_t width = (size_t)1 << next_random(random) % 4;
        switch (next_random(random) % 3) {
        case 0:
            data[at] ^= (uint8_t)(1u << next_random(random) % 8);
            break;
        case 1:
            data[at] = (uint8_t)next_random(random);
            break;
        default:
            for (size_t i = 0; i < width && at + i < size; i++)
                data[at + i] = (uint8_t)(value >> 8 * i);
        }
    }
}

static void run_bytes(const uint8_t *bytes, size_t size, const struct options *options)
{
    uint64_t random = options->seed;
    LLVMFuzzerTestOneInput(bytes, size);
    for (unsigned long i = 0; i < options->count && size; i++) {
        /* One in eight is cut short. */
        const uint64_t cut = next_random(&random);
        const size_t n = cut % 8 ? size : (size_t)(next_random(&random) % size);
        uint8_t *copy = allocate(n);
        memcpy(copy, bytes, n);
        if (n)
            mutate(copy, n, &random);
        LLVMFuzzerTestOneInput(copy, n);
        free(copy);
    }
}

static int run_file(const char *path, const struct options *options)
{
    FILE *file = fopen(path, "rb");
    long size = -1;
    if (file && fseek(file, 0, SEEK_END) == 0)
        size = ftell(file);
    uint8_t *bytes = size < 0 ? NULL : allocate((size_t)size);
    const int ok = bytes && fseek(file, 0, SEEK_SET) == 0 &&
                   fread(bytes, 1, (size_t)size, file) == (size_t)size;
    if (file)
        fclose(file);
    if (ok)
        run_bytes(bytes, (size_t)size, options);
    else
        fprintf(stderr, "replay: cannot read %s\n", path);
    free(bytes);
    return !ok;
}

static int run_path(const char *path, const struct options *options)
{
    struct stat info;
    DIR *folder = stat(path, &info) == 0 && S_ISDIR(info.st_mode) ? opendir(path) : NULL;
    int failures = 0;
    if (!folder)
        return run_file(path, options);
    for (const struct dirent *entry; (entry = readdir(folder));) {
        char file[4096];
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        if (stat(file, &info) == 0 && S_ISREG(info.st_mode))
            failures += run_file(file, options);
    }
    closedir(folder);
    return failures;
}

int main(int argc, char **argv)
{
    struct options options = {.count = 0, .seed = 1};
    int failures = 0, paths = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-n") == 0 && i + 1 < argc)
            options.count = strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "-s") == 0 && i + 1 < argc)
            options.seed = strtoull(argv[++i], NULL, 10);
        else {
            failures += run_path(argv[i], &options);
            paths++;
        }
    }
    if (!paths) {
        fprintf(stderr, "usage: %s [-n COUNT] [-s SEED] FILE|FOLDER...\n", argv[0]);
        return 2;
    }
    return failures ? 1 : 0;
}
