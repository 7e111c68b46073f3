/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TESTS_KNOB_TREE_H
#define ERGO_TESTS_KNOB_TREE_H

#include <stdint.h>
#include <sys/types.h>

#include "ergo/linux.h"
#include "tests/fakes/file_tree.h"

/*
 * The files of a board with an RK3588 (three policies, a GPU, memory, an NPU), and what tests of
 * its knobs share.
 */

#define TREE_POLICY "sys/devices/system/cpu/cpufreq/policy"

extern file_tree knob_tree;
extern const char *knob_board; /**< whose names count */
extern char knob_heard[8192];  /**< the log, line by line */

/** Setup and teardown of a cmocka test: a fresh tree. */
int knob_tree_begin(void **state);
int knob_tree_end(void **state);

ergo_linux_knobs_config knob_config(void);

/** Opens the knobs of the tree; `which` is 0 or 1 where a test opens two. */
ergo_linux_knobs *open_knobs(uint32_t which);

/** A file of the tree; "" where there is none. Valid until the next call. */
const char *tree_text(const char *path);
unsigned long long tree_number(const char *path);

/** Both limits in a folder of cpufreq or devfreq. */
void assert_limits(const char *folder, unsigned long long least, unsigned long long most);

const ergo_knob *knob_named(const ergo_linux_knobs *knobs, const char *name);
size_t knob_index(const ergo_linux_knobs *knobs, const char *name);
ergo_status turn_knob(const ergo_linux_knobs *knobs, const char *name, uint32_t level);
uint32_t knob_level(const ergo_linux_knobs *knobs, const char *name);

/** The journal of a process, in the tree. */
const char *journal_path(pid_t pid);

/** Opens knobs and runs `act` in a child, as that user; how the child ended. */
int in_child(void (*act)(ergo_linux_knobs *knobs), uid_t user);

#endif
