/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "tools/buffer.h"
#include "tools/id_list.h"
#include "tools/json_write.h"
#include "tools/load.h"

typedef struct tokenize_options {
    common_options common;
    const char *model, *text, *path;
    bool no_bos, no_special, decode, special;
} tokenize_options;

#define FIELD(name) offsetof(tokenize_options, name)
static const args_option table[] = {
    {"model", 'm', ARGS_TEXT, FIELD(model), "FILE",
     "a GGUF file; one that holds a vocabulary alone will do", 0, 0, NULL},
    {"prompt", 'p', ARGS_TEXT, FIELD(text), "TEXT", "the text", 0, 0, NULL},
    {"file", 'f', ARGS_TEXT, FIELD(path), "FILE",
     "read the text from a file (- and default: standard input)", 0, 0, NULL},
    {"no-bos", 0, ARGS_FLAG, FIELD(no_bos), NULL,
     "do not put the beginning-of-text token first where the file asks for it", 0, 0, NULL},
    {"no-special", 0, ARGS_FLAG, FIELD(no_special), NULL,
     "read control tokens such as <|im_end|> as ordinary text", 0, 0, NULL},
    {"decode", 0, ARGS_FLAG, FIELD(decode), NULL,
     "the other way: ids (arguments, or -p, -f, standard input) to the exact bytes", 0, 0, NULL},
    {"special", 0, ARGS_FLAG, FIELD(special), NULL,
     "with --decode, show control tokens by name instead of dropping them", 0, 0, NULL},
};

static const args_spec spec = {
    .command = "tokenize",
    .usage = "tokenize -m FILE (-p TEXT | -f FILE) [--no-bos] [--no-special]\n"
             "tokenize -m FILE [options] < TEXT\n"
             "tokenize -m FILE --decode ID...",
    .about = "Text to ids, on one line with one space between; with --decode ids to text.\n"
             "JSON: {\"ids\": [...], \"count\": N}, with --decode {\"text\": ..., \"count\": N}.",
    .examples = "  run-model tokenize -m story.gguf -p \"Once upon a time\"\n"
                "  run-model tokenize -m story.gguf -f page.txt | wc -w\n"
                "  run-model tokenize -m story.gguf --decode 1 403 407",
    .groups = {{"Options", table, sizeof table / sizeof *table, 0}, COMMON_GROUP(tokenize_options)},
    .rest = "ids",
};

static tool_exit encode(const tokenize_options *options, const ergo_tokenizer *words)
{
    file_text text = {NULL, 0};
    token_list list = {NULL, 0};
    tool_exit code = file_text_choose(options->text, options->path, "text", &text);
    if (code != TOOL_DONE)
        return code;
    const unsigned flags = (options->no_bos ? 0u : ERGO_TOKENIZE_BOS) |
                           (options->no_special ? 0u : ERGO_TOKENIZE_SPECIAL);
    code = load_tokenize(words, (ergo_str){text.data, text.size}, flags, &list);
    file_text_free(&text);
    if (code != TOOL_DONE)
        return code;
    if (options->common.json) {
        json_writer json = json_start(stdout);
        json_object(&json, NULL);
        json_array(&json, "ids");
        for (size_t i = 0; i < list.count; i++)
            json_i64(&json, NULL, list.ids[i]);
        json_array_end(&json);
        json_u64(&json, "count", list.count);
        json_object_end(&json);
        json_finish(&json);
    } else {
        for (size_t i = 0; i < list.count; i++)
            (void)printf("%s%d", i == 0 ? "" : " ", (int)list.ids[i]);
        (void)putchar('\n');
    }
    free(list.ids);
    return TOOL_DONE;
}

/* Where ids come from: arguments, -p, -f or standard input. */
static tool_exit read_ids(const tokenize_options *options, const args_rest *rest, uint64_t limit,
                          token_list *out)
{
    buffer joined = {.data = NULL};
    file_text text = {NULL, 0};
    tool_exit code = TOOL_DONE;
    for (size_t i = 0; i < rest->count; i++) {
        const ergo_str word = tool_str(rest->item[i]);
        buffer_append(&joined, word.data, word.size);
        buffer_append(&joined, " ", 1);
    }
    if (rest->count == 0)
        code = file_text_choose(options->text, options->path, "ids", &text);
    if (joined.failed)
        code = TOOL_FAILED;
    if (code == TOOL_DONE)
        code =
            id_list_parse(rest->count > 0 ? buffer_str(&joined) : (ergo_str){text.data, text.size},
                          limit, "--decode", out);
    buffer_free(&joined);
    file_text_free(&text);
    return code;
}

static tool_exit decode(const tokenize_options *options, const args_rest *rest,
                        const ergo_tokenizer *words)
{
    token_list list = {NULL, 0};
    tool_exit code = read_ids(options, rest, ergo_tokenizer_count(words), &list);
    if (code != TOOL_DONE)
        return code;
    const size_t room = ergo_token_bytes_max(words);
    char *piece = tool_alloc(room, 1);
    buffer text = {.data = NULL};
    ergo_decoder decoder = {.started = false};
    if (piece == NULL)
        code = TOOL_FAILED;
    for (size_t i = 0; code == TOOL_DONE && i < list.count; i++) {
        size_t size = 0;
        code = tool_status(
            ergo_decode(words, &decoder, list.ids[i], options->special, piece, room, &size),
            "--decode");
        if (code == TOOL_DONE)
            buffer_append(&text, piece, size);
    }
    if (code == TOOL_DONE && options->common.json) {
        json_writer json = json_start(stdout);
        json_object(&json, NULL);
        json_str(&json, "text", buffer_str(&text));
        json_u64(&json, "count", list.count);
        json_object_end(&json);
        json_finish(&json);
    } else if (code == TOOL_DONE) {
        (void)fwrite(buffer_str(&text).data, 1, text.size, stdout);
    }
    if (text.failed)
        code = TOOL_FAILED;
    buffer_free(&text);
    free(piece);
    free(list.ids);
    return code;
}

int cmd_tokenize(int argc, char **argv)
{
    tokenize_options options = {.common = COMMON_OPTIONS_DEFAULT};
    args_rest rest = {NULL, 0};
    int code = args_parse(&spec, argc, argv, &options, &rest);
    if (code != ARGS_GO_ON)
        return code;
    if (!options.decode && rest.count > 0)
        return args_wrong(&spec, "unexpected argument \"%s\" (give text with -p)", rest.item[0]);
    if ((options.text != NULL) + (options.path != NULL) + (rest.count > 0) > 1)
        return args_wrong(&spec, "-p, -f and ids as arguments exclude each other");
    loaded state = {.path = NULL};
    code = load_gguf(&state, options.model, &options.common);
    if (code == TOOL_DONE)
        code = load_tokenizer(&state);
    if (code == TOOL_DONE)
        code =
            options.decode ? decode(&options, &rest, state.words) : encode(&options, state.words);
    load_close(&state);
    return tool_flush(code);
}
