/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fakes/guarded.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

guarded guarded_open(size_t size)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t inside = (size + page - 1) / page * page;
    guarded g = {.mapped = inside + page};
    g.mapping = mmap(NULL, g.mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (g.mapping == MAP_FAILED)
        exit(1);
    unsigned char *start = g.mapping;
    if (mprotect(start + inside, page, PROT_NONE) != 0)
        exit(1);
    g.data = start + inside - size;
    return g;
}

void guarded_close(guarded *g)
{
    munmap(g->mapping, g->mapped);
    g->mapping = NULL;
    g->data = NULL;
}
