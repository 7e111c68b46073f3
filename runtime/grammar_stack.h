/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_RUNTIME_GRAMMAR_STACK_H
#define ERGO_RUNTIME_GRAMMAR_STACK_H

#include "runtime/base/arena.h"
#include "runtime/grammar_program.h"

/*
 * The return addresses of all readings, shared as far as they agree (a graph-structured stack, as
 * in GLL parsing: Scott and Johnstone 2010). A node is "rule R was called at this character"; each
 * of its edges is one place to return to, with the node that was on top there. Readings that call
 * the same rule at the same character share its node, so that ambiguity costs edges, not copies.
 */

#define ERGO__STACK_NONE UINT32_MAX

typedef struct ergo__stack_node {
    uint32_t rule;
    uint32_t edges; /* head of a list, or NONE */
} ergo__stack_node;

typedef struct ergo__stack_edge {
    uint32_t element, parent; /* where to return to */
    uint32_t owner, next;
} ergo__stack_edge;

/** A reading: it is at an element, with a node on top of its stack. */
typedef struct ergo__stack_item {
    uint32_t element, node;
} ergo__stack_item;

typedef struct ergo__stack {
    ergo__stack_node *nodes; /* node 0 is the bottom: its rule is the root */
    ergo__stack_edge *edges;
    uint32_t *node_of_rule; /* may be out of date: checked when read */
    uint32_t *map, *queue;  /* for collection, one entry per node */
    uint32_t node_count, edge_count;
    uint32_t max_nodes, max_edges;
    uint32_t fresh; /* the first node of this character */
} ergo__stack;

void ergo__stack_lay_out(ergo__stack *stack, ergo__arena *arena, const ergo_grammar *grammar);

/** Empties it down to node 0. */
void ergo__stack_reset(ergo__stack *stack, uint32_t root);

/**
 * The node for a call of `rule` at this character, made if needed (`*made` says so), with one more
 * place to return to. NONE where memory is out.
 */
uint32_t ergo__stack_call(ergo__stack *stack, uint32_t rule, ergo__stack_item back, bool *made);

/**
 * Whether two nodes stand for the same returns, as far as a short look can tell: true is certain,
 * false is not.
 */
bool ergo__stack_same(const ergo__stack *stack, uint32_t a, uint32_t b);

/** A list of items whose nodes must survive. */
typedef struct ergo__stack_roots {
    ergo__stack_item *items;
    uint32_t count;
} ergo__stack_roots;

/** Frees every node that no item of the two lists leads to, and renumbers the rest. */
void ergo__stack_collect(ergo__stack *stack, const ergo__stack_roots roots[2]);

#endif
