/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fakes/file_tree.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

void file_tree_begin(file_tree *tree)
{
    (void)snprintf(tree->root, sizeof tree->root, P_tmpdir "/ergo-tree-XXXXXX");
    assert_non_null(mkdtemp(tree->root));
}

/* The full path, whose folders are made. */
static void place(const file_tree *tree, const char *path, char *full, size_t size)
{
    const int length = snprintf(full, size, "%s/%s", tree->root, path);
    assert_true(length > 0 && (size_t)length < size);
    for (char *slash = full + strlen(tree->root) + 1; (slash = strchr(slash, '/')) != NULL;
         slash++) {
        *slash = '\0';
        (void)mkdir(full, 0755);
        *slash = '/';
    }
}

void file_tree_put(const file_tree *tree, const char *path, const char *text)
{
    char full[1024];
    place(tree, path, full, sizeof full);
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    assert_true(fprintf(file, "%s\n", text) >= 0);
    assert_int_equal(fclose(file), 0);
}

void file_tree_link(const file_tree *tree, const char *path, const char *target)
{
    char full[1024];
    place(tree, path, full, sizeof full);
    assert_int_equal(symlink(target, full), 0);
}

static void put_line(const file_tree *tree, const char *folder, char *line)
{
    char path[800];
    char *equals = strstr(line, " = ");
    char *arrow = strstr(line, " -> ");
    assert_true(equals || arrow);
    char *cut = equals ? equals : arrow;
    *cut = '\0';
    (void)snprintf(path, sizeof path, "%s%s", folder, line);
    if (equals)
        file_tree_put(tree, path, equals + 3);
    else
        file_tree_link(tree, path, arrow + 4);
}

void file_tree_put_all(const file_tree *tree, const char *lines)
{
    char folder[256] = "";
    while (*lines != '\0') {
        char line[512];
        const size_t size = strcspn(lines, "\n");
        assert_true(size < sizeof line);
        memcpy(line, lines, size);
        line[size] = '\0';
        lines += size + (lines[size] == '\n');
        if (line[0] == '[')
            (void)snprintf(folder, sizeof folder, "%.*s/", (int)strcspn(line + 1, "]"), line + 1);
        else if (line[0] != '\0')
            put_line(tree, folder, line);
    }
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

void file_tree_end(file_tree *tree)
{
    (void)nftw(tree->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
