/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "models/jinja.h"
#include "runtime/base/checked.h"

static const ergo_str nothing = {NULL, 0};

/** Appends to the text being captured, or to the output: what fits is written, all is counted. */
void ergo__jinja_write(jinja *j, ergo_str text)
{
    jinja_output *out = &j->out;
    if (j->capture) {
        jinja_piece *piece = text.size ? ERGO__TAKE(&j->arena, jinja_piece, 1) : NULL;
        if (!piece) {
            if (text.size)
                ergo__jinja_fail(j, ERGO_E_MEMORY, "scratch memory too small", nothing);
            return;
        }
        *piece = (jinja_piece){text, NULL};
        if (j->capture->last)
            j->capture->last->next = piece;
        else
            j->capture->first = piece;
        j->capture->last = piece;
        if (!ergo__add_size(j->capture->size, text.size, &j->capture->size))
            ergo__jinja_fail(j, ERGO_E_LIMIT, "text too long", nothing);
        return;
    }
    if (out->needed == 0 && out->skip.size && text.size >= out->skip.size &&
        memcmp(text.data, out->skip.data, out->skip.size) == 0) {
        text.data += out->skip.size;
        text.size -= out->skip.size;
        out->skip.size = 0;
    }
    if (out->needed < out->capacity && text.size)
        memcpy(out->data + out->needed, text.data,
               ergo__min_size(text.size, out->capacity - out->needed));
    if (!ergo__add_size(out->needed, text.size, &out->needed))
        ergo__jinja_fail(j, ERGO_E_LIMIT, "text too long", nothing);
}

/** Runs a body and gives what it writes as a text. */
static jinja_value captured(jinja *j, const jinja_node *body)
{
    jinja_capture capture = {.outer = j->capture};
    j->capture = &capture;
    ergo__jinja_run(j, body);
    j->capture = capture.outer;
    char *bytes = ergo__jinja_bytes(j, capture.size);
    size_t n = 0;
    for (const jinja_piece *piece = capture.first; bytes && piece; piece = piece->next) {
        memcpy(bytes + n, piece->text.data, piece->text.size);
        n += piece->text.size;
    }
    return ergo__jinja_text((ergo_str){bytes, n});
}

/** Gives a variable of the innermost scope a value. */
void ergo__jinja_bind(jinja *j, ergo_str name, jinja_value value)
{
    for (jinja_binding *b = j->scope; b != j->boundary; b = b->outer)
        if (ergo__jinja_same(b->name, name)) {
            b->value = value;
            return;
        }
    jinja_binding *binding = ERGO__TAKE(&j->arena, jinja_binding, 1);
    if (!binding) {
        ergo__jinja_fail(j, ERGO_E_MEMORY, "scratch memory too small", nothing);
        return;
    }
    *binding = (jinja_binding){name, value, j->scope};
    j->scope = binding;
    if (j->nesting == 0)
        j->globals = binding;
}

typedef struct saved_scope {
    jinja_binding *scope, *boundary;
} saved_scope;

static saved_scope enter(jinja *j, jinja_binding *outer)
{
    const saved_scope saved = {j->scope, j->boundary};
    j->scope = outer;
    j->boundary = outer;
    ++j->nesting;
    return saved;
}

static void leave(jinja *j, saved_scope saved)
{
    j->scope = saved.scope;
    j->boundary = saved.boundary;
    --j->nesting;
}

jinja_value ergo__jinja_call_macro(jinja *j, const jinja_node *macro, const jinja_arguments *args)
{
    const saved_scope saved = enter(j, j->globals);
    const bool breaks = j->breaks, continues = j->continues;
    size_t i = 0;
    for (const jinja_node *parameter = macro->list; parameter; parameter = parameter->next, ++i) {
        jinja_value value = {.type = JINJA_UNDEFINED};
        bool given = i < args->count && args->name[i].size == 0;
        if (given)
            value = args->value[i];
        for (size_t k = 0; k < args->count; ++k)
            if (args->name[k].size && ergo__jinja_same(args->name[k], parameter->name)) {
                value = args->value[k];
                given = true;
            }
        if (!given && parameter->a)
            value = ergo__jinja_eval(j, parameter->a);
        ergo__jinja_bind(j, parameter->name, value);
    }
    const jinja_value text = captured(j, macro->b);
    j->breaks = breaks;
    j->continues = continues;
    leave(j, saved);
    return text;
}

static void assign(jinja *j, const jinja_node *target, jinja_value value)
{
    if (target->kind == JINJA_NAME) {
        ergo__jinja_bind(j, target->name, value);
        return;
    }
    const jinja_value object = ergo__jinja_eval(j, target->a);
    if (object.type == JINJA_MAP)
        ergo__jinja_put(j, object.as.map, target->name, value);
    else
        ergo__jinja_fail(j, ERGO_E_FORMAT, "set of a part of what is no namespace:", target->name);
}

