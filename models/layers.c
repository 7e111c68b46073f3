/* SPDX-License-Identifier: Apache-2.0 */
#include "models/layers.h"

#include <math.h>

ergo__value_id ergo__layer_embed(ergo__builder *builder, float scale)
{
    const ergo__hparams *h = &builder->hparams;
    builder->planner.layer = 0;
    const ergo__weight table =
        ergo__build_matrix(builder, "token_embd.weight", h->vocabulary, h->embedding);
    return ergo__plan_embed(&builder->planner, table, scale);
}

ergo__value_id ergo__layer_norm(ergo__builder *builder, uint32_t layer, const char *name,
                                ergo__value_id in)
{
    const ergo__hparams *h = &builder->hparams;
    const float *gain = ergo__build_layer_vector(builder, layer, name, h->embedding);
    return ergo__plan_norm(&builder->planner, in, h->embedding, h->embedding, gain,
                           h->norm_epsilon);
}

/* Queries, keys and values: three matrices, or one ("attn_qkv") of which they are slices. */
static void project_qkv(ergo__builder *builder, uint32_t layer, ergo__value_id in,
                        ergo__heads heads, ergo__value_id qkv[3])
{
    const ergo__hparams *h = &builder->hparams;
    const uint32_t q = heads.heads * h->head_dim, kv = heads.kv_heads * h->head_dim;
    const float *bias[3] = {NULL, NULL, NULL};
    ergo__weight w[3];
    if (ergo__build_layer_has(builder, layer, "attn_qkv.weight")) {
        const ergo__weight all =
            ergo__build_layer_matrix(builder, layer, "attn_qkv.weight", q + 2 * kv, h->embedding);
        const float *all_bias =
            ergo__build_layer_vector_if(builder, layer, "attn_qkv.bias", q + 2 * kv);
        const uint32_t first[3] = {0, q, q + kv}, rows[3] = {q, kv, kv};
        for (int i = 0; i < 3; i++) {
            w[i] = ergo__build_slice(builder, all, first[i], rows[i]);
            bias[i] = all_bias ? all_bias + first[i] : NULL;
        }
    } else {
        if (!ergo__build_layer_has(builder, layer, "attn_q.weight"))
            ergo__build_fail(builder, ERGO_E_FORMAT,
                             "tensor blk.%u.attn_q.weight (or blk.%u.attn_qkv.weight) is missing",
                             layer, layer);
        w[0] = ergo__build_layer_matrix(builder, layer, "attn_q.weight", q, h->embedding);
        w[1] = ergo__build_layer_matrix(builder, layer, "attn_k.weight", kv, h->embedding);
        w[2] = ergo__build_layer_matrix(builder, layer, "attn_v.weight", kv, h->embedding);
        bias[0] = ergo__build_layer_vector_if(builder, layer, "attn_q.bias", q);
        bias[1] = ergo__build_layer_vector_if(builder, layer, "attn_k.bias", kv);
        bias[2] = ergo__build_layer_vector_if(builder, layer, "attn_v.bias", kv);
    }
    ergo__plan_matmul(&builder->planner, in, 3, w, bias, qkv);
}

/* One product with the matrix "blk.LAYER.NAME.weight" and, where there is one, its bias. */
static ergo__value_id project(ergo__builder *builder, uint32_t layer, const char *weight,
                              const char *bias, uint32_t rows, uint32_t columns, ergo__value_id in)
{
    const ergo__weight w = ergo__build_layer_matrix(builder, layer, weight, rows, columns);
    const float *b = ergo__build_layer_vector_if(builder, layer, bias, rows);
    ergo__value_id out;
    ergo__plan_matmul(&builder->planner, in, 1, &w, &b, &out);
    return out;
}

static ergo__value_id turn(ergo__builder *builder, ergo__value_id in, uint32_t heads,
                           const ergo__attention *a)
{
    if (a->angles == ERGO__NO_VALUE)
        return in;
    return ergo__plan_rope(&builder->planner, in, a->angles, heads, builder->hparams.head_dim,
                           a->rotated, a->neox);
}

ergo__value_id ergo__layer_attention(ergo__builder *builder, uint32_t layer, ergo__value_id in,
                                     const ergo__attention *attention)
{
    const ergo__hparams *h = &builder->hparams;
    ergo__planner *p = &builder->planner;
    const ergo__heads heads = ergo__build_heads(builder, layer);
    if (heads.heads > UINT32_MAX / 4 / h->head_dim)
        ergo__build_fail(builder, ERGO_E_LIMIT, "layer %u: %u heads of %u elements", layer,
                         heads.heads, h->head_dim);
    const uint32_t width = heads.heads * h->head_dim;
    if (builder->kv)
        builder->kv[layer] = (ergo__kv_shape){heads.kv_heads, h->head_dim};
    ergo__value_id qkv[3];
    project_qkv(builder, layer, in, heads, qkv);
    if (attention->norms) {
        const float *q =
            ergo__build_layer_vector(builder, layer, "attn_q_norm.weight", h->head_dim);
        const float *k =
            ergo__build_layer_vector(builder, layer, "attn_k_norm.weight", h->head_dim);
        qkv[0] = ergo__plan_norm(p, qkv[0], width, h->head_dim, q, h->norm_epsilon);
        qkv[1] = ergo__plan_norm(p, qkv[1], heads.kv_heads * h->head_dim, h->head_dim, k,
                                 h->norm_epsilon);
    }
    qkv[0] = turn(builder, qkv[0], heads.heads, attention);
    qkv[1] = turn(builder, qkv[1], heads.kv_heads, attention);
    ergo__plan_store(p, qkv[1], qkv[2], heads.kv_heads, h->head_dim);
    const float scale =
        attention->scale != 0.0f ? attention->scale : 1.0f / sqrtf((float)h->head_dim);
    const ergo__value_id mixed = ergo__plan_attend(p, qkv[0], heads.heads, heads.kv_heads,
                                                   h->head_dim, scale, attention->window);
    return project(builder, layer, "attn_output.weight", "attn_output.bias", h->embedding, width,
                   mixed);
}

