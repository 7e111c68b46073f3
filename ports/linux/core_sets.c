/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ports/linux/cpu_capacity.h"
#include "ports/linux/knobs_linux.h"
#include "runtime/base/log.h"

/* Sets of CPUs that compute: how many of the most capable, and how many of the others. */

#define CPUS_MAX 256u
#define CLASSES_MAX 4u

/* CPUs of like capacity, in the order in which sets take them. */
typedef struct cpu_class {
    uint32_t first, count;
} cpu_class;

typedef struct topology {
    ergo__os_cpu cpu[CPUS_MAX];
    uint32_t sibling[CPUS_MAX]; /* how many threads of its core come before */
    uint32_t count;
    cpu_class part[CLASSES_MAX];
    uint32_t parts;
} topology;

uint32_t ergo__cpu_list(const char *text, uint32_t *cpus, uint32_t most)
{
    uint32_t count = 0;
    for (;;) {
        char *end;
        text += strspn(text, " ,\n\t");
        if (*text < '0' || *text > '9')
            return count;
        const unsigned long first = strtoul(text, &end, 10);
        unsigned long last = first;
        if (*end == '-')
            last = strtoul(end + 1, &end, 10);
        if (last > UINT16_MAX || last < first)
            return count;
        for (unsigned long cpu = first; cpu <= last; cpu++, count++)
            if (count < most)
                cpus[count] = (uint32_t)cpu;
        text = end;
    }
}

/* ---- Topology ------------------------------------------------------------------------------ */

static uint32_t sibling_rank(const ergo_linux_knobs *knobs, uint32_t cpu)
{
    char path[ERGO__SYSFS_PATH], text[128];
    uint32_t siblings[16];
    uint32_t rank = 0;
    if (!ergo__sysfs_path(path, knobs->root,
                          "sys/devices/system/cpu/cpu%" PRIu32 "/topology/thread_siblings_list",
                          cpu) ||
        ergo__sysfs_text(path, text, sizeof text) != ERGO_OK)
        return 0;
    const uint32_t count = ergo__cpu_list(text, siblings, 16);
    for (uint32_t i = 0; i < count && i < 16; i++)
        rank += siblings[i] < cpu;
    return rank;
}

/* Within a class: one thread per core first, and CPUs of one clock together. */
static bool comes_before(const ergo_linux_knobs *knobs, const topology *t, uint32_t a, uint32_t b)
{
    if (t->sibling[a] != t->sibling[b])
        return t->sibling[a] < t->sibling[b];
    const uint8_t clock_a = knobs->knob_of_cpu[t->cpu[a].id];
    const uint8_t clock_b = knobs->knob_of_cpu[t->cpu[b].id];
    return clock_a != clock_b ? clock_a < clock_b : t->cpu[a].id < t->cpu[b].id;
}

static void swap(topology *t, uint32_t a, uint32_t b)
{
    const ergo__os_cpu cpu = t->cpu[a];
    const uint32_t sibling = t->sibling[a];
    t->cpu[a] = t->cpu[b];
    t->sibling[a] = t->sibling[b];
    t->cpu[b] = cpu;
    t->sibling[b] = sibling;
}

static void order_part(const ergo_linux_knobs *knobs, topology *t, cpu_class part)
{
    for (uint32_t i = part.first + 1; i < part.first + part.count; i++)
        for (uint32_t at = i; at > part.first && comes_before(knobs, t, at, at - 1); at--)
            swap(t, at, at - 1);
}

static void read_topology(const ergo_linux_knobs *knobs, topology *t)
{
    char folder[ERGO__SYSFS_PATH];
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    t->count = t->parts = 0;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 ||
        !ergo__sysfs_path(folder, knobs->root, "sys/devices/system/cpu"))
        return;
    for (uint32_t id = 0; id < CPU_SETSIZE && t->count < CPUS_MAX; id++)
        if (CPU_ISSET(id, &allowed))
            t->cpu[t->count++].id = id;
    ergo__linux_cpu_capacity(folder, t->cpu, t->count);
    for (uint32_t i = 0; i < t->count; i++)
        t->sibling[i] = sibling_rank(knobs, t->cpu[i].id);
    for (uint32_t i = 0; i < t->count; i++) {
        cpu_class *part = t->parts > 0 ? &t->part[t->parts - 1] : NULL;
        const uint32_t most = part ? t->cpu[part->first].capacity : 0;
        /* Bins of one design differ by less than an eighth. */
        if (part && (t->cpu[i].capacity >= most - most / 8 || t->parts == CLASSES_MAX))
            part->count++;
        else
            t->part[t->parts++] = (cpu_class){i, 1};
    }
    for (uint32_t i = 0; i < t->parts; i++)
        order_part(knobs, t, t->part[i]);
}

/* ---- Levels -------------------------------------------------------------------------------- */

static const char *part_name(const topology *t, uint32_t part)
{
    if (t->parts == 1)
        return "cores";
    if (part == 0)
        return "big";
    return part + 1 == t->parts ? "little" : part == 1 ? "mid" : "small";
}

