/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/grammar_filter.h"

uint8_t ergo__vocab_begins(const ergo__vocab_view *vocab, int32_t token)
{
    if (vocab->is_eog(vocab->user, token))
        return ERGO__BEGINS_NOT;
    const ergo_str bytes = vocab->bytes(vocab->user, token);
    return bytes.size ? (uint8_t)bytes.data[0] : ERGO__BEGINS_NOT;
}

static bool allows(void *user, int32_t token)
{
    const ergo__grammar_filter *filter = user;
    const ergo__vocab_view *vocab = filter->vocab;
    const uint8_t first = vocab->begins[token];
    if (first == ERGO__BEGINS_NOT)
        return vocab->is_eog(vocab->user, token) && ergo__grammar_can_end(filter->state);
    return ergo__grammar_may_begin(filter->state, first) &&
           ergo__grammar_accepts(filter->state, vocab->bytes(vocab->user, token));
}

ergo__token_filter ergo__grammar_token_filter(ergo__grammar_filter *filter)
{
    return (ergo__token_filter){allows, filter};
}

ergo_status ergo__grammar_take_token(const ergo__grammar_filter *filter, int32_t token)
{
    if (filter->vocab->is_eog(filter->vocab->user, token))
        return ergo__grammar_can_end(filter->state) ? ERGO_OK : ERGO_E_STATE;
    const ergo_str bytes = filter->vocab->bytes(filter->vocab->user, token);
    return bytes.size ? ergo__grammar_advance(filter->state, bytes) : ERGO_E_STATE;
}
