/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_MODELS_LAYERS_H
#define ERGO_MODELS_LAYERS_H

#include "models/builder.h"
#include "models/rope.h"

/*
 * The pieces of a decoder layer that families are composed of. Names of weights are those of GGUF:
 * blk.L.attn_norm, attn_q, attn_k, attn_v, attn_output, ffn_norm, ffn_gate, ffn_up, ffn_down.
 */

/** What a family's attention does beyond the common part. */
typedef struct ergo__attention {
    ergo__value_id angles; /* ERGO__NO_VALUE: no rotary embedding in this layer */
    uint32_t rotated;
    bool neox;
    bool norms;      /* q and k are normalised per head (attn_q_norm, attn_k_norm) */
    float scale;     /* of the scores; 0 means 1 / sqrt(head_dim) */
    uint32_t window; /* positions seen; 0 means all */
} ergo__attention;

/** The embedding of each token, times scale. */
ergo__value_id ergo__layer_embed(ergo__builder *builder, float scale);

/** RMS norm of the residual stream with the gain "blk.LAYER.NAME". */
ergo__value_id ergo__layer_norm(ergo__builder *builder, uint32_t layer, const char *name,
                                ergo__value_id in);

/** Attention of a layer over its normalised input, output projection included. */
ergo__value_id ergo__layer_attention(ergo__builder *builder, uint32_t layer, ergo__value_id in,
                                     const ergo__attention *attention);

/** Gated feed-forward network over its normalised input. */
ergo__value_id ergo__layer_feed_forward(ergo__builder *builder, uint32_t layer, ergo__value_id in,
                                        ergo__activation activation);

/** residual + scale x branch. */
ergo__value_id ergo__layer_add(ergo__builder *builder, ergo__value_id residual,
                               ergo__value_id branch, float scale);

/**
 * A whole layer of the common kind: x + scale x attention(norm(x)), then the same with the
 * feed-forward network.
 */
ergo__value_id ergo__layer_common(ergo__builder *builder, uint32_t layer, ergo__value_id x,
                                  const ergo__attention *attention, ergo__activation activation,
                                  float residual_scale);

/** Output norm and logits (of "output.weight", or of the embedding where it is tied), scaled. */
void ergo__layer_logits(ergo__builder *builder, ergo__value_id x, float scale);

/** Layers of the common kind over the same attention: what most families are. */
void ergo__layers_all(ergo__builder *builder, const ergo__attention *attention,
                      ergo__activation activation);

#endif