static void bind_targets(jinja *j, const jinja_node *targets, jinja_value item)
{
    if (!targets->next) {
        ergo__jinja_bind(j, targets->name, item);
        return;
    }
    size_t i = 0;
    for (; targets; targets = targets->next, ++i) {
        if (item.type != JINJA_LIST || i >= item.as.list.count) {
            ergo__jinja_fail(j, ERGO_E_FORMAT, "nothing to unpack for", targets->name);
            return;
        }
        ergo__jinja_bind(j, targets->name, item.as.list.items[i]);
    }
}

/** The items of a for that pass its condition. */
static jinja_list filtered(jinja *j, const jinja_node *node, jinja_list list)
{
    jinja_value *items = ergo__jinja_take(j, list.count);
    size_t n = 0;
    const saved_scope saved = enter(j, j->scope);
    for (size_t i = 0; items && i < list.count && j->status == ERGO_OK; ++i) {
        bind_targets(j, node->list, list.items[i]);
        if (j->status == ERGO_OK && ergo__jinja_truth(ergo__jinja_eval(j, node->d)))
            items[n++] = list.items[i];
    }
    leave(j, saved);
    return (jinja_list){items, n};
}

static void run_for(jinja *j, const jinja_node *node)
{
    jinja_value over = ergo__jinja_eval(j, node->a);
    over = ergo__jinja_iterate(j, over);
    if (j->status != ERGO_OK)
        return;
    jinja_loop loop = {.over = over.as.list};
    if (node->d)
        loop.over = filtered(j, node, loop.over);
    if (loop.over.count == 0) {
        ergo__jinja_run(j, node->c);
        return;
    }
    static const ergo_str loop_name = {"loop", 4};
    const saved_scope saved = enter(j, j->scope);
    for (; loop.index < loop.over.count && j->status == ERGO_OK && !j->breaks; ++loop.index) {
        j->scope = j->boundary;
        bind_targets(j, node->list, loop.over.items[loop.index]);
        ergo__jinja_bind(j, loop_name, (jinja_value){.type = JINJA_LOOP, .as.loop = &loop});
        ergo__jinja_run(j, node->b);
        j->continues = false;
    }
    j->breaks = false;
    leave(j, saved);
}

static void run_if(jinja *j, const jinja_node *node)
{
    while (!ergo__jinja_truth(ergo__jinja_eval(j, node->a)) && j->status == ERGO_OK) {
        if (!node->flag) {
            ergo__jinja_run(j, node->c);
            return;
        }
        node = node->c;
    }
    ergo__jinja_run(j, node->b);
}

/** Writes an expression; what it left in scratch is dropped where nothing else can refer to it. */
static void run_output(jinja *j, const jinja_node *node)
{
    const size_t mark = j->arena.used;
    const jinja_value value = ergo__jinja_eval(j, node->a);
    if (j->status == ERGO_OK)
        ergo__jinja_write(j, ergo__jinja_string(j, value).as.text);
    if (!node->flag && !j->capture && !j->arena.full)
        j->arena.used = mark;
}

static void run_statement(jinja *j, const jinja_node *node)
{
    switch (node->kind) {
    case JINJA_TEXT:
        ergo__jinja_write(j, node->value.as.text);
        return;
    case JINJA_OUTPUT:
        run_output(j, node);
        return;
    case JINJA_IF:
        run_if(j, node);
        return;
    case JINJA_FOR:
        run_for(j, node);
        return;
    case JINJA_SET:
        assign(j, node->a, ergo__jinja_eval(j, node->b));
        return;
    case JINJA_SETBLOCK:
        assign(j, node->a, captured(j, node->b));
        return;
    case JINJA_DEFINE:
        ergo__jinja_bind(j, node->name, (jinja_value){.type = JINJA_MACRO, .as.macro = node});
        return;
    case JINJA_BREAK:
        j->breaks = true;
        return;
    case JINJA_CONTINUE:
        j->continues = true;
        return;
    default:
        ergo__jinja_fail(j, ERGO_E_FORMAT, "not a statement", nothing);
    }
}

void ergo__jinja_run(jinja *j, const jinja_node *body)
{
    if (j->depth >= ERGO__JINJA_DEPTH) {
        ergo__jinja_fail(j, ERGO_E_LIMIT, "nested too deeply", nothing);
        return;
    }
    ++j->depth;
    for (; body && j->status == ERGO_OK && !j->breaks && !j->continues; body = body->next) {
        j->line = body->line;
        if (++j->steps > ERGO__JINJA_STEPS)
            ergo__jinja_fail(j, ERGO_E_LIMIT, "too long a computation", nothing);
        else
            run_statement(j, body);
    }
    --j->depth;
}