/* Without a gate, "ffn_up" is both, unless it has the rows of one: then it is the gate that lacks.
 */
static bool fused_gate_up(const ergo__builder *builder, uint32_t layer, uint32_t width)
{
    return !ergo__build_layer_has(builder, layer, "ffn_gate.weight") &&
           ergo__build_layer_rows(builder, layer, "ffn_up.weight") != width;
}

/* Gate and up: two matrices, or one ("ffn_up" of twice the rows) with the gate first. */
static void project_gate_up(ergo__builder *builder, uint32_t layer, ergo__value_id in,
                            uint32_t width, ergo__value_id gate_up[2])
{
    const uint32_t embedding = builder->hparams.embedding;
    const float *bias[2] = {NULL, NULL};
    ergo__weight w[2];
    if (!fused_gate_up(builder, layer, width)) {
        w[0] = ergo__build_layer_matrix(builder, layer, "ffn_gate.weight", width, embedding);
        w[1] = ergo__build_layer_matrix(builder, layer, "ffn_up.weight", width, embedding);
        bias[0] = ergo__build_layer_vector_if(builder, layer, "ffn_gate.bias", width);
        bias[1] = ergo__build_layer_vector_if(builder, layer, "ffn_up.bias", width);
    } else {
        const ergo__weight both =
            ergo__build_layer_matrix(builder, layer, "ffn_up.weight", 2 * width, embedding);
        w[0] = ergo__build_slice(builder, both, 0, width);
        w[1] = ergo__build_slice(builder, both, width, width);
    }
    ergo__plan_matmul(&builder->planner, in, 2, w, bias, gate_up);
}

ergo__value_id ergo__layer_feed_forward(ergo__builder *builder, uint32_t layer, ergo__value_id in,
                                        ergo__activation activation)
{
    const uint32_t width = ergo__build_feed_forward(builder, layer);
    ergo__value_id gate_up[2];
    project_gate_up(builder, layer, in, width, gate_up);
    const ergo__value_id gated =
        ergo__plan_glu(&builder->planner, gate_up[0], gate_up[1], width, activation);
    return project(builder, layer, "ffn_down.weight", "ffn_down.bias", builder->hparams.embedding,
                   width, gated);
}

ergo__value_id ergo__layer_add(ergo__builder *builder, ergo__value_id residual,
                               ergo__value_id branch, float scale)
{
    return ergo__plan_add(&builder->planner, residual, branch, builder->hparams.embedding, scale);
}

ergo__value_id ergo__layer_common(ergo__builder *builder, uint32_t layer, ergo__value_id x,
                                  const ergo__attention *attention, ergo__activation activation,
                                  float residual_scale)
{
    builder->planner.layer = layer;
    ergo__value_id branch = ergo__layer_norm(builder, layer, "attn_norm.weight", x);
    branch = ergo__layer_attention(builder, layer, branch, attention);
    x = ergo__layer_add(builder, x, branch, residual_scale);
    branch = ergo__layer_norm(builder, layer, "ffn_norm.weight", x);
    branch = ergo__layer_feed_forward(builder, layer, branch, activation);
    return ergo__layer_add(builder, x, branch, residual_scale);
}

void ergo__layer_logits(ergo__builder *builder, ergo__value_id x, float scale)
{
    const ergo__hparams *h = &builder->hparams;
    ergo__planner *p = &builder->planner;
    const bool tied = !ergo__build_has(builder, "output.weight");
    const float *gain = ergo__build_vector(builder, "output_norm.weight", h->embedding);
    const ergo__weight table = ergo__build_matrix(
        builder, tied ? "token_embd.weight" : "output.weight", h->vocabulary, h->embedding);
    x = ergo__plan_select(p, x, h->embedding);
    x = ergo__plan_norm(p, x, h->embedding, h->embedding, gain, h->norm_epsilon);
    const float *bias = ergo__build_has(builder, "output.bias")
                            ? ergo__build_vector(builder, "output.bias", h->vocabulary)
                            : NULL;
    ergo__value_id logits;
    ergo__plan_matmul(p, x, 1, &table, &bias, &logits);
    if (scale != 1.0f)
        ergo__plan_scale(p, logits, h->vocabulary, scale);
}

void ergo__layers_all(ergo__builder *builder, const ergo__attention *attention,
                      ergo__activation activation)
{
    ergo__value_id x = ergo__layer_embed(builder, 1.0f);
    ergo__attention a = *attention;
    a.rotated = ergo__rope_rotated(builder);
    const ergo__rope *rope = ergo__build_rope(builder, ergo__rope_default(builder));
    a.angles = ergo__plan_angles(&builder->planner, rope, a.rotated);
    for (uint32_t layer = 0; layer < builder->hparams.layers; layer++)
        x = ergo__layer_common(builder, layer, x, &a, activation, 1.0f);
    ergo__layer_logits(builder, x, 1.0f);
}
