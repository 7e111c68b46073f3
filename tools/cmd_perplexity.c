/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/json_write.h"
#include "tools/load.h"
#include "tools/progress.h"
#include "tools/tally.h"

typedef struct perplexity_options {
    common_options common;
    const char *model, *path;
    uint32_t context, stride, kv;
} perplexity_options;

#define FIELD(name) offsetof(perplexity_options, name)
static const args_option table[] = {
    {"model", 'm', ARGS_TEXT, FIELD(model), "FILE", "the model, a GGUF file", 0, 0, NULL},
    {"file", 'f', ARGS_TEXT, FIELD(path), "FILE", "the text (- and default: standard input)", 0, 0,
     NULL},
    {"ctx", 0, ARGS_U32, FIELD(context), "N",
     "tokens in a window (default: 512, at most the model's context)", 4, CONTEXT_MOST, NULL},
    {"stride", 0, ARGS_U32, FIELD(stride), "N",
     "move the window by N tokens and score the last N of each", 1, CONTEXT_MOST, NULL},
    {"kv", 0, ARGS_CHOICE, FIELD(kv), "TYPE", "keys and values as f16 or q8_0 (default: f16)", 0, 0,
     kv_names},
};

static const args_spec spec = {
    .command = "perplexity",
    .usage = "perplexity -m FILE -f TEXT [--ctx N] [--stride N] [--json]",
    .about =
        "How well the model predicts a text: exp of the mean negative log-likelihood per token,\n"
        "with its standard error. As llama.cpp defines it, so that figures compare: the text is "
        "cut\n"
        "into windows of --ctx tokens, each computed afresh with the beginning-of-text token in "
        "the\n"
        "place of its first where the model asks for one, and the second half of each is scored.\n"
        "With --stride the windows overlap and every scored token has a longer context.\n"
        "JSON: {\"perplexity\", \"error\", \"tokens\" (scored), \"windows\", \"context\", ...}.",
    .examples = "  run-model perplexity -m model.gguf -f wiki.test.raw\n"
                "  run-model perplexity -m model.gguf -f wiki.test.raw --ctx 256 --json",
    .groups = {{"Options", table, sizeof table / sizeof *table, 0},
               COMMON_GROUP(perplexity_options)},
};

/* The windows, and what has been scored in them. */
typedef struct score {
    const ergo_token *tokens; /* of the window, before BOS took the first's place */
    uint32_t vocabulary;
    uint32_t from; /* first position whose prediction counts */
    uint32_t to;   /* one past the last: it predicts the window's last token */
    uint64_t count;
    double sum;         /* of negative log-likelihoods */
    double sum_squares; /* of them */
} score;

static void on_logits(void *user, ergo_session *session, uint32_t position, const float *logits)
{
    score *s = user;
    (void)session;
    if (position < s->from || position >= s->to)
        return;
    float most = logits[0];
    for (uint32_t i = 1; i < s->vocabulary; i++)
        most = logits[i] > most ? logits[i] : most;
    double total = 0;
    for (uint32_t i = 0; i < s->vocabulary; i++)
        total += exp((double)logits[i] - (double)most);
    const ergo_token next = s->tokens[position + 1];
    const double nll = log(total) + (double)most - (double)logits[next];
    s->sum += nll;
    s->sum_squares += nll * nll;
    s->count++;
}

static double score_perplexity(const score *s)
{
    return exp(s->sum / (double)s->count);
}

/* Standard error of the mean, carried through exp to first order. */
static double score_error(const score *s)
{
    const double mean = s->sum / (double)s->count;
    const double variance = s->sum_squares / (double)s->count - mean * mean;
    if (s->count < 2 || variance <= 0)
        return 0;
    return sqrt(variance / (double)(s->count - 1)) * score_perplexity(s);
}

typedef struct windows {
    uint32_t context;
    uint32_t step; /* tokens from the start of one window to the next */
    size_t count;
} windows;

/* Cuts `tokens` tokens into windows, and says which positions of each count. */
static tool_exit plan_windows(const perplexity_options *options, const ergo_model_info *info,
                              size_t tokens, windows *out, score *s)
{
    uint32_t context = options->context != 0 ? options->context : 512;
    if (context > info->context)
        context = info->context;
    if (options->stride >= context)
        return args_wrong(&spec, "--stride %u: must be below the window of %u tokens",
                          options->stride, context);
    const size_t need =
        options->stride != 0 ? (size_t)context + options->stride : 2 * (size_t)context;
    if (tokens < need) {
        tool_error("the text has %zu tokens; windows of %u need %zu (see --ctx)", tokens, context,
                   need);
        return TOOL_FAILED;
    }
    *out = (windows){context, context, tokens / context};
    s->from = context / 2;
    s->to = context - 1;
    if (options->stride != 0) {
        *out = (windows){context, options->stride, (tokens - context) / options->stride + 1};
        s->from = context - 1 - options->stride;
    }
    return TOOL_DONE;
}

