/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TESTS_FILE_TREE_H
#define ERGO_TESTS_FILE_TREE_H

#include <stddef.h>

/** A temporary folder that plays the root of a system: small files, written by path. */
typedef struct file_tree {
    char root[64];
} file_tree;

void file_tree_begin(file_tree *tree);

/** Writes a file, or writes it anew, with a line break; makes its folders. */
void file_tree_put(const file_tree *tree, const char *path, const char *text);

/** A symbolic link. */
void file_tree_link(const file_tree *tree, const char *path, const char *target);

/** Many files: lines "path = text", "path -> target", "[folder]" goes before the paths that follow.
 */
void file_tree_put_all(const file_tree *tree, const char *lines);

/** Removes everything. */
void file_tree_end(file_tree *tree);

#endif
