/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tools/json_write.h"
#include "tools/load.h"
#include "tools/sim_file.h"
#include "tools/synth_file.h"
#include "tools/what_if_choice.h"

enum { PHASE_DECODE, PHASE_PREFILL };
static const char *const phase_names[] = {"decode", "prefill", NULL};

typedef struct what_if_options {
    common_options common;
    const char *model, *shape, *quant, *policy;
    uint32_t phase, context;
    args_counts batches;
    bool all_points;
} what_if_options;

#define FIELD(name) offsetof(what_if_options, name)
static const args_option table[] = {
    {"model", 'm', ARGS_TEXT, FIELD(model), "FILE", "a GGUF file", 0, 0, NULL},
    {"shape", 0, ARGS_TEXT, FIELD(shape), "NAME",
     "instead of a file, a published model that synth knows", 0, 0, NULL},
    {"quant", 0, ARGS_TEXT, FIELD(quant), "TYPE", "the type of its weights, as of synth", 0, 0,
     NULL},
    {"phase", 0, ARGS_CHOICE, FIELD(phase), "PHASE", "decode or prefill (default: decode)", 0, 0,
     phase_names},
    {"ctx", 0, ARGS_U32, FIELD(context), "N",
     "positions per sequence (default: 512, or the model's where it has fewer)", 1, CONTEXT_MOST,
     NULL},
    {"batch", 0, ARGS_COUNTS, FIELD(batches), "LIST",
     "numbers of sequences in one step to try (default: 1,2,4,8)", 1, 1024, NULL},
    {"policy", 0, ARGS_TEXT, FIELD(policy), "POLICY",
     "measure, race, jpt:0.30 (J per token), min-energy[:tpot=50ms[,ttft=2s]], cap:6.5W or "
     "budget:40J/256: what it would choose (default: measure)",
     0, 0, NULL},
    {"all-points", 0, ARGS_FLAG, FIELD(all_points), NULL, "also list points that another one beats",
     0, 0, NULL},
};

static const args_spec spec = {
    .command = "what-if",
    .usage = "what-if (-m FILE | --shape NAME --quant TYPE) --board sim:FILE [--phase PHASE]\n"
             "          [--ctx N] [--batch LIST] [--policy POLICY] [--all-points] [--json]",
    .about =
        "Lists what a token takes and costs on a simulated board: for every core set, clock of\n"
        "its clusters, level of the memory and batch, without noise and at the temperature that\n"
        "the board starts with. Clusters that a core set does not use are at their lowest clock.\n"
        "Of the model the shapes count alone, so that a published one needs no file.\n"
        "\n"
        "A step of decode is one token for each sequence at the full context; one of prefill, the\n"
        "first chunk of a prompt for each, up to 256 tokens. Listed is the frontier, the fastest\n"
        "first: points that no other one beats in time or energy without losing in the other.\n"
        "\n"
        "A policy chooses among them, or a mix of two. Its times are per token, as listed: with\n"
        "several sequences at once each of them waits that many times longer for its next token.",
    .examples = "  run-model what-if --shape llama-3.2-1b --quant Q4_K_M --board sim:pi5.board\n"
                "  run-model what-if -m model.gguf --board sim:pi5.board --batch 1 --all-points "
                "--json",
    .groups = {{"Options", table, sizeof table / sizeof *table, 0}, COMMON_GROUP(what_if_options)},
};

/* Without --policy: measure, and what others would choose that need no figure. */
#define CHOICES 3

typedef struct what_if {
    loaded state;
    sim_file board;
    what_if_step steps[ARGS_COUNTS_MAX]; /* for each count of --batch */
    uint32_t step_count;
    what_if_list list;
    what_if_choice choices[CHOICES]; /* the first one is what is asked for */
    uint32_t choice_count;
} what_if;

/* ---- JSON ---------------------------------------------------------------------------------- */

static void work_json(const what_if_step *step, const char *key, json_writer *json)
{
    json_object(json, key);
    json_u64(json, "macs", step->work.macs);
    json_u64(json, "bytes", what_if_bytes(&step->work));
    json_u64(json, "tokens", step->tokens);
    json_u64(json, "batch", step->batch);
    json_object_end(json);
}

static void knobs_json(const ergo_sim *sim, const what_if_point *point, json_writer *json)
{
    size_t count = 0;
    const ergo_knob *knobs = ergo_sim_knobs(sim, &count);
    const ergo_knob_info *cores = &knobs[count - 1].info;
    json_object(json, "knobs");
    json_text(json, "cores", cores->levels[point->levels[count - 1]].name);
    json_object(json, "clock");
    for (size_t k = 0; k < count; k++)
        if (knobs[k].info.kind == ERGO_KNOB_CLOCK)
            json_u64(json, knobs[k].info.name, knobs[k].info.levels[point->levels[k]].value);
    json_object_end(json);
    json_u64(json, "memory", ergo_sim_memory_khz(sim, point->levels));
    json_u64(json, "batch", point->batch);
    json_object_end(json);
}