static tool_exit open_engine(const perplexity_options *options, const windows *cut, loaded *state)
{
    const uint32_t most = 64; /* a row of logits is as wide as the vocabulary */
    const uint32_t batch = cut->context < most ? cut->context : most;
    ergo_engine_config config = {
        .context = cut->context,
        .batch_tokens = batch,
        .batch_outputs = batch,
        .kv = (ergo_kv_type)options->kv,
    };
    const tool_exit code = load_device(state, &options->common);
    return code == TOOL_DONE ? load_engine(state, &config) : code;
}

static tool_exit run_windows(const windows *cut, const token_list *text, ergo_token bos,
                             loaded *state, score *s, tally *sum)
{
    const ergo_session_config config = {
        .score_only = true, .user = s, .on_logits = on_logits, .no_sharing = true};
    ergo_session *session = NULL;
    tool_exit code = tool_status(ergo_session_open(state->engine, &config, &session), "session");
    if (code == TOOL_DONE)
        code = tally_open(sum, &state->energy, 1);
    if (code == TOOL_DONE)
        tally_join(sum, session);
    energy_loaded(&state->energy, state->energy.opened_ns);
    progress shown = progress_start("perplexity");
    for (size_t w = 0; code == TOOL_DONE && w < cut->count; w++) {
        ergo_token *tokens = text->ids + w * cut->step;
        const ergo_token first = tokens[0];
        s->tokens = tokens;
        if (bos != ERGO_TOKEN_NONE)
            tokens[0] = bos;
        ergo_status status = ergo_session_rewind(session, 0);
        if (status == ERGO_OK)
            status = ergo_session_feed(session, tokens, cut->context);
        tokens[0] = first;
        code = tool_status(status, "window");
        if (code == TOOL_DONE)
            code = tally_run(sum, state->engine);
        char detail[48];
        (void)snprintf(detail, sizeof detail, "so far %.4f",
                       s->count > 0 ? score_perplexity(s) : 0.0);
        progress_show(&shown, (double)(w + 1) / (double)cut->count, detail);
    }
    progress_end(&shown);
    energy_settle(&state->energy);
    return code;
}

static void report(const perplexity_options *options, const loaded *state, const score *s,
                   const windows *cut, const tally *sum)
{
    const bool any = s->count > 0;
    if (!options->common.json) {
        if (any)
            (void)printf("perplexity %.4f ± %.4f over %llu tokens (windows of %u)\n",
                         score_perplexity(s), score_error(s), (unsigned long long)s->count,
                         cut->context);
        tally_print(sum, state->seconds);
        return;
    }
    json_writer json = json_start(stdout);
    json_object(&json, NULL);
    json_double(&json, "perplexity", any ? score_perplexity(s) : NAN);
    json_double(&json, "error", any ? score_error(s) : NAN);
    json_u64(&json, "tokens", s->count);
    json_u64(&json, "windows", cut->count);
    json_u64(&json, "context", cut->context);
    json_u64(&json, "stride", cut->step);
    tally_json(sum, state->seconds, &json);
    json_object_end(&json);
    json_finish(&json);
}

static tool_exit measure(const perplexity_options *options, loaded *state)
{
    file_text text = {NULL, 0};
    token_list list = {NULL, 0};
    score s = {.vocabulary = state->info.vocabulary};
    windows cut = {0, 0, 0};
    tally sum = {.energy = NULL};
    tool_exit code = file_text_choose(NULL, options->path, "text", &text);
    if (code != TOOL_DONE)
        return code;
    code = load_tokenize(state->words, (ergo_str){text.data, text.size}, ERGO_TOKENIZE_BOS, &list);
    file_text_free(&text);
    if (code == TOOL_DONE)
        code = plan_windows(options, &state->info, list.count, &cut, &s);
    if (code == TOOL_DONE)
        code = open_engine(options, &cut, state);
    if (code == TOOL_DONE) {
        const ergo_token bos = ergo_tokenizer_adds_bos(state->words)
                                   ? ergo_tokenizer_bos(state->words)
                                   : ERGO_TOKEN_NONE;
        code = run_windows(&cut, &list, bos, state, &s, &sum);
        if (code == TOOL_DONE || code == TOOL_INTERRUPTED)
            report(options, state, &s, &cut, &sum);
        if (code == TOOL_DONE && s.count > 0 && !isfinite(score_perplexity(&s))) {
            tool_error("%s: the perplexity is no number", options->model);
            code = TOOL_FAILED;
        }
    }
    tally_close(&sum);
    free(list.ids);
    return tool_flush(code);
}

int cmd_perplexity(int argc, char **argv)
{
    perplexity_options options = {.common = COMMON_OPTIONS_DEFAULT};
    int code = args_parse(&spec, argc, argv, &options, NULL);
    if (code != ARGS_GO_ON)
        return code;
    loaded state = {.path = NULL};
    code = energy_open(&state.energy, &options.common, 1);
    if (code == TOOL_DONE)
        code = load_model(&state, options.model, &options.common);
    if (code == TOOL_DONE && state.words == NULL) {
        tool_error("%s has no vocabulary", options.model);
        code = TOOL_BAD_FILE;
    }
    if (code == TOOL_DONE)
        code = measure(&options, &state);
    load_close(&state);
    return code;
}