/* The CPUs `first` .. `first` + `count` - 1 of the topology's order. */
static void add_set(ergo_linux_knobs *knobs, const topology *t, const char *name, uint32_t first,
                    uint32_t count)
{
    ergo__linux_knob *knob = &knobs->state[knobs->count];
    if (knob->level_count == ERGO_KNOB_LEVELS_MAX || count > ergo__os_cpu_count())
        return;
    cpu_set_t *set = &knobs->sets[knob->level_count];
    ergo_knob_level *level = &knob->levels[knob->level_count++];
    CPU_ZERO(set);
    *level = (ergo_knob_level){.value = count};
    (void)snprintf(level->name, sizeof level->name, "%s%" PRIu32, name, count);
    for (uint32_t i = first; i < first + count; i++) {
        const uint32_t cpu = t->cpu[i].id;
        CPU_SET(cpu, set);
        if (knobs->knob_of_cpu[cpu] != ERGO__NO_KNOB)
            level->uses |= UINT32_C(1) << knobs->knob_of_cpu[cpu];
    }
    for (uint32_t i = 0; i < knobs->count; i++)
        if (knobs->list[i].info.kind == ERGO_KNOB_MEMORY)
            level->uses |= UINT32_C(1) << i;
}

/* All counts of a few CPUs; of many, the powers of two and all. */
static bool is_worth_it(uint32_t count, uint32_t of)
{
    return of <= 4 || count == of || (count & (count - 1)) == 0;
}

void ergo__linux_find_core_sets(ergo_linux_knobs *knobs)
{
    topology t;
    if (knobs->count == ERGO_KNOBS_MAX)
        return;
    read_topology(knobs, &t);
    ergo__linux_knob *knob = &knobs->state[knobs->count];
    memset(knob, 0, sizeof *knob);
    for (uint32_t part = 0; part < t.parts; part++)
        for (uint32_t n = 1; n <= t.part[part].count; n++)
            if (is_worth_it(n, t.part[part].count))
                add_set(knobs, &t, part_name(&t, part), t.part[part].first, n);
    if (t.parts > 1)
        add_set(knobs, &t, "all", 0, t.count);
    if (knob->level_count > 0)
        (void)ergo__knob_add(knobs, ERGO_KNOB_CORES, "cores", "/proc/self/task", 0);
}

/* ---- Turning ------------------------------------------------------------------------------- */

typedef void (*each_thread)(ergo_linux_knobs *knobs, pid_t thread, const cpu_set_t *set);

/* What the kernel fills in: readdir of the C library would allocate. */
struct folder_entry {
    uint64_t inode;
    int64_t next;
    uint16_t size;
    uint8_t kind;
    char name[];
};

static ergo_status for_threads(ergo_linux_knobs *knobs, each_thread what, const cpu_set_t *set)
{
    _Alignas(8) char entries[2048];
    const int fd = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return ergo__sysfs_status(errno);
    long got;
    while ((got = syscall(SYS_getdents64, fd, entries, sizeof entries)) > 0)
        for (long at = 0; at < got;) {
            const struct folder_entry *entry = (const void *)(entries + at);
            const long thread = strtol(entry->name, NULL, 10);
            if (thread > 0)
                what(knobs, (pid_t)thread, set);
            at += entry->size;
        }
    (void)close(fd);
    return got < 0 ? ERGO_E_IO : ERGO_OK;
}

/* Remembers where a thread was allowed before; without room for that it stays. */
static bool remembers(ergo_linux_knobs *knobs, pid_t thread)
{
    for (uint32_t i = 0; i < knobs->thread_count; i++)
        if (knobs->threads[i].id == thread)
            return true;
    if (knobs->thread_count == ERGO__KNOB_THREADS)
        return false;
    ergo__linux_thread *known = &knobs->threads[knobs->thread_count];
    known->id = thread;
    CPU_ZERO(&known->cpus);
    if (sched_getaffinity(thread, sizeof known->cpus, &known->cpus) != 0)
        return false;
    knobs->thread_count++;
    return true;
}

/* A thread that ends meanwhile is no failure. */
static void move(ergo_linux_knobs *knobs, pid_t thread, const cpu_set_t *set)
{
    if (remembers(knobs, thread))
        (void)sched_setaffinity(thread, sizeof *set, set);
}

ergo_status ergo__core_set(ergo_linux_knobs *knobs, uint32_t level)
{
    cpu_set_t now;
    const cpu_set_t *set = &knobs->sets[level];
    ergo_status status = for_threads(knobs, move, set);
    if (status == ERGO_OK && (sched_getaffinity(0, sizeof now, &now) != 0 || !CPU_EQUAL(&now, set)))
        status = ERGO_E_STATE; /* a cpuset leaves less */
    return status == ERGO_OK ? status
                             : ergo__fail(&knobs->log, status, "knob cores: %s: %s",
                                          knobs->list[knobs->count - 1].info.levels[level].name,
                                          ergo_status_text(status));
}

ergo_status ergo__core_get(const ergo_linux_knobs *knobs, const ergo__linux_knob *knob,
                           uint32_t *level)
{
    cpu_set_t now;
    uint32_t best = 0;
    int least = CPU_SETSIZE + 1;
    if (sched_getaffinity(0, sizeof now, &now) != 0)
        return ergo__sysfs_status(errno);
    for (uint32_t i = 0; i < knob->level_count; i++) {
        cpu_set_t differ;
        CPU_XOR(&differ, &now, &knobs->sets[i]);
        if (CPU_COUNT(&differ) < least) {
            least = CPU_COUNT(&differ);
            best = i;
        }
    }
    *level = best;
    return ERGO_OK;
}

void ergo__core_put_back(ergo_linux_knobs *knobs)
{
    for (uint32_t i = 0; i < knobs->thread_count; i++)
        (void)sched_setaffinity(knobs->threads[i].id, sizeof knobs->threads[i].cpus,
                                &knobs->threads[i].cpus);
    knobs->thread_count = 0;
}