static void figures_json(double ns, double uj, double watts, json_writer *json)
{
    json_double(json, "ns_per_token", ns);
    json_double(json, "uj_per_token", uj);
    json_double(json, "watts", watts);
}

static void choice_json(const ergo_sim *sim, const what_if_choice *choice, const char *key,
                        json_writer *json)
{
    json_object(json, key);
    json_text(json, "policy", choice->policy);
    knobs_json(sim, &choice->point, json);
    if (choice->other_part > 0) {
        json_object(json, "mixed_with");
        knobs_json(sim, &choice->other, json);
        json_double(json, "part", choice->other_part);
        json_object_end(json);
    } else {
        json_null(json, "mixed_with");
    }
    figures_json(choice->ns_per_token, choice->uj_per_token, choice->watts, json);
    json_text(json, "reason", choice->reason);
    json_bool(json, "feasible", choice->feasible);
    json_object_end(json);
}

static void report_json(const what_if_options *options, const what_if *w)
{
    json_writer json = json_start(stdout);
    json_object(&json, NULL);
    json_text(&json, "board", ergo_sim_name(w->board.sim));
    json_text(&json, "phase", phase_names[options->phase]);
    json_u64(&json, "context", options->context);
    work_json(&w->steps[0], "work", &json);
    json_array(&json, "works");
    for (uint32_t i = 0; i < w->step_count; i++)
        work_json(&w->steps[i], NULL, &json);
    json_array_end(&json);
    json_array(&json, "points");
    for (size_t i = 0; i < w->list.count; i++) {
        const what_if_point *point = &w->list.points[i];
        if (!options->all_points && !point->on_frontier)
            continue;
        json_object(&json, NULL);
        knobs_json(w->board.sim, point, &json);
        figures_json(point->ns_per_token, point->uj_per_token, point->watts, &json);
        json_bool(&json, "on_frontier", point->on_frontier);
        json_object_end(&json);
    }
    json_array_end(&json);
    choice_json(w->board.sim, &w->choices[0], "choice", &json);
    json_array(&json, "choices");
    for (uint32_t i = 0; i < w->choice_count; i++)
        choice_json(w->board.sim, &w->choices[i], NULL, &json);
    json_array_end(&json);
    json_object_end(&json);
    json_finish(&json);
}

/* ---- Table --------------------------------------------------------------------------------- */

/* Columns of clocks are as wide as their names, or as "2400.0". */
static int width_of(const char *name)
{
    return strlen(name) < 8 ? 8 : (int)strlen(name);
}

static void print_head(const what_if_options *options, const what_if *w, const ergo_knob *knobs,
                       size_t count)
{
    (void)printf("%s on %s: %s at %u positions; clocks in MHz%s\n\n%-12s", w->state.path,
                 ergo_sim_name(w->board.sim), phase_names[options->phase], options->context,
                 options->all_points ? "; * no other point beats it" : "", "cores");
    for (size_t k = 0; k < count; k++)
        if (knobs[k].info.kind == ERGO_KNOB_CLOCK)
            (void)printf(" %*s", width_of(knobs[k].info.name), knobs[k].info.name);
    (void)printf(" %8s %5s %10s %10s %10s %8s\n", "memory", "batch", "ms/token", "tokens/s",
                 "mJ/token", "watts");
}

static void print_point(const what_if *w, const what_if_point *p)
{
    size_t count = 0;
    const ergo_knob *knobs = ergo_sim_knobs(w->board.sim, &count);
    (void)printf("%-12s", knobs[count - 1].info.levels[p->levels[count - 1]].name);
    for (size_t k = 0; k < count; k++)
        if (knobs[k].info.kind == ERGO_KNOB_CLOCK)
            (void)printf(" %*.1f", width_of(knobs[k].info.name),
                         knobs[k].info.levels[p->levels[k]].value * 1e-3);
    (void)printf(" %8.1f %5u %10.3f %10.2f %10.3f %8.3f",
                 ergo_sim_memory_khz(w->board.sim, p->levels) * 1e-3, p->batch,
                 p->ns_per_token * 1e-6, 1e9 / p->ns_per_token, p->uj_per_token * 1e-3, p->watts);
}

static void print_choices(const what_if *w)
{
    for (uint32_t i = 0; i < w->choice_count; i++) {
        const what_if_choice *choice = &w->choices[i];
        (void)printf("\n%s%s: %s\n", choice->policy, choice->feasible ? "" : " (infeasible)",
                     choice->reason);
        print_point(w, &choice->point);
        if (choice->other_part > 0) {
            (void)printf("  for %.1f %% of the tokens\n", 100 * (1 - choice->other_part));
            print_point(w, &choice->other);
            (void)printf("  for the rest");
        }
        (void)putchar('\n');
    }
}

