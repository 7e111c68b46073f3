/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/grammar_filter.h"

static bool allows(void *user, int32_t token)
{
    const ergo__grammar_filter *filter = user;
    if (filter->vocab->is_eog(filter->vocab->user, token))
        return ergo__grammar_can_end(filter->state);
    const ergo_str bytes = filter->vocab->bytes(filter->vocab->user, token);
    return bytes.size != 0 && ergo__grammar_accepts(filter->state, bytes);
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
