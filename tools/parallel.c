/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>

#define PARALLEL_MOST 256u

typedef struct part {
    pthread_t thread;
    bool started;
    void (*work)(void *user, uint32_t i, uint32_t count);
    void *user;
    uint32_t i, count;
} part;

uint32_t parallel_cpus(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0 || CPU_COUNT(&set) < 1)
        return 1;
    return (uint32_t)CPU_COUNT(&set);
}

static void *run_part(void *user)
{
    part *self = user;
    self->work(self->user, self->i, self->count);
    return NULL;
}

void parallel_run(uint32_t count, void (*work)(void *user, uint32_t i, uint32_t count), void *user)
{
    part parts[PARALLEL_MOST];
    const uint32_t used = count < PARALLEL_MOST ? count : PARALLEL_MOST;
    for (uint32_t i = 0; i < used; i++) {
        parts[i] = (part){.work = work, .user = user, .i = i, .count = used};
        parts[i].started =
            i + 1 < used && pthread_create(&parts[i].thread, NULL, run_part, &parts[i]) == 0;
    }
    for (uint32_t i = 0; i < used; i++) {
        if (!parts[i].started)
            (void)run_part(&parts[i]);
    }
    for (uint32_t i = 0; i < used; i++) {
        if (parts[i].started)
            (void)pthread_join(parts[i].thread, NULL);
    }
}