static void report_plain(const what_if_options *options, const what_if *w)
{
    size_t count = 0;
    const ergo_knob *knobs = ergo_sim_knobs(w->board.sim, &count);
    print_head(options, w, knobs, count);
    for (size_t i = 0; i < w->list.count; i++) {
        const what_if_point *p = &w->list.points[i];
        if (!options->all_points && !p->on_frontier)
            continue;
        print_point(w, p);
        (void)printf("%s\n", options->all_points && p->on_frontier ? " *" : "");
    }
    print_choices(w);
}

/* ---- What is asked ------------------------------------------------------------------------- */

/* TOOL_DONE, or why these options make no sense together. */
static tool_exit check(const what_if_options *options)
{
    if ((options->model == NULL) == (options->shape == NULL))
        return args_wrong(&spec, "either -m or --shape is needed");
    if ((options->shape == NULL) != (options->quant == NULL))
        return args_wrong(&spec, "--shape and --quant belong together");
    if (options->shape != NULL && shape_find(options->shape) == NULL)
        return args_wrong(&spec, "--shape \"%s\" is not known", options->shape);
    if (options->quant != NULL && quant_mix_find(options->quant) == NULL)
        return args_wrong(&spec, "--quant \"%s\" is not known", options->quant);
    if (sim_file_path(&options->common) == NULL)
        return args_wrong(&spec, "--board sim:FILE is needed");
    return TOOL_DONE;
}

static tool_exit find_model(const what_if_options *options, what_if *w)
{
    if (options->model != NULL)
        return load_model(&w->state, options->model, &options->common);
    const shape *model = shape_find(options->shape);
    const tool_exit code = synth_map(model, quant_mix_find(options->quant), &w->state.map);
    return code == TOOL_DONE ? load_model(&w->state, model->name, &options->common) : code;
}

static void find_steps(what_if_options *options, what_if *w)
{
    const args_counts *batches = &options->batches;
    if (options->context == 0)
        options->context = w->state.info.context < 512 ? w->state.info.context : 512;
    w->step_count = batches->count;
    for (uint32_t i = 0; i < batches->count; i++)
        w->steps[i] = options->phase == PHASE_DECODE
                          ? what_if_decode(w->state.model, batches->item[i], options->context)
                          : what_if_prefill(w->state.model, batches->item[i], options->context);
}

static tool_exit find_choices(const what_if_options *options, const ergo_policy *policy, what_if *w)
{
    static const ergo_policy_kind others[] = {ERGO_POLICY_RACE, ERGO_POLICY_MIN_ENERGY};
    const ergo_phase phase =
        options->phase == PHASE_DECODE ? ERGO_PHASE_DECODE : ERGO_PHASE_PREFILL;
    const ergo_sim *sim = w->board.sim;
    tool_exit code =
        policy->kind == ERGO_POLICY_MEASURE
            ? what_if_measure(sim, &w->steps[0], &w->choices[0])
            : what_if_choose(sim, policy, phase, options->context, &w->list, &w->choices[0]);
    w->choice_count = 1;
    for (size_t i = 0; i < 2 && code == TOOL_DONE && options->policy == NULL; i++) {
        const ergo_policy other = {.kind = others[i]};
        code = what_if_choose(sim, &other, phase, options->context, &w->list,
                              &w->choices[w->choice_count++]);
    }
    return code;
}

int cmd_what_if(int argc, char **argv)
{
    what_if_options options = {.common = COMMON_OPTIONS_DEFAULT};
    int code = args_parse(&spec, argc, argv, &options, NULL);
    if (code != ARGS_GO_ON)
        return code;
    if (options.batches.count == 0)
        options.batches = (args_counts){{1, 2, 4, 8}, 4};
    const ergo_log log = common_log(&options.common);
    ergo_policy policy = {.kind = ERGO_POLICY_MEASURE};
    code = check(&options);
    if (code == TOOL_DONE && options.policy != NULL &&
        ergo_policy_parse(tool_str(options.policy), &log, &policy) != ERGO_OK)
        code = args_wrong(&spec, "--policy \"%s\" is none", options.policy);
    if (code != TOOL_DONE)
        return code;
    what_if w;
    memset(&w, 0, sizeof w);
    code = find_model(&options, &w);
    if (code == TOOL_DONE)
        code = sim_file_open(&options.common, &w.board);
    if (code == TOOL_DONE) {
        find_steps(&options, &w);
        code = what_if_all(w.board.sim, w.steps, w.step_count, &w.list);
    }
    if (code == TOOL_DONE)
        code = find_choices(&options, &policy, &w);
    if (code == TOOL_DONE && options.common.json)
        report_json(&options, &w);
    else if (code == TOOL_DONE)
        report_plain(&options, &w);
    what_if_free(&w.list);
    sim_file_close(&w.board);
    load_close(&w.state);
    return tool_flush(code);
}
