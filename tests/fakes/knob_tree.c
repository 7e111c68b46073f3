/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fakes/knob_tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define POLICY TREE_POLICY

/* An RK3588 as its kernel shows it: three policies, a GPU, memory, and an NPU that is left alone.
 */
static const char rk3588[] =
    "[" POLICY "0]\n"
    "related_cpus = 0 1 2 3\ncpuinfo_min_freq = 408000\ncpuinfo_max_freq = 1800000\n"
    "scaling_min_freq = 408000\nscaling_max_freq = 1800000\nscaling_cur_freq = 1008000\n"
    "scaling_available_frequencies = 408000 1008000 1416000 1800000 \n"
    "cpuinfo_transition_latency = 84000\n"
    "[" POLICY "4]\n"
    "related_cpus = 4 5\ncpuinfo_min_freq = 408000\ncpuinfo_max_freq = 2304000\n"
    "scaling_min_freq = 408000\nscaling_max_freq = 2304000\nscaling_cur_freq = 408000\n"
    "scaling_available_frequencies = 2304000 1200000 408000\n"
    "[" POLICY "6]\n"
    "related_cpus = 6 7\ncpuinfo_min_freq = 408000\ncpuinfo_max_freq = 2304000\n"
    "scaling_min_freq = 600000\nscaling_max_freq = 1200000\nscaling_cur_freq = 600000\n"
    "scaling_available_frequencies = 408000 600000 1200000 2304000\n"
    "[sys/class/devfreq/fb000000.gpu-panthor]\n"
    "available_frequencies = 300000000 1000000000\n"
    "min_freq = 300000000\nmax_freq = 1000000000\ncur_freq = 300000000\n"
    "[sys/class/devfreq/dmc]\n"
    "available_frequencies = 528000000 2112000000\n"
    "min_freq = 528000000\nmax_freq = 2112000000\ncur_freq = 528000000\n"
    "[sys/class/devfreq/fdab0000.npu]\n"
    "available_frequencies = 300000000 1000000000\nmin_freq = 300000000\nmax_freq = 1000000000\n";

file_tree knob_tree;
/* For two sets of knobs at once. */
static _Alignas(ERGO_BLOCK_ALIGN) unsigned char memory[2][1 << 18];
char knob_heard[8192];
const char *knob_board;

static void hear(void *user, ergo_log_level level, const char *message)
{
    (void)user;
    (void)level;
    (void)strncat(knob_heard, message, sizeof knob_heard - strlen(knob_heard) - 2);
    (void)strcat(knob_heard, "\n");
}

ergo_linux_knobs_config knob_config(void)
{
    return (ergo_linux_knobs_config){
        .log = {.write = hear}, .root = knob_tree.root, .board = ergo_board_named(knob_board)};
}

ergo_linux_knobs *open_knobs(uint32_t which)
{
    const ergo_linux_knobs_config c = knob_config();
    ergo_linux_knobs *knobs = NULL;
    size_t size = 0;
    assert_int_equal(ergo_linux_knobs_size(&c, &size), ERGO_OK);
    assert_true(size <= sizeof memory[which]);
    assert_int_equal(ergo_linux_knobs_open(&c, (ergo_block){memory[which], size}, &knobs), ERGO_OK);
    return knobs;
}

int knob_tree_begin(void **state)
{
    (void)state;
    file_tree_begin(&knob_tree);
    file_tree_put_all(&knob_tree, rk3588);
    knob_heard[0] = '\0';
    knob_board = "rock-5b";
    return 0;
}

int knob_tree_end(void **state)
{
    (void)state;
    file_tree_end(&knob_tree);
    return 0;
}

const char *tree_text(const char *path)
{
    static char text[4096];
    char full[512];
    (void)snprintf(full, sizeof full, "%s/%s", knob_tree.root, path);
    FILE *file = fopen(full, "r");
    if (!file)
        return "";
    const size_t got = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    text[got] = '\0';
    return text;
}

unsigned long long tree_number(const char *path)
{
    return strtoull(tree_text(path), NULL, 10);
}

void assert_limits(const char *folder, unsigned long long least, unsigned long long most)
{
    char path[256];
    const char *prefix = strstr(folder, "cpufreq") ? "scaling_" : "";
    (void)snprintf(path, sizeof path, "%s/%smin_freq", folder, prefix);
    assert_int_equal(tree_number(path), least);
    (void)snprintf(path, sizeof path, "%s/%smax_freq", folder, prefix);
    assert_int_equal(tree_number(path), most);
}

const ergo_knob *knob_named(const ergo_linux_knobs *knobs, const char *name)
{
    size_t count;
    const ergo_knob *list = ergo_linux_knobs_list(knobs, &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i].info.name, name) == 0)
            return &list[i];
    return NULL;
}

size_t knob_index(const ergo_linux_knobs *knobs, const char *name)
{
    size_t count;
    return (size_t)(knob_named(knobs, name) - ergo_linux_knobs_list(knobs, &count));
}

ergo_status turn_knob(const ergo_linux_knobs *knobs, const char *name, uint32_t level)
{
    const ergo_knob *knob = knob_named(knobs, name);
    assert_non_null(knob);
    return knob->set(knob->self, level);
}

uint32_t knob_level(const ergo_linux_knobs *knobs, const char *name)
{
    const ergo_knob *knob = knob_named(knobs, name);
    uint32_t level = 99;
    assert_int_equal(knob->get(knob->self, &level), ERGO_OK);
    return level;
}

/* The path of this process's journal in the tree. */
const char *journal_path(pid_t pid)
{
    static char path[64];
    (void)snprintf(path, sizeof path, "run/ergo/%d.knobs", (int)pid);
    return path;
}

/* Runs `act` in a child, as itself or as nobody, and returns how it ended. */
int in_child(void (*act)(ergo_linux_knobs *knobs), uid_t user)
{
    (void)fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        if (user != 0 && (setgid(user) != 0 || setuid(user) != 0))
            _exit(99);
        act(open_knobs(0));
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}
