/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_QUANT_ENCODE_H
#define ERGO_QUANT_ENCODE_H

#include <stdint.h>

/*
 * Encoders of one block. `x` holds the block's elements, all finite, `w` as many weights of the
 * squared error, `b` receives the packed bytes (layouts in quant_blocks.h).
 */
#define ERGO__ENCODERS(X)                                                                          \
    X(Q4_0, q4_0)                                                                                  \
    X(Q4_1, q4_1)                                                                                  \
    X(Q5_0, q5_0)                                                                                  \
    X(Q5_1, q5_1)                                                                                  \
    X(Q8_0, q8_0)                                                                                  \
    X(Q2_K, q2_k)                                                                                  \
    X(Q3_K, q3_k)                                                                                  \
    X(Q4_K, q4_k)                                                                                  \
    X(Q5_K, q5_k)                                                                                  \
    X(Q6_K, q6_k)                                                                                  \
    X(IQ4_NL, iq4_nl)                                                                              \
    X(IQ4_XS, iq4_xs)                                                                              \
    X(TQ1_0, tq1_0)                                                                                \
    X(TQ2_0, tq2_0)                                                                                \
    X(MXFP4, mxfp4)

#define ERGO__ENCODER_DECLARE(TYPE, name)                                                          \
    void ergo__encode_##name(const float *x, const float *w, uint8_t *b);
ERGO__ENCODERS(ERGO__ENCODER_DECLARE)
#undef ERGO__ENCODER_DECLARE

/** Packs 32 codes of 0..15: elements 0-15 in the low nibbles, 16-31 in the high ones. */
void ergo__pack_nibbles(const uint8_t *codes, uint8_t *qs);

/** Packs 256 codes of 0..3: each 32 bytes hold four runs of 32 elements. */
void ergo__pack_crumbs(const uint8_t *codes, uint8_t *qs);

#endif
