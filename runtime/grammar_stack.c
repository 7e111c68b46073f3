/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/grammar_stack.h"

#define BASE_NODES 1024 /* enough for texts nested some hundred deep */
#define BASE_EDGES 2048

void ergo__stack_lay_out(ergo__stack *stack, ergo__arena *arena, const ergo_grammar *grammar)
{
    stack->max_nodes = BASE_NODES + grammar->rule_count;
    stack->max_edges = BASE_EDGES + grammar->call_count;
    stack->nodes = ERGO__TAKE(arena, ergo__stack_node, stack->max_nodes);
    stack->edges = ERGO__TAKE(arena, ergo__stack_edge, stack->max_edges);
    stack->node_of_rule = ERGO__TAKE(arena, uint32_t, grammar->rule_count);
    stack->map = ERGO__TAKE(arena, uint32_t, stack->max_nodes);
    stack->queue = ERGO__TAKE(arena, uint32_t, stack->max_nodes);
}

void ergo__stack_reset(ergo__stack *stack, uint32_t root)
{
    stack->nodes[0] = (ergo__stack_node){root, ERGO__STACK_NONE};
    stack->node_count = 1;
    stack->edge_count = 0;
    stack->fresh = 1;
}

uint32_t ergo__stack_call(ergo__stack *stack, uint32_t rule, ergo__stack_item back, bool *made)
{
    uint32_t node = stack->node_of_rule[rule];
    *made = node < stack->fresh || node >= stack->node_count || stack->nodes[node].rule != rule;
    if (stack->edge_count == stack->max_edges || (*made && stack->node_count == stack->max_nodes))
        return ERGO__STACK_NONE;
    if (*made) {
        node = stack->node_count++;
        stack->nodes[node] = (ergo__stack_node){rule, ERGO__STACK_NONE};
        stack->node_of_rule[rule] = node;
    }
    stack->edges[stack->edge_count] =
        (ergo__stack_edge){back.element, back.node, node, stack->nodes[node].edges};
    stack->nodes[node].edges = stack->edge_count++;
    return node;
}

#define LOOK_DEPTH 4
#define LOOK_EDGES 4

static bool look_same(const ergo__stack *stack, uint32_t a, uint32_t b, int depth)
{
    if (a == b)
        return true;
    if (a == 0 || b == 0 || depth == LOOK_DEPTH || stack->nodes[a].rule != stack->nodes[b].rule)
        return false;
    uint32_t x = stack->nodes[a].edges, y = stack->nodes[b].edges;
    for (int i = 0; i < LOOK_EDGES && x != ERGO__STACK_NONE && y != ERGO__STACK_NONE; i++) {
        const ergo__stack_edge *e = &stack->edges[x], *f = &stack->edges[y];
        if (e->element != f->element || !look_same(stack, e->parent, f->parent, depth + 1))
            return false;
        x = e->next;
        y = f->next;
    }
    return x == y; /* both at their end */
}

bool ergo__stack_same(const ergo__stack *stack, uint32_t a, uint32_t b)
{
    return look_same(stack, a, b, 0);
}

static void mark(ergo__stack *stack, uint32_t node, uint32_t *queued)
{
    if (stack->map[node] == ERGO__STACK_NONE) {
        stack->map[node] = 0;
        stack->queue[(*queued)++] = node;
    }
}

static void mark_all(ergo__stack *stack, const ergo__stack_roots roots[2])
{
    uint32_t queued = 0;
    for (uint32_t i = 0; i < stack->node_count; i++)
        stack->map[i] = ERGO__STACK_NONE;
    mark(stack, 0, &queued);
    for (int k = 0; k < 2; k++)
        for (uint32_t i = 0; i < roots[k].count; i++)
            mark(stack, roots[k].items[i].node, &queued);
    for (uint32_t i = 0; i < queued; i++) {
        uint32_t edge = stack->nodes[stack->queue[i]].edges;
        for (; edge != ERGO__STACK_NONE; edge = stack->edges[edge].next)
            mark(stack, stack->edges[edge].parent, &queued);
    }
}

void ergo__stack_collect(ergo__stack *stack, const ergo__stack_roots roots[2])
{
    mark_all(stack, roots);
    uint32_t nodes = 0, edges = 0;
    for (uint32_t i = 0; i < stack->node_count; i++)
        if (stack->map[i] != ERGO__STACK_NONE) {
            stack->map[i] = nodes;
            stack->nodes[nodes++] = (ergo__stack_node){stack->nodes[i].rule, ERGO__STACK_NONE};
        }
    for (uint32_t i = 0; i < stack->edge_count; i++) {
        const ergo__stack_edge old = stack->edges[i];
        const uint32_t owner = stack->map[old.owner];
        if (owner == ERGO__STACK_NONE)
            continue;
        stack->edges[edges] = (ergo__stack_edge){old.element, stack->map[old.parent], owner,
                                                 stack->nodes[owner].edges};
        stack->nodes[owner].edges = edges++;
    }
    for (int k = 0; k < 2; k++)
        for (uint32_t i = 0; i < roots[k].count; i++)
            roots[k].items[i].node = stack->map[roots[k].items[i].node];
    stack->node_count = nodes;
    stack->edge_count = edges;
}
