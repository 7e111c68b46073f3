/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/cpu/packed.h"
#include "backends/cpu/program.h"
#include "runtime/base/checked.h"

/*
 * Weights in the layout of the kernels. Each matrix is packed once, however many steps use it; what
 * the file has packed, and what would not gain by it, stays in the file.
 */

/* Bytes of strips that a worker claims together: enough that releasing them pays, and few enough
 * that what is copied and not yet released is no burden. */
#define CLAIM_BYTES ((size_t)1 << 20)

static const ergo__weight *weight_of(const ergo__program *p, size_t step, size_t i)
{
    const ergo__step *s = &p->plan->steps[step];
    return s->op == ERGO__OP_MATMUL && s->weight[i].data ? &s->weight[i] : NULL;
}

/* Whether the weight is packed here. */
static bool to_pack(const ergo__program *p, const ergo__weight *w)
{
    return !w->packed && ergo__cpu_packing_pays(&p->device->kernels, w->type);
}

static size_t strips_of(const ergo__weight *w)
{
    return ergo__ceil_div(w->rows, ERGO__STRIP_ROWS);
}

/* The first use of a weight: that is where it is packed. */
static bool is_first(const ergo__program *p, size_t step, size_t i, size_t *first_step,
                     size_t *first_i)
{
    const unsigned char *data = weight_of(p, step, i)->data;
    for (*first_step = 0; *first_step <= step; ++*first_step)
        for (*first_i = 0; *first_i < ERGO__CPU_MATRICES; ++*first_i) {
            const ergo__weight *w = weight_of(p, *first_step, *first_i);
            if (w && w->data == data)
                return *first_step == step && *first_i == i;
        }
    return true;
}

size_t ergo__cpu_repack_layout(ergo__program *p, ergo__arena *arena)
{
    size_t bytes = 0;
    for (size_t s = 0; s < p->plan->step_count; s++)
        for (size_t i = 0; i < ERGO__CPU_MATRICES; i++) {
            const ergo__weight *w = weight_of(p, s, i);
            size_t first_step, first_i, all;
            if (!w || !to_pack(p, w) || !is_first(p, s, i, &first_step, &first_i))
                continue;
            const size_t strip = ergo__packed_strip_bytes(w->type, w->columns);
            if (!ergo__mul_size(strip, strips_of(w), &all) || !ergo__add_size(bytes, all, &bytes))
                arena->full = true;
        }
    p->matrices = ergo__arena_take(arena, p->plan->step_count, sizeof *p->matrices,
                                   _Alignof(ergo__cpu_matrix));
    p->packed = ERGO__TAKE_LINE(arena, unsigned char, bytes);
    return bytes;
}

/* The matrix of a MATMUL step; `next` is where the next one that is packed goes. */
static ergo__cpu_matrix place_matrix(const ergo__program *p, size_t step, size_t i,
                                     unsigned char **next)
{
    const ergo__weight *w = weight_of(p, step, i);
    size_t first_step, first_i;
    if (!to_pack(p, w))
        return (ergo__cpu_matrix){.matmul = w->packed
                                                ? ergo__cpu_packed(&p->device->kernels, w->type)
                                                : ergo__cpu_matmul(&p->device->kernels, w->type),
                                  .data = w->data,
                                  .row_bytes = w->row_bytes,
                                  .packed = w->packed};
    if (!is_first(p, step, i, &first_step, &first_i)) {
        ergo__cpu_matrix same = p->matrices[first_step][first_i];
        same.copied = false;
        return same;
    }
    const ergo__cpu_matrix m = {.matmul = ergo__cpu_packed(&p->device->kernels, w->type),
                                .data = *next,
                                .row_bytes = ergo__packed_strip_bytes(w->type, w->columns),
                                .packed = true,
                                .copied = true};
    *next += m.row_bytes * strips_of(w);
    return m;
}

/* The table of an EMBED step: where it is also a matrix, the packed one, so that nothing of the
 * file is needed any more. */
