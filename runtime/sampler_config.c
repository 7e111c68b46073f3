/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>

#include "ergo/sampler.h"
#include "runtime/base/log.h"

typedef struct range {
    const char *field;
    float value, least, most;
} range;

static ergo_status check_bias(const ergo_sampler_config *config, size_t tokens, const ergo_log *log)
{
    if (config->bias_count != 0 && !config->bias)
        return ergo__fail(log, ERGO_E_ARGUMENT, "sampler: bias is NULL but bias_count is %zu",
                          config->bias_count);
    for (size_t i = 0; i < config->bias_count; i++) {
        const ergo_logit_bias *b = &config->bias[i];
        if (b->token < 0 || (tokens != 0 && (size_t)b->token >= tokens))
            return ergo__fail(log, ERGO_E_ARGUMENT, "sampler: bias[%zu].token %ld is not a token",
                              i, (long)b->token);
        if (!(b->value <= FLT_MAX)) /* NaN too; -infinity bans */
            return ergo__fail(log, ERGO_E_ARGUMENT, "sampler: bias[%zu].value %g", i,
                              (double)b->value);
    }
    return ERGO_OK;
}

ergo_status ergo_sampler_validate(const ergo_sampler_config *config, size_t tokens,
                                  const ergo_log *log)
{
    if (!config)
        return ergo__fail(log, ERGO_E_ARGUMENT, "sampler: config is NULL");
    const range ranges[] = {
        {"temperature", config->temperature, 0.0f, FLT_MAX},
        {"top_p", config->top_p, 0.0f, 1.0f},
        {"min_p", config->min_p, 0.0f, 1.0f},
        {"repeat_penalty", config->repeat_penalty, 0.0f, FLT_MAX},
        {"frequency_penalty", config->frequency_penalty, -FLT_MAX, FLT_MAX},
        {"presence_penalty", config->presence_penalty, -FLT_MAX, FLT_MAX},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        const range *r = &ranges[i];
        if (!(r->value >= r->least && r->value <= r->most)) /* so written that NaN fails */
            return ergo__fail(log, ERGO_E_ARGUMENT, "sampler: %s is %g, not in %g to %g", r->field,
                              (double)r->value, (double)r->least, (double)r->most);
    }
    return check_bias(config, tokens, log);
}