static ergo__cpu_matrix place_table(const ergo__program *p, const ergo__weight *table)
{
    for (size_t s = 0; s < p->plan->step_count; s++)
        for (size_t i = 0; i < ERGO__CPU_MATRICES; i++) {
            const ergo__weight *w = weight_of(p, s, i);
            if (w && w->data == table->data && w->rows == table->rows)
                return p->matrices[s][i];
        }
    return (ergo__cpu_matrix){
        .data = table->data, .row_bytes = table->row_bytes, .packed = table->packed};
}

/* Where each matrix will be, and by what it is multiplied. */
static void place(ergo__program *p)
{
    unsigned char *next = p->packed;
    for (size_t s = 0; s < p->plan->step_count; s++)
        for (size_t i = 0; i < ERGO__CPU_MATRICES; i++)
            p->matrices[s][i] =
                weight_of(p, s, i) ? place_matrix(p, s, i, &next) : (ergo__cpu_matrix){0};
    for (size_t s = 0; s < p->plan->step_count; s++)
        if (p->plan->steps[s].op == ERGO__OP_EMBED)
            p->matrices[s][0] = place_table(p, &p->plan->steps[s].weight[0]);
}

static size_t strips_of_claim(const ergo__cpu_matrix *m)
{
    return ergo__ceil_div(CLAIM_BYTES, m->row_bytes);
}

static void release(const ergo__program *p, const ergo__weight *w, size_t row, size_t rows)
{
    if (p->release.bytes)
        p->release.bytes(p->release.user, w->data + row * w->row_bytes, rows * w->row_bytes);
}

/* Claim number `claim` of the strips of one matrix. */
static void pack_strips(const ergo__program *p, const ergo__weight *w, const ergo__cpu_matrix *m,
                        size_t claim)
{
    const size_t first = claim * strips_of_claim(m), end = first + strips_of_claim(m);
    size_t row = first * ERGO__STRIP_ROWS;
    for (size_t strip = first; strip < end && row < w->rows; strip++, row += ERGO__STRIP_ROWS) {
        const size_t rows = w->rows - row < ERGO__STRIP_ROWS ? w->rows - row : ERGO__STRIP_ROWS;
        ergo__cpu_pack(w->type, w->data + row * w->row_bytes, w->row_bytes, w->columns, rows,
                       p->packed + (size_t)(m->data - p->packed) + strip * m->row_bytes);
    }
    const size_t begin = first * ERGO__STRIP_ROWS;
    release(p, w, begin, (row < w->rows ? row : w->rows) - begin);
}

/* What every worker does: matrix after matrix, claiming strips. */
static void pack_all(void *user, uint32_t worker)
{
    (void)worker;
    ergo__program *p = user;
    ergo__pool *pool = &p->device->pool;
    size_t before = 0; /* claims of the matrices before */
    size_t claim = ergo__pool_claim(pool);
    for (size_t s = 0; s < p->plan->step_count; s++)
        for (size_t i = 0; i < ERGO__CPU_MATRICES; i++) {
            const ergo__weight *w = weight_of(p, s, i);
            const ergo__cpu_matrix *m = &p->matrices[s][i];
            if (!w || !m->copied)
                continue;
            const size_t claims = ergo__ceil_div(strips_of(w), strips_of_claim(m));
            for (; claim < before + claims; claim = ergo__pool_claim(pool))
                pack_strips(p, w, m, claim - before);
            before += claims;
        }
}

/* The whole matrices once more: memory comes in pages, and a page at the seam of two claims is no
 * page of either. */
static void release_all(const ergo__program *p)
{
    for (size_t s = 0; s < p->plan->step_count; s++)
        for (size_t i = 0; i < ERGO__CPU_MATRICES; i++) {
            const ergo__weight *w = weight_of(p, s, i);
            if (w && p->matrices[s][i].copied)
                release(p, w, 0, w->rows);
        }
}

void ergo__cpu_repack(ergo__program *p)
{
    place(p);
    ergo__pool_run(&p->device->pool, p->device->common.threads, pack_all, p);
    release_all(p);
}
